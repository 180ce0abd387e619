"""The same way with scripts switched off: every page of the console works without them."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.demo import Demo
from tests.browser.running_product import RunningProduct
from tests.browser.walkthrough import EMAIL, PASSWORD, PocketOkta, Vestibule

LOGIN = "sana.okafor@north.example"
NAME = "Sana Okafor"


def test_from_the_set_up_link_to_a_disabled_account(demo: Demo, open_window: OpenWindow) -> None:
    window = open_window(demo, java_script_enabled=False)
    vestibule, okta = Vestibule(window, window.tab()), PocketOkta(window, window.tab(demo.okta.url))

    vestibule.set_up(demo.link)
    given = vestibule.add_okta()
    live = vestibule.page.locator(".live")
    expect(live).to_contain_text("Waiting for Okta")
    expect(vestibule.page.get_by_role("button", name="Copy")).to_have_count(0)

    okta.fill_in_connection(given)
    okta.test_credentials()
    expect(live).to_contain_text("Waiting for Okta")
    vestibule.follow("Look again")
    expect(live).to_contain_text("Okta tested these credentials at")
    vestibule.shoot("credentials-tested")
    okta.save_connection()
    okta.enable_everything()

    okta.add_person("Sana", "Okafor", LOGIN)
    okta.assign(LOGIN)
    demo.okta.idle()
    expect(vestibule.person(LOGIN).get_by_text("active", exact=True)).to_be_visible()
    okta.give_title(NAME, "Head of Tide Tables")
    demo.okta.idle()
    vestibule.person(LOGIN).get_by_role("link").click()
    expect(vestibule.page.get_by_role("row").filter(has_text="title")).to_contain_text("Head of Tide Tables")
    okta.deactivate(NAME)
    demo.okta.idle()
    expect(vestibule.person(LOGIN).get_by_text("inactive", exact=True)).to_be_visible()
    vestibule.shoot("users")
    vestibule.go("Activity")
    expect(vestibule.entry("Okta", f"deactivated {LOGIN}")).to_have_count(1)
    expect(vestibule.page.get_by_text("Show", exact=True)).to_be_hidden()

    vestibule.press("Sign out")
    vestibule.page.get_by_label("E-mail").fill(EMAIL)
    vestibule.page.get_by_label("Password").fill(PASSWORD)
    vestibule.press("Sign in")
    vestibule.follow("North Example")
    expect(vestibule.page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    vestibule.shoot("overview")


def test_by_hand(demo: Demo, open_window: OpenWindow) -> None:
    """What a script makes more comfortable is all there without one: search, what is folded away, a confirmation."""
    window = open_window(demo, java_script_enabled=False)
    vestibule = Vestibule(window, window.tab())
    page = vestibule.page
    vestibule.set_up(demo.link)
    vestibule.go("Users")
    vestibule.follow("Add by hand")
    page.get_by_label("User name").fill("by.hand@north.example")
    vestibule.press("Add person")
    vestibule.go("Users")
    page.get_by_label("Search people").fill("by.hand")
    vestibule.press("Search")
    page.get_by_role("link", name="by.hand@north.example").click()
    page.get_by_text("Delete", exact=True).click()
    page.get_by_label("User name, to confirm").fill("by.hand@north.example")
    vestibule.shoot("delete-by-hand")
    vestibule.press("Delete person")
    expect(page.get_by_text("The person was deleted.")).to_be_visible()


def test_a_group_by_hand(demo: Demo, open_window: OpenWindow) -> None:
    window = open_window(demo, java_script_enabled=False)
    vestibule = Vestibule(window, window.tab())
    page = vestibule.page
    vestibule.set_up(demo.link)
    vestibule.go("Users")
    vestibule.follow("Add by hand")
    page.get_by_label("User name").fill("by.hand@north.example")
    vestibule.press("Add person")
    vestibule.go("Groups")
    vestibule.follow("Add by hand")
    page.get_by_label("Name", exact=True).fill("Watch")
    page.get_by_label("Members to add").fill("nobody@north.example")
    window.expect_refusal(page.url)
    vestibule.press("Add group")
    expect(page.locator(".error")).to_contain_text("No person and no group here has the name")
    page.get_by_label("Members to add").fill("by.hand@north.example")
    vestibule.press("Add group")
    expect(page.get_by_text("The group was added.")).to_be_visible()
    page.get_by_role("button", name="Remove by.hand@north.example").click()
    expect(page.get_by_text("Nobody is directly in it.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Night watch")
    vestibule.press("Rename group")
    page.get_by_text("Delete", exact=True).click()
    page.get_by_label("Name of the group, to confirm").fill("Night watch")
    vestibule.press("Delete group")
    expect(page.get_by_text("The group was deleted.")).to_be_visible()


def test_every_refusal_is_a_page(product: RunningProduct, open_window: OpenWindow) -> None:
    """A wrong password and an address where nothing is are told in words, on a page."""
    window = open_window(product.demo, java_script_enabled=False, storage_state=product.signed_in)
    missing = product.path("/console/{tenant}/users/nobody")
    window.expect_refusal(missing)
    page = window.tab(missing)
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.get_by_role("link", name="To the console")).to_be_visible()
    window.shoot(page, "not-found")
