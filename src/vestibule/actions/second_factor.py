"""The second factor of administrators who sign in with a password.

Between the right password and the session is a ceremony. It is bound to one browser and ends after five minutes or five
wrong attempts. Each code or passkey signature is accepted only once, on any node: the code's time step and the
passkey's counter are compared and set in one SQL statement. The only way around a second factor is a reset by an
operator, which ends all sessions.

Administrators who sign in with an identity provider have no second factor here; the identity provider decides that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from vestibule.actions import pace, proofs
from vestibule.actions.administrator_sign_in import open_session
from vestibule.actions.configure import checked_name
from vestibule.actions.known_browsers import remember_browser
from vestibule.actions.proofs import Passkey, RelyingParty
from vestibule.errors import NotAllowed, WrongInput
from vestibule.keys import Checker, make_one_time_token, tenant_of_token, token_check
from vestibule.model import Administrator, new_id
from vestibule.store.administrator_sessions import Session, end_sessions_of
from vestibule.store.administrators import find_administrator
from vestibule.store.database import AllTenants
from vestibule.store.events import append_house_event
from vestibule.store.factors import (
    Ceremony,
    Factor,
    Kind,
    count_codes,
    count_failed_try,
    delete_factor,
    delete_factors,
    end_ceremonies_of,
    end_ceremony,
    factors_of,
    find_ceremony,
    insert_ceremony,
    insert_factor,
    lock_ceremony,
    lock_factors,
    replace_codes,
    take_step,
    use_code,
)
from vestibule.store.known_browsers import delete_known_browsers

STEP_LIFE: Final = 5 * 60_000
"""Milliseconds from the right password within which the second factor must follow."""
ADDING_LIFE: Final = 15 * 60_000
"""Milliseconds for adding a factor, because an app may have to be installed first."""
MOST_TRIES: Final = 5
MOST_FACTORS: Final = 10
CODES: Final = 10
NAMES: Final[dict[Kind, str]] = {"webauthn": "Passkey", "totp": "Authenticator app"}
_CODE_NEEDED: Final = (
    "That code is wrong. The app shows a new code of six digits every 30 seconds. Check that the clock of the device "
    "is right, and enter the current code."
)
_PASSKEY_NEEDED: Final = "The passkey was not created for this page. Load the page again and try once more."


# -- the second step ---------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """The tokens that a right password gives: of a session, or of the ceremony for the second factor."""

    session: str = ""
    ceremony: str = ""
    browsers: tuple[str, ...] = ()
    """The known-browser cookies to set together with a session."""


@dataclass(frozen=True, slots=True)
class Step:
    """A sign-in that waits for its second factor."""

    ceremony: Ceremony
    administrator: Administrator
    factors: list[Factor]

    @property
    def passkeys(self) -> list[Factor]:
        """The factors that are passkeys."""
        return [factor for factor in self.factors if factor.kind == "webauthn"]

    @property
    def apps(self) -> list[Factor]:
        """The factors that are authenticator apps."""
        return [factor for factor in self.factors if factor.kind == "totp"]


class Proof(NamedTuple):
    """What an administrator entered as second factor: one of these."""

    answer: str = ""
    """The response of a passkey, as JSON."""
    code: str = ""
    recovery_code: str = ""


async def enter(
    all_tenants: AllTenants, administrator: Administrator, names: list[str], to: str, browsers: Sequence[str]
) -> Entry:
    """Continue a sign-in after the right password: open a session, or ask for the second factor if there is one.

    `names` are those under which the attempt was counted, `to` is the page to open afterwards, `browsers` are the
    known-browser cookies of the request.
    """
    await pace.take_back_try(all_tenants, names)
    if not await factors_of(all_tenants, administrator):
        return await _open(all_tenants, administrator, names, browsers)
    token = make_one_time_token(administrator.tenant_id)
    ceremony = Ceremony(
        tenant_id=administrator.tenant_id,
        token_check=token_check(token),
        administrator_id=administrator.id,
        purpose="sign-in",
        challenge=proofs.make_challenge(),
        relay=to[:500],
        failures=0,
        expires_at=all_tenants.now + STEP_LIFE,
    )
    await insert_ceremony(all_tenants, ceremony)
    await _tell(all_tenants, administrator, "second_factor_awaited")
    return Entry(ceremony=token)


async def _open(
    all_tenants: AllTenants, administrator: Administrator, names: list[str], browsers: Sequence[str]
) -> Entry:
    session = await open_session(all_tenants, administrator, names)
    return Entry(session=session, browsers=await remember_browser(all_tenants, browsers, administrator))


async def find_step(all_tenants: AllTenants, token: str, *, lock: bool = False) -> Step | None:
    """Returns the sign-in that waits for this browser's second factor; None if there is none, or it is over."""
    tenant_id = tenant_of_token(token)
    if len(token) > 200 or not token.isascii() or not token.isprintable() or len(tenant_id) > 40:
        return None
    find, list_factors = (lock_ceremony, lock_factors) if lock else (find_ceremony, factors_of)
    ceremony = await find(all_tenants, tenant_id, token_check(token))
    if ceremony is None or ceremony.purpose != "sign-in":
        return None
    administrator = await find_administrator(all_tenants, tenant_id, ceremony.administrator_id)
    if administrator is None or administrator.disabled_at is not None:
        return None
    return Step(ceremony, administrator, await list_factors(all_tenants, administrator))


