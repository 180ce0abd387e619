"""The load generator: its own process, one thread, blocking sockets behind one epoll, and no more Python than it needs.

It reads a plan as JSON from standard input, runs the plan's conversations over keep-alive connections (one request at a
time on each, as Okta does), and prints JSON lines: progress while it runs, the outcome at the end. A latency is the
time from before `send` to after the whole answer was read; checking the answer and building the next request are not
part of it, but their cost is part of the client's CPU time, which is told with the outcome.
"""

import gc
import gzip
import json
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from bench import people
from bench.machine import ROOT
from bench.people import STEPS, Answer, Conversation, Wire, WrongAnswer

SILENCE: Final = 60.0
"""Seconds without any answer after which Okta would have hung up (wire facts 1.2)."""
MAX_ERRORS: Final = 10
"""After so many wrong answers the run stops: it has failed, and its speed means nothing."""
TOLD_EVERY: Final = 0.5
"""Seconds between two lines of progress."""

CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. "live" and "fill" take `count` people from `first` on; the others take `ids`, pairs of number and
    id.
    """

    script: Literal["live", "fill", "check", "read", "find"]
    host: str
    port: int
    base_path: str
    authorization: str
    connections: int
    first: int = 0
    count: int = 0
    ids: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """What happened. Latencies are in microseconds by step, `seconds` and `cpu_seconds` are of the client's whole
    run.
    """

    latencies: dict[str, list[int]]
    seconds: float
    cpu_seconds: float
    errors: list[str]
    ids: list[tuple[int, str]]


def take_answer(buffer: bytes) -> Answer | None:
    """Read one HTTP/1.1 answer that begins at `buffer`, or None while it is not all there.

    Raises:
        WrongAnswer: for anything that this reader was not made for.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, body, status = buffer[:end], buffer[end + 4 :], int(buffer[9:12])
    sized = CONTENT_LENGTH.search(head)
    if sized:
        length = int(sized[1])
        if len(body) < length:
            return None
        if len(body) > length:
            raise WrongAnswer(f"{len(body) - length} bytes more than Content-Length")
    elif status == 204:
        pass
    elif b"transfer-encoding: chunked" in head.lower():
        if not body.endswith(b"0\r\n\r\n"):
            return None
        body = _join_chunks(body)
    else:
        raise WrongAnswer(f"an answer without a length: {head!r}")
    if b"content-encoding: gzip" in head.lower():
        body = gzip.decompress(body)
    return status, body


