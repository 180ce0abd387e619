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
    Both,
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


def add_by_hand(both: Both, person: Person, *, role: str = "", active: bool = True) -> str:
    """Somebody whom an administrator of Vestibule added before Okta came, under a login in capitals; their id."""
    login = person["profile"]["login"].upper()
    described = {"userName": login, "displayName": "By Hand", "nickName": "Handy", "emails": [{"value": login}]}

    async def act(tx: Tx, _: Context) -> User:
        user = await people.add_by_hand(tx, described, role)
        return user if active else await people.set_active_by_hand(tx, user.id, active=False)

    return str(change(both.place, act).id)


def provision_before(both: Both, person: Person, *, active: bool = True) -> str:
    """Somebody whom an earlier app of the same identity provider made; their id."""
    login = person["profile"]["login"].upper()
    described = {"userName": login, "displayName": "Earlier", "nickName": "Early", "externalId": "x", "active": active}
    answer = both.scim.post("/Users", json=described)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def written_over(both: Both, person: Person, user_id: str) -> Resource:
    """See that a person was linked to somebody who was there, who now is what Okta says."""
    assert both.settled(person) == user_id
    resource = both.read(user_id)
    login = person["profile"]["login"]
    assert (resource["userName"], resource["displayName"], resource["active"]) == (login, "Ana Reis", True)
    assert resource["externalId"] == person["id"]
    assert resource["emails"] == [{"primary": True, "value": login, "type": "work"}]
    assert "nickName" not in resource  # blank in Okta, and Okta writes over everything it maps
    assert both.profile(user_id)["firstName"] == "Ana"
    assert both.people() == 1
    return resource


@pytest.mark.parametrize("active", [True, False], ids=["active", "inactive"])
def test_c9335_link_to_somebody_added_by_hand(both: Both, active: bool) -> None:
    ana = both.person("Ana", "Reis")
    user_id = add_by_hand(both, ana, active=active)
    both.app.assign(ana)
    both.okta.idle()
    assert both.spoken() == [LOOK_UP, *([] if active else CHANGED_ACTIVE[both.mode]), *PUT]
    written_over(both, ana, user_id)
    types = both.told(user_id)
    assert types[0] == "user.created"
    assert types.count("user.adopted") == 1
    assert types[-1] == "user.changed"
    assert ("user.reactivated" in types) is not active
    both.forget()
    both.app.unassign(ana)  # and the life goes on
    both.okta.idle()
    assert both.spoken() == CHANGED_ACTIVE[both.mode]
    assert both.read(user_id)["active"] is False


@pytest.mark.parametrize("active", [True, False], ids=["active", "inactive"])
def test_c9335_link_to_somebody_provisioned_before(both: Both, active: bool) -> None:
    ana = both.person("Ana", "Reis")
    user_id = provision_before(both, ana, active=active)
    both.app.assign(ana)
    both.okta.idle()
    assert both.spoken() == [LOOK_UP, *([] if active else CHANGED_ACTIVE[both.mode]), *PUT]
    written_over(both, ana, user_id)
    assert both.told(user_id) == ["user.created", *([] if active else ["user.reactivated"]), "user.changed"]
    told = changed(both.last_event(user_id))
    assert told["nickName"] == ("Early", None)
    assert told["externalId"] == ("x", ana["id"])


def test_c9335_somebody_with_a_role_is_not_linked(both: Both) -> None:
    ana = both.person("Ana", "Reis")
    approver = add_by_hand(both, ana, role="Approver")
    both.app.assign(ana)
    both.okta.idle()
    assert both.spoken() == CREATED
    assert both.settled(ana) != approver
    assert both.people() == 1
    assert both.profile(approver)["displayName"] == "By Hand"
    assert both.told(approver) == ["user.created"]


def test_c9335_nobody_is_linked_where_adoption_is_off(both: Both) -> None:
    change(both.place, lambda tx, _: configure.change_provider(tx, both.place.provider.id, adopts=False))
    ana = both.person("Ana", "Reis")
    by_hand = add_by_hand(both, ana)
    both.app.assign(ana)
    both.okta.idle()
    assert both.spoken() == CREATED
    assert both.settled(ana) != by_hand
    assert both.told(by_hand) == ["user.created"]


