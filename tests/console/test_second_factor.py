"""The second factor: without it no session, each proof good once, and nothing that leads past it."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.cookies import SimpleCookie

import pyotp
import pytest

from tests.conftest import Running, running_server
from tests.console.conftest import PASSWORD, Staff, hire, in_house, open_session, rows, sql
from tests.console.harmless import check_headers, check_markup
from tests.console.visitor import Page, Visitor, free_port, until
from vestibule.actions import second_factor
from vestibule.endpoints.context import Context
from vestibule.keys import token_check
from vestibule.model import HOUSE, Actor, Administrator, AdministratorRole, new_id
from vestibule.store.database import AllTenants, milliseconds_now
from vestibule.store.factors import Factor, factors_of, insert_factor, take_step

ACCOUNT, STEP = "/console/account", "/console/second-step"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
MINUTE = 60_000
WRONG_CODE = "That code is wrong or was already used. The app shows a new one every 30 seconds."


def code(secret: str = SECRET, *, ahead: int = 0) -> str:
    """What the app shows now, or will show a step later."""
    return pyotp.TOTP(secret).generate_otp(milliseconds_now() // 30_000 + ahead)


def wrong_code(secret: str = SECRET) -> str:
    """Six digits that the app does not show around now."""
    near = {code(secret, ahead=step) for step in range(-3, 4)}
    return next(each for each in map("{:06}".format, range(10)) if each not in near)


def equip(running: Running, administrator: Administrator) -> list[str]:
    """Give somebody an authenticator app with `SECRET`; their recovery codes."""

    async def act(context: Context) -> list[str]:
        async with context.database.write_all_tenants(Actor(HOUSE, "operator", name="test")) as all_tenants:
            sealed = context.checker.seal(SECRET.encode(), second_factor.sealed_for(administrator))
            factor = Factor(new_id(all_tenants.now), "totp", "Old phone", b"", sealed, 0, all_tenants.now, None)
            await insert_factor(all_tenants, administrator, factor)
            return await second_factor.make_codes(all_tenants, administrator, context.checker)

    return running.act(act)


def forget_used_steps(running: Running) -> None:
    """As if half a minute had passed since every code that was used."""
    sql(running, "UPDATE factors SET used_step = 0")


def let_wait_pass(running: Running) -> None:
    sql(running, "UPDATE throttles SET until = 0")


def reach_step(visitor: Visitor, ana: Administrator, to: str = "") -> Page:
    """Give the right password; the page that asks for the second factor."""
    answer = visitor.post("/console/sign-in", {"email": ana.email, "password": PASSWORD, "to": to})
    assert (answer.status, answer.answer.headers["location"]) == (303, STEP)
    assert "vestibule" not in visitor.cookies, "no session before the second factor"
    return visitor.get(STEP)


def give_code(visitor: Visitor, typed: str) -> Page:
    return visitor.post(STEP, {"code": typed})


def is_in(page: Page) -> bool:
    return page.status == 303 and "vestibule=" in page.answer.headers.get("set-cookie", "")


def told(staff: Staff) -> list[str]:
    return [event["type"].removeprefix("administrator.") for event in staff.place.events("administrator.")]


@pytest.fixture
def ana(staff: Staff) -> Administrator:
    """An owner with an authenticator app."""
    ana = staff.hire("owner")
    staff.people["owner"] = ana
    return ana


@pytest.fixture
def codes(staff: Staff, ana: Administrator) -> list[str]:
    """Ana's recovery codes; she has an authenticator app."""
    return equip(staff.running, ana)


# -- adding ------------------------------------------------------------------------------------------------------------


