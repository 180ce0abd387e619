"""Which tenants there are: for operators. Everybody else goes on to their own."""

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.visit import Visit
from vestibule.errors import Refusal
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
    settings = visit.context.settings
    return visit.page(
        "tenant.html",
        scim_url=settings.scim_url(visit.tenant.name),
        scim_host_url=settings.scim_host_url(visit.tenant.name),
    )
