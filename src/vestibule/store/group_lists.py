"""Lists of groups and of their members for people: pages of the console and of commands, and groups in groups.

The rule of this file: every statement is bounded by an index and a limit, because a tenant may have thousands of
groups, and a group 200,000 members. How many members a group has is `member_count` in its row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from vestibule.model import Group
from vestibule.scim.text import fold
from vestibule.store.database import Engine, Reading
from vestibule.store.groups import GROUP_COLUMNS, group_of_row

# -- groups ------------------------------------------------------------------------------------------------------------

_PLACE: Final = "SELECT name_key, identity_provider_id FROM groups WHERE tenant_id = $1 AND id = $2"


@dataclass(frozen=True, slots=True)
class GroupSelection:
    """Which groups a list shows. None means all; an empty provider means groups that were made by hand."""

    search: str = ""
    provider_id: str | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """SQL after `WHERE`, and its values from $2 on."""
        parts, values = ["tenant_id = $1"], list[Any]()
        for pattern in patterns(self.search):
            values.append(pattern)
            parts.append(f"name_key LIKE ${len(values) + 1} ESCAPE '\\'")
        if self.provider_id is not None:
            values.append(self.provider_id)
            parts.append(f"identity_provider_id = ${len(values) + 1}")
        return " AND ".join(parts), values


def patterns(search: str) -> list[str]:
    """Returns the patterns for LIKE of the words of a search, which ignores case."""
    words = fold(search).split()[:10]
    return ["%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" for word in words]


async def list_groups(
    reading: Reading, chosen: GroupSelection, limit: int, *, beyond: str = "", backward: bool = False
) -> list[Group]:
    """Returns groups in the order of their names: those after the group with the id `beyond`, or before it."""
    test, values = chosen.condition()
    place = await reading.one(_PLACE, reading.tenant, beyond) if beyond else None
    if place is not None:
        values += place
        test += f" AND (name_key, identity_provider_id) {'<' if backward else '>'} (${len(values)}, ${len(values) + 1})"
    values.append(limit)
    order = "name_key DESC, identity_provider_id DESC" if backward else "name_key, identity_provider_id"
    sql = f"SELECT {GROUP_COLUMNS} FROM groups WHERE {test} ORDER BY {order} LIMIT ${len(values) + 1}"  # noqa: S608 -- made of constants; what was searched for is a parameter
    groups = [group_of_row(row) for row in await reading.all(sql, reading.tenant, *values)]
    return groups[::-1] if backward else groups


async def count_groups(reading: Reading, chosen: GroupSelection) -> int:
    """Returns how many groups a selection has."""
    test, values = chosen.condition()
    row = await reading.one(f"SELECT count(*) FROM groups WHERE {test}", reading.tenant, *values)  # noqa: S608 -- as above
    return row[0] if row else 0


async def find_groups_named(reading: Reading, name: str) -> list[Group]:
    """Returns the groups with that name, in any case, of all identity providers."""
    sql = f"SELECT {GROUP_COLUMNS} FROM groups WHERE tenant_id = $1 AND name_key = $2 ORDER BY id LIMIT 100"  # noqa: S608 -- a constant
    return [group_of_row(row) for row in await reading.all(sql, reading.tenant, fold(name.strip()))]


# -- members -----------------------------------------------------------------------------------------------------------

# The members of the page are chosen before anything else is read about them.
_MEMBERS: Final = """
SELECT m.member_id, m.is_group, COALESCE(u.document ->> 'userName', g.document ->> 'displayName'),
       u.document ->> 'displayName', COALESCE(u.identity_provider_id, g.identity_provider_id), u.active, u.blocked_at,
       g.member_count
FROM (SELECT v.member_id, v.is_group FROM group_members v
      WHERE v.tenant_id = $1 AND v.group_id = $2{test} ORDER BY v.member_id {order} LIMIT {limit}) m
