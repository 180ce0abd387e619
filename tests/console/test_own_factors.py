"""An administrator's second factors: added and removed with a fresh sign-in only, and reset by an operator."""

import re
from collections.abc import Callable

import pytest

from tests.console.conftest import PASSWORD, Staff, equip, hire, open_session, rows, sql
from tests.console.harmless import check_headers, check_markup
from tests.console.second_factors import (
    ACCOUNT,
    STEP,
    code,
    give_code,
    is_in,
    reach_step,
    told,
    wrong_code,
)
from tests.console.visitor import Visitor, until
from vestibule.keys import token_check
from vestibule.model import HOUSE, Administrator, AdministratorRole
from vestibule.store.database import milliseconds_now

MINUTE = 60_000


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
