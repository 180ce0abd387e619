"""Lists of people and counts of them: pages for SCIM clients, the console's list, and batches for the worker."""

from dataclasses import dataclass
from typing import Any, Final

from vestibule.model import User
from vestibule.scim.text import fold
from vestibule.store.database import Reading
from vestibule.store.listing import Listing, page_rows
from vestibule.store.users import USER_COLUMNS, user_of_row
from vestibule.store.where import Where

# -- a page of a SCIM list ---------------------------------------------------------------------------------------------

OWN: Final = "identity_provider_id = $2"
# Of people who belong to nobody, an identity provider that may adopt sees those who hold no role and whose userName is
# not one of its own people's: so a userName stays unique in what it sees.
OWN_OR_ADOPTABLE: Final = """
(identity_provider_id = $2 OR (identity_provider_id = '' AND role = '' AND NOT EXISTS (
    SELECT 1 FROM users own
    WHERE own.tenant_id = $1 AND own.user_name_key = users.user_name_key AND own.identity_provider_id = $2)))
"""
_ANY_ADOPTABLE: Final = "SELECT 1 FROM users WHERE tenant_id = $1 AND identity_provider_id = '' AND role = '' LIMIT 1"


@dataclass(frozen=True, slots=True)
class Visibility:
    """What one identity provider sees: its own people, and those it may adopt if it may adopt any."""

    provider_id: str
    adopts: bool


async def seen_users(reading: Reading, visibility: Visibility, condition: Where | None) -> Listing:
    """Returns the list of the people whom an identity provider sees and who satisfy a condition, whose parameters are
    numbered from 3.
    """
    # Most installations have nobody to adopt, and then the index on the identity provider alone answers.
    quick = condition is not None and condition.quick
    adopting = visibility.adopts and (quick or await reading.one(_ANY_ADOPTABLE, reading.tenant) is not None)
    scope = OWN_OR_ADOPTABLE if adopting else OWN
    return Listing("users", USER_COLUMNS, scope, (visibility.provider_id,), condition)


async def page_users(
    reading: Reading, visibility: Visibility, condition: Where | None, start: int, count: int
) -> tuple[int, list[User]]:
    """Returns how many people an identity provider sees that satisfy a condition, and one page of them in the order of
    their ids.

    `start` is 1-based. The parameters of the condition are numbered from 3.
    """
    total, rows = await page_rows(reading, await seen_users(reading, visibility, condition), start, count)
    return total, [user_of_row(row) for row in rows]


# -- the console's list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserSelection:
    """Which people a list shows. None means all; an empty provider means people who were added by hand.

    `active` is what the identity provider says, `blocked` is what an administrator here decided. The two are
    independent.
    """

    search: str = ""
    active: bool | None = None
    provider_id: str | None = None
    blocked: bool | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """SQL after `tenant_id = $1`, and its values from $2 on."""
        parts, values = ["tenant_id = $1"], list[Any]()
        for word in fold(self.search).split()[:10]:
            # The narrow index is searched first, and only rows that were found there are read.
            values.append("%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
            parts.append(f"search LIKE ${len(values) + 1} ESCAPE '\\'")
        if self.active is not None:
            values.append(self.active)
            parts.append(f"active = ${len(values) + 1}")
        if self.blocked is not None:
            # Few people are blocked, and a partial index has only them; `|| ''` below makes the planner use it.
            parts.append(f"blocked_at IS {'NOT ' if self.blocked else ''}NULL")
        if self.provider_id is not None:
            values.append(self.provider_id)
            whose = "identity_provider_id || ''" if self.blocked else "identity_provider_id"
            parts.append(f"{whose} = ${len(values) + 1}")
        return " AND ".join(parts), values


async def list_users(
    reading: Reading, chosen: UserSelection, limit: int, *, beyond: str = "", newer: bool = False
) -> list[User]:
    """Returns people, the newest first: those older than `beyond`, or those newer than it."""
    test, values = chosen.condition()
    if beyond:
        values.append(beyond)
        test += f" AND id {'>' if newer else '<'} ${len(values) + 1}"
    values.append(limit)
    order = "ASC" if newer else "DESC"
    sql = f"SELECT {USER_COLUMNS} FROM users WHERE {test} ORDER BY id {order} LIMIT ${len(values) + 1}"  # noqa: S608 -- made of constants; what was searched for is a parameter
    users = [user_of_row(row) for row in await reading.all(sql, reading.tenant, *values)]
    return users[::-1] if newer else users


async def count_users(reading: Reading, chosen: UserSelection) -> int:
    """Returns how many people a selection has."""
    test, values = chosen.condition()
    row = await reading.one(f"SELECT count(*) FROM users WHERE {test}", reading.tenant, *values)  # noqa: S608 -- as above
    return row[0] if row else 0


_COUNTS: Final = """
SELECT identity_provider_id, active, count(*) FROM users WHERE tenant_id = $1 GROUP BY identity_provider_id, active
"""
_TWINS: Final = """
SELECT user_name_key, count(*) FROM users WHERE tenant_id = $1 GROUP BY user_name_key HAVING count(*) > 1
ORDER BY user_name_key LIMIT 100
"""
_OF_PROVIDER: Final = f"""
SELECT {USER_COLUMNS} FROM users WHERE tenant_id = $1 AND identity_provider_id = $2 AND id > $3 ORDER BY id LIMIT $4
"""  # noqa: S608 -- a constant
_CHANGED_BETWEEN: Final = f"""
SELECT {USER_COLUMNS} FROM users
WHERE tenant_id = $1 AND modified_at >= $2 AND modified_at <= $3 AND (modified_at > $2 OR id > $4)
AND identity_provider_id = $5
ORDER BY modified_at, id LIMIT $6
"""  # noqa: S608 -- a constant


async def count_by_provider(reading: Reading) -> dict[tuple[str, bool], int]:
    """Returns how many people there are for each (identity provider, active)."""
    rows = await reading.all(_COUNTS, reading.tenant)
    return {(row[0], bool(row[1])): row[2] for row in rows}


async def find_twins(reading: Reading) -> list[str]:
    """Returns userNames (as keys) that more than one person has: possible duplicates, at most 100."""
    return [row[0] for row in await reading.all(_TWINS, reading.tenant)]


async def page_of_provider(reading: Reading, provider_id: str, after_id: str, limit: int) -> list[User]:
    """Returns an identity provider's people in the order of their ids, the ones after an id."""
    return [user_of_row(row) for row in await reading.all(_OF_PROVIDER, reading.tenant, provider_id, after_id, limit)]


async def page_of_changed(
    reading: Reading, provider_id: str, since: int, until: int, after_id: str, limit: int
) -> list[User]:
    """Returns an identity provider's people who last changed between two instants, both included, in the order of their
    changes; of those who changed at the first instant only the ones after an id.
    """
    rows = await reading.all(_CHANGED_BETWEEN, reading.tenant, since, until, after_id, provider_id, limit)
    return [user_of_row(row) for row in rows]
