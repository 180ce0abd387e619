"""HTTP on one connection: uvicorn's httptools protocol with limits for slow, silent and oversized clients.

Limits: the bytes of request line and headers are counted as they arrive; pipelined requests wait unread; a connection
is closed if a request, a TLS handshake or a slow reader takes too long (`connections` checks all of them).
`docs/limits.md` lists the numbers.

Fast path: ASGI splits a response into messages and checks each header again. A SCIM response is complete and its
headers are our own, so it is written in one piece, and a body that arrived with its headers is returned without
waiting.

This class uses attributes of uvicorn's that are not public, so `pyproject.toml` names one exact version. Where an
attribute of a request is missing, the fast path steps aside and plain ASGI answers (`tests/unit/test_fast_path.py`).
"""

import asyncio
import math
import socket
from collections.abc import Callable
from typing import Any, Final, cast

import orjson
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_remote_addr

from vestibule.connections import Policy, connections_of
from vestibule.endpoints.exchange import FAST_PATH
from vestibule.limits import HEADER_BYTES, STALLED_READER_BYTES
from vestibule.scim.errors import InvalidSyntax, RequestTimeout, ScimError
from vestibule.scim.messages import MEDIA_TYPE

UNREADABLE: Final = InvalidSyntax(
    "A request should be HTTP/1.1; the method, the path, the headers or the chunks of this one cannot be read as that."
)
TOO_LARGE: Final = f"Request line and headers may take {HEADER_BYTES:,} bytes, and so may trailers; these take more."
_PIECE: Final = 4096
"""The parser gets at most so many bytes at a time, so that one piece contains few requests."""
_PER_CHUNK: Final = 16
"""So many bytes per chunk are not counted, because clients that send a body in small chunks are not attackers."""
_NEVER: Final = math.inf


