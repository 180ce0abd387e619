"""Settings > Administrators: roles, locking out, and an owner who is always left."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.console.conftest import PASSWORD, Staff, equip, hire, open_session, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor
from vestibule.keys import token_check
from vestibule.model import Administrator


def row_of(administrator: Administrator) -> str:
    return f"//tr[contains(., '{administrator.email}')]"


def owners(staff: Staff) -> int:
    query = "SELECT count(*) FROM administrators WHERE tenant_id = $1 AND role = 'owner' AND disabled_at IS NULL"
    return int(rows(staff.running, query, staff.place.tenant.id)[0][0])


def change_role(staff: Staff, visitor: Visitor, of: Administrator, role: str) -> Page:
    return visitor.submit(visitor.get(staff.at("administrators")), "Change", {"role": role}, within=row_of(of))


def set_enabled(staff: Staff, visitor: Visitor, of: Administrator, button: str) -> Page:
    return visitor.submit(visitor.get(staff.at("administrators")), button, within=row_of(of))


def post(staff: Staff, visitor: Visitor, of: Administrator, verb: str, **fields: str) -> Page:
    """Send a form that the page may not even show."""
    form = {**fields, "form_token": visitor.form_token}
    return visitor.post(staff.at("administrators", of.id, verb), form, follow=True)


def test_everybody_sees_who_administers_and_an_owner_changes_it(staff: Staff, owner: Visitor) -> None:
    staff.hire("auditor", f"noor.{uuid4().hex[:6]}@north.example", "Noor")
    page = owner.get(staff.at("administrators"))
    check_markup(page)
    assert len(page.all("//button[normalize-space()='Change']")) == 2
    assert "(you)" in next(row for row in page.rows() if staff.people["owner"].email in row)
    assert not page.all(f"{row_of(staff.people['owner'])}//a[normalize-space()='Lock out']"), (
        "nobody locks themselves out"
    )
    for visitor in (staff.signed_in("auditor"), staff.signed_in("admin")):
        page = visitor.get(staff.at("administrators"))
        assert any(row.startswith("Noor | noor.") for row in page.rows())
        assert [button.text for button in page.all("//main//button")] == []


def test_the_list_says_who_has_which_second_factor(staff: Staff, owner: Visitor) -> None:
    app, none = staff.hire("admin"), staff.hire("admin")
    equip(staff.running, app)
    other = staff.running.new_tenant()
    equip(staff.running, hire(staff.running, other.tenant.id, "owner"))
    cells = {row.split(" | ")[1]: row.split(" | ")[3] for row in owner.get(staff.at("administrators")).rows()}
    assert cells == {app.email: "app", none.email: "none", staff.people["owner"].email: "none"}


def test_a_change_of_role_ends_sessions_at_once_and_counts_from_then_on(staff: Staff, owner: Visitor) -> None:
    noor, visitor = staff.hire("admin"), staff.visitor()
    visitor.sign_in(noor.email, PASSWORD)
    assert visitor.get(staff.at("users", "new")).status == 200
    page = change_role(staff, owner, noor, "auditor")
    assert page.notice == "The role was changed."
    assert visitor.get(staff.at("")).heading == "Sign in"
    query = "SELECT count(*) FROM sessions WHERE administrator_id = $1"
    assert rows(staff.running, query, noor.id) == [(0,)]
    visitor.sign_in(noor.email, PASSWORD)
    assert visitor.get(staff.at("users", "new")).status == 403
    told = staff.place.events("administrator.role_changed")[-1]
    assert told["data"] == {"subject": noor.email, "role": "auditor", "before": "admin"}
    assert told["actor"]["id"] == staff.people["owner"].id


def test_a_role_that_is_none_is_refused(staff: Staff, owner: Visitor) -> None:
    noor = staff.hire("admin")
    for role in ("operator", "", "Owner", "root"):
        page = post(staff, owner, noor, "role", role=role)
        assert page.status == 400
        assert "one of auditor, admin, owner" in page.text
    query = "SELECT role FROM administrators WHERE id = $1"
    assert rows(staff.running, query, noor.id) == [("admin",)]


def test_locking_out_ends_sessions_at_once(staff: Staff, owner: Visitor) -> None:
    noor, visitor = staff.hire("owner"), staff.visitor()
    visitor.sign_in(noor.email, PASSWORD)
    page = set_enabled(staff, owner, noor, "Lock out")
    assert page.notice == "The administrator is locked out, and their sessions have ended."
    assert "locked out" in next(row for row in page.rows() if noor.email in row)
    assert visitor.get(staff.at("")).heading == "Sign in"
    assert visitor.try_to_sign_in(noor.email, PASSWORD).status == 401
    page = set_enabled(staff, owner, noor, "Let in again")
    assert page.notice == "The administrator may sign in again."
    assert visitor.sign_in(noor.email, PASSWORD).heading == "Overview"
    told = [
        event["type"] for event in staff.place.events("administrator.") if event["data"].get("subject") == noor.email
    ]
    assert told == [f"administrator.{what}" for what in ("signed_in", "disabled", "enabled", "signed_in")]


def test_a_session_of_somebody_locked_out_beside_the_console_ends_too(staff: Staff) -> None:
    """Whatever left the session in the database, a lock is looked at with every request."""
    noor, visitor = staff.hire("owner"), staff.visitor()
    visitor.take(open_session(staff.running, noor))
    assert visitor.get(staff.at("")).heading == "Overview"
    sql(staff.running, "UPDATE administrators SET disabled_at = 1 WHERE id = $1", noor.id)
    assert visitor.get(staff.at("")).heading == "Sign in"
    query = "SELECT count(*) FROM sessions WHERE token_check = $1"
    assert rows(staff.running, query, token_check(visitor.cookies["vestibule"])) == [(1,)]


def test_the_last_owner_stays(staff: Staff, owner: Visitor) -> None:
    last, operator = staff.people["owner"], staff.signed_in("operator")
    staff.hire("admin")
    page = change_role(staff, owner, last, "admin")
    assert (page.status, page.heading) == (403, "Not allowed")
    assert "This is the last owner. Make somebody else an owner first." in page.text
    assert "cannot lock yourself out" in post(staff, owner, last, "enabled", enabled="no").text
    page = set_enabled(staff, operator, last, "Lock out")
    assert (page.status, "the last owner" in page.text) == (403, True)
    assert (change_role(staff, operator, last, "auditor").status, owners(staff)) == (403, 1)
    assert owner.get(staff.at("")).heading == "Overview", "and their session goes on"


def test_somebody_who_cannot_sign_in_is_no_owner_who_is_left(staff: Staff, owner: Visitor) -> None:
    """An invited owner without a password, or one who is locked out, does not keep a tenant from being nobody's."""
    invited = {"email": f"noor.{uuid4().hex[:6]}@north.example", "name": "Noor", "role": "owner"}
    owner.submit(owner.get(staff.at("administrators")), "Invite administrator", invited)
    second = staff.hire("owner")
    set_enabled(staff, owner, second, "Lock out")
    assert change_role(staff, owner, staff.people["owner"], "admin").status == 403


