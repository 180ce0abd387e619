"""A second factor that a tenant requires: seven days of grace, then nothing but adding one."""

import json

import httpx2
import pytest

from tests.console.conftest import Staff, equip, rows, sql
from tests.console.harmless import check_markup
from tests.console.second_factors import ACCOUNT, code
from tests.console.visitor import Page, Visitor
from vestibule.limits import FACTOR_GRACE_DAYS, RECENT_SETTINGS_SECONDS
from vestibule.model import AdministratorRole
from vestibule.store.database import milliseconds_now

GRACE = FACTOR_GRACE_DAYS * 86_400_000
MINUTE = 60_000


def require(staff: Staff, of: str, since: int) -> None:
    """As if the tenant had required a second factor since then, and everybody had been here before."""
    tenant = staff.place.tenant.id
    owners_since, all_since = {"off": (0, 0), "owners": (since, 0), "all": (since, since)}[of]
    statement = "UPDATE tenants SET factor_of_owners_since = $2, factor_of_all_since = $3 WHERE id = $1"
    assert sql(staff.running, statement, tenant, owners_since, all_since) == 1
    sql(staff.running, "UPDATE administrators SET created_at = 1 WHERE tenant_id = $1", tenant)


def since(staff: Staff) -> tuple[int, int]:
    query = "SELECT factor_of_owners_since, factor_of_all_since FROM tenants WHERE id = $1"
    ((owners, everybody),) = rows(staff.running, query, staff.place.tenant.id)
    return owners, everybody


def choose(staff: Staff, owner: Visitor, value: str) -> Page:
    return owner.submit(owner.get(staff.at("tenant")), "Save who needs one", {"factor_required": value})


def leads_to_adding(page: Page) -> bool:
    return page.status == 303 and page.answer.headers["location"] == f"{ACCOUNT}#factors"


# -- the setting -------------------------------------------------------------------------------------------------------


def test_a_new_tenant_requires_it_of_owners(staff: Staff) -> None:
    tenant = staff.place.tenant
    assert (tenant.factor_required, tenant.factor_of_owners_since) == ("owners", tenant.created_at)
    assert since(staff) == (tenant.created_at, 0)


def test_owners_say_who_needs_one(staff: Staff, owner: Visitor) -> None:
    check_markup(owner.get(staff.at("tenant")))
    began, _ = since(staff)
    assert choose(staff, owner, "owners").notice == "Nothing was changed."
    assert choose(staff, owner, "all").notice == "The requirement of a second factor was changed."
    owners, everybody = since(staff)
    assert owners == began, "the time of grace of owners goes on"
    assert everybody > began
    choose(staff, owner, "owners")
    assert since(staff) == (began, 0)
    choose(staff, owner, "off")
    assert since(staff) == (0, 0)
    told = [event["data"] for event in staff.place.events("tenant.factor_required_changed")]
    name = staff.place.tenant.name
    assert told == [
        {"name": name, "before": "owners", "after": "all"},
        {"name": name, "before": "all", "after": "owners"},
        {"name": name, "before": "owners", "after": "off"},
    ]


def test_another_word_is_refused(staff: Staff, owner: Visitor) -> None:
    page = owner.post(staff.at("tenant/factor-required"), {"form_token": owner.form_token, "factor_required": "some"})
    assert (page.status, page.problem("factor_required")) == (
        400,
        "Who needs a second factor should be off, owners or all.",
    )
    assert (page.value("idle"), page.value("absolute")) == ("30", "8")


def test_it_asks_for_the_password_after_a_while(staff: Staff, owner: Visitor) -> None:
    old = milliseconds_now() - RECENT_SETTINGS_SECONDS * 1000 - 1
    sql(staff.running, "UPDATE sessions SET created_at = $2 WHERE tenant_id = $1", staff.place.tenant.id, old)
    fields = {"form_token": owner.form_token, "factor_required": "off"}
    page = owner.post(staff.at("tenant/factor-required"), fields)
    assert page.answer.headers["location"].startswith(f"{ACCOUNT}/again?")
    assert not staff.place.events("tenant.factor_required_changed")


