"""The outer wall of the program: which host names it answers to, whose forms it takes, which headers every answer has.

The rule: there is no sign-in here, so being reachable is being the administrator. Therefore only names that a hostile
page cannot take (loopback, an address, what the operator named) are answered, which stops DNS rebinding, and an unsafe
request from a browser must come from a page of this very origin. The API's unsafe requests carry a token instead; the
SAML endpoints take forms from every origin, because that is what an application's messages are, and check them whole.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE = {"GET", "HEAD", "OPTIONS"}
_API = ("/api/v1/", "/pocket/v1/")
_SAML = re.compile(r"/app/[^/]+/[^/]+/(sso/saml|slo/saml|slo/saml/callback)\Z")
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset({"localhost", *(host.lower() for host in hosts)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not self.answers_to(headers.get(b"host", "")):
            refusal = (
                "This pocket Okta does not answer to that host name. Start it with --host-name NAME to allow it.\n"
            )
            await PlainTextResponse(refusal, 421)(scope, receive, send)
            return
        open_to_all = scope["path"].startswith(_API) or _SAML.match(scope["path"])
        if scope["method"] not in _SAFE and not open_to_all and not from_own_page(headers):
            refusal = (
                "Refused: this form was not sent from a page of the pocket Okta. Programs use /api/v1 with a token.\n"
            )
            await PlainTextResponse(refusal, 403)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in present)]
                if b"cache-control" not in present:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def answers_to(self, host: str) -> bool:
        """Tell whether a Host header names this program: an IP address, localhost, or a name the operator gave."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._hosts or is_address(name)


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def from_own_page(headers: dict[bytes, str]) -> bool:
    """Tell whether a browser says that an unsafe request comes from a page of this origin. No word about it is a no."""
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return origin != "null" and urlsplit(origin).netloc == headers.get(b"host")
    return site == "same-origin"
