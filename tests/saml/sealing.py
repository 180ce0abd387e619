"""Encrypted assertions that are unsigned, weakly encrypted, for another recipient, or damaged."""

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.saml.case import ONE_ASSERTION, SOME, Case, Cases
from tests.saml.factory import (
    EVIL,
    WHO,
    XENC,
    XENC11,
    How,
    Node,
    Said,
    Sealing,
    clone,
    expected,
    named,
    one,
    seal,
    sealed,
    sign,
    signed,
    tag,
    write,
)
from tests.saml.keys import pair

OPENED: Final = "an assertion encrypted for the current certificate"
_INSIDE: Final = "one assertion within"
_TRANSPORT: Final = "RSA-OAEP"
_CIPHER: Final = "AES-GCM or AES-CBC"
_OUTER: Final = "AES-GCM, or a signature over the whole response"
_OAEP: Final = "OAEP with SHA-1 or SHA-2"
_PARTS: Final = "one EncryptedData with its EncryptedKey"
_VALUE: Final = "one CipherValue in base64"
GCM: Final = f"{XENC11}aes256-gcm"
CBC: Final = f"{XENC}aes256-cbc"


def flipped(at: int) -> Callable[[bytes], bytes]:
    """Returns a function that flips one bit of the byte at a position."""

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return flip


def _cut(length: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:length]


def _plain(plain: bytes, what: str = "assertion") -> Node:
    return sealed(what=what, plain=plain)


def _spoiled(cipher: str, what: str, **how: object) -> Node:
    return sealed(what=what, how=Sealing(cipher=cipher, **how))  # type: ignore[arg-type]  # each case names fields


def _forged_inside() -> Node:
    """The attacker encrypts an assertion that he signed himself: the certificate is in the metadata."""
    forged = signed(Said(name_id=named(EVIL)), "assertion", pair("foreign"))
    assertion = one(forged, "saml:Assertion")
    forged.replace(assertion, seal(write(assertion)))
    return forged


def _changed_inside() -> Node:
    text = write(one(signed(what="assertion"), "saml:Assertion")).replace(WHO.encode(), EVIL.encode())
    return sealed(plain=text)


def _swapped_in_signed_response() -> Node:
    """A signed response whose encrypted assertion the attacker replaced by one of his own."""
    root = sealed(what="response")
    forged = write(one(Said(name_id=named(EVIL)).response(), "saml:Assertion"))
    root.replace(one(root, "saml:EncryptedAssertion"), seal(forged))
    return root


def _weakly_signed(**how: object) -> Node:
    root = signed(what="assertion", how=How(**how))  # type: ignore[arg-type]  # each case names fields of How
    assertion = one(root, "saml:Assertion")
    root.replace(assertion, seal(write(assertion)))
    return root


def _two_encrypted() -> Node:
    root = sealed(what="none")
    found = one(root, "saml:EncryptedAssertion")
    found.addnext(clone(found))
    return sign(root)


def _elsewhere() -> Node:
    root = sealed(what="none")
    one(root, "samlp:Status").append(one(root, "saml:EncryptedAssertion"))
    return sign(root)


def _edited(change: Callable[[Node], object]) -> Node:
    root = sealed(what="assertion")
    change(one(root, "saml:EncryptedAssertion"))
    return root


def _drop(name: str) -> Callable[[Node], object]:
    def drop(node: Node) -> None:
        found = one(node, name)
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)

    return drop


def _double(name: str, times: int = 1) -> Callable[[Node], object]:
    def double(node: Node) -> None:
        found = one(node, name)
        for _ in range(times):
            found.addnext(clone(found))

    return double


def _text(name: str, text: str) -> Callable[[Node], object]:
    def change(node: Node) -> None:
        one(node, name).text = text

    return change


def _methods(node: Node) -> list[Node]:
    return list(node.iter(tag("xenc:EncryptionMethod")))


def _two_digests(node: Node) -> None:
    for name in ("sha1", "sha256"):
        method = _methods(node)[1]
        made = method.makeelement(tag("ds:DigestMethod"))
        uri = "http://www.w3.org/2000/09/xmldsig#sha1" if name == "sha1" else f"{XENC}sha256"
        made.set("Algorithm", uri)
        method.append(made)


