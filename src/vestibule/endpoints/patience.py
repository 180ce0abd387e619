"""How long a request's body may be in coming.

One clock looks after all bodies that are awaited, and stands still while none is: a body that is there at once, as
nearly all are, costs no timer of its own.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, Final, cast

from vestibule.scim.errors import RequestTimeout

BODY_WITHIN: Final = 30
"""Seconds in which all of a body should arrive."""


class Patience:
    """Awaits bodies, each for so many seconds, or up to a thirtieth of them longer."""

    def __init__(self, seconds: float = BODY_WITHIN) -> None:
        self._seconds = seconds
        self._until: dict[asyncio.Task[Any], float] = {}
        self._lost: set[asyncio.Task[Any]] = set()
        self._ticking = False

    async def wait(self, body: Awaitable[bytes]) -> bytes:
        """The body.

        Raises:
            RequestTimeout: it took too long.
        """
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._until[task] = time.monotonic() + self._seconds
        if not self._ticking:
            self._tick()
        try:
            return await body
        except asyncio.CancelledError:
            if task not in self._lost:
                raise
            self._lost.discard(task)
            task.uncancel()
            raise RequestTimeout(
                f"All of the body should arrive within {self._seconds:g} seconds; it did not. Nothing was changed."
            ) from None
        finally:
            del self._until[task]

    def _tick(self) -> None:
        now = time.monotonic()
        for task, until in self._until.items():
            if until <= now and task not in self._lost:
                self._lost.add(task)
                task.cancel()
        self._ticking = bool(self._until)
        if self._ticking:
            asyncio.get_running_loop().call_later(self._seconds / 30, self._tick)
