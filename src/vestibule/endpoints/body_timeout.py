"""The time limit for the body of a SCIM request.

One timer serves all bodies that are awaited, and none runs while there are none. Most bodies arrive together with
the headers and need no timer.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, Final, cast

from vestibule.limits import BODY_SECONDS
from vestibule.scim.errors import RequestTimeout

_TICKS: Final = 30
"""How often the timer checks within one time limit. A body may exceed the limit by a thirtieth."""


class BodyTimeout:
    """Waits for bodies with a time limit in seconds."""

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._deadlines: dict[asyncio.Task[Any], float] = {}
        self._timed_out: set[asyncio.Task[Any]] = set()
        self._ticking = False

    async def wait(self, body: Awaitable[None]) -> None:
        """Wait until a body was received, within the time limit.

        Raises:
            RequestTimeout: it took too long.
        """
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._deadlines[task] = time.monotonic() + self._seconds
        if not self._ticking:
            self._tick()
        try:
            await body
        except asyncio.CancelledError:
            if task not in self._timed_out:
                raise
            self._timed_out.discard(task)
            task.uncancel()
            raise RequestTimeout(
                f"The body should arrive within {self._seconds:g} seconds; it did not. Nothing was changed."
            ) from None
        finally:
            del self._deadlines[task]

    def _tick(self) -> None:
        now = time.monotonic()
        for task, deadline in self._deadlines.items():
            if deadline <= now and task not in self._timed_out:
                self._timed_out.add(task)
                task.cancel()
        self._ticking = bool(self._deadlines)
        if self._ticking:
            asyncio.get_running_loop().call_later(self._seconds / _TICKS, self._tick)
