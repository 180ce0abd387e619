"""The row of one group: finding and locking it, inserting, updating and deleting it; and lists of groups."""

from typing import Final

import orjson

from vestibule.model import Group
from vestibule.scim.text import fold
from vestibule.store.database import Reading, Row, Tx
from vestibule.store.group_columns import GroupColumns
from vestibule.store.listing import Listing
from vestibule.store.users import ProviderState
from vestibule.store.where import Where

GROUP_COLUMNS: Final = "id, identity_provider_id, document, member_count, version, created_at, modified_at"
"""What a SELECT names for `group_of_row`."""
_GET: Final = f"SELECT {GROUP_COLUMNS} FROM groups WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_LOCK: Final = f"{_GET} /*for update*/"
_BY_NAME: Final = f"""
SELECT {GROUP_COLUMNS} FROM groups WHERE tenant_id = $1 AND name_key = $2 AND identity_provider_id = $3
"""  # noqa: S608 -- a constant
_STATE: Final = "SELECT mapping_version, provisioning, adopts FROM identity_providers WHERE tenant_id = $1 AND id = $2"
_STATE_TO_CHANGE: Final = """
SELECT i.mapping_version, i.provisioning, i.adopts, g.id, g.identity_provider_id, g.document, g.member_count, g.version,
       g.created_at, g.modified_at
FROM groups g JOIN identity_providers i ON i.tenant_id = g.tenant_id AND i.id = g.identity_provider_id
WHERE g.tenant_id = $1 AND g.id = $3 AND g.identity_provider_id = $2 /*for update of g*/
"""
_LOCK_NESTING: Final = "SELECT id FROM identity_providers WHERE tenant_id = $1 AND id = $2 /*for update*/"
_LOCK_NESTING_BY_HAND: Final = "SELECT id FROM tenants WHERE id = $1 /*for update*/"
_INSERT: Final = """
INSERT INTO groups (tenant_id, id, identity_provider_id, name_key, external_id, version, created_at, modified_at,
                    member_count, document, folded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_UPDATE: Final = """
UPDATE groups SET name_key = $3, external_id = $4, version = $5, modified_at = $6, member_count = $7, document = $8,
                  folded = $9
WHERE tenant_id = $1 AND id = $2
"""
_UPDATE_MEMBERS: Final = """
UPDATE groups SET version = $3, modified_at = $4, member_count = $5 WHERE tenant_id = $1 AND id = $2
"""
_DELETE: Final = "DELETE FROM groups WHERE tenant_id = $1 AND id = $2"


def group_of_row(row: Row) -> Group:
    """Returns the group in a row of `GROUP_COLUMNS`."""
    return Group(*row)


def display_name(group: Group) -> str:
    """Returns a group's displayName."""
    return str(orjson.loads(group.document)["displayName"])


async def find_group(reading: Reading, group_id: str) -> Group | None:
    """Returns the group with that id, of any identity provider."""
    row = await reading.one(_GET, reading.tenant, group_id)
    return group_of_row(row) if row else None


async def lock_group(tx: Tx, group_id: str) -> Group | None:
    """Returns the group with that id, of any identity provider, locked until the transaction ends."""
    row = await tx.one(_LOCK, tx.tenant, group_id)
    return group_of_row(row) if row else None


async def find_group_by_name(reading: Reading, provider_id: str, display_name: str) -> Group | None:
    """Returns an identity provider's group with that displayName, in any case."""
    row = await reading.one(_BY_NAME, reading.tenant, fold(display_name.strip()), provider_id)
    return group_of_row(row) if row else None


async def find_state_for_groups(reading: Reading, provider_id: str) -> ProviderState | None:
    """Returns the settings of an identity provider that a write of a new group depends on."""
    row = await reading.one(_STATE, reading.tenant, provider_id)
    return ProviderState(row[0], row[1], bool(row[2])) if row else None


async def lock_group_to_change(tx: Tx, provider_id: str, group_id: str) -> tuple[ProviderState, Group] | None:
    """Returns the identity provider's state and its group with that id, which is locked until the transaction ends."""
    row = await tx.one(_STATE_TO_CHANGE, tx.tenant, provider_id, group_id)
    return (ProviderState(row[0], row[1], bool(row[2])), group_of_row(row[3:])) if row else None


async def lock_nesting(tx: Tx, provider_id: str) -> None:
    """Let no other transaction put groups of an identity provider into groups until this one ends; without one, into
    groups that were made by hand.
    """
    if provider_id:
        await tx.one(_LOCK_NESTING, tx.tenant, provider_id)
    else:
        await tx.one(_LOCK_NESTING_BY_HAND, tx.tenant)


def seen_groups(provider_id: str, condition: Where | None) -> Listing:
    """Returns the list of an identity provider's groups that satisfy a condition, whose parameters are numbered from
    3.
    """
    return Listing("groups", GROUP_COLUMNS, "identity_provider_id = $2", (provider_id,), condition)


async def insert_group(tx: Tx, group: Group, columns: GroupColumns) -> None:
    """Store a new group, without its members.

    Raises:
        UniqueViolation: the identity provider has a group with that displayName.
    """
    await tx.run(
        _INSERT,
        tx.tenant,
        group.id,
        group.identity_provider_id,
        columns.name_key,
        columns.external_id,
        group.version,
        group.created_at,
        group.modified_at,
        group.member_count,
        group.document,
        columns.folded,
    )


async def update_group(tx: Tx, group: Group, columns: GroupColumns | None) -> None:
    """Update a group's row. Without `columns` the document is as it was, and only the members changed.

    Raises:
        UniqueViolation: the identity provider has another group with that displayName.
    """
    if columns is None:
        await tx.run(_UPDATE_MEMBERS, tx.tenant, group.id, group.version, group.modified_at, group.member_count)
        return
    await tx.run(
        _UPDATE,
        tx.tenant,
        group.id,
        columns.name_key,
        columns.external_id,
        group.version,
        group.modified_at,
        group.member_count,
        group.document,
        columns.folded,
    )


async def remove_group(tx: Tx, group_id: str) -> None:
    """Delete a group's row. Its members are removed before."""
    await tx.run(_DELETE, tx.tenant, group_id)
