"""Nobody locks an administrator out by trying their e-mail, and of many guesses at the same time few are checked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from uuid import uuid4

import pyotp
import pytest

from tests.conftest import on_both_engines
from tests.console.conftest import APP_SECRET, PASSWORD, Staff, equip, hire, open_session, rows, sql
from tests.console.visitor import Page, Visitor
from vestibule.keys import token_check
from vestibule.limits import FREE_TRIES
from vestibule.model import Administrator
from vestibule.store.database import milliseconds_now

WRONG = "eight quiet lamps over water"
MINUTE = 60_000
KNOWN = "vestibule-known"


def make_strangers_wait(staff: Staff, email: str) -> None:
    """Let strangers fail with an e-mail until the next one has to wait long."""
    for _ in range(FREE_TRIES):
        staff.visitor().try_to_sign_in(email, WRONG)
    ends = milliseconds_now() + 10 * MINUTE
    sql(staff.running, "UPDATE throttles SET until = $1 WHERE name LIKE 'email:%' AND failures >= $2", ends, FREE_TRIES)
    assert staff.visitor().try_to_sign_in(email, PASSWORD).status == 429


def known_browser(staff: Staff, ana: Administrator, password: str = PASSWORD) -> Visitor:
    """A browser in which somebody signed in, and out again."""
    visitor = staff.visitor()
    visitor.sign_in(ana.email, password)
    visitor.post("/console/sign-out", {"form_token": visitor.form_token})
    return visitor


def fail_at_once(visitors: list[Visitor], post: Callable[[Visitor], Page]) -> list[int]:
    """What each was answered, of many at the same time."""
    for visitor in visitors:
        visitor.get("/healthz")
    with ThreadPoolExecutor(len(visitors)) as pool:
        return [page.status for page in pool.map(post, visitors)]


# -- known browsers ----------------------------------------------------------------------------------------------------


@on_both_engines
def test_strangers_do_not_lock_out_a_known_browser(staff: Staff) -> None:
    ana = staff.hire("owner")
    browser = known_browser(staff, ana)
    make_strangers_wait(staff, ana.email)
    assert browser.try_to_sign_in(ana.email, PASSWORD).status == 303


def test_a_known_browser_is_slowed_down_by_itself(staff: Staff) -> None:
    """Whoever took its cookie guesses no faster, and makes nobody else wait."""
    ana = staff.hire("owner")
    browser, other = known_browser(staff, ana), known_browser(staff, ana)
    statuses = [browser.try_to_sign_in(ana.email, WRONG).status for _ in range(FREE_TRIES)]
    assert statuses == [401] * FREE_TRIES
    ends = milliseconds_now() + 10 * MINUTE
    assert sql(staff.running, "UPDATE throttles SET until = $1 WHERE name LIKE 'browser:%' AND failures = 5", ends) == 1
    assert browser.try_to_sign_in(ana.email, PASSWORD).status == 429
    assert other.try_to_sign_in(ana.email, PASSWORD).status == 303
    assert staff.visitor().try_to_sign_in(ana.email, PASSWORD).status == 303


def test_a_browser_is_known_for_those_who_signed_in_there_only(staff: Staff) -> None:
    ana, noor = staff.hire("owner"), staff.hire("admin")
    browser = known_browser(staff, noor)
    make_strangers_wait(staff, ana.email)
    assert browser.try_to_sign_in(ana.email, PASSWORD).status == 429
    make_strangers_wait(staff, noor.email)
    assert browser.try_to_sign_in(noor.email, PASSWORD).status == 303


def test_the_cookie_of_a_known_browser_is_another_one_after_each_sign_in(staff: Staff) -> None:
    ana, browser = staff.hire("owner"), staff.visitor()
    page = browser.try_to_sign_in(ana.email, PASSWORD)
    (sent,) = [each for each in page.answer.headers.get_list("set-cookie") if each.startswith(KNOWN)]
    morsel = SimpleCookie(sent)[KNOWN]
    assert (morsel["httponly"], morsel["samesite"].lower(), morsel["path"]) == (True, "strict", "/")
    first = browser.cookies[KNOWN]
    kept = rows(staff.running, "SELECT token_check FROM known_browsers WHERE administrator_id = $1", ana.id)
    assert [bytes(row[0]) for row in kept] == [token_check(first)], "what is kept is a hash"
    browser.post("/console/sign-out", {"form_token": browser.form_token})
    browser.try_to_sign_in(ana.email, PASSWORD)
    assert browser.cookies[KNOWN] != first
    make_strangers_wait(staff, ana.email)
    stale = staff.visitor()
    stale.keep(first, KNOWN)
    assert stale.try_to_sign_in(ana.email, PASSWORD).status == 429


@pytest.mark.parametrize("cookie", ["", "~", "nobody.nothing", "house." + "a" * 43, "ü", "x" * 5000, "a.b~" * 50])
def test_a_cookie_that_is_none_is_passed_over(staff: Staff, cookie: str) -> None:
    visitor = staff.visitor()
    form = {"email": staff.hire("admin").email, "password": PASSWORD}
    headers = {b"cookie": f"{KNOWN}={cookie}".encode()}
    answer = visitor.client.post("/console/sign-in", data=form, headers=headers)
    assert answer.status_code == 303


def test_known_browsers_are_forgotten_with_a_new_password(staff: Staff) -> None:
    ana = staff.hire("owner")
    known_browser(staff, ana)
    link = staff.running.json("admin", "add", ana.email, "--tenant", staff.place.tenant.name)["link"]
    path = link.removeprefix(staff.running.url)
    new = {"password": "nine loud lamps under sand", "again": "nine loud lamps under sand"}
    visitor = staff.visitor()
    visitor.submit(visitor.get(path), "Set password and sign in", new)
    kept = rows(staff.running, "SELECT token_check FROM known_browsers WHERE administrator_id = $1", ana.id)
    assert [bytes(row[0]) for row in kept] == [token_check(visitor.cookies[KNOWN])]


def test_known_browsers_are_forgotten_when_somebody_is_locked_out(staff: Staff, owner: Visitor) -> None:
    ana = staff.hire("admin")
    known_browser(staff, ana)
    staff.running.verb("admin", "disable", ana.email, "--tenant", staff.place.tenant.name)
    assert rows(staff.running, "SELECT 1 FROM known_browsers WHERE administrator_id = $1", ana.id) == []
    assert owner.get(staff.at("")).heading == "Overview"


def test_a_known_browser_goes_round_the_pace_of_codes(staff: Staff) -> None:
    """Whoever knows the password of somebody with an authenticator app does not lock them out either."""
    ana = staff.hire("owner")
    equip(staff.running, ana)
    known = staff.visitor()
    known.try_to_sign_in(ana.email, PASSWORD)
    assert known.post("/console/second-step", {"code": pyotp.TOTP(APP_SECRET).now()}).status == 303
    ends = milliseconds_now() + 10 * MINUTE
    stranger = staff.visitor()
    stranger.try_to_sign_in(ana.email, PASSWORD)
    stranger.post("/console/second-step", {"code": "000000"})
    name = f"second:{ana.tenant_id}:{ana.id}"
    assert sql(staff.running, "UPDATE throttles SET until = $1 WHERE name = $2", ends, name) == 1
    sql(staff.running, "UPDATE factors SET used_step = 0 WHERE administrator_id = $1", ana.id)
    assert stranger.post("/console/second-step", {"code": pyotp.TOTP(APP_SECRET).now()}).status == 429
    known.post("/console/sign-out", {"form_token": known.form_token})
    known.try_to_sign_in(ana.email, PASSWORD)
    assert known.post("/console/second-step", {"code": pyotp.TOTP(APP_SECRET).now()}).status == 303


# -- counted before it is checked --------------------------------------------------------------------------------------


def most_guesses(began: int) -> int:
    """Returns how many guesses were possible since a time: the free ones, and one after each wait. The first wait is a
    second, each further one is twice as long.
    """
    return FREE_TRIES + ((milliseconds_now() - began) // 1000 + 1).bit_length() - 1


@on_both_engines
def test_a_hundred_passwords_at_once_are_few_guesses_in_an_open_session(staff: Staff) -> None:
    ana = staff.hire("owner")
    token = open_session(staff.running, ana)
    visitors = [staff.visitor() for _ in range(100)]
    for visitor in visitors:
        visitor.take(token)
    form = {"password": WRONG, "form_token": visitors[0].form_token}
    began = milliseconds_now()
    statuses = fail_at_once(visitors, lambda visitor: visitor.post("/console/account/again", form))
    assert set(statuses) <= {401, 429, 503}
    told = staff.place.events("administrator.sign_in_refused")
    assert statuses.count(401) == len(told)
    assert len(told) <= most_guesses(began)


@on_both_engines
def test_a_hundred_codes_at_once_are_few_guesses(staff: Staff) -> None:
    ana = staff.hire("owner")
    equip(staff.running, ana)
    ceremonies = []
    for _ in range(20):
        visitor = staff.visitor()
        assert visitor.try_to_sign_in(ana.email, PASSWORD).status == 303
        ceremonies.append(visitor.cookies["vestibule-step"])
    visitors = [staff.visitor() for _ in range(100)]
    for number, visitor in enumerate(visitors):
        visitor.keep(ceremonies[number % len(ceremonies)], "vestibule-step")
    guesses = dict(zip(map(id, visitors), ["code", "recovery_code"] * 50, strict=True))
    began = milliseconds_now()
    fail_at_once(visitors, lambda visitor: visitor.post("/console/second-step", {guesses[id(visitor)]: "000000"}))
    told = staff.place.events("administrator.sign_in_refused")
    assert len(told) <= most_guesses(began)


def test_a_flood_of_strangers_is_refused_and_not_endured(staff: Staff) -> None:
    """Of eighty at the same time from one address few wait, whoever they claim to be; a known browser gets in."""
    ana = staff.hire("owner")
    browser = known_browser(staff, ana)
    first = staff.visitor()
    flood = [first, *(staff.visitor(address=first.address) for _ in range(79))]
    form = {"password": WRONG}
    statuses = fail_at_once(
        [*flood, browser],
        lambda visitor: (
            visitor.try_to_sign_in(ana.email, PASSWORD)
            if visitor is browser
            else visitor.post("/console/sign-in", {**form, "email": f"{uuid4().hex}@north.example"})
        ),
    )
    assert statuses[-1] == 303
    assert set(statuses[:-1]) <= {401, 429, 503}


def test_a_right_password_is_not_counted(staff: Staff) -> None:
    ana, visitor = staff.hire("admin"), staff.visitor()
    equip(staff.running, ana)
    for _ in range(FREE_TRIES + 3):
        assert visitor.try_to_sign_in(ana.email, PASSWORD).status == 303, "the second step is not taken each time"
    counted = rows(staff.running, "SELECT failures FROM throttles WHERE name = $1", f"address:{visitor.address}")
    assert counted == [(0,)]


# -- an e-mail in several tenants --------------------------------------------------------------------------------------


def invite_elsewhere(staff: Staff, email: str) -> str:
    """An owner of another tenant invites somebody's e-mail. Returns the path of the link, which they have."""
    other = staff.running.new_tenant()
    hire(staff.running, other.tenant.id, "owner")
    link: str = staff.running.json("admin", "add", email, "--tenant", other.tenant.name)["link"]
    return link.removeprefix(staff.running.url)


