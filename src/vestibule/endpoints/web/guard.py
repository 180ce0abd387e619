"""Access control: every route but SCIM passes through this module.

Deny by default: a route must say who may call it, otherwise it cannot be created. Errors have the form that the route
says: a page for people, JSON for programs.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from vestibule.actions.administrator_sign_in import IDLE
from vestibule.actions.configure import check_may_give
from vestibule.actions.person_sign_in import suspended
from vestibule.endpoints.context import Context
from vestibule.endpoints.failures import refusal
from vestibule.endpoints.web.rendering import render
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import FactorNeeded, NotAllowed, Refusal, SignInNeeded, SignInRefused, StaleForm, WrongInput
from vestibule.keys import tenant_of_token, token_check
from vestibule.model import HOUSE, HOUSE_TENANT, ROLES, AdministratorRole, Tenant
from vestibule.settings import Settings
from vestibule.store.administrator_sessions import find_session, touch_session
from vestibule.store.database import run_again
from vestibule.store.identity_providers import find_provider
from vestibule.store.person_sessions import find_user_session, touch_user_session
from vestibule.store.tenants import find_tenant
from vestibule.store.users import find_user

Who = Literal["anyone", "person", "auditor", "admin", "owner", "operator"]
Shape = Literal["page", "json", "text"]
Handler = Callable[[Visit], Awaitable[Response]]

LARGEST_FORM: Final = 2 * 1024 * 1024
SEEN_EVERY: Final = 60_000
LONG_IN_COMING: Final = 0.02
"""Seconds for receiving a form after which its sender is authenticated again."""
LONGEST_FORM: Final = 60
"""Seconds in which a form must arrive: 2 MiB on a slow connection."""

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A URL: method, path, handler, who may call it, and the form of its errors.

    A path with `{tenant}` may be called by that tenant's administrators and by operators; with `person`, by people who
    are signed in to the tenant.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    who: Who
    shape: Shape = "page"
    keeps_alive: bool = True
    """Whether a request extends the session. Requests that an open page makes by itself do not."""
    of_house: bool = False
    """Whether it may also be called with `house` in place of the tenant, where operators manage themselves."""
    without_factor: bool = False
    """Whether administrators may call it who lack a required second factor."""
    from_elsewhere: bool = False
    """Whether identity providers send a POST here, also by way of browsers. Then the origin is not checked."""


def cookie_name(context: Context) -> str:
    """Returns the name of the console's session cookie, with the prefix `__Host-` on HTTPS."""
    return "__Host-vestibule" if context.settings.url.startswith("https:") else "vestibule"


def headers_of(settings: Settings) -> dict[str, str]:
    """Returns the security headers of every response outside of SCIM."""
    if not settings.url.startswith("https:"):
        return HEADERS
    return HEADERS | {"strict-transport-security": "max-age=31536000; includeSubDomains"}


def guarded(route: Route, context: Context) -> Callable[[Request], Awaitable[Response]]:
    """Returns the route's handler with its access check, as a Starlette endpoint.

    The handler is run again from the start if the database rolled back its first transaction for a temporary reason, so
    a handler begins with a plain `write` block. Writes after a commit use `database.run`.
    """

    async def answer(request: Request) -> Response:
        visit = Visit(request, context, f"req_{secrets.token_hex(8)}")
        visit.readmit = partial(_readmit, route, visit)
        try:
            await _admit(route, visit)
            response = await run_again(partial(route.handler, visit))
        except Exception as error:  # noqa: BLE001 -- nobody sees a stack trace
            response = _refused(route, visit, refusal(error, visit.request_id))
        finally:
            await visit.form.close()  # files that came with it
        for name, value in headers_of(context.settings).items():
            response.headers.setdefault(name, value)
        return response

    return answer


async def _admit(route: Route, visit: Visit) -> None:
    """Authenticate the visitor, find the tenant, and check that the route may be called.

    Raises:
        Refusal: SignInNeeded, NotFound, NotAllowed, StaleForm or WrongInput.
    """
    await _recognise(route, visit)
    if route.method == "POST":
        if route.from_elsewhere:
            return
        _check_origin(visit)
        began = time.monotonic()
        visit.form = await _read_form(visit.request)
        if time.monotonic() - began > LONG_IN_COMING:
            await visit.readmit()
        holder = visit.person_session if route.who == "person" else visit.session
        if holder is not None and route.who != "anyone":
            sent = visit.field("form_token")
            if not hmac.compare_digest(sent.encode(), holder.form_token.encode()):
                raise StaleForm("This form is from an earlier session. Go back, load the page again and send it again.")


