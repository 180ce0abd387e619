"""The protocol's messages: reads PatchOp and list parameters, writes ListResponse (RFC 7644 §3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vestibule.scim.errors import InvalidSyntax, InvalidValue, TooMany, excerpt
from vestibule.scim.patch import Operation, Verb
from vestibule.scim.resource import kind

MEDIA_TYPE: Final = "application/scim+json"
LIST_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

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
        raise InvalidSyntax("A name of a PatchOp message was sent twice, in different spellings; send each name once.")
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


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None or not text.strip():
        return default
    digits = text.strip().removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidValue(f"'{name}' should be a whole number; got '{excerpt(text)}'.")
    size = int(digits) if len(digits) <= 18 else 10**18
    return -size if text.strip().startswith("-") else size


def list_response(total: int, start: int, resources: Iterable[bytes], count: int | None = None) -> bytes:
    """Returns a ListResponse of resources that are already JSON. `itemsPerPage` is how many it has (wire facts 1.9), or
    `count`, if the resources are put in later.
    """
    items = list(resources)
    return b'{"schemas":["%b"],"totalResults":%d,"startIndex":%d,"itemsPerPage":%d,"Resources":[%b]}' % (
        LIST_RESPONSE.encode(),
        total,
        start,
        len(items) if count is None else count,
        b",".join(items),
    )
