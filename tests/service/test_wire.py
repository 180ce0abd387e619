"""Answers as they stand on the wire: in one piece where that goes, and in the order of the requests whatever goes."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

from tests.conftest import HANG, Place
from tests.service.test_credentials import basic

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def connected(place: Place) -> Iterator[tuple[socket.socket, BinaryIO]]:
    address = urlsplit(place.running.url)
    with (
        socket.create_connection((address.hostname, address.port), timeout=HANG) as wire,
        wire.makefile("rb") as stream,
    ):
        yield wire, stream


def request(
    place: Place, method: str, path: str, body: bytes | None = None, more: str = "", version: str = "1.1"
) -> bytes:
    """A SCIM request; `path` is below the tenant's base."""
    head = f"{method} /scim/v2/{place.tenant.name}{path} HTTP/{version}\r\nhost: x\r\n"
    head += f"authorization: {basic(*place.pair)}\r\n"
    if body is not None:
        head += f"content-type: application/scim+json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}{more}\r\n".encode() + (body or b"")


def next_answer(stream: BinaryIO, *, of_head: bool = False) -> Answer:
    status = int(stream.readline().split()[1])
    headers: dict[str, str] = {}
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.decode().rstrip("\r\n").partition(": ")
        assert name not in headers
        headers[name] = value
    return status, headers, b"" if of_head else stream.read(int(headers["content-length"]))


def ana(name: str = "ana") -> bytes:
    return json.dumps(
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"{name}@north.example"}
    ).encode()


def test_an_answer_has_its_headers_and_the_connection_goes_on(place: Place) -> None:
    with connected(place) as (wire, stream):
        wire.sendall(request(place, "POST", "/Users", ana()))
        status, headers, body = next_answer(stream)
        assert status == 201
        assert headers["content-type"] == "application/scim+json"
        assert headers["cache-control"] == "no-store"
        assert headers["location"].endswith(json.loads(body)["id"])
        assert headers["etag"] == 'W/"1"'
        assert "date" in headers
        assert "server" not in headers
        assert "connection" not in headers
        wire.sendall(request(place, "GET", "/Users"))
        assert json.loads(next_answer(stream)[2])["totalResults"] == 1


def test_requests_that_come_together_are_answered_in_their_order(place: Place) -> None:
    console = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    with connected(place) as (wire, stream):
        wire.sendall(
            request(place, "POST", "/Users", ana())
            + request(place, "GET", "/Users")
            + console
            + request(place, "POST", "/Users", ana("bo"))
            + request(place, "GET", "/Nothing")
            + console
            + request(place, "GET", "/Users")
        )
        assert next_answer(stream)[0] == 201
        assert json.loads(next_answer(stream)[2])["totalResults"] == 1
        assert next_answer(stream)[1]["content-type"].startswith("text/plain")
        assert json.loads(next_answer(stream)[2])["userName"] == "bo@north.example"
        assert next_answer(stream)[0] == 404
        assert next_answer(stream)[1]["content-type"].startswith("text/plain")
        assert json.loads(next_answer(stream)[2])["totalResults"] == 2


def test_a_body_that_comes_in_pieces_is_waited_for(place: Place) -> None:
    sent = request(place, "POST", "/Users", ana())
    with connected(place) as (wire, stream):
        for at in range(0, len(sent), 40):
            wire.sendall(sent[at : at + 40])
        assert next_answer(stream)[0] == 201
        chunked = request(place, "POST", "/Users", more="transfer-encoding: chunked\r\n")
        wire.sendall(chunked)
        for part in (ana("bo")[:10], ana("bo")[10:]):
            wire.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        wire.sendall(b"0\r\n\r\n")
        assert next_answer(stream)[0] == 201


def test_a_client_that_asks_first_is_told_to_go_on(place: Place) -> None:
    sent = request(place, "POST", "/Users", ana(), more="expect: 100-continue\r\n")
    head, _, body = sent.partition(b"\r\n\r\n")
    with connected(place) as (wire, stream):
        wire.sendall(head + b"\r\n\r\n")
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert stream.readline() == b"\r\n"
        wire.sendall(body)
        assert next_answer(stream)[0] == 201


def test_who_asks_for_the_end_of_the_connection_gets_it(place: Place) -> None:
    for more, version in (("connection: close\r\n", "1.1"), ("", "1.0")):
        with connected(place) as (wire, stream):
            wire.sendall(request(place, "GET", "/Users", more=more, version=version))
            status, headers, _ = next_answer(stream)
            assert status == 200
            assert headers["connection"] == "close"
            assert stream.read() == b""


def test_who_asks_for_another_protocol_loses_no_body_unseen(place: Place) -> None:
    upgrade = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
    with connected(place) as (wire, stream):
        wire.sendall(request(place, "GET", "/Users", more=upgrade))
        assert next_answer(stream)[0] == 200
    with connected(place) as (wire, stream):
        wire.sendall(request(place, "POST", "/Users", ana(), more=upgrade))
        status, headers, body = next_answer(stream)
        assert (status, headers["connection"]) == (400, "close")
        assert "h2c" in json.loads(body)["detail"]
        assert stream.read() == b""
    assert place.events("user.") == []


def test_head_is_refused_without_a_body(place: Place) -> None:
    with connected(place) as (wire, stream):
        wire.sendall(request(place, "HEAD", "/Users") + request(place, "GET", "/Users"))
        status, headers, _ = next_answer(stream, of_head=True)
        assert status == 405
        assert "GET" in headers["allow"]
        assert next_answer(stream)[0] == 200


def test_a_client_that_is_gone_disturbs_nobody(place: Place) -> None:
    for _ in range(20):
        with connected(place) as (wire, _):
            wire.sendall(request(place, "GET", "/Users"))
    with connected(place) as (wire, stream):
        wire.sendall(request(place, "GET", "/Users"))
        came = next_answer(stream)
        assert came[0] == 200, came
    assert "Traceback" not in place.running.log.read_text()
