"""An administrator whose session was ended is told why, in the browser that had it."""

import pytest

from tests.console.conftest import PASSWORD, Staff, in_house
from tests.console.visitor import Visitor
from vestibule.actions import administer, second_factor
from vestibule.store.database import AllTenants

FRESH = "nine loud lamps under sand"


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("locked out", "your access to this console was removed. If that is not right, ask an owner to choose"),
        ("role", "your role in this console was changed. You can sign in again if you still have one."),
        ("factors", "your second factors were removed. Sign in with your password,"),
    ],
)
def test_each_way_is_told(staff: Staff, way: str, told: str) -> None:
    admin = staff.hire("admin")
    visitor = staff.visitor()
    visitor.sign_in(admin.email, PASSWORD)
    assert visitor.get("/console/").heading == "Overview"

    async def act(all_tenants: AllTenants) -> None:
        match way:
            case "locked out":
                await administer.disable(all_tenants, admin)
            case "role":
                await administer.change_role(all_tenants, admin, "auditor")
            case _:
                await second_factor.reset_factors(all_tenants, admin)

    in_house(staff.running, act)
    page = visitor.get("/console/")
    assert (page.heading, told in page.notice) == ("Sign in", True), page.text
    assert staff.visitor().get("/console/sign-in").notice == "", "a stranger"
    if way != "locked out":
        assert visitor.sign_in(admin.email, PASSWORD).notice == ""


def test_a_changed_password_is_told_to_the_other_browsers(staff: Staff, owner: Visitor) -> None:
    other = staff.signed_in("owner")
    form = {"present": PASSWORD, "password": FRESH, "again": FRESH}
    owner.submit(owner.get("/console/account"), "Change password", form)
    assert "your password was changed. Sign in with the new one." in other.get("/console/").notice
    assert other.try_to_sign_in(staff.people["owner"].email, "wrong").notice.startswith("The e-mail")


def test_who_signed_out_is_told_nothing_else(owner: Visitor) -> None:
    owner.post("/console/sign-out", {"form_token": owner.form_token})
    assert owner.get("/console/sign-in").notice == ""
