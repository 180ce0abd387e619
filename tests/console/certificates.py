"""Real certificates, and SAML metadata with them."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@cache
def key_of(kind: str) -> Key:
    """A key: `rsa2048`, `rsa1024`, `p256`, `p224` or `ed25519`. Made once, for making one takes long."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p224": ec.SECP224R1()}[kind])


def pem(kind: str = "p256", *, name: str = "north", days: tuple[int, int] = (-1, 3650)) -> str:
    """A self-signed certificate in PEM, valid from and until so many days from now."""
    key, now = key_of(kind), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def bare(text: str) -> str:
    """Returns a certificate as in metadata: base64 without the PEM header and footer."""
    return "".join(text.splitlines()[1:-1])


def fingerprint(text: str) -> str:
    return x509.load_pem_x509_certificate(text.encode()).fingerprint(hashes.SHA256()).hex()


def metadata(
    *certificates: str,
    entity_id: str = "http://www.okta.example/exk1",
    location: str = "https://north.okta.example/app/sso/saml",
    bindings: tuple[str, ...] = (POST, REDIRECT),
    role: str = "IDPSSODescriptor",
    before: str = '<?xml version="1.0" encoding="UTF-8"?>',
) -> str:
    """Metadata of an identity provider, as Okta's `View IdP metadata` gives it."""
    keys = "".join(
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
        f"<ds:X509Certificate>{bare(each) if each.startswith('-----') else each}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for each in certificates
    )
    services = "".join(
        f'<md:SingleSignOnService Binding="{binding}" Location="{location}/{number}"/>'
        for number, binding in enumerate(bindings)
    )
    return (
        f'{before}<md:EntityDescriptor entityID="{entity_id}" xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
        f'<md:{role} WantAuthnRequestsSigned="false" '
        'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f"{keys}<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>{services}"
        f"</md:{role}></md:EntityDescriptor>"
    )


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
