"""The messages of the protocol: JSON text to requests, answers to JSON text (RFC 7644 §3).

Input limits are kept here, before anything else looks at a body: what a JSON parser would take and a database would not
(NUL, lone surrogates, NaN) and what would exhaust a recursion (depth) is refused with 400.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from vestibule.scim.errors import InvalidSyntax, InvalidValue, TooMany, excerpt
from vestibule.scim.patch import Operation, Verb
from vestibule.scim.resource import kind

MEDIA_TYPE: Final = "application/scim+json"
LIST_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

MAX_BODY: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_OPERATIONS: Final = 1000
DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000

_VERBS: Final[dict[str, Verb]] = {"add": "add", "replace": "replace", "remove": "remove"}


def decode(body: bytes) -> Any:
    """A request's body as a JSON value.

    Raises:
        InvalidSyntax: not JSON in UTF-8, nested too deep, or with a character that no storage takes.
    """
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise InvalidSyntax(f"The body may nest {MAX_DEPTH} deep; this one nests deeper.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidSyntax(
            f"The body should be JSON in UTF-8; reading it failed at character {error.pos + 1}."
        ) from None
    if b"\\u0000" in body and _holds_nul(value):
        raise InvalidSyntax("The body holds a NUL character (\\u0000), which no attribute may have.")
    return value


def _depth(body: bytes) -> int:
    """How deep the brackets of a JSON text nest, those inside its strings not counted. Linear, and without
    recursion.
    """
    depth = deepest = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif byte in b"}]":
            depth -= 1
    return deepest


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


def parse_patch(body: Any) -> list[Operation]:
    """The operations of a PatchOp message, in their order. An empty list is a request for no change.

    Raises:
        InvalidSyntax: not a PatchOp, or an operation without what it needs.
        TooMany: more operations than are taken in one request.
    """
    operations = _members(body).get("operations") if isinstance(body, dict) else None
    if not isinstance(operations, list):
        raise InvalidSyntax("The body of a PATCH should be a PatchOp message with a list named 'Operations'.")
    if len(operations) > MAX_OPERATIONS:
        raise TooMany(f"A PATCH may hold {MAX_OPERATIONS:,} operations; this one holds {len(operations):,}.")
    return [_parse_operation(operation, number) for number, operation in enumerate(operations, 1)]


def _parse_operation(operation: Any, number: int) -> Operation:
    if not isinstance(operation, dict):
        raise InvalidSyntax(f"Operation {number} should be an object; {kind(operation)} came.")
    members = _members(operation)
    named = members.get("op")
    verb = _VERBS.get(named.lower()) if isinstance(named, str) else None
    if verb is None:
        came = f"'{excerpt(named)}'" if isinstance(named, str) else kind(named)
        raise InvalidSyntax(f"The 'op' of operation {number} should be add, replace or remove; {came} came.")
    path = members.get("path")
    if path is not None and not isinstance(path, str):
        raise InvalidSyntax(f"The 'path' of operation {number} should be a text; {kind(path)} came.")
    if verb != "remove" and "value" not in members:
        raise InvalidValue(f"Operation {number}, '{verb}', needs a 'value'.")
    return Operation(verb, path.strip() or None if path else None, members.get("value"))


def _members(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message by its names in lower case; the first of those that are alike counts."""
    members: dict[str, Any] = {}
    for name, value in message.items():
        members.setdefault(name.lower(), value)
    return members


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list a client wants: 1-based `start`, at most `count` of them (RFC 7644 §3.4.2.4)."""

    start: int
    count: int


def parse_page(start_index: str | None, count: str | None) -> Page:
    """The `startIndex` and `count` parameters, brought within their limits as the RFC says.

    Raises:
        InvalidValue: not a whole number.
    """
    return Page(
        max(1, _whole("startIndex", start_index, 1)),
        min(MAX_PAGE, max(0, _whole("count", count, DEFAULT_PAGE))),
    )


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None or not text.strip():
        return default
    digits = text.strip().removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidValue(f"'{name}' should be a whole number; '{excerpt(text)}' came.")
    size = int(digits) if len(digits) <= 18 else 10**18
    return -size if text.strip().startswith("-") else size


def list_response(total: int, start: int, resources: Iterable[bytes]) -> bytes:
    """A ListResponse around resources that are JSON already. `itemsPerPage` is how many are in it (wire facts 1.9)."""
    items = list(resources)
    return b'{"schemas":["%b"],"totalResults":%d,"startIndex":%d,"itemsPerPage":%d,"Resources":[%b]}' % (
        LIST_RESPONSE.encode(),
        total,
        start,
        len(items),
        b",".join(items),
    )
