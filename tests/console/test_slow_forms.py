"""Slow forms: the sender is authenticated again once the form is complete, so that nobody uses access that has ended
meanwhile.
"""

import socket
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from tests.console.conftest import Staff, sql
from tests.console.visitor import Visitor
from vestibule.endpoints.web.guard import LONG_IN_COMING

FORM = {"name": "Slow", "url": "https://slow.north.example/", "description": "", "role": ""}


def held_open(visitor: Visitor, path: str, fields: dict[str, str], meanwhile: Callable[[], object]) -> int:
    """Send a form in two halves; the status of the answer. What happens meanwhile takes longer than a form may be in
    coming unasked, because commits and processes do.
    """
    body = urlencode({**fields, "form_token": visitor.form_token}).encode()
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    host = urlsplit(visitor.url).netloc
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    address = (urlsplit(visitor.url).hostname or "", urlsplit(visitor.url).port or 80)
    with socket.create_connection(address, 30) as line:
        line.sendall(head.encode() + body[:20])
        # The server has seen the first half before it answers something that was asked later.
        visitor.get("/healthz")
        meanwhile()
        line.sendall(body[20:])
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    return int(answer.split(b" ", 2)[1])


def test_nothing_is_done_for_who_was_locked_out_meanwhile(staff: Staff) -> None:
    admin = staff.signed_in("admin")
    path = staff.at("applications")
    email = staff.people["admin"].email

    def lock_out() -> None:
        staff.running.command("admin", "disable", email, "--tenant", staff.place.tenant.name)

    assert held_open(admin, path, FORM, lock_out) == 401
    assert staff.place.events("application.") == []


def test_nor_for_who_has_a_lesser_role_now(staff: Staff) -> None:
    admin = staff.signed_in("admin")
    path, person = staff.at("applications"), staff.people["admin"].id

    def lower() -> None:
        for _ in range(30):  # each a commit, so that it takes a while
            sql(staff.running, "UPDATE administrators SET role = 'auditor' WHERE id = $1", person)
        staff.running.command("tenant", "list")

    assert held_open(admin, path, FORM, lower) == 403
    assert staff.place.events("application.") == []


def test_what_concerns_somebody_else_stops_nobody(staff: Staff) -> None:
    admin = staff.signed_in("admin")
    assert LONG_IN_COMING < 0.1, "a command takes longer"
    assert held_open(admin, staff.at("applications"), FORM, lambda: staff.running.command("tenant", "list")) == 303
    assert [each["type"] for each in staff.place.events("application.")] == ["application.changed"]
