"""The background worker: derives Profiles after a mapping changed, and deletes expired rows."""

import asyncio
import contextlib
import logging
import time
from typing import Final

from vestibule.actions.administrator_sign_in import IDLE
from vestibule.actions.derive import Pace, derive_batch
from vestibule.endpoints.context import Context
from vestibule.model import HOUSE, Actor
from vestibule.saml_upkeep import keep_up
from vestibule.store.administrator_sessions import forget_expired_sessions
from vestibule.store.administrators import forget_expired_invitations
from vestibule.store.database import AllTenants
from vestibule.store.ended_sessions import forget_ended_sessions
from vestibule.store.identity_providers import open_derivations
from vestibule.store.installation import forget_old_throttles
from vestibule.store.known_browsers import forget_expired_known_browsers
from vestibule.store.person_sessions import forget_expired_user_sessions
from vestibule.store.rule_previews import forget_expired_rule_previews
from vestibule.store.saml import forget_old_saml
from vestibule.store.sealed_notes import forget_expired_notes
from vestibule.store.stopwatches import forget_old_stopwatches, keep_stopwatches

log = logging.getLogger("vestibule.worker")

INTERVAL: Final = 1.0
"""Seconds between two rounds."""
AT_A_STRETCH: Final = 10.0
"""Seconds that derivations may take in one round."""
CLEANING: Final = 300
"""Rounds between two deletions of expired rows."""
_DAY: Final = 86_400_000
KEPT_DAYS: Final = 400
"""Days for which a stopwatch is kept."""
WORKER: Final = Actor(HOUSE, "worker", name="Vestibule")


async def work(context: Context, stop: asyncio.Event) -> None:
    """Do the background work until `stop` is set. After a failure, log it and try again in the next round."""
    rounds = 0
    while not stop.is_set():
        try:
            await keep_stopwatches(context.database, WORKER)
            await derive_profiles(context, stop)
            if rounds % CLEANING == 0:
                await clear_expired(context)
                await keep_up(context)
        except Exception:
            log.exception("the worker failed; it tries again")
        rounds += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), INTERVAL)


async def derive_profiles(context: Context, stop: asyncio.Event) -> None:
    """Continue all open derivations, one batch of each in turn, so that a large one does not delay the others."""
    until = time.monotonic() + AT_A_STRETCH
    paces: dict[tuple[str, str], Pace] = {}
    failed: set[tuple[str, str]] = set()
    while time.monotonic() < until:
        async with context.database.read_all_tenants(WORKER) as all_tenants:
            runs = await open_derivations(all_tenants)
        paces = {run: paces.get(run) or Pace() for run in runs if run not in failed}
        if not paces:
            return
        for (tenant_id, provider_id), pace in paces.items():
            if stop.is_set():
                return
            try:
                await _next_batch(context, tenant_id, provider_id, pace)
            except Exception:
                log.exception("a derivation failed; it is tried again", extra={"identity_provider": provider_id})
                failed.add((tenant_id, provider_id))
            await asyncio.sleep(0)


async def _next_batch(context: Context, tenant_id: str, provider_id: str, pace: Pace) -> None:
    actor = Actor(tenant_id, "worker", name=WORKER.name, identity_provider_id=provider_id)
    async with context.loop_share:
        await context.database.run(actor, lambda tx: derive_batch(tx, provider_id, pace))


async def clear_expired(context: Context) -> None:
    """Delete expired sessions, links, notes, unfinished sign-ins, and reasons of ended sessions."""
    await context.database.run_all_tenants(WORKER, _delete_expired)


async def _delete_expired(all_tenants: AllTenants) -> None:
    await forget_expired_sessions(all_tenants, all_tenants.now - IDLE)
    await forget_expired_invitations(all_tenants)
    await forget_expired_known_browsers(all_tenants)
    await forget_expired_notes(all_tenants)
    await forget_old_throttles(all_tenants, all_tenants.now - _DAY)
    await forget_expired_user_sessions(all_tenants)
    await forget_ended_sessions(all_tenants, all_tenants.now - _DAY)
    await forget_old_saml(all_tenants)
    await forget_expired_rule_previews(all_tenants)
    await forget_old_stopwatches(all_tenants, (all_tenants.now - KEPT_DAYS * _DAY) * 1000)
