"""What all commands share: open the database, act as the actor "command line", close it, and print the result."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import click

from vestibule.endpoints.context import Context
from vestibule.errors import NotFound
from vestibule.log import begin_logging
from vestibule.model import HOUSE, Actor, IdentityProvider, Tenant
from vestibule.settings import load
from vestibule.store.database import run_again
from vestibule.store.identity_providers import find_provider, find_provider_by_name
from vestibule.store.tenants import find_tenant

AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
Result = TypeVar("Result")


def in_house(act: Callable[[Context], Awaitable[Result]]) -> Result:
    """Open the database, call `act`, and close it. Returns the result.

    `act` is called again if the database rolled back its transaction for a temporary reason.
    """
    settings = load()
    begin_logging(settings.log_level)

    async def opened() -> Result:
        context = await Context.open(settings, lambda line: click.echo(line, err=True))
        try:
            return await run_again(partial(act, await context.as_it_is_served()))
        finally:
            await context.close()

    return asyncio.run(opened())


def show(value: Any, lines: list[str], *, as_json: bool) -> None:
    """Print the result of a command: the value as JSON, or the lines."""
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else "\n".join(lines))


def command_line(tenant_id: str = HOUSE) -> Actor:
    """Returns the Actor of commands, in a tenant or across tenants."""
    return Actor(tenant_id, "operator", name="command line")


async def named_tenant(context: Context, name: str) -> Tenant:
    """Returns the tenant with that name.

    Raises:
        NotFound: there is none.
    """
    async with context.database.read_all_tenants(command_line()) as all_tenants:
        tenant = await find_tenant(all_tenants, name)
    if tenant is None:
        raise NotFound(f"There is no tenant '{name}'. `vestibule tenant list` shows them.")
    return tenant


async def named_provider(context: Context, tenant: Tenant, wanted: str) -> IdentityProvider:
    """Returns the identity provider with that name or id.

    Raises:
        NotFound: there is none.
    """
    async with context.database.read(tenant.id) as reading:
        provider = await find_provider_by_name(reading, wanted) or await find_provider(reading, wanted)
    if provider is None:
        raise NotFound(
            f"{tenant.name} has no identity provider '{wanted}'. `vestibule idp list {tenant.name}` shows them."
        )
    return provider
