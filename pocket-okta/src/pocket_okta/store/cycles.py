"""Rows of provisioning jobs that run in cycles, and of what each object was when it was last written."""

import sqlite3

import orjson

from pocket_okta.entra.mapping import Flat
from pocket_okta.entra.state import Standing
from pocket_okta.store.database import Reader, Tx


def _standing(row: sqlite3.Row) -> Standing:
    return Standing(
        app_id=row["app_id"],
        started=bool(row["started"]),
        state=row["state"],
        last_cycle=row["last_cycle"],
        message=row["message"],
        counts=orjson.loads(row["counts"]),
        reason=row["reason"],
        quarantined=row["quarantined"],
        attempts=row["attempts"],
    )


def put(tx: Tx, standing: Standing) -> None:
    tx.run(
        "INSERT OR REPLACE INTO cycles "
        "(app_id, started, state, last_cycle, message, counts, reason, quarantined, attempts) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        standing.app_id,
        standing.started,
        standing.state,
        standing.last_cycle,
        standing.message,
        orjson.dumps(dict(standing.counts)).decode(),
        standing.reason,
        standing.quarantined,
        standing.attempts,
    )


def get(db: Reader, app_id: str) -> Standing:
    """Return the job of an app; one that was never touched is not started."""
    row = db.one("SELECT * FROM cycles WHERE app_id = ?", app_id)
    return _standing(row) if row else Standing(app_id)


def started(db: Reader) -> list[Standing]:
    return [_standing(row) for row in db.all("SELECT * FROM cycles WHERE started ORDER BY rowid")]


def put_written(tx: Tx, app_id: str, person_id: str, flat: Flat, manager: str) -> None:
    """Remember what a person was when they were last written, and their manager's id at the service."""
    text = orjson.dumps({"flat": flat, "manager": manager}).decode()
    tx.run("INSERT OR REPLACE INTO written (app_id, person_id, document) VALUES (?, ?, ?)", app_id, person_id, text)


def get_written(db: Reader, app_id: str, person_id: str) -> tuple[Flat, str] | None:
    """Return what a person was when they were last written, None if that is not known."""
    row = db.one("SELECT document FROM written WHERE app_id = ? AND person_id = ?", app_id, person_id)
    if row is None:
        return None
    document = orjson.loads(row["document"])
    return document["flat"], document["manager"]


def forget_written(tx: Tx, app_id: str, person_id: str = "") -> None:
    """Forget it, of one person or of everybody: they are read from the service and compared anew."""
    tx.run("DELETE FROM written WHERE app_id = ?1 AND (?2 = '' OR person_id = ?2)", app_id, person_id)
