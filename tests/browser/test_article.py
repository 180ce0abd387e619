"""The article's way in a real browser, both consoles open beside each other: from the set-up link to a disabled
account, for an app made with Okta's wizard. `test_sign_in` and `test_without_javascript` go the same way with an app
from its catalogue.
"""

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.demo import Demo
from tests.browser.walkthrough import PocketOkta, Vestibule

LOGIN = "sana.okafor@north.example"
NAME = "Sana Okafor"


def test_from_the_set_up_link_to_a_disabled_account(demo: Demo, open_window: OpenWindow) -> None:
    window = open_window(demo)
    vestibule = Vestibule(window, window.tab(demo.url))
    vestibule.shoot("awaiting")
    okta = PocketOkta(window, window.tab(demo.okta.url), "wizard")
    okta.shoot("overview")

    vestibule.set_up(demo.link)
    given = vestibule.add_okta()
    assert given.scim_url == f"{demo.url}/scim/v2/north-example"
    live = vestibule.page.locator(".live")
    expect(live).to_contain_text("Waiting for Okta")

    okta.fill_in_connection(given)
    okta.test_credentials()
    # The page with the Secret was not loaded again: the line turned by itself, and the Secret is still there to copy.
    expect(live).to_contain_text("Okta tested these credentials at")
    expect(live).to_contain_text("✓")
    expect(vestibule.page.locator(".secret code").nth(2)).to_have_text(given.secret)
    vestibule.shoot("credentials-tested")
    okta.save_connection()
    okta.enable_everything()

    okta.add_person("Sana", "Okafor", LOGIN)
    okta.assign(LOGIN)
    demo.okta.idle()
    row = vestibule.person(LOGIN)
    expect(row).to_contain_text(NAME)
    expect(row.get_by_text("active", exact=True)).to_be_visible()
    vestibule.shoot("users")
    row.get_by_role("link").click()
    expect(vestibule.page.get_by_role("heading", level=1, name=NAME)).to_be_visible()
    vestibule.shoot("person")

    okta.give_title(NAME, "Head of Tide Tables")
    demo.okta.idle()
    vestibule.page.reload()
    expect(vestibule.page.get_by_role("row").filter(has_text="title")).to_contain_text("Head of Tide Tables")
    vestibule.shoot("person-changed")

    okta.deactivate(NAME)
    demo.okta.idle()
    expect(vestibule.person(LOGIN).get_by_text("inactive", exact=True)).to_be_visible()
    vestibule.shoot("users-one-inactive")

    vestibule.go("Activity")
    vestibule.shoot("activity")
    for who, did in (
        ("Okta", f"created {LOGIN}"),
        ("Okta", f"changed {LOGIN}: title"),
        ("Okta", f"deactivated {LOGIN}"),
        ("Rita Alves", "switched on auto-provisioning for Okta"),
        ("Rita Alves", "added the identity provider Okta"),
    ):
        expect(vestibule.entry(who, did)).to_have_count(1)
    expect(vestibule.entry("Okta", "tested these credentials").first).to_be_visible()
    vestibule.entry("Okta", f"changed {LOGIN}: title").get_by_role("link").last.click()
    change = vestibule.page.get_by_role("table").first.get_by_role("row").filter(has_text="title")
    expect(change).to_contain_text("Head of Tide Tables")
    vestibule.shoot("change")
    vestibule.open_provider()
    vestibule.shoot("identity-provider-at-the-end")
    vestibule.go("Overview")
    vestibule.shoot("overview")
    okta.go("System Log")
    okta.shoot("system-log")