def test_an_owner_who_is_not_the_last_may_step_down(staff: Staff, owner: Visitor) -> None:
    staff.hire("owner")
    assert change_role(staff, owner, staff.people["owner"], "admin").heading == "Sign in", "their own session ends"
    assert owners(staff) == 1


@pytest.mark.parametrize("verbs", [("role", "role"), ("enabled", "enabled"), ("role", "enabled")], ids="-".join)
def test_of_two_owners_who_race_one_is_left(staff: Staff, verbs: tuple[str, str]) -> None:
    """Each lets the other go at the same moment; ten times, because a race is not lost every time."""
    for _ in range(10):
        fresh = Staff(staff.running.new_tenant(), staff.opened)
        first, second = race(fresh, verbs)
        assert owners(fresh) == 1
        # Who comes second is refused, or was turned away at the door because their own session had just ended.
        assert first == 303
        assert second in {401, 403}


def race(staff: Staff, verbs: tuple[str, str]) -> list[int]:
    """Two owners of a tenant, each of whom lets the other go in one of these ways; how that was answered."""
    pair = [staff.hire("owner") for _ in range(2)]
    visitors = [staff.visitor() for _ in pair]
    for administrator, visitor in zip(pair, visitors, strict=True):
        visitor.take(open_session(staff.running, administrator))
    tokens = [visitor.form_token for visitor in visitors]

    def strike(at: int) -> Page:
        form = {"role": "auditor", "enabled": "no", "confirm": pair[1 - at].email, "form_token": tokens[at]}
        return visitors[at].post(staff.at("administrators", pair[1 - at].id, verbs[at]), form)

    with ThreadPoolExecutor(2) as pool:
        return sorted(page.status for page in pool.map(strike, range(2)))


