"""The two ways a SAML message travels through a browser: HTTP-POST and HTTP-Redirect.

The rule: a message is read whole or refused; a deflated one may not grow beyond what a plain one may have.
Source: SAML 2.0 bindings 3.4 (Redirect: DEFLATE, base64, URL) and 3.5 (POST: base64 in a form).
"""

import base64
import binascii
import zlib
from urllib.parse import urlencode, urlsplit

from pocket_okta.saml import names, signing, xml
from pocket_okta.saml.xml import BadXml, Element
from pocket_okta.sign_on import SigningKey


def read_post(value: str) -> Element:
    """Return the message in a form's SAMLRequest or SAMLResponse; raises BadXml."""
    return xml.parse(_base64(value))


def read_redirect(value: str) -> Element:
    """Return the message in an address's SAMLRequest or SAMLResponse; raises BadXml."""
    inflater = zlib.decompressobj(-15)
    try:
        document = inflater.decompress(_base64(value), xml.MAX + 1)
    except zlib.error as problem:
        raise BadXml(f"wanted a deflated message: {problem}") from None
    return xml.parse(document)


def _base64(value: str) -> bytes:
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadXml("wanted a message in base64") from None


def post_value(root: Element) -> str:
    return base64.b64encode(xml.serialize(root)).decode()


def redirect_url(address: str, parameter: str, root: Element, relay_state: str, key: SigningKey) -> str:
    """Return the address that carries a signed message by Redirect. The message itself is sent unsigned inside."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = deflater.compress(xml.serialize(root)) + deflater.flush()
    pairs = {parameter: base64.b64encode(deflated).decode()}
    if relay_state:
        pairs["RelayState"] = relay_state
    query = urlencode({**pairs, "SigAlg": names.RSA_SHA256})
    signature = urlencode({"Signature": signing.sign_query(query, key)})
    return f"{address}{'&' if urlsplit(address).query else '?'}{query}&{signature}"