class Wire(HttpToolsProtocol):
    """One connection.

    A malformed request gets a SCIM Error: nobody can tell which endpoint it was meant for, and identity providers
    understand only SCIM Errors.
    """

    def __init__(self, policy: Policy, **given: Any) -> None:
        super().__init__(**given)
        self.address = ""
        self._all = connections_of(policy)
        self._policy = policy
        self._deadline = _NEVER
        self._resting = True
        """Whether no byte of a request has come since the last answer."""
        self._counted = 0
        """Bytes received outside of bodies since the last complete headers or the last request."""
        self._in_progress: RequestResponseCycle | None = None
        self._held = b""
        """Bytes of further requests that arrived while earlier ones wait."""
        self._unread: tuple[int, float] | None = None
        """How many bytes of a response were left when the client last read some, and when that was."""
        self._answer_bytes = 0
        """Bytes of a response that the application keeps until the client has read what was written."""
        self._admitted = False
        self._opened = False
        self._handshake: asyncio.Task[None] | None = None
        """The TLS handshake, while there is no transport yet."""

    # -- begin and end -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or close it if there are too many."""
        self.transport, self._opened = cast("asyncio.Transport", transport), True
        if not self._admitted:
            peer = get_remote_addr(self.transport)
            self.admit(peer[0] if peer else "")
        self._handshake = None
        if not self._admitted:
            self.transport.abort()
            return
        super().connection_made(self.transport)
        self.flow = _Flow(self.transport)

    def admit(self, peer: str, handshake: asyncio.Task[None] | None = None) -> bool:
        """Start to count the connection. With TLS this is before the handshake, when there is no transport yet.

        Returns:
            Whether it may stay.
        """
        now = self.loop.time()
        self.address = self._all.counted_address(peer)
        self._handshake = handshake
        self._deadline = now + self._policy.header_seconds
        self._admitted = self._all.admit(self, now)
        return self._admitted

    def end_handshake(self, accepted: socket.socket) -> None:
        """Close a connection whose handshake failed; nothing happens if the handshake succeeded."""
        if not self._opened:
            self._all.leave(self)
            accepted.close()

    @property
    def header_seconds(self) -> float:
        """Returns how many seconds a handshake may take."""
        return self._policy.header_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection, and tell the request in progress that its client is gone."""
        self._all.leave(self)
        self._held = b""
        # uvicorn tells the request that was read last, which is not the one in progress if others wait.
        if self._in_progress is not None and not self._in_progress.response_complete:
            self._in_progress.disconnected = True
            self._in_progress.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def cut(self) -> None:
        """Close the connection at once. Data that was not written is lost."""
        if self._handshake is not None:
            self._handshake.cancel()
        else:
            self.transport.abort()

    # -- time limits ---------------------------------------------------------------------------------------------------

    def expires_at(self) -> float | None:
        """Returns when the time-out for the next request ends; None while a request is in progress."""
        return self._deadline if self._deadline < _NEVER else None

    def check(self, now: float) -> None:
        """Close the connection if the client took too long to send a request or to read a response."""
        if self._handshake is not None:
            if now >= self._deadline:
                self.cut()
            return
        left = self.transport.get_write_buffer_size()
        if self._is_stalled(left, now):
            self.transport.abort()
        elif now >= self._deadline:
            if left or self.transport.is_closing():
                self.transport.abort()
            elif self._counted and not self._resting and not self._is_answering():
                seconds = f"{self._policy.header_seconds:g}"
                self._refuse(RequestTimeout(f"All headers should arrive within {seconds} seconds; they did not."), 408)
            else:
                self.transport.close()

    def _is_stalled(self, left: int, now: float) -> bool:
        if not left:
            if not self._answer_bytes:
                self._unread = None
        elif self._unread is None or left <= self._unread[0] - STALLED_READER_BYTES:
            self._unread = left, now
        else:
            return now - self._unread[1] >= self._policy.stalled_seconds
        return False

    def unread(self) -> tuple[float, int] | None:
        """Returns since when the client has read nothing of a response, and how many bytes wait for it: those that were
        written and those that the application keeps.
        """
        if self._unread is None or self._handshake is not None:
            return None
        return self._unread[1], self.transport.get_write_buffer_size() + self._answer_bytes

    def hold(self, size: int) -> None:
        """Count the bytes of a response that the application keeps. If there are too many in all, slow readers are cut
        at once and not at the next check, because many responses can be made between two checks.
        """
        more, self._answer_bytes = size - self._answer_bytes, size
        if self._unread is None and size:
            self._unread = self.transport.get_write_buffer_size(), self.loop.time()
        self._all.hold(more)

    def resume_writing(self) -> None:
        """Note that the client read most of the response."""
        self._unread = (self.transport.get_write_buffer_size(), self.loop.time()) if self._answer_bytes else None
        super().resume_writing()

    # -- requests ------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Pass received bytes to the parser in pieces, unless earlier requests wait for their responses."""
        if self._resting:
            self._resting = False
            self._deadline = min(self._deadline, self.loop.time() + self._policy.header_seconds)
        if self.pipeline or self._held:
            self._hold(data)
        elif len(data) <= _PIECE:
            self._feed(data)
        else:
            self._feed_pieces(data)

    def _feed_pieces(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            if self.transport.is_closing():
                return
            if self.pipeline:
                self._hold(data[at:])
                return
            self._feed(data[at : at + _PIECE])

    def _feed(self, data: bytes) -> None:
        self._counted += len(data)
        super().data_received(data)
        if self._counted > HEADER_BYTES and not self.transport.is_closing():
            self._refuse(ScimError(TOO_LARGE), 431)

    def _hold(self, data: bytes) -> None:
        self._held += data
        flow = cast("_Flow", self.flow)
        flow.pause_reading()
        flow.holding = True

    def _feed_held(self) -> None:
        data, self._held = self._held, b""
        self._feed_pieces(data)
        if not self._held:
            cast("_Flow", self.flow).holding = False

    def on_chunk_header(self) -> None:
        """A chunk begins. Its size line is not counted."""
        self._counted = max(0, self._counted - _PER_CHUNK)

    def on_headers_complete(self) -> None:
        """The headers are complete: counting starts again, and there is no deadline while the application responds."""
        self._counted = 0
        self._deadline = _NEVER
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body arrived. It is not counted here."""
        self._counted = max(0, self._counted - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._counted = 0
        if self.cycle.response_complete:
            self.cycle.more_body = False
            self._rest()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.cycle.more_body:  # the rest of the body is not needed, but the client may have to finish sending it
            self._deadline = self.loop.time() + self._policy.header_seconds
        else:
            self._rest()
        if self._held and not self.pipeline:
            self._resting = False
            self._feed_held()
        self.flow.resume_reading()

    def _rest(self) -> None:
        self._resting = True
        self._deadline = self.loop.time() + self._policy.idle_seconds

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._in_progress = cycle
        cycle.scope[FAST_PATH] = _FastPath(cycle, self.hold)  # type: ignore[typeddict-unknown-key]  # not one of ASGI's own
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's type omits None, its first value
        return cycle is not None and not cycle.response_complete

    # -- refusals ------------------------------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- the parser's message is not for clients
        """Refuse a malformed request."""
        self._refuse(UNREADABLE, 400)

    def _refuse(self, error: ScimError, status: int) -> None:
        """Answer with a SCIM Error and close. If an earlier request waits for its response, only close."""
        waiting = self._is_answering()
        if not self.pipeline and not (waiting and self.cycle.response_started):
            body = orjson.dumps(error.body() | {"status": str(status)})
            lines = [STATUS_LINE[status].rstrip()]
            lines += [b"%b: %b" % header for header in self.server_state.default_headers]
            lines += [b"content-type: " + MEDIA_TYPE.encode(), b"content-length: %d" % len(body), b"connection: close"]
            self.transport.write(b"\r\n".join([*lines, b"", body]))
            if waiting:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        self.transport.close()


class _Flow(FlowControl):
    """Flow control that does not resume reading while requests are held back."""

    holding = False

    def resume_reading(self) -> None:
        if not self.holding:
            super().resume_reading()


class _FastPath:
    """The fast path of one request; `endpoints.exchange.FastPath` defines its interface.

    The application removes it from the scope. Otherwise request and scope refer to each other, and only the garbage
    collector could free them.
    """

    __slots__ = ("_cycle", "hold")

    def __init__(self, cycle: RequestResponseCycle, hold: Callable[[int], None]) -> None:
        self._cycle = cycle
        self.hold = hold

    def body_at_hand(self) -> bytes | None:
        cycle = self._cycle
        try:
            return None if cycle.more_body or cycle.disconnected else bytes(cycle.body)
        except AttributeError:  # another uvicorn: plain ASGI receives it
            return None

    def answer(self, status: int, headers: bytes, body: bytes) -> bool:
        cycle = self._cycle
        try:
            if cycle.response_started or cycle.disconnected or cycle.flow.write_paused:
                return False
            if cycle.scope["method"] == "HEAD":
                return False
            always, keep_alive, transport = cycle.default_headers, cycle.keep_alive, cycle.transport
            told, answered = cycle.message_event.set, cycle.on_response
            _ = cycle.response_complete
        except AttributeError:  # another uvicorn: plain ASGI answers
            return False
        cycle.response_started = cycle.response_complete = True
        first = b"".join([b"%b: %b\r\n" % header for header in always])
        ending = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
        transport.write(b"".join((STATUS_LINE[status], first, headers, ending, body)))
        told()
        if not keep_alive:
            transport.close()
        answered()
        return True
