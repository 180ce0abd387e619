"""The first set-up, one-time links, sign-in and sign-out of administrators."""

import asyncio
from typing import Final

from starlette.responses import Response

from vestibule.actions import administer, administrator_sign_in, configure, pace, passwords, second_factor
from vestibule.actions.proofs import relying_party
from vestibule.actions.second_factor import Entry
from vestibule.endpoints.console.browser_cookie import known_tokens
from vestibule.endpoints.console.second_step import entered, local_path
from vestibule.endpoints.web.guard import cookie_name
from vestibule.endpoints.web.signed_out import why_administrator_signed_out
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import FormCheck, NotFound, Refusal, TooBusy, TooOften, WrongInput
from vestibule.keys import tenant_of_token
from vestibule.model import Administrator
from vestibule.store.administrator_sessions import end_session
from vestibule.store.administrators import any_administrator
from vestibule.store.database import AllTenants
from vestibule.store.factors import end_ceremonies_of
from vestibule.store.tenants import find_tenant, find_tenant_by_id

_WRONG: Final = (
    "The e-mail address or the password is wrong. If you administer several tenants, enter the tenant name too."
)


# -- one-time links ----------------------------------------------------------------------------------------------------


async def show_link(visit: Visit) -> Response:
    """Show the page of a one-time link: the first set-up, or choosing a password."""
    token = visit.path("token")
    administrator = await _invited(visit, token)
    if administrator is None:
        return visit.page("setup.html", values={}, refused=None)
    return visit.page("join.html", invited=administrator, refused=None)


async def use_link(visit: Visit) -> Response:
    """Carry out the first set-up or store the chosen password, and sign in."""
    token = visit.path("token")
    administrator = await _invited(visit, token)
    try:
        if administrator is None:
            return await _set_up(visit, token)
        return await _join(visit, token, administrator)
    except Refusal as refused:
        if isinstance(refused, NotFound):
            raise
        values = {name: visit.field(name) for name in ("title", "tenant", "name", "email")}
        template = "join.html" if administrator else "setup.html"
        return visit.page(template, refused.status, values=values, invited=administrator, refused=refused)


async def _invited(visit: Visit, token: str) -> Administrator | None:
    tenant_id = tenant_of_token(token)
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        return await administer.find_invited_administrator(all_tenants, tenant_id, token)


async def _set_up(visit: Visit, token: str) -> Response:
    form = FormCheck()
    form.check(configure.checked_name, visit.field("title"), "The organisation's name", "title", instead="")
    form.check(_checked_tenant, visit.field("tenant"), instead="")
    name = form.check(configure.checked_name, visit.field("name"), "Your name", "name", instead="")
    email = form.check(administer.checked_email, visit.field("email"), instead="")
    form.check(_typed_twice, visit, instead="")
    form.finish()
    hashed = await hash_new_password(visit, email, visit.field("tenant"), visit.field("title"))
    actor = visit.actor._replace(kind="administrator", name=name)
    async with visit.context.database.write_all_tenants(actor) as all_tenants:
        administrator = await administer.set_up(all_tenants, token, email, name, hashed)
        try:
            tenant = await configure.create_tenant(all_tenants, visit.field("tenant"), visit.field("title"))
        except Refusal as refused:  # in this form `name` is the administrator's name
            refused.field = "tenant" if refused.field == "name" else refused.field
            raise
        entry = await second_factor.enter(all_tenants, administrator, [], "", known_tokens(visit))
    return entered(visit, entry, f"/console/{tenant.name}/identity-providers")


async def _join(visit: Visit, token: str, administrator: Administrator) -> Response:
    hashed = await hash_new_password(visit, administrator.email, *await names_of_tenant(visit, administrator))
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        await administer.join(all_tenants, tenant_of_token(token), token, administrator, hashed)
        await end_ceremonies_of(all_tenants, administrator)
        entry = await second_factor.enter(all_tenants, administrator, [], "/console/", known_tokens(visit))
    return entered(visit, entry, "/console/")


async def hash_new_password(visit: Visit, email: str, *names: str) -> str:
    """Check the password that was typed twice, and return its hash. `names` are the tenant's names.

    Raises:
        WrongInput: the two differ, or the password is not good enough.
        TooOften, TooBusy: the queue for hashing is full.
    """
    password = _typed_twice(visit)
    async with visit.context.hashing.turn(f"address:{visit.address}", trusted=True):
        return await asyncio.to_thread(passwords.hash_password, password, email, *names)


def _typed_twice(visit: Visit) -> str:
    if visit.field("password") != visit.field("again"):
        raise WrongInput("The two passwords are not the same.", field="again")
    return visit.field("password")