def test_the_command_line_says_who_needs_one(staff: Staff) -> None:
    name = staff.place.tenant.name
    printed = staff.running.verb("tenant", "set", name, "--factor-required", "all", "--json").stdout
    assert json.loads(printed)["factor_required"] == "all"
    (event,) = staff.place.events("tenant.factor_required_changed")
    assert (event["actor"]["name"], event["data"]["after"]) == ("command line", "all")


# -- the time of grace, and after it -----------------------------------------------------------------------------------


def test_within_the_grace_pages_say_by_when(staff: Staff, owner: Visitor) -> None:
    require(staff, "owners", milliseconds_now() - GRACE + 10 * MINUTE)
    for path in (staff.at(""), ACCOUNT):
        page = owner.get(path)
        check_markup(page)
        assert page.status == 200
        assert "You sign in with a password alone. Add a second factor by " in page.text


def test_after_it_nothing_is_left_but_adding_one(staff: Staff, owner: Visitor) -> None:
    require(staff, "owners", milliseconds_now() - GRACE - 1)
    assert leads_to_adding(owner.get(staff.at(""), False))
    assert leads_to_adding(owner.get(staff.at("users"), False))
    assert leads_to_adding(owner.get("/console/", False))
    assert leads_to_adding(owner.post(staff.at("tenant/factor-required"), {"factor_required": "off"}))
    assert leads_to_adding(owner.post(f"{ACCOUNT}/password", {}))
    answer = owner.get(staff.at("activity/new")).answer
    assert (answer.status_code, answer.json()["error"]) == (403, "factor_needed")

    page = owner.get(ACCOUNT)
    check_markup(page)
    assert "the time to add it ended" in page.text
    page = owner.submit(page, "Add authenticator app", {"name-totp": "Work phone"})
    secret = page.copied("the secret").replace(" ", "")
    page = owner.submit(page, "Add authenticator app", {"code": code(secret)})
    assert "your tenant requires one" not in page.text
    assert owner.get(staff.at("")).status == 200


def test_a_sign_in_leads_to_adding_one(staff: Staff, owner: Visitor) -> None:
    require(staff, "owners", milliseconds_now() - GRACE - 1)
    page = owner.post("/console/sign-out", {"form_token": owner.form_token})
    assert page.answer.headers["location"].startswith("/console/sign-in")
    again = staff.signed_in("owner")
    assert leads_to_adding(again.get(staff.at(""), False))


@pytest.mark.parametrize(
    ("of", "role", "concerned"),
    [
        ("off", "owner", False),
        ("owners", "owner", True),
        ("owners", "admin", False),
        ("all", "admin", True),
        ("all", "auditor", True),
    ],
)
def test_whom_it_concerns(staff: Staff, of: str, role: AdministratorRole, concerned: bool) -> None:
    visitor = staff.signed_in(role)
    require(staff, of, milliseconds_now() - GRACE - 1)
    page = visitor.get(staff.at("activity"), False)
    assert leads_to_adding(page) if concerned else page.status == 200


def test_who_was_added_later_has_their_own_seven_days(staff: Staff, owner: Visitor) -> None:
    require(staff, "owners", 1)
    sql(
        staff.running,
        "UPDATE administrators SET created_at = $2 WHERE tenant_id = $1",
        staff.place.tenant.id,
        milliseconds_now() - GRACE + 10 * MINUTE,
    )
    assert owner.get(staff.at("")).status == 200


def test_who_has_one_is_not_concerned(staff: Staff, owner: Visitor) -> None:
    require(staff, "owners", 1)
    equip(staff.running, staff.people["owner"])
    page = owner.get(staff.at(""))
    assert (page.status, "your tenant requires one" in page.text) == (200, False)


def test_who_comes_from_an_identity_provider_is_not_concerned(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    require(staff, "owners", 1)
    person = staff.provision(scim, userName="olga.owner@north.example")["id"]
    statement = "UPDATE administrators SET identity_provider_id = $2, user_id = $3 WHERE tenant_id = $1"
    sql(staff.running, statement, staff.place.tenant.id, staff.place.provider.id, person)
    assert owner.get(staff.at("")).status == 200
