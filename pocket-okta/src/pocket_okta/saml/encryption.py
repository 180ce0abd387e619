"""Encrypt an assertion for the one application that may read it.

The rule: a new key and a new initialisation vector for each assertion. The key travels under RSA-OAEP with SHA-1 as its
digest and MGF1, which is what Okta sends and every service provider reads. Source: XML Encryption 1.1 5.2, 5.5.2.
"""

import base64
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pocket_okta.saml import keys, names, xml
from pocket_okta.saml.xml import Element

# Okta's name -> (URI, bytes of the key)
_ALGORITHMS = {
    "AES128_CBC": (f"{names.XENC}aes128-cbc", 16),
    "AES256_CBC": (f"{names.XENC}aes256-cbc", 32),
    "AES128_GCM": (f"{names.XENC11}aes128-gcm", 16),
    "AES256_GCM": (f"{names.XENC11}aes256-gcm", 32),
}
_BLOCK = 16  # bytes


def encrypt(assertion: Element, certificate: str, algorithm: str) -> Element:
    """Return an EncryptedAssertion. `certificate` is in PEM, `algorithm` in Okta's name."""
    uri, size = _ALGORITHMS[algorithm]
    secret = os.urandom(size)
    seal = _gcm if algorithm.endswith("GCM") else _cbc
    # OAEP with SHA-1 rests on no collision of it; it is what the key transport of this URI is made of.
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303
    wrapped = keys.public_key(certificate).encrypt(secret, oaep)

    outer = xml.make(names.SAML, "EncryptedAssertion", "saml2")
    data = xml.make(names.XENC, "EncryptedData", "xenc", Id=xml.new_id(), Type=names.ELEMENT)
    outer.append(data)
    xml.add(data, names.XENC, "EncryptionMethod", Algorithm=uri)
    info = xml.make(names.DS, "KeyInfo", "ds")
    data.append(info)
    key = xml.add(info, names.XENC, "EncryptedKey", Id=xml.new_id())
    method = xml.add(key, names.XENC, "EncryptionMethod", Algorithm=names.RSA_OAEP)
    xml.add(method, names.DS, "DigestMethod", Algorithm=names.SHA1)
    _cipher(key, wrapped)
    _cipher(data, seal(secret, xml.serialize(assertion)))
    return outer


def _cipher(parent: Element, value: bytes) -> None:
    data = xml.add(parent, names.XENC, "CipherData")
    xml.add(data, names.XENC, "CipherValue", base64.b64encode(value).decode())


def _gcm(secret: bytes, text: bytes) -> bytes:
    vector = os.urandom(12)
    return vector + AESGCM(secret).encrypt(vector, text, None)


def _cbc(secret: bytes, text: bytes) -> bytes:
    """Pad as XML Encryption does (the last byte says how many there are) and encrypt; the vector goes in front."""
    missing = _BLOCK - len(text) % _BLOCK
    padded = text + os.urandom(missing - 1) + bytes([missing])
    vector = os.urandom(_BLOCK)
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    return vector + encryptor.update(padded) + encryptor.finalize()