def test_an_authenticator_app_is_added_without_javascript(staff: Staff, owner: Visitor) -> None:
    page = owner.get(ACCOUNT)
    assert "Anybody who learns your password can do everything here that you can" in page.text
    page = owner.submit(page, "Add authenticator app", {"name-totp": "Work phone"})
    check_markup(page)
    assert page.heading == "Add an authenticator app"
    secret = page.copied("the secret").replace(" ", "")
    assert len(page.all("//svg[@class='qr']/rect")) > 100
    assert owner.get(f"{ACCOUNT}/new-factor").copied("the secret").replace(" ", "") == secret

    page = owner.submit(page, "Add authenticator app", {"code": wrong_code(secret)})
    assert (page.status, page.heading) == (400, "Add an authenticator app")
    assert "That code is wrong" in page.problem("code")
    assert page.copied("the secret").replace(" ", "") == secret
    assert "Anybody who learns" in owner.get(ACCOUNT).text, "nothing is in force yet"

    used = code(secret)
    page = owner.submit(page, "Add authenticator app", {"code": used})
    check_markup(page)
    check_headers(page.answer)
    made = page.copied("the recovery codes").split("\n")
    assert len(set(made)) == 10
    assert [row.partition(" |")[0] for row in page.rows()] == ["Work phone"]
    assert "10 of your recovery codes are left" in page.text
    assert not any(each in owner.get(ACCOUNT).source for each in made), "shown once"

    assert told(staff)[-3:] == ["factor_begun", "factor_added", "recovery_codes_made"]
    kept = str([rows(staff.running, f"SELECT * FROM {table}") for table in ("factors", "recovery_codes", "events")])
    log = staff.running.log.read_text()
    for hidden in (secret, *made, *(each.replace("-", "") for each in made)):
        assert hidden not in kept
        assert hidden not in log
    assert owner.get(f"{ACCOUNT}/new-factor").path == ACCOUNT, "the secret is not shown any more"
    other = staff.visitor()
    reach_step(other, staff.people["owner"])
    assert not is_in(give_code(other, used)), "the code that added the app is used"


def test_a_second_factor_brings_no_new_recovery_codes(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, ana))
    page = visitor.submit(visitor.get(ACCOUNT), "Add authenticator app")
    secret = page.copied("the secret").replace(" ", "")
    page = visitor.submit(page, "Add authenticator app", {"code": code(secret)})
    assert page.notice == "The second factor was added."
    assert [row.partition(" |")[0] for row in page.rows()] == ["Old phone", "Authenticator app"]
    other = staff.visitor()
    reach_step(other, ana)
    assert is_in(give_code(other, code(secret, ahead=1))), "either app does"
    other = staff.visitor()
    reach_step(other, ana)
    assert is_in(other.post(STEP, {"recovery_code": codes[0]}))


def test_a_factor_that_is_being_added_belongs_to_one_session_and_ends(staff: Staff, ana: Administrator) -> None:
    here, there = staff.visitor(), staff.visitor()
    for visitor in (here, there):
        visitor.take(open_session(staff.running, ana))
    page = here.submit(here.get(ACCOUNT), "Add authenticator app")
    secret = page.copied("the secret").replace(" ", "")
    assert there.get(f"{ACCOUNT}/new-factor").path == ACCOUNT
    sent = {"code": code(secret), "form_token": there.form_token}
    assert there.post(f"{ACCOUNT}/new-factor", sent).answer.headers["location"] == ACCOUNT
    own = token_check(here.cookies["vestibule"])
    query = "SELECT expires_at FROM ceremonies WHERE token_check = $1"
    assert 14 * MINUTE < rows(staff.running, query, own)[0][0] - milliseconds_now() <= 15 * MINUTE
    sql(staff.running, "UPDATE ceremonies SET expires_at = $2 WHERE token_check = $1", own, milliseconds_now())
    assert here.submit(page, "Add authenticator app", {"code": code(secret)}).path == ACCOUNT
    assert rows(staff.running, "SELECT * FROM factors WHERE administrator_id = $1", ana.id) == []


@pytest.mark.parametrize("name", ["x" * 1_000, "tab\there", "\u202egnirts"])
def test_a_factor_needs_a_name_that_can_be_read(staff: Staff, owner: Visitor, name: str) -> None:
    page = owner.submit(owner.get(ACCOUNT), "Add authenticator app", {"name-totp": name})
    assert page.status == 400
    assert "The name should" in page.problem("name-totp")
    assert "factor_begun" not in told(staff)


