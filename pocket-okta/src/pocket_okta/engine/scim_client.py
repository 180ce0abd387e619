"""Send one SCIM call over HTTP, try again when told to slow down, and write every attempt into the System Log.

The rule: the connection is read again for each attempt, so that new credentials work at once (test plan C9341), and
no exchange goes unrecorded, not even one that was cut off. Sources: Okta wire facts 1.2 (60 s), 1.12 (429).
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import httpx2
import orjson

from pocket_okta.connections import url_for
from pocket_okta.engine.exchange import Answer, Call, CallFailed, Redactor, refusal_in, request_headers, retry_after
from pocket_okta.refusal import Kind, Refusal

if TYPE_CHECKING:
    import ssl

    from pocket_okta.org import Connection

TRIES = 10
FIRST_WAIT = 300.0  # seconds, when a 429 does not say how long
MAX_ANSWER = 16 * 1024 * 1024  # bytes


class Recorder(Protocol):
    """Where a finished attempt is written."""

    def __call__(self, call: Call, outcome: str, detail: Mapping[str, object]) -> None: ...


@dataclass(frozen=True, slots=True)
class Timing:
    """How long an answer may take, in seconds, and by what every wait before a retry is multiplied (1 in earnest)."""

    timeout: float = 60.0
    scale: float = 1.0


class Network:
    """The HTTP connections of the program, opened at the first call."""

    def __init__(self, timing: Timing, tls: Callable[[], "ssl.SSLContext"]) -> None:
        self.timing = timing
        self._tls = tls
        self._client: httpx2.AsyncClient | None = None

    def open(self) -> httpx2.AsyncClient:
        """Return the HTTP client, made at the first call; reading the certificate authorities takes a moment."""
        if self._client is None:
            # The time-out is one for the whole exchange, kept in `exchange`. No proxy: the service is often local.
            # An idle connection is given up before a usual server (5 s) does, so that no request meets a closing one.
            limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
            self._client = httpx2.AsyncClient(verify=self._tls(), timeout=None, trust_env=False, limits=limits)
        return self._client

    async def exchange(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """Send one request; raises CallFailed when no whole answer came in time."""
        try:
            async with asyncio.timeout(self.timing.timeout):
                return await self._exchange(method, url, headers, body)
        except TimeoutError:
            raise CallFailed(f"Read timed out after {self.timing.timeout:g} seconds.") from None
        except httpx2.ConnectError as error:
            raise CallFailed(f"The remote server could not be reached: {_root(error)}.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise CallFailed(
                f"The connection to the remote server broke: {str(error) or type(error).__name__}."
            ) from error

    async def _exchange(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        async with self.open().stream(method, url, headers=headers, content=body or None) as response:
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MAX_ANSWER:
                    raise CallFailed(f"The answer is larger than {MAX_ANSWER} bytes.", response.status_code)
                chunks.append(chunk)
            received = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
            return Answer(response.status_code, received, b"".join(chunks).decode("utf-8", "replace"))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _root(error: BaseException) -> str:
    """Return the operating system's own words for a failed connection, where there are any."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return os.strerror(below.errno) if below.errno and below.errno > 0 else below.strerror
        inside = below.exceptions[0] if isinstance(below, BaseExceptionGroup) else None
        below = inside or below.__cause__ or below.__context__
    return str(error)


class ScimClient:
    """Makes the calls of one job or one button.

    `connection` is asked before each attempt. `pause` waits between attempts; None means a 429 is an answer like any
    other, as for a person who pressed a button. `interrupted`: a request was on its way when the program was stopped.
    """

    def __init__(
        self,
        network: Network,
        connection: "Callable[[], Connection]",
        record: Recorder,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._network = network
        self._connection = connection
        self._record = record
        self._pause = pause
        self.interrupted = False

    async def send(self, call: Call) -> Answer:
        """Return a successful answer; raises CallFailed for every other end.

        After a 429: wait as many seconds as an integer Retry-After says, or five minutes; then double; ten tries.
        """
        wait = None
        for attempt in range(1, TRIES + 1):
            answer = await self._attempt(call, attempt)
            if answer.ok:
                return answer
            if answer.status != 429 or self._pause is None or attempt == TRIES:
                raise refusal_in(answer)
            if wait is None:
                told = retry_after(answer)
                wait = FIRST_WAIT if told is None else told
            else:
                wait = max(wait * 2, 1.0)
            await self._pause(wait * self._network.timing.scale)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, call: Call, attempt: int) -> Answer:
        connection = self._connection()
        headers = request_headers(connection, with_body=call.body is not None, media=call.media)
        body = b"" if call.body is None else orjson.dumps(call.body)
        url = url_for(connection.base_url, call.path)
        redact = Redactor(connection)
        detail: dict[str, object] = {
            "method": call.method,
            "url": url,
            "requestHeaders": redact.headers(headers),
            "requestBody": redact.body(body.decode()) if body else "",
            "status": 0,
            "responseHeaders": [],
            "responseBody": "",
            "attempt": attempt,
            "error": "",
        }
        self._network.open()
        began = time.perf_counter()
        outcome = "FAILURE"
        try:
            answer = await self._network.exchange(call.method, url, headers, body)
            outcome = "SUCCESS" if answer.ok else "FAILURE"
            detail |= {
                "status": answer.status,
                "responseHeaders": redact.headers(answer.headers),
                "responseBody": redact.body(answer.text),
            }
        except CallFailed as failed:
            detail["error"] = failed.reason
            raise
        except asyncio.CancelledError:
            detail["error"] = "Interrupted: the pocket Okta was stopped before the answer came."
            self.interrupted = True
            raise
        finally:
            detail["milliseconds"] = round((time.perf_counter() - began) * 1000, 1)
            self._record(call, outcome, detail)
        return answer


def stopping() -> Refusal:
    """Returns the refusal for a person whose action was interrupted because the program stopped."""
    return Refusal(Kind.STOPPING, "The pocket Okta is being stopped; the call was interrupted.")
