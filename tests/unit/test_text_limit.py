"""How long one text of a resource may be, however it comes."""

from collections.abc import Callable

import pytest

from vestibule.scim.discovery import schemas
from vestibule.scim.errors import InvalidValue
from vestibule.scim.messages import parse_patch
from vestibule.scim.patch import apply_patch
from vestibule.scim.resource import MAX_TEXT, clean
from vestibule.scim.schema import INDEXED_BYTES, USER, USER_TYPE

PERSON = {"schemas": [USER], "userName": "ana@north.example", "active": True}


def post(nick_name: str) -> str:
    return str(clean(PERSON | {"nickName": nick_name}, USER_TYPE)[0]["nickName"])


def patch(nick_name: str) -> str:
    body = {"Operations": [{"op": "replace", "path": "nickName", "value": nick_name}]}
    return str(apply_patch(PERSON, parse_patch(body), USER_TYPE)[0]["nickName"])


@pytest.mark.parametrize("send", [post, patch])
@pytest.mark.parametrize("character", ["a", "é", "山", "😀"])
def test_a_text_is_measured_in_bytes_of_utf_8(send: Callable[[str], str], character: str) -> None:
    longest = character * (MAX_TEXT // len(character.encode()))
    assert send(longest) == longest
    size = len((longest + character).encode())
    with pytest.raises(InvalidValue, match=f"'nickName' may take 65,536 bytes; this one takes {size:,}"):
        send(longest + character)


def test_a_text_inside_a_value_is_measured_as_well() -> None:
    with pytest.raises(InvalidValue, match=r"'addresses\.streetAddress' may take 65,536 bytes"):
        clean(PERSON | {"addresses": [{"streetAddress": "x" * (MAX_TEXT + 1)}]}, USER_TYPE)


def test_the_schemas_say_how_long_a_value_may_be() -> None:
    user = next(each for each in schemas("https://scim.example") if each["id"] == USER)
    described = {each["name"]: each["description"] for each in user["attributes"]}
    assert described["nickName"].endswith(f" At most {MAX_TEXT:,} bytes of UTF-8.")
    assert described["userName"].endswith(f" At most {INDEXED_BYTES:,} bytes of UTF-8.")
    assert "bytes" not in described["active"] + described["name"]
