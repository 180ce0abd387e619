"""`--dialect entra`: the requests of wire facts 3 over real HTTP, in both styles of PATCH."""

import re
from typing import Any

import pytest
from tests.pocket_okta.running import App, Okta, connected_by_token
from tests.pocket_okta.scim_service import TOKEN, ScimService

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
FLAG = "aadOptscim062020"


@pytest.fixture(params=["old", "new"])
def style(request: pytest.FixtureRequest) -> str:
    """Which form of PATCH the Tenant URL asks for."""
    return str(request.param)


@pytest.fixture
def app(entra: Okta, scim: ScimService, style: str) -> App:
    return connected_by_token(entra, scim, f"?{FLAG}" if style == "new" else "")


def operations(scim: ScimService) -> list[dict[str, Any]]:
    """The operations of the only PATCH so far."""
    (patch,) = scim.calls("PATCH")
    found: list[dict[str, Any]] = patch.json["Operations"]
    return found


def test_test_connection_looks_for_somebody_who_cannot_exist(entra: Okta, scim: ScimService) -> None:
    """A random id in the matching attribute, for people and groups; an empty list is a success, 404 is none."""
    app = entra.app("wizard")
    app.connect_by_token(scim.url, TOKEN)
    users, groups = scim.requests
    guid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
    assert re.fullmatch(f"/scim/v2/Users\\?filter=userName%20eq%20%22{guid}%22", users.target)
    found = f"/scim/v2/Groups\\?excludedAttributes=members&filter=displayName%20eq%20%22{guid}%22"
    assert re.fullmatch(found, groups.target)
    assert users.headers["authorization"] == f"Bearer {TOKEN}"
    scim.refuse("GET", status=404, detail="Nobody.")
    verdict = entra.call("POST", f"{app.pocket}/test-credentials")
    assert (verdict["verified"], verdict["status"]) == (False, 404)
    assert "404 rather than 200" in verdict["message"]


def test_nothing_is_sent_between_the_cycles(entra: Okta, scim: ScimService, old_app: App) -> None:
    ana = entra.person("Ana")
    old_app.assign(ana)
    entra.edit(ana, firstName="Anna")
    entra.idle()
    assert scim.requests == []
    assert old_app.cycle()["counts"]["created"] == 1
    assert scim.spoken() == ["GET /Users?", "POST /Users"]
    assert old_app.user(ana)["externalId"] == scim.named(ana["profile"]["login"])["id"]
    scim.forget()
    assert old_app.cycle()["message"] == "0 created, 0 updated, 0 disabled, 0 deleted, 0 failed."
    assert scim.requests == []


