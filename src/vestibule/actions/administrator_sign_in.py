"""How administrators get in: passwords, sessions, and what slows down guessing.

Passwords are hashed with argon2id, outside of any transaction because that takes long on purpose. What is wrong about a
sign-in is told to nobody: an unknown e-mail, a wrong password and a disabled administrator look the same and take as
long.
"""

import hashlib
import hmac
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vestibule.errors import TooOften, WrongInput
from vestibule.keys import make_form_token, make_one_time_token, token_check
from vestibule.model import HOUSE, Administrator
from vestibule.store.administrator_sessions import Session, end_session, insert_session
from vestibule.store.administrators import email_key, find_by_email, lock_administrator, note_sign_in
from vestibule.store.database import AllTenants
from vestibule.store.events import append_house_event
from vestibule.store.installation import clear_throttle, find_throttle, lock_throttle, put_throttle

IDLE: Final = 30 * 60_000
ABSOLUTE: Final = 8 * 3_600_000
"""Milliseconds after which a session ends: unused, and at the latest."""
SHORTEST_PASSWORD: Final = 15
LONGEST_PASSWORD: Final = 128
FREE_TRIES: Final = 5
"""Failed sign-ins before the next one has to wait: a second, then twice as long each time, up to a quarter of an
hour.
"""
LONGEST_WAIT: Final = 900_000

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$7uTqCAL0LkcdF8jBNEU60A$0LQTDRbzrRmmzSkwvdP+jAoFD4hHOgJZV5+wInEi8Bc"
)
"""What takes as long to compare as a real one. Written down, because making it would take as long at every start."""


# -- passwords ---------------------------------------------------------------------------------------------------------


def hash_password(password: str, email: str) -> str:
    """The hash of a new password. Takes long on purpose: call it in a thread.

    Raises:
        WrongInput: too short, too long, or one that everybody tries first.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WrongInput(
            f"A password should have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; {len(password)} came. "
            "A few words that do not belong together are long enough and easy to keep.",
            field="password",
        )
    if len(set(password)) < 5 or password.lower() in email_key(email) or email_key(email) in password.lower():
        raise WrongInput(
            "That password would be tried early; choose words that have nothing to do with you.", field="password"
        )
    return _hasher.hash(password)


def verify_password(kept: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed. Takes as long when there is none. Call it in a thread."""
    try:
        _hasher.verify(kept or _NOBODYS_HASH, password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)


# -- signing in --------------------------------------------------------------------------------------------------------


async def check_pace(all_tenants: AllTenants, names: list[str]) -> None:
    """Refuse a try that comes too soon after too many failures.

    Raises:
        TooOften
    """
    wait = 0
    for name in names:
        _, until, _ = await find_throttle(all_tenants, name)
        wait = max(wait, until - all_tenants.now)
    if wait > 0:
        seconds = -(-wait // 1000)
        raise TooOften(f"Too many failed attempts. Try again in {seconds} seconds.", seconds)


async def count_failure(all_tenants: AllTenants, names: list[str]) -> None:
    """Count a failed try; from the sixth on, the next has to wait."""
    for name in names:
        failures, last_at = await lock_throttle(all_tenants, name)
        failures = failures + 1 if all_tenants.now - last_at < ABSOLUTE else 1
        allowed = FREE_TRIES * (10 if name.startswith("address:") else 1)
        wait = min(LONGEST_WAIT, 1000 << min(failures - allowed, 20)) if failures >= allowed else 0
        await put_throttle(all_tenants, name, failures, all_tenants.now + wait)


def throttle_names(email: str, address: str, pepper_key: bytes) -> list[str]:
    """What failures are counted under: the e-mail (as a keyed hash, for it may be a stranger's) and the address."""
    hashed = hmac.new(pepper_key, email_key(email).encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]
    return [f"email:{hashed}", f"address:{address}"]


async def candidates(
    all_tenants: AllTenants, email: str, tenant_id: str | None
) -> tuple[Administrator | None, str | None]:
    """Who an e-mail may be, with the hash of their password: in a tenant, or wherever it is known exactly once."""
    found = [
        each
        for each in await find_by_email(all_tenants, email)
        if tenant_id is None or each[0].tenant_id in {tenant_id, HOUSE}
    ]
    if len(found) != 1:
        found = [each for each in found if each[0].tenant_id == tenant_id]
    if len(found) != 1 or found[0][0].disabled_at is not None or not found[0][1]:
        return None, None
    return found[0]


async def still_right(all_tenants: AllTenants, administrator: Administrator, kept: str | None) -> bool:
    """Whether somebody whose password was right may still come in with it. Hashing takes long: they may have been
    locked out, or have chosen another password, meanwhile. Whoever does that now waits, and then finds the session.
    """
    now, hash_now = await lock_administrator(all_tenants, administrator.tenant_id, administrator.id)
    return now is not None and now.disabled_at is None and hash_now == kept


async def refuse_sign_in(
    all_tenants: AllTenants, email: str, administrator: Administrator | None, names: list[str]
) -> None:
    """Count and record a failed sign-in. A stranger's e-mail is recorded nowhere."""
    await count_failure(all_tenants, names)
    if administrator is not None:
        told = {"email": email, "reason": "the password did not match"}
        await append_house_event(all_tenants, administrator.tenant_id, "administrator.sign_in_refused", told)


async def open_session(all_tenants: AllTenants, administrator: Administrator, names: list[str]) -> str:
    """Begin a session; the token for its cookie."""
    token = make_one_time_token(administrator.tenant_id)
    session = Session(
        administrator.tenant_id,
        token_check(token),
        make_form_token(),
        all_tenants.now,
        all_tenants.now,
        all_tenants.now + ABSOLUTE,
    )
    await insert_session(all_tenants, session, administrator.id, all_tenants.actor.address, all_tenants.actor.agent)
    await note_sign_in(all_tenants, administrator)
    for name in names:
        if name.startswith("email:"):
            await clear_throttle(all_tenants, name)
    await append_house_event(
        all_tenants, administrator.tenant_id, "administrator.signed_in", {"subject": administrator.email}
    )
    return token


async def close_session(all_tenants: AllTenants, session: Session, administrator: Administrator) -> None:
    """End a session because its administrator wants that."""
    await end_session(all_tenants, session)
    await append_house_event(
        all_tenants, administrator.tenant_id, "administrator.signed_out", {"subject": administrator.email}
    )