def test_an_invitation_elsewhere_changes_nobodys_sign_in(staff: Staff) -> None:
    ana = staff.hire("owner")
    path = invite_elsewhere(staff, ana.email)
    assert staff.visitor().sign_in(ana.email, PASSWORD).path == staff.at("")
    intruder = staff.visitor()
    new = "nine loud lamps under sand"
    intruder.submit(intruder.get(path), "Set password and sign in", {"password": new, "again": new})
    assert staff.visitor().sign_in(ana.email, PASSWORD).path == staff.at(""), "not even when it was accepted"


def test_who_was_invited_first_and_joined_later_comes_second(staff: Staff) -> None:
    email = f"ana.{uuid4().hex[:8]}@north.example"
    path = invite_elsewhere(staff, email)
    staff.hire("owner", email)
    intruder = staff.visitor()
    new = "nine loud lamps under sand"
    intruder.submit(intruder.get(path), "Set password and sign in", {"password": new, "again": new})
    assert staff.visitor().sign_in(email, PASSWORD).path == staff.at("")


def test_a_known_browser_tells_which_tenant_is_meant(staff: Staff) -> None:
    email = f"both.{uuid4().hex[:8]}@north.example"
    staff.hire("auditor", email)
    other = staff.running.new_tenant()
    hire(staff.running, other.tenant.id, "owner", email)
    browser = staff.visitor()
    assert browser.sign_in(email, PASSWORD, other.tenant.name).path == f"/console/{other.tenant.name}/"
    browser.post("/console/sign-out", {"form_token": browser.form_token})
    assert browser.sign_in(email, PASSWORD).path == f"/console/{other.tenant.name}/"
    assert staff.visitor().sign_in(email, PASSWORD).path == staff.at("")
