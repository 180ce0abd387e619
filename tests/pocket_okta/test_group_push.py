"""Push Groups: the requests of wire facts 1.8 over real HTTP, in both kinds of app."""

from typing import Any

import pytest
from tests.conftest import HANG
from tests.pocket_okta.running import App, Mode, Okta, connected
from tests.pocket_okta.scim_service import ScimService

PATCH = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
GROUP = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
WHOLE = ["GET /Groups/1", "PUT /Groups/1"]


def crew(okta: Okta, app: App, *names: str) -> list[dict[str, Any]]:
    """People who have accounts at the service."""
    people = [okta.person(name, "Reis") for name in names]
    for person in people:
        app.assign(person)
        okta.idle()
    return people


def member(scim: ScimService, person: dict[str, Any]) -> dict[str, str]:
    """A member as Okta sends it."""
    login = person["profile"]["login"]
    return {"value": scim.named(login)["id"], "display": login}


def test_a_group_is_looked_up_created_and_filled(okta: Okta, scim: ScimService, app: App, mode: Mode) -> None:
    """C9312."""
    ana, noor = crew(okta, app, "Ana", "Noor")
    group = okta.group(ana, noor)
    name = okta.group_name(group)
    scim.forget()
    push = app.push(group)
    okta.idle()
    beginning = ["GET /Groups?", "POST /Groups"]
    assert scim.spoken() == beginning + (["PATCH /Groups/1"] if mode == "catalogue" else WHOLE)
    look_up, create = scim.requests[:2]
    wanted = name.replace(" ", "%20")
    assert look_up.target == f"/scim/v2/Groups?filter=displayName%20eq%20%22{wanted}%22&startIndex=1&count=100"
    assert create.json == {"schemas": GROUP, "displayName": name, "members": []}
    members = [member(scim, ana), member(scim, noor)]
    if mode == "catalogue":
        add = {"op": "add", "path": "members", "value": members}
        assert scim.requests[-1].json == {"schemas": PATCH, "Operations": [add]}
    else:
        assert scim.requests[-1].json == {"schemas": GROUP, "displayName": name, "members": members}
    shown = push.show()
    assert shown["targetGroupId"] == scim.group_named(name)["id"]
    assert (shown["status"], shown["sourceGroupId"], shown["errorSummary"]) == ("ACTIVE", group, None)
    assert shown["lastPush"] is not None


def test_an_empty_group_is_created_and_nothing_more_is_sent(okta: Okta, scim: ScimService, app: App) -> None:
    """C9317."""
    group = okta.group()
    app.push(group)
    okta.idle()
    assert scim.spoken() == ["GET /Groups?", "POST /Groups"]
    assert scim.group_named(okta.group_name(group))["members"] == []


def test_a_404_to_the_look_up_counts_as_none(okta: Okta, scim: ScimService, app: App) -> None:
    scim.refuse("GET", status=404, detail="None.")
    app.push(okta.group())
    okta.idle()
    assert scim.spoken() == ["GET /Groups?", "POST /Groups"]


def test_only_members_with_an_account_are_pushed_and_others_follow(okta: Okta, scim: ScimService, app: App) -> None:
    (ana,) = crew(okta, app, "Ana")
    noor = okta.person("Noor")
    group = okta.group(ana, noor)
    app.push(group)
    okta.idle()
    assert scim.members_of(okta.group_name(group)) == {ana["profile"]["login"]}
    app.assign(noor)
    okta.idle()
    assert scim.members_of(okta.group_name(group)) == {ana["profile"]["login"], noor["profile"]["login"]}


def test_a_delta_has_an_operation_for_each_removal_and_one_for_all_additions(
    okta: Okta, scim: ScimService, catalogue_app: App
) -> None:
    ana, noor, mei, kwame = crew(okta, catalogue_app, "Ana", "Noor", "Mei", "Kwame")
    group = okta.group(ana, noor)
    push = catalogue_app.push(group)
    okta.idle()
    push.set("INACTIVE")
    for leaver, joiner in ((ana, mei), (noor, kwame)):
        okta.leave(group, leaver)
        okta.join(group, joiner)
    okta.idle()
    scim.forget()
    push.set("ACTIVE")
    okta.idle()
    assert scim.spoken() == ["PATCH /Groups/1", "PATCH /Groups/1"]
    rename, delta = scim.requests
    group_id = push.show()["targetGroupId"]
    name = {"id": group_id, "displayName": okta.group_name(group)}
    assert rename.json == {"schemas": PATCH, "Operations": [{"op": "replace", "value": name}]}
    gone = [f'members[value eq "{member(scim, person)["value"]}"]' for person in (ana, noor)]
    added = [member(scim, mei), member(scim, kwame)]
    assert delta.json["Operations"] == [
        {"op": "remove", "path": gone[0]},
        {"op": "remove", "path": gone[1]},
        {"op": "add", "path": "members", "value": added},
    ]
    assert scim.members_of(okta.group_name(group)) == {mei["profile"]["login"], kwame["profile"]["login"]}