def test_nobody_collects_factors(staff: Staff, owner: Visitor) -> None:
    for _ in range(10):
        equip(staff.running, staff.people["owner"])
    page = owner.submit(owner.get(ACCOUNT), "Add authenticator app")
    assert (page.status, page.notice) == (400, "There may be 10 factors. Remove one that you no longer use.")
    page = owner.post(f"{ACCOUNT}/factors", {"form_token": owner.form_token, "kind": "sms"})
    assert page.status == 400


def test_under_a_bare_address_there_are_no_passkeys_and_the_page_says_why(staff: Staff, owner: Visitor) -> None:
    page = owner.get(ACCOUNT)
    assert f"The URL of this one is {staff.running.url}." in page.text
    page = owner.post(f"{ACCOUNT}/factors", {"form_token": owner.form_token, "kind": "webauthn"}, follow=True)
    assert "Passkeys work with the server's host name over https, not with this address." in page.text
    sent = {"form_token": owner.form_token, "answer": "{}"}
    assert owner.post(f"{ACCOUNT}/new-factor", sent).status == 400
    assert rows(staff.running, "SELECT * FROM factors WHERE administrator_id = $1", staff.people["owner"].id) == []


def test_who_comes_from_an_identity_provider_is_asked_for_nothing_here(staff: Staff, owner: Visitor) -> None:
    person = staff.people["owner"]
    sql(staff.running, "UPDATE administrators SET user_id = 'somebody' WHERE id = $1", person.id)
    page = owner.get(ACCOUNT)
    assert "You sign in with your identity provider" in page.text
    assert not page.all("//button[normalize-space()='Add authenticator app']")
    page = owner.post(f"{ACCOUNT}/factors", {"form_token": owner.form_token, "kind": "totp"})
    assert page.status == 403
    assert "Add a second factor there" in page.text
    assert "second factor" not in owner.get(staff.at("")).text
    sql(staff.running, "UPDATE administrators SET user_id = '' WHERE id = $1", person.id)


# -- signing in --------------------------------------------------------------------------------------------------------


