"""My account: an administrator's password and second factors.

Somebody who finds an open browser must not be able to change them, so every change needs a sign-in within the last five
minutes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Final

from starlette.responses import Response

from vestibule.actions import administer, administrator_sign_in, pace, passwords, proofs, second_factor
from vestibule.actions.known_browsers import find_known, remember_browser
from vestibule.actions.second_factor import Entry, Proof
from vestibule.endpoints.console.browser_cookie import keep_tokens, known_tokens
from vestibule.endpoints.console.entrance import hash_new_password, names_of_tenant
from vestibule.endpoints.console.kept_form import find_kept_form, kept_id
from vestibule.endpoints.console.reauthentication import proven_for_account
from vestibule.endpoints.console.second_step import entered, local_path
from vestibule.endpoints.console.shown_once import NOTHING, ShownOnce, show_once, take_once
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotAllowed, Refusal, SignInNeeded, TooBusy, TooOften, WrongInput
from vestibule.model import HOUSE, HOUSE_TENANT
from vestibule.store.administrator_sessions import end_session, find_session
from vestibule.store.administrators import lock_administrator
from vestibule.store.database import AllTenants
from vestibule.store.factors import count_codes, factors_of
from vestibule.store.tenants import find_tenant_by_id

PATH: Final = "/console/account"
Handler = Callable[[Visit], Awaitable[Response]]


def at_home(handler: Handler) -> Handler:
    """Wrap a handler so that its page shows the menu of the administrator's own tenant."""

    @wraps(handler)
    async def answer(visit: Visit) -> Response:
        if visit.who.tenant_id == HOUSE:
            visit.known_tenant = HOUSE_TENANT
        else:
            async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
                visit.known_tenant = await find_tenant_by_id(all_tenants, visit.who.tenant_id)
        return await handler(visit)

    return answer


async def lacks_factor(visit: Visit) -> bool:
    """Returns whether the visitor may change things and has no second factor."""
    if not visit.may("admin") or visit.who.user_id:
        return False
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        return not await factors_of(all_tenants, visit.who)


# -- the page ----------------------------------------------------------------------------------------------------------


@at_home
async def show_account(visit: Visit) -> Response:
    """Show the administrator's account, second factors and recovery codes."""
    return await _page(visit, once=await take_once(visit))


async def _page(visit: Visit, refused: Refusal | None = None, once: ShownOnce = NOTHING) -> Response:
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        factors, left = await factors_of(all_tenants, visit.who), await count_codes(all_tenants, visit.who)
    return visit.page(
        "account.html",
        refused.status if refused else 200,
        factors=factors,
        left=left,
        codes=list(once.secrets),
        once=once,
        passkeys_work=proofs.relying_party(visit.context.settings.url) is not None,
        refused=refused,
    )


# -- signing in again --------------------------------------------------------------------------------------------------


@at_home
async def show_again(visit: Visit) -> Response:
    """Show the form that asks for the password again."""
    form = kept_id(visit.query("form"))
    return visit.page("again.html", refused=None, to=local_path(visit.query("to")), kept_form=form)


@at_home
async def sign_in_again(visit: Visit) -> Response:
    """Check the password, then the second factor if there is one. A new session replaces this one."""
    to, kept_form = local_path(visit.field("to")), kept_id(visit.field("form"))
    after = f"{PATH}?done=proved-again" if to in {"/console/", PATH} else f"{to}?done=proved-again-here"
    if kept_form:
        after = f"{PATH}/kept-form?form={kept_form}"
    try:
        names = await check_own_password(visit, visit.field("password"))
    except (TooOften, TooBusy, WrongInput) as refused:
        status = 401 if isinstance(refused, WrongInput) else refused.status
        response = visit.page("again.html", status, refused=refused, to=to, kept_form=kept_form)
        if refused.retry_after:
            response.headers["retry-after"] = str(refused.retry_after)
        return response

    async def enter(all_tenants: AllTenants) -> Entry:
        entry = await second_factor.enter(all_tenants, visit.who, names, after, known_tokens(visit))
        if entry.session:
            await end_session(all_tenants, visit.own_session)
        return entry

    return entered(visit, await visit.context.database.run_all_tenants(visit.actor, enter), after)


@at_home
async def show_kept_form(visit: Visit) -> Response:
    """Show the form that was kept during re-authentication, ready to be sent."""
    note_id = kept_id(visit.query("form"))
    if not note_id:
        return visit.redirect(PATH)
    return visit.page("kept_form.html", form=await find_kept_form(visit, note_id))


async def check_own_password(visit: Visit, password: str) -> list[str]:
    """Check the visitor's password. The attempt is counted before it is checked.

    Returns the names under which it is counted until it is taken back.

    Raises:
        TooOften, TooBusy: it was not checked.
        WrongInput: it is wrong.
    """
    who, database, browsers = visit.who, visit.context.database, known_tokens(visit)
    async with database.read_all_tenants(visit.actor) as all_tenants:
        browser = await find_known(all_tenants, browsers, who)
        candidate = administrator_sign_in.Candidate(who, None, browser)
        names = administrator_sign_in.pace_names(
            candidate, who.email, visit.address, visit.context.checker.check("throttle")
        )
        await pace.check_pace(all_tenants, names)
    async with visit.context.hashing.turn(f"administrator:{who.id}", trusted=True):
        async with database.write_all_tenants(visit.actor) as all_tenants:
            await pace.claim_try(all_tenants, names)
            _, kept = await lock_administrator(all_tenants, who.tenant_id, who.id)
        right = await asyncio.to_thread(passwords.verify_password, kept, password)

    async def decide(all_tenants: AllTenants) -> bool:
        if right and await administrator_sign_in.still_right(all_tenants, replace(candidate, password_hash=kept)):
            return True
        await administrator_sign_in.refuse_sign_in(all_tenants, who.email, who)
        return False

    if not await database.run_all_tenants(visit.actor, decide):
        raise WrongInput("That is not your password.", field="password")
    return names


