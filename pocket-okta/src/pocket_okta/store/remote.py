"""Rows of what an application has: the groups that an import found, its entitlements and who has them, and deletions
that are to come.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from pocket_okta.entitlements import Entitlement, RemoteGroup
from pocket_okta.store.database import Reader, Tx


def put_group(tx: Tx, app_id: str, group: RemoteGroup) -> None:
    tx.run(
        "INSERT OR REPLACE INTO remote_groups (app_id, remote_id, name, members) VALUES (?, ?, ?, ?)",
        app_id,
        group.remote_id,
        group.name,
        orjson.dumps(group.members).decode(),
    )


def groups(db: Reader, app_id: str) -> list[RemoteGroup]:
    rows = db.all("SELECT * FROM remote_groups WHERE app_id = ? ORDER BY name, remote_id", app_id)
    return [RemoteGroup(row["remote_id"], row["name"], tuple(orjson.loads(row["members"]))) for row in rows]


def remove_group(tx: Tx, app_id: str, remote_id: str) -> None:
    tx.run("DELETE FROM remote_groups WHERE app_id = ? AND remote_id = ?", app_id, remote_id)


def _entitlement(row: sqlite3.Row) -> Entitlement:
    return Entitlement(
        resource_type=row["resource_type"],
        role=bool(row["role"]),
        value=row["value"],
        display=row["display"],
        description=row["description"],
    )


def put_entitlements(tx: Tx, app_id: str, found: Iterable[Entitlement]) -> None:
    """Put the entitlements of an app in the place of those known before; what is gone is taken from people too."""
    tx.run("DELETE FROM entitlements WHERE app_id = ?", app_id)
    for one in found:
        tx.run(
            "INSERT OR REPLACE INTO entitlements (app_id, resource_type, role, value, display, description) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            app_id,
            one.resource_type,
            one.role,
            one.value,
            one.display,
            one.description,
        )
    tx.run(
        "DELETE FROM granted WHERE app_id = ?1 AND NOT EXISTS (SELECT 1 FROM entitlements AS e "
        "WHERE e.app_id = ?1 AND e.resource_type = granted.resource_type AND e.value = granted.value)",
        app_id,
    )


def entitlements(db: Reader, app_id: str) -> list[Entitlement]:
    rows = db.all("SELECT * FROM entitlements WHERE app_id = ? ORDER BY role DESC, resource_type, display", app_id)
    return [_entitlement(row) for row in rows]


GRANTED = """
SELECT entitlements.* FROM granted JOIN entitlements USING (app_id, resource_type, value)
WHERE granted.app_id = ? AND granted.person_id = ? ORDER BY role DESC, resource_type, display
"""


def granted(db: Reader, app_id: str, person_id: str) -> list[Entitlement]:
    """Return the roles and entitlements that an app user has."""
    return [_entitlement(row) for row in db.all(GRANTED, app_id, person_id)]


def put_granted(tx: Tx, app_id: str, person_id: str, given: Iterable[Entitlement]) -> None:
    """Give an app user these roles and entitlements, and take all others away."""
    tx.run("DELETE FROM granted WHERE app_id = ? AND person_id = ?", app_id, person_id)
    for one in given:
        tx.run(
            "INSERT OR IGNORE INTO granted (app_id, person_id, resource_type, value) VALUES (?, ?, ?, ?)",
            app_id,
            person_id,
            one.resource_type,
            one.value,
        )


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion of an account that is to come: `days` after `scheduled`."""

    app_id: str
    person_id: str
    scheduled: str
    days: int


def schedule_deletion(tx: Tx, app_id: str, person_id: str, days: int) -> None:
    tx.run(
        "INSERT OR REPLACE INTO deletions (app_id, person_id, scheduled, days) VALUES (?, ?, ?, ?)",
        app_id,
        person_id,
        tx.now,
        days,
    )


def cancel_deletion(tx: Tx, app_id: str, person_id: str) -> None:
    tx.run("DELETE FROM deletions WHERE app_id = ? AND person_id = ?", app_id, person_id)


def deletions(db: Reader) -> list[Deletion]:
    rows = db.all("SELECT * FROM deletions ORDER BY scheduled")
    return [Deletion(row["app_id"], row["person_id"], row["scheduled"], row["days"]) for row in rows]


def get_deletion(db: Reader, app_id: str, person_id: str) -> Deletion | None:
    """Return when an account is to be deleted, if it is."""
    row = db.one("SELECT * FROM deletions WHERE app_id = ? AND person_id = ?", app_id, person_id)
    return Deletion(row["app_id"], row["person_id"], row["scheduled"], row["days"]) if row else None
