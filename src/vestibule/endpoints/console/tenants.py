"""Which tenants there are: for operators. Everybody else goes on to their own."""

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.model import HOUSE, Tenant
from vestibule.store.tenants import all_tenants


async def show_tenants(visit: Visit) -> Response:
    """Every tenant for an operator; an administrator's own tenant at once."""
    tenants = await _visible(visit)
    if visit.who.tenant_id != HOUSE and tenants:
        return visit.redirect(f"/console/{tenants[0].name}/")
    return visit.page("tenants.html", tenants=tenants, values={}, refused=None)


async def add_tenant(visit: Visit) -> Response:
    """Make room for an organisation."""
    try:
        async with visit.context.database.house_write(visit.actor) as house:
            tenant = await configure.create_tenant(house, visit.field("name"), visit.field("title"))
    except Refusal as refused:
        values = {"name": visit.field("name"), "title": visit.field("title")}
        return visit.page("tenants.html", refused.status, tenants=await _visible(visit), values=values, refused=refused)
    return visit.redirect(f"/console/{tenant.name}/", "tenant-added")


async def _visible(visit: Visit) -> list[Tenant]:
    async with visit.context.database.house_read(visit.actor) as house:
        tenants = await all_tenants(house)
    return [tenant for tenant in tenants if visit.who.tenant_id in {HOUSE, tenant.id}]


async def show_tenant(visit: Visit) -> Response:
    """Settings of the tenant."""
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
        values={name: visit.field(name) for name in limits} if refused else limits,
        refused=refused,
        allowed={"idle": configure.IDLE_MINUTES, "absolute": configure.ABSOLUTE_HOURS},
    )


async def change_session_limits(visit: Visit) -> Response:
    """Save how long people's sessions last."""
    try:
        idle = _whole(visit, "idle", "The limit without use", "minutes")
        absolute = _whole(visit, "absolute", "The limit in any case", "hours")
        async with visit.context.database.write(visit.actor) as tx:
            changed = await configure.change_session_limits(tx, idle, absolute)
    except WrongInput as refused:
        return _tenant_page(visit, refused)
    return visit.redirect(visit.at("tenant"), "limits-saved" if changed else "nothing-changed")


def _whole(visit: Visit, field: str, what: str, unit: str) -> int:
    text = visit.field(field).strip().replace(",", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        came = f"'{text[:40]}' came" if text else "nothing came"
        raise WrongInput(f"{what} should be a whole number of {unit}; {came}.", field=field)
    return int(text)
