"""C9307, C9309, C9312 to C9333: groups are assigned and pushed, in both of Okta's ways."""

import uuid
from typing import Any

import pytest

from tests.okta.okta_and_vestibule import Integration, Resource
from tests.pocket_okta.running import Push

BEGINNING = ["GET /Groups? 200", "POST /Groups 201"]
WHOLE = ["GET /Groups/1 200", "PUT /Groups/1 200"]
PATCH = "PATCH /Groups/1 204"


def said(integration: Integration, *, patches: int) -> list[str]:
    """What an app says for one change: some PATCHes from the catalogue, or the whole group from the wizard's."""
    return [PATCH] * patches if integration.mode == "catalogue" else WHOLE


def add_group(integration: Integration, name: str, *members: str) -> Resource:
    """A group that an earlier client of the same identity provider made."""
    body = {"displayName": name, "members": [{"value": member} for member in members]}
    answer = integration.scim.post("/Groups", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def push(integration: Integration, *members: Any) -> tuple[str, str, Push, str]:
    """Push a new group of these people; returns its id in Okta, its name, the mapping, and its id in Vestibule."""
    group = integration.okta.group(*members)
    made = integration.app.push(group)
    group_id = integration.pushed(made)
    integration.forget()
    return group, integration.okta.group_name(group), made, group_id


def test_c9307_assign_a_group(integration: Integration) -> None:
    """Everybody in an assigned group gets an account; who joins it later too."""
    ana, noor, mei = (integration.person(first) for first in ("Ana", "Noor", "Mei"))
    group = integration.okta.group(ana, noor)
    integration.okta.call("PUT", f"{integration.app.path}/groups/{group}")
    integration.okta.idle()
    assert integration.people() == 2
    assert integration.settled(ana) == integration.resource(ana)["id"]
    integration.okta.join(group, mei)
    integration.okta.idle()
    assert integration.resource(mei)["active"] is True
    assert integration.groups(integration.okta.group_name(group)) == []  # assigned is not pushed


def test_c9309_update_the_attributes_of_a_group_assignment(integration: Integration) -> None:
    ana = integration.person("Ana", title="Pilot")
    group = integration.okta.group(ana)
    path = f"{integration.app.path}/groups/{group}"
    integration.okta.call("PUT", path, {"profile": {"title": "Crew"}})
    integration.okta.idle()
    assert integration.resource(ana)["title"] == "Crew"
    integration.okta.call("PUT", path, {"profile": {"title": "Senior crew", "userType": "Seasonal"}})
    integration.okta.idle()
    resource = integration.resource(ana)
    assert (resource["title"], resource["userType"]) == ("Senior crew", "Seasonal")
    integration.settled(ana)


def test_c9312_push_a_group(integration: Integration) -> None:
    ana, noor = integration.crew("Ana", "Noor")
    group = integration.okta.group(ana, noor)
    name = integration.okta.group_name(group)
    group_id = integration.pushed(integration.app.push(group))
    assert integration.spoken() == BEGINNING + said(integration, patches=1)
    assert [found["id"] for found in integration.groups(name.upper())] == [group_id]
    assert integration.members(group_id) == integration.ids(ana, noor)
    shown = {member["value"]: member for member in integration.group(group_id)["members"]}
    resource = integration.resource(ana)
    assert shown[resource["id"]]["type"] == "User"
    assert [(each["value"], each["display"]) for each in resource["groups"]] == [(group_id, name)]
    assert integration.place.faults() == []


def test_c9312_who_has_no_account_follows_when_they_get_one(integration: Integration) -> None:
    (ana,) = integration.crew("Ana")
    noor = integration.person("Noor")
    _, _, made, group_id = push(integration, ana, noor)
    assert integration.members(group_id) == integration.ids(ana)
    integration.app.assign(noor)
    integration.pushed(made)
    assert integration.members(group_id) == integration.ids(ana, noor)


def test_c9312_one_group_for_assignment_and_push(integration: Integration) -> None:
    """Okta advises against it because of a race. Here nobody is pushed before they have an account."""
    people = [integration.person(f"N{number}") for number in range(12)]
    group = integration.okta.group(*people)
    made = integration.app.push(group)
    integration.okta.call("PUT", f"{integration.app.path}/groups/{group}")
    group_id = integration.pushed(made)
    assert integration.members(group_id) == integration.ids(*people)


@pytest.mark.parametrize("rename", [True, False], ids=["c9315_rename", "c9330_keep_the_name"])
def test_c9315_c9330_link_a_group_that_is_there(integration: Integration, rename: bool) -> None:
    """Linked by its name in other letters, whoever is in it stays until "Push now"."""
    ana, noor = integration.crew("Ana", "Noor")
    integration.app.settings(renameGroups=rename)
    group = integration.okta.group(ana)
    name = integration.okta.group_name(group)
    there = add_group(integration, name.upper(), *integration.ids(noor))
    made = integration.app.push(group)
    assert integration.pushed(made) == there["id"]
    wanted = said(integration, patches=2 if rename else 1)
    assert integration.spoken() == ["GET /Groups? 200", *wanted]
    assert integration.group(there["id"])["displayName"] == (name if rename else name.upper())
    assert integration.members(there["id"]) == integration.ids(ana, noor)
    made.now()
    integration.pushed(made)
    assert integration.members(there["id"]) == integration.ids(ana)
    assert integration.group(there["id"])["displayName"] == (name if rename else name.upper())


def test_c9315_link_a_group_with_another_name(integration: Integration) -> None:
    there = add_group(integration, f"Engineers of {integration.app.id}")
    group = integration.okta.group()
    made = integration.app.push(group, targetGroupName=there["displayName"].lower())
    assert integration.pushed(made) == there["id"]
    assert integration.group(there["id"])["displayName"] == integration.okta.group_name(group)


def test_c9316_push_now_overwrites(integration: Integration) -> None:
    """What another client changed meanwhile is undone, the name too."""
    ana, noor, mei = integration.crew("Ana", "Noor", "Mei")
    _, name, made, group_id = push(integration, ana, noor)
    strangers = [{"value": member} for member in integration.ids(mei)]
    body = {"displayName": f"{name} renamed", "members": strangers}
    assert integration.scim.put(f"/Groups/{group_id}", json=body).status_code == 200
    made.now()
    integration.pushed(made)
    assert integration.spoken() == said(integration, patches=2)
    assert integration.members(group_id) == integration.ids(ana, noor)
    assert integration.group(group_id)["displayName"] == name
    version = integration.group(group_id)["meta"]["version"]
    made.now()
    integration.pushed(made)
    assert integration.group(group_id)["meta"]["version"] == version  # the same again changes nothing


def test_c9317_push_an_empty_group(integration: Integration) -> None:
    """Created empty; emptied by "Push now" when others had filled it (case G1)."""
    (ana,) = integration.crew("Ana")
    _, name, made, group_id = push(integration)
    assert integration.members(group_id) == set()
    body = {"displayName": name, "members": [{"value": member} for member in integration.ids(ana)]}
    assert integration.scim.put(f"/Groups/{group_id}", json=body).status_code == 200
    made.now()
    integration.pushed(made)
    assert integration.members(group_id) == set()


def test_c9318_unlink_and_delete(integration: Integration) -> None:
    """The group goes, its people stay."""
    (ana,) = integration.crew("Ana")
    _, name, made, group_id = push(integration, ana)
    made.unlink(delete=True)
    integration.okta.idle()
    assert integration.spoken() == ["DELETE /Groups/1 204"]
    assert integration.scim.get(f"/Groups/{group_id}").status_code == 404
    assert integration.groups(name) == []
    resource = integration.resource(ana)
    assert (resource["active"], resource.get("groups", [])) == (True, [])
    assert integration.app.pushes() == []
    assert integration.place.faults() == []


def test_c9319_c9320_pause_and_resume(integration: Integration) -> None:
    ana, noor = integration.crew("Ana", "Noor")
    group, name, made, group_id = push(integration, ana)
    made.set("INACTIVE")
    integration.okta.join(group, noor)
    integration.okta.leave(group, ana)
    integration.okta.rename(group, f"{name} II")
    integration.okta.idle()
    assert integration.spoken() == []
    assert integration.members(group_id) == integration.ids(ana)
    made.set("ACTIVE")
    integration.pushed(made)
    assert integration.spoken() == said(integration, patches=2)
    assert integration.members(group_id) == integration.ids(noor)
    assert integration.group(group_id)["displayName"] == f"{name} II"


def test_c9321_c9322_unlink_and_leave_then_link_again(integration: Integration) -> None:
    (ana,) = integration.crew("Ana")
    group, name, made, group_id = push(integration, ana)
    made.unlink(delete=False)
    integration.okta.idle()
    assert integration.spoken() == []
    assert integration.members(group_id) == integration.ids(ana)
    again = integration.app.push(group)
    assert integration.pushed(again) == group_id
    assert [found["id"] for found in integration.groups(name)] == [group_id]
    assert integration.members(group_id) == integration.ids(ana)


def test_c9323_to_c9326_rules(integration: Integration) -> None:
    """A rule pushes what it finds, now and later; switched off it finds nothing; deleted it unlinks what it found."""
    okta, app = integration.okta, integration.app
    key = uuid.uuid4().hex[:8]
    okta.group(name=f"{key} one")
    rules = f"{app.pocket}/group-push/rules"
    made = okta.call("POST", rules, {"name": "Crews", "value": key})
    okta.group(name=f"{key} two")
    okta.idle()
    found = {name: bool(integration.groups(f"{key} {name}")) for name in ("one", "two", "three")}
    assert found == {"one": True, "two": True, "three": False}
    okta.call("PATCH", f"{rules}/{made['id']}", {"status": "INACTIVE"})
    okta.group(name=f"{key} three")
    okta.idle()
    assert integration.groups(f"{key} three") == []
    okta.call("PATCH", f"{rules}/{made['id']}", {"status": "ACTIVE"})
    okta.idle()
    assert len(integration.groups(f"{key} three")) == 1
    assert okta.call("DELETE", f"{rules}/{made['id']}?deleteTargetGroups=true") == {"unlinked": 3}
    okta.idle()
    assert [integration.groups(f"{key} {name}") for name in ("one", "two", "three")] == [[], [], []]
    assert app.tasks() == []


def test_c9327_c9328_c9329_c9331_bulk_edit(integration: Integration) -> None:
    """Several groups are paused, resumed, pushed now, and unlinked, left or deleted."""
    (ana,) = integration.crew("Ana")
    pushed = [push(integration, ana) for _ in range(4)]
    path = f"/applications/{integration.app.id}/push-groups/bulk"

    def bulk(act: str, *chosen: tuple[str, str, Push, str]) -> None:
        fields = {"act": act, "push": [each[2].id for each in chosen]}
        headers = {"Sec-Fetch-Site": "same-origin"}
        answer = integration.okta.client.post(path, data=fields, headers=headers)
        assert answer.status_code == 303, answer.text
        integration.okta.idle()

    bulk("deactivate", *pushed)
    for group, *_ in pushed:
        integration.okta.leave(group, ana)
    integration.okta.idle()
    assert integration.spoken() == []
    bulk("activate", *pushed[:2])
    assert [integration.members(each[3]) for each in pushed[:2]] == [set(), set()]
    integration.forget()
    bulk("now", *pushed[:2])
    assert len(integration.spoken()) == 4
    bulk("leave", pushed[0], pushed[2])
    bulk("delete", pushed[1], pushed[3])
    assert [len(integration.groups(each[1])) for each in pushed] == [1, 0, 1, 0]
    assert integration.app.pushes() == []
    assert integration.app.tasks() == []


def test_c9332_c9333_add_and_remove_members(integration: Integration) -> None:
    people = integration.crew("Ana", "Noor", "Mei", "Kwame")
    ana, noor, mei, kwame = people
    group, name, made, group_id = push(integration, ana, noor)
    integration.okta.join(group, mei)
    integration.pushed(made)
    assert integration.spoken() == said(integration, patches=2)
    assert integration.members(group_id) == integration.ids(ana, noor, mei)
    integration.forget()
    integration.okta.leave(group, ana)
    integration.pushed(made)
    assert integration.spoken() == said(integration, patches=2)
    assert integration.members(group_id) == integration.ids(noor, mei)
    assert integration.resource(ana).get("groups", []) == []
    made.set("INACTIVE")
    for leaver in (noor, mei):
        integration.okta.leave(group, leaver)
    for joiner in (ana, kwame):
        integration.okta.join(group, joiner)
    made.set("ACTIVE")
    integration.pushed(made)
    assert integration.members(group_id) == integration.ids(ana, kwame)
    assert integration.group(group_id)["displayName"] == name
    assert integration.place.faults() == []


def test_c9333_a_member_who_left_the_group_in_vestibule_is_removed_all_the_same(integration: Integration) -> None:
    ana, noor = integration.crew("Ana", "Noor")
    group, name, made, group_id = push(integration, ana, noor)
    body = {"displayName": name, "members": [{"value": member} for member in integration.ids(noor)]}
    assert integration.scim.put(f"/Groups/{group_id}", json=body).status_code == 200
    integration.okta.leave(group, ana)
    integration.pushed(made)
    assert integration.members(group_id) == integration.ids(noor)


def test_an_inactive_person_keeps_the_membership(integration: Integration) -> None:
    (ana,) = integration.crew("Ana")
    _, _, made, group_id = push(integration, ana)
    integration.app.unassign(ana)
    integration.okta.idle()
    assert integration.resource(ana)["active"] is False
    assert integration.members(group_id) == integration.ids(ana)
    integration.app.assign(ana)
    integration.pushed(made)
    assert integration.members(group_id) == integration.ids(ana)


def test_a_large_group_in_one_push(integration: Integration) -> None:
    """250 members: three PATCHes, or one PUT of everybody; then one leaves."""
    people = [integration.person(f"N{number}") for number in range(250)]
    for person in people:
        integration.app.assign(person)
    integration.okta.idle()
    group, _, made, group_id = push(integration, *people)
    assert len(integration.members(group_id)) == 250
    integration.okta.leave(group, people[0])
    integration.pushed(made)
    assert integration.spoken() == said(integration, patches=2)
    assert len(integration.members(group_id)) == 249
