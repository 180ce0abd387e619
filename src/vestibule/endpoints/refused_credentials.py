"""Finds out which tenant a refused credential belongs to, records it for its administrators, and limits the rate.

This happens in the background, so that neither the time nor the content of the 401 depends on it. A key that was sent
to the address of another tenant, swapped Key and Secret, or a Secret alone is shown on the page of its identity
provider. A request that only names a tenant is recorded there, and one that names nobody is counted in the program's
log.

The first refusal of a kind is recorded at once. Equal ones within a minute are only counted, unless a request was
accepted in between, because then the page of the identity provider says that all is well.
"""

import logging
from typing import Final, NamedTuple

from vestibule.endpoints.context import Context
from vestibule.endpoints.flood_counter import FloodCounter
from vestibule.endpoints.identify import NOBODY, RefusedCredential
from vestibule.endpoints.rate_limit import TokenBuckets, network_of
from vestibule.keys import shortened
from vestibule.limits import (
    REFUSED_CLIENT_BURST,
    REFUSED_CLIENT_PER_SECOND,
    REFUSED_KEY_BURST,
    REFUSED_KEY_PER_SECOND,
)
from vestibule.model import TENANT_NAME, Actor
from vestibule.scim.errors import TooManyRequests, excerpt
from vestibule.store.credentials import Presented, find_owner_of_key, find_owner_of_secret, note_refusal
from vestibule.store.database import AllTenants, Tx
from vestibule.store.events import append_event
from vestibule.store.tenants import find_tenant

log = logging.getLogger("vestibule.scim")

CHANGES_RECORDED: Final = 6
"""How often per minute a refusal is recorded again because a request was accepted since the last one."""
_MOST_PROVIDERS: Final = 10_000
_MOST_NAMES: Final = 4


class Whose(NamedTuple):
    """The tenant and identity provider that a refused request concerns, and the reason."""

    tenant_id: str
    provider_id: str
    key: str
    reason: str


