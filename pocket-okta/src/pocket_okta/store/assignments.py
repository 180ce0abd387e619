"""Rows of assignments of people to apps."""

import sqlite3
from dataclasses import dataclass

import orjson

from pocket_okta.org import Assignment
from pocket_okta.store.database import Reader, Tx


def _assignment(row: sqlite3.Row) -> Assignment:
    return Assignment(
        app_id=row["app_id"],
        person_id=row["person_id"],
        direct=bool(row["direct"]),
        assigned=bool(row["assigned"]),
        user_name=row["user_name"],
        profile=orjson.loads(row["profile"]),
        remote_id=row["remote_id"],
        error=row["error"],
        push_failed=bool(row["push_failed"]),
        created=row["created"],
        last_updated=row["last_updated"],
        status_changed=row["status_changed"],
        last_sync=row["last_sync"],
    )


PUT_ASSIGNMENT = """
INSERT INTO assignments (app_id, person_id, direct, assigned, user_name, profile, remote_id, error, push_failed,
  created, last_updated, status_changed, last_sync)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (app_id, person_id) DO UPDATE SET direct = excluded.direct, assigned = excluded.assigned,
  user_name = excluded.user_name, profile = excluded.profile, remote_id = excluded.remote_id, error = excluded.error,
  push_failed = excluded.push_failed, created = excluded.created, last_updated = excluded.last_updated,
  status_changed = excluded.status_changed, last_sync = excluded.last_sync
"""


def put_assignment(tx: Tx, row: Assignment) -> None:
    tx.run(
        PUT_ASSIGNMENT,
        row.app_id,
        row.person_id,
        row.direct,
        row.assigned,
        row.user_name,
        orjson.dumps(dict(row.profile)).decode(),
        row.remote_id,
        row.error,
        row.push_failed,
        row.created,
        row.last_updated,
        row.status_changed,
        row.last_sync,
    )


def clear_error(tx: Tx, row: Assignment) -> None:
    """Remove the error from an assignment."""
    tx.run("UPDATE assignments SET error = '' WHERE app_id = ? AND person_id = ?", row.app_id, row.person_id)


def get_assignment(db: Reader, app_id: str, person_id: str) -> Assignment | None:
    row = db.one("SELECT * FROM assignments WHERE app_id = ? AND person_id = ?", app_id, person_id)
    return _assignment(row) if row else None


def by_remote_id(db: Reader, app_id: str, remote_id: str) -> Assignment | None:
    """Return the assignment with this id at the SCIM service, if there is one."""
    row = db.one("SELECT * FROM assignments WHERE app_id = ? AND remote_id = ? AND assigned", app_id, remote_id)
    return _assignment(row) if row else None


def of_app(db: Reader, app_id: str, *, after: str = "", limit: int = 100_000) -> list[Assignment]:
    """Return the people assigned to an app, in the order they came, `after` a person's id."""
    rows = db.all(
        "SELECT * FROM assignments WHERE app_id = ?1 AND assigned AND rowid > "
        "coalesce((SELECT rowid FROM assignments WHERE app_id = ?1 AND person_id = ?2), 0) ORDER BY rowid LIMIT ?3",
        app_id,
        after,
        limit,
    )
    return [_assignment(row) for row in rows]


def with_account(db: Reader, app_id: str) -> list[Assignment]:
    """Return the people who are assigned to an app, and those who were and still have an account there."""
    rows = db.all("SELECT * FROM assignments WHERE app_id = ? AND (assigned OR remote_id <> '') ORDER BY rowid", app_id)
    return [_assignment(row) for row in rows]


def of_person(db: Reader, person_id: str) -> list[Assignment]:
    """Return the apps a person is assigned to."""
    rows = db.all("SELECT * FROM assignments WHERE person_id = ? AND assigned ORDER BY rowid", person_id)
    return [_assignment(row) for row in rows]


def count_assigned(db: Reader) -> dict[str, tuple[int, int]]:
    """Return app id -> (people assigned, people with an account on the other side)."""
    rows = db.all(
        "SELECT app_id, count(*) AS assigned, sum(remote_id <> '') AS provisioned "
        "FROM assignments WHERE assigned GROUP BY app_id"
    )
    return {row["app_id"]: (row["assigned"], row["provisioned"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Claim:
    """A person who is assigned to an app, or should be: by hand, through a group, or no longer."""

    person_id: str
    direct: bool
    by_group: bool
    assigned: bool
    gone: bool  # deactivated or deleted: no assignment holds


CLAIMS = """
SELECT ids.person_id,
  coalesce(assignments.direct, 0) AS direct, coalesce(assignments.assigned, 0) AS assigned,
  (people.id IS NULL OR people.status = 'DEPROVISIONED') AS gone,
  EXISTS (SELECT 1 FROM app_groups JOIN group_members USING (group_id)
          WHERE app_groups.app_id = ?1 AND group_members.person_id = ids.person_id) AS by_group
FROM (SELECT person_id FROM assignments WHERE app_id = ?1 AND (assigned OR direct)
      UNION SELECT person_id FROM app_groups JOIN group_members USING (group_id) WHERE app_groups.app_id = ?1) AS ids
LEFT JOIN assignments ON assignments.app_id = ?1 AND assignments.person_id = ids.person_id
LEFT JOIN people ON people.id = ids.person_id
WHERE ?2 = '' OR ids.person_id = ?2
ORDER BY people.rowid
"""


def claims(db: Reader, app_id: str, person_id: str = "") -> list[Claim]:
    """Return everybody who is or should be assigned to an app; with `person_id`, only that person."""
    return [
        Claim(row["person_id"], bool(row["direct"]), bool(row["by_group"]), bool(row["assigned"]), bool(row["gone"]))
        for row in db.all(CLAIMS, app_id, person_id)
    ]