def test_a_wizard_app_puts_the_whole_group_for_one_change(okta: Okta, scim: ScimService) -> None:
    app = connected(okta, scim, "wizard")
    ana, noor = crew(okta, app, "Ana", "Noor")
    group = okta.group(ana)
    app.push(group)
    okta.idle()
    scim.forget()
    okta.join(group, noor)
    okta.idle()
    assert scim.spoken() == WHOLE
    assert scim.requests[-1].json == {
        "schemas": GROUP,
        "displayName": okta.group_name(group),
        "members": [member(scim, ana), member(scim, noor)],
    }


def test_a_rename_alone(okta: Okta, scim: ScimService, app: App, mode: Mode) -> None:
    (ana,) = crew(okta, app, "Ana")
    group = okta.group(ana)
    push = app.push(group)
    okta.idle()
    scim.forget()
    name = f"{okta.group_name(group)} at sea"
    okta.rename(group, name)
    okta.idle()
    assert scim.spoken() == (["PATCH /Groups/1"] if mode == "catalogue" else WHOLE)
    assert scim.members_of(name) == {ana["profile"]["login"]}
    assert push.show()["targetGroupName"] == name


def test_what_has_not_changed_is_not_sent(okta: Okta, scim: ScimService, app: App) -> None:
    (ana,) = crew(okta, app, "Ana")
    group = okta.group(ana)
    app.push(group)
    okta.idle()
    scim.forget()
    okta.join(group, ana)
    okta.rename(group, okta.group_name(group))
    okta.idle()
    assert scim.requests == []


@pytest.mark.parametrize("members", [0, 2])
def test_push_now_overwrites(okta: Okta, scim: ScimService, app: App, mode: Mode, members: int) -> None:
    """C9316: what others wrote into the group meanwhile is gone, also when it has no members in Okta."""
    people = crew(okta, app, "Ana", "Noor")[:members]
    group = okta.group(*people)
    name = okta.group_name(group)
    push = app.push(group)
    okta.idle()
    stranger = scim.add("stranger@south.example")
    scim.group_named(name)["members"] = [{"value": stranger["id"]}]
    scim.forget()
    push.now()
    okta.idle()
    assert scim.spoken() == (["PATCH /Groups/1", "PATCH /Groups/1"] if mode == "catalogue" else WHOLE)
    listed = [member(scim, person) for person in people]
    if mode == "catalogue":
        overwrite = {"op": "replace", "path": "members", "value": listed}
        assert scim.requests[-1].json["Operations"] == [overwrite]
    assert scim.members_of(name) == {person["profile"]["login"] for person in people}


@pytest.mark.parametrize("rename", [True, False])
def test_a_group_that_is_there_is_linked(okta: Okta, scim: ScimService, app: App, mode: Mode, rename: bool) -> None:
    """C9315 and C9330: linked by a name in other letters, renamed or not; who is in it stays until "Push now"."""
    (ana,) = crew(okta, app, "Ana")
    app.settings(renameGroups=rename)
    group = okta.group(ana)
    name = okta.group_name(group)
    old = scim.add("old@south.example")
    found = scim.add_group(name.upper(), old["id"])
    scim.forget()
    push = app.push(group)
    okta.idle()
    patches = ["PATCH /Groups/1"] * (2 if rename else 1)
    assert scim.spoken() == ["GET /Groups?"] + (patches if mode == "catalogue" else WHOLE)
    assert push.show()["targetGroupId"] == found["id"]
    now = name if rename else name.upper()
    assert push.show()["targetGroupName"] == now
    assert scim.members_of(now) == {ana["profile"]["login"], "old@south.example"}
    push.now()
    okta.idle()
    assert scim.members_of(now) == {ana["profile"]["login"]}


