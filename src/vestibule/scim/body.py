"""Parses a request body from JSON, and refuses what later steps cannot handle.

Refused are characters that JSON parsers accept but databases do not (NUL, lone surrogates, NaN), deep nesting that
would exhaust a recursion, very many values that would block the event loop, and duplicate names in one object, which
are ambiguous.

The checks are exact, and cheap for the bodies that identity providers send: counting bytes is usually enough to show
that nothing can be wrong. Only if it is not, the text is examined in detail.
"""

import json
import re
from typing import Any, Final

import orjson

from vestibule.scim.errors import InvalidSyntax, TooMany, named

MAX_BODY: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_PARTS: Final = 10_000
"""How many values a body may have, counting objects, lists and what is in them. It limits the cost of parsing."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"{}[]")


def decode(body: bytes, most_parts: int = MAX_PARTS) -> Any:
    """Returns a request's body as a JSON value. A byte order mark at its beginning is ignored.

    Raises:
        InvalidSyntax: not JSON in UTF-8, nested too deep, a duplicate name in one object, or a character that no
            database accepts.
        TooMany: more values than one body may have.
    """
    if body.startswith(_BYTE_ORDER_MARK):
        body = body[3:]
    many = len(body) > most_parts and body.count(b",") > most_parts - MAX_DEPTH
    if many or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_structure(body, most_parts)
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


def _check_structure(body: bytes, most_parts: int) -> None:
    """Refuse a body that nests too deep or holds too many values. Linear, and without recursion."""
    bare = _STRING.sub(b"", body)
    depth = 0
    for bracket in bare.translate(None, _NO_BRACKETS)[: 2 * most_parts]:
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            raise InvalidSyntax(f"The body may nest {MAX_DEPTH} deep; this one nests deeper.")
    parts = bare.count(b",") + bare.count(b"{") + bare.count(b"[")
    if parts > most_parts:
        raise TooMany(f"A body may hold {most_parts:,} values; this one holds {parts:,}.")


def _count_names(value: Any) -> int:
    """Returns the number of names in all objects of a value."""
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
    """Refuse an object with a duplicate name: orjson would silently keep the last value.

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
