"""Rows of former userNames: those of people who were deleted, and of people who were renamed.

Just-in-time creation asks here before it makes a new person. Only a hash of the folded name is kept.
"""

import hashlib
from typing import Any, Final

import orjson

from vestibule.scim.text import fold
from vestibule.store.database import AllTenants, Reading, Tx

_NOTE_DEPARTURE: Final = """
INSERT INTO departures (tenant_id, identity_provider_id, name_check, departed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, identity_provider_id, name_check) DO UPDATE SET departed_at = excluded.departed_at
"""
_DEPARTED_AT: Final = """
SELECT departed_at FROM departures WHERE tenant_id = $1 AND identity_provider_id = $2 AND name_check = $3
"""
_NOTE_FORMER: Final = """
INSERT INTO former_names (tenant_id, identity_provider_id, name_check, user_id, changed_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, identity_provider_id, name_check)
DO UPDATE SET user_id = excluded.user_id, changed_at = excluded.changed_at
"""
_FORMER: Final = """
SELECT user_id, changed_at FROM former_names WHERE tenant_id = $1 AND identity_provider_id = $2 AND name_check = $3
"""
_RENAMES: Final = """
SELECT tenant_id, id, identity_provider_id, subject_id, at, data FROM events
WHERE (tenant_id, id) > ($1, $2)
  AND type IN ('user.changed', 'user.deactivated', 'user.reactivated') AND CAST(data AS TEXT) LIKE '%"userName"%'
ORDER BY tenant_id, id LIMIT 500
"""


async def note_departure(tx: Tx, provider_id: str, user_name: str) -> None:
    """Note that an identity provider's person with that userName was deleted."""
    await tx.run(_NOTE_DEPARTURE, tx.tenant, provider_id, _name_check(user_name), tx.now)


async def departed_at(reading: Reading, provider_id: str, user_name: str) -> int:
    """Returns when an identity provider's person with that userName was last deleted; 0 for never."""
    row = await reading.one(_DEPARTED_AT, reading.tenant, provider_id, _name_check(user_name))
    return row[0] if row else 0


async def note_former_name(tx: Tx, provider_id: str, user_id: str, user_name: str) -> None:
    """Note that an identity provider's person had that userName until now."""
    await tx.run(_NOTE_FORMER, tx.tenant, provider_id, _name_check(user_name), user_id, tx.now)


async def find_former_holder(reading: Reading, provider_id: str, user_name: str) -> tuple[str, int] | None:
    """Returns the id of the identity provider's person who last had that userName before a rename, and the time of the
    rename in milliseconds. None if nobody had it.
    """
    row = await reading.one(_FORMER, reading.tenant, provider_id, _name_check(user_name))
    return (row[0], row[1]) if row else None


def _name_check(user_name: str) -> bytes:
    return hashlib.sha256(fold(user_name).encode()).digest()


async def fill_in_former_names(all_tenants: AllTenants) -> None:
    """Fill the table of former names from the events, for a database that did not keep them until now."""
    tenant_id = event_id = ""
    while rows := await all_tenants.all(_RENAMES, tenant_id, event_id):
        noted = []
        for tenant_id, event_id, provider_id, user_id, at, data in rows:  # noqa: B007 -- the last row is where to go on
            name = _former_name(orjson.loads(data))
            if name and provider_id:
                noted.append((tenant_id, provider_id, _name_check(name), user_id, at))
        await all_tenants.many(_NOTE_FORMER, noted)


def _former_name(data: dict[str, Any]) -> str:
    """Returns the userName before a change, as an event tells it; empty if another attribute was changed."""
    for change in data.get("changes", ()):
        if change.get("attribute") == "userName" and isinstance(change.get("before"), str):
            return str(change["before"])
    return ""