def test_no_session_without_the_second_factor(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    del codes
    visitor = staff.visitor()
    page = reach_step(visitor, ana, staff.at("users"))
    check_markup(page)
    check_headers(page.answer)
    assert page.heading == "Second step"
    assert visitor.get(staff.at("")).heading == "Sign in"
    assert told(staff)[-1] == "second_factor_awaited"

    page = give_code(visitor, wrong_code())
    assert (page.status, page.problem("code")) == (401, WRONG_CODE)
    assert "set-cookie" not in page.answer.headers
    refused = staff.place.events("administrator.sign_in_refused")[-1]["data"]
    assert refused == {"email": ana.email, "reason": "the password was right, the code was not"}

    page = give_code(visitor, f" {code()[:3]} {code()[3:]} ")
    assert page.answer.headers["location"] == staff.at("users")
    assert set(visitor.cookies) == {"vestibule", "vestibule-known"}, "the cookie of the second step is thrown away"
    assert visitor.get(staff.at("users")).heading == "Users"
    assert told(staff)[-1] == "signed_in"
    assert "just now" in visitor.get(ACCOUNT).rows()[0]


def test_the_cookie_of_the_second_step_opens_nothing_and_does_not_last(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    del codes
    visitor = staff.visitor()
    answer = visitor.try_to_sign_in(ana.email, PASSWORD)
    (morsel,) = SimpleCookie(answer.answer.headers["set-cookie"]).values()
    assert (morsel.key, morsel["max-age"]) == ("vestibule-step", "300")
    assert (morsel["httponly"], morsel["samesite"].lower(), morsel["path"]) == (True, "strict", "/")
    assert len(morsel.value.partition(".")[2]) >= 43
    thief = staff.visitor()
    thief.take(morsel.value)
    assert thief.get(staff.at("")).heading == "Sign in", "it is no session"
    kept = rows(staff.running, "SELECT * FROM ceremonies WHERE administrator_id = $1", ana.id)
    assert morsel.value.partition(".")[2] not in str(kept)


def test_the_second_step_belongs_to_the_browser_that_gave_the_password(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    del codes
    reach_step(staff.visitor(), ana)
    before = staff.count_events()
    session = staff.signed_in("auditor").cookies["vestibule"]
    for cookie in ("", "x", ".", "x" * 300, "%00.%00", f"{ana.tenant_id}.{'x' * 43}", session):
        other = staff.visitor()
        if cookie:
            other.keep(cookie, "vestibule-step")
        page = other.get(STEP)
        assert (page.heading, page.notice) == (
            "Sign in",
            "The second factor took too long, or was wrong too often. Sign in again.",
        )
        assert give_code(other, code()).answer.headers["location"] == "/console/sign-in?done=step-over"
    assert staff.count_events() == before + 1, "the auditor's sign-in"


def test_a_session_that_adds_an_app_is_no_second_step(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    """Both are ceremonies; neither is good for the other."""
    visitor = staff.visitor()
    token = open_session(staff.running, ana)
    visitor.take(token)
    visitor.submit(visitor.get(ACCOUNT), "Add authenticator app")
    thief = staff.visitor()
    thief.keep(token, "vestibule-step")
    assert thief.get(STEP).heading == "Sign in"
    assert not is_in(give_code(thief, code()))
    assert not is_in(thief.post(STEP, {"recovery_code": codes[0]}))


def test_the_second_step_has_five_minutes(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    visitor = staff.visitor()
    reach_step(visitor, ana)
    own = token_check(visitor.cookies["vestibule-step"])
    move = "UPDATE ceremonies SET expires_at = $2 WHERE token_check = $1"
    left = rows(staff.running, "SELECT expires_at FROM ceremonies WHERE token_check = $1", own)[0][0]
    assert 4 * MINUTE < left - milliseconds_now() <= 5 * MINUTE
    sql(staff.running, move, own, milliseconds_now())
    assert visitor.get(STEP).heading == "Sign in"
    assert not is_in(give_code(visitor, code()))
    assert not is_in(visitor.post(STEP, {"recovery_code": codes[0]}))
    reach_step(staff.visitor(), ana)
    assert rows(staff.running, "SELECT 1 FROM ceremonies WHERE token_check = $1", own) == [], "what is over is cleared"


def test_a_second_step_is_taken_once(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    visitor = staff.visitor()
    reach_step(visitor, ana)
    cookie = visitor.cookies["vestibule-step"]
    assert is_in(give_code(visitor, code()))
    thief = staff.visitor()
    thief.keep(cookie, "vestibule-step")
    assert not is_in(thief.post(STEP, {"recovery_code": codes[0]}))
    assert thief.get(STEP).heading == "Sign in"


def test_locked_out_meanwhile(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    del codes
    visitor = staff.visitor()
    reach_step(visitor, ana)
    sql(staff.running, "UPDATE administrators SET disabled_at = 1 WHERE id = $1", ana.id)
    assert not is_in(give_code(visitor, code()))
    assert visitor.get(STEP).heading == "Sign in"


def test_the_wrong_password_says_nothing_of_a_second_factor(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    del codes
    plain = staff.hire("owner")
    pages = [staff.visitor().try_to_sign_in(each.email, "eight loud lamps") for each in (ana, plain)]
    sources = {page.source.replace(ana.email, "").replace(plain.email, "") for page in pages}
    assert (len(sources), {page.status for page in pages}) == (1, {401})
    assert {"set-cookie" in page.answer.headers for page in pages} == {False}


def test_a_form_with_nothing_in_it_is_no_try(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    del codes
    visitor = staff.visitor()
    reach_step(visitor, ana)
    before = staff.count_events()
    assert visitor.post(STEP, {"code": " ", "recovery_code": ""}).heading == "Second step"
    assert staff.count_events() == before


# -- each once ---------------------------------------------------------------------------------------------------------


def test_a_code_is_taken_once_and_then_only_later_ones(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    del codes
    now, later = code(), code(ahead=1)
    first, second = staff.visitor(), staff.visitor()
    for visitor in (first, second):
        reach_step(visitor, ana)
    assert is_in(give_code(first, later))
    for used in (later, now):
        page = give_code(second, used)
        assert (page.status, page.problem("code")) == (401, WRONG_CODE)
    forget_used_steps(staff.running)
    assert is_in(give_code(second, later))


def test_a_step_is_compared_and_set_in_one(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    """Whoever read the row before somebody else used it comes too late."""
    del codes

    async def act(all_tenants: AllTenants) -> list[bool]:
        (factor,) = await factors_of(all_tenants, ana)
        return [await take_step(all_tenants, ana, factor, step) for step in (7, 7, 6, 8, 8)]

    assert in_house(staff.running, act) == [True, False, False, True, False]


@pytest.fixture(scope="module")
def nodes(running: Running, engine: str) -> Iterator[list[str]]:
    """The server, and on PostgreSQL a second one on the same database."""
    with ExitStack() as opened:
        urls = [running.url]
        if engine == "postgres":
            port = str(free_port())
            opened.enter_context(running_server(running.settings, "--port", port, "--base-url", running.url))
            urls.append(f"http://127.0.0.1:{port}")
        yield urls


@pytest.mark.parametrize("field", ["code", "recovery_code"])
def test_of_many_at_once_on_every_node_one_gets_in(
    staff: Staff, ana: Administrator, codes: list[str], nodes: list[str], field: str
) -> None:
    with ExitStack() as opened:
        visitors = [opened.enter_context(Visitor(nodes[number % len(nodes)])) for number in range(10)]
        for visitor in visitors:
            reach_step(visitor, ana)
        proof = {field: {"code": code(), "recovery_code": codes[0]}[field]}
        with ThreadPoolExecutor(len(visitors)) as pool:
            pages = list(pool.map(lambda visitor: visitor.post(STEP, proof), visitors))
    assert [is_in(page) for page in pages].count(True) == 1
    assert told(staff).count("signed_in") == 1
    assert {page.status for page in pages} <= {303, 401, 429}


# -- recovery codes ----------------------------------------------------------------------------------------------------


def test_each_recovery_code_works_once(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    typed = [codes[0], codes[1].upper(), codes[2].replace("-", " "), codes[3].replace("0", "O").replace("1", "l")]
    for left, each in zip((9, 8, 7, 6), typed, strict=True):
        visitor = staff.visitor()
        reach_step(visitor, ana)
        assert is_in(visitor.post(STEP, {"recovery_code": each}))
        assert staff.place.events("administrator.recovery_code_used")[-1]["data"] == {
            "subject": ana.email,
            "left": left,
        }
    visitor = staff.visitor()
    reach_step(visitor, ana)
    page = visitor.post(STEP, {"recovery_code": codes[0]})
    assert (page.status, page.problem("recovery_code")) == (
        401,
        "That recovery code is wrong or was already used.",
    )
    assert page.one("//details").get("open") is not None
    assert is_in(visitor.post(STEP, {"recovery_code": codes[4]}))
    assert "5 of your recovery codes are left." in visitor.get(ACCOUNT).text
    page = visitor.get(staff.at("activity"), what="administrators")
    assert f"{ana.email} used a recovery code; 5 are left" in page.timeline()


def test_new_recovery_codes_void_the_old(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, ana))
    page = visitor.submit(visitor.get(ACCOUNT), "Make new recovery codes")
    new = page.copied("the recovery codes").split("\n")
    assert (len(new), set(new) & set(codes)) == (10, set())
    assert told(staff)[-1] == "recovery_codes_made"
    other = staff.visitor()
    reach_step(other, ana)
    assert not is_in(other.post(STEP, {"recovery_code": codes[0]}))
    assert is_in(other.post(STEP, {"recovery_code": new[0]}))


def test_a_recovery_code_is_good_for_its_own_administrator_alone(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    del ana
    other = staff.hire("owner")
    equip(staff.running, other)
    visitor = staff.visitor()
    reach_step(visitor, other)
    assert not is_in(visitor.post(STEP, {"recovery_code": codes[0]}))


# -- what slows down guessing ------------------------------------------------------------------------------------------


def test_after_five_wrong_tries_the_password_is_asked_for_again(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    visitor = staff.visitor()
    reach_step(visitor, ana)
    for _ in range(4):
        assert give_code(visitor, wrong_code()).status == 401
    page = visitor.post(STEP, {"code": wrong_code()}, follow=True)
    assert (page.heading, page.notice) == (
        "Sign in",
        "The second factor took too long, or was wrong too often. Sign in again.",
    )
    assert not is_in(visitor.post(STEP, {"recovery_code": codes[0]}))
    assert told(staff).count("sign_in_refused") == 5


def test_wrong_codes_have_to_wait_however_often_the_password_is_given(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    del codes
    query = "SELECT failures, until - last_at FROM throttles WHERE name = $1"
    for count in range(1, 13):
        visitor = staff.visitor()
        reach_step(visitor, ana)
        let_wait_pass(staff.running)
        assert give_code(visitor, wrong_code()).status == 401
        failures, wait = rows(staff.running, query, f"second:{ana.tenant_id}:{ana.id}")[0]
        assert (failures, wait) == (count, 1000 << count - 5 if count >= 5 else 0)
    visitor = staff.visitor()
    reach_step(visitor, ana)
    page = give_code(visitor, code())
    check_markup(page)
    check_headers(page.answer)
    assert page.status == 429
    assert int(page.answer.headers["retry-after"]) >= 1
    assert "Too many failed attempts" in page.notice
    let_wait_pass(staff.running)
    assert is_in(give_code(visitor, code()))
    assert rows(staff.running, query, f"second:{ana.tenant_id}:{ana.id}") == [], "success counts from the start"


def test_right_passwords_do_not_clear_what_wrong_passwords_counted(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    """Only who gets in has proved to be the one: the count of the e-mail stands until then."""
    del codes
    for _ in range(4):
        assert staff.visitor().try_to_sign_in(ana.email, "eight loud lamps over").status == 401
    visitor = staff.visitor()
    reach_step(visitor, ana)
    query = "SELECT failures FROM throttles WHERE name LIKE 'email:%' ORDER BY last_at DESC"
    assert rows(staff.running, query)[0] == (4,)
    assert is_in(give_code(visitor, code()))
    assert (4,) not in rows(staff.running, f"{query} LIMIT 1")


# -- changing how one signs in -----------------------------------------------------------------------------------------


CHANGES: list[Callable[[str], tuple[str, dict[str, str]]]] = [
    lambda _factor: (f"{ACCOUNT}/factors", {"kind": "totp", "name-totp": ""}),
    lambda factor: (f"{ACCOUNT}/factors/{factor}/remove", {}),
    lambda _factor: (f"{ACCOUNT}/recovery-codes", {}),
]


@pytest.mark.parametrize("change", CHANGES, ids=["add", "remove", "codes"])
def test_only_a_fresh_session_changes_how_one_signs_in(
    staff: Staff, ana: Administrator, codes: list[str], change: Callable[[str], tuple[str, dict[str, str]]]
) -> None:
    del codes
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, ana))
    old = visitor.cookies["vestibule"]
    factor = rows(staff.running, "SELECT id FROM factors WHERE administrator_id = $1", ana.id)[0][0]
    path, form = change(factor)
    age = "UPDATE sessions SET created_at = $2 WHERE token_check = $1"
    sql(staff.running, age, token_check(old), milliseconds_now() - 5 * MINUTE - 1)
    before = staff.count_events()
    page = visitor.post(path, {**form, "form_token": visitor.form_token}, follow=True)
    assert (page.heading, page.path.partition("?")[0]) == ("Confirm that it is you", f"{ACCOUNT}/again")
    assert staff.count_events() == before
    check_markup(page)

    page = visitor.submit(page, "Confirm password", {"password": "eight loud lamps over"})
    assert (page.status, page.problem("password")) == (401, "That is not your password.")
    assert told(staff)[-1] == "sign_in_refused"
    page = visitor.submit(page, "Confirm password", {"password": PASSWORD})
    assert page.heading == "Second step", "the password alone does not do it"
    assert visitor.get(staff.at("")).heading == "Overview", "the session goes on meanwhile"
    page = visitor.submit(page, "Check code", {"code": code()})
    if form:
        assert page.heading == "Send the form"
    else:
        assert page.notice == "Confirmed. For the next five minutes you can change how you sign in."
    assert visitor.cookies["vestibule"] != old
    assert rows(staff.running, "SELECT 1 FROM sessions WHERE token_check = $1", token_check(old)) == []
    page = visitor.post(path, {**form, "form_token": visitor.form_token})
    assert page.status in {200, 303}
    assert not page.answer.headers.get("location", "").startswith(f"{ACCOUNT}/again")
    assert staff.count_events() > before + 3


def test_without_a_factor_the_password_confirms(staff: Staff, owner: Visitor) -> None:
    old = owner.cookies["vestibule"]
    age = "UPDATE sessions SET created_at = $2 WHERE token_check = $1"
    sql(staff.running, age, token_check(old), milliseconds_now() - 5 * MINUTE - 1)
    page = owner.submit(owner.get(ACCOUNT), "Add authenticator app")
    page = owner.submit(page, "Confirm password", {"password": PASSWORD})
    assert page.heading == "Send the form"
    assert rows(staff.running, "SELECT 1 FROM sessions WHERE token_check = $1", token_check(old)) == []
    assert owner.submit(page, "Send form").heading == "Add an authenticator app"


def test_confirming_is_slowed_down_like_signing_in(staff: Staff) -> None:
    owner = staff.signed_in_with_form("owner")
    form, wrong = owner.get(f"{ACCOUNT}/again"), {"password": "eight loud lamps over"}
    page = until(lambda: owner.submit(form, "Confirm password", wrong), lambda page: page.status != 401, looks=12)
    assert page.status == 429
    assert int(page.answer.headers["retry-after"]) >= 1
    assert staff.visitor().try_to_sign_in(staff.people["owner"].email, PASSWORD).status == 303, "nobody else waits"


def test_without_its_last_factor_an_account_has_no_recovery_codes(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    del codes
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, ana))
    page = visitor.submit(visitor.get(ACCOUNT), "Remove")
    assert page.notice == "The second factor was removed."
    assert "Anybody who learns your password" in page.text
    assert rows(staff.running, "SELECT 1 FROM recovery_codes WHERE administrator_id = $1", ana.id) == []
    assert told(staff)[-1] == "factor_removed"
    page = visitor.post(f"{ACCOUNT}/recovery-codes", {"form_token": visitor.form_token})
    assert page.status == 403
    staff.visitor().sign_in(ana.email, PASSWORD)


def test_nobody_removes_somebody_elses_factor(staff: Staff, owner: Visitor, ana: Administrator) -> None:
    other = staff.hire("admin")
    equip(staff.running, other)
    factor = rows(staff.running, "SELECT id FROM factors WHERE administrator_id = $1", other.id)[0][0]
    before = staff.count_events()
    for wanted in (factor, "nobody", "%00'", "%ff"):
        owner.post(f"{ACCOUNT}/factors/{wanted}/remove", {"form_token": owner.form_token})
    assert staff.count_events() == before
    assert rows(staff.running, "SELECT 1 FROM factors WHERE administrator_id = $1", other.id) == [(1,)]
    assert ana.id != other.id


# -- nothing leads past it ---------------------------------------------------------------------------------------------


def test_a_new_password_through_a_link_does_not_lead_past_it(
    staff: Staff, ana: Administrator, codes: list[str]
) -> None:
    begun = staff.visitor()
    reach_step(begun, ana)
    link = staff.running.json("admin", "add", ana.email, "--tenant", staff.place.tenant.name)["link"]
    visitor = staff.visitor()
    page = visitor.get(link.removeprefix(staff.running.url))
    new = "nine loud lamps under sand"
    page = visitor.submit(page, "Set password and sign in", {"password": new, "again": new})
    assert page.heading == "Second step"
    assert set(visitor.cookies) == {"vestibule-step"}
    assert not is_in(begun.post(STEP, {"recovery_code": codes[0]})), "what the old password began is over"
    assert is_in(give_code(visitor, code()))


def test_an_operator_resets_who_lost_everything(staff: Staff, ana: Administrator, codes: list[str]) -> None:
    other = staff.hire("owner")
    equip(staff.running, other)
    visitor, begun = staff.visitor(), staff.visitor()
    visitor.take(open_session(staff.running, ana))
    reach_step(begun, ana)
    where = ("--tenant", staff.place.tenant.name)
    shown = staff.running.json("admin", "reset-factors", ana.email.upper(), *where)
    assert (shown["email"], shown["factors_removed"]) == (ana.email, 1)
    event = staff.place.events()[-1]
    assert (event["type"], event["data"]) == ("administrator.factors_reset", {"subject": ana.email, "removed": 1})
    assert event["actor"] == {"kind": "operator", "name": "command line"}
    assert visitor.get(staff.at("")).heading == "Sign in", "their sessions are over"
    assert begun.get(STEP).heading == "Sign in"
    assert not is_in(begun.post(STEP, {"recovery_code": codes[0]}))
    page = staff.visitor().sign_in(ana.email, PASSWORD)
    assert "You sign in with a password alone. Add a second factor" in page.text
    reach_step(staff.visitor(), other)

    refused = staff.running.verb("admin", "reset-factors", "nobody@north.example", *where, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("vestibule: There is no administrator nobody@north.example there.")
    said = staff.running.verb("admin", "reset-factors", ana.email, *where).stdout
    assert said.startswith("Removed 0 second factors.\n")


def test_an_operator_has_an_account_too(staff: Staff) -> None:
    operator = hire(staff.running, HOUSE, "operator")
    equip(staff.running, operator)
    visitor = staff.visitor()
    reach_step(visitor, operator)
    assert is_in(give_code(visitor, code()))
    page = visitor.get(ACCOUNT)
    assert operator.email in page.text
    assert "Activity" in page.source
    staff.running.verb("admin", "reset-factors", operator.email, "--operator")
    assert visitor.get(ACCOUNT).heading == "Sign in"
    newest = rows(staff.running, "SELECT type FROM events WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1", HOUSE)
    assert newest == [("administrator.factors_reset",)]


# -- one quiet line ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "invited"), [("auditor", False), ("admin", True), ("owner", True)])
def test_who_can_change_things_is_invited_to_add_a_factor(staff: Staff, role: AdministratorRole, invited: bool) -> None:
    visitor = staff.signed_in(role)
    line = "You sign in with a password alone."
    assert (line in visitor.get(staff.at("")).text) == invited
    equip(staff.running, staff.people[role])
    assert line not in visitor.get(staff.at("")).text
    assert visitor.get(staff.at("")).link("My account") == ACCOUNT


def test_pages_are_for_nobody_to_keep(staff: Staff, owner: Visitor) -> None:
    owner.submit(owner.get(ACCOUNT), "Add authenticator app")
    for path in (ACCOUNT, f"{ACCOUNT}/again", f"{ACCOUNT}/new-factor"):
        page = owner.get(path)
        check_headers(page.answer)
        check_markup(page)
        assert len(page.source) < 100_000
        assert re.search(staff.place.tenant.title, page.source), "the tenant's places stand beside it"
