"""How long people stay signed in: two limits of a tenant, set by its owners, that hold for open sessions as well."""

import pytest

from tests.console.conftest import Staff, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, apart
from tests.sign_in.company import Company, instant
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.model import RoleRules

MINUTE, HOUR = 60_000, 3_600_000


def save(staff: Staff, owner: Visitor, idle: str, absolute: str) -> Page:
    """Send the form, and follow where that leads."""
    page = owner.submit(owner.get(staff.at("tenant")), "Save limits", {"idle": idle, "absolute": absolute})
    check_markup(page)
    return page


def limits(staff: Staff) -> tuple[int, int]:
    query = "SELECT session_idle, session_absolute FROM tenants WHERE id = $1"
    ((idle, absolute),) = rows(staff.running, query, staff.place.tenant.id)
    return idle, absolute


def lives(staff: Staff, table: str = "user_sessions") -> list[int]:
    """How many milliseconds each session of the tenant may last in any case, the shortest first."""
    query = f"SELECT expires_at - created_at FROM {table} WHERE tenant_id = $1 ORDER BY 1"
    return [int(row[0]) for row in rows(staff.running, query, staff.place.tenant.id)]


def age(staff: Staff, *columns: str, by: int) -> None:
    """Let so much time pass for every session of the tenant."""
    moved = ", ".join(f"{column} = {column} - $2" for column in columns)
    statement = f"UPDATE user_sessions SET {moved} WHERE tenant_id = $1"
    assert sql(staff.running, statement, staff.place.tenant.id, by)


# -- the page ----------------------------------------------------------------------------------------------------------


def test_an_owner_changes_the_limits(staff: Staff, owner: Visitor) -> None:
    page = owner.get(staff.at("tenant"))
    check_markup(page)
    assert (page.value("idle"), page.value("absolute")) == ("30", "8")
    page = save(staff, owner, " 1,440 ", "24")
    assert page.notice == "The new limits apply from now on."
    assert (page.value("idle"), page.value("absolute")) == ("1440", "24")
    assert limits(staff) == (1440 * MINUTE, 24 * HOUR)
    assert save(staff, owner, "1440", "24").notice == "Nothing was changed."
    assert save(staff, owner, "1440", "720").notice == "The new limits apply from now on."
    first, second = staff.place.events("tenant.changed")
    assert first["data"] == {
        "name": staff.place.tenant.name,
        "changes": [
            {"attribute": "minutes without use", "before": 30, "after": 1440},
            {"attribute": "hours in any case", "before": 8, "after": 24},
        ],
    }
    assert [each["attribute"] for each in second["data"]["changes"]] == ["hours in any case"]
    assert second["actor"]["id"] == staff.people["owner"].id
    log = owner.get(staff.at("activity"), what="configuration")
    assert log.timeline()[0] == "Owner Reis changed how long sessions last"
    event = owner.get(log.entry("tenant.changed"))
    check_markup(event)
    assert event.rows() == ["hours in any case | 24 | 720"]


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_others_read_them(staff: Staff, owner: Visitor, role: str) -> None:
    save(staff, owner, "15", "1")
    visitor = staff.signed_in(role)  # type: ignore[arg-type]  # one of the roles
    page = visitor.get(staff.at("tenant"))
    check_markup(page)
    assert page.all("//main//form") == []
    assert "Without use 15 minutes In any case 1 hour Owners change these." in apart(page.one("//main"))
    form = {"idle": "20", "absolute": "2", "form_token": visitor.form_token}
    assert visitor.post(staff.at("tenant", "sessions"), form).status == 403
    assert limits(staff) == (15 * MINUTE, HOUR)


@pytest.mark.parametrize(
    ("idle", "absolute", "field", "sentence"),
    [
        ("4", "8", "idle", "The limit without use should be 5 to 1,440 minutes; got 4."),
        ("1,441", "720", "idle", "The limit without use should be 5 to 1,440 minutes; got 1,441."),
        ("", "8", "idle", "The limit without use should be a whole number of minutes; got nothing."),
        ("-5", "8", "idle", "The limit without use should be a whole number of minutes; got '-5'."),
        ("5.5", "8", "idle", "The limit without use should be a whole number of minutes; got '5.5'."),
        ("٣٠", "8", "idle", "The limit without use should be a whole number of minutes; got '٣٠'."),
        ("9" * 5_000, "8", "idle", f"The limit without use should be a whole number of minutes; got '{'9' * 40}'."),
        ("30", "0", "absolute", "The limit in any case should be 1 to 720 hours; got 0."),
        ("30", "721", "absolute", "The limit in any case should be 1 to 720 hours; got 721."),
        ("30", "<b>", "absolute", "The limit in any case should be a whole number of hours; got '<b>'."),
        (
            "61", "1", "absolute",
            "The limit in any case should not be shorter than the one without use; got 60 and 61 minutes.",
        ),
    ],
)  # fmt: skip
def test_a_wrong_limit_is_told_beside_it(
    staff: Staff, owner: Visitor, idle: str, absolute: str, field: str, sentence: str
) -> None:
    before = staff.count_events()
    page = save(staff, owner, idle, absolute)
    assert page.status == 400
    assert page.problem(field) == sentence
    assert (page.value("idle"), page.value("absolute")) == (idle, absolute), "what was typed stays"
    assert (staff.count_events(), limits(staff)) == (before, (30 * MINUTE, 8 * HOUR))


