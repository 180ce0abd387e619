"""Roles that role rules give by a group: a change of membership changes them at once, or by a run with progress."""

import asyncio
from typing import Any

import httpx2
import orjson
import pytest

from tests.conftest import Place
from tests.service.test_large_groups import hire_many
from tests.service.test_scim_groups import hire, make, patch
from vestibule.actions import configure, group_roles
from vestibule.endpoints.context import Context
from vestibule.model import RoleRule, RoleRules
from vestibule.store.identity_providers import find_derivation
from vestibule.store.users import find_user
from vestibule.worker import derive_profiles


def give(place: Place, group: dict[str, Any], role: str) -> None:
    """Save a role rule that gives a role by a group, and apply it to everybody."""
    rules = RoleRules((RoleRule("scim_group", group["displayName"], group["id"], role),), "everybody")

    async def act(context: Context) -> None:
        async with context.database.write(place.actor) as tx:
            await configure.change_roles(tx, place.provider.id, rules, "owner")
        await derive_profiles(context, asyncio.Event())

    place.running.act(act)


def roles(place: Place, user_id: str) -> list[str]:
    """Returns the roles in a person's Profile."""

    async def read(context: Context) -> list[str]:
        async with context.database.read(place.tenant.id) as reading:
            user = await find_user(reading, user_id)
        assert user is not None
        given: list[str] = orjson.loads(user.profile)["roles"]
        return given

    return place.running.act(read)


def test_a_role_comes_and_goes_with_the_membership(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "Sales", bo)
    give(place, group, "sales")
    assert (roles(place, ana), roles(place, bo)) == (["everybody"], ["sales"])
    patch(
        scim,
        group,
        {"op": "add", "path": "members", "value": [{"value": ana}]},
        {"op": "remove", "path": f'members[value eq "{bo}"]'},
    )
    assert (roles(place, ana), roles(place, bo)) == (["sales"], ["everybody"])
    told = place.events("user.group_roles_changed")
    assert {event["subject"] for event in told} == {ana, bo}
    assert told[0]["data"]["name"] == "Sales"
    patch(scim, group, {"op": "replace", "path": "displayName", "value": "Vertrieb"})
    scim.put(f"/Users/{ana}", json={"userName": "ana", "title": "Dr"})
    assert roles(place, ana) == ["sales"]
    assert place.faults() == []
    scim.delete(f"/Groups/{group['id']}")
    assert roles(place, ana) == ["everybody"]
    assert place.faults() == []


def test_a_group_within_the_group_counts(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    outer = make(scim, "Everyone in the north")
    inner = make(scim, "Team", ana)
    give(place, outer, "north")
    assert roles(place, ana) == ["everybody"]
    patch(scim, outer, {"op": "add", "path": "members", "value": [{"value": inner["id"]}]})
    assert roles(place, ana) == ["north"]
    patch(scim, inner, {"op": "add", "path": "members", "value": [{"value": bo}]})
    assert roles(place, bo) == ["north"]
    scim.delete(f"/Groups/{inner['id']}")
    assert (roles(place, ana), roles(place, bo)) == (["everybody"], ["everybody"])
    assert place.faults() == []


@pytest.mark.parametrize("few", [True, False])
def test_many_are_left_to_a_run_with_progress(scim: httpx2.Client, place: Place, few: bool) -> None:
    ids = hire_many(place, group_roles.AT_ONCE if few else group_roles.AT_ONCE + 1)
    group = make(scim, "Many")
    give(place, group, "many")
    patch(scim, group, {"op": "add", "path": "members", "value": [{"value": id_} for id_ in ids]})

    async def finish(context: Context) -> None:
        """Wait for the run, which the server's worker or this one carries out."""
        is_over = False
        while not is_over:
            await derive_profiles(context, asyncio.Event())
            async with context.database.read(place.tenant.id) as reading:
                run = await find_derivation(reading, place.provider.id)
            is_over = run is not None and run.finished_at is not None

    place.running.act(finish)
    at_once, by_run = place.events("user.group_roles_changed"), place.events("user.profile_derived")
    derived_by_run = len(by_run) - len(ids)  # the rule itself gave everybody the default role first
    assert (len(at_once), derived_by_run) == ((len(ids), 0) if few else (0, len(ids)))
    assert {tuple(roles(place, id_)) for id_ in (ids[0], ids[-1])} == {("many",)}
    assert place.faults() == []