async def _readmit(route: Route, visit: Visit) -> None:
    """Authenticate and authorise the visitor again after something slow, as their access may have ended meanwhile.

    Raises:
        Refusal: as `_admit`.
    """
    visit.session = visit.administrator = visit.person = visit.person_session = None
    await _recognise(route, visit)


async def _recognise(route: Route, visit: Visit) -> None:
    if route.who != "person" and (route.who != "anyone" or route.shape == "page"):
        await recognise_administrator(visit, keep_alive=route.keeps_alive)
    if route.who == "anyone" or route.who == "person":  # noqa: PLR1714 -- so that the type below is narrowed
        await _admit_person(route, visit)
    else:
        await _check_role(route.who, visit)
        if not route.without_factor:
            _check_factor(visit)
    if visit.known_tenant is HOUSE_TENANT and not route.of_house:
        raise visit.not_found()
    if route.who == "admin" and route.method == "POST":
        await _check_owners_matter(visit)


async def _admit_person(route: Route, visit: Visit) -> None:
    """Authenticate a person, on the pages for people."""
    if "tenant" not in visit.request.path_params:
        return
    await _enter_tenant(visit)
    if visit.administrator is not None and visit.administrator.tenant_id not in {HOUSE, visit.tenant.id}:
        visit.session = visit.administrator = None  # an administrator of another tenant counts as nobody here
    if visit.tenant.state != "active" and not visit.may("auditor"):
        # People are told. Programs get the same answer as for an unknown tenant, like SCIM clients.
        raise suspended() if route.shape == "page" else visit.not_found()
    found = await recognise_person(visit, keep_alive=route.keeps_alive)
    if route.who == "person" and not found:
        raise SignInNeeded("Sign in to see this page.")


def person_cookie_name(context: Context, tenant: Tenant) -> str:
    """Returns the name of a person's session cookie.

    Each tenant has its own, so that sessions in several are possible.
    """
    prefix = "__Host-" if context.settings.url.startswith("https:") else ""
    return f"{prefix}vestibule-{tenant.name}"


def person_token(visit: Visit) -> str:
    """Returns the session token in the person's cookie for the tenant of the URL; empty if there is none."""
    token = visit.request.cookies.get(person_cookie_name(visit.context, visit.tenant), "")
    return token if len(token) <= 200 and token.isascii() and tenant_of_token(token) == visit.tenant.id else ""


def console_token(visit: Visit) -> str:
    """Returns the session token in the console's cookie; empty if there is none."""
    token = visit.request.cookies.get(cookie_name(visit.context), "")
    good = len(token) <= 200 and token.isascii() and token.isprintable() and len(tenant_of_token(token)) <= 40
    return token if good else ""


async def recognise_person(visit: Visit, *, keep_alive: bool) -> bool:
    """Find the session of a person's cookie, and set the visit's person if it is valid."""
    token = person_token(visit)
    if not token:
        return False
    async with visit.context.database.read(visit.tenant.id) as reading:
        session = await find_user_session(reading, token_check(token))
        if session is None or not session.live(reading.now, visit.tenant.session_idle):
            return False
        visit.person = await find_user(reading, session.user_id)
        visit.person_session = session
        stale = reading.now - session.seen_at >= SEEN_EVERY
    if keep_alive and stale:
        await visit.context.database.run(visit.actor, lambda tx: touch_user_session(tx, session))
    return visit.person is not None


async def recognise_administrator(visit: Visit, *, keep_alive: bool) -> None:
    """Find the session of an administrator's cookie, and set the visit's administrator if it is valid."""
    token = console_token(visit)
    if not token:
        return
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        found = await find_session(all_tenants, tenant_of_token(token), token_check(token))
        now = all_tenants.now
    if found is None:
        return
    session, administrator = found
    if now >= session.expires_at or now - session.seen_at >= IDLE or administrator.disabled_at is not None:
        return
    visit.session, visit.administrator = session, administrator
    if keep_alive and now - session.seen_at >= SEEN_EVERY:
        await visit.context.database.run_all_tenants(
            visit.actor, lambda all_tenants: touch_session(all_tenants, session)
        )


