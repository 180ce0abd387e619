"""Reads a document from a URL that an administrator entered, without access to the internal network (against SSRF).

Rules of this file: the host name is resolved once, the address is checked, and the request goes to that address
(against DNS rebinding); redirects are not followed; size and time are limited.
"""

import asyncio
import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from vestibule.errors import WrongInput

LONGEST: Final = 2048
LARGEST: Final = 1024 * 1024
SECONDS: Final = 10.0


async def fetch(url: str, allowed_private: str) -> bytes:
    """Returns the content at a URL. `allowed_private` lists private networks that may be used, separated by commas.

    Raises:
        WrongInput: the URL or its address is not allowed, or it did not answer with 200 in time.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no_url(url) from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.password:
        raise _no_url(url)
    if len(url) > LONGEST or not url.isascii() or not url.isprintable():
        raise WrongInput(
            f"Expected a URL of at most {LONGEST:,} visible ASCII characters; got '{url[:80]}'.",
            field="metadata_url",
        )
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise WrongInput(
            "Expected a URL with a port between 1 and 65535; got another port.", field="metadata_url"
        ) from None
    address = await _address(parts.hostname, port, allowed_private)
    if parts.scheme == "http" and not _is_allowed(address, allowed_private):
        raise WrongInput("Expected a URL that begins with https://; got http://.", field="metadata_url")
    host = f"[{address}]" if ":" in address else address
    path = parts.path or "/"
    target = f"{parts.scheme}://{host}:{port}{path}{f'?{parts.query}' if parts.query else ''}"
    return await _read(target, parts.netloc, parts.hostname)


def _no_url(url: str) -> WrongInput:
    return WrongInput(f"Expected a URL that begins with https://; got '{url[:80]}'.", field="metadata_url")


async def _read(target: str, netloc: str, hostname: str) -> bytes:
    import httpx2  # noqa: PLC0415 -- slow to import and seldom used

    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=SECONDS) as client,
            client.stream("GET", target, headers={"host": netloc}, extensions={"sni_hostname": hostname}) as answer,
        ):
            if answer.status_code != 200:
                raise WrongInput(
                    f"Expected metadata at this URL; {netloc} answered {answer.status_code}.",
                    field="metadata_url",
                )
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > LARGEST:
                    raise WrongInput(f"Expected metadata of at most {LARGEST:,} bytes; got more.", field="metadata_url")
            return content
    except (TimeoutError, httpx2.HTTPError) as error:
        reason = str(error)[:200] or type(error).__name__
        raise WrongInput(f"{netloc} did not answer: {reason}.", field="metadata_url") from None


async def _address(hostname: str, port: int, allowed_private: str) -> str:
    """Resolve a host name. Returns one of its addresses, all of which must be allowed.

    Raises:
        WrongInput: the name is unknown, or an address is not allowed.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label of the name is empty or too long
        raise WrongInput(f"The host '{hostname[:200]}' is unknown.", field="metadata_url") from None
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    for address in addresses:
        if not _is_public(address) and not _is_allowed(address, allowed_private):
            raise WrongInput(
                f"'{hostname[:200]}' has the address {address}, which is not public. An operator can allow its "
                "network with the setting private_networks.",
                field="metadata_url",
            )
    return addresses[0]


_INTERNET: Final = ipaddress.ip_network("2000::/3")
"""The public addresses of IPv6. `ipaddress` considers more of them global, such as those that contain an IPv4 address
(6to4, NAT64, IPv4-compatible) and site-local ones."""
_SIX_TO_FOUR: Final = ipaddress.ip_network("2002::/16")


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return _is_public(str(ip.ipv4_mapped))
        return ip in _INTERNET and ip not in _SIX_TO_FOUR and ip.is_global
    return ip.is_global and not ip.is_multicast


def _is_allowed(address: str, allowed_private: str) -> bool:
    ip = ipaddress.ip_address(address)
    networks = [part.strip() for part in allowed_private.split(",") if part.strip()]
    return any(ip in ipaddress.ip_network(network, strict=False) for network in networks)
