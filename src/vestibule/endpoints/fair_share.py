"""Fairness between tenants on the SCIM endpoint: requests in progress, and requests per second.

The rule (docs/decisions): a tenant that is alone goes as fast as the server does. So many of its requests are in
progress at a time; the next ones wait in its own queue, behind nobody else's. Only while the server is crowded is a
tenant held to the rate that each is promised, which is well above what Okta and Entra ID send. An operator may set a
ceiling that holds always.

Only requests with a valid credential are counted, so nobody else can use up what is a tenant's. Each process counts for
itself. What is done for each request is a look-up and some arithmetic.
"""

import asyncio
import contextlib
from collections import deque
from typing import Final

from vestibule.limits import CROWDED_REQUESTS, TENANT_QUEUE_REQUESTS, TENANTS_REMEMBERED
from vestibule.scim.errors import TooManyRequests

RETRY_AFTER: Final = 1
_BURST_SECONDS: Final = 2
"""For how long a tenant that was quiet may send at twice its rate before it is over it."""


class TenantShare:
    """What one tenant has in progress and in its queue, and its tokens."""

    __slots__ = ("ceiling_tokens", "counted_at", "running", "tokens", "waiting")

    def __init__(self, tokens: float, ceiling_tokens: float, now: int) -> None:
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.tokens = tokens
        self.ceiling_tokens = ceiling_tokens
        self.counted_at = now


class FairShare:
    """Lets each tenant's requests begin in their turn. A rate of 0 is no limit."""

    def __init__(self, rate: int, ceiling: int, requests: int) -> None:
        self._rate = rate / 1000
        self._ceiling = ceiling / 1000
        self._burst = rate * _BURST_SECONDS
        self._ceiling_burst = ceiling * _BURST_SECONDS
        self._most_running = requests
        self._tenants: dict[str, TenantShare] = {}
        self.running = 0
        """Requests in progress, of all tenants."""

    def enter(self, tenant_id: str, now: int) -> tuple[TenantShare, asyncio.Future[None] | None]:
        """Begin a request at an instant in milliseconds. Returns the tenant's share, to be left at the request's end,
        and a future to be awaited with `wait_for_turn` if it is not yet this request's turn.

        Raises:
            TooManyRequests: the tenant is over its rate, or its queue is full.
        """
        share = self._tenants.get(tenant_id)
        if share is None:
            share = self._new(tenant_id, now)
        self._count(share, now)
        if share.running < self._most_running and not share.waiting:
            share.running += 1
            self.running += 1
            return share, None
        if len(share.waiting) >= TENANT_QUEUE_REQUESTS:
            raise TooManyRequests("Too many requests of this tenant wait already.", retry_after=RETRY_AFTER)
        turn = asyncio.get_running_loop().create_future()
        share.waiting.append(turn)
        return share, turn

    async def wait_for_turn(self, share: TenantShare, turn: "asyncio.Future[None]") -> None:
        """Wait until a request that had to queue may go on."""
        try:
            await turn
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):
                share.waiting.remove(turn)
            if not turn.cancelled():
                self.leave(share)
            raise

    def leave(self, share: TenantShare) -> None:
        """End a request: the next one of the tenant's queue takes its place."""
        while share.waiting:
            turn = share.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        share.running -= 1
        self.running -= 1

    def _count(self, share: TenantShare, now: int) -> None:
        passed = now - share.counted_at
        if passed > 0:
            share.counted_at = now
            share.tokens = min(share.tokens + passed * self._rate, self._burst)
            share.ceiling_tokens = min(share.ceiling_tokens + passed * self._ceiling, self._ceiling_burst)
        if self._ceiling:
            if share.ceiling_tokens < 1:
                raise TooManyRequests("More requests came than one tenant may send.", retry_after=RETRY_AFTER)
            share.ceiling_tokens -= 1
        if share.tokens >= 1:
            share.tokens -= 1
        elif self._rate and self.running >= CROWDED_REQUESTS and share.running < self.running:
            raise TooManyRequests(
                "Many tenants send at once, and this one more than its share.", retry_after=RETRY_AFTER
            )

    def _new(self, tenant_id: str, now: int) -> TenantShare:
        if len(self._tenants) >= TENANTS_REMEMBERED:
            idle = next((name for name, each in self._tenants.items() if not each.running and not each.waiting), None)
            if idle is not None:
                del self._tenants[idle]
        share = self._tenants[tenant_id] = TenantShare(self._burst, self._ceiling_burst, now)
        return share

    def __len__(self) -> int:
        """How many tenants are remembered."""
        return len(self._tenants)
