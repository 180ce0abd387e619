"""Bounds on what one connection may send, hold and delay, and on how many there are.

The server's time limits are a second here. A test waits for what the server does when one is over: the end of the
stream, or the reset of the connection. No test looks at a clock.
"""

import json
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.conftest import Running, running_server
from tests.console.certificates import key_of, pem
from tests.service.test_wire import next_answer
from vestibule.limits import HEADER_BYTES
from vestibule.settings import Settings

PER_ADDRESS, IN_ALL = 6, 10
LIMITS = ["--header-timeout", "1", "--idle-timeout", "1", "--reader-timeout", "1"]
BOUNDS = ["--connections", str(IN_ALL), "--connections-per-address", str(PER_ADDRESS)]
ENOUGH = 64 * 1024 * 1024
ALIVE = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /scim/v2/north/Users HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
ENDLESS = {
    "header lines": (b"GET / HTTP/1.1\r\n", b"x-more: " + b"a" * 1000 + b"\r\n"),
    "one header line": (b"GET / HTTP/1.1\r\nx: ", b"a" * 1000),
    "one header name": (b"GET / HTTP/1.1\r\n", b"a" * 1000),
    "a request line": (b"GET /", b"a" * 1000),
    "a query": (b"GET /?", b"a" * 1000),
    "empty lines": (b"", b"\r\n" * 500),
    "trailers": (POST + b"0\r\n", b"x-more: " + b"a" * 1000 + b"\r\n"),
    "the extension of a chunk": (POST + b"1;", b"a" * 1000),
    "further headers after an answer": (ALIVE + b"GET / HTTP/1.1\r\n", b"x-more: " + b"a" * 1000 + b"\r\n"),
}


@pytest.fixture(scope="module")
def server(new_database: Callable[[str], Settings]) -> Iterator[Running]:
    with running_server(new_database("sqlite"), *LIMITS, *BOUNDS) as running:
        yield running
        assert '"level": "error"' not in running.log.read_text()


