"""Groups over SCIM: the operations, their members, and what people show of them."""

from typing import Any

import httpx2
import pytest

from tests.conftest import Place

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def hire(scim: httpx2.Client, *names: str) -> list[str]:
    """Create people. Returns their ids."""
    made = [scim.post("/Users", json={"userName": name, "displayName": name.title()}) for name in names]
    assert all(answer.status_code == 201 for answer in made)
    return [answer.json()["id"] for answer in made]


def make(scim: httpx2.Client, name: str, *member_ids: str) -> dict[str, Any]:
    """Create a group. Returns it."""
    answer = scim.post("/Groups", json={"displayName": name, "members": [{"value": id_} for id_ in member_ids]})
    assert answer.status_code == 201, answer.text
    group: dict[str, Any] = answer.json()
    return group


def patch(
    scim: httpx2.Client, group: dict[str, Any], *operations: dict[str, Any], status: int = 204
) -> httpx2.Response:
    """Change a group by PATCH."""
    answer = scim.patch(f"/Groups/{group['id']}", json={"schemas": [PATCH_OP], "Operations": list(operations)})
    assert answer.status_code == status, answer.text
    return answer


def members(scim: httpx2.Client, group: dict[str, Any]) -> set[str]:
    """Returns the ids of a group's members."""
    answer = scim.get(f"/Groups/{group['id']}")
    assert answer.status_code == 200, answer.text
    listed = [member["value"] for member in answer.json().get("members", [])]
    assert len(set(listed)) == len(listed)
    return set(listed)


def test_a_group_from_its_creation_to_its_end(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "Field Ops", ana)
    url = f"{place.scim_url}/Groups/{group['id']}"
    assert group["schemas"] == [GROUP]
    assert group["meta"]["resourceType"] == "Group"
    assert group["meta"]["location"] == url
    wanted = {"value": ana, "$ref": f"{place.scim_url}/Users/{ana}", "type": "User", "display": "Ana"}
    assert group["members"] == [wanted]
    assert scim.get(f"/Groups/{group['id']}").json() == group
    replaced = scim.put(
        f"/Groups/{group['id']}", json={"displayName": "Field", "externalId": "g7", "members": [{"value": bo}]}
    )
    assert replaced.status_code == 200
    assert (replaced.json()["displayName"], replaced.json()["externalId"]) == ("Field", "g7")
    assert members(scim, group) == {bo}
    assert replaced.json()["meta"]["version"] == 'W/"2"'
    assert scim.delete(f"/Groups/{group['id']}").status_code == 204
    assert scim.get(f"/Groups/{group['id']}").status_code == 404
    assert scim.get(f"/Users/{bo}").status_code == 200
    assert [event["type"] for event in place.events("group.")] == ["group.created", "group.changed", "group.deleted"]
    created, changed, deleted = place.events("group.")
    assert created["data"]["added"] == [{"id": ana, "name": "Ana", "type": "User"}]
    assert changed["data"]["removed"] == [{"id": ana, "name": "Ana", "type": "User"}]
    assert [change["attribute"] for change in changed["data"]["changes"]] == ["displayName", "externalId"]
    assert deleted["data"]["removed"] == [{"id": bo, "name": "Bo", "type": "User"}]
    assert place.faults() == []


# -- reports of others' users (shared cases of groups, G1 to G10) ------------------------------------------------------


def test_g1_push_now_of_an_empty_group_empties_it(scim: httpx2.Client) -> None:
    group = make(scim, "G1", *hire(scim, "ana"))
    patch(scim, group, {"op": "replace", "path": "members", "value": []})
    assert members(scim, group) == set()


def test_g2_a_replacement_of_something_else_leaves_the_members(scim: httpx2.Client) -> None:
    ids = hire(scim, "ana", "bo")
    group = make(scim, "G2", *ids)
    patch(scim, group, {"op": "replace", "path": "displayName", "value": "G2 renamed"})
    patch(scim, group, {"op": "replace", "value": {"externalId": "x"}})
    assert members(scim, group) == set(ids)


def test_g3_a_removal_by_filter_needs_no_value(scim: httpx2.Client) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "G3", ana, bo)
    patch(scim, group, {"op": "remove", "path": f'members[value eq "{ana}"]'})
    assert members(scim, group) == {bo}


def test_g4_names_are_replaced_without_a_path(scim: httpx2.Client) -> None:
    group = make(scim, "G4")
    patch(scim, group, {"op": "replace", "value": {"id": group["id"], "displayName": "New", "externalId": "e-1"}})
    patch(scim, group, {"op": "replace", "value": {"externalId": "e-2"}})
    shown = scim.get(f"/Groups/{group['id']}").json()
    assert (shown["displayName"], shown["externalId"]) == ("New", "e-2")