def test_a_group_with_another_name_is_linked_by_it_or_by_its_id(okta: Okta, scim: ScimService, app: App) -> None:
    by_name = scim.add_group("Engineers of old")
    by_id = scim.add_group("Drivers of old")
    scim.forget()
    one, two = okta.group(), okta.group()
    pushes = [app.push(one, targetGroupName="engineers of OLD"), app.push(two, targetGroupId=by_id["id"])]
    okta.idle()
    assert [push.show()["targetGroupId"] for push in pushes] == [by_name["id"], by_id["id"]]
    assert {group["displayName"] for group in scim.groups.values()} == {okta.group_name(one), okta.group_name(two)}
    assert scim.calls("POST") == []


def test_of_groups_that_are_no_match_none_is_linked(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    """A service that ignores the filter answers with everything it has."""
    wrong = scim.add_group("Somebody else's")
    scim.answer("GET", status=200, body={"totalResults": 1, "Resources": [wrong]})
    group = okta.group()
    catalogue_app.push(group)
    okta.idle()
    assert scim.group_named(okta.group_name(group))["id"] != wrong["id"]


def test_unlink_and_delete(okta: Okta, scim: ScimService, app: App) -> None:
    """C9318: the group goes, its people stay."""
    (ana,) = crew(okta, app, "Ana")
    push = app.push(okta.group(ana))
    okta.idle()
    scim.forget()
    okta.call("DELETE", f"{push.path}?deleteTargetGroup=true", status=403)  # active, as in Okta
    push.unlink(delete=True)
    okta.idle()
    assert [request.method for request in scim.requests] == ["DELETE"]
    assert scim.groups == {}
    assert len(scim.users) == 1
    assert app.pushes() == []


def test_unlink_and_leave_then_link_again(okta: Okta, scim: ScimService, app: App) -> None:
    """C9321 and C9322."""
    (ana,) = crew(okta, app, "Ana")
    group = okta.group(ana)
    push = app.push(group)
    okta.idle()
    before = dict(scim.groups)
    scim.forget()
    push.unlink(delete=False)
    okta.idle()
    assert scim.requests == []
    assert scim.groups == before
    again = app.push(group)
    okta.idle()
    assert again.show()["targetGroupId"] in before
    assert scim.calls("POST") == []
    assert scim.members_of(okta.group_name(group)) == {ana["profile"]["login"]}


def test_a_paused_push_sends_nothing_and_catches_up(okta: Okta, scim: ScimService, app: App) -> None:
    """C9319 and C9320."""
    ana, noor = crew(okta, app, "Ana", "Noor")
    group = okta.group(ana)
    name = okta.group_name(group)
    push = app.push(group)
    okta.idle()
    push.set("INACTIVE")
    scim.forget()
    okta.join(group, noor)
    okta.rename(group, f"{name} II")
    okta.idle()
    assert scim.requests == []
    refused = okta.call("POST", f"{app.pocket}/group-push/mappings/{push.id}/push-now", status=403)
    assert "not active" in refused["errorSummary"]
    push.set("ACTIVE")
    okta.idle()
    assert scim.members_of(f"{name} II") == {ana["profile"]["login"], noor["profile"]["login"]}


def test_a_large_delta_goes_in_several_requests(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    """Wire facts 1.8: at most 100 member changes a PATCH unless the app is set to more."""
    people = [okta.person(f"N{number}") for number in range(120)]
    for person in people:
        catalogue_app.assign(person)
    okta.idle()
    group = okta.group(*people)
    push = catalogue_app.push(group)
    okta.idle()

    def sizes() -> list[int]:
        found = []
        for request in scim.calls("PATCH"):
            operations = request.json["Operations"]
            changes = [op for op in operations if op.get("path", "").startswith("members")]
            found += [sum(len(op.get("value", [0])) for op in changes)] if changes else []
        return found

    assert sizes() == [100, 20]
    catalogue_app.settings(groupBatch=200)
    push.set("INACTIVE")
    for person in people:
        okta.leave(group, person)
    scim.forget()
    push.set("ACTIVE")
    okta.idle()
    assert sizes() == [120]
    assert scim.group_named(okta.group_name(group))["members"] == []
    refused = okta.call("PUT", catalogue_app.path, {"settings": {"pocket": {"groupBatch": 5000}}}, status=400)
    assert "wanted 100 to 1000" in refused["errorCauses"][0]["errorSummary"]


def test_pushes_that_wait_are_one(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    people = crew(okta, catalogue_app, *(f"N{number}" for number in range(6)))
    group = okta.group()
    catalogue_app.push(group)
    okta.idle()
    scim.forget()
    with scim.held("PATCH", "/Groups/.*") as held:
        okta.join(group, people[0])
        assert held.reached.wait(HANG)
        for person in people[1:]:
            okta.join(group, person)
    okta.idle()
    assert len(scim.group_named(okta.group_name(group))["members"]) == 6
    # The first attempt was answered 503 and made a task; one job did the work of the other five.
    assert len(scim.calls("PATCH")) == 3


def test_a_pushed_group_cannot_be_deleted_in_okta(okta: Okta, catalogue_app: App) -> None:
    group = okta.group()
    push = catalogue_app.push(group)
    okta.idle()
    refused = okta.call("DELETE", f"/api/v1/groups/{group}", status=403)
    assert "unlink it there" in refused["errorSummary"]
    push.unlink(delete=False)
    okta.call("DELETE", f"/api/v1/groups/{group}", status=204)


def test_with_the_integration_off_nothing_is_sent(okta: Okta, scim: ScimService, app: App) -> None:
    """C9339."""
    (ana,) = crew(okta, app, "Ana")
    group = okta.group()
    push = app.push(group)
    okta.idle()
    okta.call("POST", f"{app.path}/connections/default/lifecycle/deactivate", status=204)
    scim.forget()
    okta.join(group, ana)
    okta.idle()
    okta.call("POST", f"{app.pocket}/group-push/mappings/{push.id}/push-now", status=403)
    okta.call("POST", f"{app.path}/group-push/mappings", {"sourceGroupId": okta.group()}, status=400)
    assert scim.requests == []


def test_the_wizard_must_support_pushing_groups(okta: Okta, scim: ScimService) -> None:
    app = okta.app("wizard")
    app.connect(scim.url, scim.username, scim.password, actions=["PUSH_NEW_USERS"])
    refused = okta.call("POST", f"{app.path}/group-push/mappings", {"sourceGroupId": okta.group()}, status=400)
    assert "not enabled" in refused["errorCauses"][0]["errorSummary"]


def test_a_group_is_pushed_once_to_an_app(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    group = okta.group()
    catalogue_app.push(group)
    body = {"sourceGroupId": group}
    refused = okta.call("POST", f"{catalogue_app.path}/group-push/mappings", body, status=400)
    assert "already" in refused["errorCauses"][0]["errorSummary"]
    other = connected(okta, scim, "wizard")
    other.push(group)
    okta.idle()
    assert len(scim.groups) == 1
    named = okta.call("GET", f"{catalogue_app.path}/group-push/mappings?sourceGroupId={group}&status=ACTIVE")
    assert [each["sourceGroupId"] for each in named] == [group]
    assert okta.call("GET", f"{catalogue_app.path}/group-push/mappings?status=INACTIVE") == []


def test_a_mapping_of_another_app_is_not_found(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    push = catalogue_app.push(okta.group())
    other = connected(okta, scim, "catalogue")
    okta.call("GET", f"{other.path}/group-push/mappings/{push.id}", status=404)
    okta.call("DELETE", f"{other.path}/group-push/mappings/{push.id}", status=404)


def test_attributes_of_a_group_assignment_reach_its_members(okta: Okta, scim: ScimService, app: App) -> None:
    """C9309: they win over the mapping, except for who is assigned by hand."""
    ana, noor = okta.person("Ana", title="Pilot"), okta.person("Noor", title="Cook")
    app.assign(noor)
    group = okta.group(ana, noor)
    path = f"{app.path}/groups/{group}"
    okta.call("PUT", path, {"profile": {"title": "Crew"}})
    okta.idle()
    titles = {user["userName"]: user.get("title") for user in scim.users.values()}
    assert titles == {ana["profile"]["login"]: "Crew", noor["profile"]["login"]: "Cook"}
    assert okta.call("PUT", path, {"profile": {"title": "Senior crew"}})["profile"] == {"title": "Senior crew"}
    okta.idle()
    okta.edit(ana, title="Captain", nickName="Annie")
    okta.idle()
    user = scim.named(ana["profile"]["login"])
    assert (user["title"], user["nickName"]) == ("Senior crew", "Annie")
    okta.call("PUT", path, {"profile": {}})
    okta.idle()
    assert scim.named(ana["profile"]["login"])["title"] == "Captain"
    okta.call("PUT", path, {"profile": {"userName": "x"}}, status=400)
