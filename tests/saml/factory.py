"""The identity provider of these tests: writes, signs and encrypts SAML responses, correctly or with chosen faults.

The rule of this file: none of Vestibule's code writes, signs or encrypts here, so that a mistake in it cannot hide
itself. Canonical XML is done by lxml, cryptography by `cryptography`.
"""

import base64
import hmac
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from lxml import etree

from tests.saml.keys import NOW, Pair, pair
from vestibule.saml.response import Expected

SAMLP: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
EXC: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED: Final = f"{DS}enveloped-signature"
NAMES: Final = {"samlp": SAMLP, "saml": SAML, "ds": DS, "xenc": XENC}

IDP: Final = "http://idp.north.example/exk9abc"
SP: Final = "https://vestibule.example/saml/north/okta"
ACS: Final = f"{SP}/acs"
REQUEST: Final = "_request-1"
WHO: Final = "ana.reis@north.example"
EVIL: Final = "owner@north.example"
SECOND: Final = 1000
MINUTE: Final = 60_000

Node = etree._Element  # the only name lxml has for the type


def instant(offset: int) -> str:
    """A time so many milliseconds from NOW, as SAML writes it."""
    return datetime.fromtimestamp((NOW + offset) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def expected(**changes: Any) -> Expected:
    """Returns what the service provider of these tests expects, with changes."""
    usual: dict[str, Any] = {
        "issuer": IDP,
        "certificates": (pair().pinned,),
        "audience": SP,
        "acs_url": ACS,
        "request_id": REQUEST,
        "private_keys": (pair("sp").private_pem,),
    }
    return Expected(**(usual | changes))


def tag(name: str) -> str:
    """The full name for one with a prefix: `saml:Issuer`."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMES[prefix]}}}{local}"


def one(node: Node, name: str) -> Node:
    """Returns the first element with a name such as `saml:Assertion`, at any depth."""
    return next(node.iter(tag(name)))


# -- what is said ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """The claims of a response, by default correct ones. Text fields are inserted unchanged, without escaping."""

    id: str = "_response-1"
    assertion_id: str = "_assertion-1"
    version: str = "2.0"
    issuer: str = f"<saml:Issuer>{IDP}</saml:Issuer>"
    response_issuer: str = f"<saml:Issuer>{IDP}</saml:Issuer>"
    status: str = '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
    destination: str = f'Destination="{ACS}"'
    answered: str = f'InResponseTo="{REQUEST}"'
    issued: str = instant(-SECOND)
    name_id: str = f'<saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified">{WHO}</saml:NameID>'
    method: str = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    recipient: str = f'Recipient="{ACS}"'
    confirmed_answered: str = f'InResponseTo="{REQUEST}"'
    confirmed_times: str = f'NotOnOrAfter="{instant(5 * MINUTE)}"'
    confirmation: str = ""
    """In place of the SubjectConfirmation."""
    times: str = f'NotBefore="{instant(-5 * MINUTE)}" NotOnOrAfter="{instant(5 * MINUTE)}"'
    audience: str = f"<saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction>"
    conditions: str = ""
    """In place of the Conditions."""
    session: str = 'SessionIndex="_session-1"'
    statement: str = ""
    """In place of the AuthnStatement."""
    attributes: str = ""
    extensions: str = ""
    advice: str = ""
    namespaces: str = ""
    assertion_namespaces: str = ""

    def assertion(self) -> str:
        """The Assertion."""
        confirmation = self.confirmation or (
            f'<saml:SubjectConfirmation Method="{self.method}"><saml:SubjectConfirmationData {self.recipient} '
            f"{self.confirmed_answered} {self.confirmed_times}/></saml:SubjectConfirmation>"
        )
        conditions = self.conditions or f"<saml:Conditions {self.times}>{self.audience}</saml:Conditions>"
        context = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        statement = self.statement or (
            f'<saml:AuthnStatement AuthnInstant="{self.issued}" {self.session}><saml:AuthnContext>'
            f"<saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        )
        return (
            f'<saml:Assertion xmlns:saml="{SAML}"{self.assertion_namespaces} ID="{self.assertion_id}" '
            f'Version="{self.version}" IssueInstant="{self.issued}">{self.issuer}'
            f"<saml:Subject>{self.name_id}{confirmation}</saml:Subject>{conditions}{self.advice}{statement}"
            f"{self.attributes}</saml:Assertion>"
        )

    def response(self) -> Node:
        """The Response with the Assertion in it."""
        return read(
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}"{self.namespaces} ID="{self.id}" Version="2.0" '
            f'IssueInstant="{self.issued}" {self.destination} {self.answered}>{self.response_issuer}{self.extensions}'
            f"{self.status}{self.assertion()}</samlp:Response>"
        )


def named(who: str, format_: str = "") -> str:
    """A NameID."""
    how = f' Format="{format_}"' if format_ else ""
    return f"<saml:NameID{how}>{escape(who)}</saml:NameID>"


def attribute(name: str, values: Sequence[str], how: str = "", typed: str = "") -> str:
    """An Attribute of a statement."""
    texts = "".join(f"<saml:AttributeValue{typed}>{escape(value)}</saml:AttributeValue>" for value in values)
    return f'<saml:Attribute Name="{name}"{how}>{texts}</saml:Attribute>'


def read(text: str | bytes) -> Node:
    """Parse XML to a tree, including comments."""
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False, strip_cdata=False))


def write(node: Node) -> bytes:
    """A tree as XML."""
    return etree.tostring(node, encoding="utf-8", with_tail=False)


def clone(node: Node) -> Node:
    """Returns a copy as a separate document."""
    return read(write(node))


# -- signing -----------------------------------------------------------------------------------------------------------

HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
DIGESTS: Final = {
    "sha1": f"{DS}sha1",
    "sha256": f"{XENC}sha256",
    "sha384": f"{MORE}sha384",
    "sha512": f"{XENC}sha512",
}


@dataclass(frozen=True)
class How:
    """How to sign: by default as Okta does."""

    hash: str = "sha256"
    digest: str = "sha256"
    method: str = ""
    """URI of the signature's algorithm in place of the one that fits key and hash."""
    canonical: str = EXC
    transforms: tuple[str, ...] = (
        f'<ds:Transform Algorithm="{ENVELOPED}"/>',
        f'<ds:Transform Algorithm="{EXC}"/>',
    )
    prefixes: tuple[str, ...] = ()
    """Prefixes of InclusiveNamespaces of the last transform."""
    uri: str | None = None
    key_info: str | None = None
    """In place of an X509Certificate of the key that signs."""
    in_method: str = ""
    more_references: str = ""
    more_info: str = ""
    """In SignedInfo before the Reference."""
    more: str = ""
    """In the Signature behind the KeyInfo."""
    in_transform: str = ""
    first_prefixes: tuple[str, ...] = field(default=())
    """Prefixes of InclusiveNamespaces of the canonicalisation of SignedInfo."""
    hmac_key: bytes = b""
    pss: bool = False
    attributes: str = ""


def canonical(node: Node, algorithm: str = EXC, prefixes: Sequence[str] = ()) -> bytes:
    """The canonical bytes of an element."""
    return etree.tostring(
        clone(node),
        method="c14n",
        exclusive=algorithm.startswith(EXC),
        with_comments=algorithm.endswith("WithComments"),
        inclusive_ns_prefixes=list(prefixes) or None,
    )


def digest_of(data: bytes, name: str) -> str:
    """The digest in base64."""
    digest = hashes.Hash(HASHES[name])
    digest.update(data)
    return base64.b64encode(digest.finalize()).decode()


def _raw_signature(data: bytes, by: Pair, how: How) -> bytes:
    key, algorithm = by.private, HASHES[how.hash]
    if how.hmac_key:
        return hmac.new(how.hmac_key, data, sha256).digest()
    if isinstance(key, rsa.RSAPrivateKey):
        if how.pss:
            return key.sign(data, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
        return key.sign(data, padding.PKCS1v15(), algorithm)
    size = (key.key_size + 7) // 8
    return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(key.sign(data, ec.ECDSA(algorithm))))


def _inclusive(prefixes: Sequence[str]) -> str:
    return f'<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="' + " ".join(prefixes) + '"/>'


def signature(node: Node, by: Pair, how: How) -> Node:
    """Returns a Signature over an element, not yet inserted and without its value."""
    kind = "rsa" if isinstance(by.private, rsa.RSAPrivateKey) else "ecdsa"
    method = how.method or (f"{DS}rsa-sha1" if how.hash == "sha1" else f"{MORE}{kind}-{how.hash}")
    transforms = list(how.transforms)
    if how.prefixes:
        inclusive = _inclusive(how.prefixes)
        transforms[-1] = transforms[-1].replace("/>", f">{inclusive}</ds:Transform>")
    if how.in_transform:
        transforms[-1] = transforms[-1].replace("/>", f">{how.in_transform}</ds:Transform>")
    first = ""
    if how.first_prefixes:
        first = _inclusive(how.first_prefixes)
    uri = "#" + (node.get("ID") or "") if how.uri is None else how.uri
    how_digested = EXC if not any(EXC not in each for each in how.transforms[1:]) else how.transforms[-1].split('"')[1]
    value = digest_of(canonical(node, how_digested, how.prefixes), how.digest)
    info = (
        f'<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{how.canonical}">{first}</ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{method}">{how.in_method}</ds:SignatureMethod>{how.more_info}<ds:Reference '
        f'URI="{uri}">'
        f"<ds:Transforms>{''.join(transforms)}</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{DIGESTS[how.digest]}"/><ds:DigestValue>{value}</ds:DigestValue></ds:Reference>'
        f"{how.more_references}</ds:SignedInfo>"
    )
    certificate = f"<ds:X509Data><ds:X509Certificate>{by.body}</ds:X509Certificate></ds:X509Data>"
    key_info = f"<ds:KeyInfo>{certificate}</ds:KeyInfo>" if how.key_info is None else how.key_info
    return read(
        f'<ds:Signature xmlns:ds="{DS}"{how.attributes}>{info}<ds:SignatureValue/>{key_info}{how.more}</ds:Signature>'
    )


def sign(node: Node, by: Pair | None = None, how: How | None = None) -> Node:
    """Sign an element: insert the signature after its Issuer, or first if it has none. Returns the element."""
    by, how = by or pair(), how or How()
    made = signature(node, by, how)
    issuer = node.find(tag("saml:Issuer"))
    if issuer is None:
        node.insert(0, made)
    else:
        issuer.addnext(made)
    # In its place, because the namespaces around it may belong to its canonical form.
    raw = _raw_signature(canonical(one(made, "ds:SignedInfo"), how.canonical, how.first_prefixes), by, how)
    one(made, "ds:SignatureValue").text = base64.b64encode(raw).decode()
    return node


def signed(
    said: Said | None = None,
    what: str = "both",
    by: Pair | None = None,
    how: How | None = None,
    change: Callable[[Node], object] | None = None,
) -> Node:
    """A Response of which "response", "assertion", "both" or "none" are signed. `change` is done to it before."""
    root = (said or Said()).response()
    if change is not None:
        change(root)
    if what in {"assertion", "both"}:
        sign(one(root, "saml:Assertion"), by, how)
    if what in {"response", "both"}:
        sign(root, by, how)
    return root


# -- encrypting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sealing:
    """How to encrypt: by default AES-256-GCM and OAEP with SHA-1, as identity providers do."""

    cipher: str = f"{XENC11}aes256-gcm"
    transport: str = f"{XENC}rsa-oaep-mgf1p"
    digest: str = "sha1"
    """Hash of OAEP; written down when it is not SHA-1."""
    mask: str = "sha1"
    beside: bool = False
    """Whether EncryptedKey stands beside EncryptedData rather than in its KeyInfo."""
    change_data: Callable[[bytes], bytes] = bytes
    change_key: Callable[[bytes], bytes] = bytes
    key: bytes = b""
    """The content key, else a random one."""
    wrapped: bytes | None = None
    """What is handed over as the content key, where it is another."""


def _lock_data(plain: bytes, cipher: str, key: bytes) -> bytes:
    if cipher.endswith("gcm"):
        nonce = os.urandom(12)
        return nonce + AESGCM(key).encrypt(nonce, plain, None)
    vector, missing = os.urandom(16), 16 - len(plain) % 16
    encryptor = Cipher(AES(key), CBC(vector)).encryptor()
    # The padding of XML Encryption: anything, here NUL, and its length at the end (XML Encryption 1.1 §5.2).
    padded = plain + bytes(missing - 1) + bytes([missing])
    return vector + encryptor.update(padded) + encryptor.finalize()


def seal(plain: bytes, how: Sealing | None = None, to: Pair | None = None) -> Node:
    """An EncryptedAssertion with something in it."""
    how = how or Sealing()
    size = next((int(part) // 8 for part in ("128", "192", "256") if f"aes{part}" in how.cipher), 32)
    key = how.key or os.urandom(size)
    data = how.change_data(_lock_data(plain, how.cipher, key))
    told = key if how.wrapped is None else how.wrapped
    public = (to or pair("sp")).rsa.public_key()
    if how.transport.endswith("rsa-1_5"):
        wrapped = public.encrypt(told, padding.PKCS1v15())
    else:
        wrapped = public.encrypt(told, padding.OAEP(padding.MGF1(HASHES[how.mask]), HASHES[how.digest], None))
    wrapped = how.change_key(wrapped)
    details = "" if how.digest == "sha1" else f'<ds:DigestMethod Algorithm="{DIGESTS[how.digest]}"/>'
    if how.mask != "sha1":
        details += f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{XENC11}mgf1{how.mask}"/>'
    key_xml = (
        f'<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{how.transport}">{details}</xenc:EncryptionMethod>'
        f"<xenc:CipherData><xenc:CipherValue>{base64.b64encode(wrapped).decode()}</xenc:CipherValue></xenc:CipherData>"
        f"</xenc:EncryptedKey>"
    )
    inner, beside = ("", key_xml) if how.beside else (f"<ds:KeyInfo>{key_xml}</ds:KeyInfo>", "")
    return read(
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}" xmlns:xenc="{XENC}" xmlns:ds="{DS}">'
        f'<xenc:EncryptedData Type="{XENC}Element"><xenc:EncryptionMethod Algorithm="{how.cipher}"/>{inner}'
        f"<xenc:CipherData><xenc:CipherValue>{base64.b64encode(data).decode()}</xenc:CipherValue></xenc:CipherData>"
        f"</xenc:EncryptedData>{beside}</saml:EncryptedAssertion>"
    )


def sealed(
    said: Said | None = None,
    what: str = "assertion",
    how: Sealing | None = None,
    to: Pair | None = None,
    *,
    plain: bytes | None = None,
) -> Node:
    """A Response with its assertion encrypted: signed before ("assertion"), after ("response"), twice or not at all."""
    root = signed(said, "assertion" if what in {"assertion", "both"} else "none")
    assertion = one(root, "saml:Assertion")
    root.replace(assertion, seal(write(assertion) if plain is None else plain, how, to))
    if what in {"response", "both"}:
        sign(root)
    return root