def test_g5_a_member_is_named_by_its_value(scim: httpx2.Client) -> None:
    (ana,) = hire(scim, "ana")
    group = make(scim, "G5", ana)
    refused = patch(scim, group, {"op": "add", "path": "members", "value": [{"display": "Bo"}]}, status=400)
    assert refused.json()["scimType"] == "invalidValue"
    assert "Member 1 has no 'value'" in refused.json()["detail"]
    assert members(scim, group) == {ana}


def test_g6_what_does_not_belong_there_is_ignored(scim: httpx2.Client) -> None:
    (ana,) = hire(scim, "ana")
    group = make(scim, "G6")
    added = {"value": ana, "displayName": "A", "$ref": None, "type": None}
    patch(scim, group, {"op": "Add", "name": "addMember", "path": "members", "value": [added]})
    assert members(scim, group) == {ana}


def test_g7_a_replacement_is_exactly_that_list_and_the_log_shows_the_loss(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "G7", ana)
    patch(scim, group, {"op": "replace", "path": "members", "value": [{"value": bo}]})
    assert members(scim, group) == {bo}
    told = place.events("group.changed")[-1]["data"]
    assert [member["id"] for member in told["removed"]] == [ana]
    assert [member["id"] for member in told["added"]] == [bo]


@pytest.mark.parametrize("path", ["/ResourceTypes/Group", f"/Schemas/{GROUP}"])
def test_g8_connectors_find_the_type_and_the_schema(scim: httpx2.Client, path: str) -> None:
    assert scim.get(path).status_code == 200


def test_g9_a_removal_takes_what_its_filter_selects(scim: httpx2.Client) -> None:
    ana, bo, cy, di = hire(scim, "ana", "bo", "cy", "di")
    group = make(scim, "G9", ana, bo, cy, di)
    patch(scim, group, {"op": "remove", "path": f'members[value eq "{ana}" or value eq "{bo}"]'})
    assert members(scim, group) == {cy, di}
    patch(scim, group, {"op": "remove", "path": f'members[type eq "User" and value eq "{cy}"]'})
    assert members(scim, group) == {di}
    patch(scim, group, {"op": "remove", "path": 'members[type eq "Group"]'})
    assert members(scim, group) == {di}
    patch(scim, group, {"op": "remove", "path": 'members[display sw "D"]'})
    assert members(scim, group) == set()


def test_g10_a_list_of_members_without_display_is_matched_by_value(scim: httpx2.Client) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "G10", ana, bo)
    patch(scim, group, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ana}]})
    assert members(scim, group) == {bo}


# -- members -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["list", "one", "id", "ref"])
def test_members_come_in_several_forms(scim: httpx2.Client, place: Place, form: str) -> None:
    (ana,) = hire(scim, "ana")
    group = make(scim, "Forms")
    value = {
        "list": [{"value": ana}],
        "one": {"value": ana},
        "id": ana,
        "ref": [{"$ref": f"{place.scim_url}/Users/{ana}"}],
    }[form]
    patch(scim, group, {"op": "add", "path": "members", "value": value})
    assert members(scim, group) == {ana}


def test_a_bare_remove_empties_the_group(scim: httpx2.Client) -> None:
    group = make(scim, "All", *hire(scim, "ana", "bo"))
    patch(scim, group, {"op": "remove", "path": "members"})
    assert members(scim, group) == set()


def test_what_changes_nothing_keeps_the_version(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "Same", ana)
    patch(
        scim,
        group,
        {"op": "add", "path": "members", "value": [{"value": ana}]},
        {"op": "remove", "path": f'members[value eq "{bo}"]'},
    )
    patch(
        scim,
        group,
        {"op": "remove", "path": f'members[value eq "{ana}"]'},
        {"op": "add", "path": "members", "value": ana},
    )
    whole = {"displayName": "Same", "members": [{"value": ana}]}
    assert scim.put(f"/Groups/{group['id']}", json=whole).json()["meta"] == group["meta"]
    assert [event["type"] for event in place.events("group.")] == ["group.created", *["group.unchanged"] * 3]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_an_unknown_member_is_named_and_nothing_is_done(scim: httpx2.Client, method: str) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "Whole", ana)
    ghost = "00000000-0000-7000-8000-000000000000"
    whole = {"displayName": "Other", "members": [{"value": bo}, {"value": ghost}]}
    if method == "POST":
        answer = scim.post("/Groups", json=whole)
    elif method == "PUT":
        answer = scim.put(f"/Groups/{group['id']}", json=whole)
    else:
        operations = [{"op": "remove", "path": "members"}, {"op": "add", "value": whole}]
        answer = scim.patch(f"/Groups/{group['id']}", json={"schemas": [PATCH_OP], "Operations": operations})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert ghost in answer.json()["detail"]
    assert members(scim, group) == {ana}
    assert scim.get("/Groups").json()["totalResults"] == 1


