"""The members of groups: rows that are found from both ends, and changed by statements on sets.

The rule of this file: no statement reads or writes more than `PIECE` members, so that a change of many gives the event
loop back between its pieces. On SQLite a piece runs in a thread. Nothing reads a group to rewrite it.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Final, NamedTuple

import orjson

from vestibule.model import User
from vestibule.scim.filter import Filter
from vestibule.scim.text import fold
from vestibule.store.database import Engine, Reading, Row, Tx
from vestibule.store.group_columns import SEARCHED_GROUPS
from vestibule.store.user_lists import OWN, OWN_OR_ADOPTABLE, Visibility
from vestibule.store.users import USER_COLUMNS, user_of_row
from vestibule.store.where import row_condition

PIECE: Final = 1000
"""How many members one statement reads or writes."""
_SHORT: Final = 100
"""A statement on so few members does not need a thread."""

_NAME: Final = """
COALESCE((SELECT COALESCE(u.document ->> 'displayName', u.document ->> 'userName') FROM users u
          WHERE u.tenant_id = $1 AND u.id = v.member_id),
         (SELECT g.document ->> 'displayName' FROM groups g WHERE g.tenant_id = $1 AND g.id = v.member_id))
"""
_LIST: Final[dict[Engine, str]] = {
    "sqlite": "(SELECT value FROM json_each({0}))",
    "postgres": "(SELECT json_array_elements_text(CAST({0} AS JSON)))",
}
"""The rows of a parameter that is a JSON list of texts."""


class Member(NamedTuple):
    """A member of a group. `name` is what it is shown by: displayName or userName."""

    id: str
    is_group: bool
    name: str


class Membership(NamedTuple):
    """A group that a person is in, directly or through another group."""

    group_id: str
    name: str
    is_direct: bool


def pieces_of(ids: Iterable[str]) -> list[list[str]]:
    """Returns distinct ids in lists that are short enough for one statement."""
    distinct = list(dict.fromkeys(ids))
    return [distinct[start : start + PIECE] for start in range(0, len(distinct), PIECE)]


async def _ask(reading: Reading, size: int, sql: str, *values: object) -> list[Row]:
    return await (reading.all if size <= _SHORT else reading.all_in_thread)(sql, *values)


def _members(rows: Iterable[Row]) -> list[Member]:
    return [Member(row[0], bool(row[1]), row[2] or "") for row in rows]


# -- reading -----------------------------------------------------------------------------------------------------------

_PAGE: Final = f"""
SELECT v.member_id, v.is_group, {_NAME} FROM group_members v
WHERE v.tenant_id = $1 AND v.group_id = $2 AND v.member_id > $3 ORDER BY v.member_id LIMIT $4
"""  # noqa: S608 -- a constant
_IDS: Final = """
SELECT member_id FROM group_members WHERE tenant_id = $1 AND group_id = $2 AND member_id > $3
ORDER BY member_id LIMIT $4
"""


async def page_members(reading: Reading, group_id: str, after_id: str, limit: int) -> list[Member]:
    """Returns a group's members in the order of their ids, the ones after an id."""
    return _members(await _ask(reading, limit, _PAGE, reading.tenant, group_id, after_id, limit))


async def page_member_ids(reading: Reading, group_id: str) -> AsyncIterator[list[str]]:
    """Yield the ids of a group's members in pieces, in their order."""
    after = ""
    while rows := await _ask(reading, PIECE, _IDS, reading.tenant, group_id, after, PIECE):
        yield [row[0] for row in rows]
        after = rows[-1][0]


