"""Pages of a list that is sorted, is walked by cursor, or has resources of several types.

The places of a page are found first, as (type, id, key), and then the resources are read by their ids: so a sort reads
no document, and the piecewise reading of large resources does not sort again.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from vestibule.limits import LIST_BYTES
from vestibule.store.database import Reading, Row
from vestibule.store.listing import Listing
from vestibule.store.sorting import Position, SortKey, beyond, order_by

_FIRST_PIECE: Final = 8
_LARGEST_PIECE: Final = 250


class Sorted(NamedTuple):
    """A list over one or more types. The parameters of all conditions are numbered on, the first from 3."""

    listings: Sequence[Listing]
    keys: Sequence[SortKey] | None = None
    """What the resources of each listing are sorted by; None for the order of creation."""
    descending: bool = False


class Found(NamedTuple):
    """A resource on a page: which listing it is from, its row, and its place."""

    listing: int
    row: Row
    place: Position


class FoundPage(NamedTuple):
    """One page, in the order of the list."""

    total: int
    found: list[Found]
    goes_on: bool
    """Whether there are more in the direction in which the page was read."""


async def page_by_index(reading: Reading, wanted: Sorted, start: int, count: int) -> FoundPage:
    """Returns the page that begins at `start`, which is 1-based."""
    return await _page(reading, wanted, count, offset=start - 1)


async def page_by_position(
    reading: Reading, wanted: Sorted, position: Position | None, count: int, *, backwards: bool
) -> FoundPage:
    """Returns the page behind a position, or the one before it."""
    if not backwards:
        return await _page(reading, wanted, count, position)
    page = await _page(reading, wanted._replace(descending=not wanted.descending), count, position)
    return page._replace(found=page.found[::-1])


async def _page(
    reading: Reading, wanted: Sorted, count: int, position: Position | None = None, offset: int = 0
) -> FoundPage:
    values = [reading.tenant, *wanted.listings[0].values]
    for listing in wanted.listings:
        values += listing.condition.values if listing.condition else ()
    places = await _places(reading, wanted, list(values), position, count + 1, offset) if count else []
    found = await _read(reading, wanted.listings, places[:count])
    if places and not found:  # all of them were deleted in this moment
        return await _page(reading, wanted, count, Position(places[-1][2], places[-1][1]))
    goes_on = len(found) < len(places)
    if not goes_on and position is None and (places or (count and not offset)):
        return FoundPage(offset + len(found), found, goes_on=False)
    counts = " + ".join(f"(SELECT count(*) FROM {each.table} WHERE {each.test})" for each in wanted.listings)  # noqa: S608 -- made of constants and of `where`
    counted = await reading.one(f"SELECT {counts}", *values)
    return FoundPage(counted[0] if counted else 0, found, goes_on)


async def _places(
    reading: Reading, wanted: Sorted, values: list[Any], position: Position | None, limit: int, offset: int
) -> list[Row]:
    """Returns (listing, id, key) of the resources on a page."""
    key_at = id_at = ""
    has_key = position is not None and position.key is not None
    if position is not None:
        values.append(position.id)
        id_at = f"${len(values)}"
        if has_key:
            values.append(position.key)
            key_at = f"${len(values)}"
    selects = []
    for number, listing in enumerate(wanted.listings):
        key = wanted.keys[number] if wanted.keys is not None else None
        test = listing.test
        if position is not None:
            test += f" AND {beyond(key, has_key, key_at, id_at, descending=wanted.descending)}"
        # If an index on a value leads to a few rows, `id || ''` keeps the planner from reading all of them in order.
        identifier = "id || ''" if listing.is_quick else "id"
        selects.append(
            f"SELECT {number} AS listing, {identifier} AS id, {key.sql if key else 'NULL'} AS k "  # noqa: S608 -- as above
            f"FROM {listing.table} WHERE {test}"
        )
    nullable = wanted.keys is not None and any(key.nullable for key in wanted.keys)
    order = order_by("k" if wanted.keys else "", "id", nullable=nullable, descending=wanted.descending)
    values += [limit, offset]
    sql = f"SELECT listing, id, k FROM ({' UNION ALL '.join(selects)}) AS places ORDER BY {order}"  # noqa: S608 -- as above
    return await reading.all(f"{sql} LIMIT ${len(values) - 1} OFFSET ${len(values)}", *values)


async def _read(reading: Reading, listings: Sequence[Listing], places: list[Row]) -> list[Found]:
    """Returns the resources at some places, as many as fit into a list; whoever was deleted meanwhile is left out."""
    found: list[Found] = []
    at, size, piece = 0, 0, _FIRST_PIECE
    while at < len(places):
        some = places[at : at + piece]
        rows: dict[str, Row] = {}
        for number, listing in enumerate(listings):
            ids = [place[1] for place in some if place[0] == number]
            if ids:
                marks = ", ".join(f"${each}" for each in range(2, len(ids) + 2))
                sql = f"SELECT {listing.columns} FROM {listing.table} WHERE tenant_id = $1 AND id IN ({marks})"  # noqa: S608 -- as above
                rows |= {row[0]: row for row in await reading.all(sql, reading.tenant, *ids)}
        for number, id_, key in some:
            row = rows.get(id_)
            if row is None:
                continue
            document = row[listings[number].columns.split(", ").index("document")]
            size += len(document) if document.isascii() else len(document.encode())
            if found and size > LIST_BYTES:
                return found
            found.append(Found(number, row, Position(key, id_)))
        at += len(some)
        piece = min(max((LIST_BYTES - size) * max(len(found), 1) // (size + 1), 1), _LARGEST_PIECE)
    return found
