"""Somebody who was signed out is told why, and nobody else is told anything."""

import re
from collections.abc import Callable
from functools import partial
from typing import get_args

import pytest

from tests.conftest import Place, Running, on_both_engines
from tests.console.conftest import rows, sql
from tests.console.visitor import Page, Visitor
from tests.sign_in.company import Company
from tests.sign_in.test_ends import ENDINGS, command_line, console, give_back
from vestibule.endpoints.web.signed_out import WORDS
from vestibule.store.ended_sessions import SignOutReason
from vestibule.worker import clear_expired

TOLD = {
    "PATCH": "your account here was deactivated. If that is not right, ask your administrator to assign you again.",
    "PUT": "your account here was deactivated. If that is not right, ask your administrator to assign you again.",
    "DELETE": "your account here was deleted. If that is not right, ask your administrator to assign you again.",
    "console": "an administrator blocked your sign-in here. If that is not right, ask them to choose Let in again on "
    "your page under Users.",
    "command line": "an administrator blocked your sign-in here. If that is not right, ask them to choose Let in again "
    "on your page under Users.",
    "Universal Logout": "your identity provider ended all of your sessions. You can sign in again. If you did not "
    "expect that, ask your administrator.",
    "single logout": "you signed out at your identity provider. You can sign in again.",
    "identity provider disabled": "sign-in with your identity provider was switched off here. Ask your administrator "
    "to enable it again.",
    "tenant suspended": "sign-in was suspended for your whole organisation. Your administrator can ask the "
    "operator of this service for the reason.",
}
WHEN = r"You were signed out (just now|\d+ s ago), at \d\d:\d\d:\d\d, because "


def why(page: Page) -> str:
    """What a page tells of how its visitor was signed out; empty if nothing."""
    if "You were signed out" not in page.text:
        return ""
    match = re.fullmatch(WHEN + "(.*)", page.notice)
    assert match is not None, page.notice
    return match[2]


def home(company: Company, browser: Visitor) -> Page:
    return browser.get(company.home)


def test_there_are_words_for_every_reason() -> None:
    assert set(WORDS) == set(get_args(SignOutReason))


@on_both_engines
@pytest.mark.parametrize("ending", ENDINGS)
def test_each_browser_of_theirs_is_told_why(staff: Company, ending: str) -> None:
    user_id, name = staff.hire()
    colleague = staff.sign_in(staff.hire()[1])
    browsers = [staff.sign_in(name), staff.sign_in(name)]
    assert [why(home(staff, each)) for each in browsers] == ["", ""]

    ENDINGS[ending](staff, user_id, name)

    if ending == "tenant suspended":
        assert home(staff, browsers[0]).heading == "Sign-in is suspended"
        give_back(ending, staff, user_id, name)
    for browser in browsers:
        assert why(home(staff, browser)) == TOLD[ending]
        assert why(browser.get(f"/console{staff.home}")) == TOLD[ending]
    assert why(home(staff, staff.browser())) == "", "a stranger"
    if ending not in {"tenant suspended", "identity provider disabled"}:
        assert why(home(staff, colleague)) == ""
        assert home(staff, colleague).heading != "Sign in"
    if ending in {"DELETE", "identity provider disabled"}:
        return
    give_back(ending, staff, user_id, name)
    staff.sign_in(name, browsers[0])
    assert why(home(staff, browsers[0])) == "", "who is in again"
    assert staff.place.faults() == []


def test_ending_sessions_in_the_console_and_on_the_command_line(staff: Company) -> None:
    for ending in (partial(console, button="End all sessions"), partial(command_line, verb="end-sessions")):
        user_id, name = staff.hire()
        browser = staff.sign_in(name)
        ending(staff, user_id, name)
        assert why(home(staff, browser)) == "an administrator ended your sessions. You can sign in again."


def test_ending_one_of_ones_own_sessions_tells_that_browser(company: Company) -> None:
    _, name = company.hire()
    here, there = company.sign_in(name), company.sign_in(name)
    here.submit(home(company, here), "End session")
    assert why(home(company, here)) == ""
    assert why(home(company, there)).startswith("you ended this session from another browser.")


