"""Reading a body: JSON text to a value.

What a JSON parser would take and a database would not (NUL, lone surrogates, NaN), what would exhaust a recursion
(depth), what would keep the event loop busy (very many values) and what says two things at once (a name that comes
twice in one object) is refused here, before anything else looks at the body.

The checks are exact, and cheap for the bodies that identity providers send: a count of bytes shows that nothing can be
wrong, and only where it does not show that is the text looked at closely.
"""

import json
import re
from typing import Any, Final

import orjson

from vestibule.scim.errors import InvalidSyntax, TooMany, named

MAX_BODY: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_PARTS: Final = 10_000
"""How many values a body may hold, each object and list counted with what is in it: it bounds what reading it costs."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"{}[]")


def decode(body: bytes) -> Any:
    """A request's body as a JSON value. A byte order mark in front of it is passed over.

    Raises:
        InvalidSyntax: not JSON in UTF-8, nested too deep, a name that comes twice in one object, or a character that no
            database takes.
        TooMany: more values than are taken in one body.
    """
    if body.startswith(_BYTE_ORDER_MARK):
        body = body[3:]
    many = len(body) > MAX_PARTS and body.count(b",") > MAX_PARTS - MAX_DEPTH
    if many or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_structure(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidSyntax(
            f"The body should be JSON in UTF-8; reading it failed at character {error.pos + 1}."
        ) from None
    # orjson keeps the last of two equal names, so that the value, written again, has fewer colons than the body. It
    # can have more only where a text of the body holds a colon as `\u003a`.
    escaped = b"\\" in body and b"\\u" in body
    if escaped or body.count(b":") != orjson.dumps(value).count(b":"):
        _check_names(body, value)
    if escaped and b"\\u0000" in body and _holds_nul(value):
        raise InvalidSyntax("The body holds a NUL character (\\u0000), which no attribute may have.")
    return value


def _check_structure(body: bytes) -> None:
    """Refuse a body that nests too deep or holds too many values. Linear, and without recursion."""
    bare = _STRING.sub(b"", body)
    depth = 0
    for bracket in bare.translate(None, _NO_BRACKETS)[: 2 * MAX_PARTS]:
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            raise InvalidSyntax(f"The body may nest {MAX_DEPTH} deep; this one nests deeper.")
    parts = bare.count(b",") + bare.count(b"{") + bare.count(b"[")
    if parts > MAX_PARTS:
        raise TooMany(f"A body may hold {MAX_PARTS:,} values; this one holds {parts:,}.")


def _count_names(value: Any) -> int:
    """How many names the objects of a value have."""
    count, parts = 0, value
    if value.__class__ is dict:
        count, parts = len(value), value.values()
    elif value.__class__ is not list:
        return 0
    for part in parts:
        if part.__class__ is dict or part.__class__ is list:
            count += _count_names(part)
    return count


def _check_names(body: bytes, value: Any) -> None:
    """Refuse an object in which a name comes twice: orjson keeps the last value and says nothing.

    Outside of strings, a JSON text has one colon for each name.
    """
    if _STRING.sub(b"", body).count(b":") != _count_names(value):
        json.loads(body, object_pairs_hook=_distinct, parse_int=str, parse_float=str)


def _distinct(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if name in found:
            raise InvalidSyntax(f"'{named(name)}' was sent twice in one object; send each name once.")
        found[name] = value
    return found


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\x00" in value
        case list():
            return any(map(_holds_nul, value))
        case dict():
            return any(_holds_nul(name) or _holds_nul(part) for name, part in value.items())
        case _:
            return False
