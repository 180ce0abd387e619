"""The rate limit for guesses of administrators' passwords, authenticator codes and recovery codes.

An attempt is counted as failed before it is checked, in a transaction of its own, so that parallel attempts cannot get
past the limit. After a few free failures, each further one doubles the time until the next attempt is allowed.

Attempts are counted by e-mail address and IP address; those of a known browser only by that browser. So a stranger who
tries somebody's e-mail address does not lock that person out of their own browser.
"""

import hashlib
import hmac
from typing import Final

from vestibule.errors import TooOften
from vestibule.limits import FREE_TRIES, FREE_TRIES_OF_ADDRESS, LONGEST_WAIT_SECONDS
from vestibule.model import Administrator
from vestibule.store.administrators import email_key
from vestibule.store.database import AllTenants
from vestibule.store.installation import clear_throttle, find_throttle, lock_throttle, put_throttle, take_back_failure

FORGOTTEN_AFTER: Final = 8 * 3_600_000
"""Milliseconds without a failure after which counting starts again."""
_ADDRESS: Final = "address:"
_ANY_NUMBER: Final = 1 << 60


def names_of_stranger(email: str, address: str, pepper_key: bytes) -> list[str]:
    """Returns the names under which a stranger's attempts are counted: e-mail address and IP address.

    The e-mail address is a keyed hash, because it may belong to anybody.
    """
    hashed = hmac.new(pepper_key, email_key(email).encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]
    return [f"email:{hashed}", name_of_address(address)]


def name_of_address(address: str) -> str:
    """Returns the name under which attempts from an IP address are counted."""
    return f"{_ADDRESS}{address}"


def name_of_browser(token_check: bytes) -> str:
    """Returns the name under which attempts from a known browser are counted."""
    return f"browser:{token_check.hex()[:32]}"


def name_of_second_step(administrator: Administrator) -> str:
    """Returns the name under which second-factor attempts for an administrator are counted."""
    return f"second:{administrator.tenant_id}:{administrator.id}"


async def check_pace(all_tenants: AllTenants, names: list[str]) -> None:
    """Refuse an attempt that comes too soon, without counting it or waiting for a lock.

    Raises:
        TooOften: the time until the next attempt has not passed.
    """
    _refuse_before(max([(await find_throttle(all_tenants, name))[1] for name in names], default=0), all_tenants.now)


async def claim_try(all_tenants: AllTenants, names: list[str]) -> None:
    """Count an attempt as failed before it is checked. If it turns out right, call `take_back_try`.

    Raises:
        TooOften: it comes too soon, and is not counted.
    """
    kept = [(name, *await lock_throttle(all_tenants, name)) for name in sorted(names)]
    _refuse_before(max((until for _, _, _, until in kept), default=0), all_tenants.now)
    for name, before, last_at, _ in kept:
        failures = before + 1 if all_tenants.now - last_at < FORGOTTEN_AFTER else 1
        beyond = failures - _free(name)
        wait = min(LONGEST_WAIT_SECONDS * 1000, 1000 << min(beyond, 20)) if beyond >= 0 else 0
        await put_throttle(all_tenants, name, failures, all_tenants.now + wait)


async def take_back_try(all_tenants: AllTenants, names: list[str]) -> None:
    """Undo the count of an attempt that was right. An IP address with many other failures has to wait all the same."""
    for name in names:
        await take_back_failure(all_tenants, name, _free(name) if name.startswith(_ADDRESS) else _ANY_NUMBER)


async def forgive(all_tenants: AllTenants, names: list[str]) -> None:
    """Reset the failures of an administrator who has signed in; those of an IP address stay."""
    for name in names:
        if not name.startswith(_ADDRESS):
            await clear_throttle(all_tenants, name)


def _free(name: str) -> int:
    return FREE_TRIES_OF_ADDRESS if name.startswith(_ADDRESS) else FREE_TRIES


def _refuse_before(until: int, now: int) -> None:
    if until > now:
        seconds = -(-(until - now) // 1000)
        raise TooOften(f"Too many failed attempts. Try again in {seconds} seconds.", seconds)
