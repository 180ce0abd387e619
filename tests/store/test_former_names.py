"""What a database forgets nothing of when it is brought up to date, and whom an address means."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import on_loop
from vestibule.actions import configure, provision
from vestibule.actions.scim_request import Sent
from vestibule.endpoints.context import Context
from vestibule.model import HOUSE, Actor, new_id
from vestibule.settings import Settings
from vestibule.store.former_names import find_former_holder
from vestibule.store.users import find_own_users_by_email

OPERATOR = Actor(HOUSE, "operator", name="test")
BEFORE_FORMER_NAMES = 6
COPY = """
INSERT INTO events (tenant_id, id, at, type, actor, identity_provider_id, subject_id, request_id, data)
SELECT tenant_id, $2, at, type, actor, identity_provider_id, subject_id, request_id, $3 FROM events WHERE id = $1
"""
Open = Callable[[Callable[[Context], Awaitable[None]]], None]


@pytest.fixture
def opened(engine: str, new_database: Callable[[str], Settings]) -> Open:
    """A function that does something with an installation, the same one each time."""
    settings = new_database(engine)

    def act(work: Callable[[Context], Awaitable[None]]) -> None:
        async def acted() -> None:
            context = await Context.open(settings, lambda _line: None)
            try:
                await work(context)
            finally:
                await context.close()

        on_loop(acted())

    return act


async def add_tenant(context: Context, name: str) -> Actor:
    """A tenant's identity provider, which may provision."""
    async with context.database.write_all_tenants(OPERATOR) as all_tenants:
        tenant = await configure.create_tenant(all_tenants, name, name)
    async with context.database.write(OPERATOR._replace(tenant_id=tenant.id)) as tx:
        provider = await configure.create_provider(tx, "Okta", "okta")
        await configure.set_provisioning(tx, provider.id, "on", context.checker)
    return Actor(tenant.id, "identity_provider", name="Okta", identity_provider_id=provider.id)


async def add(context: Context, actor: Actor, **document: Any) -> str:
    async with context.database.write(actor) as tx:
        return (await provision.create_user(tx, Sent("POST", "/Users"), document, [])).id


async def change(context: Context, actor: Actor, user_id: str, **document: Any) -> None:
    async with context.database.write(actor) as tx:
        await provision.replace_user(tx, Sent("PUT", f"/Users/{user_id}"), user_id, document, [])


def test_names_from_before_they_were_kept_are_filled_in_from_the_log(opened: Open) -> None:
    holders: dict[tuple[Actor, str], str] = {}

    async def live(context: Context) -> None:
        for name in ("north", "south"):
            actor = await add_tenant(context, name)
            ana = await add(context, actor, userName=f"Ana@{name}.example", active=True)
            await change(context, actor, ana, userName=f"ana.reis@{name}.example", active=True)
            bo = await add(context, actor, userName=f"bo@{name}.example", active=True)
            # Renamed and deactivated at once, as Entra deletes.
            await change(context, actor, bo, userName=f"gone-{name}", active=False)
            cy = await add(context, actor, userName=f"cy@{name}.example", active=True)
            await change(context, actor, cy, userName=f"cy@{name}.example", active=True, title='A "userName" in words')
            holders[actor, f"ana@{name}.example"] = ana
            holders[actor, f"BO@{name}.example"] = bo
            holders[actor, f"cy@{name}.example"] = ""
            holders[actor, f"ana.reis@{name}.example"] = ""
            holders[actor, f"gone-{name}"] = ""
        # More of them than are read at once, so that the reading goes on where it stopped, and in the next tenant.
        actor = next(iter(holders))[0]
        async with context.database.write(actor) as tx:
            of_ana = "SELECT id FROM events WHERE tenant_id = $1 AND type = 'user.changed' ORDER BY id"
            row = await tx.one(of_ana, actor.tenant_id)
            assert row is not None
            for number in range(501):
                renamed = {"changes": [{"attribute": "userName", "before": f"p{number}", "after": "x"}]}
                await tx.run(COPY, row[0], new_id(tx.now), json.dumps(renamed))
            holders[actor, "p0"] = holders[actor, "p500"] = holders[actor, "ana@north.example"]

    async def go_back(context: Context) -> None:
        """To a database that kept no former names."""
        async with context.database.write_all_tenants(OPERATOR) as all_tenants:
            for table in ("former_names", "ended_sessions", "groups", "group_members"):
                await all_tenants.run(f"DROP TABLE {table}")
            await all_tenants.run("DROP INDEX factors_by_credential")
            await all_tenants.run("ALTER TABLE identity_providers DROP COLUMN strict")
            await all_tenants.run("DELETE FROM migrations WHERE number > $1", BEFORE_FORMER_NAMES)

    async def look(context: Context) -> None:
        for (actor, name), holder in holders.items():
            async with context.database.read(actor.tenant_id) as reading:
                found = await find_former_holder(reading, actor.identity_provider_id, name)
                assert (found[0] if found else "") == holder, name
                if found:
                    assert 0 < found[1] <= reading.now
                assert await find_former_holder(reading, "another", name) is None

    opened(live)
    opened(go_back)
    opened(look)


def test_an_address_means_who_has_it_as_their_primary_or_only_one(opened: Open) -> None:
    async def act(context: Context) -> None:
        actor = await add_tenant(context, "north")
        shared = {"value": "Desk@North.example", "type": "other"}

        def own(name: str) -> dict[str, Any]:
            return {"value": f"{name}@north.example", "type": "work"}

        people = {
            "primary": [shared | {"primary": True}, own("primary")],
            "only": [shared],
            "secondary": [own("secondary") | {"primary": True}, shared],
            "one of two, neither primary": [own("neither"), shared],
            "none": [],
        }
        names = {await add(context, actor, userName=name, emails=emails) for name, emails in people.items()}
        assert len(names) == len(people)
        other = await add_tenant(context, "south")
        await add(context, other, userName="elsewhere", emails=[shared | {"primary": True}])
        for typed in ("desk@north.example", " DESK@north.EXAMPLE "):
            async with context.database.read(actor.tenant_id) as reading:
                found = await find_own_users_by_email(reading, actor.identity_provider_id, typed)
                assert sorted(json.loads(user.document)["userName"] for user in found) == ["only", "primary"]
                assert await find_own_users_by_email(reading, other.identity_provider_id, typed) == []

    opened(act)
