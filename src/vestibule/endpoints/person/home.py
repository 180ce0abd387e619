"""The sign-in page of a tenant, and the home page of people who are signed in."""

from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

from vestibule.actions import administrator_sign_in, end_access
from vestibule.endpoints.saml_out import leave
from vestibule.endpoints.web.guard import person_cookie_name, recognise_administrator
from vestibule.endpoints.web.signed_out import why_person_signed_out
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotFound, SignInNeeded
from vestibule.mapping import console_role, given_roles
from vestibule.model import Application, IdentityProvider, User
from vestibule.store.applications import all_applications
from vestibule.store.events import append_event
from vestibule.store.identity_providers import all_providers, find_provider
from vestibule.store.person_sessions import close_user_session, sessions_of_user

_PROFILE_SHOWN: Final = 30


async def show_home(visit: Visit) -> Response:
    """Show the home page of a person who is signed in, or else the tenant's sign-in page."""
    if visit.person is None:
        return await _show_sign_in(visit)
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await find_provider(reading, visit.my_session.identity_provider_id)
        applications = await all_applications(reading)
        mine = await sessions_of_user(reading, visit.me.id)
        mine = [each for each in mine if each.live(reading.now, visit.tenant.session_idle)]
    roles = roles_of_person(visit.me)
    profile = {name: value for name, value in orjson.loads(visit.me.profile).items() if name != "roles"}
    return visit.page(
        "home.html",
        name=profile.get("displayName") or visit.person_name,
        profile=dict(list(profile.items())[:_PROFILE_SHOWN]),
        roles=roles,
        provider=provider,
        applications=may_open(applications, roles),
        sessions=mine,
        console=console_role(given_roles(orjson.loads(visit.me.profile))) is not None,
    )


async def _show_sign_in(visit: Visit) -> Response:
    async with visit.context.database.read(visit.tenant.id) as reading:
        usable = [each for each in await all_providers(reading) if _usable(each)]
    email = visit.query("email").strip().lower()
    domain = email.rpartition("@")[2]
    meant = [each for each in usable if domain and domain in each.saml.domains]
    if email and len(meant) == 1:
        # Not a redirect: the Content-Security-Policy forbids that a form leads to another site.
        return visit.page("going_on.html", provider=meant[0], path=_login_path(visit, meant[0], visit.query("to")))
    return visit.page(
        "enter.html",
        signed_out=await why_person_signed_out(visit),
        providers=[(each, _login_path(visit, each, visit.query("to"))) for each in usable],
        email=email,
        to=visit.query("to"),
        routed=any(each.saml.domains for each in usable) and len(usable) > 1,
    )


def _usable(provider: IdentityProvider) -> bool:
    return provider.enabled and bool(provider.saml.sso_url and provider.saml.certificates)


def _login_path(visit: Visit, provider: IdentityProvider, to: str) -> str:
    query = f"?{urlencode({'to': to})}" if to else ""
    return f"/saml/{visit.tenant.name}/{provider.id}/login{query}"


def roles_of_person(user: User) -> list[str]:
    """Returns a person's roles: those from role rules, and the one that an administrator gave."""
    given = given_roles(orjson.loads(user.profile))
    return [*given, user.role] if user.role and user.role not in given else list(given)


def may_open(applications: list[Application], roles: list[str]) -> list[Application]:
    """Returns the applications that a person with these roles sees."""
    return [each for each in applications if not each.role or each.role in roles]


async def show_me(visit: Visit) -> Response:
    """Return the person who is signed in, as JSON.

    Raises:
        SignInNeeded: nobody is signed in.
    """
    if visit.person is None:
        raise SignInNeeded("Nobody is signed in, or the session has ended.")
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await find_provider(reading, visit.my_session.identity_provider_id)
        applications = await all_applications(reading)
    session, roles = visit.my_session, roles_of_person(visit.me)
    ends = min(session.expires_at, session.seen_at + visit.tenant.session_idle)
    told: dict[str, Any] = {
        "id": visit.me.id,
        "userName": visit.person_name,
        "profile": orjson.loads(visit.me.profile),
        "roles": roles,
        "applications": [
            {"name": each.name, "url": each.url, "description": each.description}
            for each in may_open(applications, roles)
        ],
        "identityProvider": provider.name if provider else "",
        "sessionExpires": ends,
    }
    return visit.json(told)


async def end_session(visit: Visit) -> Response:
    """End one of the person's own sessions.

    Raises:
        NotFound: it has already ended.
    """
    async with visit.context.database.write(visit.actor) as tx:
        found = await end_access.end_one(tx, visit.me.id, visit.path("session_id"), visit.person_name)
    if not found:
        raise NotFound("That session has already ended.")
    return visit.redirect(f"/{visit.tenant.name}/", "session-ended")


async def _leave_console(visit: Visit) -> None:
    """End the console session of this browser, if it belongs to the same person."""
    await recognise_administrator(visit, keep_alive=False)
    if visit.session is not None and visit.who.user_id == visit.me.id:
        session, who = visit.session, visit.who
        await visit.context.database.run_all_tenants(
            visit.actor, lambda all_tenants: administrator_sign_in.close_session(all_tenants, session, who)
        )


async def sign_out(visit: Visit) -> Response:
    """End the session here and, by Single Logout, at the identity provider if it supports that."""
    session = visit.my_session
    async with visit.context.database.write(visit.actor) as tx:
        await close_user_session(tx, visit.me.id, session.id)
        told = {"user_name": visit.person_name}
        provider_id = session.identity_provider_id
        await append_event(tx, "user.signed_out", told, subject_id=visit.me.id, provider_id=provider_id)
    await _leave_console(visit)
    response = await leave(visit, session) or visit.redirect(f"/{visit.tenant.name}/", "signed-out")
    response.delete_cookie(
        person_cookie_name(visit.context, visit.tenant),
        path="/",
        secure=visit.context.settings.url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response
