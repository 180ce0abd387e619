"""The rules of the wire facts, each over real HTTP, in both kinds of app where both behave the same way or differ."""

import pytest
from tests.conftest import HANG
from tests.pocket_okta.running import App, Mode, Okta, connected
from tests.pocket_okta.scim_service import ScimService


def test_assigning_looks_up_and_creates(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana", "Reis", title="Pilot")
    app.assign(ana)
    okta.idle()
    lookup, create = scim.requests
    login = ana["profile"]["login"]
    assert (
        lookup.target
        == f"/scim/v2/Users?filter=userName%20eq%20%22{login.replace('@', '%40')}%22&startIndex=1&count=100"
    )
    assert lookup.headers["user-agent"] == "Okta SCIM Client 1.0.0"
    assert lookup.headers["accept"] == "application/scim+json"
    assert lookup.headers["accept-charset"] == "utf-8"
    assert lookup.headers["accept-encoding"] == "gzip,deflate"
    assert "content-type" not in lookup.headers
    assert create.headers["content-type"] == "application/scim+json; charset=utf-8"
    assert (create.method, create.path) == ("POST", "/scim/v2/Users")
    body = create.json
    assert body["userName"] == login
    assert body["externalId"] == ana["id"]
    assert body["externalId"].startswith("00u")
    assert body["groups"] == []
    assert body["active"] is True
    assert len(body["password"]) == 8
    assert body["title"] == "Pilot"
    assert app.user(ana)["externalId"] == scim.named(login)["id"]
    assert app.user(ana)["status"] == "PROVISIONED"


def test_the_throw_away_password_is_another_each_time(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    for first in ("Ana", "Noor", "Mei"):
        catalogue_app.assign(okta.person(first))
    okta.idle()
    assert len({request.json["password"] for request in scim.calls("POST")}) == 3


def test_a_404_to_the_look_up_counts_as_nobody(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.refuse("GET", status=404, detail="Nobody.")
    catalogue_app.assign(okta.person())
    okta.idle()
    assert [str(request) for request in scim.requests] == ["GET /Users", "POST /Users"]


def test_a_changed_profile_goes_as_get_then_put_of_everything(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana", "Reis", title="Pilot", department="Flight")
    app.assign(ana)
    okta.idle()
    stored = scim.named(ana["profile"]["login"])
    stored["urn:example:2.0:Extra"] = {"shoeSize": 43}
    scim.forget()
    okta.edit(ana, firstName="Anna", title="")
    okta.idle()
    assert scim.spoken() == ["GET /Users/1", "PUT /Users/1"]
    body = scim.requests[1].json
    assert body["id"] == stored["id"]
    assert body["meta"] == stored["meta"]
    assert body["urn:example:2.0:Extra"] == {"shoeSize": 43}
    assert body["name"]["givenName"] == "Anna"
    assert body["title"] == ""  # C9337
    assert body["nickName"] == ""
    assert body["userName"] == ana["profile"]["login"]
    assert body["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"] == "Flight"
    assert body["active"] is True
    assert "password" not in body


def test_saving_without_a_change_pushes_nothing(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana", "Reis")
    catalogue_app.assign(ana)
    okta.idle()
    scim.forget()
    okta.edit(ana, firstName="Ana")
    okta.idle()
    assert scim.requests == []


def test_a_new_user_name_goes_to_the_same_id(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    scim.forget()
    okta.edit(ana, login=f"new.{ana['profile']['login']}")
    okta.idle()
    assert scim.spoken() == ["GET /Users/1", "PUT /Users/1"]
    assert scim.requests[1].json["userName"] == f"new.{ana['profile']['login']}"
    assert len(scim.users) == 1


CONVERSATIONS = {
    "catalogue": {
        "deactivate": ["PATCH /Users/1"],
        "reassign": ["GET /Users?", "PATCH /Users/1", "GET /Users/1", "PUT /Users/1"],
        "password": ["PATCH /Users/1"],
    },
    "wizard": {
        "deactivate": ["GET /Users/1", "PUT /Users/1"],
        "reassign": ["GET /Users?", "GET /Users/1", "PUT /Users/1", "GET /Users/1", "PUT /Users/1"],
        "password": ["GET /Users/1", "PUT /Users/1"],
    },
}


def test_unassigning_deactivates_and_reassigning_wakes_the_same_account(
    okta: Okta, scim: ScimService, app: App, mode: Mode
) -> None:
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    account = scim.named(ana["profile"]["login"])["id"]
    scim.forget()
    app.unassign(ana)
    okta.idle()
    assert scim.spoken() == CONVERSATIONS[mode]["deactivate"]
    assert scim.users[account]["active"] is False
    scim.forget()
    app.assign(ana)
    okta.idle()
    assert scim.spoken() == CONVERSATIONS[mode]["reassign"]
    assert scim.users[account]["active"] is True
    assert app.user(ana)["externalId"] == account


def test_a_patch_has_no_path_and_one_key(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    catalogue_app.unassign(ana)
    okta.idle()
    assert scim.requests[-1].json == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "value": {"active": False}}],
    }


def test_deactivating_and_reactivating_the_okta_user(okta: Okta, scim: ScimService, app: App, mode: Mode) -> None:
    """Okta's CRUD test, steps 9 to 13: the assignment ends with the deactivation and is made anew."""
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    scim.forget()
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert scim.spoken() == CONVERSATIONS[mode]["deactivate"]
    okta.call("GET", f"{app.path}/users/{ana['id']}", status=404)
    scim.forget()
    okta.lifecycle(ana, "activate")
    okta.idle()
    assert scim.requests == []
    app.assign(ana)
    okta.idle()
    assert scim.spoken() == CONVERSATIONS[mode]["reassign"]
    assert scim.named(ana["profile"]["login"])["active"] is True
    assert len(scim.users) == 1


def test_a_deactivation_reaches_every_app_that_wants_it(okta: Okta, scim: ScimService, app: App) -> None:
    second, quiet = connected(okta, scim, "catalogue"), connected(okta, scim, "catalogue")
    quiet.features(create=True, update=True, deactivate=False)
    ana = okta.person("Ana")
    for one in (app, second, quiet):
        one.assign(ana)
        okta.idle()  # one service stands behind all three, and two creates at once would be a conflict there
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    told = [any(e["event"].endswith("user.deactivate") for e in one.exchanges()) for one in (app, second, quiet)]
    assert told == [True, True, False]


@pytest.mark.parametrize("acts", [("suspend",), ("suspend", "unsuspend")])
def test_suspending_sends_nothing(okta: Okta, scim: ScimService, app: App, acts: tuple[str, ...]) -> None:
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    scim.forget()
    for act in acts:
        okta.lifecycle(ana, act)
    okta.idle()
    assert scim.requests == []
    assert app.user(ana)["status"] == "PROVISIONED"


def test_deleting_sends_nothing(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    scim.forget()
    okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    okta.idle()
    assert scim.requests == []
    okta.call("GET", f"/api/v1/users/{ana['id']}", status=404)


def test_who_is_deleted_at_once_is_deactivated_all_the_same(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    with scim.held("GET", "/Users") as held:
        catalogue_app.assign(okta.person("Noor"))  # something is under way while Ana goes
        assert held.reached.wait(HANG)
        okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
        okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False


def test_a_password_is_pushed(okta: Okta, scim: ScimService, app: App, mode: Mode) -> None:
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    scim.forget()
    okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": "N3w-Value!"}}})
    okta.idle()
    assert scim.spoken() == CONVERSATIONS[mode]["password"]
    body = scim.requests[-1].json
    assert (body["Operations"][0]["value"] if mode == "catalogue" else body)["password"] == "N3w-Value!"
    assert "N3w-Value!" not in str(app.exchanges())


def test_a_person_who_was_there_is_linked_and_written_over(okta: Okta, scim: ScimService, app: App) -> None:
    """C9335."""
    ana = okta.person("Ana", "Reis")
    found = scim.add(ana["profile"]["login"].upper(), name={"givenName": "A.", "familyName": "R."}, nickName="Anita")
    app.assign(ana)
    okta.idle()
    assert scim.spoken() == ["GET /Users?", "GET /Users/1", "PUT /Users/1"]
    body = scim.requests[-1].json
    assert body["name"]["givenName"] == "Ana"
    assert body["nickName"] == ""
    assert body["externalId"] == ana["id"]
    assert app.user(ana)["externalId"] == found["id"]


def test_of_several_found_the_one_of_that_name_is_linked(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    right = scim.add(ana["profile"]["login"])
    listing = {"totalResults": 2, "Resources": [{"id": "wrong", "userName": "other"}, right]}
    scim.answer("GET", status=200, body=listing)
    catalogue_app.assign(ana)
    okta.idle()
    assert catalogue_app.user(ana)["externalId"] == right["id"]


def test_an_empty_201_is_a_failure(okta: Okta, scim: ScimService, app: App) -> None:
    scim.answer("POST", status=201)
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    login = ana["profile"]["login"]
    assert app.error(ana) == (
        f"Automatic provisioning of user Ana Reis to app {app.label} failed: "
        f"Error while creating user {login}: Create new user returned empty user."
    )
    assert app.user(ana)["externalId"] is None


def test_force_sync_pushes_every_provisioned_person(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    catalogue_app.assign(okta.person("Ana"))
    catalogue_app.assign(okta.person("Noor"))
    okta.idle()
    scim.forget()
    assert okta.call("POST", f"{catalogue_app.pocket}/force-sync") == {"pushed": 2}
    okta.idle()
    assert sorted(scim.spoken()) == ["GET /Users/1", "GET /Users/2", "PUT /Users/1", "PUT /Users/2"]


def test_a_staged_person_is_provisioned_when_activated(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana", activate=False)
    catalogue_app.assign(ana)
    okta.idle()
    assert scim.requests == []
    okta.lifecycle(ana, "activate")
    okta.idle()
    assert scim.spoken() == ["GET /Users?", "POST /Users"]


def test_attributes_given_at_assignment_hold_until_the_profile_changes(okta: Okta, scim: ScimService, app: App) -> None:
    """Okta's CRUD test assigns with a profile of its own and expects a later change of the person to arrive."""
    ana = okta.person("Ana", "Reis")
    app.assign(ana, givenName="Anita", familyName="Reis", emailType="work", email=ana["profile"]["email"])
    okta.idle()
    assert scim.requests[-1].json["name"]["givenName"] == "Anita"
    okta.edit(ana, firstName="Anna")
    okta.idle()
    assert scim.requests[-1].json["name"]["givenName"] == "Anna"


def test_jobs_of_one_person_keep_their_order(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana")
    app.assign(ana)
    for number in range(5):
        okta.edit(ana, firstName=f"Ana {number}")
    app.unassign(ana)
    okta.idle()
    user = scim.named(ana["profile"]["login"])
    assert user["active"] is False
    assert len(scim.calls("POST")) == 1


def test_an_edit_while_the_create_is_under_way_is_not_lost(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana")
    release = scim.answer("GET", status=200, body={"totalResults": 0, "Resources": []})
    release.released.clear()
    app.assign(ana)
    assert release.reached.wait(HANG)
    okta.edit(ana, firstName="Anna", title="Pilot")
    release.released.set()
    okta.idle()
    user = scim.named(ana["profile"]["login"])
    assert (user["name"]["givenName"], user["title"]) == ("Anna", "Pilot")


def test_at_most_eight_requests_of_an_app_are_under_way(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    gates = [scim.answer("GET", status=200, body={"totalResults": 0, "Resources": []}) for _ in range(12)]
    for gate in gates:
        gate.released.clear()
    for number in range(12):
        catalogue_app.assign(okta.person(f"Ana{number}"))
    assert all(gate.reached.wait(HANG) for gate in gates[:8])
    assert not any(gate.reached.is_set() for gate in gates[8:])
    assert len(scim.requests) == 8
    for gate in gates:
        gate.released.set()
    okta.idle()
    assert len(scim.users) == 12
