"""An administrator changes their own password: the present one is asked for, and all else that it opened ends."""

import pytest

from tests.console.conftest import PASSWORD, Staff, equip, open_session, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor
from vestibule.keys import token_check
from vestibule.limits import FREE_TRIES

ACCOUNT = "/console/account"
NEW = "nine loud lamps under sand"


def change(visitor: Visitor, present: str = PASSWORD, new: str = NEW, again: str = NEW) -> Page:
    form = {"present": present, "password": new, "again": again}
    return visitor.submit(visitor.get(ACCOUNT), "Change password", form)


def test_a_change_ends_what_the_old_password_opened(staff: Staff) -> None:
    owner = staff.signed_in_with_form("owner")
    ana = staff.people["owner"]
    elsewhere = staff.signed_in_with_form("owner")
    link = staff.running.json("admin", "add", ana.email, "--tenant", staff.place.tenant.name)["link"]
    page = change(owner)
    check_markup(page)
    assert page.notice == "Your password is changed, and your other sessions have ended."
    assert owner.get(staff.at("")).heading == "Overview"
    assert elsewhere.get(staff.at("")).heading == "Sign in"
    assert staff.visitor().try_to_sign_in(ana.email, PASSWORD).status == 401
    assert staff.visitor().try_to_sign_in(ana.email, NEW).status == 303
    assert owner.get(link.removeprefix(staff.running.url)).status == 404
    known = rows(staff.running, "SELECT token_check FROM known_browsers WHERE administrator_id = $1", ana.id)
    assert token_check(owner.cookies["vestibule-known"]) in {bytes(row[0]) for row in known}
    assert token_check(elsewhere.cookies["vestibule-known"]) not in {bytes(row[0]) for row in known}
    (event,) = staff.place.events("administrator.password_changed")
    assert event["data"] == {"subject": ana.email, "sessions_ended": 1}


@pytest.mark.parametrize(
    ("form", "field", "said"),
    [
        (("eight loud lamps over", NEW, NEW), "present", "That is not your password."),
        (("", NEW, NEW), "present", "That is not your password."),
        ((PASSWORD, "short", "short"), "password", "15 to 128 characters; got 5"),
        ((PASSWORD, "passwordpassword", "passwordpassword"), "password", "common or easily guessed"),
        ((PASSWORD, NEW, "another one of these"), "again", "not the same"),
    ],
)
def test_what_is_wrong_stands_under_its_field(
    staff: Staff, owner: Visitor, form: tuple[str, str, str], field: str, said: str
) -> None:
    page = change(owner, *form)
    assert said in page.problem(field)
    assert staff.visitor().try_to_sign_in(staff.people["owner"].email, PASSWORD).status == 303
    assert staff.place.events("administrator.password_changed") == []


def test_guessing_the_present_password_is_slowed_down(staff: Staff) -> None:
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, staff.hire("owner")))
    statuses = [change(visitor, "eight loud lamps over").status for _ in range(FREE_TRIES + 1)]
    assert 429 in statuses


def test_who_has_a_second_factor_needs_a_recent_sign_in(staff: Staff) -> None:
    ana, visitor = staff.hire("owner"), staff.visitor()
    equip(staff.running, ana)
    visitor.take(open_session(staff.running, ana))
    sql(staff.running, "UPDATE sessions SET created_at = 0 WHERE administrator_id = $1", ana.id)
    assert change(visitor).heading == "Confirm that it is you"
    assert staff.place.events("administrator.password_changed") == []
