"""The rate limit of guesses: passwords, codes of authenticator apps and recovery codes of administrators.

A try is counted before it is judged, in a transaction that ends before anything is compared, so many tries at the same
time are counted one after the other. After some free failures each further one makes the next try wait, twice as long
each time.

Strangers are counted by the e-mail that they try and by their address. A known browser is counted by itself alone:
strangers who try somebody's e-mail do not make that person wait where they signed in before.
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
    """What a password is counted under: the e-mail, as a keyed hash because it may be a stranger's, and the address."""
    hashed = hmac.new(pepper_key, email_key(email).encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]
    return [f"email:{hashed}", name_of_address(address)]


def name_of_address(address: str) -> str:
    """What everything is counted under that comes from an address."""
    return f"{_ADDRESS}{address}"


def name_of_browser(token_check: bytes) -> str:
    """What everything is counted under that comes from a known browser."""
    return f"browser:{token_check.hex()[:32]}"


def name_of_second_step(administrator: Administrator) -> str:
    """What codes for an administrator are counted under."""
    return f"second:{administrator.tenant_id}:{administrator.id}"


async def check_pace(all_tenants: AllTenants, names: list[str]) -> None:
    """Refuse a try that comes too soon, without counting it. Saves a flood from waiting for its turn.

    Raises:
        TooOften
    """
    _refuse_before(max([(await find_throttle(all_tenants, name))[1] for name in names], default=0), all_tenants.now)


async def claim_try(all_tenants: AllTenants, names: list[str]) -> None:
    """Count a try as failed, before it is judged. `take_back_try` follows where it was right.

    Raises:
        TooOften: it comes too soon; nothing is counted.
    """
    kept = [(name, *await lock_throttle(all_tenants, name)) for name in sorted(names)]
    _refuse_before(max((until for _, _, _, until in kept), default=0), all_tenants.now)
    for name, before, last_at, _ in kept:
        failures = before + 1 if all_tenants.now - last_at < FORGOTTEN_AFTER else 1
        beyond = failures - _free(name)
        wait = min(LONGEST_WAIT_SECONDS * 1000, 1000 << min(beyond, 20)) if beyond >= 0 else 0
        await put_throttle(all_tenants, name, failures, all_tenants.now + wait)


async def take_back_try(all_tenants: AllTenants, names: list[str]) -> None:
    """Do not count a try that was right. An address keeps waiting if others from it failed often."""
    for name in names:
        await take_back_failure(all_tenants, name, _free(name) if name.startswith(_ADDRESS) else _ANY_NUMBER)


async def forgive(all_tenants: AllTenants, names: list[str]) -> None:
    """Forget the failures of somebody who has signed in; those of an address stay."""
    for name in names:
        if not name.startswith(_ADDRESS):
            await clear_throttle(all_tenants, name)


def _free(name: str) -> int:
    return FREE_TRIES_OF_ADDRESS if name.startswith(_ADDRESS) else FREE_TRIES


def _refuse_before(until: int, now: int) -> None:
    if until > now:
        seconds = -(-(until - now) // 1000)
        raise TooOften(f"Too many failed attempts. Try again in {seconds} seconds.", seconds)
