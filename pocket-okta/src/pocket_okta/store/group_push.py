"""Rows of group push mappings and of the rules that make them."""

import sqlite3

import orjson

from pocket_okta.group_push import GroupPush, PushRule
from pocket_okta.org import JobKind
from pocket_okta.store import queue
from pocket_okta.store.database import Reader, Tx


def _push(row: sqlite3.Row) -> GroupPush:
    return GroupPush(
        id=row["id"],
        app_id=row["app_id"],
        group_id=row["group_id"],
        active=bool(row["active"]),
        target_name=row["target_name"],
        remote_id=row["remote_id"],
        members=tuple(orjson.loads(row["members"])),
        error=row["error"],
        rule_id=row["rule_id"],
        created=row["created"],
        last_updated=row["last_updated"],
        last_push=row["last_push"],
    )


PUT_PUSH = """
INSERT INTO group_pushes (id, app_id, group_id, active, target_name, remote_id, members, error, rule_id, created,
  last_updated, last_push)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET active = excluded.active, target_name = excluded.target_name,
  remote_id = excluded.remote_id, members = excluded.members, error = excluded.error, rule_id = excluded.rule_id,
  last_updated = excluded.last_updated, last_push = excluded.last_push
"""


def put_push(tx: Tx, push: GroupPush) -> None:
    """Insert or overwrite a mapping. Raises sqlite3.IntegrityError if the app pushes the group already."""
    tx.run(
        PUT_PUSH,
        push.id,
        push.app_id,
        push.group_id,
        push.active,
        push.target_name,
        push.remote_id,
        orjson.dumps(push.members).decode(),
        push.error,
        push.rule_id,
        push.created,
        push.last_updated,
        push.last_push,
    )


def get_push(db: Reader, push_id: str) -> GroupPush | None:
    row = db.one("SELECT * FROM group_pushes WHERE id = ?", push_id)
    return _push(row) if row else None


def of_app(db: Reader, app_id: str) -> list[GroupPush]:
    """Return the mappings of an app, in the order they were made."""
    return [_push(row) for row in db.all("SELECT * FROM group_pushes WHERE app_id = ? ORDER BY rowid", app_id)]


def of_group(db: Reader, group_id: str) -> list[GroupPush]:
    """Return the mappings of an Okta group, one for each app that it is pushed to."""
    return [_push(row) for row in db.all("SELECT * FROM group_pushes WHERE group_id = ? ORDER BY rowid", group_id)]


WITH_MEMBER = """
SELECT group_pushes.* FROM group_pushes JOIN group_members USING (group_id)
WHERE group_pushes.app_id = ? AND group_members.person_id = ? ORDER BY group_pushes.rowid
"""


def with_member(db: Reader, app_id: str, person_id: str) -> list[GroupPush]:
    """Return an app's mappings of the groups that a person is in."""
    return [_push(row) for row in db.all(WITH_MEMBER, app_id, person_id)]


def order_push(tx: Tx, push: GroupPush) -> None:
    """Order the push of what is new, unless one waits already: it reads what is new when it begins."""
    if push.active and not queue.is_queued(tx, push.app_id, push.id, JobKind.PUSH_GROUP):
        queue.order(tx, push.app_id, push.id, JobKind.PUSH_GROUP)


def remove_push(tx: Tx, push_id: str) -> None:
    tx.run("DELETE FROM group_pushes WHERE id = ?", push_id)


# Who is pushed: in the group, assigned to the app, and known at the SCIM service (wire facts 1.8).
TO_PUSH = """
SELECT assignments.remote_id, assignments.user_name FROM group_members
JOIN assignments ON assignments.app_id = ? AND assignments.person_id = group_members.person_id
WHERE group_members.group_id = ? AND assignments.assigned AND assignments.remote_id <> '' ORDER BY assignments.rowid
"""


def members_to_push(db: Reader, app_id: str, group_id: str) -> dict[str, str]:
    """Return id at the service -> userName of the members who are pushed."""
    return {row["remote_id"]: row["user_name"] for row in db.all(TO_PUSH, app_id, group_id)}


def _rule(row: sqlite3.Row) -> PushRule:
    return PushRule(
        id=row["id"],
        app_id=row["app_id"],
        name=row["name"],
        field=row["field"],
        operator=row["operator"],
        value=row["value"],
        active=bool(row["active"]),
        created=row["created"],
    )


PUT_RULE = """
INSERT INTO group_push_rules (id, app_id, name, field, operator, value, active, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET active = excluded.active
"""


def put_rule(tx: Tx, rule: PushRule) -> None:
    """Insert a rule, or change whether it is active."""
    tx.run(PUT_RULE, rule.id, rule.app_id, rule.name, rule.field, rule.operator, rule.value, rule.active, rule.created)


def get_rule(db: Reader, rule_id: str) -> PushRule | None:
    row = db.one("SELECT * FROM group_push_rules WHERE id = ?", rule_id)
    return _rule(row) if row else None


def rules(db: Reader, app_id: str = "") -> list[PushRule]:
    """Return the rules of an app, or of all apps."""
    rows = db.all("SELECT * FROM group_push_rules WHERE (?1 = '' OR app_id = ?1) ORDER BY rowid", app_id)
    return [_rule(row) for row in rows]


def remove_rule(tx: Tx, rule_id: str) -> None:
    tx.run("DELETE FROM group_push_rules WHERE id = ?", rule_id)
