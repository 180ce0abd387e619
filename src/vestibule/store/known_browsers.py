"""Rows of known browsers, in which an administrator has signed in before, found by the hash of their cookie."""

from typing import Final

from vestibule.model import Administrator
from vestibule.store.database import AllTenants

_FIND: Final = """
SELECT 1 FROM known_browsers
WHERE tenant_id = $1 AND token_check = $2 AND administrator_id = $3 AND expires_at > $4
"""
_INSERT: Final = """
INSERT INTO known_browsers (tenant_id, token_check, administrator_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5)
"""
_DELETE: Final = "DELETE FROM known_browsers WHERE tenant_id = $1 AND token_check = $2"
_DELETE_OLDEST: Final = """
DELETE FROM known_browsers WHERE tenant_id = $1 AND administrator_id = $2 AND token_check NOT IN (
    SELECT token_check FROM known_browsers WHERE tenant_id = $1 AND administrator_id = $2
    ORDER BY created_at DESC, token_check LIMIT $3)
"""
_DELETE_ALL: Final = "DELETE FROM known_browsers WHERE tenant_id = $1 AND administrator_id = $2"
_FORGET: Final = "DELETE FROM known_browsers WHERE expires_at <= $1"


async def is_known_browser(all_tenants: AllTenants, administrator: Administrator, token_check: bytes) -> bool:
    """Returns whether a cookie is of a browser that is known for this administrator."""
    return (
        await all_tenants.one(_FIND, administrator.tenant_id, token_check, administrator.id, all_tenants.now)
        is not None
    )


async def insert_known_browser(
    all_tenants: AllTenants, administrator: Administrator, token_check: bytes, expires_at: int, most: int
) -> None:
    """Store a known browser; of more than `most`, the oldest are forgotten."""
    await all_tenants.run(_INSERT, administrator.tenant_id, token_check, administrator.id, all_tenants.now, expires_at)
    await all_tenants.run(_DELETE_OLDEST, administrator.tenant_id, administrator.id, most)


async def delete_known_browser(all_tenants: AllTenants, administrator: Administrator, token_check: bytes) -> None:
    """Forget one browser."""
    await all_tenants.run(_DELETE, administrator.tenant_id, token_check)


async def delete_known_browsers(all_tenants: AllTenants, administrator: Administrator) -> int:
    """Forget every browser of an administrator. Returns how many there were."""
    return await all_tenants.run(_DELETE_ALL, administrator.tenant_id, administrator.id)


async def forget_expired_known_browsers(all_tenants: AllTenants) -> None:
    """Delete the known browsers that have expired."""
    await all_tenants.run(_FORGET, all_tenants.now)
