"""Signs an administrator in with a passkey alone, without e-mail and password.

The rules of this file: the page does not ask for an e-mail, so it reveals nothing about one, and wrong passwords from
strangers delay nobody. The passkey has to confirm that it verified its owner, with a PIN, a fingerprint or a face. A
challenge opens one session only, on all nodes together.
"""

from collections.abc import Sequence

from vestibule.actions import pace, proofs
from vestibule.actions.administrator_sign_in import open_session
from vestibule.actions.known_browsers import remember_browser
from vestibule.actions.proofs import Passkey, RelyingParty
from vestibule.actions.second_factor import Entry
from vestibule.keys import token_check
from vestibule.model import Administrator
from vestibule.store.administrators import find_administrator
from vestibule.store.database import AllTenants
from vestibule.store.events import append_house_event
from vestibule.store.factors import Factor, find_passkey_owner, lock_factors, take_challenge, take_step

CHALLENGE_LIFE = 5 * 60_000
"""How many milliseconds a challenge is valid."""


async def sign_in_with_passkey(
    all_tenants: AllTenants,
    party: RelyingParty,
    challenge: bytes,
    expires_at: int,
    answer: str,
    browsers: Sequence[str],
) -> Entry | None:
    """Open a session for the administrator whose passkey signed a challenge.

    `browsers` are the known-browser cookies of the request.

    Returns None if the passkey is unknown, if the signature is wrong, or if the challenge was used already.
    """
    found = await _find(all_tenants, answer)
    if found is None:
        return None
    administrator, factor = found
    passkey = Passkey(factor.credential_id, factor.secret, factor.used_step)
    counter = proofs.counter_of(party, challenge, answer, passkey, owner_checked=True)
    used = (
        counter is not None
        and await take_challenge(all_tenants, token_check(challenge.hex()), expires_at)
        and await take_step(all_tenants, administrator, factor, counter)
    )
    if not used:
        told = {"email": administrator.email, "reason": "the passkey did not fit"}
        await append_house_event(all_tenants, administrator.tenant_id, "administrator.sign_in_refused", told)
        return None
    await pace.forgive(all_tenants, [pace.name_of_second_step(administrator)])
    session = await open_session(all_tenants, administrator, [])
    return Entry(session=session, browsers=await remember_browser(all_tenants, browsers, administrator))


async def _find(all_tenants: AllTenants, answer: str) -> tuple[Administrator, Factor] | None:
    """Returns the administrator whose passkey made the answer, and the passkey; None if there is none who may sign in.

    Their factors are locked until the transaction ends.
    """
    named, owner_id = proofs.credential_of(answer), proofs.owner_of(answer)
    if not named or not owner_id:
        return None
    owner = await find_passkey_owner(all_tenants, named, owner_id)
    administrator = await find_administrator(all_tenants, *owner) if owner else None
    if administrator is None:
        return None
    factors = await lock_factors(all_tenants, administrator)
    now = await find_administrator(all_tenants, administrator.tenant_id, administrator.id)
    factor = next((each for each in factors if each.kind == "webauthn" and each.credential_id == named), None)
    if now is None or factor is None or now.disabled_at is not None or not now.has_password or now.user_id:
        return None
    return now, factor
