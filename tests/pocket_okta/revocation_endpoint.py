"""A small global token revocation endpoint: real HTTP, a JWT that is verified, subjects that are recorded.

The rule: it knows only what a service provider knows from SAML: the certificate, and what else the Sign On tab shows.
"""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography import x509
from tests.pocket_okta.service_provider import Provider


@dataclass
class Endpoint:
    """The received claims and subjects of every valid request. `answers` are statuses to give first."""

    provider: Provider
    org_url: str
    claims: list[dict[str, Any]] = field(default_factory=list)
    subjects: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    _server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/north/global-token-revocation"

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """Verify a request as a service provider must; returns status and headers."""
        try:
            token = headers["authorization"].removeprefix("Bearer ")
            assert jwt.get_unverified_header(token)["typ"] == "global-token-revocation+jwt"
            (certificate,) = self.provider.certificates()
            pem = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"
            claims = jwt.decode(
                token,
                x509.load_pem_x509_certificate(pem.encode()).public_key(),  # type: ignore[arg-type]  # it is RSA
                algorithms=["RS256"],
                audience=self.url,
                issuer=self.org_url,
                options={"require": ["iss", "sub", "aud", "exp", "nbf", "jti"]},
            )
        except (jwt.InvalidTokenError, AssertionError, KeyError, ValueError) as problem:
            self.refused.append(f"{type(problem).__name__}: {problem}")
            return 401, {}
        if self.answers:
            return self.answers.pop(0)
        self.claims.append(claims)
        self.headers.append(headers)
        self.subjects.append(json.loads(body)["sub_id"])
        return 204, {}


def _handler_for(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, more = endpoint.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            for name, value in {**more, "Connection": "close", "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Log nothing, because the test's own output is enough."""

    return Handler
