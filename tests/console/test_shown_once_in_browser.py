"""The page with the Secret and the confirmation, in a real browser with and without its script."""

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.conftest import HANG
from tests.console.conftest import PASSWORD, Staff, rows
from tests.console.visitor import Visitor, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_reload_makes_no_second_key_and_retiring_asks_for_the_name(
    staff: Staff, owner: Visitor, browser: "Browser", script: bool
) -> None:
    with staff.place.client() as scim:
        scim.get("/Users")
    path = f"{staff.provider}/provisioning"
    until(lambda: owner.get(path).rows(), lambda seen: "127.0.0.1" in seen[0])
    context = browser.new_context(base_url=staff.running.url, java_script_enabled=script)
    context.set_default_timeout(HANG * 1000)
    page = context.new_page()
    page.goto("/console/sign-in")
    page.get_by_label("E-mail").fill(staff.people["owner"].email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(path)
    page.get_by_text("Make a second pair, to rotate").click()
    page.get_by_label("Label").fill("Winter")
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_role("heading", name="Key and Secret")).to_be_visible()
    page.reload()
    expect(page.get_by_text("The Secret was shown once")).to_be_visible()
    expect(page.get_by_role("heading", name="Key and Secret")).to_have_count(0)
    assert len(rows(staff.running, "SELECT 1 FROM credentials WHERE tenant_id = $1", staff.place.tenant.id)) == 2

    page.get_by_role("link", name="Retire").first.click()
    expect(page.get_by_text("This key is in use.")).to_be_visible()
    page.get_by_label("Type the name of the identity provider").fill("okta")
    page.get_by_role("button", name="Retire key").click()
    expect(page.get_by_text("type the name of the identity provider 'Okta'; got 'okta'")).to_be_visible()
    page.get_by_label("Type the name of the identity provider").fill("Okta")
    page.get_by_role("button", name="Retire key").click()
    expect(page.get_by_text("The key is retired, and refused from now on.")).to_be_visible()
    context.close()
