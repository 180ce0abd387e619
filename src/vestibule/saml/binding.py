"""The SAML bindings HTTP-POST (base64 in a form) and HTTP-Redirect (deflated in a query).

See SAML 2.0 Bindings §3.4 and §3.5.
"""

import base64
import binascii
import zlib
from typing import Final
from urllib.parse import quote, unquote_plus

from vestibule.saml.errors import SamlError
from vestibule.saml.signature import RSA_SHA256, SigningKey, sign_query

LARGEST_MESSAGE: Final = 256 * 1024
"""Bytes of a message. A large response with hundreds of groups has a fifth of that."""


def decode_posted(text: str) -> bytes:
    """Returns the XML of a message that was sent by HTTP-POST.

    Raises:
        SamlError: it is empty, too large or not base64.
    """
    if not text.strip():
        raise SamlError("a SAML message", "an empty field")
    if len(text) > LARGEST_MESSAGE * 3 // 2:
        raise SamlError(f"a SAML message of at most {LARGEST_MESSAGE:,} bytes", f"{len(text):,} characters")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise SamlError("a SAML message in base64", "something else") from None


def decode_redirected(text: str) -> bytes:
    """Returns the XML of a message that was sent by HTTP-Redirect.

    Raises:
        SamlError: it is empty, too large, not base64 or not deflated.
    """
    raw = decode_posted(text)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        xml = inflater.decompress(raw, LARGEST_MESSAGE)
    except zlib.error:
        raise SamlError("a deflated SAML message", "something else") from None
    if not inflater.eof:
        raise SamlError(f"a SAML message of at most {LARGEST_MESSAGE:,} bytes", "one that is larger or truncated")
    return xml


def encode_posted(xml: bytes) -> str:
    """Returns the value of the form field for a message."""
    return base64.b64encode(xml).decode()


def redirect_url(url: str, field: str, xml: bytes, relay: str, key: SigningKey | None) -> str:
    """Returns the URL that sends a message as `SAMLRequest` or `SAMLResponse`, signed if a key is given."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = deflater.compress(xml) + deflater.flush()
    query = f"{field}={quote(base64.b64encode(deflated).decode(), safe='')}"
    if relay:
        query += f"&RelayState={quote(relay, safe='')}"
    if key is not None:
        query += f"&SigAlg={quote(RSA_SHA256, safe='')}"
        query += f"&Signature={quote(sign_query(query, key), safe='')}"
    return f"{url}{'&' if '?' in url else '?'}{query}"


def signed_part(query: str, field: str) -> bytes:
    """Returns the bytes of a query that its signature covers: message, RelayState and SigAlg, in that order.

    Names are URL-decoded before they are compared, so that `SAML%52equest` counts as a second SAMLRequest.

    Raises:
        SamlError: one of them is missing or is there twice.
    """
    parts = query.split("&")
    kept = []
    for name in (field, "RelayState", "SigAlg"):
        found = [part for part in parts if unquote_plus(part.partition("=")[0]) == name]
        if len(found) > 1 or (not found and name != "RelayState"):
            raise SamlError(f"one {name} in a signed query", f"{len(found)}")
        kept += found
    return "&".join(kept).encode("ascii", "replace")
