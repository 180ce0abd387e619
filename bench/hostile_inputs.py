"""What hostile clients send, one small function for each input, in a table.

An input gets a `Target` and returns what one connection sends again and again: bytes of whole requests, or a function
that drives a connection by itself until a moment has come. Attackers come from an address of their own, 127.0.0.2, as
they would from elsewhere.
"""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from tests.saml.corpus import CASES, document

from bench.people import show_basic

ADDRESS: Final = "127.0.0.2"
WAIT: Final = 30.0
"""Seconds that an attacker waits for one answer."""
EMAILS: Final = 499
NICKNAME: Final = "n" * 60_000


@dataclass(frozen=True, slots=True)
class Target:
    """Where the hostile tenant of a server is, and its key."""

    host: str
    port: int
    tenant: str
    provider_id: str
    key: str
    secret: str
    person_id: str
    """Somebody with 499 e-mails."""

    @property
    def users(self) -> str:
        """The path of the tenant's people."""
        return f"/scim/v2/{self.tenant}/Users"


def connect(target: Target, buffer: int = 0) -> socket.socket:
    """A new connection from the attackers' address."""
    wire = socket.socket()
    if buffer:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    wire.settimeout(WAIT)
    wire.bind((ADDRESS, 0))
    wire.connect((target.host, target.port))
    return wire


def request(
    method: str, path: str, body: bytes = b"", authorization: str = "", kind: str = "application/scim+json"
) -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", "host: bench", f"content-type: {kind}", f"content-length: {len(body)}"]
    if authorization:
        lines.append(f"authorization: {authorization}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def signed(target: Target, method: str, path: str, said: Any = None) -> bytes:
    """A request with the hostile tenant's own key."""
    body = json.dumps(said).encode() if said is not None else b""
    return request(method, path, body, show_basic(target.key, target.secret))


def patch(target: Target, *operations: dict[str, Any]) -> bytes:
    """A PATCH of the person with many e-mails."""
    said = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}
    return signed(target, "PATCH", f"{target.users}/{target.person_id}", said)


# -- connections -------------------------------------------------------------------------------------------------------


def _push(target: Target, first: bytes, more: bytes, size: int, until: float) -> None:
    while time.monotonic() < until:
        with suppress(OSError), connect(target) as wire:
            wire.sendall(first)
            for _ in range(size // len(more)):
                if time.monotonic() >= until:
                    break
                wire.sendall(more)


def header_lines(target: Target, until: float) -> None:
    """60 MB of header lines."""
    _push(target, b"GET / HTTP/1.1\r\n", (b"x-more: " + b"a" * 1000 + b"\r\n") * 60, 60_000_000, until)


def one_line(target: Target, until: float) -> None:
    """One header line of 64 MB."""
    _push(target, b"GET / HTTP/1.1\r\nx: ", b"a" * 65_536, 64_000_000, until)


def silent(target: Target, until: float) -> None:
    """As many connections as can be had, on which nothing is sent."""
    held: list[socket.socket] = []
    while time.monotonic() < until:
        try:
            held.append(connect(target))
        except OSError:
            time.sleep(0.01)  # the server takes no more connections: at once would only burn the processor
        if len(held) > 150:
            held.pop(0).close()
    for each in held:
        each.close()


def half_sent(target: Target, until: float) -> None:
    """Requests of which the last line never comes."""
    held: list[socket.socket] = []
    while time.monotonic() < until:
        with suppress(OSError):
            held.append(connect(target))
            held[-1].sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 30_000)
        if len(held) > 150:
            held.pop(0).close()
    for each in held:
        each.close()


def slow_reader(target: Target, until: float) -> None:
    """Large lists are asked for, and nothing is read."""
    asked = signed(target, "GET", f"{target.users}?count=1000")
    held: list[socket.socket] = []
    while time.monotonic() < until:
        with suppress(OSError):
            held.append(connect(target, buffer=4096))
            held[-1].sendall(asked * 4)
        time.sleep(0.25)  # four new readers a second on each of the connections
    for each in held:
        each.close()


def pipelined(target: Target, until: float) -> None:
    """Requests sent ahead, and no answer read."""
    _push(target, b"", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * 1000, 60_000_000, until)


# -- requests ----------------------------------------------------------------------------------------------------------


def _spellings(count: int) -> list[str]:
    letters = "emailsdisplay"
    return [
        "".join(c.upper() if at >> bit & 1 else c for bit, c in enumerate(letters[:6]))
        + "."
        + "".join(c.upper() if at >> (bit + 6) & 1 else c for bit, c in enumerate(letters[6:]))
        for at in range(count)
    ]


