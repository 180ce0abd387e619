"""Checks that apply to every HTTP request, before anything else.

uvicorn with httptools is strict about framing, but accepts several Host headers, none or an invalid one, any method,
and too many headers. It also loses the body of a request that asks for an upgrade to another protocol (h2c), as Java
clients do over plain HTTP by default. Such requests are refused here: with a SCIM Error if they look like SCIM,
otherwise with plain text.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final

import orjson

from vestibule.endpoints.exchange import Scope, Send
from vestibule.endpoints.identify import LONGEST_AUTHORIZATION, parse_authorization
from vestibule.endpoints.web.guard import headers_of
from vestibule.keys import KEY_PREFIX, SECRET_PREFIX, has_form_of_key
from vestibule.limits import HEADER_BYTES, HEADER_LINES
from vestibule.scim.errors import ScimError, excerpt
from vestibule.scim.messages import MEDIA_TYPE
from vestibule.settings import Settings

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SCIM_ALLOWS: Final = b"GET, POST, PUT, PATCH, DELETE"
_CONSOLE_ALLOWS: Final = b"GET, HEAD, POST"
"""The methods that any address outside of SCIM accepts, for the Allow header."""
_OTHERS: Final = frozenset({"console", "saml", "setup", "static", "healthz", "readyz"})
"""The first path segments of the other parts. A tenant's own pages begin with its name."""
_RESOURCES: Final = frozenset({"Users", "Groups", "Schemas", "ResourceTypes", "ServiceProviderConfig"})
_OF_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})


def meant_for_scim(scope: Scope) -> bool:
    """Returns whether a request is meant for SCIM.

    It is if its path begins with `/scim`, ignoring empty segments, or if it looks like SCIM and its address belongs to
    nothing else, as with a mistyped base URL.
    """
    first, *others = scope["path"].lstrip("/").split("/")
    if first == "scim":
        return True
    if first in _OTHERS:
        return False
    if not _RESOURCES.isdisjoint((first, *others)):
        return True
    for name, value in scope["headers"]:
        if name == b"authorization" and _has_a_key(value):
            return True
        if name in {b"accept", b"content-type"} and b"scim+json" in value.lower():
            return True
    return False


def _has_a_key(authorization: bytes) -> bool:
    """Returns whether an Authorization header contains a Key, Secret or token of ours."""
    pair = parse_authorization(authorization[:LONGEST_AUTHORIZATION])
    if pair is not None:
        return has_form_of_key(pair.key) or has_form_of_key(pair.secret)
    return authorization.rpartition(b" ")[2].startswith((KEY_PREFIX.encode(), SECRET_PREFIX.encode()))


_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._-]*|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{0,5})?")


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    """Returns whether a Host header is a host name or an address, with or without a port (RFC 9110 §7.2)."""
    match = _HOST.fullmatch(value)
    if match is None:
        return False
    if match[1] is not None:
        try:
            ipaddress.IPv6Address(match[1].decode())
        except ValueError:
            return False
    return True


def _shown(value: bytes) -> str:
    """Returns a header value for a message, with everything but printable ASCII escaped."""
    return value.decode("ascii", "backslashreplace")


def find_fault(scope: Scope) -> tuple[int, str] | None:
    """Returns the status and sentence for a malformed request, or None."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = hosts = 0
    host = b""
    asks_for_more = False
    for name, value in headers:
        size += len(name) + len(value) + 4
        if name == b"host":
            hosts += 1
            host = value
        elif name == b"connection":
            asks_for_more = b"upgrade" in value.lower()
    if scope["method"] not in METHODS:
        return 405, "This method is not allowed here."
    if hosts != 1:
        return 400, f"A request should have one Host header; got {hosts}."
    if not _is_host(host):
        return 400, f"A Host header should be a name or an address, and perhaps a port; got {excerpt(_shown(host))}."
    if len(headers) > HEADER_LINES or size > HEADER_BYTES:
        return 431, f"A request may have {HEADER_LINES} headers of {HEADER_BYTES:,} bytes in all."
    if asks_for_more and not _OF_A_BODY.isdisjoint(name for name, _ in headers):
        other = excerpt(dict(headers).get(b"upgrade", b"another protocol").decode("latin-1"))
        return 400, f"A request with a body should be HTTP/1.1; this one asks for {other}. Send it without 'Upgrade'."
    return None


async def refuse_malformed(fault: tuple[int, str], send: Send, settings: Settings, *, as_scim: bool) -> None:
    """Send the error for a malformed request."""
    status, detail = fault
    if as_scim:
        error = ScimError(detail)
        body, kind, more = orjson.dumps(error.body() | {"status": str(status)}), MEDIA_TYPE, {}
    else:
        body, kind, more = detail.encode(), "text/plain; charset=utf-8", headers_of(settings)
    sent = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    sent += [(name.encode(), value.encode()) for name, value in more.items()]
    if status == 405:
        sent.append((b"allow", _SCIM_ALLOWS if as_scim else _CONSOLE_ALLOWS))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
