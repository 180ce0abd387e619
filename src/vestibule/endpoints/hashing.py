"""A bounded queue for password hashing.

Hashing a password is expensive on purpose, so only a few run at the same time, and only a limited number waits: a flood
of sign-ins is refused at once and does not delay others. Trusted clients (with a known browser, a session or a one-time
link) go first and have their own limit, so that strangers cannot fill the queue for them.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vestibule.errors import TooBusy, TooOften
from vestibule.limits import HASHES_AT_ONCE, WAITING_HASHES, WAITING_HASHES_OF_EACH

RETRY_AFTER = 2
"""Seconds after which a refused client may try again."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A client in the queue."""

    who: str
    trusted: bool
    turn: "asyncio.Future[None]"


class HashingQueue:
    """Limits how many passwords are hashed at the same time, and how many clients wait."""

    def __init__(self) -> None:
        self._running = 0
        self._queues: dict[bool, deque[_Waiting]] = {True: deque(), False: deque()}  # trusted clients go first
        self._waiting: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """Returns how many clients wait."""
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def turn(self, who: str, *, trusted: bool) -> AsyncIterator[None]:
        """Wait for a turn, and hold it during a block. `who` is an address, browser or session, which may take few
        places.

        Raises:
            TooOften: `who` waits too many times already.
            TooBusy: too many clients wait.
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
                f"Several sign-ins from your address are being checked. Try again in {RETRY_AFTER} seconds.",
                RETRY_AFTER,
            )
        if len(queue) >= WAITING_HASHES:
            raise TooBusy(
                f"Too many sign-ins are being checked at the moment. Try again in {RETRY_AFTER} seconds.", RETRY_AFTER
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
                self._leave()  # its turn had already come
            raise

    def _leave(self) -> None:
        """Give the turn to the next client."""
        for queue in self._queues.values():
            for place in tuple(queue):
                self._forget(place)
                if not place.turn.done():
                    place.turn.set_result(None)
                    return
        self._running -= 1

    def _forget(self, place: _Waiting) -> None:
        """Remove a client from the queue, if it is still there."""
        if place in self._queues[place.trusted]:
            self._queues[place.trusted].remove(place)
            self._waiting[place.who] -= 1
            if not self._waiting[place.who]:
                del self._waiting[place.who]
