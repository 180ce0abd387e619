"""Rows of the installation itself: counts of failed sign-ins, which slow down guessing, and facts."""

from typing import Final

from vestibule.model import HOUSE
from vestibule.store.database import AllTenants

_THROTTLE: Final = "SELECT failures, until, last_at FROM throttles WHERE tenant_id = $1 AND name = $2"
_LOCK: Final = """
INSERT INTO throttles (tenant_id, name, failures, until, last_at) VALUES ($1, $2, 0, 0, $3)
ON CONFLICT (tenant_id, name) DO UPDATE SET failures = throttles.failures
RETURNING failures, last_at, until
"""
_FAIL: Final = """
INSERT INTO throttles (tenant_id, name, failures, until, last_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, name) DO UPDATE
SET failures = excluded.failures, until = excluded.until, last_at = excluded.last_at
"""
_TAKE_BACK: Final = """
UPDATE throttles SET failures = failures - 1,
    until = CASE WHEN failures - 1 < $3 THEN 0 ELSE until END
WHERE tenant_id = $1 AND name = $2 AND failures > 0
"""
_CLEAR: Final = "DELETE FROM throttles WHERE tenant_id = $1 AND name = $2"
_FORGET: Final = "DELETE FROM throttles WHERE last_at < $1"


async def find_throttle(all_tenants: AllTenants, name: str) -> tuple[int, int, int]:
    """Returns the failures counted under a name, when the next try is allowed, and when the last failure was."""
    row = await all_tenants.one(_THROTTLE, HOUSE, name)
    return (row[0], row[1], row[2]) if row else (0, 0, 0)


async def lock_throttle(all_tenants: AllTenants, name: str) -> tuple[int, int, int]:
    """Lock what is counted under a name until the transaction ends.

    Returns the number of failures, when the last one was, and when the next try is allowed.
    """
    ((failures, last_at, until),) = await all_tenants.all(_LOCK, HOUSE, name, all_tenants.now)
    return failures, last_at, until


async def put_throttle(all_tenants: AllTenants, name: str, failures: int, until: int) -> None:
    """Count a failure now."""
    await all_tenants.run(_FAIL, HOUSE, name, failures, until, all_tenants.now)


async def take_back_failure(all_tenants: AllTenants, name: str, waits_from: int) -> None:
    """Subtract one failure. The wait ends if fewer than `waits_from` are left."""
    await all_tenants.run(_TAKE_BACK, HOUSE, name, waits_from)


async def clear_throttle(all_tenants: AllTenants, name: str) -> None:
    """Forget the failures under a name."""
    await all_tenants.run(_CLEAR, HOUSE, name)


async def forget_old_throttles(all_tenants: AllTenants, before: int) -> None:
    """Delete counts without a failure since an instant."""
    await all_tenants.run(_FORGET, before)


# -- facts -------------------------------------------------------------------------------------------------------------

_FACT: Final = "SELECT value FROM facts WHERE name = $1"
_SET_FACT: Final = """
INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_PUT_FACT: Final = "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"


async def find_fact(all_tenants: AllTenants, name: str) -> str | None:
    """Returns a fact about the installation."""
    row = await all_tenants.one(_FACT, name)
    return row[0] if row else None


async def put_fact(all_tenants: AllTenants, name: str, value: str) -> None:
    """Store a fact, unless there is one with its name."""
    await all_tenants.run(_PUT_FACT, name, value)


async def set_fact(all_tenants: AllTenants, name: str, value: str) -> None:
    """Store a fact, and replace what was stored under its name."""
    await all_tenants.run(_SET_FACT, name, value)
