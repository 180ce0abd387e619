"""The whole story in two browser windows: an administrator ties both sides together, a person signs in, and when Okta
deactivates them their window is a stranger's at the next click.
"""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.demo import Demo
from tests.browser.walkthrough import PocketOkta, Vestibule
from tests.browser.window import HAND

LOGIN = "sana.okafor@north.example"
NAME = "Sana Okafor"
MOST_CLICKS = 25
"""From the set-up link to a person who signed in and is out again, in both consoles."""


def test_assigned_signed_in_deactivated_and_out(demo: Demo, open_window: OpenWindow) -> None:
    office = open_window(demo)
    vestibule = Vestibule(office, office.tab(demo.url))
    vestibule.set_up(demo.link)
    given = vestibule.add_okta()
    okta = PocketOkta(office, office.tab(demo.okta.url))
    okta.add_person("Sana", "Okafor", LOGIN)
    okta.fill_in_connection(given)
    okta.test_credentials()
    okta.save_connection()
    okta.enable_everything()
    okta.assign(LOGIN)
    demo.okta.idle()

    # Both sides are told of each other by their metadata's addresses.
    vestibule.open_tab("Sign-in")
    of_service = vestibule.page.locator("#ours").get_by_text("/metadata", exact=False).first.inner_text()
    okta.open_app("Sign On")
    okta.page.get_by_label("SP metadata URL").fill(of_service)
    okta.press("Read metadata")
    okta.shoot("sign-on")
    of_okta = okta.page.get_by_label("Metadata URL", exact=True).input_value()
    vestibule.page.bring_to_front()
    vestibule.page.get_by_role("textbox", name="Metadata URL").fill(of_okta)
    vestibule.press("Save SAML details")
    expect(vestibule.page.locator(".notice").last).to_contain_text("signed with one certificate")
    vestibule.shoot("saml")

    # Somebody else's window, as narrow as a phone.
    hand = open_window(demo, size=HAND)
    page = hand.tab(f"{demo.url}/north-example/")
    hand.shoot(page, "person-sign-in")
    page.get_by_role("link", name="Sign in with Okta").click()
    page.get_by_label("Username").fill(LOGIN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=NAME)).to_be_visible()
    expect(page).to_have_url(f"{demo.url}/north-example/")
    hand.shoot(page, "person-home")

    okta.page.bring_to_front()
    okta.deactivate(NAME)
    demo.okta.idle()
    page.reload()
    expect(page.get_by_role("link", name="Sign in with Okta")).to_be_visible()
    hand.shoot(page, "person-out")
    assert office.clicks + hand.clicks <= MOST_CLICKS, f"administrators: {office.clicks}, the person: {hand.clicks}"
    assert office.clicks > MOST_CLICKS // 2, "the clicks are counted"
    page.get_by_role("link", name="Sign in with Okta").click()
    expect(page.get_by_text(NAME)).to_have_count(0)

    vestibule.go("Activity")
    vestibule.entry("Okta", f"deactivated {LOGIN}").get_by_role("link").last.click()
    watch = vestibule.page.locator("#stopwatch")
    expect(watch).to_contain_text("the only session dead")
    vestibule.shoot("stopwatch")

    # With two identity providers the e-mail address leads to the right one. Browsers let no form lead elsewhere.
    vestibule.go("Identity Providers")
    vestibule.follow("Add identity provider")
    vestibule.page.get_by_label("Name", exact=True).fill("Second")
    vestibule.page.get_by_label("Switch on auto-provisioning").uncheck()
    vestibule.press("Add identity provider")
    vestibule.open_tab("Sign-in")
    vestibule.page.get_by_role("textbox", name="Metadata URL").fill(of_okta)
    vestibule.press("Save SAML details")
    vestibule.open_provider()
    vestibule.open_tab("Sign-in")
    vestibule.page.get_by_text("How people sign in", exact=True).click()
    vestibule.page.get_by_label("E-mail domains").fill("north.example")
    vestibule.press("Save sign-in")
    page.goto(f"{demo.url}/north-example/")
    page.get_by_label("E-mail").fill("bo@north.example")
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(demo.okta.url)}/"))
    expect(page.get_by_label("Username")).to_be_visible()
