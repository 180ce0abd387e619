"""The protocol's messages: reads PatchOp and list parameters, writes ListResponse (RFC 7644 §3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from vestibule.scim.errors import InvalidCount, InvalidSyntax, InvalidValue, TooMany, excerpt
from vestibule.scim.patch import Operation, Verb
from vestibule.scim.resource import kind

MEDIA_TYPE: Final = "application/scim+json"
LIST_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

MAX_OPERATIONS: Final = 1000
DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000

_VERBS: Final[dict[str, Verb]] = {"add": "add", "replace": "replace", "remove": "remove"}


def parse_patch(body: Any, most: int = MAX_OPERATIONS) -> list[Operation]:
    """Read a PatchOp message. An empty list of operations is a request for no change.

    Returns the operations in their order.

    Raises:
        InvalidSyntax: not a PatchOp, or an operation in which something is missing.
        TooMany: more operations than one request may have.
    """
    operations = _members(body).get("operations") if isinstance(body, dict) else None
    if not isinstance(operations, list):
        raise InvalidSyntax("The body of a PATCH should be a PatchOp message with a list named 'Operations'.")
    if len(operations) > most:
        raise TooMany(f"A PATCH may hold {most:,} operations; this one holds {len(operations):,}.")
    return [_parse_operation(operation, number) for number, operation in enumerate(operations, 1)]


def _parse_operation(operation: Any, number: int) -> Operation:
    if not isinstance(operation, dict):
        raise InvalidSyntax(f"Operation {number} should be an object; got {kind(operation)}.")
    members = _members(operation)
    named = members.get("op")
    verb = _VERBS.get(named.lower()) if isinstance(named, str) else None
    if verb is None:
        came = f"'{excerpt(named)}'" if isinstance(named, str) else kind(named)
        raise InvalidSyntax(f"The 'op' of operation {number} should be add, replace or remove; got {came}.")
    path = members.get("path")
    if path is not None and not isinstance(path, str):
        raise InvalidSyntax(f"The 'path' of operation {number} should be a text; got {kind(path)}.")
    if verb != "remove" and "value" not in members:
        raise InvalidValue(f"Operation {number}, '{verb}', needs a 'value'.")
    return Operation(verb, path.strip() or None if path else None, members.get("value"))


def _members(message: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a message's members by their names in lower case.

    Raises:
        InvalidSyntax: a name was sent twice, in different spellings.
    """
    members = {name.lower(): value for name, value in message.items()}
    if len(members) < len(message):
        raise InvalidSyntax("A name of the message was sent twice, in different spellings; send each name once.")
    return members


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that a client wants: 1-based `start`, at most `count` of them (RFC 7644 §3.4.2.4)."""

    start: int
    count: int


def parse_page(start_index: str | None, count: str | None) -> Page:
    """Returns the `startIndex` and `count` parameters, clamped to their limits as the RFC says.

    Raises:
        InvalidValue: not a whole number.
    """
    return Page(
        max(1, _whole("startIndex", start_index, 1)),
        min(MAX_PAGE, max(0, _whole("count", count, DEFAULT_PAGE))),
    )


def parse_cursor_count(count: str | None) -> int:
    """Returns the `count` parameter beside a cursor, cut to the largest page (RFC 9865 §2).

    Raises:
        InvalidCount: not a whole number from 1 on.
    """
    try:
        wanted = _whole("count", count, DEFAULT_PAGE)
    except InvalidValue as error:
        raise InvalidCount(error.detail) from None
    if wanted < 1:
        raise InvalidCount(f"Beside a cursor 'count' should be from 1 to {MAX_PAGE:,}; got {wanted:,}.")
    return min(MAX_PAGE, wanted)


_LISTS: Final = frozenset({"attributes", "excludedattributes"})
_TEXTS: Final = frozenset({"filter", "sortby", "sortorder", "cursor"})
_NUMBERS: Final = frozenset({"startindex", "count"})


def parse_search(body: Any) -> dict[str, str]:
    """Returns a SearchRequest (RFC 7644 §3.4.3) as the parameters of a query, by lower-case name. Names that it does
    not have are ignored.

    Raises:
        InvalidSyntax: not an object.
        InvalidValue: a parameter of the wrong type.
    """
    if not isinstance(body, dict):
        raise InvalidSyntax(f"The body should be a SearchRequest message, an object; got {kind(body)}.")
    query: dict[str, str] = {}
    for name, value in _members(body).items():
        if value is None:
            continue
        if name in _LISTS and isinstance(value, list) and all(isinstance(each, str) for each in value):
            query[name] = ",".join(value)
        elif name in _LISTS | _TEXTS and isinstance(value, str):
            query[name] = value
        elif name in _NUMBERS and isinstance(value, int | str) and not isinstance(value, bool):
            query[name] = str(value)
        elif name in _LISTS | _TEXTS | _NUMBERS:
            wanted = "a list of texts" if name in _LISTS else "a text" if name in _TEXTS else "a whole number"
            raise InvalidValue(f"'{name}' of a SearchRequest should be {wanted}; got {kind(value)}.")
    return query


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None or not text.strip():
        return default
    digits = text.strip().removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidValue(f"'{name}' should be a whole number; got '{excerpt(text)}'.")
    size = int(digits) if len(digits) <= 18 else 10**18
    return -size if text.strip().startswith("-") else size


class ListHead(NamedTuple):
    """What a ListResponse says beside its resources."""

    total: int
    start: int | None = 1
    """The `startIndex`; None for a list that is walked by cursor."""
    next_cursor: str = ""
    previous_cursor: str = ""


def list_response(head: ListHead, resources: Iterable[bytes], count: int | None = None) -> bytes:
    """Returns a ListResponse of resources that are already JSON. `itemsPerPage` is how many it has (wire facts 1.9), or
    `count`, if the resources are put in later.
    """
    items = list(resources)
    place = "" if head.start is None else f'"startIndex":{head.start},'
    if head.previous_cursor:
        place += f'"previousCursor":"{head.previous_cursor}",'
    if head.next_cursor:
        place += f'"nextCursor":"{head.next_cursor}",'
    return b'{"schemas":["%b"],"totalResults":%d,%b"itemsPerPage":%d,"Resources":[%b]}' % (
        LIST_RESPONSE.encode(),
        head.total,
        place.encode(),
        len(items) if count is None else count,
        b",".join(items),
    )
