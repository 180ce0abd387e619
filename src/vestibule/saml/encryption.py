"""Encrypted assertions (XML Encryption): opened with one of our own keys.

The rule of this file: whatever is wrong about a ciphertext, the answer is one and the same error, so that nobody learns
anything by asking often (a padding oracle). Nothing that was decrypted is believed for having been encrypted: it goes
through the same checks of its signature as what came in the clear.
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
    # In OAEP, SHA-1 is no signature: it is what nearly every identity provider sends, and no weakness of it is known.
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


class _Sealed(NamedTuple):
    method: str
    keys: list[tuple[bytes, padding.OAEP]]
    """The content key as it was encrypted for each recipient, and how."""
    data: bytes


def decrypt(encrypted: Element, private_keys: Sequence[bytes], *, tamperproof: bool) -> Element:
    """The assertion in an EncryptedAssertion. `private_keys` are in PEM, each tried in turn.

    `tamperproof` says that a signature around the ciphertext was verified. Without one, AES-CBC is refused, because
    its ciphertext can be changed and the changes asked about.

    Raises:
        SamlError: an algorithm that is not accepted, or nothing that one of our keys opens.
    """
    sealed = _read(encrypted)
    if sealed.method in _CBC and not tamperproof:
        raise SamlError(
            "AES-GCM, or a signature over the whole response, is wanted for an encrypted assertion", "AES-CBC without"
        )
    for private_key in private_keys:
        for wrapped, oaep in sealed.keys:
            opened = _open(sealed, private_key, wrapped, oaep)
            if opened is not None:
                return opened
    raise SamlError("An assertion encrypted for the current certificate of this service provider is wanted", "another")


def _read(encrypted: Element) -> _Sealed:
    data = children(encrypted, XENC, "EncryptedData")
    keys = everywhere(encrypted, XENC, "EncryptedKey")
    if len(data) != 1 or not 1 <= len(keys) <= 4:
        raise SamlError("One EncryptedData with its EncryptedKey is wanted", f"{len(data)} and {len(keys)}")
    method = _algorithm(data[0])
    if method not in _GCM and method not in _CBC:
        raise SamlError("AES-GCM or AES-CBC is wanted for an encrypted assertion", f"'{method[:80]}'")
    # One EncryptedKey for each recipient: how another recipient's was made is not ours to refuse, as long as ours is
    # among the rest.
    usable: list[tuple[bytes, padding.OAEP]] = []
    refused = None
    for key in keys:
        try:
            usable.append((_cipher_value(key), _oaep_of(key)))
        except SamlError as error:
            refused = refused or error
    if not usable and refused is not None:
        raise refused
    return _Sealed(method, usable, _cipher_value(data[0]))


def _oaep_of(key: Element) -> padding.OAEP:
    """How an EncryptedKey was made.

    Raises:
        SamlError: not with RSA-OAEP, or with a digest that is not known.
    """
    if _algorithm(key) not in _OAEP:
        raise SamlError("RSA-OAEP is wanted for the key of an encrypted assertion", "another key transport")
    described = children(key, XENC, "EncryptionMethod")[0]
    digests = {attribute(each, "Algorithm") for each in children(described, DS, "DigestMethod")} or {f"{DS}sha1"}
    masks = {attribute(each, "Algorithm") for each in children(described, XENC11, "MGF")} or {f"{XENC11}mgf1sha1"}
    if len(digests) != 1 or len(masks) != 1 or not digests <= _DIGESTS.keys() or not masks <= _MASKS.keys():
        raise SamlError("OAEP with SHA-1 or SHA-2 is wanted", "another")
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
        raise SamlError("One CipherValue in base64 is wanted", "another") from None


def _open(sealed: _Sealed, private_key: bytes, wrapped: bytes, oaep: padding.OAEP) -> Element | None:
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
