"""Pages of a SCIM list, of resources of any type, in the order of their creation."""

from typing import Any, Final, NamedTuple

from vestibule.limits import LIST_BYTES
from vestibule.store.database import Reading, Row
from vestibule.store.where import Where

_FIRST_PIECE: Final = 8
_LARGEST_PIECE: Final = 250


class Listing(NamedTuple):
    """Which resources a list has: a table, what is read of each row, and which rows the client sees.

    The first of `columns` is the id, and `document` is one of them. `$1` in `scope` is the tenant; `values` begin with
    `$2`, and the parameters of `condition` follow them.
    """

    table: str
    columns: str
    scope: str
    values: tuple[Any, ...] = ()
    condition: Where | None = None

    @property
    def is_quick(self) -> bool:
        """Returns whether an index on a value leads to a few rows."""
        return self.condition is not None and self.condition.quick

    @property
    def test(self) -> str:
        return f"tenant_id = $1 AND {self.scope}" + (f" AND {self.condition.sql}" if self.condition else "")


async def page_rows(reading: Reading, listing: Listing, start: int, count: int) -> tuple[int, list[Row]]:
    """Returns how many rows a list has, and one page of them in the order of their ids. `start` is 1-based.

    The page ends early if the rows are large.
    """
    values = [reading.tenant, *listing.values, *(listing.condition.values if listing.condition else ())]
    rows, whole = await _page(reading, listing, values, start, count)
    if whole and len(rows) < count and (rows or start == 1):
        return start - 1 + len(rows), rows
    counted = await reading.one(f"SELECT count(*) FROM {listing.table} WHERE {listing.test}", *values)  # noqa: S608 -- made of constants and of `where`
    return (counted[0] if counted else 0), rows


async def _page(
    reading: Reading, listing: Listing, values: list[Any], start: int, count: int
) -> tuple[list[Row], bool]:
    """Returns the rows of a page, and whether the page is whole.

    They are read in pieces, so that no more than a piece is in memory beyond the limit: a few rows first, and then as
    many as fit if the others are like those.
    """
    # If an index on a value leads to a few rows, `id || ''` keeps the planner from reading all rows in the order of
    # ids.
    order = "id || ''" if listing.is_quick else "id"
    document_at = listing.columns.split(", ").index("document")
    at = len(values)
    rows: list[Row] = []
    size, piece, beyond = 0, min(_FIRST_PIECE, count), ""
    while piece:
        # Starting after a row that was read, nobody is skipped or returned twice, and the offset is not read again.
        test = f"{listing.test} AND id > ${at + 3}" if beyond else listing.test
        sql = f"SELECT {listing.columns} FROM {listing.table} WHERE {test} ORDER BY {order} LIMIT ${at + 1} OFFSET ${at + 2}"  # noqa: E501, S608 -- made of constants and of `where`
        more = await reading.all(sql, *values, piece, 0 if beyond else start - 1, *([beyond] if beyond else []))
        for row in more:
            document = row[document_at]
            size += len(document) if document.isascii() else len(document.encode())
            if rows and size > LIST_BYTES:
                return rows, False
            rows.append(row)
        if len(more) < piece:
            break
        beyond = rows[-1][0]
        fitting = max((LIST_BYTES - size) * len(rows) // (size + 1), 1)
        piece = min(fitting, _LARGEST_PIECE, count - len(rows))
    return rows, True
