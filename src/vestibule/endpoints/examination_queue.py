"""A bounded queue for the threads that parse SAML messages.

XML and signatures take milliseconds of CPU, so they are handled in threads and do not block the event loop. The number
of threads and of waiting messages is limited: a flood is refused at once, and one client cannot take all places.
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
"""Seconds after which a refused client may try again."""


class ExaminationQueue:
    """Limits how many messages are parsed at the same time, and how many wait."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(EXAMINATIONS_AT_ONCE)
        self._inside: Counter[str] = Counter()

    async def run(self, client: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread when it is its turn. Returns what it returns.

        Raises:
            TooOften: too many messages of this client wait.
            TooBusy: too many messages wait.
        """
        if self._inside[client] >= EXAMINATIONS_AT_ONCE + WAITING_EXAMINATIONS_OF_EACH:
            raise TooOften(
                f"Many sign-ins from your address are being checked. Try again in {RETRY_AFTER} seconds.",
                RETRY_AFTER,
            )
        if self._inside.total() >= EXAMINATIONS_AT_ONCE + WAITING_EXAMINATIONS:
            raise TooBusy(
                f"Too many sign-ins are being checked at the moment. Try again in {RETRY_AFTER} seconds.", RETRY_AFTER
            )
        self._inside[client] += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(function, *args, **kwargs)
        finally:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]
