"""The way of a group in a real browser: it is pushed, gives its people a role, and who leaves it in Okta has lost the
role.
"""

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.demo import Demo
from tests.browser.walkthrough import PocketOkta, Vestibule

ANA, BO = "ana.lima@north.example", "bo.berg@north.example"


def test_a_pushed_group_gives_a_role_and_takes_it_again(demo: Demo, open_window: OpenWindow) -> None:
    window = open_window(demo)
    vestibule = Vestibule(window, window.tab(demo.url))
    okta = PocketOkta(window, window.tab(demo.okta.url))
    vestibule.set_up(demo.link)
    okta.fill_in_connection(vestibule.add_okta())
    okta.test_credentials()
    okta.save_connection()
    okta.enable_everything()
    for first, last, login in (("Ana", "Lima", ANA), ("Bo", "Berg", BO)):
        okta.add_person(first, last, login)
        okta.assign(login)
    okta.add_group("Field Ops", ANA, BO)
    demo.okta.idle()

    okta.push_group("Field Ops")
    demo.okta.idle()
    vestibule.go("Groups")
    row = vestibule.page.get_by_role("row").filter(has_text="Field Ops")
    expect(row).to_contain_text("2")
    vestibule.shoot("groups")
    row.get_by_role("link").first.click()
    for login in (ANA, BO):
        expect(vestibule.page.get_by_role("link", name=login, exact=True)).to_be_visible()
    vestibule.shoot("group")

    vestibule.open_provider()
    vestibule.open_tab("Roles")
    page = vestibule.page
    page.get_by_label("What rule 1 looks at").select_option("Group under People")
    page.get_by_label("Value of rule 1").fill("field ops")
    page.get_by_label("Role that rule 1 gives").fill("dispatcher")
    vestibule.press("Preview on everybody")
    expect(page.get_by_text("2 people would get other roles")).to_be_visible()
    vestibule.shoot("role-rules-previewed")
    vestibule.press("Save role rules")
    expect(page.locator(".notice")).to_contain_text("The role rules are saved")
    expect(page.get_by_label("Value of rule 1")).to_have_value("Field Ops")
    expect(page.get_by_text("The mapping and role rules were applied to 2 people")).to_be_visible()
    vestibule.person(ANA).get_by_role("link").first.click()
    expect(page.get_by_role("row").filter(has_text="roles")).to_contain_text("dispatcher")
    vestibule.shoot("person-with-role")

    okta.leave_group("Field Ops", "Ana Lima")
    demo.okta.idle()
    page.reload()
    expect(page.get_by_text("dispatcher", exact=True)).to_have_count(0)
    vestibule.shoot("person-without-role")
    vestibule.person(BO).get_by_role("link").first.click()
    expect(page.get_by_role("row").filter(has_text="roles")).to_contain_text("dispatcher")
    vestibule.go("Activity")
    expect(vestibule.entry("Okta", "changed the group Field Ops: 1 member removed")).to_have_count(1)
    vestibule.shoot("activity-of-groups")
