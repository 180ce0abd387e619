"""Signing in with a second factor: without it there is no session, and each proof is good once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.cookies import SimpleCookie

import pytest

from tests.conftest import Running, on_both_engines, running_server
from tests.console.conftest import PASSWORD, Staff, equip, in_house, open_session, rows, sql
from tests.console.harmless import check_headers, check_markup
from tests.console.second_factors import (
    ACCOUNT,
    STEP,
    WRONG_CODE,
    code,
    forget_used_steps,
    give_code,
    is_in,
    let_wait_pass,
    reach_step,
    told,
    wrong_code,
)
from tests.console.visitor import Visitor, free_port
from vestibule.keys import token_check
from vestibule.model import Administrator
from vestibule.store.database import AllTenants, milliseconds_now
from vestibule.store.factors import factors_of, take_step

MINUTE = 60_000


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
    """Who read the row before somebody else used it is too late."""
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


@on_both_engines
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
