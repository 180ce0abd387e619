"""Accepts TLS connections, so that they are counted and timed before the TLS handshake.

uvloop's own server reports a connection only after its handshake, so a client that never finishes one would hold a file
descriptor that is not counted. Here a connection counts once it is accepted. Plain HTTP does not need this.
"""

import asyncio
import errno
import socket
import ssl as tls
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import uvloop

from vestibule.wire import Wire

_AT_ONCE: Final = 64
"""Connections that are accepted in one turn of the event loop."""
_PAUSE: Final = 1.0
"""Seconds to wait before accepting again if there are no file descriptors left."""
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Loop(uvloop.Loop):
    """uvloop's loop, with another way to listen for TLS."""

    async def create_server(  # type: ignore[override]  # what uvicorn passes, and anything else unchanged
        self, factory: Callable[[], asyncio.BaseProtocol], *args: Any, sock: Any = None, ssl: Any = None, **more: Any
    ) -> asyncio.AbstractServer:
        """Listen on a socket."""
        if sock is None or ssl is None:
            return await super().create_server(factory, *args, sock=sock, ssl=ssl, **more)
        return TlsListener(self, factory, sock, ssl)


class TlsListener(asyncio.AbstractServer):
    """A listening socket whose connections speak TLS."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        factory: Callable[[], asyncio.BaseProtocol],
        listening: socket.socket,
        context: tls.SSLContext,
    ) -> None:
        self._loop = loop
        self._factory = factory
        # A duplicate, because the caller closes its own socket.
        self._listening = listening.dup()
        self._listening.setblocking(False)
        self._context = context
        self._handshakes: set[asyncio.Task[None]] = set()
        self._closed = False
        loop.add_reader(self._listening.fileno(), self._accept)

    async def start_serving(self) -> None:
        """Do nothing: connections are accepted from the start."""

    async def serve_forever(self) -> None:
        """Wait for ever; the caller closes the listener."""
        await self._loop.create_future()

    def is_serving(self) -> bool:
        """Returns whether connections are accepted."""
        return not self._closed

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Returns the event loop."""
        return self._loop

    def close(self) -> None:
        """Stop accepting connections, and cancel unfinished handshakes."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        for each in tuple(self._handshakes):
            each.cancel()

    async def wait_closed(self) -> None:
        """Wait until no handshake is in progress."""
        if self._handshakes:
            await asyncio.wait(self._handshakes)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                self._loop.remove_reader(self._listening.fileno())
                self._loop.call_later(_PAUSE, self._accept_again)
                return
            accepted.setblocking(False)
            self._begin(accepted, str(peer[0]))

    def _accept_again(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _begin(self, accepted: socket.socket, peer: str) -> None:
        wire = self._factory()
        assert isinstance(wire, Wire)  # noqa: S101 -- `serve` says so
        task = self._loop.create_task(self._shake_hands(accepted, wire))
        if not wire.admit(peer, task):
            task.cancel()
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)
        # A task that is cancelled before its first step runs no code, so its socket is closed here.
        task.add_done_callback(lambda _: wire.end_handshake(accepted))

    async def _shake_hands(self, accepted: socket.socket, wire: Wire) -> None:
        seconds = wire.header_seconds
        with suppress(OSError):  # no TLS, or too slow (SSLError is an OSError)
            await self._loop.connect_accepted_socket(
                lambda: wire,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds,
            )
