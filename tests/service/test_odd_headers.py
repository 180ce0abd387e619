"""Headers, queries and bodies that nobody sends by mistake: refused in the caller's form, never with 500."""

import json
import socket
from typing import BinaryIO

import pytest

from tests.conftest import Place
from tests.service.test_wire import connected, next_answer
from vestibule.endpoints.routes import ROUTES, SCIM_ROUTES

FORM = "content-type: application/x-www-form-urlencoded\r\n"
PARTS = "content-type: multipart/form-data; boundary=x; charset={}\r\n"
PART = b'--x\r\ncontent-disposition: form-data; name="e_mail"\r\n\r\n\xff\xfe\r\n--x--\r\n'
ODD: dict[str, tuple[str, bytes]] = {
    "an origin that is no URL": ("origin: http://[\r\n", b""),
    "an origin with a broken address": ("origin: http://[::1\r\n", b""),
    "an origin of other letters": ("origin: http://\u2100.example\r\n", b""),
    "an opaque origin": ("origin: null\r\n", b""),
    "a referer that is no URL": ("referer: http://[\r\n", b""),
    "a form in an unknown character set": (PARTS.format("undefined"), PART),
    "a form in a character set that there is not": (PARTS.format("no-such"), PART),
    "a form in a codec that is none of text": (PARTS.format("hex"), PART),
    "a form in UTF-16": (PARTS.format("utf-16"), PART),
    "a form in IDNA": (PARTS.format("idna"), PART),
    "a form whose boundary is missing": ("content-type: multipart/form-data\r\n", PART),
    "a form whose boundary is empty": ("content-type: multipart/form-data; boundary=\r\n", PART),
    "a form whose boundary is odd": ('content-type: multipart/form-data; boundary="\xff"\r\n', PART),
    "a part without a name": ("content-type: multipart/form-data; boundary=x\r\n", b"--x\r\n\r\n\r\n--x--"),
    "a part with a file that is none": (
        "content-type: multipart/form-data; boundary=x\r\n",
        b'--x\r\ncontent-disposition: form-data; name="e_mail"; filename="\xff"\r\n\r\n1\r\n--x--\r\n',
    ),
    "fields that are not UTF-8": (FORM, b"e_mail=%ff%fe&tenant=%00&password=%ed%a0%80"),
    "fields that are broken": (FORM, b"%&%=%zz&=&&;"),
    "fields that are raw bytes": (FORM, b"e_mail=\xff\x00&tenant=\xc3"),
    "a content type that is none": ("content-type: ;;;=\r\n", b"x"),
    "a content type of other letters": ("content-type: \xe9/\xff\r\n", b"x"),
    "a content type that is a parameter": ("content-type: application/json; charset\r\n", b"{}"),
    "a cookie that is none": ("cookie: ;=;\x80=\xff; vestibule=\xff; a\r\n", b""),
    "a cookie with quotes": ('cookie: vestibule="\\377\\"; vestibule-{tenant}="\\000"\r\n', b""),
    "a cookie with a token of no tenant": ("cookie: vestibule=a.b.c; vestibule-{tenant}=....\r\n", b""),
    "a range that is none": ("range: bytes=-\r\nif-range: \xff\r\n", b""),
    "ranges that overlap": ("range: bytes=0-,0-,0-,9-1\r\n", b""),
    "versions that are none": ('if-match: W/"\xff\r\nif-none-match: "\r\n', b""),
    "dates that are none": ("if-modified-since: \xff\r\n", b""),
    "a language that is none": ("accept-language: *;q=\xff,,;\r\naccept: \xff/*;q=x\r\n", b""),
    "credentials that are none": ("authorization: Basic \xff\xff\r\n", b""),
    "credentials without a scheme": ("authorization: \r\n", b""),
    "credentials that are not UTF-8": ("authorization: Basic //8=\r\n", b""),
    "two credentials": ("authorization: Basic YTpi\r\nauthorization: Bearer x\r\n", b""),
    "proxies that are none": ("x-forwarded-for: \xff,[,\r\nx-forwarded-proto: \xff\r\n", b""),
    "a site that there is not": ("sec-fetch-site: \xff\r\n", b""),
    "a user agent that is none": ("user-agent: \xff\x80\r\n", b""),
}
HOSTS = ["[", "[::1", "[::1]]", "[1]:80", "a/b", "a@b", "a b", "a:b", "\xff", "a?b", "a#b", "[::ffff:1.2.3.999]"]
QUERIES = ["?%", "?%zz=%ff", "?to=http://[&tenant=[", "?to=//[&tenant=%ff", "?a&a&=&&", "?SAMLRequest=%ff"]
QUERIES += ["?filter=%ff"]
PATHS = ["/%ff", "/%00/", "/%2e%2e/", "//[/", "/[", "/%zz", "/setup/%ff", "/static/%ff/%00", "/%ed%a0%80/me"]
PATHS += ["/a%0d%0ab/", "/scim/v2/%ff/Users", "/scim/%", "/scim/v2/north/Users/%ff%00"]