def _up(engine: Engine, *, owned: bool) -> str:
    """Returns the statement for the groups that some people are in, through other groups as well. `owned`: only those
    of one identity provider.
    """
    return f"""
    WITH RECURSIVE above(member_id, group_id, direct) AS (
        SELECT m.member_id, m.group_id, 1 FROM group_members m
        WHERE m.tenant_id = $1 AND m.member_id IN {_LIST[engine].format("$2")}
        UNION
        SELECT a.member_id, m.group_id, 0 FROM above a
        JOIN group_members m ON m.tenant_id = $1 AND m.member_id = a.group_id)
    SELECT a.member_id, a.group_id, g.document ->> 'displayName', max(a.direct)
    FROM above a JOIN groups g ON g.tenant_id = $1 AND g.id = a.group_id {"AND g.identity_provider_id = $3" * owned}
    GROUP BY a.member_id, a.group_id, g.document ->> 'displayName' ORDER BY a.group_id
    """  # noqa: S608 -- a constant


_UP: Final = {(engine, owned): _up(engine, owned=owned) for engine in _LIST for owned in (False, True)}


async def groups_of(
    reading: Reading, member_ids: Iterable[str], provider_id: str | None = None
) -> dict[str, list[Membership]]:
    """Returns the groups that some people or groups are in, directly or through others, by their ids; only those of an
    identity provider, if one is named.
    """
    whose = [] if provider_id is None else [provider_id]
    found: dict[str, list[Membership]] = {}
    for piece in pieces_of(member_ids):
        listed = orjson.dumps(piece).decode()
        for row in await reading.all(_UP[reading.engine, bool(whose)], reading.tenant, listed, *whose):
            found.setdefault(row[0], []).append(Membership(row[1], row[2], bool(row[3])))
    return found


_PARENTS: Final = """
WITH RECURSIVE above(group_id, within) AS (
    SELECT m.member_id, m.group_id FROM group_members m WHERE m.tenant_id = $1 AND m.member_id = $2
    UNION
    SELECT m.member_id, m.group_id FROM above a JOIN group_members m ON m.tenant_id = $1 AND m.member_id = a.within)
SELECT group_id, within FROM above
"""


async def find_way_up(reading: Reading, group_id: str, targets: set[str]) -> list[str]:
    """Returns the ids on the way from a group up to one of some groups, both included; empty if there is none."""
    above: dict[str, list[str]] = {}
    for below, within in await reading.all(_PARENTS, reading.tenant, group_id):
        above.setdefault(below, []).append(within)
    ways = [[group_id]]
    seen = {group_id}
    while ways:
        way = ways.pop(0)
        if way[-1] in targets:
            return way
        for within in above.get(way[-1], ()):
            if within not in seen:
                seen.add(within)
                ways.append([*way, within])
    return []


def _down(engine: Engine) -> str:
    """Returns the statement for the people who are in some groups, through other groups as well."""
    return f"""
    WITH RECURSIVE below(id) AS (
        SELECT g.id FROM groups g WHERE g.tenant_id = $1 AND g.id IN {_LIST[engine].format("$2")}
        UNION
        SELECT m.member_id FROM below b
        JOIN group_members m ON m.tenant_id = $1 AND m.group_id = b.id AND m.is_group = TRUE)
    SELECT DISTINCT m.member_id FROM below b
    JOIN group_members m ON m.tenant_id = $1 AND m.group_id = b.id AND NOT m.is_group LIMIT $3
    """  # noqa: S608 -- a constant


_DOWN: Final[dict[Engine, str]] = {"sqlite": _down("sqlite"), "postgres": _down("postgres")}


async def people_below(reading: Reading, group_ids: Iterable[str], limit: int) -> list[str]:
    """Returns the ids of people who are in some groups, directly or through others; at most `limit`."""
    listed = orjson.dumps(list(group_ids)).decode()
    rows = await reading.all_in_thread(_DOWN[reading.engine], reading.tenant, listed, limit)
    return [row[0] for row in rows]


def _candidates(engine: Engine, scope: str, groups_scope: str = OWN) -> tuple[str, str]:
    """Returns the statements for the people, and for the groups, that may be put into a group."""
    listed = _LIST[engine].format("$3")
    people = f"""
    SELECT id, FALSE, COALESCE(document ->> 'displayName', document ->> 'userName') FROM users
    WHERE tenant_id = $1 AND {scope} AND id IN {listed} /*for share*/
    """  # noqa: S608 -- a constant
    groups = f"""
    SELECT id, TRUE, document ->> 'displayName' FROM groups
    WHERE tenant_id = $1 AND {groups_scope} AND id IN {listed} /*for share*/
    """  # noqa: S608 -- a constant
    return people, groups


