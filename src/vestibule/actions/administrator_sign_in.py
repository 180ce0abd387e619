"""Sign-in of administrators with a password, and their sessions.

The reason of a refusal is not shown: an unknown e-mail address, a wrong password and a disabled administrator look the
same and take the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vestibule.actions import pace
from vestibule.actions.known_browsers import find_known
from vestibule.keys import make_form_token, make_one_time_token, token_check
from vestibule.model import HOUSE, Administrator
from vestibule.store.administrator_sessions import Session, end_session, insert_session
from vestibule.store.administrators import find_with_password, lock_administrator, note_sign_in
from vestibule.store.database import AllTenants
from vestibule.store.events import append_house_event

IDLE: Final = 30 * 60_000
"""Milliseconds without a request after which a session ends."""
ABSOLUTE: Final = 8 * 3_600_000
"""Milliseconds after which a session ends even if it is used."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The administrator with an e-mail address, if there is one, before the password is checked."""

    administrator: Administrator | None
    password_hash: str | None
    browser: str = ""
    """The cookie of this browser, if it is a known browser of that administrator."""


async def find_candidate(
    all_tenants: AllTenants, email: str, tenant_id: str | None, browsers: Sequence[str]
) -> Candidate:
    """Find the administrator with an e-mail address, in one tenant, or in all of them if `tenant_id` is None.

    If several have it, the result is the one for whom this browser is known, or else the oldest. So an invitation to
    another tenant does not change how somebody signs in.
    """
    found = [
        each
        for each in await find_with_password(all_tenants, email)
        if tenant_id is None or each[0].tenant_id in {tenant_id, HOUSE}
    ]
    if tenant_id is not None:
        found.sort(key=lambda each: each[0].tenant_id == HOUSE)  # the tenant's own first
    for administrator, password_hash in found:
        browser = await find_known(all_tenants, browsers, administrator)
        if browser:
            return Candidate(administrator, password_hash, browser)
    return Candidate(*found[0]) if found else Candidate(None, None)


def pace_names(candidate: Candidate, email: str, address: str, pepper_key: bytes) -> list[str]:
    """Returns the names under which an attempt is counted: the known browser, or else e-mail address and IP address."""
    if candidate.browser:
        return [pace.name_of_browser(token_check(candidate.browser))]
    return pace.names_of_stranger(email, address, pepper_key)


async def still_right(all_tenants: AllTenants, candidate: Candidate) -> bool:
    """Returns whether an administrator may still sign in with the password that was found right.

    Hashing takes long: meanwhile they may have been locked out or have changed the password. The row lock makes such
    changes wait until the session is stored, which they then end.
    """
    if candidate.administrator is None:
        return False
    now, hash_now = await lock_administrator(all_tenants, candidate.administrator.tenant_id, candidate.administrator.id)
    return now is not None and now.disabled_at is None and hash_now == candidate.password_hash


async def refuse_sign_in(all_tenants: AllTenants, email: str, administrator: Administrator | None) -> None:
    """Record a failed sign-in, which was counted already. An unknown e-mail address is not recorded."""
    if administrator is not None:
        told = {"email": email, "reason": "the password did not match"}
        await append_house_event(all_tenants, administrator.tenant_id, "administrator.sign_in_refused", told)


async def open_session(all_tenants: AllTenants, administrator: Administrator, names: list[str]) -> str:
    """Begin a session, and reset the failures under `names`. Returns the token for its cookie."""
    token = make_one_time_token(administrator.tenant_id)
    session = Session(
        tenant_id=administrator.tenant_id,
        token_check=token_check(token),
        form_token=make_form_token(),
        created_at=all_tenants.now,
        seen_at=all_tenants.now,
        expires_at=all_tenants.now + ABSOLUTE,
    )
    await insert_session(all_tenants, session, administrator.id, all_tenants.actor.address, all_tenants.actor.agent)
    await note_sign_in(all_tenants, administrator)
    await pace.forgive(all_tenants, names)
    await append_house_event(
        all_tenants, administrator.tenant_id, "administrator.signed_in", {"subject": administrator.email}
    )
    return token


async def close_session(all_tenants: AllTenants, session: Session, administrator: Administrator) -> None:
    """End a session because its administrator signs out."""
    await end_session(all_tenants, session)
    await append_house_event(
        all_tenants, administrator.tenant_id, "administrator.signed_out", {"subject": administrator.email}
    )
