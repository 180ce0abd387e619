"""The messages of /Bulk (RFC 7644 §3.7): reads a BulkRequest, and plans in which order its operations are carried out.

An operation that names `bulkId:x` is carried out after the POST that makes x, wherever that stands. If resources name
each other, one of them is made without the names of those that are not there yet, and they are added by a PATCH.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from vestibule.scim.errors import InvalidSyntax, InvalidValue, PayloadTooLarge, excerpt
from vestibule.scim.filter import Document
from vestibule.scim.messages import PATCH_OP
from vestibule.scim.resource import kind

BULK_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
MAX_BULK_OPERATIONS: Final = 1000
LARGEST_BULK: Final = 8 * 1024 * 1024
"""Bytes of the body of a bulk."""
BULK_PARTS: Final = 100_000
"""Values in it."""
_PREFIX: Final = "bulkId:"
_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class BulkOperation(NamedTuple):
    """One operation. `method` is in capitals, and whatever a client sent otherwise."""

    method: str
    path: str
    bulk_id: str
    version: str
    data: Any
    needs: frozenset[str]
    """The bulkIds that its path and data name."""


class Bulk(NamedTuple):
    """A BulkRequest."""

    operations: list[BulkOperation]
    order: list[int]
    """The places of the operations in the order in which they are carried out."""
    later: Mapping[int, frozenset[str]]
    """For some operations, the bulkIds that are added by a PATCH once all is made."""
    most_errors: int
    """After how many errors the rest is not carried out; 0 for never."""


def parse_bulk(body: Any) -> Bulk:
    """Returns a BulkRequest. What is wrong with a single operation is found when its turn comes.

    Raises:
        InvalidSyntax, InvalidValue: not a BulkRequest.
        PayloadTooLarge: more operations than one request may have.
    """
    sent = {name.lower(): value for name, value in body.items()} if isinstance(body, dict) else {}
    operations = sent.get("operations")
    if not isinstance(operations, list):
        raise InvalidSyntax("The body should be a BulkRequest message with a list named 'Operations'.")
    if len(operations) > MAX_BULK_OPERATIONS:
        raise PayloadTooLarge(
            f"A bulk may hold {MAX_BULK_OPERATIONS:,} operations; this one holds {len(operations):,}."
        )
    most = sent.get("failonerrors")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise InvalidValue("'failOnErrors' should be a whole number from 1 on.")
    read = [_operation(operation, number) for number, operation in enumerate(operations, 1)]
    makers: dict[str, int] = {}
    for at, operation in enumerate(read):
        if operation.bulk_id and operation.method == "POST":
            if operation.bulk_id in makers:
                raise InvalidValue(f"The bulkId '{excerpt(operation.bulk_id)}' was sent twice; send each once.")
            makers[operation.bulk_id] = at
    order, later = _plan(read, makers)
    return Bulk(read, order, later, most or 0)


def _operation(operation: Any, number: int) -> BulkOperation:
    if not isinstance(operation, dict):
        raise InvalidSyntax(f"Operation {number} of the bulk should be an object; got {kind(operation)}.")
    sent = {name.lower(): value for name, value in operation.items()}
    texts = {name: sent.get(name) or "" for name in ("method", "path", "bulkid", "version")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise InvalidSyntax(f"The '{name}' of operation {number} should be a text; got {kind(value)}.")
    data = sent.get("data")
    if isinstance(data, list):  # RFC 7644 §3.7.3 shows the operations of a PATCH so
        data = {"schemas": [PATCH_OP], "Operations": data}
    return BulkOperation(
        texts["method"].upper(),
        texts["path"],
        texts["bulkid"],
        texts["version"],
        data,
        frozenset(_named([texts["path"], data])),
    )


def target_of(operation: BulkOperation, endpoints: Mapping[str, Any], base_url: str) -> list[str]:
    """Returns the segments of an operation's path: an endpoint, and for anything but a POST an id.

    Raises:
        InvalidSyntax: there is no such operation.
    """
    if operation.method not in _METHODS:
        raise InvalidSyntax(
            f"The 'method' of an operation should be POST, PUT, PATCH or DELETE, not '{excerpt(operation.method)}'."
        )
    segments = segments_of(operation.path, base_url)
    wanted = 1 if operation.method == "POST" else 2
    if len(segments) != wanted or segments[0] not in endpoints:
        form = "/Users" if wanted == 1 else "/Users/{id}"
        raise InvalidSyntax(f"The 'path' of a {operation.method} in a bulk should be such as {form} or as for /Groups.")
    if operation.method != "DELETE" and operation.data is None:
        raise InvalidSyntax(f"A {operation.method} in a bulk needs 'data'.")
    return segments


def segments_of(path: str, base_url: str) -> list[str]:
    """Returns the segments of an operation's path, which may begin with the base URL."""
    return [part for part in path.removeprefix(base_url).split("/") if part]


