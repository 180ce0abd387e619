"""A service provider as a web site, with an ACS and a single logout URL.

The rule: it behaves like a careful one: it accepts only what it can verify, and answers a logout request, which comes
in a frame, with a redirect.
"""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from lxml import etree
from tests.pocket_okta.service_provider import Provider, Read, x5c


class Site:
    """A running site. `entered` holds what came to its ACS, `left` the NameIDs that were signed out."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.entered: list[tuple[Read, str]] = []
        self.left: list[str] = []
        self.told = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        provider.acs, provider.audience = f"{self.url}/acs", f"{self.url}/metadata"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def metadata(self) -> str:
        body = x5c(self.provider.certificate)
        key = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
        return (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
            f'xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{self.provider.audience}">'
            '<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            f"<md:KeyDescriptor>{key}</md:KeyDescriptor>"
            f'<md:SingleLogoutService Binding="{binding}" Location="{self.url}/slo"/>'
            "<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>"
            f'<md:AssertionConsumerService Binding="{binding}" Location="{self.url}/acs2" index="0"/>'
            f'<md:AssertionConsumerService Binding="{binding}" Location="{self.url}/acs" index="1" isDefault="true"/>'
            "</md:SPSSODescriptor></md:EntityDescriptor>"
        )

    def enter(self, fields: dict[str, str]) -> str:
        read = self.provider.read(fields["SAMLResponse"])
        self.entered.append((read, fields.get("RelayState", "")))
        return f"<!doctype html><title>In</title><h1>Welcome {read.name_id}</h1>"

    def leave(self, fields: dict[str, str]) -> str:
        """Accept a LogoutRequest. Returns the URL for the response."""
        root = self.provider.verified(etree.fromstring(base64.b64decode(fields["SAMLRequest"])))
        name_id = root.findtext("{urn:oasis:names:tc:SAML:2.0:assertion}NameID")
        self.left.append(str(name_id))
        self.told.set()
        callback = f"{self.provider.endpoint('SingleLogoutService', 'HTTP-POST')}/callback"
        message = self.provider.logout_response(str(root.get("ID")))
        return self.provider.redirect(callback, message, sign=True, parameter="SAMLResponse")


def _handler_for(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, site.metadata if self.path == "/metadata" else "<!doctype html><title>Site</title>")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            fields = {name: values[0] for name, values in parse_qs(body).items()}
            if self.path == "/acs":
                self._answer(200, site.enter(fields))
            elif "SAMLRequest" in fields:
                self._answer(303, "", site.leave(fields))
            else:
                self._answer(200, "<!doctype html><title>Out</title><h1>You are out</h1>")

        def _answer(self, status: int, text: str, location: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: Any) -> None:
            """Log nothing, because the test's own output is enough."""

    return Handler
