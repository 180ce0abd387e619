"""The console with nothing but a keyboard: every stop of the Tab key can be seen, none is missed, nothing is a trap."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.measure import open_details, unseen_focus, walked, watch_focus
from tests.browser.places import CONSOLE, ENTRANCE, POCKET_OKTA
from tests.browser.running_product import EMAIL, PASSWORD, RunningProduct

MOST_STOPS = 250
STRIDE = 5
"""How often Tab is pressed before the page is asked what it saw."""
STOPS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]"


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus; at every stop on the way it has to be seen who has it."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        assert unseen_focus(page) == []
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"the Tab key never comes to {wanted}")


def test_sign_in_and_edit_an_identity_provider(product: RunningProduct, open_window: OpenWindow) -> None:
    window = open_window(product.demo)
    page = window.tab(product.path("/console/{tenant}/identity-providers"))
    tab_to(page, page.get_by_label("E-mail"))
    page.keyboard.type(EMAIL)
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Identity Providers")).to_be_visible()

    page.keyboard.press("Tab")
    window.shoot(page, "skip-link")
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Add identity provider"))
    window.shoot(page, "past-the-navigation")
    tab_to(page, page.get_by_role("link", name="Entra", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Entra")).to_be_visible()
    tab_to(page, page.locator("nav.tabs").get_by_role("link", name="Provisioning"))
    page.keyboard.press("Enter")
    expect(page.locator("input[name=provisioning][value=on]")).to_be_visible()
    tab_to(page, page.get_by_role("radio", name="On requests are answered"))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Paused reads")).to_be_checked()
    page.keyboard.press("ArrowUp")
    tab_to(page, page.locator("nav.tabs").get_by_role("link", name="Settings"))
    page.keyboard.press("Enter")
    expect(page.locator("#settings")).to_be_visible()
    tab_to(page, page.locator("#settings").get_by_label("Name"))
    window.shoot(page, "name-has-the-focus")
    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_role("heading", level=1, name="Entra")).to_be_visible()


def test_skip_link(product: RunningProduct, open_window: OpenWindow) -> None:
    """The first stop leads past the navigation, into the page."""
    page = open_window(product.demo, storage_state=product.signed_in).tab(product.path("/console/{tenant}/users"))
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("main").evaluate("(main) => main.contains(document.activeElement)")


def test_letters(product: RunningProduct, open_window: OpenWindow) -> None:
    """`/` searches, `g` and a letter goes, `?` tells, Escape puts away; a field takes the letters for itself."""
    window = open_window(product.demo, storage_state=product.signed_in)
    page = window.tab(product.path("/console/{tenant}/"))
    places = {"u": "Users", "g": "Groups", "i": "Identity Providers", "a": "Activity", "t": "North Example"}
    for letter, heading in places.items():
        page.keyboard.press("g")
        page.keyboard.press(letter)
        expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
    page.keyboard.type("gu")
    search = page.get_by_label("Search people")
    expect(search).to_be_visible()
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("gi/?")
    expect(search).to_have_value("gi/?")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog")
    expect(keys).to_be_visible()
    window.shoot(page, "keys")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_a_member_is_added_and_removed(product: RunningProduct, open_window: OpenWindow) -> None:
    window = open_window(product.demo, storage_state=product.signed_in)
    page = window.tab(product.path("/console/{tenant}/groups/new"))
    tab_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("Fire wardens")
    tab_to(page, page.get_by_role("button", name="Add group"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Fire wardens")).to_be_visible()
    tab_to(page, page.get_by_label("Members to add"))
    page.keyboard.type("by.hand@north.example")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The members were added.")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Remove by.hand@north.example"))
    window.shoot(page, "remove-has-the-focus")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The member was removed from the group.")).to_be_visible()
    tab_to(page, page.locator("summary", has_text="Delete"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Name of the group, to confirm"))
    page.keyboard.type("Fire wardens")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The group was deleted.")).to_be_visible()


def test_every_stop_on_every_page(product: RunningProduct, open_window: OpenWindow) -> None:
    """The Tab key comes to everything that can be pressed or filled in, and shows that it did."""
    window = open_window(product.demo, storage_state=product.signed_in)
    page = window.tab()
    found = []
    places = [(f"console: {name}", product.path(each)) for name, each in CONSOLE.items()]
    places += [(f"pocket Okta: {name}", product.okta_path(each)) for name, each in POCKET_OKTA.items()]
    navigation = {places[0][0], places[len(CONSOLE)][0]}
    for name, address in places:
        window.expect_refusal(address)
        page.goto(address)
        found += [f"{name}: {each}" for each in _walk(page, whole=name in navigation)]
    assert not found, "\n".join(found)


def test_every_stop_at_the_entrance(product: RunningProduct, open_window: OpenWindow) -> None:
    page = open_window(product.demo).tab()
    for address in ENTRANCE.values():
        page.goto(product.path(address))
        assert _walk(page) == []


def _walk(page: Page, *, whole: bool = True) -> list[str]:
    """Press Tab until it has come round the page or its main part; what was not seen, and which stops were missed."""
    open_details(page)
    watch_focus(page, STOPS, whole=whole)
    found: list[str] = []
    missed: list[str] = []
    for _ in range(0, MOST_STOPS, STRIDE):
        for _ in range(STRIDE):
            page.keyboard.press("Tab")
        unseen, missed = walked(page)
        found += unseen
        if not missed:
            break
    return [*found, *(f"the Tab key never comes to {each}" for each in missed)]
