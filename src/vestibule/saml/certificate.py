"""Reads signing certificates and checks that their keys are strong enough."""

import base64
import binascii
import re
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from vestibule.model import Certificate
from vestibule.saml.errors import SamlError


class WeakCertificate(SamlError):
    """A certificate whose key is too weak to sign."""


SMALLEST_RSA: Final = 2048
CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def own_key(pem: bytes) -> rsa.RSAPrivateKey:
    """Load a private key that we made. Its primes are not checked, which would take twenty times as long as using it.

    Raises:
        ValueError: it is not an RSA key in PEM.
    """
    key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("our keys are RSA keys")  # noqa: TRY004 -- of a PEM text, which is a value
    return key


def read_certificates(text: str) -> tuple[Certificate, ...]:
    """Returns all certificates in a text: PEM blocks, or one in plain base64 as in metadata.

    Raises:
        SamlError: there is none, or one cannot be read.
        WeakCertificate: the key of one is too weak.
    """
    blocks = _PEM.findall(text) or ([text] if text.strip() else [])
    if not blocks:
        raise SamlError("a certificate in PEM", "nothing")
    return tuple(dict.fromkeys(_read(block) for block in blocks))


def _read(block: str) -> Certificate:
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode("".join(block.split()), validate=True))
        key = certificate.public_key()
        subject = certificate.subject.rfc4514_string()
    except (binascii.Error, ValueError):
        raise SamlError("a certificate in PEM or base64", "something else") from None
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < SMALLEST_RSA:
            raise WeakCertificate(f"a key of {SMALLEST_RSA} bits or more", f"an RSA key of {key.key_size} bits")
    elif not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, CURVES):
        raise WeakCertificate("an RSA key, or an elliptic curve key on P-256 or larger", "another kind of key")
    return Certificate(
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        subject=subject,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=int(certificate.not_valid_before_utc.timestamp() * 1000),
        not_after=int(certificate.not_valid_after_utc.timestamp() * 1000),
    )
