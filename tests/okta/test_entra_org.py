"""An org in Entra's dialect provisions a tenant of Vestibule, in both forms of PATCH: wire facts 3.1 to 3.3."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Place
from tests.okta.okta_and_vestibule import ENTERPRISE, Integration, Person
from tests.okta.test_connection import rotate
from tests.pocket_okta import running as pocket


@pytest.fixture(scope="module")
def entra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pocket.Okta]:
    """An org whose cycles are run by the tests."""
    options = ("--empty", "--dialect", "entra", "--cycle", "86400", "--time-scale", "0.001")
    with pocket.running(tmp_path_factory.mktemp("entra"), *options) as org:
        yield org


@pytest.fixture(params=["old", "new"])
def tenant_url_flag(request: pytest.FixtureRequest) -> str:
    """What stands at the end of the Tenant URL: which form of PATCH Entra sends."""
    return "?aadOptscim062020" if request.param == "new" else ""


@pytest.fixture
def cycled(entra: pocket.Okta, place: Place, tenant_url_flag: str) -> Iterator[Integration]:
    """A non-gallery application and a tenant, connected."""
    app = entra.app("wizard")
    app.connect_by_token(place.scim_url + tenant_url_flag, place.pair.token)
    with place.client() as scim:
        made = Integration(entra, app, "catalogue", place, scim)
        made.forget()
        yield made


def run(cycled: Integration) -> dict[str, Any]:
    """Run a cycle in which nothing fails; returns what it did."""
    state = cycled.app.cycle()
    assert (state["status"], state["quarantine"]) == ("Active", None), state
    assert (state["counts"]["failed"], state["counts"]["failedReferences"]) == (0, 0), state
    assert cycled.place.faults() == []
    counts: dict[str, Any] = state["counts"]
    return counts


def nothing_is_left(cycled: Integration) -> None:
    """See that a restarted job, which reads and compares everybody, finds no difference: no value was transformed."""
    cycled.forget()
    state = cycled.okta.call("POST", f"{cycled.app.pocket}/synchronization/restart")
    assert state["counts"]["failed"] == 0, state
    sent = [each for each in cycled.exchanges() if each["method"] != "GET" and "/Users/" in each["url"]]
    references = [each for each in sent if "manager" in each["requestBody"]]
    assert sent == references, [each["requestBody"] for each in sent]


def assigned(cycled: Integration, *people: Person) -> None:
    for person in people:
        cycled.app.assign(person)


def test_a_person_from_the_first_cycle_to_the_hard_deletion(cycled: Integration) -> None:
    entra = cycled.okta
    ana = cycled.person(
        "Ana",
        "Reis",
        title="Pilot",
        department="Flight",
        city="Faro",
        countryCode="PT",
        mobilePhone="+351 900 000 001",
        primaryPhone="+351 28 555 0100",
        employeeNumber="NE-1",
        preferredLanguage="pt-PT",
    )
    assigned(cycled, ana)
    assert run(cycled)["created"] == 1
    resource = cycled.resource(ana)
    assert (resource["active"], resource["title"], resource["name"]["formatted"]) == (True, "Pilot", "Ana Reis")
    assert resource[ENTERPRISE]["department"] == "Flight"
    nothing_is_left(cycled)

    login = f"new.{ana['profile']['login']}"
    entra.edit(
        ana, login=login, email=login, title="", department="Ground", city="Porto", mobilePhone="+351 900 000 002"
    )
    assert run(cycled)["updated"] == 1
    changed = cycled.read(resource["id"])
    assert (changed["userName"], changed["emails"][0]["value"]) == (login, login)
    assert "title" not in changed
    assert changed[ENTERPRISE] == {"department": "Ground", "employeeNumber": "NE-1"}
    assert changed["addresses"][0]["locality"] == "Porto"
    nothing_is_left(cycled)

    entra.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    assert run(cycled)["disabled"] == 1
    assert cycled.read(resource["id"])["active"] is False
    entra.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    assert run(cycled)["deleted"] == 1
    assert cycled.scim.get(f"/Users/{resource['id']}").status_code == 404
    assert cycled.found(login) == []


@pytest.mark.parametrize("how", ["unassign", "suspend"])
def test_a_person_who_leaves_is_disabled_and_restored(cycled: Integration, how: str) -> None:
    ana = cycled.person("Ana")
    assigned(cycled, ana)
    run(cycled)
    before = cycled.resource(ana)
    if how == "unassign":
        cycled.app.unassign(ana)
    else:
        cycled.okta.lifecycle(ana, "suspend")
    assert run(cycled)["disabled"] == 1
    assert cycled.resource(ana)["active"] is False
    if how == "unassign":
        cycled.app.assign(ana)
    else:
        cycled.okta.lifecycle(ana, "unsuspend")
    run(cycled)
    assert (cycled.resource(ana)["id"], cycled.resource(ana)["active"]) == (before["id"], True)


def test_a_manager_is_added_replaced_and_removed(cycled: Integration) -> None:
    boss, other = cycled.person("Boss"), cycled.person("Other")
    ana = cycled.person("Ana", managerId=boss["profile"]["login"])
    assigned(cycled, ana, boss, other)
    run(cycled)
    assert cycled.resource(ana)[ENTERPRISE]["manager"]["value"] == cycled.resource(boss)["id"]
    cycled.okta.edit(ana, managerId=other["profile"]["login"])
    run(cycled)
    assert cycled.resource(ana)[ENTERPRISE]["manager"]["value"] == cycled.resource(other)["id"]
    cycled.okta.edit(ana, managerId="")
    run(cycled)
    assert "manager" not in cycled.resource(ana).get(ENTERPRISE, {})


def test_a_person_who_was_there_is_matched_without_regard_to_case(cycled: Integration) -> None:
    ana = cycled.person("Ana", "Reis")
    body = {"userName": ana["profile"]["login"].upper(), "active": False, "nickName": "Anita"}
    there = cycled.scim.post("/Users", json=body).json()["id"]
    assigned(cycled, ana)
    assert run(cycled)["updated"] == 1
    resource = cycled.read(there)
    assert (resource["active"], resource["userName"]) == (True, ana["profile"]["login"])
    assert resource["nickName"] == "Anita"
    assert cycled.people() == 1


def test_a_group_from_the_first_cycle_to_its_deletion(cycled: Integration) -> None:
    """Members come and leave by a PATCH each; a group that was there is matched, and asked about its members."""
    entra, app = cycled.okta, cycled.app
    ana, noor, mei = (cycled.person(first) for first in ("Ana", "Noor", "Mei"))
    group = entra.group(ana, noor)
    name = entra.group_name(group)
    entra.call("PUT", f"{app.path}/groups/{group}")
    assert run(cycled)["created"] == 3
    (made,) = cycled.groups(name.lower())
    assert made["externalId"] == group
    assert "members" not in made
    assert cycled.members(made["id"]) == cycled.ids(ana, noor)
    cycled.forget()
    entra.leave(group, ana)
    entra.join(group, mei)
    entra.rename(group, f"{name} II")
    run(cycled)
    assert cycled.members(made["id"]) == cycled.ids(noor, mei)
    assert cycled.group(made["id"])["displayName"] == f"{name} II"
    patches = [each for each in cycled.exchanges() if each["method"] == "PATCH" and "/Groups/" in each["url"]]
    assert [each["status"] for each in patches] == [204, 204, 204]
    entra.call("DELETE", f"{app.path}/groups/{group}", status=204)
    assert run(cycled)["deleted"] == 1
    assert cycled.groups(f"{name} II") == []
    assert cycled.people() == 3


def test_members_of_a_group_that_was_there_are_asked_for(cycled: Integration) -> None:
    entra, app = cycled.okta, cycled.app
    ana, noor = cycled.person("Ana"), cycled.person("Noor")
    assigned(cycled, ana, noor)
    run(cycled)
    group = entra.group(ana, noor)
    members = [{"value": member} for member in cycled.ids(ana)]
    body = {"displayName": entra.group_name(group).upper(), "members": members}
    there = cycled.scim.post("/Groups", json=body).json()["id"]
    cycled.forget()
    entra.call("PUT", f"{app.path}/groups/{group}")
    run(cycled)
    probes = [each for each in cycled.exchanges() if "members%20eq" in each["url"]]
    assert sorted(len(each["responseBody"]) > 200 for each in probes) == [False, True]
    assert cycled.members(there) == cycled.ids(ana, noor)
    assert cycled.group(there)["displayName"] == entra.group_name(group)


def test_on_demand(cycled: Integration) -> None:
    ana = cycled.person("Ana")
    assigned(cycled, ana)
    path = f"{cycled.app.pocket}/synchronization/provision-on-demand"
    done = cycled.okta.call("POST", path, {"userId": ana["id"]})
    assert done == {"remoteId": cycled.resource(ana)["id"], "error": None}
    cycled.okta.edit(ana, title="Pilot")
    cycled.okta.call("POST", path, {"userId": ana["id"]})
    assert cycled.resource(ana)["title"] == "Pilot"


def test_a_retired_key_is_quarantine_and_a_new_token_ends_it(cycled: Integration, tenant_url_flag: str) -> None:
    ana, noor = cycled.person("Ana"), cycled.person("Noor")
    assigned(cycled, ana)
    run(cycled)
    pair = rotate(cycled)
    cycled.okta.edit(ana, title="Pilot")
    assigned(cycled, noor)
    cycled.forget()
    state = cycled.app.cycle()
    assert (state["status"], state["quarantine"]["reason"]) == ("Quarantine", "EncounteredQuarantineException")
    assert "Invalid credentials" in state["message"]
    assert [each["status"] for each in cycled.exchanges()] == [401]
    cycled.app.connect_by_token(cycled.place.scim_url + tenant_url_flag, pair.token)
    counts = run(cycled)
    assert (counts["created"], counts["updated"]) == (1, 1)
    with cycled.place.client(pair) as scim:
        assert scim.get("/Users").json()["totalResults"] == 2
