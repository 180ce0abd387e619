"""A passkey in a real browser, with an authenticator that the browser pretends to have: added, used, and what is said
when it cannot be.

The server stands under a name of its own: no browser makes a passkey for a bare address.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import ALBUM
from tests.browser.window import Window, album_name
from tests.conftest import Place, running_server
from tests.console.conftest import PASSWORD, hire, sql
from tests.console.visitor import Visitor, free_port, until
from vestibule.model import Administrator
from vestibule.settings import Settings


@dataclass
class Named:
    """A server under a name, and one of its owners."""

    place: Place
    ana: Administrator

    @property
    def url(self) -> str:
        return self.place.running.url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    port = str(free_port())
    settings, url = Settings(data=tmp_path_factory.mktemp("named")), f"http://localhost:{port}"
    with running_server(settings, "--port", port, "--base-url", url) as running:
        place = running.new_tenant()
        yield Named(place, hire(running, place.tenant.id, "owner", name="Ana Lima"))


@pytest.fixture
def named(server: Named) -> Named:
    """The same server, with an owner who has no second factor yet."""
    return Named(server.place, hire(server.place.running, server.place.tenant.id, "owner", name="Ana Lima"))


@pytest.fixture
def window(browser: Browser, named: Named, request: pytest.FixtureRequest) -> Iterator[Window]:
    opened = Window(browser, ALBUM / "test_passkey" / album_name(request.node.name), (named.url,))
    yield opened
    opened.close()


class Authenticator:
    """What a phone or a laptop has inside, as the browser pretends."""

    def __init__(self, page: Page) -> None:
        self.browser: CDPSession = page.context.new_cdp_session(page)
        self.browser.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.id = self._ask("addVirtualAuthenticator", options=options)["authenticatorId"]

    def _ask(self, what: str, **values: Any) -> Any:
        return self.browser.send(f"WebAuthn.{what}", values)

    @property
    def passkeys(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("getCredentials", authenticatorId=self.id)["credentials"]
        return found

    def keep_instead(self, *passkeys: dict[str, Any]) -> None:
        """Hold other passkeys than before."""
        self._ask("clearCredentials", authenticatorId=self.id)
        for passkey in passkeys:
            self._ask("addCredential", authenticatorId=self.id, credential=passkey)


def give_password(page: Page, named: Named) -> None:
    page.goto(f"{named.url}/console/sign-in")
    page.get_by_label("E-mail").fill(named.ana.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def add_passkey(page: Page, named: Named, name: str = "Work laptop") -> list[str]:
    """Add a passkey; the recovery codes that came with it."""
    page.goto(f"{named.url}/console/account")
    page.locator("#name-webauthn").fill(name)
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_role("button", name="Make passkey").click()
    expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("passkey")
    return str(page.locator(".codes code").text_content()).split("\n")


def be_asked(page: Page, named: Named) -> None:
    """Sign out, and come as far as the second step."""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    give_password(page, named)
    expect(page.get_by_role("heading", level=1, name="Second step")).to_be_visible()


def test_add_a_passkey_and_sign_in_with_it(named: Named, window: Window) -> None:
    page = window.tab()
    give_password(page, named)
    line = page.get_by_text("You sign in with a password alone.")
    expect(line).to_be_visible()
    window.shoot(page, "overview")
    authenticator = Authenticator(page)
    page.get_by_role("link", name="Add a second factor").click()
    window.shoot(page, "account-without")
    codes = add_passkey(page, named)
    assert len(codes) == 10
    window.shoot(page, "account-with-recovery-codes")
    (passkey,) = authenticator.passkeys
    assert passkey["rpId"] == "localhost"

    be_asked(page, named)
    button = page.get_by_role("button", name="Use passkey")
    expect(button).to_be_focused()
    window.shoot(page, "second-step")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    expect(line).to_be_hidden()
    page.goto(f"{named.url}/console/account")
    expect(page.get_by_role("row").filter(has_text="Work laptop")).not_to_contain_text("never")
    told = [event["type"] for event in named.place.events("administrator.") if named.ana.email in str(event["data"])]
    assert told == [
        f"administrator.{each}"
        for each in (
            *("signed_in", "factor_begun", "factor_added", "recovery_codes_made"),
            *("signed_out", "second_factor_awaited", "signed_in"),
        )
    ]


def test_strangers_keep_nobody_out_who_has_a_passkey(named: Named, window: Window) -> None:
    page = window.tab()
    give_password(page, named)
    Authenticator(page)
    add_passkey(page, named)
    with Visitor(named.url) as stranger:
        until(lambda: stranger.try_to_sign_in(named.ana.email, "wrong").status, lambda status: status == 429, looks=20)
    held = "UPDATE throttles SET until = until + 900000 WHERE name LIKE 'email:%'"
    assert sql(named.place.running, held) > 0
    page.context.clear_cookies()  # this browser is not known any more
    window.expect_refusal(f"{named.url}/console/sign-in")
    give_password(page, named)
    expect(page.get_by_role("alert")).to_contain_text("Too many failed attempts.")
    page.get_by_role("link", name="Sign in with a passkey").click()
    window.shoot(page, "passkey")
    page.get_by_role("button", name="Use passkey").click()
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()


def test_a_device_has_one_passkey_of_a_person(named: Named, window: Window) -> None:
    page = window.tab()
    give_password(page, named)
    authenticator = Authenticator(page)
    add_passkey(page, named)
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_role("button", name="Make passkey").click()
    expect(page.get_by_role("alert")).to_have_text("There is a passkey of yours on that device already.")
    expect(page.get_by_role("button", name="Make passkey")).to_be_enabled()
    window.shoot(page, "there-already")
    assert len(authenticator.passkeys) == 1


def test_a_copied_passkey_is_found_out(named: Named, window: Window) -> None:
    """A counter that goes back: there are two of it."""
    page = window.tab()
    give_password(page, named)
    authenticator = Authenticator(page)
    add_passkey(page, named)
    copied = authenticator.passkeys
    for _ in range(2):
        be_asked(page, named)
        page.get_by_role("button", name="Use passkey").click()
        expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    be_asked(page, named)
    newest = authenticator.passkeys
    authenticator.keep_instead(*copied)
    window.expect_refusal(f"{named.url}/console/second-step")
    page.get_by_role("button", name="Use passkey").click()
    expect(page.get_by_role("alert").filter(has_text="That passkey was not accepted.")).to_be_visible()
    window.shoot(page, "refused")
    authenticator.keep_instead(*({**each, "signCount": each["signCount"] + 5} for each in newest))
    page.get_by_role("button", name="Use passkey").click()
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()


def test_who_lost_the_device_has_recovery_codes(named: Named, window: Window) -> None:
    page = window.tab()
    give_password(page, named)
    Authenticator(page)
    codes = add_passkey(page, named)
    be_asked(page, named)
    page.get_by_text("Lost your passkey?").click()
    page.get_by_label("Recovery code").fill(codes[3].upper())
    window.shoot(page, "recovery-code")
    page.get_by_role("button", name="Use recovery code").click()
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    page.goto(f"{named.url}/console/account")
    expect(page.get_by_text("9 of your recovery codes are left.")).to_be_visible()


def test_a_browser_without_passkeys_says_so(named: Named, window: Window) -> None:
    page = window.tab()
    give_password(page, named)
    page.add_init_script("delete window.PublicKeyCredential")
    page.goto(f"{named.url}/console/account")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("alert")).to_have_text(
        "This browser knows no passkeys. Use another browser, or another way."
    )
    expect(page.get_by_role("button", name="Make passkey")).to_be_hidden()


def test_without_javascript_a_passkey_says_what_it_needs(named: Named, browser: Browser, window: Window) -> None:
    page = window.tab()
    give_password(page, named)
    Authenticator(page)
    add_passkey(page, named)
    plain = Window(browser, ALBUM / "test_passkey" / "without", (named.url,), java_script_enabled=False)
    page = plain.tab()
    give_password(page, named)
    expect(page.get_by_text("A passkey needs JavaScript, which does not run in this browser.")).to_be_visible()
    expect(page.get_by_role("button", name="Use passkey")).to_be_hidden()
    plain.shoot(page, "second-step")
    plain.close()
