"""The Push Groups tab, in a real Chromium and, for what needs no script, over plain HTTP."""

import uuid

import pytest
from playwright.sync_api import Page, expect
from tests.pocket_okta.running import App, Okta
from tests.pocket_okta.scim_service import ScimService
from tests.pocket_okta.test_pages import notice, page, submit

__all__ = ["page"]  # a fixture


def test_a_group_from_the_first_click_to_its_end(okta: Okta, scim: ScimService, page: Page, app: App) -> None:
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    group = okta.group(ana)
    name = okta.group_name(group)
    page.goto(f"/applications/{app.id}/assignments")
    page.get_by_role("link", name="Push Groups").click()
    page.get_by_role("link", name="Find groups by name").click()
    page.get_by_role("searchbox").fill(name)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name=f"Push {name}").click()
    expect(notice(page)).to_contain_text(f"{name} is pushed to {app.label}.")
    row = page.get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("1 member pushed")
    assert scim.members_of(name) == {ana["profile"]["login"]}

    scim.group_named(name)["members"] = []
    row.get_by_role("button", name=f"Push {name} now").click()
    expect(notice(page)).to_contain_text(f"{name} was pushed whole.")
    assert scim.members_of(name) == {ana["profile"]["login"]}
    row.get_by_role("button", name="Deactivate").click()
    expect(row).to_contain_text("Inactive")
    row.get_by_role("button", name="Activate").click()
    expect(row).to_contain_text("Active")

    row.get_by_role("link", name="Unlink").click()
    page.get_by_role("button", name="Unlink").click()
    expect(notice(page)).to_contain_text("It is deleted in the target app.")
    assert scim.groups == {}


def test_the_keyboard_pushes_a_group(okta: Okta, scim: ScimService, page: Page, catalogue_app: App) -> None:
    name = okta.group_name(okta.group())
    page.goto(f"/applications/{catalogue_app.id}/push-groups/find?q={name}")
    page.get_by_role("button", name=f"Push {name}").focus()
    page.keyboard.press("Enter")
    expect(notice(page)).to_contain_text(f"{name} is pushed")
    assert scim.group_named(name)


def test_groups_are_linked_and_settings_kept_without_script(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    home = f"/applications/{catalogue_app.id}/push-groups"
    scim.add_group("Engineers of old")
    group = okta.group()
    assert "wanted a whole number" in submit(okta, f"{home}/settings", groupBatch="many")
    assert "wanted 100 to 1000" in submit(okta, f"{home}/settings", groupBatch="7")
    assert "were saved" in submit(okta, f"{home}/settings", groupBatch="500")
    pocket = okta.call("GET", catalogue_app.path)["settings"]["pocket"]
    assert (pocket["renameGroups"], pocket["groupBatch"]) == (False, 500)
    assert "Engineers of old" in submit(okta, home, group=group, target="engineers of old")
    assert "already" in submit(okta, home, group=group, target="")
    assert scim.calls("POST") == []
    scim.refuse("PATCH", "/Groups/.*", status=500, detail="Out of order.")
    ana = okta.person()
    catalogue_app.assign(ana)
    okta.idle()
    okta.join(group, ana)
    okta.idle()
    assert "Out of order." in okta.client.get(home).text
    assert home in okta.client.get("/dashboard/tasks").text


@pytest.mark.parametrize("how", ["delete", "leave"])
def test_a_rule_without_script(okta: Okta, scim: ScimService, app: App, how: str) -> None:
    home = f"/applications/{app.id}/push-groups"
    key = uuid.uuid4().hex
    okta.group(name=f"{key} one")
    rule = {"name": "Crews", "field": "NAME", "operator": "STARTS_WITH"}
    assert "wanted 1 to 100 characters" in submit(okta, f"{home}/rules", **rule, value="")
    assert "The rule Crews was added and found 1 group." in submit(okta, f"{home}/rules", **rule, value=key)
    (made,) = okta.call("GET", f"{app.pocket}/group-push/rules")
    for act in ("deactivate", "activate"):
        assert f"was {act}d" in submit(okta, f"{home}/rules/{made['id']}/{act}")
    assert "1 group found by it is unlinked" in okta.client.get(f"{home}/rules/{made['id']}/delete").text
    assert "1 group unlinked" in submit(okta, f"{home}/rules/{made['id']}/delete", how=how)
    assert len(scim.groups) == (0 if how == "delete" else 1)


@pytest.mark.parametrize(("how", "left"), [("delete", 0), ("leave", 3)])
def test_bulk_edit(okta: Okta, scim: ScimService, app: App, how: str, left: int) -> None:
    """C9327 to C9329 and C9331."""
    pushes = [app.push(okta.group()) for _ in range(3)]
    okta.idle()
    path = f"/applications/{app.id}/push-groups/bulk"

    def bulk(act: str, *chosen: str) -> str:
        headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"{okta.url}{path[1:]}"}
        fields = {"act": act, "push": list(chosen)}
        return okta.client.post(path, data=fields, headers=headers, follow_redirects=True).text

    every = [push.id for push in pushes]
    assert "2 groups were deactivated" in bulk("deactivate", *every[:2])
    assert [push.show()["status"] for push in pushes] == ["INACTIVE", "INACTIVE", "ACTIVE"]
    assert "3 groups were activated" in bulk("activate", *every)
    scim.forget()
    assert "3 groups are being pushed" in bulk("now", *every)
    okta.idle()
    assert len(scim.requests) == 6
    assert "wanted at least one group" in bulk(how)
    assert "wanted one of" in bulk("burn", *every)
    bulk(how, *every)
    okta.idle()
    assert app.pushes() == []
    assert len(scim.groups) == left


def test_attributes_of_a_group_assignment_without_script(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana", title="Pilot")
    group = okta.group(ana)
    okta.call("PUT", f"{catalogue_app.path}/groups/{group}")
    okta.idle()
    path = f"/applications/{catalogue_app.id}/assignments/groups/{group}"
    assert "was saved" in submit(okta, path, title="Crew", nickName="")
    assert scim.named(ana["profile"]["login"])["title"] == "Crew"
    assert 'value="Crew"' in okta.client.get(path).text
    assert okta.client.get(f"/applications/{catalogue_app.id}/assignments/groups/{okta.group()}").status_code == 404
