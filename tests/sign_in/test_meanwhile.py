"""A sign-in, and what shuts the door for everybody at the same instant: the identity provider is disabled, the tenant
suspended. Neither leaves a session that comes back to life when the door is opened again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Place
from tests.console.conftest import rows
from tests.sign_in.company import Company
from tests.sign_in.test_under_way import anybody
from vestibule.actions import configure, person_sign_in
from vestibule.endpoints.context import Context
from vestibule.errors import SignInRefused
from vestibule.model import IdentityProvider, RoleRules
from vestibule.store.identity_providers import find_provider

Ending = Callable[[Context, Place], Coroutine[Any, Any, None]]


async def disable(context: Context, place: Place) -> None:
    async with context.database.write(place.actor) as tx:
        await configure.change_provider(tx, place.provider.id, enabled=False)


async def suspend(context: Context, place: Place) -> None:
    async with context.database.write_all_tenants(place.actor) as all_tenants:
        await configure.set_tenant_state(all_tenants, place.tenant, "suspended")


async def provider_of(context: Context, place: Place) -> IdentityProvider:
    """The identity provider, everybody of which administers the tenant as well."""
    async with context.database.write(place.actor) as tx:
        await configure.change_roles(tx, place.provider.id, RoleRules(default="console-admin"), "owner")
    async with context.database.read(place.tenant.id) as reading:
        provider = await find_provider(reading, place.provider.id)
    assert provider is not None
    return provider


def sessions(place: Place) -> int:
    """How many sessions there are in the tenant, of people and in the console."""
    both = (
        "SELECT token_check FROM user_sessions WHERE tenant_id = $1 UNION ALL SELECT token_check FROM sessions WHERE "
    )
    return len(rows(place.running, f"{both}tenant_id = $1", place.tenant.id))


@pytest.mark.parametrize("ending", [disable, suspend], ids=lambda ending: str(ending.__name__))
def test_what_was_read_before_does_not_open_a_session(company: Company, ending: Ending) -> None:
    """The request came while all was well; what decides is read when the session is opened."""
    place, (_, name) = company.place, company.hire()

    async def act(context: Context) -> None:
        provider = await provider_of(context, place)
        await ending(context, place)
        async with context.database.write(place.actor) as tx:
            with pytest.raises(SignInRefused) as refused:
                await person_sign_in.accept(tx, place.tenant, place.provider.id, provider.saml, anybody(name), None)
        assert refused.value.came in {f"{provider.name}, which is disabled", "a suspended one"}

    place.running.act(act)
    assert sessions(place) == 0


def test_settings_that_changed_since_are_not_what_it_was_examined_with(company: Company) -> None:
    place, (_, name) = company.place, company.hire()

    async def act(context: Context) -> None:
        provider = await provider_of(context, place)
        stale = replace(provider.saml, certificates=())
        async with context.database.write(place.actor) as tx:
            with pytest.raises(SignInRefused) as refused:
                await person_sign_in.accept(tx, place.tenant, place.provider.id, stale, anybody(name), None)
            assert refused.value.came == "settings that were changed during the sign-in"
            await person_sign_in.accept(tx, place.tenant, place.provider.id, provider.saml, anybody(name), None)

    place.running.act(act)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("ending", [disable, suspend], ids=lambda ending: str(ending.__name__))
def test_what_comes_while_a_session_is_opened_waits_and_ends_it(company: Company, ending: Ending) -> None:
    place, (_, name) = company.place, company.hire()

    async def act(context: Context) -> None:
        provider = await provider_of(context, place)
        async with context.database.write(place.actor) as tx:
            await person_sign_in.accept(tx, place.tenant, place.provider.id, provider.saml, anybody(name), None)
            taking = asyncio.create_task(ending(context, place))
            async with context.database.read(place.tenant.id) as reading:
                waits = False
                while not (waits or taking.done()):
                    waits = bool(await reading.all("SELECT 1 FROM pg_locks WHERE NOT granted"))
        await taking

    place.running.act(act)
    assert sessions(place) == 0