def _named(value: Any) -> Iterator[str]:
    """Yields the bulkIds that a value names. The body's nesting is bounded when it is parsed."""
    match value:
        case str():
            if (name := _reference(value)) is not None:
                yield name
        case list():
            for element in value:
                yield from _named(element)
        case dict():
            for part in value.values():
                yield from _named(part)


def _reference(text: str) -> str | None:
    """Returns the bulkId that a text is a reference to, such as `bulkId:x` or `/Users/bulkId:x`."""
    before, found, name = text.rpartition(_PREFIX)
    return name if found and name and (not before or before.endswith("/")) else None


def resolve(value: Any, ids: Mapping[str, str]) -> Any:
    """Returns a value with an id in the place of each bulkId.

    Raises:
        InvalidValue: a bulkId names no operation that made something.
    """
    match value:
        case str():
            name = _reference(value)
            if name is None:
                return value
            if name not in ids:
                raise InvalidValue(f"'bulkId:{excerpt(name)}' names no operation of this bulk that made a resource.")
            return value.removesuffix(_PREFIX + name) + ids[name]
        case list():
            return [resolve(element, ids) for element in value]
        case dict():
            return {name: resolve(part, ids) for name, part in value.items()}
        case _:
            return value


def parted(data: Document, later: frozenset[str], above: str = "") -> tuple[Document, list[Document]]:
    """Returns a resource without what names some bulkIds, and the operations of a PATCH that adds it."""
    now: Document = {}
    added: list[Document] = []
    for name, value in data.items():
        path = f"{above}{name}"
        if later.isdisjoint(_named(value)):
            now[name] = value
        elif isinstance(value, list):
            now[name] = [element for element in value if later.isdisjoint(_named(element))]
            waiting = [element for element in value if not later.isdisjoint(_named(element))]
            added.append({"op": "add", "path": path, "value": waiting})
        elif isinstance(value, dict) and name.lower().startswith("urn:"):
            now[name], below = parted(value, later, f"{path}:")
            added += below
        else:
            added.append({"op": "add", "path": path, "value": value})
    return now, added


def _plan(operations: list[BulkOperation], makers: Mapping[str, int]) -> tuple[list[int], dict[int, frozenset[str]]]:
    """Returns an order in which what is needed is made first, and what has to be added later for that. A depth-first
    search without recursion.
    """
    order: list[int] = []
    later: dict[int, set[str]] = {}
    begun: set[int] = set()
    done: set[int] = set()
    for root in range(len(operations)):
        if root in begun:
            continue
        begun.add(root)
        ahead = [(root, iter(sorted(operations[root].needs)))]
        while ahead:
            at, needs = ahead[-1]
            name = next(needs, None)
            if name is None:
                ahead.pop()
                done.add(at)
                order.append(at)
                continue
            maker = makers.get(name)
            if maker is None or maker in done:
                continue
            if maker in begun:  # it is being made, and needs this one
                later.setdefault(at, set()).add(name)
            else:
                begun.add(maker)
                ahead.append((maker, iter(sorted(operations[maker].needs))))
    return order, {at: frozenset(names) for at, names in later.items()}
