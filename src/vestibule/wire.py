"""HTTP as the server speaks it: uvicorn's protocol over httptools, with what SCIM's hot path wants beside ASGI.

ASGI takes an answer apart into messages and looks at each header again; a SCIM answer is whole and its headers are our
own. So it is written in one piece, which spares the kernel as much as it spares Python, and a body that came with its
headers is taken without being awaited. Where anything is out of the ordinary, ASGI's own way is gone.
"""

from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from vestibule.endpoints.exchange import FAST_PATH
from vestibule.scim.errors import InvalidSyntax
from vestibule.scim.messages import MEDIA_TYPE

UNREADABLE: Final = InvalidSyntax(
    "A request should be HTTP/1.1; the method, the path, the headers or the chunks of this one cannot be read as that."
)


class Wire(HttpToolsProtocol):
    """One connection. What cannot be read as a request is answered as a SCIM Error: whom it was meant for cannot be
    read either, and an identity provider reads nothing else.
    """

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- the server's own words are not for the caller
        body = orjson.dumps(UNREADABLE.body())
        lines = [b"HTTP/1.1 400 Bad Request"]
        lines += [b"%b: %b" % header for header in self.server_state.default_headers]
        lines += [b"content-type: " + MEDIA_TYPE.encode(), b"content-length: %d" % len(body), b"connection: close"]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.scope[FAST_PATH] = _FastPath(cycle)  # type: ignore[typeddict-unknown-key]  # not one of ASGI's own
        super()._start_asgi_task(cycle, app)


class _FastPath:
    """One request's end of the connection; `endpoints.exchange.Line` says what is asked of it.

    The application takes it out of the scope: while it is there, request and scope hold each other, and only the
    garbage collector could part them.
    """

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def body_at_hand(self) -> bytes | None:
        cycle = self._cycle
        return None if cycle.more_body or cycle.disconnected else bytes(cycle.body)

    def answer(self, status: int, headers: bytes, body: bytes) -> bool:
        cycle = self._cycle
        if cycle.response_started or cycle.disconnected or cycle.flow.write_paused or cycle.scope["method"] == "HEAD":
            return False
        cycle.response_started = cycle.response_complete = True
        always = b"".join([b"%b: %b\r\n" % header for header in cycle.default_headers])
        ending = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        cycle.transport.write(b"".join((STATUS_LINE[status], always, headers, ending, body)))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True