def _md5(node: Node) -> None:
    made = _methods(node)[1].makeelement(tag("ds:DigestMethod"))
    made.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#md5")
    _methods(node)[1].append(made)


def _two_masks(node: Node) -> None:
    for name in ("sha1", "sha256"):
        made = _methods(node)[1].makeelement(f"{{{XENC11}}}MGF")
        made.set("Algorithm", f"{XENC11}mgf1{name}")
        _methods(node)[1].append(made)


def _mask(node: Node) -> None:
    made = _methods(node)[1].makeelement(f"{{{XENC11}}}MGF")
    made.set("Algorithm", f"{XENC11}mgf1md5")
    _methods(node)[1].append(made)


def _true_assertion() -> bytes:
    return write(one(signed(what="assertion"), "saml:Assertion"))


def _nested() -> bytes:
    root = one(signed(what="assertion"), "saml:Assertion")
    root.append(clone(root))
    return write(root)


def _signature_in_subject() -> bytes:
    assertion = one(signed(what="assertion"), "saml:Assertion")
    one(assertion, "saml:Subject").append(clone(one(assertion, "ds:Signature")))
    return write(assertion)


def _id_twice() -> bytes:
    assertion = one(signed(what="assertion"), "saml:Assertion")
    one(assertion, "saml:Subject").set("ID", "_assertion-1")
    return write(assertion)


SPOILED: Final[Cases] = {
    "encrypted for another key": Case("Signature", OPENED, partial(sealed, to=pair("another-sp"))),
    "a content key that was changed": Case(
        "Signature", OPENED, partial(_spoiled, GCM, "assertion", change_key=flipped(9))
    ),
    "an empty content key": Case("Signature", OPENED, partial(_spoiled, GCM, "assertion", change_key=_cut(0))),
    "a content key of another length": Case("Signature", OPENED, partial(_spoiled, GCM, "assertion", key=b"k" * 16)),
    "a nonce that was changed": Case("Signature", OPENED, partial(_spoiled, GCM, "assertion", change_data=flipped(0))),
    "a text that was changed": Case("Signature", OPENED, partial(_spoiled, GCM, "assertion", change_data=flipped(40))),
    "a tag that was changed": Case("Signature", OPENED, partial(_spoiled, GCM, "assertion", change_data=flipped(-1))),
    "an empty ciphertext": Case("Signature", OPENED, partial(_spoiled, GCM, "assertion", change_data=_cut(0))),
    "a ciphertext of 27 bytes": Case("Signature", OPENED, partial(_spoiled, GCM, "assertion", change_data=_cut(27))),
    "an empty text": Case("Signature", OPENED, partial(_plain, b"")),
    "a text that is no XML": Case("Signature", OPENED, partial(_plain, b"\x00 nothing")),
    "a text with a document type": Case("Signature", OPENED, lambda: _plain(b"<!DOCTYPE a>" + _true_assertion())),
    "a text with a comment": Case(
        "Signature", OPENED, lambda: _plain(_true_assertion().replace(b"ana", b"a<!---->na"))
    ),
    "CBC that was changed and signed": Case(
        "Signature", OPENED, partial(_spoiled, CBC, "response", change_data=flipped(-17))
    ),
    "CBC of half a block": Case("Signature", OPENED, partial(_spoiled, CBC, "response", change_data=_cut(40))),
    "CBC of a vector alone": Case("Signature", OPENED, partial(_spoiled, CBC, "response", change_data=_cut(16))),
    "CBC with a key of another length": Case("Signature", OPENED, partial(_spoiled, CBC, "response", key=b"k" * 16)),
}
"""Whatever is spoiled about a ciphertext, the answer is the same: see test_encryption."""

