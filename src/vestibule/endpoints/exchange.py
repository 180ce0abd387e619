"""Parses SCIM requests from ASGI, and sends the answers.

All limits on a request's query and body are checked here, before anything else uses them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, unquote_plus

import orjson

from vestibule.actions.scim_request import LARGEST_KEPT_BODY, Sent
from vestibule.endpoints.scim_bodies import BodyReader, JsonBody, check_length
from vestibule.events import redacted_query
from vestibule.model import Actor
from vestibule.scim.bulk import Bulk
from vestibule.scim.errors import InvalidSyntax, InvalidValue, PayloadTooLarge, ScimError, UnsupportedMediaType, excerpt
from vestibule.scim.messages import MEDIA_TYPE, ListHead, list_response
from vestibule.scim.resource import Ignored

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Result = TypeVar("Result")
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_PARAMETERS: Final = 50
FAST_PATH: Final = "vestibule.line"
"""The key of a `FastPath` in the ASGI scope, if the server offers one."""
_PIECE: Final = 256 * 1024
"""Bytes of a response body that are written in one piece."""
_CHALLENGE: Final = (b"www-authenticate", b'Basic realm="SCIM", charset="UTF-8"')
_TYPE: Final = (b"content-type", MEDIA_TYPE.encode())
_NO_STORE: Final = (b"cache-control", b"no-store")
_ALWAYS: Final = b"%b: %b\r\n%b: %b\r\n" % (*_TYPE, *_NO_STORE)
_READABLE: Final = "$-._:[]'()*/ "
_CLOSE: Final = (b"connection", b"close")


Headers = tuple[tuple[bytes, bytes], ...]
_MOST_TOLD: Final = 20
"""How many ignored parts of a request a response names."""


class FastPath(Protocol):
    """A faster way than ASGI for complete request bodies and responses, which the server may offer."""

    def body_at_hand(self) -> bytes | None:
        """Returns the body if it has arrived completely and ASGI's `receive` was not called yet; otherwise None."""

    def answer(self, status: int, headers: bytes, body: bytes) -> bool:
        """Send a response in one piece. Returns whether that was possible."""

    def hold(self, size: int) -> None:
        """Report how many bytes of a response are buffered for a slow client and not written; 0 once none are."""


