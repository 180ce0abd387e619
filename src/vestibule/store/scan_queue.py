"""A fair queue for scans: reads that may look at every row of a tenant.

The rule: one tenant's scans never keep another tenant's waiting for longer than one scan takes. A tenant has one scan
in progress per lane, free slots go to the waiting tenants in turn, and both the queue and the wait are limited. A lane
is a kind of scan with its own slots, so that a list that uses an index does not wait behind searches.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vestibule.limits import SCAN_SECONDS, SCAN_WAIT_SECONDS, SCANS_OF_TENANT, WAITING_SCANS, WAITING_SCANS_OF_TENANT

LaneName = Literal["search", "list", "sweep"]


class TookTooLong(Exception):
    """A scan did not end within its time, and was stopped."""


class TooManyScans(Exception):
    """The queue is full, or a scan waited in it for too long."""


@dataclass(slots=True)
class Lane:
    """The slots for one kind of scan, and the scans that wait for one, by tenant."""

    slots: int
    of_one_tenant: int
    seconds: float | None = SCAN_SECONDS
    """For how long each may run; None for what the command line does."""
    _running: Counter[str] = field(default_factory=Counter)
    _waiting: dict[str, deque[asyncio.Future[None]]] = field(default_factory=dict)

    async def enter(self, tenant: str) -> None:
        """Wait for a slot. The caller releases it with `leave`.

        Raises:
            TooManyScans: too many wait already, or the wait was too long.
        """
        if self._running.total() < self.slots and self._running[tenant] < self.of_one_tenant:
            self._running[tenant] += 1
            return
        mine = self._waiting.get(tenant, ())
        if len(mine) >= WAITING_SCANS_OF_TENANT or sum(map(len, self._waiting.values())) >= WAITING_SCANS:
            raise TooManyScans
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            async with asyncio.timeout(SCAN_WAIT_SECONDS):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(tenant)
            else:
                self._forget(tenant, turn)
            if isinstance(error, TimeoutError):
                raise TooManyScans from None
            raise

    def leave(self, tenant: str) -> None:
        """Release a slot, and give it to the tenant that has waited longest among those that may have one."""
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        for name in list(self._waiting):
            if self._running[name] < self.of_one_tenant and self._give_turn(name):
                return

    def _give_turn(self, tenant: str) -> bool:
        """Give a slot to the tenant's scan that has waited longest. Returns whether there was one that still waits.

        A scan that was cancelled stands in the queue until its task has run: its turn is over and cannot be given.
        """
        turns = self._waiting.pop(tenant)
        while turns:
            turn = turns.popleft()
            if turn.done():
                continue
            turn.set_result(None)
            self._running[tenant] += 1
            if turns:  # behind all others: the slots go round
                self._waiting[tenant] = turns
            return True
        return False

    def _forget(self, tenant: str, turn: "asyncio.Future[None]") -> None:
        turns = self._waiting.get(tenant)
        if turns and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[tenant]


class ScanSlots(NamedTuple):
    """How many searches, and how many lists beside them, may run at the same time."""

    searches: int
    lists: int


def slots_of_pool(connections: int) -> ScanSlots:
    """Divide a pool of connections: searches get a third of it, and at least two connections if there are four, so that
    one tenant's search keeps no other tenant's waiting. Lists get as many if as many are left for everything else.

    Returns one slot of each kind for a pool that is smaller than four.
    """
    searches = max(connections // 3, 2 if connections >= 4 else 1)
    return ScanSlots(searches, max(min(searches, (connections - searches) // 2), 1))


def make_lanes(slots: ScanSlots) -> dict[LaneName, Lane]:
    """Returns the lanes of a database: filters that may look at every document, lists that an index answers, and what
    the command line does.
    """
    return {
        "search": Lane(slots.searches, SCANS_OF_TENANT),
        "list": Lane(slots.lists, SCANS_OF_TENANT),
        "sweep": Lane(slots.searches, slots.searches, seconds=None),
    }
