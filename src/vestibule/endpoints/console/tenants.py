"""The list of tenants, for operators, and Settings > Tenant."""

from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.reauthentication import proven_for_settings
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import FormCheck, Refusal, WrongInput
from vestibule.limits import FACTOR_GRACE_DAYS
from vestibule.model import HOUSE, Tenant
from vestibule.scim.text import fold
from vestibule.store.tenants import find_tenants

PAGE: Final = 100


async def show_tenants(visit: Visit) -> Response:
    """Show all tenants to an operator; redirect other administrators to their own tenant."""
    if visit.who.tenant_id != HOUSE:
        own = [tenant.name for tenant in await _tenants(visit) if tenant.id == visit.who.tenant_id]
        return visit.redirect(f"/console/{own[0]}/")
    return await _list_page(visit)


async def _list_page(visit: Visit, refused: Refusal | None = None) -> Response:
    """Returns a page of the tenants that match the search, after the given name."""
    search, beyond = fold(visit.query("q")), visit.query("beyond")
    found = [each for each in await _tenants(visit) if search in each.name or search in fold(each.title)]
    page = [each for each in found if each.name > beyond][: PAGE + 1]
    return visit.page(
        "tenants.html",
        refused.status if refused else 200,
        tenants=page[:PAGE],
        count=len(found),
        further=urlencode({"q": visit.query("q"), "beyond": page[PAGE - 1].name}) if len(page) > PAGE else "",
        search=visit.query("q"),
        beyond=beyond,
        values={name: visit.field(name) for name in ("name", "title")},
        refused=refused,
    )


async def add_tenant(visit: Visit) -> Response:
    """Add a tenant."""
    try:
        async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
            tenant = await configure.create_tenant(all_tenants, visit.field("name"), visit.field("title"))
    except Refusal as refused:
        return await _list_page(visit, refused)
    return visit.redirect(f"/console/{tenant.name}/", "tenant-added")


async def _tenants(visit: Visit) -> list[Tenant]:
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        return await find_tenants(all_tenants)


async def show_tenant(visit: Visit) -> Response:
    """Show the settings of the tenant."""
    return _tenant_page(visit)


def _tenant_page(visit: Visit, refused: Refusal | None = None) -> Response:
    settings, tenant = visit.context.settings, visit.tenant
    limits = {"idle": tenant.session_idle // configure.MINUTE, "absolute": tenant.session_absolute // configure.HOUR}
    return visit.page(
        "tenant.html",
        refused.status if refused else 200,
        scim_url=settings.scim_url(tenant.name),
        scim_host_url=settings.scim_host_url(tenant.name),
        limits=limits,
        values={name: visit.field(name) if name in visit.form else limit for name, limit in limits.items()},
        refused=refused,
        grace=FACTOR_GRACE_DAYS,
        allowed={"idle": configure.IDLE_MINUTES, "absolute": configure.ABSOLUTE_HOURS},
    )


async def change_session_limits(visit: Visit) -> Response:
    """Save how long people's sessions last."""
    try:
        form = FormCheck()
        idle = form.check(_whole, visit, "idle", "The limit without use", "minutes", instead=0)
        absolute = form.check(_whole, visit, "absolute", "The limit in any case", "hours", instead=0)
        form.finish()
        async with visit.context.database.write(visit.actor) as tx:
            changed = await configure.change_session_limits(tx, idle, absolute)
    except WrongInput as refused:
        return _tenant_page(visit, refused)
    return visit.redirect(visit.at("tenant"), "limits-saved" if changed else "nothing-changed")


@proven_for_settings
async def change_factor_required(visit: Visit) -> Response:
    """Save which administrators need a second factor."""
    wanted = visit.field("factor_required")
    try:
        async with visit.context.database.write(visit.actor) as tx:
            before = await configure.require_factor(tx, wanted)  # type: ignore[arg-type]  # the action refuses what is none
    except WrongInput as refused:
        return _tenant_page(visit, refused)
    changed = before.factor_required != wanted
    return visit.redirect(visit.at("tenant"), "factor-required-saved" if changed else "nothing-changed")


def _whole(visit: Visit, field: str, what: str, unit: str) -> int:
    text = visit.field(field).strip().replace(",", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        got = f"got '{text[:40]}'" if text else "got nothing"
        raise WrongInput(f"{what} should be a whole number of {unit}; {got}.", field=field)
    return int(text)
