"""A sign-in, and the end of the person's access at the same moment, on a database that runs both in parallel."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import Place
from tests.saml.factory import IDP
from tests.saml.keys import pair
from tests.sign_in.company import Company, resource
from vestibule.actions import configure, people, person_sign_in, provision
from vestibule.actions.scim_request import Sent
from vestibule.endpoints.context import Context
from vestibule.keys import token_check
from vestibule.model import RoleRules
from vestibule.saml.response import Assertion
from vestibule.store.administrator_sessions import find_session
from vestibule.store.database import Tx, milliseconds_now
from vestibule.store.identity_providers import find_provider
from vestibule.store.person_sessions import sessions_of_user

Ending = Callable[[Tx, str, str], Awaitable[object]]


async def deactivate(tx: Tx, user_id: str, name: str) -> None:
    await provision.replace_user(tx, Sent("PUT", f"/Users/{user_id}"), user_id, resource(name, active=False), [])


async def delete(tx: Tx, user_id: str, _name: str) -> None:
    await provision.delete_user(tx, Sent("DELETE", f"/Users/{user_id}"), user_id)


async def block(tx: Tx, user_id: str, _name: str) -> None:
    await people.block(tx, user_id)


async def end(tx: Tx, user_id: str, _name: str) -> None:
    await people.end_sessions(tx, user_id)


def anybody(name: str) -> Assertion:
    """What was read of a response that names somebody."""
    now = milliseconds_now()
    return Assertion(f"_{name}", IDP, name, "", "_1", "", now, None, now + 300_000, {}, pair().pinned)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("ending", [deactivate, delete, block, end], ids=lambda ending: str(ending.__name__))
def test_no_session_outlives_what_came_while_it_was_opened(place: Place, company: Company, ending: Ending) -> None:
    user_id, name = company.hire()
    provider_id = place.provider.id

    async def act(context: Context) -> None:
        database = context.database
        async with database.write(place.actor) as tx:
            await configure.change_roles(tx, provider_id, RoleRules(default="console-admin"), "owner")
        async with database.read(place.tenant.id) as reading:
            provider = await find_provider(reading, provider_id)
        assert provider is not None

        async def take() -> None:
            actor = place.actor._replace(kind="identity_provider", identity_provider_id=provider_id)
            async with database.write(actor) as tx:
                await ending(tx, user_id, name)

        async with database.write(place.actor) as tx:
            opened = await person_sign_in.accept(tx, place.tenant, provider_id, provider.saml, anybody(name), None)
            taking = asyncio.create_task(take())
            async with database.read(place.tenant.id) as reading:
                waits = False
                while not (waits or taking.done()):
                    waits = bool(await reading.all("SELECT 1 FROM pg_locks WHERE NOT granted"))
        await taking
        async with database.read(place.tenant.id) as reading:
            assert await sessions_of_user(reading, user_id) == []
        async with database.read_all_tenants(place.actor) as all_tenants:
            assert await find_session(all_tenants, place.tenant.id, token_check(opened.console_token)) is None

    place.running.act(act)