async def proves(
    all_tenants: AllTenants, step: Step, proof: Proof, party: RelyingParty | None, checker: Checker
) -> bool:
    """Returns whether a proof is valid for one of this administrator's factors. If so, it cannot be used again."""
    if proof.answer:
        return party is not None and await _proves_passkey(all_tenants, step, proof.answer, party)
    if proof.code:
        return await _proves_app(all_tenants, step, proof.code, checker)
    return bool(proof.recovery_code) and await _proves_recovery(all_tenants, step, proof.recovery_code, checker)


async def _proves_passkey(all_tenants: AllTenants, step: Step, answer: str, party: RelyingParty) -> bool:
    named = proofs.credential_of(answer)
    for factor in step.passkeys:
        if factor.credential_id == named:
            passkey = Passkey(factor.credential_id, factor.secret, factor.used_step)
            counter = proofs.counter_of(party, step.ceremony.challenge, answer, passkey)
            return counter is not None and await take_step(all_tenants, step.administrator, factor, counter)
    return False


async def _proves_app(all_tenants: AllTenants, step: Step, code: str, checker: Checker) -> bool:
    for factor in step.apps:
        secret = checker.unseal(factor.secret, sealed_for(step.administrator)).decode()
        at = proofs.step_of(secret, code, all_tenants.now, factor.used_step)
        if at is not None:
            return await take_step(all_tenants, step.administrator, factor, at)
    return False


async def _proves_recovery(all_tenants: AllTenants, step: Step, typed: str, checker: Checker) -> bool:
    if not await use_code(all_tenants, step.administrator, _code_check(step.administrator, typed, checker)):
        return False
    left = await count_codes(all_tenants, step.administrator)
    await _tell(all_tenants, step.administrator, "recovery_code_used", left=left)
    return True


async def finish_step(all_tenants: AllTenants, step: Step, names: list[str], browsers: Sequence[str]) -> Entry:
    """End the ceremony with a session, and reset the failures under `names`. Call it only after `proves`."""
    await end_ceremony(all_tenants, step.ceremony)
    await pace.take_back_try(all_tenants, names)
    return await _open(all_tenants, step.administrator, names, browsers)


async def refuse_step(all_tenants: AllTenants, step: Step, proof: Proof) -> bool:
    """Record a wrong second factor, which was counted already.

    Returns False if it was the last attempt; then the ceremony ends.
    """
    given = "passkey" if proof.answer else "recovery code" if proof.recovery_code else "code"
    told = {"email": step.administrator.email, "reason": f"the password was right, the {given} was not"}
    await append_house_event(all_tenants, step.administrator.tenant_id, "administrator.sign_in_refused", told)
    if step.ceremony.failures + 1 >= MOST_TRIES:
        await end_ceremony(all_tenants, step.ceremony)
        return False
    await count_failed_try(all_tenants, step.ceremony)
    return True


# -- adding and removing -----------------------------------------------------------------------------------------------


async def begin_adding(
    all_tenants: AllTenants, session: Session, administrator: Administrator, kind: Kind, name: str, checker: Checker
) -> None:
    """Begin to add a factor. The ceremony belongs to the session.

    Raises:
        NotAllowed: the administrator signs in with an identity provider.
        WrongInput: the kind or the name is not valid, or there are too many factors.
    """
    if administrator.user_id:
        raise NotAllowed("You sign in with an identity provider. Add a second factor there.")
    if kind not in NAMES:
        raise WrongInput("A factor should be a passkey or an authenticator app.")
    name = checked_name(name or NAMES[kind], "The name", f"name-{kind}")
    if len(await factors_of(all_tenants, administrator)) >= MOST_FACTORS:
        raise WrongInput(f"There may be {MOST_FACTORS} factors. Remove one that you no longer use.")
    secret = proofs.make_secret().encode()
    challenge = checker.seal(secret, sealed_for(administrator)) if kind == "totp" else proofs.make_challenge()
    ends = all_tenants.now + ADDING_LIFE
    ceremony = Ceremony(
        tenant_id=administrator.tenant_id,
        token_check=session.token_check,
        administrator_id=administrator.id,
        purpose=kind,
        challenge=challenge,
        relay=name,
        failures=0,
        expires_at=ends,
    )
    await insert_ceremony(all_tenants, ceremony)
    await _tell(all_tenants, administrator, "factor_begun", factor=name, kind=kind)


