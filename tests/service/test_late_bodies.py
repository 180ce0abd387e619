"""Slow request bodies: the sender is authenticated again once the body is complete, and there is a body time-out."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import HANG, Place, on_loop
from tests.service.test_credentials import PERSON, basic, change, suspend, wait_for_events
from vestibule.actions import configure
from vestibule.endpoints.body_timeout import BodyTimeout
from vestibule.endpoints.context import Context
from vestibule.endpoints.identify import REFUSED
from vestibule.endpoints.scim import _KNOWN_FOR, ScimEndpoint
from vestibule.scim.errors import RequestTimeout
from vestibule.store.credentials import all_credentials
from vestibule.store.database import Tx

BODY = json.dumps(PERSON).encode()


class Slow:
    """A request whose headers the server has read, and whose body it is waiting for."""

    def __init__(self, place: Place, method: str, path: str) -> None:
        address = urlsplit(place.scim_url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=HANG)
        lines = [
            f"{method} {address.path}{path} HTTP/1.1",
            f"host: {address.netloc}",
            f"authorization: {basic(*place.pair)}",
            "content-type: application/scim+json",
            f"content-length: {len(BODY)}",
            "connection: close",
            "expect: 100-continue",
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._answer = self._socket.makefile("rb")
        assert b"100 Continue" in self._answer.readline()  # said once the sender is known and the body is wanted
        assert self._answer.readline() == b"\r\n"

    def finish(self) -> tuple[int, dict[str, str], Any]:
        """Send the body, and read what comes of it."""
        self._socket.sendall(BODY)
        head, _, body = self._answer.read().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self._answer.close()
        self._socket.close()
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(first.split()[1]), headers, json.loads(body)


async def retire(tx: Tx, _: Context) -> None:
    for credential in await all_credentials(tx):
        await configure.retire_credential(tx, credential.id)


def grow_late() -> None:
    """Let pass what makes a body late: there is no event to wait for, time itself is what is looked at."""
    time.sleep(2 * _KNOWN_FOR)  # no event says that a body is late


def meanwhile(place: Place, act: Callable[[Tx, Context], Awaitable[Any]]) -> None:
    """Do something while the body is awaited. The server knows who is asking for longer than that is good for."""
    change(place, act)
    grow_late()


@pytest.mark.parametrize(("method", "path"), [("POST", "/Users"), ("PUT", "/Users/{id}"), ("PATCH", "/Users/{id}")])
def test_a_key_that_is_retired_before_the_body_is_there_opens_nothing(place: Place, method: str, path: str) -> None:
    with place.client() as scim:
        user = scim.post("/Users", json={"userName": "first@north.example"}).json()
    slow = Slow(place, method, path.replace("{id}", user["id"]))
    meanwhile(place, retire)
    status, headers, body = slow.finish()
    assert (status, body["detail"], headers["content-type"]) == (401, REFUSED, "application/scim+json")
    assert headers["www-authenticate"]
    wait_for_events(place, "credential.refused", 1)
    (refused,) = place.events("credential.refused")
    assert refused["data"]["reason"] == "retired key"
    assert refused["actor"]["kind"] == "nobody"
    assert [event["type"] for event in place.events("user.")] == ["user.created"]
    assert place.events("request.refused") == []


def test_nor_that_of_a_disabled_identity_provider_or_a_suspended_tenant(place: Place) -> None:
    slow = Slow(place, "POST", "/Users")
    meanwhile(place, lambda tx, _: configure.change_provider(tx, place.provider.id, enabled=False))
    assert slow.finish()[0] == 401
    change(place, lambda tx, _: configure.change_provider(tx, place.provider.id, enabled=True))
    slow = Slow(place, "POST", "/Users")
    suspend(place)
    grow_late()
    assert slow.finish()[0] == 401
    assert place.events("user.") == []


@pytest.mark.parametrize(("state", "status"), [("paused", 429), ("off", 403)])
def test_nor_does_it_write_what_provisioning_does_not_let_through_any_more(
    place: Place, state: Any, status: int
) -> None:
    slow = Slow(place, "POST", "/Users")
    meanwhile(place, lambda tx, context: configure.set_provisioning(tx, place.provider.id, state, context.checker))
    assert slow.finish()[0] == status
    assert place.events("user.") == []


def test_a_body_that_is_only_slow_is_taken(place: Place) -> None:
    slow = Slow(place, "POST", "/Users")
    grow_late()
    assert slow.finish()[0] == 201


# -- an end to waiting -------------------------------------------------------------------------------------------------


def test_a_body_that_never_comes_is_408_in_scim_and_recorded(place: Place) -> None:
    """With a shorter time limit than the server's own, so that nobody waits for half a minute."""
    sent: list[Any] = []

    async def never() -> dict[str, Any]:
        if sent:
            raise AssertionError("nothing is read after the answer")
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    async def act(context: Context) -> None:
        endpoint = ScimEndpoint(context)
        endpoint._body_timeout = BodyTimeout(0.03)
        headers = [(b"authorization", basic(*place.pair).encode()), (b"content-type", b"application/scim+json")]
        path = f"/scim/v2/{place.tenant.name}/Users"
        await endpoint(
            {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}, never, send
        )

    place.running.act(act)
    start, body = sent
    assert start["status"] == 408
    assert {(b"connection", b"close"), (b"content-type", b"application/scim+json")} <= set(start["headers"])
    assert json.loads(body["body"])["status"] == "408"
    (refused,) = place.events("request.refused")
    assert refused["data"]["status"] == 408
    assert place.events("user.") == []


def test_the_time_limit_ends_late_bodies_and_no_others() -> None:
    came: list[bytes] = []

    async def after(event: asyncio.Event) -> None:
        await event.wait()
        came.append(b"here")

    async def late_and_in_time() -> None:
        limit, never, soon = BodyTimeout(0.03), asyncio.Event(), asyncio.Event()
        late = asyncio.create_task(limit.wait(after(never)))
        with pytest.raises(RequestTimeout):
            await late
        assert not late.cancelled()
        waiting = asyncio.create_task(limit.wait(after(soon)))
        soon.set()
        await waiting
        assert came == [b"here"]
        stopped = asyncio.create_task(BodyTimeout(30).wait(after(never)))
        await asyncio.sleep(0)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped

    on_loop(late_and_in_time())
