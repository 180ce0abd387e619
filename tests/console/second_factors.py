"""An authenticator app without a phone, and the steps of a sign-in with it."""

import pyotp

from tests.conftest import Running
from tests.console.conftest import APP_SECRET, PASSWORD, Staff, sql
from tests.console.visitor import Page, Visitor
from vestibule.model import Administrator
from vestibule.store.database import milliseconds_now

ACCOUNT, STEP = "/console/account", "/console/second-step"
WRONG_CODE = "That code is wrong or was already used. The app shows a new one every 30 seconds."


def code(secret: str = APP_SECRET, *, ahead: int = 0) -> str:
    """Returns the code that the app shows now, or `ahead` steps later."""
    return pyotp.TOTP(secret).generate_otp(milliseconds_now() // 30_000 + ahead)


def wrong_code(secret: str = APP_SECRET) -> str:
    """Returns a code that the app does not show around now."""
    near = {code(secret, ahead=step) for step in range(-3, 4)}
    return next(each for each in map("{:06}".format, range(10)) if each not in near)


def forget_used_steps(running: Running) -> None:
    """Let every code be used again, as if it had not been used."""
    sql(running, "UPDATE factors SET used_step = 0")


def let_wait_pass(running: Running) -> None:
    """Let everybody try again at once who would have to wait."""
    sql(running, "UPDATE throttles SET until = 0")


def reach_step(visitor: Visitor, ana: Administrator, to: str = "") -> Page:
    """Give the right password. Returns the page that asks for the second factor."""
    answer = visitor.post("/console/sign-in", {"email": ana.email, "password": PASSWORD, "to": to})
    assert (answer.status, answer.answer.headers["location"]) == (303, STEP)
    assert "vestibule" not in visitor.cookies, "no session before the second factor"
    return visitor.get(STEP)


def give_code(visitor: Visitor, typed: str) -> Page:
    return visitor.post(STEP, {"code": typed})


def is_in(page: Page) -> bool:
    """Returns whether a response opens a session."""
    return page.status == 303 and "vestibule=" in page.answer.headers.get("set-cookie", "")


def told(staff: Staff) -> list[str]:
    """Returns the types of the tenant's events about administrators."""
    return [event["type"].removeprefix("administrator.") for event in staff.place.events("administrator.")]
