"""A bounded queue for threads that read what identity providers sent.

XML and its signatures take milliseconds of computing, so they are read in a thread, where they do not hold the event
loop. Only a few threads do that, and only so many messages wait: a flood of them is refused at once, and one client
cannot take every place.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from vestibule.errors import TooBusy, TooOften
from vestibule.limits import EXAMINATIONS_AT_ONCE, WAITING_EXAMINATIONS, WAITING_EXAMINATIONS_OF_EACH

P = ParamSpec("P")
T = TypeVar("T")

RETRY_AFTER = 2
"""Seconds after which somebody who was refused may try again."""


class ExaminationQueue:
    """Which messages are read now, and which wait for that."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(EXAMINATIONS_AT_ONCE)
        self._inside: Counter[str] = Counter()

    async def run(self, client: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread when its turn has come. Returns what it returns.

        Raises:
            TooOften: several messages of the same client wait already.
            TooBusy: too many wait.
        """
        if self._inside[client] >= EXAMINATIONS_AT_ONCE + WAITING_EXAMINATIONS_OF_EACH:
            raise TooOften(
                f"Many sign-ins from here are being checked at this moment. Try again in {RETRY_AFTER} seconds.",
                RETRY_AFTER,
            )
        if self._inside.total() >= EXAMINATIONS_AT_ONCE + WAITING_EXAMINATIONS:
            raise TooBusy(
                f"Very many sign-ins are being checked at this moment. Try again in {RETRY_AFTER} seconds.", RETRY_AFTER
            )
        self._inside[client] += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(function, *args, **kwargs)
        finally:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]