async def find_adding(all_tenants: AllTenants, session: Session, *, lock: bool = False) -> Ceremony | None:
    """Returns the ceremony of the factor that is being added in a session, or None."""
    find = lock_ceremony if lock else find_ceremony
    ceremony = await find(all_tenants, session.tenant_id, session.token_check)
    return ceremony if ceremony and ceremony.purpose != "sign-in" else None


def new_secret(ceremony: Ceremony, administrator: Administrator, checker: Checker) -> str:
    """Returns the secret of the authenticator app that is being added."""
    return checker.unseal(ceremony.challenge, sealed_for(administrator)).decode()


async def finish_adding(
    all_tenants: AllTenants,
    ceremony: Ceremony,
    administrator: Administrator,
    proof: Proof,
    party: RelyingParty | None,
    checker: Checker,
) -> list[str]:
    """Store a new factor after checking that it works.

    Returns recovery codes if it is the first factor, to be shown once; otherwise an empty list.

    Raises:
        WrongInput: the code or the passkey is wrong.
    """
    first = not await lock_factors(all_tenants, administrator)
    factor = _new_factor(ceremony, administrator, proof, party, checker, all_tenants.now)
    await insert_factor(all_tenants, administrator, factor)
    await end_ceremony(all_tenants, ceremony)
    await _tell(all_tenants, administrator, "factor_added", factor=factor.name, kind=factor.kind)
    return await make_codes(all_tenants, administrator, checker) if first else []


def _new_factor(
    ceremony: Ceremony,
    administrator: Administrator,
    proof: Proof,
    party: RelyingParty | None,
    checker: Checker,
    now: int,
) -> Factor:
    if ceremony.purpose == "totp":
        secret = new_secret(ceremony, administrator, checker)
        at = proofs.step_of(secret, proof.code, now, 0)
        if at is None:
            raise WrongInput(_CODE_NEEDED, field="code")
        return Factor(
            id=new_id(now),
            kind="totp",
            name=ceremony.relay,
            credential_id=b"",
            secret=ceremony.challenge,
            used_step=at,
            created_at=now,
            last_used_at=None,
        )
    passkey = proofs.new_passkey(party, ceremony.challenge, proof.answer) if party else None
    if passkey is None:
        raise WrongInput(_PASSKEY_NEEDED, field="answer")
    return Factor(
        id=new_id(now),
        kind="webauthn",
        name=ceremony.relay,
        credential_id=passkey.credential_id,
        secret=passkey.public_key,
        used_step=passkey.counter,
        created_at=now,
        last_used_at=None,
    )


async def remove_factor(all_tenants: AllTenants, administrator: Administrator, factor_id: str) -> None:
    """Remove a factor, if it exists. With the last one the recovery codes are removed too."""
    factors = await lock_factors(all_tenants, administrator)
    gone = next((factor for factor in factors if factor.id == factor_id), None)
    if gone is None:
        return
    await delete_factor(all_tenants, administrator, factor_id)
    if len(factors) == 1:
        await replace_codes(all_tenants, administrator, [])
    await _tell(all_tenants, administrator, "factor_removed", factor=gone.name, kind=gone.kind)


async def make_codes(all_tenants: AllTenants, administrator: Administrator, checker: Checker) -> list[str]:
    """Returns new recovery codes. Earlier ones become invalid.

    Raises:
        NotAllowed: there is no second factor.
    """
    if not await lock_factors(all_tenants, administrator):
        raise NotAllowed("Recovery codes replace a second factor that was lost. Add a second factor first.")
    codes = [proofs.make_recovery_code() for _ in range(CODES)]
    await replace_codes(all_tenants, administrator, [_code_check(administrator, code, checker) for code in codes])
    await _tell(all_tenants, administrator, "recovery_codes_made")
    return codes


async def reset_factors(all_tenants: AllTenants, administrator: Administrator) -> int:
    """Remove all factors of an administrator who lost them, and end their sessions. Returns how many there were."""
    removed = await delete_factors(all_tenants, administrator)
    await replace_codes(all_tenants, administrator, [])
    await end_ceremonies_of(all_tenants, administrator)
    await delete_known_browsers(all_tenants, administrator)
    await pace.forgive(all_tenants, [pace.name_of_second_step(administrator)])
    await end_sessions_of(all_tenants, administrator, "factors_reset")
    await _tell(all_tenants, administrator, "factors_reset", removed=removed)
    return removed


# -- shared ------------------------------------------------------------------------------------------------------------


async def _tell(all_tenants: AllTenants, administrator: Administrator, what: str, **data: object) -> None:
    told = {"subject": administrator.email, **data}
    await append_house_event(all_tenants, administrator.tenant_id, f"administrator.{what}", told)


def sealed_for(administrator: Administrator) -> str:
    """Returns the purpose for encrypting an administrator's secret, so that it cannot be used for another one."""
    return f"the authenticator app of {administrator.tenant_id} {administrator.id}"


def _code_check(administrator: Administrator, typed: str, checker: Checker) -> bytes:
    return checker.check(f"recovery code {administrator.id} {proofs.recovery_text(typed)}")
