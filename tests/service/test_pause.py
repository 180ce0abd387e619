"""While provisioning is paused nobody is kept in: access is taken away at once, and everything else waits."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import Place
from tests.service.test_credentials import basic, change
from vestibule.actions import configure
from vestibule.model import Provisioning

OFF = {"Operations": [{"op": "replace", "value": {"active": False}}]}
SOFT_DELETE = {
    "Operations": [
        {"op": "Replace", "path": "userName", "value": "gone-ana@north.example"},
        {"op": "Replace", "path": "active", "value": "False"},
    ]
}
RENAME = {"Operations": [{"op": "replace", "path": "title", "value": "Mate"}]}


def switch(place: Place, state: Provisioning) -> None:
    change(place, lambda tx, context: configure.set_provisioning(tx, place.provider.id, state, context.checker))


@pytest.fixture
def ana(place: Place, scim: httpx2.Client) -> Iterator[dict[str, Any]]:
    """Somebody who was provisioned before the pause."""
    user: dict[str, Any] = scim.post("/Users", json={"userName": "ana@north.example"}).json()
    switch(place, "paused")
    yield user
    assert place.faults() == []


def refused(place: Place) -> dict[str, Any]:
    """The one write that was refused, as the log has it."""
    (event,) = place.events("request.refused")
    assert (event["data"]["status"], event["data"]["user_name"]) == (429, "ana@north.example")
    return event


def is_told_to_wait(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert answer.headers["content-type"] == "application/scim+json"
    assert "only deactivations and deletions" in answer.json()["detail"]


def test_a_deactivation_goes_through(ana: dict[str, Any], place: Place, scim: httpx2.Client) -> None:
    for _ in range(2):  # one that is sent again changes nothing, and is no reason to wait
        answer = scim.patch(f"/Users/{ana['id']}", json=OFF)
        assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert [event["type"] for event in place.events("user.")][1:] == ["user.deactivated", "user.unchanged"]


def test_one_beside_other_changes_goes_through_whole(ana: dict[str, Any], place: Place, scim: httpx2.Client) -> None:
    answer = scim.patch(f"/Users/{ana['id']}", json=SOFT_DELETE)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert answer.json()["userName"] == "gone-ana@north.example"
    assert [event["type"] for event in place.events("user.")][1:] == ["user.deactivated"]


def test_one_by_put_goes_through_whole(ana: dict[str, Any], scim: httpx2.Client) -> None:
    changed = {"userName": "ana@north.example", "title": "Mate", "active": False}
    answer = scim.put(f"/Users/{ana['id']}", json=changed)
    assert (answer.status_code, answer.json()["active"], answer.json()["title"]) == (200, False, "Mate")


def test_a_deletion_goes_through(ana: dict[str, Any], scim: httpx2.Client) -> None:
    assert scim.delete(f"/Users/{ana['id']}").status_code == 204
    assert scim.get(f"/Users/{ana['id']}").status_code == 404


def test_a_change_waits_and_is_told_with_the_person_and_what_was_sent(
    ana: dict[str, Any], place: Place, scim: httpx2.Client
) -> None:
    is_told_to_wait(scim.patch(f"/Users/{ana['id']}", json=RENAME))
    event = refused(place)
    assert (event["subject"], event["data"]["sent"]) == (ana["id"], RENAME)
    assert scim.get(f"/Users/{ana['id']}").json() == ana


def test_a_put_without_active_is_a_change(ana: dict[str, Any], place: Place, scim: httpx2.Client) -> None:
    is_told_to_wait(scim.put(f"/Users/{ana['id']}", json={"userName": "ana@north.example", "title": "Mate"}))
    assert refused(place)["subject"] == ana["id"]


def test_nobody_comes_back_during_a_pause(ana: dict[str, Any], scim: httpx2.Client) -> None:
    scim.patch(f"/Users/{ana['id']}", json=OFF)
    is_told_to_wait(scim.patch(f"/Users/{ana['id']}", json={"Operations": [{"op": "add", "value": {"active": True}}]}))
    is_told_to_wait(scim.patch(f"/Users/{ana['id']}", json=RENAME))
    assert scim.get(f"/Users/{ana['id']}").json()["active"] is False


def test_what_is_sent_again_is_counted_and_recorded_once_for_each_person_and_verb(
    ana: dict[str, Any], place: Place, scim: httpx2.Client
) -> None:
    for _ in range(5):
        is_told_to_wait(scim.patch(f"/Users/{ana['id']}", json=RENAME))
        is_told_to_wait(scim.put(f"/Users/{ana['id']}", json={"userName": "ana@north.example", "title": "Mate"}))
        is_told_to_wait(scim.post("/Users", json={"userName": "bo@north.example"}))
        is_told_to_wait(scim.post("/Users", json={"userName": "cy@north.example"}))
        assert scim.post("/Users", json={"title": "Mate"}).status_code == 400
    events = [each["data"] for each in place.events("request.refused")]
    held = [each for each in events if each["status"] == 429]
    waiting = [(each["request"]["method"], each["user_name"], "more" in each) for each in held]
    assert waiting == [
        ("PATCH", "ana@north.example", False),
        ("PUT", "ana@north.example", False),
        ("POST", "bo@north.example", False),
        ("POST", "cy@north.example", False),
    ]
    assert len(events) - len(waiting) == 5, "what is wrong in itself is recorded each time"


def test_what_is_refused_while_it_is_off_is_counted_as_well(place: Place, scim: httpx2.Client) -> None:
    switch(place, "off")
    for _ in range(3):
        assert scim.post("/Users", json={"userName": "ana@north.example"}).status_code == 403
        assert scim.get("/Users").status_code == 403
    events = [each["data"]["request"]["method"] for each in place.events("request.refused")]
    assert events == ["POST", "GET"]


def test_a_new_person_waits_and_no_password_of_theirs_is_kept(place: Place, scim: httpx2.Client) -> None:
    switch(place, "paused")
    is_told_to_wait(scim.post("/Users", json={"userName": "ana@north.example", "active": False, "passwd": "N3w!"}))
    event = refused(place)
    assert event["data"]["sent"] == {"userName": "ana@north.example", "active": False, "passwd": "•••"}
    assert event["subject"] == ""


def test_a_body_that_comes_after_its_headers_is_told_as_well(place: Place) -> None:
    switch(place, "off")
    body = b'{"userName": "ana@north.example"}'
    address = urlsplit(place.running.url)
    head = f"POST /scim/v2/{place.tenant.name}/Users HTTP/1.1\r\nhost: x\r\nauthorization: {basic(*place.pair)}\r\n"
    head += f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=60) as wire, wire.makefile("rb") as stream:
        wire.sendall(head.encode())
        with place.client() as scim:
            assert scim.get("/Users").status_code == 403  # by now the headers were read
        wire.sendall(body)
        assert stream.readline() == b"HTTP/1.1 403 Forbidden\r\n"
    event = place.events("request.refused")[-1]
    assert event["data"]["user_name"] == "ana@north.example"


def test_what_is_refused_while_it_is_off_is_told_with_the_person_as_well(place: Place, scim: httpx2.Client) -> None:
    switch(place, "off")
    assert scim.post("/Users", json={"userName": "ana@north.example", "title": "Mate"}).status_code == 403
    (event,) = place.events("request.refused")
    assert event["data"]["user_name"] == "ana@north.example"
    assert event["data"]["sent"] == {"userName": "ana@north.example", "title": "Mate"}
