"""Whose a person is: identity providers of a tenant do not see each other's people; only the hand-made are adopted."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest

from tests.conftest import PLAIN, Place, on_loop
from tests.service.test_credentials import change
from vestibule.actions import configure, people
from vestibule.endpoints.context import Context
from vestibule.errors import NotAllowed, Taken
from vestibule.keys import Pair
from vestibule.model import IdentityProvider, User
from vestibule.store.administrators import administrators_of
from vestibule.store.user_lists import find_twins

NAME = "ana@north.example"


@dataclass
class Two:
    """A tenant with an Okta and an Entra."""

    place: Place
    okta: httpx2.Client
    entra: httpx2.Client
    entra_place: Place


@pytest.fixture
def two(place: Place) -> Iterator[Two]:
    async def act(tx: Any, context: Context) -> tuple[IdentityProvider, Pair]:
        provider = await configure.create_provider(tx, "Entra", "entra")
        provider, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        assert pair is not None
        return provider, pair

    provider, pair = change(place, act)
    entra_place = replace(place, provider=provider, pair=pair)
    with place.client() as okta, entra_place.client() as entra:
        yield Two(place, okta, entra, entra_place)


def test_the_same_name_under_two_identity_providers_is_two_people(two: Two) -> None:
    first = two.okta.post("/Users", json={"userName": NAME, "externalId": "x", "emails": [{"value": NAME}]}).json()
    second = two.entra.post("/Users", json={"userName": NAME.upper(), "externalId": "x", "emails": [{"value": NAME}]})
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    for text in (f'userName eq "{NAME}"', 'externalId eq "x"', f'emails.value eq "{NAME}"', "userName pr"):
        assert [each["id"] for each in two.okta.get("/Users", params={"filter": text}).json()["Resources"]] == [
            first["id"]
        ]
    assert two.okta.get("/Users").json()["totalResults"] == 1

    async def twins(context: Context) -> list[str]:
        async with context.database.read(two.place.tenant.id) as reading:
            return await find_twins(reading)

    assert two.place.running.act(twins) == [NAME]


def test_another_identity_providers_people_are_404(two: Two) -> None:
    user = two.okta.post("/Users", json={"userName": NAME}).json()
    url = f"/Users/{user['id']}"
    stranger = two.entra.get("/Users/01a20b6a-8c9e-70f3-86ea-bd86b400e8e1")
    patch = {"Operations": [{"op": "replace", "value": {"active": False}}]}
    for answer in (
        two.entra.get(url),
        two.entra.put(url, json={"userName": "taken@over.example"}),
        two.entra.patch(url, json=patch),
        two.entra.delete(url),
    ):
        assert answer.status_code == 404
        assert answer.content == stranger.content
    assert two.okta.get(url).json() == user


def test_another_tenants_people_are_404(place: Place) -> None:
    other = place.running.new_tenant()
    with place.client() as mine, other.client() as theirs:
        user = theirs.post("/Users", json={"userName": NAME}).json()
        assert mine.get(f"/Users/{user['id']}").status_code == 404
        assert mine.delete(f"/Users/{user['id']}").status_code == 404
        assert mine.post("/Users", json={"userName": NAME}).status_code == 201  # no conflict across tenants
        assert mine.get("/Users", params={"filter": f'id eq "{user["id"]}"'}).json()["totalResults"] == 0


# -- people added by hand ----------------------------------------------------------------------------------------------


def by_hand(place: Place, role: str = "", name: str = NAME) -> User:
    described = {"userName": name, "displayName": "By Hand", "emails": [{"value": name}]}
    added: User = change(place, lambda tx, _: people.add_by_hand(tx, described, role))
    return added


def test_okta_finds_and_adopts_somebody_added_by_hand(place: Place) -> None:
    """C9335: Okta links to a person who was there before it, and updates them."""
    user = by_hand(place)
    with place.client() as okta:
        found = okta.get("/Users", params={"filter": f'userName eq "{NAME}"'}).json()["Resources"]
        assert [each["id"] for each in found] == [user.id]
        assert okta.get("/Users").json()["totalResults"] == 1
        echoed = okta.get(f"/Users/{user.id}").json() | {"externalId": "00u1", "title": "Lead"}
        answer = okta.put(f"/Users/{user.id}", json=echoed)
        assert (answer.status_code, answer.json()["id"], answer.json()["title"]) == (200, user.id, "Lead")
        assert okta.post("/Users", json={"userName": NAME}).status_code == 409
    types = [event["type"] for event in place.events("user.")]
    assert types == ["user.created", "user.adopted", "user.changed"]


def test_an_update_that_changes_nothing_adopts_all_the_same(two: Two) -> None:
    user = by_hand(two.place)
    assert two.entra.get(f"/Users/{user.id}").status_code == 200
    assert two.okta.put(f"/Users/{user.id}", json=two.okta.get(f"/Users/{user.id}").json()).status_code == 200
    assert two.entra.get(f"/Users/{user.id}").status_code == 404
    assert two.entra.post("/Users", json={"userName": NAME}).status_code == 201


def test_creating_somebody_who_could_be_adopted_is_409(place: Place) -> None:
    by_hand(place)
    with place.client() as okta:
        answer = okta.post("/Users", json={"userName": NAME.upper()})
        assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
        other = okta.post("/Users", json={"userName": "b@x.example"}).json()
        assert okta.put(f"/Users/{other['id']}", json={"userName": NAME}).status_code == 409


def test_somebody_with_a_role_is_never_seen(place: Place) -> None:
    user = by_hand(place, role="Approver")
    with place.client() as okta:
        assert okta.get("/Users").json()["totalResults"] == 0
        assert okta.get("/Users", params={"filter": f'userName eq "{NAME}"'}).json()["totalResults"] == 0
        assert okta.get(f"/Users/{user.id}").status_code == 404
        assert okta.put(f"/Users/{user.id}", json={"userName": NAME}).status_code == 404
        own = okta.post("/Users", json={"userName": NAME})
        assert own.status_code == 201  # two people, shown as possible duplicates
        assert own.json()["id"] != user.id


def test_adoption_is_a_switch(place: Place) -> None:
    user = by_hand(place)
    change(place, lambda tx, _: configure.change_provider(tx, place.provider.id, adopts=False))
    with place.client() as okta:
        assert okta.get(f"/Users/{user.id}").status_code == 404
        assert okta.get("/Users").json()["totalResults"] == 0
        assert okta.put(f"/Users/{user.id}", json={"userName": NAME}).status_code == 404
        assert okta.post("/Users", json={"userName": NAME}).status_code == 201
        change(place, lambda tx, _: configure.change_provider(tx, place.provider.id, adopts=True))
        # A userName stays unique in what it sees: its own person hides the one that was added by hand.
        assert okta.get("/Users").json()["totalResults"] == 1
        assert okta.get(f"/Users/{user.id}").status_code == 404


def test_somebody_never_provisioned_cannot_be_deleted(place: Place) -> None:
    user = by_hand(place)
    with place.client() as okta:
        assert okta.delete(f"/Users/{user.id}").status_code == 403
        okta.patch(f"/Users/{user.id}", json={"Operations": [{"op": "replace", "value": {"active": True}}]})
        assert okta.delete(f"/Users/{user.id}").status_code == 204


def test_nobody_is_added_by_hand_beside_their_provisioned_self(place: Place) -> None:
    with place.client() as okta:
        user = okta.post("/Users", json={"userName": NAME}).json()
    with pytest.raises(Taken):
        by_hand(place, name=NAME.upper())
    with pytest.raises(NotAllowed):
        change(place, lambda tx, _: people.set_active_by_hand(tx, user["id"], active=False))
    with pytest.raises(NotAllowed):
        change(place, lambda tx, _: people.delete_by_hand(tx, user["id"]))


def test_administrators_are_no_people_of_scim(place: Place) -> None:
    link = place.running.json("admin", "add", "boss@north.example", "--tenant", place.tenant.name)
    assert link["role"] == "owner"
    with place.client() as okta:
        assert okta.get("/Users", params={"filter": 'userName eq "boss@north.example"'}).json()["totalResults"] == 0
        answer = okta.post(
            "/Users", json={"userName": "boss@north.example", "emails": [{"value": "boss@north.example"}]}
        )
        assert answer.status_code == 201

    async def administrators(context: Context) -> list[str]:
        async with context.database.read_all_tenants(place.actor) as all_tenants:
            return [each.email for each in await administrators_of(all_tenants, place.tenant.id)]

    assert place.running.act(administrators) == ["boss@north.example"]
    with place.client() as okta:
        okta.delete(f"/Users/{answer.json()['id']}")
    assert place.running.act(administrators) == ["boss@north.example"]


# -- at the same moment ------------------------------------------------------------------------------------------------


def test_fifty_equal_posts_at_once(place: Place) -> None:
    async def post_all() -> list[int]:
        limits = httpx2.Limits(max_connections=50)
        async with httpx2.AsyncClient(
            base_url=place.scim_url, auth=(place.pair.key, place.pair.secret), limits=limits, **PLAIN
        ) as client:
            answers = await asyncio.gather(*(client.post("/Users", json={"userName": NAME}) for _ in range(50)))
        assert all(answer.headers["content-type"] == "application/scim+json" for answer in answers)
        return sorted(answer.status_code for answer in answers)

    assert on_loop(post_all()) == [201] + [409] * 49
    assert len(place.events("user.created")) == 1


def test_changes_of_one_person_at_once_are_all_kept(place: Place) -> None:
    """Forty clients each set an attribute of their own: none is lost, and the versions count them all."""
    names = ["title", "nickName", "displayName", "locale", "timezone", "userType", "profileUrl", "preferredLanguage"]

    async def patch_all() -> dict[str, Any]:
        async with httpx2.AsyncClient(
            base_url=place.scim_url, auth=(place.pair.key, place.pair.secret), **PLAIN
        ) as client:
            user = (await client.post("/Users", json={"userName": NAME})).json()
            patches: list[dict[str, Any]] = [
                {"Operations": [{"op": "add", "path": name, "value": name}]} for name in names
            ]
            patches += [
                {"Operations": [{"op": "add", "path": "emails", "value": [{"value": f"{number}@x.example"}]}]}
                for number in range(32)
            ]
            answers = await asyncio.gather(*(client.patch(f"/Users/{user['id']}", json=patch) for patch in patches))
            assert {answer.status_code for answer in answers} == {200}
            return dict((await client.get(f"/Users/{user['id']}")).json())

    user = on_loop(patch_all())
    assert {name: user[name] for name in names} == {name: name for name in names}
    assert len(user["emails"]) == 32
    assert user["meta"]["version"] == 'W/"41"'
