"""Which passwords are accepted: long enough, not common or easily guessed, and not about the account."""

import pytest

from vestibule.actions.passwords import LONGEST, SHORTEST, check_new_password
from vestibule.errors import WrongInput

EMAIL = "ana.reis@north.example"
NAMES = ("north-works", "North Works Ltd")


def refusal(password: str, email: str = EMAIL, *names: str) -> str:
    """Why a password is refused; empty if it is not."""
    try:
        check_new_password(password, email, *(names or NAMES))
    except WrongInput as refused:
        assert refused.field == "password"
        assert password not in refused.message, "a password is repeated nowhere"
        return refused.message
    return ""


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "seven quiet lamps over water",
        "only small letters are fine",
        "zqxjkvbpwmfyhdlg",
        "пять тихих ламп над водой",
        "x" * 3 + " lamps over sand " + "7" * 3,
        "4@8({[<3691!|7105$5+7%2" * 5,
    ],
)
def test_no_kind_of_character_is_asked_for(password: str) -> None:
    assert refusal(password) == ""


@pytest.mark.parametrize(
    "password",
    [
        "password12345678",
        "passwordpassword",
        "p4ssw0rdp4ssw0rd",
        "PASSWORDpassword",
        "123456789012345",
        "qwertyuiopasdfgh",
        "abcdefghijklmno",
        "iloveyouiloveyou",
        "adminadminadmin",
        "aaaaaaaaaaaaaaaaaaaa",
        "aaaaabbbbbccccc",
        "unbelievable1234",
    ],
)
def test_what_everybody_tries_is_refused(password: str) -> None:
    assert "common or easily guessed" in refusal(password)


@pytest.mark.parametrize(
    ("password", "what"),
    [
        ("quiet ANA.REIS@north.example lamps", "your e-mail address"),
        ("quiet lamps Ana.Reis over water", "your e-mail address"),
        ("quiet lamps north-works over water", "the name of your organisation"),
        ("quiet lamps NORTH WORKS LTD water", "the name of your organisation"),
        ("quiet lamps Vestibule over water", "the name of this service"),
    ],
)
def test_what_is_connected_with_the_account_is_refused(password: str, what: str) -> None:
    assert f"should not contain {what}" in refusal(password)


def test_a_part_of_the_email_is_refused() -> None:
    assert "part of your e-mail address" in refusal("reis@north.example")


def test_short_names_are_in_too_many_words() -> None:
    assert refusal("banana lamps over water", "ana@north.example", "it") == ""


@pytest.mark.parametrize(
    ("length", "accepted"), [(SHORTEST - 1, False), (SHORTEST, True), (LONGEST, True), (LONGEST + 1, False)]
)
def test_length_is_what_counts(length: int, accepted: bool) -> None:
    password = ("seven quiet lamps over the cold water " * 4)[:length]
    assert (refusal(password) == "") is accepted