def _join_chunks(raw: bytes) -> bytes:
    chunks: list[bytes] = []
    at = 0
    while True:
        end = raw.index(b"\r\n", at)
        size = int(raw[at:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(chunks)
        chunks.append(raw[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


class FastPath:
    """One keep-alive connection and its current conversation."""

    __slots__ = ("buffer", "conversation", "sent", "socket", "step")

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.step = 0
        self.sent = 0
        self.conversation: Conversation | None = None

    def say(self, request: people.Request) -> None:
        """Send a request. The socket blocks; what Okta sends fits into its buffer."""
        self.step, data = request
        self.sent = time.perf_counter_ns()
        self.socket.sendall(data)

    def hear(self) -> Answer | None:
        """Read what has arrived. Returns the response once it is complete."""
        data = self.socket.recv(262_144)
        if not data:
            raise WrongAnswer("the server closed a keep-alive connection")
        self.buffer = self.buffer + data if self.buffer else data
        answer = take_answer(self.buffer)
        if answer is not None:
            self.buffer = b""
        return answer


class Switchboard:
    """All connections, and the poll that says which of them have received something."""

    def __init__(self, conversations: Iterator[Conversation], host: str, port: int) -> None:
        self.conversations = conversations
        self.host = host
        self.port = port
        self.poll = select.epoll()
        self.lines: dict[int, FastPath] = {}
        self.latencies: list[list[int]] = [[] for _ in STEPS]
        self.errors: list[str] = []

    def dial(self) -> None:
        """Open a connection, and start a conversation on it."""
        line = FastPath(self.host, self.port)
        self.lines[line.socket.fileno()] = line
        self.poll.register(line.socket.fileno(), select.EPOLLIN)
        self.begin(line)

    def begin(self, line: FastPath) -> None:
        """Start the next conversation on this connection, or close it if there are none left."""
        line.conversation = next(self.conversations, None)
        if line.conversation is None:
            self.hang_up(line)
        else:
            line.say(next(line.conversation))

    def hang_up(self, line: FastPath) -> None:
        self.poll.unregister(line.socket.fileno())
        del self.lines[line.socket.fileno()]
        line.socket.close()

    def go_on(self, line: FastPath) -> None:
        """Receive from a connection and send the next request."""
        try:
            answer = line.hear()
            if answer is None or line.conversation is None:
                return
            self.latencies[line.step].append((time.perf_counter_ns() - line.sent) // 1000)
            line.say(line.conversation.send(answer))
        except StopIteration:
            self.begin(line)
        except (WrongAnswer, OSError) as wrong:
            self.errors.append(f"{type(wrong).__name__}: {wrong}")
            self.hang_up(line)
            if len(self.errors) < MAX_ERRORS:
                self.dial()

    def hold(self, connections: int) -> None:
        """Hold all conversations, `connections` at a time."""
        told = time.monotonic()
        for _ in range(connections):
            self.dial()
        while self.lines and len(self.errors) < MAX_ERRORS:
            ready = self.poll.poll(SILENCE)
            if not ready:
                self.errors.append(f"no answer within {SILENCE:.0f} s")
                return
            for number, _ in ready:
                self.go_on(self.lines[number])
            if time.monotonic() - told > TOLD_EVERY:
                told = time.monotonic()
                print(json.dumps({"done": sum(map(len, self.latencies))}), flush=True)


def run(plan: Plan) -> Outcome:
    """Run the conversations of the plan."""
    wire = Wire(plan.host, plan.port, plan.base_path, plan.authorization)
    numbers = range(plan.first, plan.first + plan.count)
    ids: dict[int, str] = {}
    conversations: Iterator[Conversation]
    match plan.script:
        case "live":
            conversations = (people.live(wire, number, ids) for number in numbers)
        case "fill":
            conversations = (people.fill(wire, number, ids) for number in numbers)
        case "check":
            conversations = (people.check(wire, number, id_) for number, id_ in plan.ids)
        case "read":
            conversations = (people.read(wire, number, id_) for number, id_ in plan.ids)
        case "find":
            conversations = (people.find(wire, number, id_) for number, id_ in plan.ids)
    board = Switchboard(conversations, plan.host, plan.port)
    gc.collect()
    gc.disable()  # nothing here makes cycles, and a collection would be counted as the server's latency
    cpu, start = time.process_time(), time.perf_counter()
    try:
        board.hold(plan.connections)
    except OSError as wrong:
        board.errors.append(f"the server cannot be reached: {wrong}")
    return Outcome(
        latencies=dict(zip(STEPS, board.latencies, strict=True)),
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
        errors=board.errors,
        ids=list(ids.items()),
    )


def drive(plan: Plan, progress: Callable[[int], None]) -> Outcome:
    """Run a plan in a process of its own. `progress` is called twice a second with the number of requests answered so
    far.

    Raises:
        RuntimeError: when the load generator itself breaks; its own words are on standard error.
    """
    command = [sys.executable, "-m", "bench.load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the load generator has no pipes")
        json.dump(asdict(plan), process.stdin)
        process.stdin.close()
        said: dict[str, Any] = {}
        for line in process.stdout:
            said = json.loads(line)
            if "done" in said:
                progress(said["done"])
    if process.returncode or "latencies" not in said:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    said["ids"] = [(number, id_) for number, id_ in said["ids"]]
    return Outcome(**said)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches the whole group; the bench says what there is to say
    print(json.dumps(asdict(run(Plan(**json.load(sys.stdin))))))
