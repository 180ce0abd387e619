"""Rows of people and groups."""

import sqlite3

import orjson

from pocket_okta.org import Group, Person, Status, name_key
from pocket_okta.store.database import Reader, Tx


def _person(row: sqlite3.Row) -> Person:
    return Person(
        id=row["id"],
        status=Status(row["status"]),
        profile=orjson.loads(row["profile"]),
        created=row["created"],
        last_updated=row["last_updated"],
        status_changed=row["status_changed"],
        activated=row["activated"],
        password_changed=row["password_changed"],
    )


def _search_key(person: Person) -> str:
    """Returns the text that the search box searches, each word after a line break to find its beginning."""
    profile = person.profile
    words = (profile["firstName"], profile["lastName"], person.name, person.login, profile["email"])
    return "".join(f"\n{name_key(word)}" for word in words)


PUT_PERSON = """
INSERT INTO people (id, login_key, search_key, status, profile, created, last_updated, status_changed, activated,
  password_changed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET login_key = excluded.login_key, search_key = excluded.search_key,
  status = excluded.status, profile = excluded.profile, last_updated = excluded.last_updated,
  status_changed = excluded.status_changed, activated = excluded.activated,
  password_changed = excluded.password_changed
"""


def put_person(tx: Tx, person: Person) -> None:
    """Insert or overwrite a person. Raises sqlite3.IntegrityError if another person has the login."""
    tx.run(
        PUT_PERSON,
        person.id,
        name_key(person.login),
        _search_key(person),
        person.status.value,
        orjson.dumps(dict(person.profile)).decode(),
        person.created,
        person.last_updated,
        person.status_changed,
        person.activated,
        person.password_changed,
    )


def get_person(db: Reader, id_or_login: str) -> Person | None:
    row = db.one("SELECT * FROM people WHERE id = ?", id_or_login) or db.one(
        "SELECT * FROM people WHERE login_key = ?", name_key(id_or_login)
    )
    return _person(row) if row else None


def page_people(
    db: Reader, *, starts: str = "", statuses: tuple[str, ...] = (), after: str = "", limit: int = 200
) -> list[Person]:
    """Return people in the order they were made, `after` an id. `starts`: the beginning of a name, login or e-mail."""
    where, values = ["1"], []
    if starts.strip():
        where.append("instr(search_key, ?) > 0")
        values.append(f"\n{name_key(starts)}")
    if statuses:
        where.append(f"status IN ({', '.join('?' * len(statuses))})")
        values.extend(statuses)
    if after:
        where.append("rowid > (SELECT rowid FROM people WHERE id = ?)")
        values.append(after)
    sql = f"SELECT * FROM people WHERE {' AND '.join(where)} ORDER BY rowid LIMIT ?"  # noqa: S608  (fixed text only)
    return [_person(row) for row in db.all(sql, *values, limit)]


def count_people(db: Reader) -> dict[str, int]:
    """Return state -> how many."""
    return {row["status"]: row["n"] for row in db.all("SELECT status, count(*) AS n FROM people GROUP BY status")}


def remove_person(tx: Tx, person_id: str) -> None:
    """Delete a person. Their assignments are kept, because a deactivation may still have to be sent."""
    tx.run("DELETE FROM group_members WHERE person_id = ?", person_id)
    tx.run("DELETE FROM people WHERE id = ?", person_id)


def _group(row: sqlite3.Row) -> Group:
    return Group(row["id"], row["name"], row["description"], row["created"], row["last_updated"])


PUT_GROUP = """
INSERT INTO groups (id, name_key, name, description, created, last_updated) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET name_key = excluded.name_key, name = excluded.name, description = excluded.description,
  last_updated = excluded.last_updated
"""


def put_group(tx: Tx, group: Group) -> None:
    """Insert or overwrite a group. Raises sqlite3.IntegrityError when the name is taken."""
    tx.run(PUT_GROUP, group.id, name_key(group.name), group.name, group.description, group.created, group.last_updated)


def get_group(db: Reader, group_id: str) -> Group | None:
    row = db.one("SELECT * FROM groups WHERE id = ?", group_id)
    return _group(row) if row else None


def all_groups(db: Reader, starts: str = "") -> list[Group]:
    key = name_key(starts)
    rows = db.all("SELECT * FROM groups WHERE substr(name_key, 1, ?) = ? ORDER BY name_key", len(key), key)
    return [_group(row) for row in rows]


def count_members(db: Reader) -> dict[str, int]:
    """Return group id -> how many people are in it."""
    rows = db.all("SELECT group_id, count(*) AS n FROM group_members GROUP BY group_id")
    return {row["group_id"]: row["n"] for row in rows}


def remove_group(tx: Tx, group_id: str) -> None:
    tx.run("DELETE FROM group_members WHERE group_id = ?", group_id)
    tx.run("DELETE FROM app_groups WHERE group_id = ?", group_id)
    tx.run("DELETE FROM groups WHERE id = ?", group_id)


def put_member(tx: Tx, group_id: str, person_id: str) -> None:
    tx.run("INSERT OR IGNORE INTO group_members (group_id, person_id) VALUES (?, ?)", group_id, person_id)


def remove_member(tx: Tx, group_id: str, person_id: str) -> None:
    tx.run("DELETE FROM group_members WHERE group_id = ? AND person_id = ?", group_id, person_id)


MEMBERS = """
SELECT people.* FROM people JOIN group_members ON group_members.person_id = people.id
WHERE group_members.group_id = ? ORDER BY people.rowid
"""


def members(db: Reader, group_id: str) -> list[Person]:
    return [_person(row) for row in db.all(MEMBERS, group_id)]


GROUPS_OF = """
SELECT groups.* FROM groups JOIN group_members ON group_members.group_id = groups.id
WHERE group_members.person_id = ? ORDER BY groups.name_key
"""


def groups_of(db: Reader, person_id: str) -> list[Group]:
    return [_group(row) for row in db.all(GROUPS_OF, person_id)]