def ask(
    wire: socket.socket, stream: BinaryIO, method: str, path: str, lines: str, body: bytes = b""
) -> tuple[int, str, bytes]:
    head = f"{method} {path} HTTP/1.1\r\n{lines}"
    if body or method != "GET":
        head += f"content-length: {len(body)}\r\n"
    wire.sendall(head.encode("latin-1", "replace") + b"\r\n" + body)
    status, headers, told = next_answer(stream)
    if headers.get("connection") == "close":
        raise AssertionError(f"the connection is closed after {method} {path}: {status}")
    return status, headers.get("content-type", ""), told


def is_right(asked: str, path: str, answer: tuple[int, str, bytes]) -> None:
    status, kind, body = answer
    assert status < 500, (asked, status, body)
    if path.startswith("/scim"):
        assert kind == "application/scim+json", asked
        assert json.loads(body)["status"] == str(status), asked


def open_routes(place: Place) -> list[tuple[str, str]]:
    """Every address that somebody without a session can call, and some that they cannot."""
    known = {"{tenant}": place.tenant.name, "{provider_id}": place.provider.id}
    routes = [(route.method, route.path) for route in ROUTES if route.who == "anyone"]
    routes += [("POST", "/console/account/again"), ("POST", "/console/{tenant}/users/new")]
    routes += [("POST", "/{tenant}/sign-out")]
    return [(method, filled(path, known)) for method, path in routes + list(SCIM_ROUTES)]


def filled(path: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        path = path.replace(name, value)
    return path.replace("{", "").replace("}", "")


@pytest.mark.parametrize("odd", ODD)
def test_odd_headers_and_bodies_are_refused_in_the_callers_form(place: Place, odd: str) -> None:
    lines, body = ODD[odd]
    lines = "host: x\r\n" + lines.replace("{tenant}", place.tenant.name)
    with connected(place) as (wire, stream):
        for method, path in open_routes(place):
            asked = f"{method} {path} with {odd}"
            is_right(asked, path, ask(wire, stream, method, path, lines, body if method != "GET" else b""))


def test_an_origin_that_is_none_is_told_so(place: Place) -> None:
    with connected(place) as (wire, stream):
        status, _, body = ask(wire, stream, "POST", "/console/sign-in", "host: x\r\norigin: http://[\r\n", b"")
        assert status == 400
        assert b"Origin header" in body
        lines = "host: x\r\n" + PARTS.format("undefined")
        status, _, body = ask(wire, stream, "POST", "/console/sign-in", lines, PART)
        assert status == 400
        assert b"UTF-8" in body


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_is_none_is_refused(place: Place, host: str) -> None:
    scim = f"/scim/v2/{place.tenant.name}/Users"
    for path, more, kind in (
        ("/healthz", "", "text/plain"),
        ("/console/sign-in", "", "text/plain"),
        (scim, "", "application/scim+json"),
        ("/Users", "accept: application/scim+json\r\n", "application/scim+json"),
    ):
        with connected(place) as (wire, stream):
            wire.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n".encode("latin-1"))
            status, headers, _ = next_answer(stream)
        assert (status, headers["content-type"].partition(";")[0]) == (400, kind)


@pytest.mark.parametrize("host", ["x", "", "x:", "north.example:8443", "[::1]:80", "127.0.0.1", "with_underscore"])
def test_a_host_that_is_one_is_answered(place: Place, host: str) -> None:
    with connected(place) as (wire, stream):
        assert ask(wire, stream, "GET", "/healthz", f"host: {host}\r\n", b"")[0] == 200


def test_odd_queries_and_paths_are_refused_in_the_callers_form(place: Place) -> None:
    with connected(place) as (wire, stream):
        for method, path in open_routes(place):
            for query in QUERIES:
                asked = path + query
                is_right(asked, path, ask(wire, stream, method, asked, "host: x\r\n" + FORM))
        for path in PATHS:
            is_right(path, path, ask(wire, stream, "GET", path, "host: x\r\n"))