def second_provider(place: Place) -> Place:
    """Another identity provider of the same tenant."""

    async def act(tx: Tx, context: Context) -> tuple[IdentityProvider, Pair]:
        provider = await configure.create_provider(tx, "The other Okta", "okta")
        provider, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        assert pair is not None
        return provider, pair

    provider, pair = change(place, act)
    return replace(place, provider=provider, pair=pair)


def test_c9335_another_identity_providers_person_is_not_linked(both: Both) -> None:
    place = second_provider(both.place)
    with place.client() as scim:
        other = connected(both.okta, place, both.mode, scim)
        ana, theirs = other.provisioned("Ana", "Reis")
        both.app.assign(ana)
        both.okta.idle()
        assert both.spoken() == CREATED
        ours = both.settled(ana)
        assert ours != theirs["id"]
        both.app.unassign(ana)
        both.okta.idle()
        assert both.read(ours)["active"] is False
        assert other.read(theirs["id"]) == theirs


# -- C9336: unique name and e-mail -------------------------------------------------------------------------------------


def test_c9336_a_name_that_is_taken_is_refused_and_nobody_is_changed(both: Both) -> None:
    ana, before = both.provisioned("Ana", "Reis")
    taken = f"taken.{both.app.id.lower()}@north.example"
    other = both.scim.post("/Users", json={"userName": taken, "displayName": "Somebody Else"}).json()
    both.okta.edit(ana, login=taken.upper())
    both.okta.idle()
    assert both.spoken() == ["GET /Users/1 200", "PUT /Users/1 409"]
    error = str(both.app.error(ana))
    assert "Automatic profile push of user Ana Reis" in error
    assert "Errors reported by remote server: A user with the userName" in error
    assert taken.upper() in error
    (task,) = both.app.tasks()
    assert task["message"] == error
    assert both.app.user(ana)["syncState"] == "ERROR"
    assert both.read(before["id"]) == before
    assert both.read(other["id"]) == other
    (refused,) = both.place.events("request.refused")
    assert (refused["data"]["status"], refused["data"]["scim_type"]) == (409, "uniqueness")
    free = f"free.{taken}"
    both.okta.edit(ana, login=free)
    both.okta.idle()
    assert both.settled(ana) == before["id"]
    assert both.read(before["id"])["userName"] == free


def test_c9336_creating_somebody_whose_name_is_taken(okta: Okta, place: Place) -> None:
    """An app of the wizard that looks people up by another attribute does not find who is there, and creates."""
    with place.client() as scim:
        both = connected(okta, place, "wizard", scim, uniqueField="displayName")
        ana = both.person("Ana", "Reis")
        user_id = provision_before(both, ana, active=False)
        before = both.read(user_id)
        both.app.assign(ana)
        okta.idle()
        assert both.spoken() == [LOOK_UP, "POST /Users 409"]
        error = str(both.app.error(ana))
        assert "Error while creating user" in error
        assert "already exists" in error
        assert both.app.user(ana)["externalId"] is None
        assert both.read(user_id) == before
        both.app.connect(place.scim_url, *place.pair, uniqueField="userName")
        okta.call("POST", f"/pocket/v1/tasks/{both.app.tasks()[0]['id']}/retry", status=204)
        okta.idle()
        assert both.settled(ana) == user_id
        assert both.read(user_id)["active"] is True


def test_c9336_two_people_may_share_an_email(both: Both) -> None:
    """Nobody is found or merged by e-mail: it is an attribute, not a name."""
    shared = f"desk.{both.app.id.lower()}@north.example"
    ana, first = both.provisioned("Ana", email=shared)
    noor, second = both.provisioned("Noor", email=shared)
    assert first["id"] != second["id"]
    found = both.scim.get("/Users", params={"filter": f"emails.value eq {json.dumps(shared)}"}).json()
    assert {each["id"] for each in found["Resources"]} == {first["id"], second["id"]}
    both.app.unassign(ana)
    both.okta.idle()
    assert both.read(first["id"])["active"] is False
    assert both.read(second["id"]) == second
    assert both.settled(noor) == second["id"]


def test_c9336_names_are_compared_without_case(both: Both) -> None:
    ana, before = both.provisioned("Ana", "Reis")
    both.app.unassign(ana)
    both.okta.edit(ana, login=ana["profile"]["login"].upper())
    both.okta.idle()
    both.forget()
    both.app.assign(ana)
    both.okta.idle()
    assert both.settled(ana) == before["id"]
    assert both.people() == 1
    renamed: dict[str, Any] = both.read(before["id"])
    assert renamed["userName"] == ana["profile"]["login"].upper()
