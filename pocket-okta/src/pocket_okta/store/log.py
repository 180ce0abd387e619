"""Rows of the System Log: what administrators did, and every SCIM request with its answer.

The rule: an exchange comes here redacted; nothing in this table is a secret.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from pocket_okta.store.database import Reader, Tx

KEPT = 20_000  # entries; older ones go


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `kind` is act or exchange; `detail` holds an exchange's request and answer."""

    seq: int
    at: str
    kind: str
    app_id: str
    person_id: str
    event: str
    message: str
    outcome: str  # SUCCESS or FAILURE
    detail: Mapping[str, object]


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        row["seq"],
        row["at"],
        row["kind"],
        row["app_id"],
        row["person_id"],
        row["event"],
        row["message"],
        row["outcome"],
        orjson.loads(row["detail"]),
    )


APPEND = """
INSERT INTO log (at, kind, app_id, person_id, event, message, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def append(
    tx: Tx,
    kind: str,
    event: str,
    message: str,
    *,
    app_id: str = "",
    person_id: str = "",
    outcome: str = "SUCCESS",
    detail: Mapping[str, object] | None = None,
) -> int:
    """Write one line; now and then the oldest lines are dropped. Returns its number."""
    text = orjson.dumps(dict(detail or {})).decode()
    seq = tx.run(APPEND, tx.now, kind, app_id, person_id, event, message, outcome, text)
    if seq % 500 == 0:
        tx.run("DELETE FROM log WHERE seq <= ?", seq - KEPT)
    return seq


def get_entry(db: Reader, seq: int) -> Entry | None:
    row = db.one("SELECT * FROM log WHERE seq = ?", seq)
    return _entry(row) if row else None


def page_log(
    db: Reader,
    *,
    kind: str = "",
    app_id: str = "",
    person_id: str = "",
    outcome: str = "",
    after: int | None = None,
    before: int = 0,
    limit: int = 50,
) -> list[Entry]:
    """Return log lines: oldest first `after` a number, or newest first `before` one (0 means from the newest)."""
    order = "(?5 = 0 OR seq < ?5) ORDER BY seq DESC" if after is None else "seq > ?5 ORDER BY seq"
    sql = (
        "SELECT * FROM log WHERE (?1 = '' OR kind = ?1) AND (?2 = '' OR app_id = ?2) AND (?3 = '' OR person_id = ?3) "  # noqa: S608  (fixed text only)
        f"AND (?4 = '' OR outcome = ?4) AND {order} LIMIT ?6"
    )
    rows = db.all(sql, kind, app_id, person_id, outcome, before if after is None else after, limit)
    return [_entry(row) for row in rows]
