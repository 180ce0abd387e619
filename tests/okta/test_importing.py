"""C9303 to C9305, C9338: Import Now reads people and groups of Vestibule, counts them, and sees what changed."""

from typing import Any

from tests.okta.okta_and_vestibule import PUT, Integration
from tests.service.test_credentials import change
from vestibule.actions import people
from vestibule.endpoints.context import Context
from vestibule.model import User
from vestibule.store.database import Tx


def import_now(integration: Integration) -> Any:
    """Press the button and wait for the result."""
    run = integration.okta.call("POST", f"{integration.app.pocket}/import?timeout=300")
    assert run["state"] == "done", run
    return run


def candidates(integration: Integration) -> dict[str, Any]:
    """Who was found and is nobody in Okta yet, by userName."""
    found = integration.okta.call("GET", f"{integration.app.pocket}/import/users")
    return {each["userName"]: each for each in found}


def by_hand(integration: Integration, *names: str, **described: Any) -> list[str]:
    """People whom an administrator added in Vestibule; their ids."""

    async def act(tx: Tx, _: Context) -> list[User]:
        return [
            await people.add_by_hand(tx, {"userName": name, "emails": [{"value": name}], **described}, "")
            for name in names
        ]

    return [user.id for user in change(integration.place, act)]


def named(integration: Integration, first: str) -> str:
    return f"{first}.{integration.app.id.lower()}@south.example"


def test_c9303_import_users(integration: Integration) -> None:
    """Who has an Okta login is linked; the others are offered, and become people with a click."""
    ana = integration.person("Ana", "Reis")
    carla = named(integration, "carla")
    name = {"givenName": "Carla", "familyName": "Nunes"}
    ana_id, carla_id = by_hand(integration, ana["profile"]["login"].upper(), carla, name=name)
    events = integration.place.events("user.")
    assert import_now(integration)["counts"]["linked"] == 1
    assert integration.spoken() == ["GET /Users? 200"]
    assert integration.settled(ana) == ana_id
    assert {name: each["remoteId"] for name, each in candidates(integration).items()} == {carla: carla_id}
    assert integration.place.events("user.") == events  # reading changes nothing, and adopts nobody
    person = integration.okta.call("POST", f"{integration.app.pocket}/import/users/{carla_id}/confirm")
    assert (person["profile"]["firstName"], person["profile"]["login"]) == ("Carla", carla)
    assert integration.settled(person) == carla_id
    integration.forget()
    integration.okta.edit(person, firstName="Karla")
    integration.okta.idle()
    assert integration.spoken() == PUT
    assert integration.read(carla_id)["name"]["givenName"] == "Karla"
    assert integration.told(carla_id) == ["user.created", "user.adopted", "user.changed"]


def test_c9304_scanned_count(integration: Integration) -> None:
    """Every page is read; who is inactive is passed over and not counted (wire facts 1.7)."""
    for number in range(98):
        answer = integration.scim.post(
            "/Users", json={"userName": named(integration, f"crew{number}"), "active": number % 10 > 0}
        )
        assert answer.status_code == 201
    by_hand(integration, *(named(integration, f"mate{number}") for number in range(5)))
    run = import_now(integration)
    assert integration.people() == 103
    assert [each["url"].partition("?")[2] for each in integration.exchanges()] == [
        "startIndex=1&count=100",
        "startIndex=101&count=100",
    ]
    assert run["message"] == "93 users scanned, 93 added, 0 updated, 0 unchanged, 0 removed."
    assert len(candidates(integration)) == 93
    assert named(integration, "crew0") not in candidates(integration)
    assert named(integration, "mate4") in candidates(integration)


def test_c9305_import_again_after_an_update(integration: Integration) -> None:
    """Who was changed or has gone in Vestibule meanwhile is updated or removed in Okta."""
    ana, linked = integration.provisioned("Ana", "Reis")
    carla, dora, emil = (named(integration, first) for first in ("carla", "dora", "emil"))
    carla_id, _, emil_id = by_hand(integration, carla, dora, emil, title="Pilot")
    assert import_now(integration)["message"] == "4 users scanned, 3 added, 0 updated, 1 unchanged, 0 removed."

    async def meanwhile(tx: Tx, _: Context) -> None:
        await people.change_by_hand(tx, carla_id, {"userName": carla, "title": "Captain"}, "")
        await people.delete_by_hand(tx, emil_id)

    change(integration.place, meanwhile)
    patch = {"Operations": [{"op": "replace", "value": {"nickName": "Annie"}}]}
    assert integration.scim.patch(f"/Users/{linked['id']}", json=patch).status_code == 200
    assert import_now(integration)["message"] == "3 users scanned, 0 added, 2 updated, 1 unchanged, 1 removed."
    assert candidates(integration)[carla]["profile"]["title"] == "Captain"
    assert set(candidates(integration)) == {carla, dora}
    assert integration.app.user(ana)["profile"]["nickName"] == "Annie"
    assert import_now(integration)["message"] == "3 users scanned, 0 added, 0 updated, 3 unchanged, 0 removed."


def test_c9338_import_groups(integration: Integration) -> None:
    """Every page of groups, with their members; changes and deletions are seen by the next import."""
    okta, app = integration.okta, integration.app
    ana, noor = integration.crew("Ana", "Noor")
    okta.call("POST", f"{app.path}/connections/default", {"pocket": {"importGroups": True}})
    members = sorted(integration.ids(ana, noor))
    made = []
    for number in range(102):
        body = {"displayName": f"G{number:03} {app.id}", "members": [{"value": member} for member in members]}
        answer = integration.scim.post("/Groups", json=body if number == 0 else {"displayName": body["displayName"]})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    integration.forget()
    counts = import_now(integration)["counts"]
    assert (counts["groupsScanned"], counts["groupsAdded"]) == (102, 102)
    assert [each["url"].partition("?")[2] for each in integration.exchanges() if "/Groups" in each["url"]] == [
        "startIndex=1&count=100",
        "startIndex=101&count=100",
    ]
    found = {group["remoteId"]: group for group in okta.call("GET", f"{app.pocket}/import/groups")}
    assert set(found) == set(made)
    assert (found[made[0]]["name"], found[made[0]]["members"]) == (f"G000 {app.id}", members)
    assert found[made[1]]["members"] == []
    renamed = {"Operations": [{"op": "replace", "value": {"displayName": f"Crew {app.id}"}}]}
    assert integration.scim.patch(f"/Groups/{made[0]}", json=renamed).status_code == 204
    assert integration.scim.delete(f"/Groups/{made[1]}").status_code == 204
    counts = import_now(integration)["counts"]
    assert [counts[f"groups{name}"] for name in ("Added", "Updated", "Unchanged", "Removed")] == [0, 1, 100, 1]