# -- the password ------------------------------------------------------------------------------------------------------


@at_home
async def change_password(visit: Visit) -> Response:
    """Change the visitor's password. If they have a second factor, a recent sign-in is needed too."""
    if visit.who.user_id:
        raise NotAllowed("You sign in with an identity provider, so you have no password here.")
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        equipped = bool(await factors_of(all_tenants, visit.who))
    return await (proven_for_account(_replace_password) if equipped else _replace_password)(visit)


async def _replace_password(visit: Visit) -> Response:
    try:
        names = await check_own_password(visit, visit.field("present"))
    except Refusal as refused:
        refused.field = "present"
        return await _page(visit, refused)
    try:
        hashed = await hash_new_password(visit, visit.who.email, *await names_of_tenant(visit, visit.who))
        browsers = await visit.context.database.run_all_tenants(
            visit.actor, lambda all_tenants: _keep_password(visit, all_tenants, hashed)
        )
    except WrongInput as refused:
        return await _page(visit, refused)
    finally:
        await visit.context.database.run_all_tenants(
            visit.actor, lambda all_tenants: pace.take_back_try(all_tenants, names)
        )
    response = visit.redirect(PATH, "password-changed")
    keep_tokens(visit, response, browsers)
    return response


async def _keep_password(visit: Visit, all_tenants: AllTenants, hashed: str) -> tuple[str, ...]:
    """Store the visitor's new password. Returns the known-browser tokens for this browser's cookie.

    Raises:
        SignInNeeded: the session ended while the password was hashed.
    """
    if await find_session(all_tenants, visit.who.tenant_id, visit.own_session.token_check) is None:
        raise SignInNeeded("Your session ended meanwhile. Sign in again.")
    tokens = known_tokens(visit)
    old = await find_known(all_tenants, tokens, visit.who)
    await administer.change_password(all_tenants, visit.who, visit.own_session, hashed)
    return await remember_browser(all_tenants, [token for token in tokens if token != old], visit.who)


# -- adding a factor ---------------------------------------------------------------------------------------------------


@at_home
@proven_for_account
async def begin_factor(visit: Visit) -> Response:
    """Begin to add a passkey or an authenticator app."""
    kind = visit.field("kind")
    try:
        async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
            await second_factor.begin_adding(
                all_tenants,
                visit.own_session,
                visit.who,
                kind,  # type: ignore[arg-type]  # the action refuses what is none
                visit.field(f"name-{kind}"),
                visit.context.checker,
            )
    except Refusal as refused:
        return await _page(visit, refused)
    return visit.redirect(f"{PATH}/new-factor")


@at_home
async def show_new_factor(visit: Visit) -> Response:
    """Show the page that finishes adding a factor: the secret for the app, or the button for the passkey."""
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        return await _new_factor(visit, all_tenants)


async def _new_factor(visit: Visit, all_tenants: AllTenants, refused: Refusal | None = None) -> Response:
    ceremony = await second_factor.find_adding(all_tenants, visit.own_session)
    if ceremony is None:
        return visit.redirect(PATH)
    status = refused.status if refused else 200
    if ceremony.purpose == "totp":
        secret = second_factor.new_secret(ceremony, visit.who, visit.context.checker)
        issuer = f"Vestibule ({visit.tenant.title})" if visit.who.tenant_id != HOUSE else "Vestibule"
        drawn = proofs.draw(proofs.app_address(secret, visit.who, issuer))
        spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return visit.page("new_app.html", status, name=ceremony.relay, secret=spaced, drawn=drawn, refused=refused)
    party = proofs.relying_party(visit.context.settings.url)
    known = [factor.credential_id for factor in await factors_of(all_tenants, visit.who) if factor.kind == "webauthn"]
    options = proofs.creation_options(party, visit.who, ceremony.challenge, known) if party else ""
    return visit.page("new_passkey.html", status, name=ceremony.relay, options=options, refused=refused)


@at_home
async def add_factor(visit: Visit) -> Response:
    """Store the new factor after checking that it works."""
    proof = Proof(visit.field("answer"), visit.field("code").strip())
    party = proofs.relying_party(visit.context.settings.url)
    try:
        async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
            ceremony = await second_factor.find_adding(all_tenants, visit.own_session, lock=True)
            if ceremony is None:
                return visit.redirect(PATH)
            codes = await second_factor.finish_adding(
                all_tenants, ceremony, visit.who, proof, party, visit.context.checker
            )
    except Refusal as refused:
        async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
            return await _new_factor(visit, all_tenants, refused)
    return await show_once(visit, PATH, *codes) if codes else visit.redirect(PATH, "factor-added")


# -- removing, and recovery codes --------------------------------------------------------------------------------------


@at_home
@proven_for_account
async def remove_factor(visit: Visit) -> Response:
    """Remove a factor."""
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        await second_factor.remove_factor(all_tenants, visit.who, visit.path("factor_id"))
    return visit.redirect(PATH, "factor-removed")


@at_home
@proven_for_account
async def make_codes(visit: Visit) -> Response:
    """Make new recovery codes, and show them once."""
    try:
        async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
            codes = await second_factor.make_codes(all_tenants, visit.who, visit.context.checker)
    except Refusal as refused:
        return await _page(visit, refused)
    return await show_once(visit, PATH, *codes)