@pytest.mark.parametrize(("idle", "absolute"), [("5", "1"), ("60", "1"), ("1440", "24"), ("5", "720")])
def test_limits_may_touch_their_bounds(staff: Staff, owner: Visitor, idle: str, absolute: str) -> None:
    assert save(staff, owner, idle, absolute).status == 200
    assert limits(staff) == (int(idle) * MINUTE, int(absolute) * HOUR)


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_a_new_session_has_the_new_limits(staff: Staff, owner: Visitor, company: Company) -> None:
    save(staff, owner, "5", "2")
    browser = company.sign_in(company.hire()[1])
    assert lives(staff) == [2 * HOUR]
    ((seen_at,),) = rows(staff.running, "SELECT seen_at FROM user_sessions WHERE tenant_id = $1", staff.place.tenant.id)
    assert browser.get(f"{company.home}me").answer.json()["sessionExpires"] == seen_at + 5 * MINUTE


def test_less_time_without_use_holds_at_once_and_more_brings_nobody_back(
    staff: Staff, owner: Visitor, company: Company
) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    age(staff, "seen_at", by=10 * MINUTE)
    fresh = company.sign_in(name)
    assert company.is_in(browser)
    age(staff, "seen_at", by=10 * MINUTE)
    assert len(company.sign_in(name).get(company.home).all("//section[@id='sessions']//li")) == 3
    save(staff, owner, "5", "8")
    assert not company.is_in(browser)
    assert not company.is_in(fresh)
    newest = company.sign_in(name)
    assert len(newest.get(company.home).all("//section[@id='sessions']//li")) == 2, "only those that live are listed"
    save(staff, owner, "600", "10")
    assert not company.is_in(browser)
    assert not company.is_in(fresh)
    assert company.is_in(newest)


def test_more_time_without_use_holds_for_open_sessions(staff: Staff, owner: Visitor, company: Company) -> None:
    browser = company.sign_in(company.hire()[1])
    save(staff, owner, "120", "8")
    age(staff, "seen_at", by=100 * MINUTE)
    assert company.is_in(browser)


def test_fewer_hours_end_what_is_older_and_shorten_the_rest(staff: Staff, owner: Visitor, company: Company) -> None:
    _, name = company.hire()
    old = company.sign_in(name)
    age(staff, "created_at", "expires_at", by=3 * HOUR)
    young = company.sign_in(name)
    ends_soon = company.sign_in(name, session=f'SessionIndex="_1" SessionNotOnOrAfter="{instant(600)}"')
    elsewhere = Company(staff.running.new_tenant())
    elsewhere.tie()
    elsewhere.sign_in(elsewhere.hire()[1])
    assert all(map(company.is_in, (old, young, ends_soon)))
    save(staff, owner, "30", "2")
    assert not company.is_in(old)
    assert company.is_in(young)
    assert company.is_in(ends_soon)
    soonest, *others = lives(staff)
    assert others == [2 * HOUR, 2 * HOUR]
    assert 0 < soonest <= 600_000 + MINUTE, "the identity provider's own end stays"
    query = "SELECT expires_at - created_at FROM user_sessions WHERE tenant_id = $1"
    assert rows(staff.running, query, elsewhere.place.tenant.id) == [(8 * HOUR,)]
    save(staff, owner, "30", "100")
    assert not company.is_in(old)
    assert lives(staff) == [soonest, 2 * HOUR], "no session becomes longer than it was when it began"
    elsewhere.close()


def test_fewer_hours_hold_for_the_console_of_a_person_too(staff: Staff, owner: Visitor, company: Company) -> None:
    """And for nobody who has a password here: the console's own limits are theirs."""

    async def make_auditors(context: Context) -> None:
        async with context.database.write(staff.place.actor) as tx:
            await configure.change_roles(tx, staff.place.provider.id, RoleRules(default="console-auditor"), "owner")

    staff.running.act(make_auditors)
    browser = company.sign_in(company.hire()[1])
    assert company.is_in_console(browser)
    assert lives(staff, "sessions") == [8 * HOUR, 8 * HOUR]
    save(staff, owner, "30", "1")
    assert lives(staff, "sessions") == [HOUR, 8 * HOUR]
    assert (company.is_in_console(browser), company.is_in(browser)) == (True, True)
    moved = "UPDATE sessions SET created_at = created_at - $2, expires_at = expires_at - $2 WHERE tenant_id = $1"
    sql(staff.running, moved, staff.place.tenant.id, HOUR)
    assert not company.is_in_console(browser)
    assert owner.get(staff.at("tenant")).heading == staff.place.tenant.title
