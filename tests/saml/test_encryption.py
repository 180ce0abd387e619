"""Encrypted assertions: who asks often learns nothing, and nothing is believed for having been encrypted."""

import pytest

from tests.saml.corpus import document
from tests.saml.factory import XENC, XENC11, Node, Sealing, expected, one, seal, write
from tests.saml.keys import NOW, pair
from tests.saml.sealing import CBC, SPOILED
from vestibule.saml.encryption import decrypt
from vestibule.saml.errors import SamlError
from vestibule.saml.response import examine
from vestibule.saml.xml import Element, parse_xml

KEYS = (pair("sp").private_pem,)
REFUSED = "Expected an assertion encrypted for the current certificate of this service provider; got another one."


def _open(node: Node, keys: tuple[bytes, ...] = KEYS, *, tamperproof: bool = True) -> Element:
    return decrypt(parse_xml(write(node)), keys, tamperproof=tamperproof)


@pytest.mark.parametrize("name", SPOILED)
def test_whatever_is_spoiled_the_answer_is_the_same(name: str) -> None:
    failed = examine(document(name), expected(), NOW).failed
    assert failed is not None
    assert f"Expected {failed.wanted}; got {failed.came}." == REFUSED


@pytest.mark.parametrize("last", range(256))
def test_no_padding_of_cbc_is_told_from_another(last: int) -> None:
    """One block of text whose last byte is turned into each of its values: only what leaves whole XML is opened."""

    def turn(data: bytes) -> bytes:
        return data[:15] + bytes([data[15] ^ 3 ^ last]) + data[16:]

    node = seal(b"<a>xxxxxx</a>", Sealing(cipher=CBC, change_data=turn))
    if last == 3:
        assert _open(node).tag == "a"
    else:
        with pytest.raises(SamlError) as refusal:
            _open(node)
        assert str(refusal.value) == REFUSED


@pytest.mark.parametrize("length", range(16))
def test_cbc_is_opened_whatever_the_padding(length: int) -> None:
    text = "x" * length
    assert _open(seal(f"<a>{text}</a>".encode(), Sealing(cipher=CBC))).text == (text or None)


@pytest.mark.parametrize("size", [128, 192, 256])
@pytest.mark.parametrize("mode", ["gcm", "cbc"])
@pytest.mark.parametrize("key", [0, 8, 16, 24, 32, 48])
def test_a_content_key_has_to_have_the_length_of_its_algorithm(size: int, mode: str, key: int) -> None:
    space = XENC11 if mode == "gcm" else XENC
    # What is encrypted with a key of another length says that it was with one of this.
    real = key if key in {16, 24, 32} else 16
    node = seal(b"<a/>", Sealing(cipher=f"{space}aes{size}-{mode}", key=b"k" * real, wrapped=b"k" * key))
    if key * 8 == size:
        assert _open(node).tag == "a"
    else:
        with pytest.raises(SamlError) as refusal:
            _open(node)
        assert str(refusal.value) == REFUSED


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("mask", ["sha1", "sha256", "sha384", "sha512"])
def test_every_hash_of_oaep_is_opened(digest: str, mask: str) -> None:
    how = Sealing(digest=digest, mask=mask, transport=f"{XENC11}rsa-oaep")
    assert _open(seal(b"<a/>", how)).tag == "a"


@pytest.mark.parametrize("stripped", [0, 12, 17, 28, 32, 255])
def test_cbc_strips_no_more_than_a_block(stripped: int) -> None:
    """The last block is cut off, so that the text says itself how much of it is padding."""
    text = b"<a/>".ljust(31) + bytes([stripped])
    node = seal(text, Sealing(cipher=CBC, change_data=lambda data: data[:-16]))
    if stripped == 12:
        assert _open(node).tag == "a"
    else:
        with pytest.raises(SamlError) as refusal:
            _open(node)
        assert str(refusal.value) == REFUSED


def test_cbc_is_opened_only_under_a_signature() -> None:
    assert _open(seal(b"<a/>", Sealing(cipher=CBC)), tamperproof=True).tag == "a"
    with pytest.raises(SamlError, match="AES-GCM, or a signature over the whole response"):
        _open(seal(b"<a/>", Sealing(cipher=CBC)), tamperproof=False)
    assert _open(seal(b"<a/>"), tamperproof=False).tag == "a"


def test_each_key_and_each_encrypted_key_is_tried() -> None:
    mine, other = seal(b"<a/>"), seal(b"<a/>", to=pair("another-sp"))
    key = one(other, "xenc:EncryptedKey")
    one(mine, "xenc:EncryptedKey").addprevious(key)
    keys = (pair("elliptic", "p256").private_pem, pair("sp-2").private_pem, *KEYS)
    assert _open(mine, keys).tag == "a"
    for _ in range(2):
        one(mine, "xenc:EncryptedKey").addprevious(parse_xml(write(key)))
    assert _open(mine, keys).tag == "a"
    one(mine, "xenc:EncryptedKey").addprevious(parse_xml(write(key)))
    with pytest.raises(SamlError, match="Expected one EncryptedData with its EncryptedKey; got 1 and 5"):
        _open(mine, keys)


def test_an_elliptic_key_opens_nothing() -> None:
    with pytest.raises(SamlError) as refusal:
        _open(seal(b"<a/>"), (pair("elliptic", "p256").private_pem,))
    assert str(refusal.value) == REFUSED


def test_a_long_name_of_a_cipher_is_told_shortly() -> None:
    node = seal(b"<a/>")
    one(node, "xenc:EncryptionMethod").set("Algorithm", "x" * 100)
    with pytest.raises(SamlError, match=f"AES-GCM or AES-CBC for an encrypted assertion; got '{'x' * 80}'"):
        _open(node)


def test_white_space_in_a_ciphertext_does_not_matter() -> None:
    node = seal(b"<a/>")
    value = one(node, "xenc:CipherValue")
    text = value.text or ""
    value.text = f"\n {text[:7]}\n\t{text[7:]} \n"
    assert _open(node).tag == "a"
