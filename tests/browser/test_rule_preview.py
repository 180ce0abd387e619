"""A mapping in a real browser: told while it is typed, previewed on everybody, saved from there, and restored."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ALBUM
from tests.browser.window import HAND, Window, album_name
from tests.conftest import Place, running_server
from tests.console.conftest import hire, open_session
from tests.console.test_mapping import populate
from vestibule.settings import Settings

PEOPLE = 60


@dataclass
class Rules:
    """A server with a tenant of some people, and the cookie of one who may change its rules."""

    place: Place
    cookie: str

    @property
    def path(self) -> str:
        place = self.place
        return f"{place.running.url}/console/{place.tenant.name}/identity-providers/{place.provider.id}"


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    with running_server(Settings(data=tmp_path_factory.mktemp("rules"))) as running:
        place = running.new_tenant()
        populate(place, PEOPLE)
        owner = hire(running, place.tenant.id, "owner", name="Ana Lima")
        yield Rules(place, open_session(running, owner))


@pytest.mark.parametrize(("script", "hand"), [(True, False), (False, True)], ids=["script", "phone-without-script"])
def test_previewed_saved_and_restored(
    browser: Browser, rules: Rules, request: pytest.FixtureRequest, script: bool, hand: bool
) -> None:
    album = ALBUM / "test_rule_preview" / album_name(request.node.name)
    options = {"size": HAND} if hand else {}
    window = Window(browser, album, (rules.place.running.url,), java_script_enabled=script, **options)
    cookie = {"name": "vestibule", "value": rules.cookie, "url": rules.place.running.url}
    window.context.add_cookies([cookie])  # type: ignore[list-item]  # a SetCookieParam in all but name
    page = window.tab(f"{rules.path}/mapping")
    page.get_by_label("Target attribute 5", exact=True).fill("shownAs")
    page.get_by_label("Sources of row 6").fill("nickName")
    if script:
        told = page.locator("tbody tr").nth(5).locator(".filled")
        expect(told).to_have_text(f"Nobody of the {PEOPLE} people looked at has nickName.")
    window.shoot(page, "typed")
    page.get_by_role("button", name="Preview on everybody").click()
    expect(page.get_by_text(f"All people were checked: {PEOPLE} people.")).to_be_visible()
    expect(page.get_by_text(f"{PEOPLE} Profiles change")).to_be_visible()
    expect(page.get_by_text(f"Lost by everybody who has it: displayName ({PEOPLE} people).")).to_be_visible()
    expect(page.locator("#empty")).to_contain_text("nickName")
    expect(page.locator("#examples tbody tr")).to_have_count(20)
    window.shoot(page, "preview")
    page.get_by_role("button", name="Save mapping").click()
    expect(page.get_by_text("The mapping is saved.")).to_be_visible()
    applied(page, script=script)
    window.shoot(page, "saved")
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text(f"Lost by everybody who has it: shownAs ({PEOPLE} people).")).to_be_visible()
    page.get_by_role("button", name="Save mapping").click()
    applied(page, script=script)
    expect(page.get_by_label("Target attribute 5", exact=True)).to_have_value("displayName")
    expect(page.locator("#versions tbody tr")).to_have_count(3)
    page.goto(f"{rules.path}/roles")
    page.get_by_label("Attribute of rule 1", exact=True).fill("department")
    page.get_by_label("Value of rule 1", exact=True).fill("Sales")
    page.get_by_label("Role that rule 1 gives", exact=True).fill("seller")
    page.get_by_label("Default role").fill("member")
    if script:
        told = page.locator("tbody tr").first.locator(".filled")
        expect(told).to_have_text(f"Nobody of the {PEOPLE} people looked at has department.")
    page.get_by_role("button", name="Preview on everybody").click()
    expect(page.get_by_text("Role rule 1 fits nobody: department is Sales.")).to_be_visible()
    window.shoot(page, "roles preview")
    page.get_by_role("button", name="Save role rules").click()
    expect(page.get_by_text("The role rules are saved.")).to_be_visible()
    window.shoot(page, "roles saved")
    window.close()
    assert not window.complaints, "\n".join(window.complaints)


def applied(page: Page, *, script: bool) -> None:
    """Wait until the rules are applied; without a script the page is loaded again until it says so."""
    told = page.get_by_text(f"were applied to {PEOPLE} people")
    if script:
        expect(told).to_be_visible()
        return
    while not told.is_visible():
        page.reload()
