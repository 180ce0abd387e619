"""Whatever is done to a signed response: either it is refused, or what is read is what was signed."""

import contextlib
import random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.saml.factory import Node, Said, expected, read, sealed, signed, write
from tests.saml.keys import NOW, once
from vestibule.saml.binding import decode_posted, decode_redirected, signed_part
from vestibule.saml.errors import SamlError
from vestibule.saml.response import Assertion, examine
from vestibule.saml.times import read_instant, write_instant

KINDS: Final = ("assertion", "response", "both", "encrypted")
quick = settings(max_examples=150, deadline=None, database=None)


def _document(kind: str) -> bytes:
    def make() -> bytes:
        said = Said(attributes='<saml:AttributeStatement><saml:Attribute Name="groups"/></saml:AttributeStatement>')
        return write(sealed(said) if kind == "encrypted" else signed(said, kind))

    return once(f"property {kind}", make)


def _read(document: bytes) -> Assertion | None:
    return examine(document, expected(), NOW).assertion


def _holds(kind: str, document: bytes) -> None:
    was, is_ = _read(_document(kind)), _read(document)
    assert was is not None
    assert is_ is None or is_ == was


@quick
@given(st.sampled_from(KINDS), st.data())
def test_bytes_that_are_changed(kind: str, data: st.DataObject) -> None:
    text = bytearray(_document(kind))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        end = at + data.draw(st.integers(0, 8))
        text[at:end] = data.draw(st.binary(max_size=8) | st.sampled_from([b"<", b">", b'"', b"<!---->", b"&#0;", b" "]))
    _holds(kind, bytes(text))


def _elements(root: Node) -> list[Node]:
    return list(root.iter())


@quick
@given(st.sampled_from(KINDS), st.integers(0, 2**32))
def test_elements_that_are_moved_copied_or_taken_out(kind: str, seed: int) -> None:
    dice = random.Random(seed)
    root = read(_document(kind))
    for _ in range(dice.randint(1, 3)):
        found, place = dice.choice(_elements(root)[1:] or [root]), dice.choice(_elements(root))
        if found is root or place in _elements(found):
            continue
        what = dice.choice(("move", "copy", "remove", "rename"))
        if what == "remove":
            parent = found.getparent()
            assert parent is not None
            parent.remove(found)
        elif what == "rename":
            found.tag = place.tag
        else:
            moved = found if what == "move" else read(write(found))
            place.insert(dice.randint(0, len(place)), moved)
    _holds(kind, write(root))


@quick
@given(st.sampled_from(KINDS), st.integers(0, 2**32), st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_attributes_and_texts_that_are_changed(kind: str, seed: int, value: str) -> None:
    dice = random.Random(seed)
    root = read(_document(kind))
    found = dice.choice(_elements(root))
    if found.attrib and dice.random() < 0.7:
        found.set(dice.choice(list(found.attrib)), value)
    else:
        found.text = value
    try:
        text = write(root)
    except UnicodeEncodeError:
        return
    _holds(kind, text)


@quick
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<a>{text}</a>".encode()))
def test_any_bytes_are_refused(text: bytes) -> None:
    assert _read(text) is None


@quick
@given(st.text(max_size=100))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    for decode in (decode_posted, decode_redirected):
        with contextlib.suppress(SamlError):
            assert isinstance(decode(text), bytes)
    with contextlib.suppress(SamlError):
        assert isinstance(signed_part(text, "SAMLRequest"), bytes)


@quick
@given(st.integers(0, 4_000_000_000))
def test_a_time_that_is_written_is_read_again(second: int) -> None:
    assert read_instant(write_instant(second * 1000), "it") == second * 1000


@quick
@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        assert isinstance(read_instant(text, "it"), int)
    except SamlError as error:
        assert error.wanted == "a time in UTC as it"
