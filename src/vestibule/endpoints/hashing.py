"""A bounded queue for password hashing.

Hashing a password is made to be expensive, so only a few run at the same time, and only so many wait: a flood of
sign-ins is refused at once and does not make everybody else wait. Those who have proved something already (a known
browser, a session, a one-time link) go first and have a bound of their own, so that strangers cannot fill the queue
for them.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vestibule.errors import TooBusy, TooOften
from vestibule.limits import HASHES_AT_ONCE, WAITING_HASHES, WAITING_HASHES_OF_EACH

RETRY_AFTER = 2
"""Seconds after which somebody who was refused may try again."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody in the queue."""

    who: str
    trusted: bool
    turn: "asyncio.Future[None]"


class HashingQueue:
    """Who may hash a password now, and who waits for it."""

    def __init__(self) -> None:
        self._running = 0
        self._queues: dict[bool, deque[_Waiting]] = {True: deque(), False: deque()}  # whoever is trusted goes first
        self._waiting: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def turn(self, who: str, *, trusted: bool) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the length of a block. `who` is whatever may hold few places: an address, a
        browser, a session.

        Raises:
            TooOften: the same one waits several times already.
            TooBusy: too many wait.
        """
        await self._enter(who, trusted=trusted)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, who: str, *, trusted: bool) -> None:
        if self._running < HASHES_AT_ONCE:
            self._running += 1
            return
        queue = self._queues[trusted]
        if self._waiting[who] >= WAITING_HASHES_OF_EACH:
            raise TooOften(
                f"Several sign-ins from here are being checked at this moment. Try again in {RETRY_AFTER} seconds.",
                RETRY_AFTER,
            )
        if len(queue) >= WAITING_HASHES:
            raise TooBusy(
                f"Very many sign-ins are being checked at this moment. Try again in {RETRY_AFTER} seconds.", RETRY_AFTER
            )
        place = _Waiting(who, trusted, asyncio.get_running_loop().create_future())
        queue.append(place)
        self._waiting[who] += 1
        try:
            await place.turn
        except asyncio.CancelledError:
            if place.turn.cancelled():
                self._forget(place)
            else:
                self._leave()  # the turn had come already
            raise

    def _leave(self) -> None:
        """Hand the turn to whoever is next."""
        for queue in self._queues.values():
            for place in tuple(queue):
                self._forget(place)
                if not place.turn.done():
                    place.turn.set_result(None)
                    return
        self._running -= 1

    def _forget(self, place: _Waiting) -> None:
        """Take somebody out of the queue, if they are still in it."""
        if place in self._queues[place.trusted]:
            self._queues[place.trusted].remove(place)
            self._waiting[place.who] -= 1
            if not self._waiting[place.who]:
                del self._waiting[place.who]
