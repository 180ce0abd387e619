"""What cannot be read as HTTP: the answer has the form of SCIM, and the server goes on."""

import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.conftest import HANG, Place, running_server
from tests.console.certificates import key_of, pem
from tests.crash.test_stopping import several_workers
from tests.service.test_credentials import basic
from vestibule.settings import Settings

HEAD = "host: x\r\nauthorization: {authorization}\r\ncontent-type: application/scim+json\r\n"
UNREADABLE = {
    "an unknown method": "FOO {path} HTTP/1.1\r\n{head}\r\n",
    "a path that is not ASCII": "GET {path}/\xe9 HTTP/1.1\r\n{head}\r\n",
    "a chunk without a size": "POST {path} HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n",
    "two lengths": "POST {path} HTTP/1.1\r\n{head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{{}}",
    "a length that is no number": "POST {path} HTTP/1.1\r\n{head}content-length: two\r\n\r\n{{}}",
    "a header without a colon": "GET {path} HTTP/1.1\r\n{head}nonsense\r\n\r\n",
    "no HTTP": "hello\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


def answer_to(url: str, sent: bytes, context: ssl.SSLContext | None = None) -> tuple[str, dict[str, str], bytes]:
    """Everything that comes back until the server closes the connection: first line, headers and body."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=HANG) as plain:
        wire = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        wire.sendall(sent)
        with wire.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
        if context:
            wire.close()
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.lower().split(": ", 1) for line in lines), body


def is_told_in_scim(answer: tuple[str, dict[str, str], bytes]) -> None:
    first, headers, body = answer
    assert first == "HTTP/1.1 400 Bad Request"
    assert headers["content-type"] == "application/scim+json"
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(body)
    told = json.loads(body)
    assert told["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (told["status"], told["scimType"]) == ("400", "invalidSyntax")
    assert told["detail"]


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_told_in_scim(place: Place, what: str) -> None:
    head = HEAD.format(authorization=basic(*place.pair))
    sent = UNREADABLE[what].format(path=f"/scim/v2/{place.tenant.name}/Users", head=head)
    is_told_in_scim(answer_to(place.running.url, sent.encode("latin-1")))
    assert place.events("user.") == []
    with place.client() as scim:
        assert scim.get("/Users").status_code == 200


def test_so_it_is_on_a_connection_that_answered_before(place: Place) -> None:
    head = HEAD.format(authorization=basic(*place.pair))
    good = f"GET /scim/v2/{place.tenant.name}/Groups HTTP/1.1\r\n{head}\r\n".encode()
    address = urlsplit(place.running.url)
    with (
        socket.create_connection((address.hostname, address.port), timeout=HANG) as wire,
        wire.makefile("rb") as stream,
    ):
        wire.sendall(good)
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        length = 0
        while (line := stream.readline()) != b"\r\n":
            name, _, value = line.decode().partition(": ")
            length = int(value) if name.lower() == "content-length" else length
        assert json.loads(stream.read(length))["totalResults"] == 0
        wire.sendall(b"FOO / HTTP/1.1\r\n\r\n")
        rest = stream.read()
    assert rest.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/scim+json" in rest


def test_so_it_is_over_tls(new_database: Callable[[str], Settings], tmp_path: Path) -> None:
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.write_text(pem())
    key.write_bytes(key_of("p256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with running_server(new_database("sqlite"), "--tls-certificate", str(certificate), "--tls-key", str(key)) as server:
        is_told_in_scim(answer_to(server.url, b"FOO /scim/v2/north/Users HTTP/1.1\r\n\r\n", trusting))


def test_so_it_is_with_several_workers(new_database: Callable[[str], Settings]) -> None:
    with several_workers(new_database("postgres")) as server:
        for _ in range(4):
            is_told_in_scim(answer_to(server.url, b"FOO /scim/v2/north/Users HTTP/1.1\r\n\r\n"))