class RefusedCredentials:
    """Recognises, counts and records refused credentials."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._of_keys = FloodCounter(recorded=1, together=1_000)
        self._of_strangers = FloodCounter(recorded=1, together=30)
        self._of_nobody = FloodCounter(recorded=1, together=1)
        self._too_fast = FloodCounter(recorded=1, together=1)
        self._again = FloodCounter(recorded=CHANGES_RECORDED, together=CHANGES_RECORDED)
        self._pace_of_keys = TokenBuckets(REFUSED_KEY_PER_SECOND, REFUSED_KEY_BURST)
        self._pace_of_addresses = TokenBuckets(REFUSED_CLIENT_PER_SECOND, REFUSED_CLIENT_BURST)
        self._last_was_refused: dict[str, bool] = {}
        """Identity providers with recent refusals, and whether no request was accepted since the last one."""

    def was_refused_before(self, accepted: Presented) -> bool:
        """Note that a credential was accepted.

        Returns whether its identity provider's last request was refused, in any process. Then the success should be
        recorded at once.
        """
        refused_at = accepted.refused_at
        if self._last_was_refused.get(accepted.provider_id):
            self._last_was_refused[accepted.provider_id] = False
            return True
        return refused_at is not None and (accepted.last_used_at or 0) <= refused_at

    def _wait(self, refused: RefusedCredential, network: str, now: int) -> int:
        """Returns how many seconds a client that sends many refused requests must wait.

        This depends only on what the request claims, so it does not reveal what exists.
        """
        wait = self._pace_of_addresses.take(network, now)
        if not wait and refused.claim.key:
            wait = self._pace_of_keys.take((network, refused.claim.key), now)
        if wait and (more := self._too_fast.note((network,), now)) is not None:
            log.warning("refused requests are slowed down", extra={"from": network, "more": more})
        return wait

    def note(self, refused: RefusedCredential, names: list[str], nobody: Actor, method: str, path: str) -> None:
        """Note that a request was refused. `names` are parts of its URL that may be the name of a tenant.

        Raises:
            TooManyRequests: this client sends too many. Those are only counted, if their key is known.
        """
        now, presented = self._context.database.clock(), refused.presented
        spawn = self._context.background.spawn
        wait = self._wait(refused, network_of(nobody.address), now)
        if presented is not None:
            self._note_known(presented, refused, nobody, method, path, now)
        elif not wait:
            spawn(self._recognise(refused, names, nobody, method, path, now))
        if wait:
            raise TooManyRequests("There are too many requests with wrong credentials.", retry_after=wait)

    def _note_known(
        self, presented: Presented, refused: RefusedCredential, nobody: Actor, method: str, path: str, now: int
    ) -> None:
        whose = Whose(presented.tenant_id, presented.provider_id, refused.claim.key, refused.reason)
        more = self._count(whose, now, accepted_since=self._accepted_since(presented))
        if more is not None:
            self._context.background.spawn(self._record(whose, nobody, method, path, more, now))

    def _accepted_since(self, presented: Presented) -> bool:
        """Returns whether a request was accepted after the last recorded refusal, in any process."""
        if self._last_was_refused.get(presented.provider_id) is False:
            return True
        return presented.refused_at is not None and (presented.last_used_at or 0) > presented.refused_at

    def _count(self, whose: Whose, now: int, *, accepted_since: bool) -> int | None:
        """Returns how many equal refusals were only counted before this one, or None if this is only counted too."""
        kind = (whose.tenant_id, whose.key, whose.reason)
        if not whose.provider_id:  # invented keys are counted separately from existing ones
            return self._of_strangers.note(kind, now)
        more = self._of_keys.note(kind, now)
        if more is None and accepted_since and self._again.note((whose.provider_id,), now) is not None:
            more = self._of_keys.record_anyway(kind, now)
        if more is not None:
            self._last_was_refused.pop(whose.provider_id, None)
            self._last_was_refused[whose.provider_id] = True
            if len(self._last_was_refused) > _MOST_PROVIDERS:
                del self._last_was_refused[next(iter(self._last_was_refused))]
        return more

    async def _recognise(
        self, refused: RefusedCredential, names: list[str], nobody: Actor, method: str, path: str, now: int
    ) -> None:
        async with self._context.database.read_all_tenants(NOBODY) as all_tenants:
            whose = await self._find_whose(all_tenants, refused, names)
        if whose is None:
            more = self._of_nobody.note(("nobody",), now)
            if more is not None:
                told = {"tenant": "unknown", "reason": refused.reason, "from": nobody.address, "more": more}
                log.warning("credential refused", extra=told)
            return
        accepted_since = self._last_was_refused.get(whose.provider_id) is False
        more = self._count(whose, now, accepted_since=accepted_since)
        if more is not None:
            await self._record(whose, nobody, method, path, more, now)

    async def _find_whose(self, all_tenants: AllTenants, refused: RefusedCredential, names: list[str]) -> Whose | None:
        claim = refused.claim
        owner = None
        if claim.is_a_key or claim.mistake == "swapped key and secret":
            owner = await find_owner_of_key(all_tenants, claim.key)
        if owner is not None:
            swapped = claim.mistake and self._context.checker.is_same(claim.check, owner.secret_check)
            return Whose(owner.tenant_id, owner.provider_id, owner.key, claim.mistake if swapped else "wrong address")
        possible = [name for name in dict.fromkeys(names) if TENANT_NAME.match(name)]
        for name in possible[:_MOST_NAMES]:
            tenant = await find_tenant(all_tenants, name)
            if tenant is None:
                continue
            if claim.mistake == "secret alone":
                owner = await find_owner_of_secret(all_tenants, tenant.id, claim.check)
                if owner is not None:
                    return Whose(tenant.id, owner.provider_id, owner.key, claim.mistake)
            return Whose(tenant.id, "", claim.key, refused.reason)
        return None

    async def _record(self, whose: Whose, nobody: Actor, method: str, path: str, more: int, refused_at: int) -> None:
        log.warning(
            "credential refused",
            extra={"tenant": whose.tenant_id, "reason": whose.reason, "from": nobody.address, "more": more},
        )
        data = {
            "reason": whose.reason,
            "key": f"the key {excerpt(shortened(whose.key))}" if whose.key else "no key",
            "request": {"method": method, "path": path},
            "address": nobody.address,
            "agent": nobody.agent,
            "more": more,
        }

        async def record(tx: Tx) -> None:
            await append_event(tx, "credential.refused", data, provider_id=whose.provider_id)
            if whose.provider_id:
                await note_refusal(tx, whose.provider_id, refused_at)

        await self._context.database.run(nobody._replace(tenant_id=whose.tenant_id), record)