@pytest.fixture(scope="module")
def tls_server(new_database: Callable[[str], Settings], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "chain.pem", folder / "key.pem"
    certificate.write_text(pem())
    key.write_bytes(key_of("p256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    given = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    with running_server(new_database("sqlite"), *given, *LIMITS, *BOUNDS) as running:
        yield running
        assert '"level": "error"' not in running.log.read_text()


def connect(server: Running, source: str = "127.0.0.1") -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=60, source_address=(source, 0))


def rest_of(wire: socket.socket) -> bytes:
    """What comes until the server closes, in whatever way it does."""
    came = b""
    try:
        while data := wire.recv(65536):
            came += data
    except ConnectionResetError:
        pass
    return came


def push(wire: socket.socket, more: bytes) -> int:
    """Send the same again and again until the server closes; how many bytes it and the kernels took."""
    sent = 0
    try:
        while sent < ENOUGH:
            wire.sendall(more * 16)
            sent += len(more) * 16
    except (ConnectionResetError, BrokenPipeError):
        pass
    return sent


@pytest.mark.parametrize("what", ENDLESS)
def test_an_endless_head_is_cut_off(server: Running, what: str) -> None:
    first, more = ENDLESS[what]
    with connect(server) as wire:
        wire.sendall(first)
        assert push(wire, more) < ENOUGH


def test_headers_beyond_the_limit_are_told_in_scim(server: Running) -> None:
    with connect(server) as wire, wire.makefile("rb") as stream:
        wire.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * (HEADER_BYTES + 4096))
        status, headers, body = next_answer(stream)
        assert (status, headers["content-type"], headers["connection"]) == (431, "application/scim+json", "close")
        assert json.loads(body)["status"] == "431"
        assert stream.read() == b""


def test_headers_within_the_limit_are_read_however_they_come(server: Running) -> None:
    sent = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"a" * (HEADER_BYTES - 100) + b"\r\n\r\n"
    with connect(server) as wire, wire.makefile("rb") as stream:
        for step in (len(sent), 1000):
            for at in range(0, len(sent), step):
                wire.sendall(sent[at : at + step])
            assert next_answer(stream)[0] == 200


def test_a_body_in_small_chunks_is_no_attack(server: Running) -> None:
    with connect(server) as wire, wire.makefile("rb") as stream:
        wire.sendall(POST + b"".join(b"1\r\n%b\r\n" % (b"x",) for _ in range(HEADER_BYTES)) + b"0\r\n\r\n")
        assert next_answer(stream)[0] == 401


def test_requests_sent_ahead_wait_and_are_all_answered(server: Running) -> None:
    many = 20_000
    with connect(server) as wire, wire.makefile("rb") as stream:
        for _ in range(10):
            wire.sendall(ALIVE * (many // 20))
        assert [next_answer(stream)[0] for _ in range(many // 2)] == [200] * (many // 2)


def test_a_silent_connection_is_closed(server: Running) -> None:
    with connect(server) as wire:
        assert rest_of(wire) == b""


def test_so_is_one_on_which_nothing_but_empty_lines_come(server: Running) -> None:
    with connect(server) as wire:
        wire.sendall(b"\r\n\r\n")
        assert rest_of(wire).startswith((b"HTTP/1.1 408 ", b""))


def test_half_a_request_is_told_that_it_is_late(server: Running) -> None:
    with connect(server) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
        came = rest_of(wire)
    assert came.startswith(b"HTTP/1.1 408 ")
    assert b"application/scim+json" in came


def test_an_idle_connection_is_closed_after_its_answer(server: Running) -> None:
    with connect(server) as wire, wire.makefile("rb") as stream:
        wire.sendall(ALIVE)
        assert next_answer(stream)[0] == 200
        assert stream.read() == b""


def test_a_body_that_nobody_waits_for_is_not_waited_for(server: Running) -> None:
    with connect(server) as wire, wire.makefile("rb") as stream:
        wire.sendall(b"POST /nothing-here HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nx")
        assert next_answer(stream)[0] in {404, 405}
        assert stream.read() == b""


def test_a_reader_that_takes_nothing_is_cut(server: Running) -> None:
    script = next(
        line.split(b'src="')[1].split(b'"')[0]
        for line in fetched(server, "/console/sign-in").split(b"\n")
        if b'src="/static/' in line
    )
    wire = socket.socket()
    with closing(wire):
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(60)
        address = urlsplit(server.url)
        wire.connect((address.hostname, address.port))
        ask = b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % script
        ended = select.poll()
        ended.register(wire, select.POLLERR | select.POLLHUP)
        try:
            wire.setblocking(False)
            for _ in range(20_000):
                wire.send(ask)
        except OSError:
            pass  # as much is asked for as fits
        # The server's end is aborted with requests unread, so the kernel tells it by a reset.
        assert ended.poll(60_000)


def fetched(server: Running, path: str) -> bytes:
    with connect(server) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        return rest_of(wire)


def test_one_address_has_so_many_connections_and_another_its_own(server: Running) -> None:
    with ExitStack() as stack:
        for _ in range(PER_ADDRESS):
            wire = stack.enter_context(connect(server, "127.0.0.2"))
            wire.sendall(ALIVE)
            assert next_answer(stack.enter_context(wire.makefile("rb")))[0] == 200
        assert rest_of(stack.enter_context(connect(server, "127.0.0.2"))) == b""
        other = stack.enter_context(connect(server, "127.0.0.3"))
        other.sendall(ALIVE)
        assert next_answer(stack.enter_context(other.makefile("rb")))[0] == 200
    assert server.log.read_text().count('"connections closed"') == 1


def test_the_connection_that_would_time_out_next_makes_room(server: Running) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(server, f"127.0.1.{at // 5 + 1}")) for at in range(IN_ALL)]
        further = stack.enter_context(connect(server, "127.0.2.1"))
        further.sendall(ALIVE)
        assert next_answer(stack.enter_context(further.makefile("rb")))[0] == 200
        assert rest_of(silent[0]) == b""


def test_a_trusted_proxy_is_not_counted_by_its_address(new_database: Callable[[str], Settings]) -> None:
    given = ["--connections-per-address", "1", "--trusted-proxies", "127.0.0.0/30"]
    with running_server(new_database("sqlite"), *given) as server, ExitStack() as stack:
        for _ in range(5):
            wire = stack.enter_context(connect(server, "127.0.0.1"))
            wire.sendall(ALIVE)
            assert next_answer(stack.enter_context(wire.makefile("rb")))[0] == 200


def test_a_tls_handshake_that_does_not_end_is_closed(tls_server: Running) -> None:
    with connect(tls_server) as silent, connect(tls_server) as half:
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        assert rest_of(silent) == b""
        assert rest_of(half) == b""


def test_unfinished_tls_handshakes_are_counted(tls_server: Running) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(tls_server, "127.0.0.2")) for _ in range(PER_ADDRESS + 1)]
        assert rest_of(silent[-1]) == b""
        with trusting.wrap_socket(connect(tls_server, "127.0.0.3")) as wire:
            wire.sendall(ALIVE)
            assert next_answer(wire.makefile("rb"))[0] == 200
            assert wire.recv(100) == b""  # idle for too long
    with trusting.wrap_socket(connect(tls_server, "127.0.0.2")) as wire:
        wire.sendall(ALIVE)
        assert next_answer(wire.makefile("rb"))[0] == 200
