"""What an event keeps of a request: never the value of what is called like a secret, nor a Secret typed as a Key."""

import pytest

from vestibule.events import HIDDEN, redacted, redacted_query, redacted_text
from vestibule.keys import make_pair, shortened, shortened_guess

SECRET_NAMES = [
    *("password", "Password", "newPassword", "passwd", "PASSWD", "old_passwd", "pwd", "userPwd", "passphrase"),
    *("passcode", "clientSecret", "api_token", "pin", "PIN", "Pin", "userPin", "userPIN", "pinCode", "pin_code"),
    *("sim-pin", "urn:example:pin"),
]
PLAIN_NAMES = ["shipping", "opinion", "spin", "pinned", "Pinot", "shoppingCart", "pine", "displayName", "Alpine"]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_what_is_called_like_a_secret_is_not_kept(name: str) -> None:
    assert redacted({name: "1234", "userName": "ana"}) == {name: HIDDEN, "userName": "ana"}
    assert redacted({"op": "add", "path": name, "value": "1234"})["value"] == HIDDEN
    assert redacted_query(f"{name}=1234&count=1") == f"{name}={HIDDEN}&count=1"
    assert redacted_text(f'{name} eq "1234"') == f'{name} eq "{HIDDEN}"'


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_what_only_contains_such_letters_is_kept(name: str) -> None:
    assert redacted({name: "1234"}) == {name: "1234"}


def test_of_what_was_typed_as_a_key_and_is_none_little_is_kept() -> None:
    pair = make_pair()
    assert shortened_guess(pair.key) == shortened(pair.key)
    assert shortened_guess("hunter2") == "h…"
    assert shortened_guess("a1b") == "…"
    assert shortened_guess("ana.reis@north.example") == "ana.…"
    assert shortened_guess(pair.secret) == f"{pair.secret[:4]}…"
