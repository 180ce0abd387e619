"""Refused credentials, as the tenant's administrators see them.

The first of a kind is recorded at once, in the background, so that it changes nothing about how long the 401 takes. The
same refusal again within a minute is only counted.
"""

import logging

from vestibule.endpoints.context import Context
from vestibule.endpoints.identify import NOBODY, RefusedCredential
from vestibule.endpoints.tally import Tally
from vestibule.keys import shortened_guess
from vestibule.model import TENANT_NAME, Actor
from vestibule.scim.errors import excerpt
from vestibule.store.credentials import Presented
from vestibule.store.events import append_event
from vestibule.store.tenants import find_tenant

log = logging.getLogger("vestibule.scim")


class Refusals:
    """Counts and records refused credentials."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._of_keys = Tally(recorded=1, together=1_000)
        self._of_strangers = Tally(recorded=1, together=30)
        self._lately: set[tuple[str, str]] = set()

    def over(self, accepted: Presented) -> bool:
        """Whether an identity provider had a refusal since this was last asked of it, with whichever of its keys: then
        its next success is worth noting at once.
        """
        provider = (accepted.tenant_id, accepted.provider_id)
        if provider not in self._lately:
            return False
        self._lately.discard(provider)
        return True

    def note(self, refused: RefusedCredential, tenant_name: str, nobody: Actor, path: str) -> None:
        """A request was refused."""
        tally = self._of_strangers
        if refused.presented is not None:  # a key that there is: strangers who make keys up hide none of these
            self._lately.add((refused.presented.tenant_id, refused.presented.provider_id))
            tally = self._of_keys
        more = tally.note((tenant_name, refused.key, refused.reason), self._context.database.clock())
        if more is not None:
            self._context.background.spawn(self._record(refused, tenant_name, nobody, path, more))

    async def _record(self, refused: RefusedCredential, tenant_name: str, nobody: Actor, path: str, more: int) -> None:
        presented = refused.presented
        tenant_id = presented.tenant_id if presented else None
        if tenant_id is None and TENANT_NAME.match(tenant_name):
            async with self._context.database.read_all_tenants(NOBODY) as all_tenants:
                tenant = await find_tenant(all_tenants, tenant_name)
            tenant_id = tenant.id if tenant else None
        log.warning(
            "credential refused",
            extra={"tenant": tenant_name if tenant_id else "unknown", "reason": refused.reason, "from": nobody.address},
        )
        if tenant_id is None:
            return
        data = {
            "reason": refused.reason,
            "key": f"the key {excerpt(shortened_guess(refused.key))}" if refused.key else "no key",
            "request": {"path": path},
            "address": nobody.address,
            "agent": nobody.agent,
            "more": more,
        }
        provider_id = presented.provider_id if presented else ""
        async with self._context.database.write(nobody._replace(tenant_id=tenant_id)) as tx:
            await append_event(tx, "credential.refused", data, provider_id=provider_id)
