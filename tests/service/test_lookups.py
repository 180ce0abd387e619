"""What is remembered of a credential: as long as it holds, for the tenant it was shown to, and never the Secret."""

import gc
from typing import Any

import pytest

from tests.conftest import Place
from tests.service.test_credentials import basic
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.endpoints.identify import NOBODY, Lookups, RefusedCredential, identify


def everything_in(thing: Any, seen: set[int]) -> list[Any]:
    """All texts and bytes that something leads to."""
    if id(thing) in seen or isinstance(thing, type):
        return []
    seen.add(id(thing))
    if isinstance(thing, str | bytes):
        return [thing]
    return [each for part in gc.get_referents(thing) for each in everything_in(part, seen)]


def test_a_header_is_remembered_without_the_secret(place: Place) -> None:
    header = basic(*place.pair).encode()

    async def act(context: Context) -> None:
        lookups = Lookups(context.database, context.checker)
        for _ in range(3):
            caller = await identify(lookups, context.database.clock(), place.tenant.name, [header], NOBODY)
            assert caller.presented.provider_id == place.provider.id
        kept = everything_in((lookups._found, lookups._claims), set())
        assert any(place.pair.key in each for each in kept if isinstance(each, str))
        encoded = header.partition(b" ")[2]
        for secret in (place.pair.secret, place.pair.secret.removeprefix("vs_"), encoded.decode()):
            assert not [each for each in kept if (secret if isinstance(each, str) else secret.encode()) in each]

    place.running.act(act)


@pytest.mark.parametrize("times", [1, 3])
def test_what_is_remembered_for_one_tenant_is_nothing_to_another(place: Place, times: int) -> None:
    header = basic(*place.pair).encode()

    async def act(context: Context) -> None:
        lookups, now = Lookups(context.database, context.checker), context.database.clock()
        async with context.database.write_all_tenants(NOBODY) as all_tenants:
            other = await configure.create_tenant(all_tenants, f"other-{place.tenant.name}"[:60].rstrip("-"), "Other")
        for _ in range(times):
            await identify(lookups, now, place.tenant.name, [header], NOBODY)
            for name in (other.name, "nobody", "", place.tenant.name.upper()):
                with pytest.raises(RefusedCredential) as refused:
                    await identify(lookups, now, name, [header], NOBODY)
                assert refused.value.reason == "unknown key"

    place.running.act(act)


def test_a_key_that_is_retired_is_refused_at_once(place: Place) -> None:
    header = basic(*place.pair).encode()

    async def act(context: Context) -> None:
        lookups, now = Lookups(context.database, context.checker), context.database.clock()
        caller = await identify(lookups, now, place.tenant.name, [header], NOBODY)
        async with context.database.write(place.actor) as tx:
            await configure.retire_credential(tx, caller.presented.credential_id)
        for _ in range(2):
            with pytest.raises(RefusedCredential) as refused:
                await identify(lookups, now, place.tenant.name, [header], NOBODY)
            assert refused.value.reason == "retired key"

    place.running.act(act)


def test_two_headers_are_none(place: Place) -> None:
    header = basic(*place.pair).encode()

    async def act(context: Context) -> None:
        lookups, now = Lookups(context.database, context.checker), context.database.clock()
        await identify(lookups, now, place.tenant.name, [header], NOBODY)
        for headers in ([], [header, header], [b"Basic " + b"x" * 2000]):
            with pytest.raises(RefusedCredential) as refused:
                await identify(lookups, now, place.tenant.name, headers, NOBODY)
            assert refused.value.reason == "no credential"

    place.running.act(act)
