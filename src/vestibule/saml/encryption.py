"""Decrypts encrypted assertions (XML Encryption) with our private keys.

Rules of this file: every failure of decryption is the same error, so that it cannot serve as a padding oracle.
Encryption proves nothing about the sender: a decrypted assertion needs a signature like any other.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from vestibule.saml.certificate import own_key
from vestibule.saml.errors import SamlError
from vestibule.saml.xml import DS, XENC, XENC11, Element, attribute, children, everywhere, parse_xml, text_of

_GCM: Final = {f"{XENC11}aes{size}-gcm": size // 8 for size in (128, 192, 256)}
_CBC: Final = {f"{XENC}aes{size}-cbc": size // 8 for size in (128, 192, 256)}
_OAEP: Final = frozenset({f"{XENC}rsa-oaep-mgf1p", f"{XENC11}rsa-oaep"})
_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    # In OAEP, SHA-1 does not sign anything and has no known weakness. Nearly every identity provider uses it.
    f"{DS}sha1": hashes.SHA1(),  # noqa: S303 -- see above
    f"{XENC}sha256": hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384(),
    f"{XENC}sha512": hashes.SHA512(),
}
_MASKS: Final[dict[str, hashes.HashAlgorithm]] = {
    f"{XENC11}mgf1sha1": hashes.SHA1(),  # noqa: S303 -- see above
    f"{XENC11}mgf1sha256": hashes.SHA256(),
    f"{XENC11}mgf1sha384": hashes.SHA384(),
    f"{XENC11}mgf1sha512": hashes.SHA512(),
}


class _Encrypted(NamedTuple):
    method: str
    keys: list[tuple[bytes, padding.OAEP]]
    """The content key, encrypted for each recipient, with its OAEP parameters."""
    data: bytes


def decrypt(encrypted: Element, private_keys: Sequence[bytes], *, tamperproof: bool) -> Element:
    """Returns the assertion in an EncryptedAssertion. `private_keys` are in PEM and are tried in turn.

    `tamperproof` means that a signature over the ciphertext was verified. Without it AES-CBC is refused, because its
    ciphertext can be modified without notice.

    Raises:
        SamlError: the algorithm is not accepted, or none of our keys decrypts it.
    """
    sealed = _read(encrypted)
    if sealed.method in _CBC and not tamperproof:
        raise SamlError(
            "AES-GCM, or a signature over the whole response, for an encrypted assertion", "AES-CBC without a signature"
        )
    for private_key in private_keys:
        for wrapped, oaep in sealed.keys:
            opened = _open(sealed, private_key, wrapped, oaep)
            if opened is not None:
                return opened
    raise SamlError("an assertion encrypted for the current certificate of this service provider", "another one")


def _read(encrypted: Element) -> _Encrypted:
    data = children(encrypted, XENC, "EncryptedData")
    keys = everywhere(encrypted, XENC, "EncryptedKey")
    if len(data) != 1 or not 1 <= len(keys) <= 4:
        raise SamlError("one EncryptedData with its EncryptedKey", f"{len(data)} and {len(keys)}")
    method = _algorithm(data[0])
    if method not in _GCM and method not in _CBC:
        raise SamlError("AES-GCM or AES-CBC for an encrypted assertion", f"'{method[:80]}'")
    # There is one EncryptedKey for each recipient. Those for others may use algorithms that we do not accept.
    usable: list[tuple[bytes, padding.OAEP]] = []
    refused = None
    for key in keys:
        try:
            usable.append((_cipher_value(key), _oaep_of(key)))
        except SamlError as error:
            refused = refused or error
    if not usable and refused is not None:
        raise refused
    return _Encrypted(method, usable, _cipher_value(data[0]))


def _oaep_of(key: Element) -> padding.OAEP:
    """Returns the OAEP parameters of an EncryptedKey.

    Raises:
        SamlError: it does not use RSA-OAEP, or the digest is unknown.
    """
    if _algorithm(key) not in _OAEP:
        raise SamlError("RSA-OAEP for the key of an encrypted assertion", "another key transport")
    described = children(key, XENC, "EncryptionMethod")[0]
    digests = {attribute(each, "Algorithm") for each in children(described, DS, "DigestMethod")} or {f"{DS}sha1"}
    masks = {attribute(each, "Algorithm") for each in children(described, XENC11, "MGF")} or {f"{XENC11}mgf1sha1"}
    if len(digests) != 1 or len(masks) != 1 or not digests <= _DIGESTS.keys() or not masks <= _MASKS.keys():
        raise SamlError("OAEP with SHA-1 or SHA-2", "another digest")
    return padding.OAEP(padding.MGF1(_MASKS[masks.pop()]), _DIGESTS[digests.pop()], None)


def _algorithm(element: Element) -> str:
    methods = children(element, XENC, "EncryptionMethod")
    return attribute(methods[0], "Algorithm") if len(methods) == 1 else ""


def _cipher_value(element: Element) -> bytes:
    values = [value for each in children(element, XENC, "CipherData") for value in children(each, XENC, "CipherValue")]
    try:
        (value,) = values
        return base64.b64decode("".join(text_of(value).split()), validate=True)
    except (ValueError, binascii.Error):
        raise SamlError("one CipherValue in base64", "something else") from None


def _open(sealed: _Encrypted, private_key: bytes, wrapped: bytes, oaep: padding.OAEP) -> Element | None:
    try:
        content_key = own_key(private_key).decrypt(wrapped, oaep)
        if sealed.method in _GCM:
            plain = _open_gcm(content_key, sealed.data, _GCM[sealed.method])
        else:
            plain = _open_cbc(content_key, sealed.data, _CBC[sealed.method])
        return parse_xml(plain)
    except (ValueError, InvalidTag, SamlError):
        return None


def _open_gcm(key: bytes, data: bytes, length: int) -> bytes:
    if len(key) != length:
        raise ValueError
    return AESGCM(key).decrypt(data[:12], data[12:], None)


def _open_cbc(key: bytes, data: bytes, length: int) -> bytes:
    if len(key) != length or len(data) < 32:
        raise ValueError
    decryptor = Cipher(AES(key), CBC(data[:16])).decryptor()
    padded = decryptor.update(data[16:]) + decryptor.finalize()
    if not 1 <= padded[-1] <= 16:
        raise ValueError
    return padded[: -padded[-1]]
