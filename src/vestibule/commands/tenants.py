"""`vestibule tenant`: organisations."""

from typing import Any, get_args

import click

from vestibule.actions import configure
from vestibule.commands.acting import AS_JSON, command_line, in_house, named_tenant, show
from vestibule.endpoints.context import Context
from vestibule.model import FactorRequired, Tenant, TenantState
from vestibule.settings import Settings
from vestibule.store.tenants import find_tenants


@click.group("tenant")
def tenant_group() -> None:
    """Organisations."""


def tenant_json(settings: Settings, tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "title": tenant.title,
        "state": tenant.state,
        "factor_required": tenant.factor_required,
        "id": tenant.id,
        "scim_url": settings.scim_url(tenant.name),
    }


@tenant_group.command("add")
@click.argument("name")
@click.option("--title", help="The organisation's name. [default: the tenant name]")
@AS_JSON
def add_tenant(name: str, title: str | None, as_json: bool) -> None:
    """Add a tenant. NAME is part of its SCIM URL."""

    async def act(context: Context) -> tuple[Settings, Tenant]:
        async with context.database.write_all_tenants(command_line()) as all_tenants:
            return context.settings, await configure.create_tenant(all_tenants, name, title or name)

    settings, tenant = in_house(act)
    lines = [f"Added the tenant {tenant.name} ({tenant.title}).", f"SCIM URL: {settings.scim_url(tenant.name)}"]
    show(tenant_json(settings, tenant), lines, as_json=as_json)


@tenant_group.command("list")
@AS_JSON
def list_tenants(as_json: bool) -> None:
    """List all tenants."""

    async def act(context: Context) -> tuple[Settings, list[Tenant]]:
        async with context.database.read_all_tenants(command_line()) as all_tenants:
            return context.settings, await find_tenants(all_tenants)

    settings, tenants = in_house(act)
    lines = [f"{each.name:20} {each.state:10} {each.title}" for each in tenants] or ["No tenant yet."]
    show([tenant_json(settings, each) for each in tenants], lines, as_json=as_json)


def _set_tenant_state(name: str, state: TenantState, *, as_json: bool) -> None:
    async def act(context: Context) -> tuple[Settings, Tenant]:
        tenant = await named_tenant(context, name)
        async with context.database.write_all_tenants(command_line()) as all_tenants:
            return context.settings, await configure.set_tenant_state(all_tenants, tenant, state)

    settings, tenant = in_house(act)
    show(tenant_json(settings, tenant), [f"The tenant {tenant.name} is {tenant.state}."], as_json=as_json)


@tenant_group.command("suspend")
@click.argument("name")
@AS_JSON
def suspend_tenant(name: str, as_json: bool) -> None:
    """Refuse NAME's keys as if they were unknown, until it is resumed."""
    _set_tenant_state(name, "suspended", as_json=as_json)


@tenant_group.command("resume")
@click.argument("name")
@AS_JSON
def resume_tenant(name: str, as_json: bool) -> None:
    """Accept NAME's keys again."""
    _set_tenant_state(name, "active", as_json=as_json)


@tenant_group.command("set")
@click.argument("name")
@click.option(
    "--factor-required",
    required=True,
    type=click.Choice(get_args(FactorRequired)),
    help="Which of its administrators need a second factor.",
)
@AS_JSON
def set_tenant(name: str, factor_required: FactorRequired, as_json: bool) -> None:
    """Change a setting of NAME."""

    async def act(context: Context) -> tuple[Settings, Tenant]:
        tenant = await named_tenant(context, name)
        async with context.database.write(command_line(tenant.id)) as tx:
            await configure.require_factor(tx, factor_required)
        return context.settings, await named_tenant(context, name)

    settings, tenant = in_house(act)
    lines = [f"A second factor is required in the tenant {tenant.name}: {tenant.factor_required}."]
    show(tenant_json(settings, tenant), lines, as_json=as_json)