CASES: Final[Cases] = {
    **SPOILED,
    "encrypted but unsigned": Case("Signed", SOME, partial(sealed, what="none")),
    "encrypted by an attacker, unsigned": Case(
        "Signed", SOME, lambda: sealed(Said(name_id=named(EVIL)), "none", to=pair("sp"))
    ),
    "encrypted by an attacker, signed by himself": Case("Signature", "a signature by one of", _forged_inside),
    "encrypted and changed": Case("Signature", "a signature by one of", _changed_inside),
    "another ciphertext in a signed response": Case("Signature", "a signature by one of", _swapped_in_signed_response),
    "encrypted and signed with SHA-1": Case("Signature", "a signature with RSA", lambda: _weakly_signed(hash="sha1")),
    "encrypted with a Reference to another": Case(
        "Signature", "a signature over the element", lambda: _weakly_signed(uri="")
    ),
    "CBC without a signature around": Case("Signature", _OUTER, partial(_spoiled, CBC, "assertion")),
    "CBC and no signature": Case("Signature", _OUTER, partial(_spoiled, CBC, "none")),
    "RSA 1.5 for the content key": Case(
        "Signature", _TRANSPORT, partial(_spoiled, GCM, "assertion", transport=f"{XENC}rsa-1_5")
    ),
    "RSA 1.5 in a signed response": Case(
        "Signature", _TRANSPORT, partial(_spoiled, GCM, "response", transport=f"{XENC}rsa-1_5")
    ),
    "Triple DES": Case(
        "Signature", _CIPHER, lambda: _edited(lambda n: _methods(n)[0].set("Algorithm", f"{XENC}tripledes-cbc"))
    ),
    "no cipher": Case("Signature", _CIPHER, lambda: _edited(lambda n: _methods(n)[0].attrib.clear())),
    "no EncryptionMethod": Case("Signature", _CIPHER, lambda: _edited(_drop("xenc:EncryptionMethod"))),
    "two EncryptionMethod": Case("Signature", _CIPHER, lambda: _edited(_double("xenc:EncryptionMethod"))),
    "no transport": Case("Signature", _TRANSPORT, lambda: _edited(lambda n: _methods(n)[1].attrib.clear())),
    "two digests of OAEP": Case("Signature", _OAEP, lambda: _edited(_two_digests)),
    "MD5 in OAEP": Case("Signature", _OAEP, lambda: _edited(_md5)),
    "two masks": Case("Signature", _OAEP, lambda: _edited(_two_masks)),
    "MD5 in the mask": Case("Signature", _OAEP, lambda: _edited(_mask)),
    "no EncryptedKey": Case("Signature", _PARTS, lambda: _edited(_drop("xenc:EncryptedKey"))),
    "no EncryptedData": Case("Signature", _PARTS, lambda: _edited(_drop("xenc:EncryptedData"))),
    "two EncryptedData": Case("Signature", _PARTS, lambda: _edited(_double("xenc:EncryptedData"))),
    "five EncryptedKey": Case("Signature", _PARTS, lambda: _edited(_double("xenc:EncryptedKey", 4))),
    "no CipherData": Case("Signature", _VALUE, lambda: _edited(_drop("xenc:CipherData"))),
    "two CipherValue": Case("Signature", _VALUE, lambda: _edited(_double("xenc:CipherValue"))),
    "a CipherValue that is no base64": Case("Signature", _VALUE, lambda: _edited(_text("xenc:CipherValue", "!?"))),
    "a CipherValue beyond ASCII": Case("Signature", _VALUE, lambda: _edited(_text("xenc:CipherValue", "ä"))),
    "another element encrypted": Case("Signature", _INSIDE, partial(_plain, b"<a/>")),
    "a Response encrypted": Case("Signature", _INSIDE, lambda: _plain(write(signed()))),
    "an assertion within an encrypted one": Case("Signature", _INSIDE, lambda: _plain(_nested())),
    "no key here": Case("Signature", "an unencrypted assertion", sealed, lambda: expected(private_keys=())),
    "two encrypted assertions": Case("Shape", ONE_ASSERTION, _two_encrypted),
    "an encrypted assertion elsewhere": Case("Shape", ONE_ASSERTION, _elsewhere),
    "an encrypted assertion with a signature elsewhere": Case(
        "Signature", "a signature directly in", lambda: _plain(_signature_in_subject())
    ),
    "an encrypted assertion with an id twice": Case("Signature", "unique ids", lambda: _plain(_id_twice())),
}
