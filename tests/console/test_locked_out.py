"""An administrator who is locked out: no way back in but being let in, and nothing told twice."""

import pytest

from tests.console.conftest import PASSWORD, Staff, in_house, open_session, rows, sql
from tests.console.visitor import Page, Visitor
from vestibule.actions import administer
from vestibule.errors import NotAllowed
from vestibule.model import HOUSE, Administrator
from vestibule.store.database import AllTenants

LOCKED_OUT = "This administrator is locked out."
PASSWORDS = {"password": PASSWORD, "again": PASSWORD}


def set_enabled(staff: Staff, visitor: Visitor, administrator: Administrator, enabled: str) -> Page:
    form = {"enabled": enabled, "confirm": administrator.email, "form_token": visitor.form_token}
    return visitor.post(staff.at("administrators", administrator.id, "enabled"), form, follow=True)


def renew(staff: Staff, administrator: Administrator) -> str:
    async def act(all_tenants: AllTenants) -> str:
        return await administer.renew_link(all_tenants, administrator)

    return in_house(staff.running, act)


def told_of(staff: Staff, administrator: Administrator) -> list[str]:
    """What is recorded of somebody, without the name of the family."""
    told = staff.place.events("administrator.")
    return [event["type"].partition(".")[2] for event in told if event["data"].get("subject") == administrator.email]


def test_what_changes_nothing_is_not_told(staff: Staff, owner: Visitor) -> None:
    noor = staff.hire("admin")
    for enabled in ("yes", "no", "no", "yes", "yes"):
        assert set_enabled(staff, owner, noor, enabled).status == 200
    assert told_of(staff, noor) == ["disabled", "enabled"]


def test_locking_out_again_keeps_the_time(staff: Staff, owner: Visitor) -> None:
    noor = staff.hire("admin")
    query = "SELECT disabled_at FROM administrators WHERE id = $1"
    set_enabled(staff, owner, noor, "no")
    first = rows(staff.running, query, noor.id)
    set_enabled(staff, owner, noor, "no")
    assert rows(staff.running, query, noor.id) == first != [(None,)]


def test_a_link_from_before_lets_nobody_in_who_is_locked_out(staff: Staff, owner: Visitor) -> None:
    """And it is not used up: it works once they are let in again."""
    noor, visitor = staff.hire("admin"), staff.visitor()
    path = f"/setup/{renew(staff, noor)}"
    set_enabled(staff, owner, noor, "no")
    for page in (visitor.get(path), visitor.post(path, PASSWORDS)):
        assert (page.status, LOCKED_OUT in page.text) == (403, True), page.text
        assert "set-cookie" not in page.answer.headers
    assert told_of(staff, noor) == ["link_renewed", "disabled"]
    set_enabled(staff, owner, noor, "yes")
    assert visitor.submit(visitor.get(path), "Set password and sign in", PASSWORDS).heading == "Overview"


def test_who_is_locked_out_while_choosing_a_password_stays_out(staff: Staff) -> None:
    noor = staff.hire("admin")
    token = renew(staff, noor)
    sql(staff.running, "UPDATE administrators SET disabled_at = 1 WHERE id = $1", noor.id)

    async def act(all_tenants: AllTenants) -> None:
        await administer.join(all_tenants, noor.tenant_id, token, noor, "another hash")

    with pytest.raises(NotAllowed, match="locked out"):
        in_house(staff.running, act)
    assert rows(staff.running, "SELECT count(*) FROM administrators WHERE password_hash = 'another hash'") == [(0,)]
    assert told_of(staff, noor) == ["link_renewed"]


def test_no_fresh_link_for_who_is_locked_out(staff: Staff, owner: Visitor) -> None:
    noor = staff.hire("admin")
    row = f"//tr[contains(., '{noor.email}')]"
    page = owner.get(staff.at("administrators"))
    assert page.all(f"{row}//button[normalize-space()='New one-time link']")
    set_enabled(staff, owner, noor, "no")
    page = owner.get(staff.at("administrators"))
    assert page.all(f"{row}//button[normalize-space()='Let in again']")
    assert not page.all(f"{row}//button[normalize-space()='New one-time link']")
    page = owner.post(staff.at("administrators", noor.id, "link"), {"form_token": owner.form_token})
    assert (page.status, LOCKED_OUT in page.text, "/setup/" in page.source) == (403, True, False)
    done = staff.running.verb("admin", "add", noor.email, "--tenant", staff.place.tenant.name, check=False)
    assert (done.returncode, LOCKED_OUT in done.stderr, done.stdout) == (1, True, "")
    assert told_of(staff, noor) == ["disabled"]


def test_the_last_operator_is_called_one(staff: Staff) -> None:
    """Operators made by other tests are locked out meanwhile, because all tests share one installation."""
    last = staff.hire("operator")
    others = "disabled_at IS NULL AND tenant_id = $1 AND id <> $2"
    sql(staff.running, f"UPDATE administrators SET disabled_at = 7 WHERE {others}", HOUSE, last.id)
    try:

        async def act(all_tenants: AllTenants) -> None:
            await administer.disable(all_tenants, last)

        with pytest.raises(NotAllowed) as refused:
            in_house(staff.running, act)
        assert refused.value.message == "This is the last operator. Make somebody else an operator first."
    finally:
        sql(
            staff.running,
            "UPDATE administrators SET disabled_at = NULL WHERE tenant_id = $1 AND disabled_at = 7",
            HOUSE,
        )
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, last))
    assert visitor.get("/console/").heading == "Tenants"