@on_both_engines
def test_one_session_of_several_at_single_logout(company: Company) -> None:
    _, name = company.hire()
    one, two = (company.sign_in(name, session=f'SessionIndex="_{each}"') for each in ("one", "two"))
    company.log_out(company.browser(), name, "<samlp:SessionIndex>_one</samlp:SessionIndex>")
    assert (why(home(company, one)), why(home(company, two))) == (TOLD["single logout"], "")


def test_who_signs_out_or_stays_away_is_told_nothing(company: Company) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    browser.submit(home(company, browser), "Sign out")
    assert why(home(company, browser)) == ""
    browser = company.sign_in(name)
    tenant = company.place.tenant.id
    sql(company.place.running, "UPDATE user_sessions SET expires_at = 1 WHERE tenant_id = $1", tenant)
    assert why(home(company, browser)) == ""
    assert rows(company.place.running, "SELECT reason FROM ended_sessions WHERE tenant_id = $1", tenant) == []


def test_no_other_tenant_tells(company: Company, running: Running) -> None:
    """The cookie of one tenant, under the name of the cookie of another."""
    user_id, name = company.hire()
    browser = company.sign_in(name)
    ENDINGS["PATCH"](company, user_id, name)
    token = browser.cookies[f"vestibule-{company.place.tenant.name}"]
    other: Place = running.new_tenant()
    thief = company.browser()
    for stolen in (token, token.replace(company.place.tenant.id, other.tenant.id)):
        thief.take(stolen, f"vestibule-{other.tenant.name}")
        assert why(thief.get(f"/{other.tenant.name}/")) == ""
    thief.take(token, f"vestibule-{company.place.tenant.name}")
    assert why(home(company, thief)) == TOLD["PATCH"], "who has the cookie, as a check of this test"


@on_both_engines
def test_reasons_are_forgotten_after_a_day(company: Company) -> None:
    user_id, name = company.hire()
    browsers = [company.sign_in(name), company.sign_in(name)]
    ENDINGS["PATCH"](company, user_id, name)
    running, tenant = company.place.running, company.place.tenant.id
    oldest = "SELECT min(token_check) FROM ended_sessions WHERE tenant_id = $1"
    moved = f"UPDATE ended_sessions SET ended_at = ended_at - $2 WHERE tenant_id = $1 AND token_check = ({oldest})"
    assert sql(running, moved, tenant, 86_400_001) == 1
    running.act(clear_expired)
    assert sorted(why(home(company, each)) for each in browsers) == ["", TOLD["PATCH"]]


def test_nothing_tells_whose_a_session_was(company: Company) -> None:
    """Who was deleted is remembered by the log alone."""
    user_id, name = company.hire()
    company.sign_in(name)
    ENDINGS["DELETE"](company, user_id, name)
    query = "SELECT * FROM ended_sessions WHERE tenant_id = $1"
    ((tenant_id, check, reason, _),) = rows(company.place.running, query, company.place.tenant.id)
    assert (tenant_id, len(check), reason) == (company.place.tenant.id, 32, "deleted")


# -- the door of a suspended tenant ------------------------------------------------------------------------------------


def test_the_door_of_a_suspended_tenant_says_so_and_no_more(company: Company) -> None:
    company.place.running.verb("tenant", "suspend", company.place.tenant.name)
    browser = company.browser()
    asks: list[Callable[[], Page]] = [
        lambda: browser.get(company.home),
        lambda: browser.get(f"{company.stem}/login", False),
        lambda: browser.post(f"{company.stem}/acs", {"SAMLResponse": "x"}),
        lambda: browser.get(f"{company.stem}/logout"),
    ]
    for ask in asks:
        page = ask()
        assert (page.status, page.heading) == (403, "Sign-in is suspended")
        assert "Your administrator can ask the operator of this service for the reason." in page.text
        assert company.place.tenant.title not in page.source
        assert company.place.provider.name not in page.source
    # Programs learn what they learn of a tenant that there is not.
    for path in (f"{company.home}me", f"{company.stem}/metadata"):
        known, unknown = browser.get(path), browser.get(path.replace(company.place.tenant.name, "nobody-here"))
        assert (known.status, known.source) == (404, unknown.source)
    company.place.running.verb("tenant", "resume", company.place.tenant.name)
    assert browser.get(company.home).heading == "Sign in"
