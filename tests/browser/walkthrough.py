"""The steps of Okta's provisioning article, click by click, in both consoles.

The rule: these functions only press what is visible and read what is shown. How a page notices a change is up to each
test: with scripts it updates itself, without scripts the test loads it again.
"""

from dataclasses import dataclass
from typing import Final, Literal

from playwright.sync_api import Locator, Page, expect

from tests.browser.window import Window

Dialect = Literal["catalogue", "wizard"]
PASSWORD: Final = "seven quiet lamps over water"
EMAIL: Final = "rita.alves@north.example"
VERIFIED: Final = "was verified successfully"


@dataclass
class Handover:
    """The values that Vestibule shows once and Okta needs."""

    scim_url: str
    key: str
    secret: str


@dataclass
class Vestibule:
    """The Admin Console in one tab, and its administrator's actions."""

    window: Window
    page: Page

    def press(self, button: str, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=button, exact=True).click()

    def follow(self, link: str) -> None:
        self.page.get_by_role("link", name=link, exact=True).click()

    def go(self, place: str) -> None:
        """Go to a page with the side navigation."""
        self.page.get_by_role("navigation", name="Places").get_by_role("link", name=place, exact=True).click()
        expect(self.page.get_by_role("heading", level=1, name=place)).to_be_visible()

    def shoot(self, name: str) -> None:
        self.window.shoot(self.page, f"vestibule-{name}")

    def set_up(self, link: str) -> None:
        """Become the first administrator through the one-time link."""
        self.page.goto(link)
        self.shoot("set-up")
        for label, value in (
            ("Name of the organisation", "North Example"),
            ("Tenant name", "north-example"),
            ("Your name", "Rita Alves"),
            ("E-mail", EMAIL),
            ("Password", PASSWORD),
            ("Password again", PASSWORD),
        ):
            self.page.get_by_label(label, exact=True).fill(value)
        self.press("Set up and sign in")
        expect(self.page.get_by_role("heading", level=1, name="Identity Providers")).to_be_visible()
        self.shoot("no-identity-provider")

    def add_okta(self) -> Handover:
        """Integrations > Identity Providers > Add identity provider, as it is proposed: an Okta, with auto-provisioning
        switched on. Returns what is shown then, this once.
        """
        if not self.page.get_by_role("heading", level=1, name="Identity Providers").count():
            self.go("Identity Providers")
        self.follow("Add identity provider")
        expect(self.page.get_by_label("Name", exact=True)).to_have_value("")
        expect(self.page.get_by_label("Vendor")).to_have_value("okta")
        expect(self.page.get_by_label("Switch on auto-provisioning")).to_be_checked()
        self.shoot("add-identity-provider")
        self.press("Add identity provider")
        expect(self.page.get_by_role("heading", level=1, name="Okta")).to_be_visible()
        shown = self.page.locator(".secret")
        expect(shown.get_by_role("heading", name="Key and Secret")).to_be_visible()
        self.shoot("key-and-secret")
        scim_url, key, secret = (shown.locator("code").nth(number).inner_text() for number in range(3))
        return Handover(scim_url, key, secret)

    def open_provider(self) -> None:
        self.go("Identity Providers")
        self.follow("Okta")
        expect(self.page.get_by_role("heading", level=1, name="Okta")).to_be_visible()

    def open_tab(self, title: str) -> None:
        """Go to a tab of the identity provider's page."""
        tabs = self.page.locator("nav.tabs")
        tabs.get_by_role("link", name=title, exact=True).click()
        expect(tabs.get_by_role("link", name=title, exact=True)).to_have_attribute("aria-current", "page")

    def person(self, user_name: str) -> Locator:
        """Go to People > Users. Returns the row of a person."""
        self.go("Users")
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=user_name, exact=True))

    def entry(self, who: str, did: str) -> Locator:
        """Returns the entries of the activity log with a text."""
        return (
            self.page.locator(".timeline li")
            .filter(has=self.page.locator("b").first.filter(has_text=who))
            .filter(has_text=did)
        )


