"""Signing in and out: what is wrong is told to nobody, guessing is slowed down, and a session ends when it should."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from uuid import uuid4

import httpx2
import pytest

from tests.conftest import PLAIN, Running, running_server
from tests.console.conftest import PASSWORD, Staff, hire, in_house, open_session, rows, sql
from tests.console.harmless import check_headers, check_markup
from tests.console.visitor import Page, Visitor, free_port
from vestibule.actions.administrator_sign_in import Candidate, still_right
from vestibule.keys import token_check
from vestibule.model import HOUSE
from vestibule.settings import Settings
from vestibule.store.database import AllTenants, milliseconds_now

MINUTE = 60_000
OF_ADMINISTRATOR = "SELECT token_check FROM sessions WHERE administrator_id = $1"
WRONG = "eight quiet lamps over water"


def said(page: Page, email: str) -> tuple[int, str, dict[str, str]]:
    """An answer without what was typed and what differs from one moment to the next."""
    headers = {name: value for name, value in page.answer.headers.items() if name not in {"date", "content-length"}}
    return page.status, page.source.replace(email, "EMAIL"), headers


def cookie_set(answer: httpx2.Response, name: str) -> "Morsel[str]":
    """The cookie of that name that an answer sets."""
    (sent,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith(f"{name}=")]
    return SimpleCookie(sent)[name]


def session_of(visitor: Visitor) -> bytes:
    return token_check(visitor.cookies["vestibule"])


def move(staff: Staff, visitor: Visitor, **times: int) -> None:
    """Let a session have been seen, or end, at another instant."""
    for column, instant in times.items():
        statement = f"UPDATE sessions SET {column} = $2 WHERE token_check = $1"
        assert sql(staff.running, statement, session_of(visitor), instant) == 1


# -- who gets in -------------------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_looks_the_same(staff: Staff) -> None:
    known, disabled, invited = (staff.hire("admin", f"{name}.{uuid4().hex[:8]}@north.example") for name in "abc")
    change = "UPDATE administrators SET {} WHERE tenant_id = $1 AND id = $2"
    sql(staff.running, change.format("disabled_at = 1"), disabled.tenant_id, disabled.id)
    sql(staff.running, change.format("password_hash = ''"), invited.tenant_id, invited.id)
    wrong = [
        (known.email, WRONG),
        (known.email, ""),
        (known.email, PASSWORD + "\t"),
        (disabled.email, PASSWORD),
        (disabled.email, WRONG),
        (invited.email, PASSWORD),
        (invited.email, ""),
        (f"nobody.{uuid4().hex[:8]}@north.example", PASSWORD),
        ("not an e-mail", PASSWORD),
    ]
    answers = set()
    for email, password in wrong:
        page = staff.visitor().try_to_sign_in(email, password)
        check_markup(page)
        check_headers(page.answer)
        assert page.value("email") == email, "what was typed stays"
        assert page.value("password") == ""
        assert "set-cookie" not in page.answer.headers
        status, source, headers = said(page, email)
        answers.add((status, source, tuple(sorted(headers.items()))))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_a_refused_sign_in_is_told_where_somebody_could_have_been_meant(staff: Staff, owner: Visitor) -> None:
    staff.visitor().try_to_sign_in(staff.people["owner"].email, WRONG)
    stranger = f"stranger.{uuid4().hex[:8]}@south.example"
    staff.visitor().try_to_sign_in(stranger, WRONG)
    told = staff.place.events("administrator.sign_in_refused")
    assert [event["data"]["email"] for event in told] == [staff.people["owner"].email]
    page = owner.get(staff.at("activity"), what="administrators")
    assert page.timeline()[0] == (f"A sign-in as {staff.people['owner'].email} was refused: the password did not match")
    everything = rows(staff.running, "SELECT data FROM events WHERE tenant_id = $1", HOUSE)
    assert stranger not in str(everything) + staff.running.log.read_text()


def test_an_email_of_two_tenants_is_told_apart_by_the_tenant_name(staff: Staff) -> None:
    """Without one it is of whoever was here first."""
    email = f"both.{uuid4().hex[:8]}@north.example"
    other = staff.running.new_tenant()
    staff.hire("auditor", email)
    hire(staff.running, other.tenant.id, "owner", email.upper())
    assert staff.visitor().sign_in(email, PASSWORD).path == staff.at("")
    page = staff.visitor().try_to_sign_in(email, WRONG)
    assert page.status == 401
    assert "tenant name" in page.text
    assert staff.visitor().try_to_sign_in(email, PASSWORD, "nobodys-tenant").status == 401
    assert staff.visitor().sign_in(email, PASSWORD, staff.place.tenant.name).path == staff.at("")
    assert staff.visitor().sign_in(email, PASSWORD, other.tenant.name).path == f"/console/{other.tenant.name}/"


def test_the_case_of_an_email_and_blanks_around_it_do_not_matter(staff: Staff) -> None:
    ana = staff.hire("auditor")
    assert staff.visitor().try_to_sign_in(f"  {ana.email.upper()} ", PASSWORD).status == 303


def test_whoever_was_on_their_way_gets_there(staff: Staff) -> None:
    ana, visitor = staff.hire("auditor"), staff.visitor()
    page = visitor.get(staff.at("activity"))
    assert page.heading == "Sign in"
    page = visitor.submit(page, "Sign in", {"email": ana.email, "password": PASSWORD})
    assert (page.status, page.path) == (200, staff.at("activity"))


@pytest.mark.parametrize(
    "to",
    [
        "//south.example/",
        "https://south.example/",
        "http:south.example",
        "/\\south.example/",
        "\\\\south.example",
        "/console/\\..\\..\\\\south.example",
        "/console//south.example",
        "/console/..//south.example",
        "javascript:alert(1)",
        "/console/\r\nset-cookie: a=b",
        "/console/\tx",
        " /console/",
        "console/",
        "/",
        "/console/sign-out",
        "/console/sign-in?to=/console/",
        "data:text/html,x",
        "@south.example/console/",
    ],
)
def test_nobody_is_sent_elsewhere(staff: Staff, to: str) -> None:
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, staff.hire("auditor")))
    page = visitor.get("/console/sign-in", False, to=to)
    assert (page.status, page.answer.headers["location"]) == (303, "/console/")
    ana = staff.hire("auditor")
    page = staff.visitor().post("/console/sign-in", {"email": ana.email, "password": PASSWORD, "to": to})
    assert (page.status, page.answer.headers["location"]) == (303, "/console/")


# -- what slows down guessing ------------------------------------------------------------------------------------------


def throttle(staff: Staff, prefix: str) -> list[tuple[int, int, int]]:
    """(failures, until, last_at) of what was counted last under a kind of name."""
    query = f"SELECT failures, until, last_at FROM throttles WHERE name LIKE '{prefix}%' ORDER BY last_at DESC"
    return [(row[0], row[1], row[2]) for row in rows(staff.running, query)]


def let_wait_pass(staff: Staff) -> None:
    sql(staff.running, "UPDATE throttles SET until = 0")


def fail_until_told_to_wait(email: str, visitor: Callable[[], Visitor]) -> tuple[int, Page]:
    """How many tries were answered before one had to wait, and that answer. The first wait is a second, so on a slow
    machine a try may come after it; the waits double.
    """
    for tries in range(12):
        page = visitor().try_to_sign_in(email, WRONG)
        if page.status != 401:
            return tries, page
    raise AssertionError("nobody was told to wait")


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_after_five_failures_an_email_has_to_wait(staff: Staff, known: bool) -> None:
    """From wherever they come; and nothing tells whether the e-mail is known."""
    email = staff.hire("admin").email if known else f"nobody.{uuid4().hex[:8]}@north.example"
    tries, page = fail_until_told_to_wait(email, staff.visitor)
    assert tries >= 5
    assert page.status == 429
    seconds = page.answer.headers["retry-after"]
    assert seconds.isdigit()
    assert int(seconds) >= 1
    assert f"Too many failed attempts. Try again in {seconds} second" in page.text
    check_markup(page)
    check_headers(page.answer)
    assert page.value("email") == email
    if known:
        assert staff.visitor().try_to_sign_in(email, PASSWORD).status == 429, "the right password has to wait as well"
        let_wait_pass(staff)
        assert staff.visitor().try_to_sign_in(email, PASSWORD).status == 303
        for _ in range(4):
            assert staff.visitor().try_to_sign_in(email, WRONG).status == 401, "success counts from the start again"
        assert staff.visitor().try_to_sign_in(email, PASSWORD).status == 303


def test_each_wait_is_twice_the_one_before_up_to_a_quarter_of_an_hour(staff: Staff) -> None:
    email = staff.hire("admin").email
    waits = []
    for _ in range(17):
        assert staff.visitor().try_to_sign_in(email, WRONG).status == 401
        failures, until, last_at = throttle(staff, "email:")[0]
        waits.append((failures, max(0, until - last_at)))
        let_wait_pass(staff)
    doubled = [1000 << step for step in range(10)]
    assert waits == [
        *((n, 0) for n in range(1, 5)),
        *zip(range(5, 15), doubled, strict=True),
        *((n, 900_000) for n in (15, 16, 17)),
    ]


def test_an_address_that_fails_often_has_to_wait_whatever_the_email(staff: Staff) -> None:
    visitor = staff.visitor()
    assert visitor.try_to_sign_in(f"{uuid4().hex}@north.example", WRONG).status == 401
    name = f"address:{visitor.address}"
    assert sql(staff.running, "UPDATE throttles SET failures = 49 WHERE name = $1", name) == 1
    tries, page = fail_until_told_to_wait(f"{uuid4().hex}@north.example", lambda: visitor)
    assert (tries >= 1, page.status) == (True, 429)
    ana = staff.hire("admin")
    sql(staff.running, "UPDATE throttles SET until = $2 WHERE name = $1", name, milliseconds_now() + MINUTE)
    assert visitor.try_to_sign_in(ana.email, PASSWORD).status == 429
    assert staff.visitor().try_to_sign_in(ana.email, PASSWORD).status == 303, "from elsewhere nobody waits"


def test_a_burst_is_slowed_down_as_well(staff: Staff) -> None:
    """Forty tries at once are not forty guesses: those that wait for their turn are judged when it comes."""
    email = staff.hire("admin").email
    visitors = [staff.visitor() for _ in range(40)]
    for visitor in visitors:
        visitor.get("/healthz")
    with ThreadPoolExecutor(len(visitors)) as pool:
        form = {"email": email, "password": WRONG}
        pages = list(pool.map(lambda visitor: visitor.post("/console/sign-in", form), visitors))
    judged = sum(page.status == 401 for page in pages)
    assert {page.status for page in pages} <= {401, 429, 503}
    assert all(page.answer.headers["retry-after"].isdigit() for page in pages if page.status != 401)
    assert throttle(staff, "email:")[0][0] == judged, "every failure is counted"
    assert judged <= 10


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_the_cookie_is_for_this_host_and_no_script(staff: Staff) -> None:
    page = staff.visitor().try_to_sign_in(staff.hire("auditor").email, PASSWORD)
    morsel = cookie_set(page.answer, "vestibule")
    assert (morsel["httponly"], morsel["samesite"].lower(), morsel["path"]) == (True, "lax", "/")
    assert morsel["domain"] == morsel["max-age"] == morsel["expires"] == ""
    assert len(morsel.value.partition(".")[2]) >= 43, "256 bits"
    kept = rows(staff.running, "SELECT * FROM sessions WHERE tenant_id = $1", staff.place.tenant.id)
    assert morsel.value.partition(".")[2] not in str(kept), "what is kept opens nothing"


@dataclass
class Https:
    """A server that people reach under https, through something in front of it."""

    server: Running
    client: httpx2.Client
    host: str


@pytest.fixture(scope="module")
def https(engine: str, new_database: Callable[[str], Settings]) -> Iterator[Https]:
    host, port = "vestibule.north.example", free_port()
    settings = new_database(engine)
    headers = {"host": host, "origin": f"https://{host}", "sec-fetch-site": "same-origin"}
    with (
        running_server(settings, "--port", str(port), VESTIBULE_BASE_URL=f"https://{host}") as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, **PLAIN) as client,
    ):
        yield Https(server, client, host)


def test_under_https_the_cookie_is_bound_to_the_host(https: Https) -> None:
    place = https.server.new_tenant()
    form = {"email": hire(https.server, place.tenant.id, "auditor").email, "password": PASSWORD}
    answer = https.client.post("/console/sign-in", data=form)
    assert answer.status_code == 303
    known = cookie_set(answer, "__Host-vestibule-known")
    assert (known["secure"], known["httponly"], known["path"], known["domain"]) == (True, True, "/", "")
    morsel = cookie_set(answer, "__Host-vestibule")
    assert (morsel["secure"], morsel["httponly"], morsel["path"], morsel["domain"]) == (True, True, "/", "")
    assert morsel["samesite"].lower() == "lax"
    cookie = {"cookie": f"{morsel.key}={morsel.value}"}
    page = Page(https.client.get(f"/console/{place.tenant.name}/tenant", headers=cookie))
    assert page.copied("the SCIM URL") == f"https://{https.host}/scim/v2/{place.tenant.name}"
    plain = https.client.get(f"/console/{place.tenant.name}/", headers={"cookie": f"vestibule={morsel.value}"})
    assert plain.status_code == 303, "a cookie without the prefix could come from another host"


def test_under_https_signing_out_throws_the_cookie_away(https: Https) -> None:
    place = https.server.new_tenant()
    token = open_session(https.server, hire(https.server, place.tenant.id, "auditor"))
    cookie = {"cookie": f"__Host-vestibule={token}"}
    page = Page(https.client.get(f"/console/{place.tenant.name}/", headers=cookie))
    form = {"form_token": str(page.all("//input[@name='form_token']")[0].get("value"))}
    answer = https.client.post("/console/sign-out", data=form, headers=cookie)
    (gone,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (gone.key, gone["max-age"], gone["path"]) == ("__Host-vestibule", "0", "/")
    assert gone["secure"] is True, "browsers keep a __Host- cookie that is thrown away without Secure"


@pytest.mark.parametrize("path", ["/", "/console/", "/console/sign-in", "/healthz", "/setup/x", "/nothing"])
def test_under_https_browsers_are_told_to_stay_there(https: Https, path: str) -> None:
    answer = https.client.get(path)
    check_headers(answer)
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_signing_in_makes_a_fresh_session_each_time(staff: Staff) -> None:
    ana, visitor = staff.hire("auditor"), staff.visitor()
    visitor.sign_in(ana.email, PASSWORD)
    first, form_token = session_of(visitor), visitor.form_token
    visitor.post("/console/sign-in", {"email": ana.email, "password": PASSWORD})
    assert session_of(visitor) != first
    assert visitor.form_token != form_token


def test_a_fresh_session_takes_the_place_of_the_one_before(staff: Staff) -> None:
    noor = staff.hire("admin")
    visitor, elsewhere = staff.visitor(), staff.visitor()
    for each in (elsewhere, visitor):
        each.sign_in(noor.email, PASSWORD)
    before = session_of(visitor)
    # Who is signed in is led past the form; a second tab may have it open still.
    assert visitor.post("/console/sign-in", {"email": noor.email, "password": PASSWORD, "to": ""}).status == 303
    kept = {bytes(row[0]) for row in rows(staff.running, OF_ADMINISTRATOR, noor.id)}
    assert kept == {session_of(visitor), session_of(elsewhere)}
    assert before not in kept


@pytest.mark.parametrize("change", ["disabled_at = 1", "password_hash = 'another'"])
def test_what_was_taken_while_the_password_was_checked_is_seen(staff: Staff, change: str) -> None:
    """Hashing takes long on purpose."""
    noor = staff.hire("admin")
    kept = rows(staff.running, "SELECT password_hash FROM administrators WHERE id = $1", noor.id)[0][0]

    async def look(all_tenants: AllTenants) -> bool:
        return await still_right(all_tenants, Candidate(noor, kept))

    assert in_house(staff.running, look)
    sql(staff.running, f"UPDATE administrators SET {change} WHERE id = $1", noor.id)
    assert not in_house(staff.running, look)
    sql(staff.running, "UPDATE administrators SET disabled_at = NULL WHERE id = $1", noor.id)


def test_signing_out_ends_the_session(staff: Staff) -> None:
    owner = staff.signed_in_with_form("owner")
    cookie = owner.cookies["vestibule"]
    page = owner.submit(owner.get(staff.at("")), "Sign out")
    assert page.notice == "You are signed out."
    assert set(owner.cookies) == {"vestibule-known"}, "what is left opens nothing"
    owner.take(cookie)
    assert owner.get(staff.at("")).path.startswith("/console/sign-in")
    query = "SELECT count(*) FROM sessions WHERE token_check = $1"
    assert rows(staff.running, query, token_check(cookie)) == [(0,)]
    assert staff.place.events()[-1]["type"] == "administrator.signed_out"


def test_signing_out_of_one_browser_leaves_the_other(staff: Staff) -> None:
    ana, here, there = staff.hire("auditor"), staff.visitor(), staff.visitor()
    for visitor in (here, there):
        visitor.sign_in(ana.email, PASSWORD)
    here.submit(here.get(staff.at("")), "Sign out")
    assert there.get(staff.at("")).heading == "Overview"


def test_a_session_that_nobody_uses_ends_after_half_an_hour(staff: Staff, owner: Visitor) -> None:
    move(staff, owner, seen_at=milliseconds_now() - 29 * MINUTE)
    assert owner.get(staff.at("")).heading == "Overview"
    query = "SELECT seen_at FROM sessions WHERE token_check = $1"
    assert rows(staff.running, query, session_of(owner))[0][0] > milliseconds_now() - MINUTE, "looking keeps it alive"
    move(staff, owner, seen_at=milliseconds_now() - 30 * MINUTE)
    assert_out(staff, owner)


def test_a_session_ends_after_eight_hours_however_much_it_is_used(staff: Staff, owner: Visitor) -> None:
    query = "SELECT expires_at - created_at FROM sessions WHERE token_check = $1"
    assert rows(staff.running, query, session_of(owner)) == [(480 * MINUTE,)]
    move(staff, owner, expires_at=milliseconds_now() + MINUTE)
    assert owner.get(staff.at("")).heading == "Overview"
    ends_at = milliseconds_now() - 1
    move(staff, owner, expires_at=ends_at)
    assert_out(staff, owner)
    assert rows(staff.running, query.replace(" - created_at", ""), session_of(owner)) == [(ends_at,)]


def assert_out(staff: Staff, visitor: Visitor) -> None:
    """Nobody is in: pages lead to the form to sign in with and back, forms are refused, nothing is told."""
    before = staff.count_events()
    page = visitor.get(staff.at("users"))
    assert (page.heading, page.path) == (
        "Sign in",
        f"/console/sign-in?to={staff.at('users')}&tenant={staff.place.tenant.name}",
    )
    assert visitor.get(staff.at("activity", "new")).status == 401
    page = visitor.post(staff.at("users", "new"), {"user_name": "ana@north.example", "form_token": "x"})
    assert (page.status, page.heading) == (401, "Sign in first")
    assert staff.count_events() == before


@pytest.mark.parametrize(
    "cookie", ["", "x", ".", "house.", "house.x", "a" * 201, "é", "x" * 41 + ".y", "%00.%00", "house.'--"]
)
def test_a_cookie_that_nobody_made_is_nobodys(staff: Staff, cookie: str) -> None:
    headers = {b"cookie": f"vestibule={cookie}".encode()}
    answer = httpx2.get(f"{staff.running.url}{staff.at('')}", headers=headers, **PLAIN)
    assert answer.status_code == 303
    assert re.match(r"/console/sign-in\?to=", answer.headers["location"])


def test_a_cookie_of_another_tenant_with_the_same_secret_part_is_nobodys(staff: Staff, owner: Visitor) -> None:
    other = staff.running.new_tenant()
    secret = owner.cookies["vestibule"].partition(".")[2]
    for tenant_id in (other.tenant.id, HOUSE, staff.place.tenant.name, ""):
        visitor = staff.visitor()
        visitor.take(f"{tenant_id}.{secret}")
        assert visitor.get(staff.at("")).path.startswith("/console/sign-in")
