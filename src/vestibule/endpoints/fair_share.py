"""Fairness between tenants on the SCIM endpoint: requests in progress, and requests per second.

The rule (docs/decisions/0017): a tenant that is alone is not slowed down. A limited number of its requests is in
progress at a time; the next ones wait in the tenant's own queue. Only while the server is crowded, a tenant may not
exceed the rate that each is promised, which is well above what Okta and Entra ID send. An operator may set a ceiling
that always applies.

Only requests with a valid credential are counted, so nobody else can use up a tenant's share. Each process counts for
itself. The cost for a request is a look-up and some arithmetic.
"""

import asyncio
import contextlib
from collections import deque
from typing import Final

from vestibule.limits import CROWDED_REQUESTS, TENANT_QUEUE_REQUESTS, TENANTS_REMEMBERED
from vestibule.scim.errors import TooManyRequests

RETRY_AFTER: Final = 1
_BURST_SECONDS: Final = 2
"""How many seconds' worth of requests an idle tenant may send at once."""


class TenantShare:
    """The requests of one tenant in progress and in its queue, and its tokens."""

    __slots__ = ("ceiling_tokens", "counted_at", "running", "tokens", "waiting")

    def __init__(self, tokens: float, ceiling_tokens: float, now: int) -> None:
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.tokens = tokens
        self.ceiling_tokens = ceiling_tokens
        self.counted_at = now


class FairShare:
    """Decides when each tenant's requests may begin. A rate of 0 means no limit."""

    def __init__(self, rate: int, ceiling: int, requests: int) -> None:
        self._rate = rate / 1000
        self._ceiling = ceiling / 1000
        self._burst = rate * _BURST_SECONDS
        self._ceiling_burst = ceiling * _BURST_SECONDS
        self._most_running = requests
        self._tenants: dict[str, TenantShare] = {}
        self.running = 0
        """The requests in progress of all tenants."""

    def enter(self, tenant_id: str, now: int) -> tuple[TenantShare, asyncio.Future[None] | None]:
        """Begin a request. `now` is in milliseconds.

        Returns the tenant's share, for `leave` at the end of the request, and a future for `wait_for_turn` if the
        request has to wait.

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
            raise TooManyRequests("Too many requests of this tenant are waiting.", retry_after=RETRY_AFTER)
        turn = asyncio.get_running_loop().create_future()
        share.waiting.append(turn)
        return share, turn

    async def wait_for_turn(self, share: TenantShare, turn: "asyncio.Future[None]") -> None:
        """Wait until a queued request may begin."""
        try:
            await turn
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):
                share.waiting.remove(turn)
            if not turn.cancelled():
                self.leave(share)
            raise

    def leave(self, share: TenantShare) -> None:
        """End a request. The next one in the tenant's queue begins."""
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
                raise TooManyRequests("This tenant sends more requests than allowed.", retry_after=RETRY_AFTER)
            share.ceiling_tokens -= 1
        if share.tokens >= 1:
            share.tokens -= 1
        elif self._rate and self.running >= CROWDED_REQUESTS and share.running < self.running:
            raise TooManyRequests(
                "The server is busy, and this tenant sends more than its share.", retry_after=RETRY_AFTER
            )

    def _new(self, tenant_id: str, now: int) -> TenantShare:
        if len(self._tenants) >= TENANTS_REMEMBERED:
            idle = next((name for name, each in self._tenants.items() if not each.running and not each.waiting), None)
            if idle is not None:
                del self._tenants[idle]
        share = self._tenants[tenant_id] = TenantShare(self._burst, self._ceiling_burst, now)
        return share

    def __len__(self) -> int:
        """Returns how many tenants are remembered."""
        return len(self._tenants)
