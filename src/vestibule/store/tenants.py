"""Rows of tenants. They are looked up before a tenant is known, so nearly every function takes an `AllTenants`."""

from typing import Final

from vestibule.model import Tenant
from vestibule.store.database import AllTenants, Row, Tx

_COLUMNS: Final = """
id, name, title, state, created_at, session_idle, session_absolute, factor_of_owners_since, factor_of_all_since
"""
_BY_NAME: Final = f"SELECT {_COLUMNS} FROM tenants WHERE name = $1"  # noqa: S608 -- a constant
_BY_ID: Final = f"SELECT {_COLUMNS} FROM tenants WHERE id = $1"  # noqa: S608 -- a constant
_HOLD: Final = f"SELECT {_COLUMNS} FROM tenants WHERE id = $1 /*for share*/"  # noqa: S608 -- a constant
_LOCK: Final = f"SELECT {_COLUMNS} FROM tenants WHERE id = $1 /*for update*/"  # noqa: S608 -- a constant
_ALL: Final = f"SELECT {_COLUMNS} FROM tenants ORDER BY name"  # noqa: S608 -- a constant
_SET_STATE: Final = "UPDATE tenants SET state = $2 WHERE id = $1"
_SET_LIMITS: Final = "UPDATE tenants SET session_idle = $2, session_absolute = $3 WHERE id = $1"
_SET_FACTOR: Final = "UPDATE tenants SET factor_of_owners_since = $2, factor_of_all_since = $3 WHERE id = $1"
_INSERT: Final = """
INSERT INTO tenants (id, name, title, state, created_at, factor_of_owners_since) VALUES ($1, $2, $3, $4, $5, $6)
"""


def _tenant(row: Row) -> Tenant:
    return Tenant(*row)


async def find_tenant(all_tenants: AllTenants, name: str) -> Tenant | None:
    """Returns the tenant with that name."""
    row = await all_tenants.one(_BY_NAME, name)
    return _tenant(row) if row else None


async def find_tenant_by_id(all_tenants: AllTenants, tenant_id: str) -> Tenant | None:
    """Returns the tenant with that id."""
    row = await all_tenants.one(_BY_ID, tenant_id)
    return _tenant(row) if row else None


async def hold_tenant(tx: Tx) -> Tenant | None:
    """Returns the tenant that a transaction is in. Nobody changes it until the transaction ends."""
    row = await tx.one(_HOLD, tx.tenant)
    return _tenant(row) if row else None


async def lock_tenant(tx: Tx) -> Tenant | None:
    """Returns the tenant that a transaction is in, for a transaction that changes it or counts what it has: one at a
    time.
    """
    row = await tx.one(_LOCK, tx.tenant)
    return _tenant(row) if row else None


async def find_tenants(all_tenants: AllTenants) -> list[Tenant]:
    """Returns every tenant, by name."""
    return [_tenant(row) for row in await all_tenants.all(_ALL)]


async def insert_tenant(all_tenants: AllTenants, tenant: Tenant) -> None:
    """Store a new tenant.

    Raises:
        UniqueViolation: the name is taken.
    """
    owners_since = tenant.factor_of_owners_since
    await all_tenants.run(_INSERT, tenant.id, tenant.name, tenant.title, tenant.state, tenant.created_at, owners_since)


async def update_tenant_state(all_tenants: AllTenants, tenant_id: str, state: str) -> None:
    """Suspend a tenant, or let it in again."""
    await all_tenants.run(_SET_STATE, tenant_id, state)


async def update_tenant_limits(tx: Tx, session_idle: int, session_absolute: int) -> None:
    """Keep how long sessions of the tenant's people last, in milliseconds."""
    await tx.run(_SET_LIMITS, tx.tenant, session_idle, session_absolute)


async def update_factor_required(tx: Tx, of_owners_since: int, of_all_since: int) -> None:
    """Keep since when the tenant's owners, and all of its administrators, need a second factor; 0 for not at all."""
    await tx.run(_SET_FACTOR, tx.tenant, of_owners_since, of_all_since)
