"""SIGTERM and Ctrl-C: whatever was accepted is answered, nothing else is done, and the program ends with 0."""

import contextlib
import http.client
import json
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.conftest import ENGINES, HANG, PLAIN, Place, Running, environment_of, on_loop, running_server
from tests.crash.ledger import Ledger, faults
from tests.crash.load import people_in, told_in, write_at_once
from tests.service.test_credentials import basic
from vestibule.settings import Settings

SIGNALS = [signal.SIGTERM, signal.SIGINT]
EACH_ONCE = pytest.mark.parametrize(
    ("engine", "how"), [("sqlite", signal.SIGTERM), ("postgres", signal.SIGINT)], indirect=["engine"], scope="session"
)
"""Both signals call the same function, and what is done then depends on the engine alone."""
HELD = 8


@pytest.fixture
def server(engine: str, new_database: Callable[[str], Settings]) -> Iterator[Running]:
    """Returns a server that may be stopped."""
    with running_server(new_database(engine)) as started:
        yield started


def address_of(server: Running) -> tuple[str, int]:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return host, int(port)


def begun(place: Place, number: int) -> tuple[socket.socket, bytes]:
    """A create that the server is reading: it has asked for the body, which is still to come."""
    body = json.dumps({"userName": f"held{number}@north.example", "displayName": "Held"}).encode()
    connection = socket.create_connection(address_of(place.running), timeout=HANG)
    head = (
        f"POST /scim/v2/{place.tenant.name}/Users HTTP/1.1\r\nhost: localhost\r\n"
        f"authorization: {basic(*place.pair)}\r\ncontent-type: application/scim+json\r\n"
        f"content-length: {len(body)}\r\nexpect: 100-continue\r\n\r\n"
    )
    connection.sendall(head.encode())
    assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return connection, body


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def wait_until_closed(server: Running) -> None:
    """Until the server has heard the signal: it takes no new connection."""
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            with contextlib.suppress(ConnectionResetError):
                socket.create_connection(address_of(server), timeout=HANG).close()


@EACH_ONCE
def test_requests_under_way_are_answered(server: Running, how: signal.Signals) -> None:
    place = server.new_tenant()
    held = [begun(place, number) for number in range(HELD)]
    idle = socket.create_connection(address_of(server), timeout=HANG)
    server.process.send_signal(how)
    wait_until_closed(server)
    # It waits as long as its clients need: a whole verb begins and ends meanwhile.
    assert [each["name"] for each in server.json("tenant", "list")] == [place.tenant.name]
    assert server.process.poll() is None
    for connection, body in held:
        connection.sendall(body)
    for connection, _ in held:
        head, _, content = rest_of(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201 "), head
        assert json.loads(content)["displayName"] == "Held"
        connection.close()
    assert rest_of(idle) == b""
    idle.close()
    assert server.process.wait(HANG) == 0
    assert len(place.events("user.created")) == HELD


@EACH_ONCE
def test_stopped_under_load_what_was_done_was_answered(server: Running, how: signal.Signals) -> None:
    """Whatever got no answer was not done: nobody has to ask what became of it."""
    seed = random.SystemRandom().getrandbits(32)
    ledger, place = Ledger(), server.new_tenant()
    on_loop(write_at_once(place, ledger, random.Random(seed), 300, lambda: server.process.send_signal(how)))
    assert server.process.wait(HANG) == 0
    for slot in ledger.slots.values():
        slot.under_way = None
    with running_server(server.settings) as again:
        place.running = again
        assert faults(ledger, people_in(place), told_in(place)) == []
    assert "Traceback" not in server.log.read_text()


@EACH_ONCE
def test_stopped_at_rest(server: Running, how: signal.Signals) -> None:
    before = server.log.read_text()
    server.process.send_signal(how)
    assert server.process.wait(HANG) == 0
    assert server.log.read_text() == before


@contextlib.contextmanager
def several_workers(settings: Settings, **more: str) -> Iterator[Running]:
    """`vestibule serve --workers 2`, which needs a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment, log = environment_of(settings, **more), settings.data / "server.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "vestibule", "serve", "--port", str(port), "--workers", "2"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    assert "with 2 workers" in process.stdout.readline()
    try:
        # The socket is open from here on; a request waits until a worker takes it.
        yield Running(settings, f"http://127.0.0.1:{port}", process, log, environment)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(HANG)
        process.stdout.close()


@pytest.mark.parametrize("how", SIGNALS)
def test_several_workers_answer_what_they_accepted(
    how: signal.Signals, new_database: Callable[[str], Settings]
) -> None:
    with several_workers(new_database("postgres")) as server:
        assert httpx2.get(f"{server.url}/readyz", **PLAIN).status_code == 200
        place = server.new_tenant()
        held = [begun(place, number) for number in range(HELD)]
        idle = http.client.HTTPConnection(*address_of(server), timeout=HANG)
        idle.request("GET", "/healthz")
        assert idle.getresponse().read()
        assert idle.sock is not None
        server.process.send_signal(how)
        assert rest_of(idle.sock) == b""  # the signal is heard: who asks nothing is let go
        idle.close()
        assert [each["name"] for each in server.json("tenant", "list")] == [place.tenant.name]
        for connection, body in held:
            connection.sendall(body)
        for connection, _ in held:
            assert rest_of(connection).startswith(b"HTTP/1.1 201 ")
            connection.close()
        assert server.process.wait(HANG) == 0
        assert len(place.events("user.created")) == HELD
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_impatient_second_ctrl_c(engine: str, new_database: Callable[[str], Settings]) -> None:
    """It does not wait for a client that never sends the rest. A response to that client, if any, is a SCIM Error, and
    the database is closed all the same.

    Warnings are shown and not raised here: raised inside the event loop's own clearing up, they would hang it.
    """
    with running_server(new_database(engine), PYTHONWARNINGS="always") as server:
        connection, _ = begun(server.new_tenant(), 1)
        server.process.send_signal(signal.SIGINT)
        wait_until_closed(server)
        server.process.send_signal(signal.SIGINT)
        head, _, content = rest_of(connection).partition(b"\r\n\r\n")
        connection.close()
        assert server.process.wait(HANG) == 0
        assert not head or b"content-type: application/scim+json" in head.splitlines(), head
        assert not content or json.loads(content)["status"]
        log = server.log.read_text()
        assert "unclosed" not in log
        assert "Traceback" not in log