class Answer(NamedTuple):
    """A response: status, JSON body and additional headers. A large body is given in `pieces` instead."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    pieces: AsyncIterator[bytes] | None = None

    async def send(self, send: Send, line: FastPath | None) -> None:
        """Send it to the server, by the fast path if possible."""
        if self.pieces is not None:
            await self._send_as_it_comes(send, self.pieces)
            return
        if line is not None and len(self.body) <= _PIECE and _CLOSE not in self.headers:
            lines = [b"%b: %b\r\n" % header for header in self.headers]
            headers = b"%bcontent-length: %d\r\n%b" % (_ALWAYS, len(self.body), b"".join(lines))
            if line.answer(self.status, headers, self.body):
                return
        if line is None:
            await self._send_pieces(send)
            return
        # The whole body stays in memory while a slow client reads it, so it counts as unread.
        line.hold(len(self.body))
        try:
            await self._send_pieces(send)
        finally:
            line.hold(0)

    async def _send_as_it_comes(self, send: Send, pieces: AsyncIterator[bytes]) -> None:
        """Send a body whose length is not known. The server waits while a slow client has not read the last piece."""
        await send({"type": "http.response.start", "status": self.status, "headers": [_TYPE, _NO_STORE, *self.headers]})
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _send_pieces(self, send: Send) -> None:
        apart = [_TYPE, _NO_STORE, (b"content-length", b"%d" % len(self.body)), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": apart})
        # In pieces, because the server waits between them while a slow client has not read the last one.
        last = max(len(self.body) - 1, 0) // _PIECE * _PIECE
        for start in range(0, last, _PIECE):
            await send({"type": "http.response.body", "body": self.body[start : start + _PIECE], "more_body": True})
        await send({"type": "http.response.body", "body": self.body[last:]})


def listed(head: ListHead, resources: list[bytes | AsyncIterator[bytes]], headers: Headers = ()) -> Answer:
    """Returns the response with a list of resources, of which some may come in pieces."""
    whole = [resource for resource in resources if isinstance(resource, bytes)]
    if len(whole) == len(resources):
        return Answer(200, list_response(head, whole), headers)
    before, after = list_response(head, (), len(resources)).split(b"[]", 1)

    async def pieces() -> AsyncIterator[bytes]:
        joint = before + b"["
        for resource in resources:
            if isinstance(resource, bytes):
                yield joint + resource
            else:
                yield joint
                async for piece in resource:
                    yield piece
            joint = b","
        yield b"]" + after

    return Answer(200, headers=headers, pieces=pieces())


@lru_cache(maxsize=256)
def _told_part(part: Ignored) -> str:
    return f"{quote(part.path, safe=_READABLE)};reason={part.reason}"


def told_ignored(ignored: list[Ignored]) -> Headers:
    """Returns the header that says what of a request was ignored, and why; none if nothing was."""
    if not ignored:
        return ()
    told = [_told_part(each) for each in ignored[:_MOST_TOLD]]
    more = [f"more={len(ignored) - _MOST_TOLD}"] if len(ignored) > _MOST_TOLD else []
    return ((b"vestibule-ignored", ", ".join(told + more).encode("ascii")),)


def refusal(error: ScimError) -> Answer:
    """Returns the response for a SCIM Error."""
    headers: Headers = ()
    if error.status == 401:
        headers = (_CHALLENGE,)
    elif error.status == 408:
        headers = (_CLOSE,)
    elif error.retry_after is not None:
        headers = ((b"retry-after", b"%d" % error.retry_after),)
    elif error.allow:
        headers = ((b"allow", error.allow.encode()),)
    return Answer(error.status, orjson.dumps(error.body()), headers)


@dataclass(slots=True)
class Request:
    """A parsed SCIM request."""

    method: str
    path: str
    tenant_name: str
    segments: list[str]
    """The decoded segments of the path after the tenant's base URL, without empty ones."""
    headers: dict[bytes, bytes]
    authorization: list[bytes]
    query_string: bytes
    receive: Receive
    line: FastPath | None
    base_url: str
    stranger: Actor
    """The anonymous sender, before authentication."""
    actor: Actor
    questions_connection: bool = False
    """Whether it was refused for a reason that suggests a wrong set-up of the client rather than a wrong request."""
    strict: bool = False
    """Whether the identity provider wants mistakes refused."""
    sent: Any = None
    sent_size: int = 0
    bulk: Bulk | None = None
    """What the body of /Bulk says, once it was read."""
    is_part: bool = False
    """Whether it is an operation of a bulk, of which only status and headers are answered."""
    _query: dict[str, str] | None = field(default=None)

    @property
    def query(self) -> dict[str, str]:
        """Returns the query parameters by lower-case name. `+` is a space, `%2B` a plus.

        Raises:
            InvalidValue: the query is not UTF-8, has too many parameters, or one of them twice.
        """
        if self._query is None:
            self._query = _parse_query(self.query_string)
        return self._query

    @property
    def if_match(self) -> str | None:
        """Returns the If-Match header (RFC 7644 §3.14), or None."""
        tag = self.headers.get(b"if-match")
        return tag.decode("latin-1") if tag is not None else None

    def check_body(self, largest: int) -> None:
        """Check the media type and length of the body in the headers. `largest` is in bytes.

        Raises:
            UnsupportedMediaType, PayloadTooLarge: the body cannot be accepted.
        """
        _check_media_type(self.headers.get(b"content-type", b""), self.headers.get(b"content-encoding", b"identity"))
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > largest:
            raise PayloadTooLarge(f"A body may take {largest:,} bytes; this one takes {int(declared):,}.")

    def body_at_hand(self) -> bytes | None:
        """Returns the body if it arrived together with the headers, as most do; None if it must be awaited."""
        return self.line.body_at_hand() if self.line is not None else None

    async def receive_body(self, reader: BodyReader) -> None:
        """Receive the body, and pass it on.

        The rest of a body that is refused before its end is received all the same, within the limit: a client that
        still sends would otherwise see a reset connection, and not the error.

        Raises:
            ScimError: the reader does not accept it.
            InvalidSyntax: the connection was closed before its end.
        """
        size, more = 0, True
        refused: ScimError | None = None
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise InvalidSyntax("The connection was closed before the body was complete.")
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            check_length(size, reader.largest)
            try:
                if refused is None:
                    reader.feed(piece)
            except ScimError as error:
                refused = error
        if refused is not None:
            raise refused

    def note_body(self, reader: BodyReader) -> None:
        """Keep what a body says, so that an event can tell it."""
        self.sent_size, self.sent = reader.size, reader.told

    def read_body_at_hand(self) -> None:
        """Parse a body that has arrived but was not parsed yet, so that the event of a refusal has it.

        A body that is not JSON is left out.
        """
        if self.sent is None and (body := self.body_at_hand()) and len(body) <= LARGEST_KEPT_BODY:
            reader = JsonBody()
            with contextlib.suppress(ScimError):
                reader.feed(body)
                reader.finish()
                self.note_body(reader)

    def told(self) -> Sent:
        """Returns the request in the form for an event."""
        query = f"?{excerpt(redacted_query(self.query_string.decode('latin-1')), 500)}" if self.query_string else ""
        return Sent(self.method, excerpt(self.path, 300) + query, self.sent, self.sent_size, self.strict)


def _parse_query(query_string: bytes) -> dict[str, str]:
    query: dict[str, str] = {}
    parts = query_string.split(b"&", MOST_PARAMETERS)
    try:
        for part in filter(None, parts):
            name, _, value = part.decode("ascii").partition("=")
            name = _unquoted(name).lower()
            if name in query:
                raise InvalidValue(f"The parameter '{excerpt(name)}' was sent twice.")
            query[name] = _unquoted(value)
    except UnicodeDecodeError:
        raise InvalidValue("The query should be in percent-encoded UTF-8.") from None
    if len(parts) > MOST_PARAMETERS:
        raise InvalidValue(f"A query may have {MOST_PARAMETERS} parameters.")
    return query


def _unquoted(text: str) -> str:
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


@lru_cache(maxsize=64)
def _check_media_type(content_type: bytes, content_encoding: bytes) -> None:
    kind, *parameters = content_type.decode("latin-1").split(";")
    if kind.strip().lower() not in {"", MEDIA_TYPE, "application/json"}:
        raise UnsupportedMediaType(f"The body should be {MEDIA_TYPE} or application/json; got {excerpt(kind)}.")
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip().lower() == "charset" and charset.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(f"The body should be in UTF-8; got {excerpt(charset)}.")
    if content_encoding.strip().lower() != b"identity":
        raise UnsupportedMediaType("The body should not be compressed.")


class ClientGone(Exception):
    """The client has closed the connection, so nobody would read the response."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """Run some work, but cancel it as soon as the client closes the connection. Returns the result of the work.

    Raises:
        ClientGone: the client closed the connection.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        gone.cancel()
        working.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