_NO_MATTER_WHOSE: Final = "$2 = $2"
_CANDIDATES: Final = {
    (engine, adopts): _candidates(engine, OWN_OR_ADOPTABLE if adopts else OWN)
    for engine in _LIST
    for adopts in (False, True)
}
_ANYBODY: Final = {engine: _candidates(engine, _NO_MATTER_WHOSE, _NO_MATTER_WHOSE) for engine in _LIST}


def _lock(engine: Engine) -> str:
    return f"""
    SELECT {USER_COLUMNS} FROM users WHERE tenant_id = $1 AND identity_provider_id = $2
    AND id IN {_LIST[engine].format("$3")} ORDER BY id /*for update*/
    """  # noqa: S608 -- a constant


_LOCK: Final[dict[Engine, str]] = {"sqlite": _lock("sqlite"), "postgres": _lock("postgres")}


async def lock_people(tx: Tx, provider_id: str, ids: list[str]) -> list[User]:
    """Returns an identity provider's people with some ids, at most `PIECE`, locked until the transaction ends."""
    listed = orjson.dumps(ids).decode()
    return [user_of_row(row) for row in await tx.all_in_thread(_LOCK[tx.engine], tx.tenant, provider_id, listed)]


async def find_candidates(tx: Tx, visibility: Visibility | None, ids: list[str]) -> dict[str, Member]:
    """Returns the people and groups with some ids, at most `PIECE`, that an identity provider sees; None sees all of
    the tenant. They cannot be deleted until the transaction ends.
    """
    people, groups = _CANDIDATES[tx.engine, visibility.adopts] if visibility else _ANYBODY[tx.engine]
    provider_id, listed = visibility.provider_id if visibility else "", orjson.dumps(ids).decode()
    rows = await _ask(tx, len(ids), people, tx.tenant, provider_id, listed)
    if len(rows) < len(ids):
        rows = [*rows, *await _ask(tx, len(ids), groups, tx.tenant, provider_id, listed)]
    return {member.id: member for member in _members(rows)}


# -- finding by name ---------------------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A person or group that is called by a name or an id. `provider_id` is empty for what was made by hand."""

    id: str
    is_group: bool
    provider_id: str


def _named(engine: Engine) -> str:
    by_key, by_id = _LIST[engine].format("$2"), _LIST[engine].format("$3")
    return f"""
    SELECT id, FALSE, identity_provider_id, user_name_key FROM users WHERE tenant_id = $1 AND user_name_key IN {by_key}
    UNION ALL SELECT id, TRUE, identity_provider_id, name_key FROM groups WHERE tenant_id = $1 AND name_key IN {by_key}
    UNION ALL SELECT id, FALSE, identity_provider_id, '' FROM users WHERE tenant_id = $1 AND id IN {by_id}
    UNION ALL SELECT id, TRUE, identity_provider_id, '' FROM groups WHERE tenant_id = $1 AND id IN {by_id}
    """  # noqa: S608 -- a constant


_NAMED: Final[dict[Engine, str]] = {engine: _named(engine) for engine in _LIST}


async def find_named(reading: Reading, names: Iterable[str]) -> dict[str, list[Named]]:
    """Returns the people and groups that are meant by ids, userNames or names of groups; names in any case."""
    found: dict[str, dict[str, Named]] = {}
    for piece in pieces_of(names):
        keys = {name: fold(name) for name in piece}
        values = orjson.dumps(list(set(keys.values()))).decode(), orjson.dumps(piece).decode()
        by_key: dict[str, list[Named]] = {}
        for id_, is_group, provider_id, key in await _ask(
            reading, len(piece), _NAMED[reading.engine], reading.tenant, *values
        ):
            by_key.setdefault(key or id_, []).append(Named(id_, bool(is_group), provider_id))
        for name, key in keys.items():
            for named in (*by_key.get(key, ()), *by_key.get(name, ())):
                found.setdefault(name, {})[named.id] = named
    return {name: list(named.values()) for name, named in found.items()}