LEFT JOIN users u ON u.tenant_id = $1 AND u.id = m.member_id
LEFT JOIN groups g ON g.tenant_id = $1 AND g.id = m.member_id
ORDER BY m.member_id {order}
"""
_FOUND: Final[dict[Engine, str]] = {
    "sqlite": """
    AND (NOT v.is_group AND v.member_id IN (SELECT s.id FROM users s WHERE s.tenant_id = $1 AND {people})
         OR v.is_group AND v.member_id IN (SELECT s.id FROM groups s WHERE s.tenant_id = $1 AND {groups}))
    """,
    "postgres": """
    AND (NOT v.is_group AND EXISTS (
             SELECT 1 FROM users s WHERE s.tenant_id = $1 AND s.id = v.member_id AND {people})
         OR v.is_group AND EXISTS (
             SELECT 1 FROM groups s WHERE s.tenant_id = $1 AND s.id = v.member_id AND {groups}))
    """,
}
"""The condition for a search, measured in 200,000 members of as many people. SQLite takes half a second to look through
the index of what people are searched by, and two to fetch each person; PostgreSQL a quarter to fetch each, and the list
of all who match would not fit into its memory for one step.
"""


class ListedMember(NamedTuple):
    """A member of a group as a list shows it. `name` is the userName, or the name of a group."""

    id: str
    is_group: bool
    name: str
    display_name: str
    provider_id: str
    active: bool
    blocked_at: int | None
    member_count: int


async def list_members(
    reading: Reading, group_id: str, limit: int, *, search: str = "", beyond: str = "", backward: bool = False
) -> list[ListedMember]:
    """Returns a group's members in the order of their ids: those after `beyond`, or before it.

    A search may look at all people of the tenant.
    """
    test, values = "", list[Any]([group_id])
    if words := patterns(search):
        places = range(len(values) + 2, len(values) + 2 + len(words))
        people, groups = (
            " AND ".join(f"s.{column} LIKE ${place} ESCAPE '\\'" for place in places)
            for column in ("search", "name_key")
        )
        test += _FOUND[reading.engine].format(people=people, groups=groups)
        values += words
    if beyond:
        values.append(beyond)
        test += f" AND v.member_id {'<' if backward else '>'} ${len(values) + 1}"
    values.append(limit)
    sql = _MEMBERS.format(test=test, order="DESC" if backward else "ASC", limit=f"${len(values) + 1}")
    members = [
        ListedMember(id_, bool(is_group), name or "", shown or "", provider or "", bool(active), blocked, count or 0)
        for id_, is_group, name, shown, provider, active, blocked, count in await reading.all(
            sql, reading.tenant, *values
        )
    ]
    return members[::-1] if backward else members


# -- groups in groups --------------------------------------------------------------------------------------------------


class Link(NamedTuple):
    """A group that is next to `from_id`, above or below it."""

    from_id: str
    group_id: str
    name: str
    provider_id: str
    member_count: int


def _links(near: str, far: str, nested: str) -> str:
    return f"""
    SELECT m.{near}, g.id, g.document ->> 'displayName', g.identity_provider_id, g.member_count
    FROM group_members m JOIN groups g ON g.tenant_id = $1 AND g.id = m.{far}
    WHERE m.tenant_id = $1 AND m.{near} = $2{nested} ORDER BY g.name_key, g.id LIMIT $3
    """  # noqa: S608 -- a constant


_ABOVE: Final = _links("member_id", "group_id", "")
_BELOW: Final = _links("group_id", "member_id", " AND m.is_group = TRUE")


async def links_above(reading: Reading, id_: str, limit: int) -> Sequence[Link]:
    """Returns the groups that a person or group is directly in, in the order of their names."""
    return [Link(*row) for row in await reading.all(_ABOVE, reading.tenant, id_, limit)]


async def links_below(reading: Reading, group_id: str, limit: int) -> Sequence[Link]:
    """Returns the groups that are directly in a group, in the order of their names."""
    return [Link(*row) for row in await reading.all(_BELOW, reading.tenant, group_id, limit)]


_PEOPLE_IN: Final = """
WITH RECURSIVE below(id) AS (
    SELECT g.id FROM groups g WHERE g.tenant_id = $1 AND g.id = $2
    UNION
    SELECT m.member_id FROM below b
    JOIN group_members m ON m.tenant_id = $1 AND m.group_id = b.id AND m.is_group = TRUE)
SELECT count(*) FROM (
    SELECT DISTINCT m.member_id FROM below b
    JOIN group_members m ON m.tenant_id = $1 AND m.group_id = b.id AND NOT m.is_group
    WHERE EXISTS (SELECT 1 FROM users u
                  WHERE u.tenant_id = $1 AND u.id = m.member_id AND u.identity_provider_id = $3) LIMIT $4) counted
"""


async def count_people_in(reading: Reading, group_id: str, provider_id: str, limit: int) -> int:
    """Returns how many people of an identity provider are in a group, also by way of others; at most `limit`."""
    row = await reading.one(_PEOPLE_IN, reading.tenant, group_id, provider_id, limit)
    return row[0] if row else 0
