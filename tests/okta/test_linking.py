"""C9335 and C9336: somebody who is there already is linked and written over; a name has one owner, an e-mail many."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Place
from tests.okta.okta_and_vestibule import (
    CHANGED_ACTIVE,
    CREATED,
    LOOK_UP,
    PUT,
    Integration,
    Person,
    Resource,
    changed,
    connected,
)
from tests.pocket_okta.running import Okta
from tests.service.test_credentials import change
from vestibule.actions import configure, people
from vestibule.endpoints.context import Context
from vestibule.keys import Pair
from vestibule.model import IdentityProvider, User
from vestibule.store.database import Tx


def add_by_hand(integration: Integration, person: Person, *, role: str = "", active: bool = True) -> str:
    """Somebody whom an administrator of Vestibule added before Okta came, under a login in capitals; their id."""
    login = person["profile"]["login"].upper()
    described = {"userName": login, "displayName": "By Hand", "nickName": "Handy", "emails": [{"value": login}]}

    async def act(tx: Tx, _: Context) -> User:
        user = await people.add_by_hand(tx, described, role)
        return user if active else await people.set_active_by_hand(tx, user.id, active=False)

    return str(change(integration.place, act).id)


def provision_before(integration: Integration, person: Person, *, active: bool = True) -> str:
    """Somebody whom an earlier app of the same identity provider made; their id."""
    login = person["profile"]["login"].upper()
    described = {"userName": login, "displayName": "Earlier", "nickName": "Early", "externalId": "x", "active": active}
    answer = integration.scim.post("/Users", json=described)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def written_over(integration: Integration, person: Person, user_id: str) -> Resource:
    """See that a person was linked to somebody who was there, who now is what Okta says."""
    assert integration.settled(person) == user_id
    resource = integration.read(user_id)
    login = person["profile"]["login"]
    assert (resource["userName"], resource["displayName"], resource["active"]) == (login, "Ana Reis", True)
    assert resource["externalId"] == person["id"]
    assert resource["emails"] == [{"primary": True, "value": login, "type": "work"}]
    assert "nickName" not in resource  # blank in Okta, and Okta writes over everything it maps
    assert integration.profile(user_id)["firstName"] == "Ana"
    assert integration.people() == 1
    return resource


@pytest.mark.parametrize("active", [True, False], ids=["active", "inactive"])
def test_c9335_link_to_somebody_added_by_hand(integration: Integration, active: bool) -> None:
    ana = integration.person("Ana", "Reis")
    user_id = add_by_hand(integration, ana, active=active)
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.spoken() == [LOOK_UP, *([] if active else CHANGED_ACTIVE[integration.mode]), *PUT]
    written_over(integration, ana, user_id)
    types = integration.told(user_id)
    assert types[0] == "user.created"
    assert types.count("user.adopted") == 1
    assert types[-1] == "user.changed"
    assert ("user.reactivated" in types) is not active
    integration.forget()
    integration.app.unassign(ana)  # and the life goes on
    integration.okta.idle()
    assert integration.spoken() == CHANGED_ACTIVE[integration.mode]
    assert integration.read(user_id)["active"] is False


@pytest.mark.parametrize("active", [True, False], ids=["active", "inactive"])
def test_c9335_link_to_somebody_provisioned_before(integration: Integration, active: bool) -> None:
    ana = integration.person("Ana", "Reis")
    user_id = provision_before(integration, ana, active=active)
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.spoken() == [LOOK_UP, *([] if active else CHANGED_ACTIVE[integration.mode]), *PUT]
    written_over(integration, ana, user_id)
    assert integration.told(user_id) == ["user.created", *([] if active else ["user.reactivated"]), "user.changed"]
    told = changed(integration.last_event(user_id))
    assert told["nickName"] == ("Early", None)
    assert told["externalId"] == ("x", ana["id"])


def test_c9335_somebody_with_a_role_is_not_linked(integration: Integration) -> None:
    ana = integration.person("Ana", "Reis")
    approver = add_by_hand(integration, ana, role="Approver")
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.spoken() == CREATED
    assert integration.settled(ana) != approver
    assert integration.people() == 1
    assert integration.profile(approver)["displayName"] == "By Hand"
    assert integration.told(approver) == ["user.created"]


def test_c9335_nobody_is_linked_where_adoption_is_off(integration: Integration) -> None:
    change(integration.place, lambda tx, _: configure.change_provider(tx, integration.place.provider.id, adopts=False))
    ana = integration.person("Ana", "Reis")
    by_hand = add_by_hand(integration, ana)
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.spoken() == CREATED
    assert integration.settled(ana) != by_hand
    assert integration.told(by_hand) == ["user.created"]


def second_provider(place: Place) -> Place:
    """Another identity provider of the same tenant."""

    async def act(tx: Tx, context: Context) -> tuple[IdentityProvider, Pair]:
        provider = await configure.create_provider(tx, "The other Okta", "okta")
        provider, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        assert pair is not None
        return provider, pair

    provider, pair = change(place, act)
    return replace(place, provider=provider, pair=pair)


def test_c9335_another_identity_providers_person_is_not_linked(integration: Integration) -> None:
    place = second_provider(integration.place)
    with place.client() as scim:
        other = connected(integration.okta, place, integration.mode, scim)
        ana, theirs = other.provisioned("Ana", "Reis")
        integration.app.assign(ana)
        integration.okta.idle()
        assert integration.spoken() == CREATED
        ours = integration.settled(ana)
        assert ours != theirs["id"]
        integration.app.unassign(ana)
        integration.okta.idle()
        assert integration.read(ours)["active"] is False
        assert other.read(theirs["id"]) == theirs


# -- C9336: unique name and e-mail -------------------------------------------------------------------------------------


def test_c9336_a_name_that_is_taken_is_refused_and_nobody_is_changed(integration: Integration) -> None:
    ana, before = integration.provisioned("Ana", "Reis")
    taken = f"taken.{integration.app.id.lower()}@north.example"
    other = integration.scim.post("/Users", json={"userName": taken, "displayName": "Somebody Else"}).json()
    integration.okta.edit(ana, login=taken.upper())
    integration.okta.idle()
    assert integration.spoken() == ["GET /Users/1 200", "PUT /Users/1 409"]
    error = str(integration.app.error(ana))
    assert "Automatic profile push of user Ana Reis" in error
    assert "Errors reported by remote server: A user with the userName" in error
    assert taken.upper() in error
    (task,) = integration.app.tasks()
    assert task["message"] == error
    assert integration.app.user(ana)["syncState"] == "ERROR"
    assert integration.read(before["id"]) == before
    assert integration.read(other["id"]) == other
    (refused,) = integration.place.events("request.refused")
    assert (refused["data"]["status"], refused["data"]["scim_type"]) == (409, "uniqueness")
    free = f"free.{taken}"
    integration.okta.edit(ana, login=free)
    integration.okta.idle()
    assert integration.settled(ana) == before["id"]
    assert integration.read(before["id"])["userName"] == free


def test_c9336_creating_somebody_whose_name_is_taken(okta: Okta, place: Place) -> None:
    """An app of the wizard that looks people up by another attribute does not find who is there, and creates."""
    with place.client() as scim:
        integration = connected(okta, place, "wizard", scim, uniqueField="displayName")
        ana = integration.person("Ana", "Reis")
        user_id = provision_before(integration, ana, active=False)
        before = integration.read(user_id)
        integration.app.assign(ana)
        okta.idle()
        assert integration.spoken() == [LOOK_UP, "POST /Users 409"]
        error = str(integration.app.error(ana))
        assert "Error while creating user" in error
        assert "already exists" in error
        assert integration.app.user(ana)["externalId"] is None
        assert integration.read(user_id) == before
        integration.app.connect(place.scim_url, *place.pair, uniqueField="userName")
        okta.call("POST", f"/pocket/v1/tasks/{integration.app.tasks()[0]['id']}/retry", status=204)
        okta.idle()
        assert integration.settled(ana) == user_id
        assert integration.read(user_id)["active"] is True


def test_c9336_two_people_may_share_an_email(integration: Integration) -> None:
    """Nobody is found or merged by e-mail: it is an attribute, not a name."""
    shared = f"desk.{integration.app.id.lower()}@north.example"
    ana, first = integration.provisioned("Ana", email=shared)
    noor, second = integration.provisioned("Noor", email=shared)
    assert first["id"] != second["id"]
    found = integration.scim.get("/Users", params={"filter": f"emails.value eq {json.dumps(shared)}"}).json()
    assert {each["id"] for each in found["Resources"]} == {first["id"], second["id"]}
    integration.app.unassign(ana)
    integration.okta.idle()
    assert integration.read(first["id"])["active"] is False
    assert integration.read(second["id"]) == second
    assert integration.settled(noor) == second["id"]


def test_c9336_names_are_compared_without_case(integration: Integration) -> None:
    ana, before = integration.provisioned("Ana", "Reis")
    integration.app.unassign(ana)
    integration.okta.edit(ana, login=ana["profile"]["login"].upper())
    integration.okta.idle()
    integration.forget()
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.settled(ana) == before["id"]
    assert integration.people() == 1
    renamed: dict[str, Any] = integration.read(before["id"])
    assert renamed["userName"] == ana["profile"]["login"].upper()
