"""What all commands share: open the database, act as the actor "command line", close it, and print the result."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import click

from vestibule.endpoints.context import Context
from vestibule.errors import NotFound, WrongInput
from vestibule.log import begin_logging
from vestibule.model import HOUSE, Actor, IdentityProvider, Tenant
from vestibule.settings import load
from vestibule.store.database import Reading, run_again
from vestibule.store.identity_providers import all_providers, find_provider, find_provider_by_name
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


async def provider_names(reading: Reading) -> dict[str, str]:
    """Returns the names of a tenant's identity providers by their ids."""
    return {each.id: each.name for each in await all_providers(reading)}


class _Owned(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def identity_provider_id(self) -> str: ...


Meant = TypeVar("Meant", bound=_Owned)


@dataclass(frozen=True, slots=True)
class Kind:
    """How errors speak of a kind of thing that has an owner."""

    none: str
    several: str
    name: str
    command: str
    by_hand: str


async def the_one_meant(
    context: Context,
    tenant: Tenant,
    wanted: str,
    provider_name: str | None,
    kind: Kind,
    find: Callable[[Reading, str], Awaitable[list[Meant]]],
) -> Meant:
    """Returns the one that an id or a name means, of the named identity provider if there is one. `find` returns all.

    Raises:
        NotFound: there is none.
        WrongInput: there are several.
    """
    provider = await named_provider(context, tenant, provider_name) if provider_name else None
    async with context.database.read(tenant.id) as reading:
        found = await find(reading, wanted)
        names = await provider_names(reading)
    if provider is not None:
        found = [each for each in found if each.identity_provider_id == provider.id]
    if not found:
        where = f"{provider.name} of {tenant.name}" if provider else tenant.name
        raise NotFound(
            f"There is {kind.none} in {where} with the {kind.name} or id '{wanted[:80]}'. "
            f"`vestibule {kind.command} list {tenant.name}` shows them."
        )
    if len(found) > 1:
        each_of_them = ", ".join(f"{each.id} ({names.get(each.identity_provider_id, kind.by_hand)})" for each in found)
        raise WrongInput(
            f"{len(found)} {kind.several} of {tenant.name} have the {kind.name} '{wanted[:80]}': {each_of_them}. "
            "Give an id, or --idp NAME."
        )
    return found[0]


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