def patch_spellings(target: Target) -> bytes:
    """4,000 spellings of emails.display in one value."""
    return patch(target, {"op": "replace", "value": dict.fromkeys(_spellings(4000), "x")})


def patch_many(target: Target) -> bytes:
    """1,000 operations that touch every e-mail."""
    return patch(target, *[{"op": "replace", "path": "emails.display", "value": "x"}] * 1000)


def patch_adding(target: Target) -> bytes:
    """500 times one more e-mail beside 499."""
    return patch(
        target, *[{"op": "add", "path": "emails", "value": [{"value": f"a{at}@x.example"}]} for at in range(500)]
    )


def unknown_names(target: Target) -> bytes:
    """60,000 names that nobody knows in a body."""
    return signed(target, "POST", target.users, {"userName": "u", **{f"x{at}": 1 for at in range(60_000)}})


def braces(target: Target) -> bytes:
    """1 MB of braces in a text."""
    return signed(target, "POST", target.users, {"userName": "b", "nickName": "{" * 1_000_000})


def slow_filter(target: Target) -> bytes:
    """A filter that looks at everybody 50 times."""
    text = " or ".join(f'emails.value co "zz{at}"' for at in range(50))
    return signed(target, "GET", f"{target.users}?{urlencode({'filter': text, 'count': 0})}")


def large_answers(target: Target) -> bytes:
    """The largest page there is."""
    return signed(target, "GET", f"{target.users}?count=1000")


def wrong_secrets(target: Target) -> bytes:
    """A wrong Secret for a Key that is right."""
    return request("GET", target.users, authorization=show_basic(target.key, "vs_wrong" + "0" * 40))


def random_tenants(target: Target) -> bytes:
    """Another tenant name each time; the placeholder is filled for each request."""
    return request("GET", "/scim/v2/RANDOM/Users", authorization=show_basic(target.key, target.secret))


def saml_logins(target: Target) -> bytes:
    """The address that begins a sign-in."""
    return request("GET", f"/saml/{target.tenant}/{target.provider_id}/login")


def guesses(target: Target) -> bytes:
    """Wrong passwords in the console."""
    said = urlencode({"email": "owner@north.example", "password": "wrong-RANDOM", "tenant": target.tenant})
    return request("POST", "/console/sign-in", said.encode(), kind="application/x-www-form-urlencoded")


def saml_documents(target: Target) -> bytes:
    """The largest document of the attack corpus, posted as a response."""
    largest = max((document(name) for name in CASES), key=len)
    said = urlencode({"SAMLResponse": base64.b64encode(largest).decode(), "RelayState": ""})
    path = f"/saml/{target.tenant}/{target.provider_id}/acs"
    return request("POST", path, said.encode(), kind="application/x-www-form-urlencoded")


def _repeat(asked: bytes, target: Target, until: float) -> None:
    """Send a request as often as it is answered."""
    while time.monotonic() < until:
        with suppress(OSError, ValueError, IndexError), connect(target) as wire, wire.makefile("rb") as stream:
            while time.monotonic() < until:
                wire.sendall(asked.replace(b"RANDOM", uuid4().hex[:6].encode()))
                length = 0
                if not stream.readline():
                    break
                while (line := stream.readline()) not in {b"\r\n", b""}:
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                stream.read(length)


DRIVERS: Final[dict[str, Callable[[Target, float], None]]] = {
    "header lines, 60 MB": header_lines,
    "one line, 64 MB": one_line,
    "silent connections": silent,
    "half-sent requests": half_sent,
    "readers that take nothing": slow_reader,
    "requests sent ahead": pipelined,
}
REQUESTS: Final[dict[str, Callable[[Target], bytes]]] = {
    "PATCH, 4,000 spellings": patch_spellings,
    "PATCH, 1,000 operations": patch_many,
    "PATCH, 500 x add": patch_adding,
    "60,000 unknown names": unknown_names,
    "1 MB of braces": braces,
    "slow filters": slow_filter,
    "large answers": large_answers,
    "wrong Secrets": wrong_secrets,
    "random tenant names": random_tenants,
    "SAML logins": saml_logins,
    "SAML documents": saml_documents,
    "guesses at sign-in": guesses,
}


def attack(name: str, target: Target, connections: int, parent: Connection) -> None:
    """Send an input by so many connections. Says when it is ready, and is told until when; the monotonic clock of
    Linux is one for all processes.
    """
    asked = REQUESTS[name](target) if name in REQUESTS else b""
    parent.send("ready")
    until: float = parent.recv()
    if name not in REQUESTS and name not in DRIVERS:
        return
    work = partial(DRIVERS[name], target, until) if name in DRIVERS else partial(_repeat, asked, target, until)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(connections)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(max(0.0, until - time.monotonic()))
