"""What ends somebody's access says first what will happen, and asks for a name; what decides who gets in asks for a
sign-in that is not long ago.
"""

from collections.abc import Callable

import httpx2
import pytest

from tests.console.certificates import pem
from tests.console.conftest import PASSWORD, Staff, open_session, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Visitor, until
from vestibule.keys import token_check
from vestibule.limits import RECENT_SETTINGS_SECONDS
from vestibule.store.database import milliseconds_now


def use_key(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """Let the identity provider use its key, and wait until that was noted."""
    scim.get("/Users")
    until(lambda: owner.get(f"{staff.provider}/provisioning").rows(), lambda seen: "127.0.0.1" in seen[0])


def test_the_key_in_use_is_retired_when_the_name_was_typed(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    use_key(staff, owner, scim)
    page = owner.get(owner.get(f"{staff.provider}/provisioning").link("Retire key"))
    check_markup(page)
    assert page.heading.startswith("Retire the key vk_")
    assert "This key is in use, and the only one: Okta cannot create, change or deactivate anybody here" in page.text
    action = str(page.form("Retire key").get("action"))
    for typed in ("", "okta", "Okta!"):
        refused = owner.post(action, {"confirm": typed, "form_token": owner.form_token})
        assert refused.status == 400
        assert f"type the name of the identity provider 'Okta'; got '{typed}'" in refused.problem("confirm")
        assert scim.get("/Users").status_code == 200
    done = owner.submit(page, "Retire key", {"confirm": " Okta "})
    assert done.notice == "The key is retired, and refused from now on."
    assert scim.get("/Users").status_code == 401


def test_a_key_that_nobody_uses_needs_no_name(staff: Staff, owner: Visitor) -> None:
    page = owner.get(owner.get(f"{staff.provider}/provisioning").link("Retire key"))
    assert "in use" not in page.text
    assert owner.submit(page, "Retire key").notice == "The key is retired, and refused from now on."


def test_locking_out_says_which_sessions_end(staff: Staff, owner: Visitor) -> None:
    noor = staff.hire("admin")
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, noor))
    address = staff.at("administrators", noor.id, "enabled")
    page = owner.get(address)
    check_markup(page)
    assert "One open session ends at once." in page.text
    refused = owner.post(address, {"enabled": "no", "form_token": owner.form_token})
    assert (refused.status, refused.problem("confirm")[:32]) == (400, "To confirm, type their e-mail ad")
    assert visitor.get(staff.at("")).heading == "Overview"
    owner.submit(page, "Lock out", {"confirm": noor.email})
    assert visitor.get(staff.at("")).heading == "Sign in"


def test_blocking_a_person_asks_for_their_user_name(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, userName="ana@north.example")
    address = staff.at("users", ana["id"], "blocked")
    page = owner.get(address)
    check_markup(page)
    assert "No session is open now." in page.text
    refused = owner.post(address, {"blocked": "yes", "confirm": "ana", "form_token": owner.form_token})
    assert (refused.status, "type the user name 'ana@north.example'" in refused.text) == (400, True)
    assert staff.place.events("user.blocked") == []
    assert owner.submit(page, "Block sign-in", {"confirm": "ana@north.example"}).notice.startswith(
        "The person is block"
    )


SETTINGS: list[Callable[[Staff], tuple[str, dict[str, str]]]] = [
    lambda staff: (f"{staff.provider}/keys", {"label": "New"}),
    lambda staff: (f"{staff.provider}/provisioning", {"provisioning": "paused"}),
    lambda staff: (f"{staff.provider}/certificates", {"act": "add", "candidate": pem()}),
    lambda staff: (f"{staff.provider}/saml-keys", {"act": "make"}),
    lambda staff: (staff.at("administrators"), {"email": "noor@north.example", "role": "owner"}),
]


@pytest.mark.parametrize("change", SETTINGS, ids=["key", "switch", "certificate", "saml key", "administrator"])
def test_what_decides_who_gets_in_needs_a_recent_sign_in(
    staff: Staff, owner: Visitor, change: Callable[[Staff], tuple[str, dict[str, str]]]
) -> None:
    path, form = change(staff)
    old = milliseconds_now() - RECENT_SETTINGS_SECONDS * 1000 - 1
    cookie = token_check(owner.cookies["vestibule"])
    sql(staff.running, "UPDATE sessions SET created_at = $2 WHERE token_check = $1", cookie, old)
    before = staff.count_events()
    page_before = f"{staff.provider}/provisioning"
    page = owner.post(
        path,
        {**form, "form_token": owner.form_token},
        follow=True,
        headers={"referer": f"{staff.running.url}{page_before}?x=1#keys"},
    )
    assert page.heading == "Confirm that it is you"
    assert staff.count_events() == before
    page = owner.submit(page, "Confirm password", {"password": PASSWORD})
    assert page.heading == "Send the form"
    assert page.link("Cancel", within="//main") == page_before
    assert staff.count_events() > before, "the sign-in"
    check_markup(page)
    before = staff.count_events()
    page = owner.submit(page, "Send form")
    assert (page.status, page.heading != "Confirm that it is you") == (200, True)
    assert staff.count_events() > before
    assert rows(staff.running, "SELECT 1 FROM sessions WHERE token_check = $1", cookie) == []


@pytest.mark.parametrize("referer", ["https://south.example/console/x", "", "about:blank", "//south.example/console/"])
def test_nobody_is_led_elsewhere_after_confirming(staff: Staff, owner: Visitor, referer: str) -> None:
    cookie = token_check(owner.cookies["vestibule"])
    sql(staff.running, "UPDATE sessions SET created_at = 0 WHERE token_check = $1", cookie)
    form = {"label": "New", "form_token": owner.form_token}
    page = owner.post(f"{staff.provider}/keys", form, headers={"referer": referer})
    led, kept = page.answer.headers["location"].split("&")
    assert (led, kept[:5]) == ("/console/account/again?to=%2Fconsole%2Faccount", "form=")
