"""Rows of sessions: who is signed in to the org, and at which apps.

The rule: the browser's token is not stored; the row's id is a digest of it.
"""

import sqlite3
from dataclasses import dataclass

from pocket_okta.store.database import Reader, Tx


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a person. `authenticated` is when they last signed in."""

    id: str
    person_id: str
    authenticated: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A sign-in at an app in a session, with values from the assertion."""

    session_id: str
    app_id: str
    name_id: str
    session_index: str


def _visit(row: sqlite3.Row) -> Visit:
    return Visit(row["session_id"], row["app_id"], row["name_id"], row["session_index"])


def insert(tx: Tx, session: Session) -> None:
    tx.run(
        "INSERT INTO sessions (id, person_id, authenticated) VALUES (?, ?, ?)",
        session.id,
        session.person_id,
        session.authenticated,
    )


def get(db: Reader, session_id: str) -> Session | None:
    row = db.one("SELECT * FROM sessions WHERE id = ?", session_id)
    return Session(row["id"], row["person_id"], row["authenticated"]) if row else None


def of_person(db: Reader, person_id: str) -> list[Session]:
    rows = db.all("SELECT * FROM sessions WHERE person_id = ? ORDER BY rowid", person_id)
    return [Session(row["id"], row["person_id"], row["authenticated"]) for row in rows]


def remove(tx: Tx, session_id: str) -> None:
    tx.run("DELETE FROM session_apps WHERE session_id = ?", session_id)
    tx.run("DELETE FROM sessions WHERE id = ?", session_id)


def move_visits(tx: Tx, session_id: str, to: str) -> None:
    """Move the sign-ins of a session to another session."""
    tx.run("UPDATE session_apps SET session_id = ? WHERE session_id = ?", to, session_id)


def remove_before(tx: Tx, moment: str) -> None:
    """Forget the sessions that began before a moment."""
    tx.run("DELETE FROM session_apps WHERE session_id IN (SELECT id FROM sessions WHERE authenticated < ?)", moment)
    tx.run("DELETE FROM sessions WHERE authenticated < ?", moment)


def put_visit(tx: Tx, visit: Visit) -> None:
    tx.run(
        "INSERT OR REPLACE INTO session_apps (session_id, app_id, name_id, session_index) VALUES (?, ?, ?, ?)",
        visit.session_id,
        visit.app_id,
        visit.name_id,
        visit.session_index,
    )


def visits(db: Reader, session_id: str) -> list[Visit]:
    return [_visit(row) for row in db.all("SELECT * FROM session_apps WHERE session_id = ?", session_id)]


def visits_of(db: Reader, app_id: str, name_id: str) -> list[Visit]:
    """Return where a NameID is signed in to an app."""
    rows = db.all("SELECT * FROM session_apps WHERE app_id = ? AND name_id = ?", app_id, name_id)
    return [_visit(row) for row in rows]