def test_a_create_has_the_enterprise_schema_and_nulls(entra: Okta, scim: ScimService, old_app: App) -> None:
    ana = entra.person("Ana", "Reis", department="Flight", mobilePhone="+351 900")
    old_app.assign(ana)
    old_app.cycle()
    login = ana["profile"]["login"]
    assert scim.requests[-1].json == {
        "schemas": [CORE, ENTERPRISE],
        "externalId": login.partition("@")[0],
        "userName": login,
        "active": True,
        "addresses": None,
        "title": None,
        "roles": [],
        "displayName": "Ana Reis",
        "emails": [{"type": "work", "primary": True, "value": login}],
        "phoneNumbers": [{"type": "mobile", "value": "+351 900"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Ana Reis", "familyName": "Reis", "givenName": "Ana"},
        ENTERPRISE: {"department": "Flight"},
    }


def test_a_change_is_a_patch_of_what_changed(entra: Okta, scim: ScimService, app: App, style: str) -> None:
    ana = entra.person("Ana", "Reis", title="Pilot", department="Flight")
    app.assign(ana)
    app.cycle()
    scim.forget()
    entra.edit(ana, email="ana@south.example", department="Ground", title="", city="Faro")
    assert app.cycle()["counts"]["updated"] == 1
    assert scim.spoken() == (
        ["GET /Users/1", "PATCH /Users/1"] if style == "old" else ["GET /Users/1?", "PATCH /Users/1?"]
    )
    sent = operations(scim)
    if style == "old":
        assert sent == [
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ana@south.example"},
            {"op": "Add", "path": 'addresses[type eq "work"].locality', "value": "Faro"},
            {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Ground"},
            {"op": "Remove", "path": "title"},
        ]
    else:
        assert scim.requests[-1].target.endswith(f"?{FLAG}")
        assert sent == [
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": "ana@south.example"},
            {"op": "replace", "path": 'addresses[type eq "work"].locality', "value": "Faro"},
            {"op": "replace", "value": {f"{ENTERPRISE}:department": "Ground"}},
            {"op": "remove", "path": "title"},
        ]
    user = scim.named(ana["profile"]["login"])
    assert user["emails"][0]["value"] == "ana@south.example"
    assert user[ENTERPRISE] == {"department": "Ground"}


@pytest.mark.parametrize("how", ["unassign", "deactivate", "suspend"])
def test_who_leaves_is_disabled_and_who_returns_is_restored(
    entra: Okta, scim: ScimService, app: App, style: str, how: str
) -> None:
    """Soft deletion: `active` alone, as a text in the old style; the account is the same afterwards."""
    ana = entra.person("Ana")
    app.assign(ana)
    app.cycle()
    before = scim.named(ana["profile"]["login"])["id"]
    scim.forget()
    if how == "unassign":
        app.unassign(ana)
    else:
        entra.lifecycle(ana, how)
    assert app.cycle()["counts"]["disabled"] == 1
    value: Any = {"op": "Replace", "path": "active", "value": "False"}
    assert operations(scim) == [value if style == "old" else {"op": "replace", "value": {"active": False}}]
    scim.forget()
    app.cycle()
    assert scim.requests == []
    if how == "suspend":
        entra.lifecycle(ana, "unsuspend")
    elif how == "deactivate":
        entra.lifecycle(ana, "activate")
    if how != "suspend":
        app.assign(ana)
    assert app.cycle()["counts"]["updated"] == 1
    user = scim.named(ana["profile"]["login"])
    assert (user["id"], user["active"]) == (before, True)


def test_soft_then_hard_deletion(entra: Okta, scim: ScimService, app: App) -> None:
    ana = entra.person("Ana")
    app.assign(ana)
    app.cycle()
    scim.forget()
    entra.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    app.cycle()
    assert [request.method for request in scim.requests] == ["GET", "PATCH"]
    scim.forget()
    entra.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    assert app.cycle()["counts"]["deleted"] == 1
    assert [request.method for request in scim.requests] == ["DELETE"]
    assert scim.users == {}
    scim.forget()
    app.cycle()
    assert scim.requests == []


def test_a_person_who_was_there_is_matched_and_patched(entra: Okta, scim: ScimService, app: App) -> None:
    ana = entra.person("Ana", "Reis")
    found = scim.add(ana["profile"]["login"].upper(), active=False, nickName="Anita")
    app.assign(ana)
    assert app.cycle()["counts"]["updated"] == 1
    assert [request.method for request in scim.requests] == ["GET", "PATCH"]
    user = scim.users[found["id"]]
    assert (user["active"], user["name"]["givenName"], user["nickName"]) == (True, "Ana", "Anita")


def test_an_account_that_has_gone_is_created_again(entra: Okta, scim: ScimService, old_app: App) -> None:
    ana = entra.person("Ana")
    old_app.assign(ana)
    old_app.cycle()
    scim.users.clear()
    entra.edit(ana, title="Pilot")
    assert old_app.cycle()["counts"]["created"] == 1


def test_a_manager_is_a_reference(entra: Okta, scim: ScimService, app: App, style: str) -> None:
    boss = entra.person("Boss")
    ana = entra.person("Ana", managerId=boss["profile"]["login"])
    app.assign(ana)
    app.assign(boss)
    app.cycle()
    boss_id = scim.named(boss["profile"]["login"])["id"]
    (sent,) = operations(scim)
    value: Any = [{"$ref": None, "value": boss_id}] if style == "old" else boss_id
    op = "Add" if style == "old" else "replace"
    assert sent == {"op": op, "path": f"{ENTERPRISE}:manager", "value": value}
    scim.forget()
    app.cycle()
    assert scim.requests == []
    entra.edit(ana, managerId="")
    app.cycle()
    assert operations(scim) == [{"op": "Remove" if style == "old" else "remove", "path": f"{ENTERPRISE}:manager"}]


def test_a_group_gets_its_members_one_patch_at_a_time(entra: Okta, scim: ScimService, app: App, style: str) -> None:
    people = [entra.person(name) for name in ("Ana", "Noor", "Mei")]
    group = entra.group(*people)
    name = entra.group_name(group)
    entra.call("PUT", f"{app.path}/groups/{group}")
    app.cycle()
    look_up, create = [request for request in scim.requests if "/Groups" in request.path][:2]
    assert "excludedAttributes=members&filter=displayName" in look_up.target
    assert create.json == {
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
        ],
        "externalId": group,
        "displayName": name,
        "meta": {"resourceType": "Group"},
    }
    patches = scim.calls("PATCH")
    assert len(patches) == 3
    ana_id = scim.named(people[0]["profile"]["login"])["id"]
    member = {"$ref": None, "value": ana_id} if style == "old" else {"value": ana_id}
    add = {"op": "Add" if style == "old" else "add", "path": "members", "value": [member]}
    assert patches[0].json["Operations"] == [add]
    assert len(scim.members_of(name)) == 3
    scim.forget()
    entra.leave(group, people[0])
    app.cycle()
    gone = [request.json["Operations"] for request in scim.calls("PATCH") if "/Groups" in request.path]
    if style == "old":
        assert gone == [[{"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ana_id}]}]]
    else:
        assert gone == [[{"op": "remove", "path": f'members[value eq "{ana_id}"]'}]]
    assert len(scim.members_of(name)) == 2


def test_a_group_is_renamed_and_deleted(entra: Okta, scim: ScimService, app: App, style: str) -> None:
    group = entra.group()
    path = f"{app.path}/groups/{group}"
    entra.call("PUT", path)
    app.cycle()
    scim.forget()
    name = f"{entra.group_name(group)} II"
    entra.rename(group, name)
    app.cycle()
    read, _ = scim.requests
    assert read.target.split("?")[1].endswith("excludedAttributes=members")
    replace: Any = {"op": "Replace", "path": "displayName", "value": name}
    assert operations(scim) == [replace if style == "old" else {"op": "replace", "value": {"displayName": name}}]
    scim.forget()
    entra.call("DELETE", f"/api/v1/groups/{group}", status=204)
    assert app.cycle()["counts"]["deleted"] == 1
    assert scim.groups == {}


def test_members_of_a_group_that_was_there_are_asked_for(entra: Okta, scim: ScimService, app: App) -> None:
    ana, noor = entra.person("Ana"), entra.person("Noor")
    group = entra.group(ana, noor)
    for person in (ana, noor):
        app.assign(person)
    app.cycle()
    found = scim.add_group(entra.group_name(group).upper(), scim.named(ana["profile"]["login"])["id"])
    scim.forget()
    entra.call("PUT", f"{app.path}/groups/{group}")
    app.cycle()
    probes = [request.target for request in scim.calls("GET") if "members%20eq" in request.target]
    assert len(probes) == 2
    assert f"id%20eq%20%22{found['id']}%22%20and%20members%20eq" in probes[0]
    assert len(scim.members_of(entra.group_name(group))) == 2
    assert len([request for request in scim.calls("PATCH") if "/Groups" in request.path]) == 2  # the name, and Noor


def test_on_demand_is_at_once_and_in_the_old_style(entra: Okta, scim: ScimService, app: App) -> None:
    ana = entra.person("Ana")
    app.assign(ana)
    path = f"{app.pocket}/synchronization/provision-on-demand"
    done = entra.call("POST", path, {"userId": ana["id"]})
    assert done == {"remoteId": scim.named(ana["profile"]["login"])["id"], "error": None}
    scim.forget()
    entra.edit(ana, title="Pilot")
    entra.call("POST", path, {"userId": ana["id"]})
    assert operations(scim) == [{"op": "Add", "path": "title", "value": "Pilot"}]
    app.unassign(ana)
    entra.call("POST", path, {"userId": ana["id"]})
    assert scim.named(ana["profile"]["login"])["active"] is False
    app.assign(ana)
    entra.call("POST", path, {"userId": ana["id"]})
    assert scim.named(ana["profile"]["login"])["active"] is False  # it restores nobody
    app.cycle()
    assert scim.named(ana["profile"]["login"])["active"] is True
    refused = entra.call("POST", path, {"userId": entra.person()["id"]}, status=403)
    assert "not in scope" in refused["errorSummary"]


def test_a_failure_is_marked_and_tried_again_in_the_next_cycle(entra: Okta, scim: ScimService, old_app: App) -> None:
    scim.refuse("POST", status=409, detail="That userName is taken.")
    ana, noor = entra.person("Ana"), entra.person("Noor")
    old_app.assign(ana)
    old_app.assign(noor)
    assert old_app.cycle()["counts"] == {
        "created": 1,
        "updated": 0,
        "disabled": 0,
        "deleted": 0,
        "failed": 1,
        "failedReferences": 0,
    }
    assert "That userName is taken." in str(old_app.error(ana))
    state = old_app.cycle()
    assert (state["status"], state["counts"]["created"]) == ("Active", 1)
    assert old_app.error(ana) is None
    assert old_app.tasks() == []


def test_a_failed_member_keeps_nobody_else_out(entra: Okta, scim: ScimService, old_app: App) -> None:
    people = [entra.person(name) for name in ("Ana", "Noor")]
    group = entra.group(*people)
    entra.call("PUT", f"{old_app.path}/groups/{group}")
    scim.refuse("PATCH", "/Groups/.*", status=500, detail="Out of order.")
    state = old_app.cycle()
    assert (state["counts"]["failed"], state["counts"]["failedReferences"]) == (0, 1)
    assert "Out of order." in state["groups"][0]["error"]
    assert len(scim.members_of(entra.group_name(group))) == 1
    assert old_app.cycle()["groups"][0]["error"] is None
    assert len(scim.members_of(entra.group_name(group))) == 2


def test_the_catalogue_has_non_gallery_applications_only(entra: Okta, okta: Okta) -> None:
    entra.call("POST", "/api/v1/apps", {"label": "x", "name": "scim2basicauth"}, status=400)
    okta.call("POST", "/api/v1/apps", {"label": "x", "name": "nongallery"}, status=400)
    app = entra.app("wizard")
    refused = entra.call("POST", f"{app.pocket}/synchronization/start", status=400)
    assert "no admin credentials" in refused["errorCauses"][0]["errorSummary"]
    okta_app = okta.app("wizard")
    okta.call("POST", f"{okta_app.pocket}/synchronization/start", status=400)
    okta.call("POST", f"{okta_app.pocket}/synchronization/dance", status=404)
    entra.call("POST", f"{app.path}/group-push/mappings", {"sourceGroupId": entra.group()}, status=400)
    body = {"baseUrl": "http://127.0.0.1/scim?x=1", "profile": {"token": "abc"}}
    entra.call("POST", f"{app.path}/connections/default", body, status=400)