def test_who_is_deleted_leaves_every_group_and_who_is_deactivated_stays(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "Leavers", ana, bo)
    scim.patch(
        f"/Users/{ana}", json={"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"active": False}}]}
    )
    assert members(scim, group) == {ana, bo}
    assert scim.delete(f"/Users/{ana}").status_code == 204
    assert members(scim, group) == {bo}
    told = place.events("group.changed")[-1]["data"]
    assert (told["removed"][0]["id"], told["reason"]) == (ana, "the person was deleted")
    assert place.faults() == []


# -- groups in groups --------------------------------------------------------------------------------------------------


def test_people_show_their_groups_directly_and_through_others(scim: httpx2.Client, place: Place) -> None:
    (ana,) = hire(scim, "ana")
    team = make(scim, "Team", ana)
    unit = make(scim, "Unit", team["id"])
    assert scim.get(f"/Groups/{unit['id']}").json()["members"][0]["type"] == "Group"
    wanted = [
        {
            "value": each["id"],
            "$ref": f"{place.scim_url}/Groups/{each['id']}",
            "display": each["displayName"],
            "type": kind,
        }
        for each, kind in ((team, "direct"), (unit, "indirect"))
    ]
    assert scim.get(f"/Users/{ana}").json()["groups"] == wanted
    assert scim.get("/Users").json()["Resources"][0]["groups"] == wanted
    replaced = scim.put(f"/Users/{ana}", json={"userName": "ana", "groups": [], "title": "x"})
    assert replaced.json()["groups"] == wanted
    assert "groups" not in scim.get(f"/Users/{ana}", params={"excludedAttributes": "groups"}).json()
    chosen = scim.get(f"/Users/{ana}", params={"attributes": "groups.display"}).json()
    assert chosen["groups"] == [{"display": "Team"}, {"display": "Unit"}]


def test_a_group_never_contains_itself(scim: httpx2.Client) -> None:
    a = make(scim, "A")
    b = make(scim, "B", a["id"])
    c = make(scim, "C", b["id"])
    refused = patch(scim, a, {"op": "add", "path": "members", "value": [{"value": c["id"]}]}, status=400)
    assert "'C' cannot be a member of 'A', because 'A' is in 'B' is in 'C'" in refused.json()["detail"]
    refused = patch(scim, a, {"op": "add", "path": "members", "value": [{"value": a["id"]}]}, status=400)
    assert "'A' cannot be a member of itself" in refused.json()["detail"]
    assert members(scim, a) == set()


def test_a_deleted_group_leaves_the_groups_it_was_in(scim: httpx2.Client, place: Place) -> None:
    inner = make(scim, "Inner")
    outer = make(scim, "Outer", inner["id"])
    scim.delete(f"/Groups/{inner['id']}")
    assert members(scim, outer) == set()
    assert place.faults() == []


# -- finding -----------------------------------------------------------------------------------------------------------


def found(scim: httpx2.Client, path: str, text: str) -> list[str]:
    """Returns the names of what a filter finds."""
    answer = scim.get(path, params={"filter": text})
    assert answer.status_code == 200, answer.text
    return sorted(each.get("displayName") or each["userName"] for each in answer.json()["Resources"])


def test_groups_are_found_by_their_attributes_and_members(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    scim.post("/Groups", json={"displayName": "Field Ops", "externalId": "F1", "members": [{"value": ana}]})
    make(scim, "Sales", ana, bo)
    empty = make(scim, "Empty")
    wanted = {
        'displayName eq "field OPS"': ["Field Ops"],
        'externalId eq "F1"': ["Field Ops"],
        'externalId eq "f1"': [],
        f'members eq "{bo}"': ["Sales"],
        f'members.value eq "{ana}"': ["Field Ops", "Sales"],
        f'members[value eq "{bo}"]': ["Sales"],
        f'members[value eq "{ana}" and type eq "user"]': ["Field Ops", "Sales"],
        f'members[value eq "{ana}" and type eq "Group"]': [],
        f'id eq "{empty["id"]}" and members eq "{ana}"': [],
        f'members ne "{ana}"': ["Empty", "Sales"],
        f'members.$ref eq "{place.scim_url}/Users/{bo}"': ["Sales"],
        'members.display co "bo"': ["Sales"],
        "members pr": ["Field Ops", "Sales"],
        "not (members pr)": ["Empty"],
        'displayName sw "s" or displayName ew "ty"': ["Empty", "Sales"],
        f'meta.location eq "{place.scim_url}/Groups/{empty["id"]}"': ["Empty"],
    }
    assert {text: found(scim, "/Groups", text) for text in wanted} == wanted


def test_people_are_found_by_their_groups(scim: httpx2.Client) -> None:
    ana, bo, _ = hire(scim, "ana", "bo", "cy")
    team = make(scim, "Team", ana)
    unit = make(scim, "Unit", team["id"], bo)
    wanted = {
        f'groups eq "{team["id"]}"': ["Ana"],
        f'groups.value eq "{unit["id"]}"': ["Ana", "Bo"],
        f'groups[value eq "{unit["id"]}" and type eq "direct"]': ["Bo"],
        f'groups ne "{unit["id"]}"': ["Ana", "Cy"],
        'groups.display eq "TEAM"': ["Ana"],
        "groups pr": ["Ana", "Bo"],
    }
    assert {text: found(scim, "/Users", text) for text in wanted} == wanted


def test_excluded_members_are_not_there(scim: httpx2.Client) -> None:
    group = make(scim, "Entra", *hire(scim, "ana"))
    query = {"excludedAttributes": "members"}
    assert "members" not in scim.get(f"/Groups/{group['id']}", params=query).json()
    listed = scim.get("/Groups", params=query | {"filter": 'displayName eq "entra"'}).json()["Resources"]
    assert [each.keys() & {"members", "displayName"} for each in listed] == [{"displayName"}]
    answer = scim.patch(f"/Groups/{group['id']}", params=query, json={"Operations": []})
    assert (answer.status_code, answer.json()["displayName"]) == (200, "Entra")


def test_a_name_is_taken_once_for_each_identity_provider(scim: httpx2.Client, place: Place) -> None:
    group = make(scim, "Straße")
    taken = scim.post("/Groups", json={"displayName": "STRASSE"})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    other = make(scim, "Other")
    patch(scim, other, {"op": "replace", "path": "displayName", "value": "strasse"}, status=409)
    patch(scim, group, {"op": "replace", "path": "displayName", "value": "STRASSE"})
    with place.running.new_tenant().client() as elsewhere:
        assert elsewhere.post("/Groups", json={"displayName": "Straße"}).status_code == 201


def test_nobody_reaches_groups_of_others(scim: httpx2.Client, place: Place) -> None:
    (ana,) = hire(scim, "ana")
    group = make(scim, "Mine", ana)
    whole = {"displayName": "x", "members": [{"value": ana}]}
    with place.running.new_tenant().client() as stranger:
        unknown = "00000000-0000-7000-8000-000000000000"
        for method, body in (
            ("GET", None),
            ("PUT", {"displayName": "x"}),
            ("PATCH", {"Operations": []}),
            ("DELETE", None),
        ):
            answers = [stranger.request(method, f"/Groups/{id_}", json=body) for id_ in (group["id"], unknown)]
            assert answers[0].status_code == answers[1].status_code == 404
            assert answers[0].json() == answers[1].json()
        refused = stranger.post("/Groups", json=whole)
        assert refused.status_code == 400
        assert refused.json()["detail"] == stranger.post(
            "/Groups", json={"displayName": "x", "members": [{"value": unknown}]}
        ).json()["detail"].replace(unknown, ana)
        own = make(stranger, "Own")
        refused = patch(stranger, own, {"op": "add", "path": "members", "value": [{"value": group["id"]}]}, status=400)
        assert found(stranger, "/Groups", f'members eq "{ana}"') == []
    assert members(scim, group) == {ana}


def test_a_refused_request_names_the_group_that_it_was_about(scim: httpx2.Client, place: Place) -> None:
    group = make(scim, "Told")
    patch(scim, group, {"op": "add", "path": "members", "value": [{"value": "nobody"}]}, status=400)
    scim.post("/Groups", json={"displayName": "Other", "members": [{"value": "nobody"}]})
    known, new = place.events("request.refused")
    assert (known["subject"], known["data"]["subject"], known["data"]["about"]) == (group["id"], "Told", "group")
    assert (new["subject"], new["data"]["subject"]) == ("", "Other")