# -- changing ----------------------------------------------------------------------------------------------------------


def _add(engine: Engine) -> str:
    return f"""
    INSERT INTO group_members (tenant_id, group_id, member_id, is_group)
    SELECT $1, $2, given.id, $4 FROM (SELECT value AS id FROM {_TABLE[engine].format("$3")}) given WHERE 1 = 1
    ON CONFLICT DO NOTHING RETURNING member_id
    """  # noqa: S608 -- a constant


_TABLE: Final[dict[Engine, str]] = {
    "sqlite": "json_each({0})",
    "postgres": "json_array_elements_text(CAST({0} AS JSON)) AS listed(value)",
}
_ADD: Final[dict[Engine, str]] = {"sqlite": _add("sqlite"), "postgres": _add("postgres")}


def _among(engine: Engine, verb: str) -> str:
    return f"""
    {verb} FROM group_members {"AS " if verb == "DELETE" else ""}v
    WHERE v.tenant_id = $1 AND v.group_id = $2 AND v.member_id IN {_LIST[engine].format("$3")}
    """


_FIND: Final[dict[Engine, str]] = {
    engine: _among(engine, f"SELECT v.member_id, v.is_group, {_NAME}") for engine in _LIST
}
_REMOVE: Final[dict[Engine, str]] = {engine: _among(engine, "DELETE") for engine in _LIST}
_DIRECT: Final = """
SELECT m.group_id FROM group_members m WHERE m.tenant_id = $1 AND m.member_id = $2 ORDER BY m.group_id
"""


async def add_members(tx: Tx, group_id: str, members: Iterable[Member]) -> list[Member]:
    """Add members to a group. Returns those who were not in it."""
    added: list[Member] = []
    kinds: dict[bool, dict[str, Member]] = {False: {}, True: {}}
    for member in members:
        kinds[member.is_group][member.id] = member
    for is_group, by_id in kinds.items():
        for piece in pieces_of(by_id):
            listed = orjson.dumps(piece).decode()
            rows = await _ask(tx, len(piece), _ADD[tx.engine], tx.tenant, group_id, listed, is_group)
            added += [by_id[row[0]] for row in rows]
    return added


async def remove_members(tx: Tx, group_id: str, ids: Iterable[str]) -> list[Member]:
    """Remove members from a group. Returns those who were in it."""
    removed: list[Member] = []
    for piece in pieces_of(ids):
        listed = orjson.dumps(piece).decode()
        found = _members(await _ask(tx, len(piece), _FIND[tx.engine], tx.tenant, group_id, listed))
        if found:
            listed = orjson.dumps([member.id for member in found]).decode()
            await _ask(tx, len(found), _REMOVE[tx.engine], tx.tenant, group_id, listed)
        removed += found
    return removed


async def find_selected(tx: Tx, group_id: str, selector: Filter, base_url: str) -> list[str]:
    """Returns the ids of the members that a filter selects, as in `members[type eq "User"]`."""
    condition = row_condition(selector, SEARCHED_GROUPS, "members", tx.engine, base_url, first=3)
    sql = f"SELECT v.member_id FROM group_members v WHERE v.tenant_id = $1 AND v.group_id = $2 AND {condition.sql}"  # noqa: S608 -- made of constants and of `where`
    return [row[0] for row in await tx.all_in_thread(sql, tx.tenant, group_id, *condition.values)]


async def direct_groups_of(reading: Reading, member_id: str) -> list[str]:
    """Returns the ids of the groups that somebody is directly in."""
    return [row[0] for row in await reading.all(_DIRECT, reading.tenant, member_id)]