INVITED_WRONG = [
    ("no e-mail", {"email": ""}, "email", "like ana@north.example"),
    ("half an e-mail", {"email": "noor"}, "email", "got 'noor'"),
    ("a long name", {"name": "n" * 101}, "name", "1 to 100 characters; got 101"),
    ("a name that cannot be seen", {"name": "No\u202eor"}, "name", "got U+202E"),
]


@pytest.mark.parametrize(
    ("instead", "field", "sentence"), [w[1:] for w in INVITED_WRONG], ids=[w[0] for w in INVITED_WRONG]
)
def test_a_wrong_invitation_gets_its_sentence(
    staff: Staff, owner: Visitor, instead: dict[str, str], field: str, sentence: str
) -> None:
    form = {"email": "noor@north.example", "name": "Noor", "role": "owner", **instead}
    page = owner.submit(owner.get(staff.at("administrators")), "Invite administrator", form)
    assert page.status == 400
    assert sentence in page.problem(field)
    assert [page.value(name) for name in ("email", "name")] == [form["email"], form["name"]], "what was typed stays"
    assert page.all("//input[@name='role' and @checked]")[0].get("value") == "owner"
    assert not page.all("//*[contains(@class, 'secret')]")


def test_somebody_is_an_administrator_of_a_tenant_once(staff: Staff, owner: Visitor) -> None:
    form = {"email": staff.people["owner"].email.upper(), "name": "Again", "role": "admin"}
    page = owner.submit(owner.get(staff.at("administrators")), "Invite administrator", form)
    assert page.status == 409
    assert "is already an administrator here" in page.problem("email")
    form = {"email": "root@north.example", "name": "Root", "role": "operator", "form_token": owner.form_token}
    page = owner.post(staff.at("administrators"), form)
    assert page.status == 400
    assert "or operator outside of tenants" in page.text


def test_an_owner_reaches_no_operator(staff: Staff, owner: Visitor) -> None:
    operator = staff.hire("operator")
    for verb in ("role", "enabled", "link"):
        assert post(staff, owner, operator, verb, role="auditor", enabled="no").status == 404
    assert operator.email not in owner.get(staff.at("administrators")).source


def test_operators_are_looked_after_by_operators(staff: Staff) -> None:
    """Under the pseudo-tenant `house`: invited by link, locked out at once, and recorded in its activity log."""
    operator, email = staff.signed_in("operator"), f"noor.{uuid4().hex[:8]}@north.example"
    page = operator.get("/console/house/administrators")
    check_markup(page)
    assert page.heading == "Operators"
    page = operator.submit(page, "Invite operator", {"email": email, "name": "Noor"})
    link = page.copied("the link").removeprefix(staff.running.url)
    noor = staff.visitor()
    joined = noor.submit(noor.get(link), "Set password and sign in", {"password": PASSWORD, "again": PASSWORD})
    assert joined.heading == "Tenants"
    assert noor.get(staff.at("")).heading == "Overview", "an operator sees every tenant"
    page = operator.get("/console/house/administrators")
    row = f"//tr[contains(., '{email}')]"
    assert page.all(f"{row}//select") == [], "there is no other role to give"
    page = operator.submit(page, "Lock out", within=row)
    assert noor.get(staff.at("")).heading == "Sign in"
    told = operator.get("/console/house/activity", what="administrators").timeline()
    for sentence in (f"disabled {email}", f"{email} chose a password", f"invited {email} as operator"):
        assert any(each.endswith(sentence) for each in told), sentence
    form = {"email": f"x{email}", "name": "X", "role": "owner", "form_token": operator.form_token}
    assert operator.post("/console/house/administrators", form).status == 400


def test_a_form_that_says_nothing_locks_nobody_out(staff: Staff, owner: Visitor) -> None:
    noor = staff.hire("admin")
    for fields in ({}, {"enabled": ""}, {"enabled": "maybe"}):
        assert post(staff, owner, noor, "enabled", **fields).status == 400
    assert rows(staff.running, "SELECT disabled_at FROM administrators WHERE id = $1", noor.id) == [(None,)]
