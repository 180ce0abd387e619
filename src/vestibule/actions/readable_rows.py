"""Checks that every stored row can be read, and that JSON columns contain JSON of the right type.

Rows are read in pages, so that a table may be larger than memory. If the engine cannot read a page, its rows are read
one by one to find the damaged ones. A finding names table, row and column, but quotes no data, which may be personal.
"""

from typing import Any, Final, NamedTuple

import orjson

from vestibule.scim.resource import kind
from vestibule.store.database import Damaged, Reading, Row

_PAGE: Final = 500
_JSON: Final[dict[str, dict[str, type]]] = {
    "identity_providers": {"saml": dict, "mapping": list, "roles": dict},
    "users": {"document": dict, "folded": dict, "profile": dict, "saml_groups": list},
    "groups": {"document": dict, "folded": dict},
    "events": {"actor": dict, "data": dict},
    "saml_requests": {"result": dict},
    "rule_previews": {"draft": dict, "result": dict},
}
"""All JSON columns with the type of their values. NULL is accepted too."""
_IDS: Final = "SELECT id FROM {table} WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
_ROWS: Final = "SELECT id, {columns} FROM {table} WHERE tenant_id = $1 AND id >= $2 AND id <= $3"


class Unreadable(NamedTuple):
    """A row that cannot be read, and a sentence that says why. An empty id means the rest of a table."""

    id: str
    sentence: str


async def find_unreadable(reading: Reading) -> list[Unreadable]:
    """Returns the rows of a tenant that cannot be read."""
    found = []
    for table, columns in _JSON.items():
        after = ""
        try:
            while ids := [row[0] for row in await reading.all(_IDS.format(table=table), reading.tenant, after, _PAGE)]:
                found += await _check(reading, table, columns, ids)
                after = ids[-1]
        except Damaged as damaged:
            found.append(Unreadable("", f"{table}: nothing after the row '{after}' can be found: {damaged}"))
    return found


async def _check(reading: Reading, table: str, columns: dict[str, type], ids: list[str]) -> list[Unreadable]:
    """Returns the unreadable rows among consecutive ones."""
    sql = _ROWS.format(table=table, columns=", ".join(columns))
    try:
        rows = await reading.all(sql, reading.tenant, ids[0], ids[-1])
    except Damaged as damaged:
        if len(ids) == 1:
            return [Unreadable(ids[0], f"{table}, row {ids[0]}: it cannot be read: {damaged}")]
        return [each for row_id in ids for each in await _check(reading, table, columns, [row_id])]
    return [Unreadable(row[0], f"{table}, row {row[0]}: {fault}") for row in rows if (fault := _fault(row, columns))]


def _fault(row: Row, columns: dict[str, type]) -> str:
    """Returns what is wrong with the first unreadable column, or an empty text."""
    for (name, wanted), text in zip(columns.items(), row[1:], strict=True):
        if text is None:
            continue
        value = parsed(text)
        if value is None:
            return f"{name} is not JSON"
        if not isinstance(value, wanted):
            return f"{name} should be {kind(wanted())}, but it is {kind(value)}"
    return ""


def parsed(text: Any) -> Any:
    """Returns the value of a JSON text, or None if it is not JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        return None
