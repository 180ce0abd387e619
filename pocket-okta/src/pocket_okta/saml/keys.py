"""Key pairs that sign assertions, and certificates that somebody pastes.

The rule: a certificate is only the envelope of a key here; nobody's chain is asked about. RSA with 2048 bits, SHA-256,
ten years, as Okta makes them (wire facts 7.1).
"""

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

YEARS = 10
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class BadCertificate(ValueError):
    """Something that is no certificate, or one whose key cannot be used; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A new key with its self-signed certificate, both in PEM."""

    certificate: str
    private_key: str
    expires: datetime


def generate(now: datetime, years: int = YEARS) -> Pair:
    """Make a key pair; takes a tenth of a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PT"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Pocket Okta"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "SSOProvider"),
            x509.NameAttribute(NameOID.COMMON_NAME, "pocket-okta"),
        ]
    )
    expires = now.replace(microsecond=0) + timedelta(days=round(365.25 * years))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(expires)
        .sign(key, hashes.SHA256())
    )
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        expires,
    )


def read_certificates(text: str) -> tuple[str, ...]:
    """Return the certificates of a pasted text in PEM: PEM blocks, or bare base64 as in metadata. Blank gives none."""
    if not text.strip():
        return ()
    bodies = _PEM.findall(text) or [text]
    return tuple(_pem(body) for body in bodies)


def _pem(body: str) -> str:
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode("".join(body.split()), validate=True))
        key = certificate.public_key()
    except ValueError:
        raise BadCertificate("wanted a certificate in PEM, or its base64 as in SAML metadata") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise BadCertificate("wanted a certificate with an RSA key of at least 2048 bits")
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def load(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def public_key(pem: str) -> rsa.RSAPublicKey:
    """Return the key of a certificate that `read_certificates` or `generate` made."""
    key = load(pem).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadCertificate("wanted a certificate with an RSA key")
    return key


def private_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadCertificate("wanted an RSA key")
    return key


def body_of(pem: str) -> str:
    """Return the base64 of a certificate without its lines of dashes, in one line."""
    return base64.b64encode(load(pem).public_bytes(serialization.Encoding.DER)).decode()


def sha256_of(pem: str) -> bytes:
    return load(pem).fingerprint(hashes.SHA256())


def fingerprint(pem: str) -> str:
    """Return the SHA-256 fingerprint as people compare it: AB:CD:…"""
    return sha256_of(pem).hex(":").upper()
