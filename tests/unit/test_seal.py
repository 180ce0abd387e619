"""What is sealed under the pepper opens for its purpose alone, with its pepper alone, and as it was sealed alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.errors import WrongSetting
from vestibule.keys import Checker

CHECKER = Checker("a pepper of this test alone, 32 characters")
PURPOSE = "a purpose"


@given(st.binary(max_size=5_000), st.text(max_size=40))
def test_what_was_sealed_comes_back(plain: bytes, purpose: str) -> None:
    sealed = CHECKER.seal(plain, purpose)
    assert CHECKER.unseal(sealed, purpose) == plain
    assert len(sealed) == len(plain) + 28, "a nonce of 12 bytes and a tag of 16"


def test_the_same_is_never_sealed_the_same() -> None:
    assert len({CHECKER.seal(b"x", PURPOSE) for _ in range(50)}) == 50


@given(st.integers(min_value=0, max_value=8 * 33 - 1))
def test_one_bit_changed_and_it_does_not_open(bit: int) -> None:
    sealed = bytearray(CHECKER.seal(b"hello", PURPOSE))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WrongSetting, match="cannot be decrypted with the current pepper"):
        CHECKER.unseal(bytes(sealed), PURPOSE)


@pytest.mark.parametrize("length", range(33))
def test_cut_short_it_does_not_open(length: int) -> None:
    with pytest.raises(WrongSetting):
        CHECKER.unseal(CHECKER.seal(b"hello", PURPOSE)[:length], PURPOSE)


def test_another_purpose_or_another_pepper_does_not_open_it() -> None:
    sealed = CHECKER.seal(b"hello", PURPOSE)
    for checker, purpose in (
        (CHECKER, "another"),
        (CHECKER, ""),
        (Checker("another pepper, 32 characters too"), PURPOSE),
    ):
        with pytest.raises(WrongSetting) as refused:
            checker.unseal(sealed, purpose)
        assert "hello" not in refused.value.message
