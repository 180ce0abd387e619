"""Import Now: pages of a hundred, links by userName, candidates for the others."""

from typing import Any

from tests.pocket_okta.running import App, Okta
from tests.pocket_okta.scim_service import USERNAME, ScimService


def start(okta: Okta, app: App) -> Any:
    return okta.call("POST", f"{app.pocket}/import?timeout=300")


def candidates(okta: Okta, app: App) -> Any:
    return okta.call("GET", f"{app.pocket}/import/users")


def name(first: str, last: str) -> dict[str, str]:
    return {"givenName": first, "familyName": last}


def test_import_links_who_is_known_and_offers_the_others(okta: Okta, scim: ScimService, app: App) -> None:
    """C9303 to C9305: link by userName, skip who is inactive, count, and count again."""
    ana = okta.person("Ana")
    account = scim.add(ana["profile"]["login"].upper(), name=name("Ana", "Reis"))
    scim.add("carla.nunes@south.example", name=name("Carla", "Nunes"), title="Pilot")
    scim.add("gone@south.example", active=False, name=name("G", "One"))
    run = start(okta, app)
    assert run["state"] == "done"
    assert run["message"] == "2 users scanned, 2 added, 0 updated, 0 unchanged, 0 removed."
    assert run["counts"]["linked"] == 1
    assert app.user(ana)["externalId"] == account["id"]
    assert [one["userName"] for one in candidates(okta, app)] == ["carla.nunes@south.example"]
    assert [str(request) for request in scim.requests] == ["GET /Users"]
    scim.named("carla.nunes@south.example")["title"] = "Captain"
    assert start(okta, app)["message"] == "2 users scanned, 0 added, 1 updated, 1 unchanged, 0 removed."
    scim.users.clear()
    assert start(okta, app)["message"] == "0 users scanned, 0 added, 0 updated, 0 unchanged, 1 removed."


def test_a_candidate_becomes_a_person(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    login = f"carla.{catalogue_app.id.lower()}@south.example"
    account = scim.add(login, name=name("Carla", "Nunes"))
    start(okta, catalogue_app)
    scim.forget()
    person = okta.call("POST", f"{catalogue_app.pocket}/import/users/{account['id']}/confirm")
    okta.idle()
    assert scim.requests == []
    assert (person["profile"]["firstName"], person["profile"]["login"]) == ("Carla", login)
    assert candidates(okta, catalogue_app) == []
    okta.edit(person, firstName="Karla")
    okta.idle()
    assert scim.named(login)["name"]["givenName"] == "Karla"


def test_pages_are_of_a_hundred(okta: Okta, scim: ScimService, app: App) -> None:
    for number in range(250):
        scim.add(f"n{number}@south.example")
    assert start(okta, app)["counts"]["scanned"] == 250
    assert [request.target.split("?")[1] for request in scim.requests] == [
        "startIndex=1&count=100",
        "startIndex=101&count=100",
        "startIndex=201&count=100",
    ]


def test_groups_are_imported_too(okta: Okta, scim: ScimService, app: App) -> None:
    """C9338: with Import Groups on, pages of a hundred, with the members that the listing has."""
    pocket = {"pocket": {"importGroups": True}}
    okta.call("POST", f"{app.path}/connections/default", pocket)
    ana = scim.add("ana@south.example")
    crew = scim.add_group("Crew", ana["id"])
    for number in range(100):
        scim.add_group(f"G{number:03}")
    scim.forget()
    run = start(okta, app)
    assert run["message"] == (
        "1 users scanned, 1 added, 0 updated, 0 unchanged, 0 removed. "
        "101 groups scanned, 101 added, 0 updated, 0 unchanged, 0 removed."
    )
    assert [request.target.removeprefix("/scim/v2") for request in scim.requests] == [
        "/Users?startIndex=1&count=100",
        "/Groups?startIndex=1&count=100",
        "/Groups?startIndex=101&count=100",
    ]
    groups = okta.call("GET", f"{app.pocket}/import/groups")
    assert groups[0] == {"remoteId": crew["id"], "name": "Crew", "members": [ana["id"]]}
    crew["displayName"] = "Crew II"
    del scim.groups[groups[1]["remoteId"]]
    counts = start(okta, app)["counts"]
    assert [counts[f"groups{name}"] for name in ("Added", "Updated", "Unchanged", "Removed")] == [0, 1, 99, 1]
    assert "Crew II" in okta.client.get(f"/applications/{app.id}/import").text
    assert 'value="Crew II"' in okta.client.get(f"/applications/{app.id}/push-groups/find").text


def test_who_is_linked_by_an_import_is_pushed_in_their_groups(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana")
    scim.add(ana["profile"]["login"])
    group = okta.group(ana)
    app.push(group)
    okta.idle()
    assert scim.members_of(okta.group_name(group)) == set()
    start(okta, app)
    okta.idle()
    assert scim.members_of(okta.group_name(group)) == {ana["profile"]["login"]}


def test_a_service_with_smaller_pages_loses_people(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    """Wire facts 1.9: Okta steps by a hundred whatever it was given."""
    scim.page_limit = 50
    for number in range(150):
        scim.add(f"n{number}@south.example")
    assert start(okta, catalogue_app)["counts"]["scanned"] == 100


def test_a_service_that_promises_more_than_it_has_does_not_hold_okta_forever(
    okta: Okta, scim: ScimService, catalogue_app: App
) -> None:
    scim.answer("GET", status=200, body={"totalResults": 10**9, "Resources": []})
    assert start(okta, catalogue_app)["counts"]["scanned"] == 0


def test_an_import_that_fails_says_why_and_can_be_retried(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.refuse("GET", status=500, detail="Out of order.")
    run = start(okta, catalogue_app)
    assert run["state"] == "failed"
    assert run["message"] == (
        f"Importing users from app {catalogue_app.label} failed: "
        "Internal Server Error. Errors reported by remote server: Out of order."
    )
    (task,) = catalogue_app.tasks()
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert start(okta, catalogue_app)["state"] == "done"
    assert catalogue_app.tasks() == []


def test_an_import_waits_for_a_429(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.answer("GET", status=429, headers={"Retry-After": "2"})
    assert start(okta, catalogue_app)["state"] == "done"


def test_the_wizard_must_support_importing(okta: Okta, scim: ScimService) -> None:
    app = okta.app("wizard")
    app.connect(scim.url, USERNAME, scim.password, actions=["PUSH_NEW_USERS"])
    refused = okta.call("POST", f"{app.pocket}/import", status=400)
    assert "not enabled" in refused["errorCauses"][0]["errorSummary"]


def test_a_deactivated_person_is_not_linked(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    okta.lifecycle(ana, "deactivate")
    scim.add(ana["profile"]["login"])
    assert start(okta, catalogue_app)["counts"]["linked"] == 0
    assert len(candidates(okta, catalogue_app)) == 1
