"""C9303 to C9305: Import Now reads the people of Vestibule into Okta, counts them, and sees what changed."""

from typing import Any

from tests.okta.okta_and_vestibule import PUT, Both
from tests.service.test_credentials import change
from vestibule.actions import people
from vestibule.endpoints.context import Context
from vestibule.model import User
from vestibule.store.database import Tx


def import_now(both: Both) -> Any:
    """Press the button and wait for the result."""
    run = both.okta.call("POST", f"{both.app.pocket}/import?timeout=300")
    assert run["state"] == "done", run
    return run


def candidates(both: Both) -> dict[str, Any]:
    """Who was found and is nobody in Okta yet, by userName."""
    found = both.okta.call("GET", f"{both.app.pocket}/import/users")
    return {each["userName"]: each for each in found}


def by_hand(both: Both, *names: str, **described: Any) -> list[str]:
    """People whom an administrator added in Vestibule; their ids."""

    async def act(tx: Tx, _: Context) -> list[User]:
        return [
            await people.add_by_hand(tx, {"userName": name, "emails": [{"value": name}], **described}, "")
            for name in names
        ]

    return [user.id for user in change(both.place, act)]


def named(both: Both, first: str) -> str:
    return f"{first}.{both.app.id.lower()}@south.example"


def test_c9303_import_users(both: Both) -> None:
    """Who has an Okta login is linked; the others are offered, and become people with a click."""
    ana = both.person("Ana", "Reis")
    carla = named(both, "carla")
    name = {"givenName": "Carla", "familyName": "Nunes"}
    ana_id, carla_id = by_hand(both, ana["profile"]["login"].upper(), carla, name=name)
    events = both.place.events("user.")
    assert import_now(both)["counts"]["linked"] == 1
    assert both.spoken() == ["GET /Users? 200"]
    assert both.settled(ana) == ana_id
    assert {name: each["remoteId"] for name, each in candidates(both).items()} == {carla: carla_id}
    assert both.place.events("user.") == events  # reading changes nothing, and adopts nobody
    person = both.okta.call("POST", f"{both.app.pocket}/import/users/{carla_id}/confirm")
    assert (person["profile"]["firstName"], person["profile"]["login"]) == ("Carla", carla)
    assert both.settled(person) == carla_id
    both.forget()
    both.okta.edit(person, firstName="Karla")
    both.okta.idle()
    assert both.spoken() == PUT
    assert both.read(carla_id)["name"]["givenName"] == "Karla"
    assert both.told(carla_id) == ["user.created", "user.adopted", "user.changed"]


def test_c9304_scanned_count(both: Both) -> None:
    """Every page is read; who is inactive is passed over and not counted (wire facts 1.7)."""
    for number in range(98):
        answer = both.scim.post("/Users", json={"userName": named(both, f"crew{number}"), "active": number % 10 > 0})
        assert answer.status_code == 201
    by_hand(both, *(named(both, f"mate{number}") for number in range(5)))
    run = import_now(both)
    assert both.people() == 103
    assert [each["url"].partition("?")[2] for each in both.exchanges()] == [
        "startIndex=1&count=100",
        "startIndex=101&count=100",
    ]
    assert run["message"] == "93 users scanned, 93 added, 0 updated, 0 unchanged, 0 removed."
    assert len(candidates(both)) == 93
    assert named(both, "crew0") not in candidates(both)
    assert named(both, "mate4") in candidates(both)


def test_c9305_import_again_after_an_update(both: Both) -> None:
    """Who was changed or has gone in Vestibule meanwhile is updated or removed in Okta."""
    ana, linked = both.provisioned("Ana", "Reis")
    carla, dora, emil = (named(both, first) for first in ("carla", "dora", "emil"))
    carla_id, _, emil_id = by_hand(both, carla, dora, emil, title="Pilot")
    assert import_now(both)["message"] == "4 users scanned, 3 added, 0 updated, 1 unchanged, 0 removed."

    async def meanwhile(tx: Tx, _: Context) -> None:
        await people.change_by_hand(tx, carla_id, {"userName": carla, "title": "Captain"}, "")
        await people.delete_by_hand(tx, emil_id)

    change(both.place, meanwhile)
    patch = {"Operations": [{"op": "replace", "value": {"nickName": "Annie"}}]}
    assert both.scim.patch(f"/Users/{linked['id']}", json=patch).status_code == 200
    assert import_now(both)["message"] == "3 users scanned, 0 added, 2 updated, 1 unchanged, 1 removed."
    assert candidates(both)[carla]["profile"]["title"] == "Captain"
    assert set(candidates(both)) == {carla, dora}
    assert both.app.user(ana)["profile"]["nickName"] == "Annie"
    assert import_now(both)["message"] == "3 users scanned, 0 added, 0 updated, 3 unchanged, 0 removed."