@dataclass
class PocketOkta:
    """The pocket Okta in another tab, and its administrator's actions."""

    window: Window
    page: Page
    dialect: Dialect = "catalogue"

    @property
    def app(self) -> str:
        return "SCIM 2.0 Test App (Basic Auth)" if self.dialect == "catalogue" else "North Wizard App"

    def press(self, button: str, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=button, exact=True).click()

    def follow(self, link: str, within: Locator | None = None) -> None:
        (within or self.page.locator("main")).get_by_role("link", name=link, exact=True).click()

    def go(self, place: str) -> None:
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=place, exact=True).click()
        expect(self.page.get_by_role("heading", level=1, name=place)).to_be_visible()

    def told(self, sentence: str) -> None:
        """Expect a notice with this text."""
        expect(self.page.locator(".notice")).to_contain_text(sentence)

    def shoot(self, name: str) -> None:
        self.window.shoot(self.page, f"okta-{name}")

    def open_app(self, tab: str) -> None:
        """Applications > the app > a tab of it. An app of the wizard is made the first time. Where the app is open
        already, the tab is one click away.
        """
        tabs = self.page.get_by_role("navigation", name="Application")
        if tabs.count():
            tabs.get_by_role("link", name=tab, exact=True).click()
            return
        self.go("Applications")
        if self.dialect == "wizard" and not self.page.get_by_role("link", name=self.app, exact=True).count():
            self.follow("Create App Integration")
            self.page.get_by_label("App name").fill(self.app)
            self.shoot("wizard")
            self.press("Finish")
            self.go("Applications")
        self.follow(self.app)
        tabs.get_by_role("link", name=tab, exact=True).click()

    def fill_in_connection(self, given: Handover) -> None:
        """Provisioning > Integration: the three fields."""
        self.open_app("Provisioning")
        self.shoot("provisioning-not-configured")
        self.follow("Configure API Integration")
        expect(self.page.get_by_label("Enable API integration")).to_be_checked()
        wizard = self.dialect == "wizard"
        self.page.get_by_label("SCIM connector base URL" if wizard else "SCIM 2.0 Base Url").fill(given.scim_url)
        if wizard:
            for action in ("Push New Users", "Push Profile Updates"):
                self.page.get_by_label(action).check()
        self.page.get_by_label("Username").fill(given.key)
        self.page.get_by_label("Password").fill(given.secret)
        self.shoot("connection-filled-in")

    def test_credentials(self) -> None:
        """Test API Credentials; what Okta then says."""
        self.press("Test API Credentials" if self.dialect == "catalogue" else "Test Connector Configuration")
        self.told(VERIFIED)
        self.shoot("credentials-verified")

    def save_connection(self) -> None:
        self.press("Save")
        self.shoot("connection-saved")

    def enable_everything(self) -> None:
        """Provisioning > To App, which Okta opens once the connection is saved: the three switches, as proposed."""
        for feature in ("Create Users", "Update User Attributes", "Deactivate Users"):
            expect(self.page.get_by_label(f"{feature}: Enable")).to_be_checked()
        self.shoot("to-app")
        self.press("Save")
        expect(self.page.locator(".feature .pill.good")).to_have_count(3)
        self.shoot("to-app-enabled")

    def add_person(self, first: str, last: str, login: str) -> None:
        """Directory > People > Add person."""
        self.go("People")
        self.follow("Add person")
        for label, value in (("Username", login), ("First name", first), ("Last name", last)):
            self.page.get_by_label(label).fill(value)
        self.shoot("add-person")
        self.press("Save")
        expect(self.page.get_by_role("heading", level=1, name=f"{first} {last}")).to_be_visible()

    def assign(self, login: str) -> None:
        """Assignments > Assign to People > Assign."""
        self.open_app("Assignments")
        self.follow("Assign to People")
        self.press("Assign", self.page.get_by_role("row").filter(has_text=login))
        self.told("was assigned to")
        self.shoot("assigned")

    def open_person(self, name: str) -> None:
        self.go("People")
        self.follow(name)
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()

    def give_title(self, name: str, title: str) -> None:
        """The person > Edit > Title > Save."""
        self.open_person(name)
        self.follow("Edit")
        self.page.get_by_label("Title", exact=True).fill(title)
        self.shoot("edit-person")
        self.press("Save")
        expect(self.page.get_by_role("definition").filter(has_text=title)).to_be_visible()

    def deactivate(self, name: str) -> None:
        """The person > Deactivate."""
        self.open_person(name)
        self.press("Deactivate")
        expect(self.page.get_by_role("heading", level=1, name=name).locator("..")).to_contain_text("Deactivated")
        self.shoot("person-deactivated")

    def add_group(self, name: str, *logins: str) -> None:
        """Directory > Groups > Add group, with people."""
        self.go("Groups")
        self.page.get_by_label("Name", exact=True).fill(name)
        self.press("Add group")
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()
        for login in logins:
            person = self.page.get_by_label("Person", exact=True)
            person.select_option(person.get_by_role("option").filter(has_text=login).inner_text())
            self.press("Add to group")
            expect(self.page.get_by_role("row").filter(has_text=login)).to_be_visible()

    def push_group(self, name: str) -> None:
        """The app > Push Groups > Find groups by name > Push."""
        self.open_app("Push Groups")
        self.follow("Find groups by name")
        self.press(f"Push {name}")
        expect(self.page.get_by_role("row").filter(has_text=name)).to_be_visible()
        self.shoot("push-groups")

    def leave_group(self, name: str, person: str) -> None:
        """Directory > Groups > the group > Remove."""
        self.go("Groups")
        self.follow(name)
        self.press("Remove", self.page.get_by_role("row").filter(has_text=person))
        expect(self.page.get_by_role("row").filter(has_text=person)).to_have_count(0)