def _checked_tenant(name: str) -> str:
    """Returns the tenant name of the first set-up after checking it. Errors are about the field `tenant`."""
    try:
        return configure.checked_tenant_name(name)
    except Refusal as refused:
        refused.field = "tenant"
        raise


async def names_of_tenant(visit: Visit, administrator: Administrator) -> tuple[str, ...]:
    """Returns the name and title of an administrator's tenant, which a password must not contain."""
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        tenant = await find_tenant_by_id(all_tenants, administrator.tenant_id)
    return (tenant.name, tenant.title) if tenant else ()


# -- signing in and out ------------------------------------------------------------------------------------------------


async def show_sign_in(visit: Visit) -> Response:
    """Show the sign-in form, or redirect to the console if already signed in."""
    if visit.administrator is not None:
        return visit.redirect(local_path(visit.query("to")))
    values = {"tenant": visit.query("tenant"), "to": visit.query("to"), "email": ""}
    signed_out = await why_administrator_signed_out(visit)
    return _sign_in_page(visit, 200, values=values, refused=None, signed_out=signed_out)


async def sign_in_administrator(visit: Visit) -> Response:
    """Check e-mail address and password, and begin a session."""
    email, tenant_name = visit.field("email").strip(), visit.field("tenant").strip()
    try:
        entry = await _judge(visit, email, tenant_name)
    except (TooOften, TooBusy, WrongInput) as refused:
        values = {"email": email, "tenant": tenant_name, "to": visit.field("to")}
        status = 401 if isinstance(refused, WrongInput) else refused.status
        response = _sign_in_page(visit, status, values=values, refused=refused, signed_out=None)
        if refused.retry_after:
            response.headers["retry-after"] = str(refused.retry_after)
        return response
    return entered(visit, entry, local_path(visit.field("to")))


def _sign_in_page(visit: Visit, status: int, **shown: object) -> Response:
    """Returns the sign-in form; it offers passkeys only where browsers have them."""
    passkeys = relying_party(visit.context.settings.url) is not None
    return visit.page("sign_in.html", status, passkeys=passkeys, **shown)


async def _judge(visit: Visit, email: str, tenant_name: str) -> Entry:
    """Check e-mail address and password.

    The attempt is counted once it gets its turn for hashing and before it is checked, so that parallel attempts cannot
    get past the limit.

    Raises:
        TooOften, TooBusy: it was not checked.
        WrongInput: it was wrong.
    """
    browsers, database = known_tokens(visit), visit.context.database
    async with database.read_all_tenants(visit.actor) as all_tenants:
        tenant = await find_tenant(all_tenants, tenant_name) if tenant_name else None
        tenant_id = (tenant.id if tenant else "nowhere") if tenant_name else None
        candidate = await administrator_sign_in.find_candidate(all_tenants, email, tenant_id, browsers)
        names = administrator_sign_in.pace_names(
            candidate, email, visit.address, visit.context.checker.check("throttle")
        )
        await pace.check_pace(all_tenants, names)
    async with visit.context.hashing.turn(names[-1], trusted=bool(candidate.browser)):
        async with database.write_all_tenants(visit.actor) as all_tenants:
            await pace.claim_try(all_tenants, names)
        right = await asyncio.to_thread(passwords.verify_password, candidate.password_hash, visit.field("password"))

    async def decide(all_tenants: AllTenants) -> Entry | None:
        administrator = candidate.administrator
        if right and administrator is not None and await administrator_sign_in.still_right(all_tenants, candidate):
            entry = await second_factor.enter(
                all_tenants, administrator, names, local_path(visit.field("to")), browsers
            )
            if entry.session and visit.session is not None:
                await end_session(all_tenants, visit.session)  # its cookie is replaced
            return entry
        await administrator_sign_in.refuse_sign_in(all_tenants, email, administrator)
        return None

    entry = await database.run_all_tenants(visit.actor, decide)
    if entry is None:
        raise WrongInput(_WRONG, field="password")
    return entry


async def sign_out(visit: Visit) -> Response:
    """End the session."""
    if visit.session is not None:
        async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
            await administrator_sign_in.close_session(all_tenants, visit.session, visit.who)
    response = visit.redirect("/console/sign-in", "signed-out")
    secure = visit.context.settings.url.startswith("https:")  # needed to delete a __Host- cookie
    response.delete_cookie(cookie_name(visit.context), path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def show_front(visit: Visit) -> Response:
    """Answer `/`: redirect to the console, or explain how to add the first administrator."""
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        awaited = not await any_administrator(all_tenants)
    if awaited:
        return visit.page("awaiting.html")
    return visit.redirect("/console/")
