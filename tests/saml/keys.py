"""Keys and certificates for the SAML tests, made once in each run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from vestibule.model import Certificate

NOW: Final = 1_795_514_400_000
"""Milliseconds of 2026-11-24T10:00:00Z, when all of it happens."""
SUBJECT: Final = "Sign-in of North"


@dataclass(frozen=True)
class Pair:
    """A private key and the certificate of its public key."""

    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def body(self) -> str:
        """The certificate in base64, as in a KeyInfo."""
        return "".join(self.pem.splitlines()[1:-1])

    @property
    def private_pem(self) -> bytes:
        """The private key."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public_pem(self) -> bytes:
        """The public key alone."""
        return self.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def rsa(self) -> rsa.RSAPrivateKey:
        """The private key, which is one of RSA."""
        assert isinstance(self.private, rsa.RSAPrivateKey)
        return self.private

    @property
    def pinned(self) -> Certificate:
        """The certificate as Vestibule keeps it. Made by hand, so that weak keys can be tried as well."""
        return Certificate(
            self.pem,
            self.certificate.subject.rfc4514_string(),
            self.certificate.fingerprint(hashes.SHA256()).hex(),
            int(self.certificate.not_valid_before_utc.timestamp() * 1000),
            int(self.certificate.not_valid_after_utc.timestamp() * 1000),
        )


@cache
def private_key(use: str, kind: str = "rsa-2048") -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """Returns the key for a use: always the same one for the same use."""
    del use
    curves: dict[str, ec.EllipticCurve] = {
        "p192": ec.SECP192R1(),
        "p256": ec.SECP256R1(),
        "p384": ec.SECP384R1(),
        "p521": ec.SECP521R1(),
    }
    if kind in curves:
        return ec.generate_private_key(curves[kind])
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa-")))


@cache
def pair(
    use: str = "idp", kind: str = "rsa-2048", *, begins: int = -365, days: int = 3650, name: str = SUBJECT
) -> Pair:
    """A pair for a use. `begins` is in days from NOW, so that certificates can be expired or of tomorrow."""
    key = private_key(use, kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(days=begins)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return Pair(key, built)


_documents: dict[str, bytes] = {}


def once(name: str, make: Callable[[], bytes]) -> bytes:
    """Returns a signed document that is made once in a run, like the keys that sign it."""
    if name not in _documents:
        _documents[name] = make()
    return _documents[name]