async def _check_role(who: AdministratorRole, visit: Visit) -> None:
    administrator = visit.administrator
    if administrator is None:
        raise SignInNeeded("Sign in to see this page.")
    if "tenant" in visit.request.path_params:
        await _enter_tenant(visit)
        # Another tenant gets the same answer as an unknown one.
        if administrator.tenant_id not in {HOUSE, visit.tenant.id}:
            raise visit.not_found()
    if ROLES.index(administrator.role) < ROLES.index(who):
        raise NotAllowed(
            f"This needs the role {who} or above; yours is {administrator.role}. Ask an owner of this tenant."
        )


def _check_factor(visit: Visit) -> None:
    due = visit.own_session.factor_due
    if due is not None and visit.received_at // 1000 >= due:
        raise FactorNeeded("Your tenant requires a second factor. Add one under My account first.")


async def _check_owners_matter(visit: Visit) -> None:
    """Check that only owners change what decides who becomes an owner.

    Raises:
        NotAllowed: the visitor is no owner.
    """
    if "provider_id" in visit.request.path_params and not visit.may("owner"):
        async with visit.context.database.read(visit.tenant.id) as reading:
            provider = await find_provider(reading, visit.path("provider_id"))
        if provider is not None:
            check_may_give(provider.roles, visit.who.role)


async def _enter_tenant(visit: Visit) -> None:
    if visit.path("tenant") == HOUSE:
        visit.known_tenant = HOUSE_TENANT
        return
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        tenant = await find_tenant(all_tenants, visit.path("tenant"))
    if tenant is None:
        raise visit.not_found()
    visit.known_tenant = tenant


def _check_origin(visit: Visit) -> None:
    """Check that a form comes from one of our pages, by the headers Sec-Fetch-Site and Origin (against CSRF).

    Raises:
        StaleForm: it comes from another site.
    """
    headers = visit.request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise StaleForm("This form came from another site, and was not carried out.")
    if origin is not None and _host_of(origin) not in {
        urlsplit(visit.context.settings.url).netloc,
        headers.get("host", ""),
    }:
        raise StaleForm("This form came from another site, and was not carried out.")


def _host_of(origin: str) -> str:
    """Returns host and port of an Origin header; empty for `null`, which browsers send in private contexts.

    Raises:
        WrongInput: it is not valid.
    """
    try:
        return urlsplit(origin).netloc
    except ValueError:
        raise WrongInput("The Origin header should be like https://people.north.example; got something else.") from None


async def _read_form(request: Request) -> FormData:
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > LARGEST_FORM:
        raise WrongInput(f"A form may have {LARGEST_FORM:,} bytes and needs a Content-Length.")
    try:
        async with asyncio.timeout(LONGEST_FORM):
            return await request.form(max_files=2, max_fields=2000, max_part_size=LARGEST_FORM)
    except TimeoutError:
        raise WrongInput(f"A form should arrive within {LONGEST_FORM} seconds; this one did not.") from None
    except HTTPException as error:
        raise WrongInput(f"The form cannot be read: {error.detail}") from None
    except (LookupError, ValueError):  # an unknown character set, or a wrong one (UnicodeError)
        raise WrongInput("The form should be in UTF-8, and have the character set of its Content-Type.") from None


def _refused(route: Route, visit: Visit, refused: Refusal) -> Response:
    headers = {"retry-after": str(refused.retry_after)} if refused.retry_after else {}
    if route.shape == "text":
        return PlainTextResponse(f"{refused.message}\n", refused.status, headers)
    if route.shape == "json":
        return JSONResponse({"error": refused.code, "message": refused.message}, refused.status, headers)
    if isinstance(refused, FactorNeeded):
        return RedirectResponse("/console/account#factors", 303)
    if isinstance(refused, SignInNeeded) and visit.request.method == "GET":
        tenant = visit.request.path_params.get("tenant", "")
        if route.who == "person":
            return RedirectResponse(f"/{quote(tenant)}/", 303)
        wanted = quote(visit.request.url.path, safe="/")
        return RedirectResponse(f"/console/sign-in?to={wanted}&tenant={quote(tenant)}", 303)
    if isinstance(refused, SignInRefused):
        return HTMLResponse(render("suspended.html", visit=visit, refused=refused, notice=""), refused.status)
    return HTMLResponse(render("refused.html", visit=visit, refused=refused, notice=""), refused.status, headers)
