"""Background work for SAML: reads metadata again, and warns about certificates that expire."""

import asyncio
import hashlib
import logging
from functools import partial
from typing import Final

from vestibule.endpoints.context import Context
from vestibule.endpoints.saml_refresh import refresh
from vestibule.model import HOUSE, Actor, Certificate, IdentityProvider
from vestibule.store.database import Tx
from vestibule.store.events import append_event
from vestibule.store.identity_providers import all_providers
from vestibule.store.saml import see_once
from vestibule.store.tenants import find_tenants

log = logging.getLogger("vestibule.worker")

_DAY: Final = 86_400_000
_REFRESH_AFTER: Final = 3_600_000
_AT_ONCE: Final = 20
"""How many metadata URLs are read at the same time, so that a server that does not answer does not delay the others."""
WARNED_DAYS: Final = (60, 30, 7, 1, 0)
"""Days before a certificate expires at which administrators are warned; 0 is once it has expired."""
_FOR_GOOD: Final = 36_500 * _DAY
"""How long a warning is remembered: longer than any certificate is used."""


async def keep_up(context: Context) -> None:
    """Warn about certificates, and read metadata that is due, for every identity provider of every tenant."""
    async with context.database.read_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
        tenants, now = await find_tenants(all_tenants), all_tenants.now
    at_once = asyncio.Semaphore(_AT_ONCE)
    reading_again = []
    for tenant in tenants:
        actor = Actor(tenant.id, "worker", name="Vestibule")
        async with context.database.read(tenant.id) as reading:
            providers = await all_providers(reading)
        for provider in providers:
            due = warnings_due(provider, now)
            if due:
                await context.database.run(actor, partial(_warn_of_all, provider=provider, due=due))
            if provider.saml.metadata_url and now - provider.saml.refreshed_at >= _REFRESH_AFTER:
                reading_again.append(_refresh(context, actor, provider, at_once))
    await asyncio.gather(*reading_again)


def warnings_due(provider: IdentityProvider, now: int) -> list[tuple[Certificate, int]]:
    """Returns the certificates that expire soon, each with the smallest number of `WARNED_DAYS` it is within."""
    due = []
    for certificate in provider.saml.certificates:
        within = [days for days in WARNED_DAYS if certificate.not_after - now <= days * _DAY]
        if within:
            due.append((certificate, min(within)))
    return due


async def _warn_of_all(tx: Tx, provider: IdentityProvider, due: list[tuple[Certificate, int]]) -> None:
    for certificate, days in due:
        await _warn(tx, provider, certificate, days)


async def _warn(tx: Tx, provider: IdentityProvider, certificate: Certificate, days: int) -> None:
    """Warn about a certificate, once for each number of days, also if several nodes do this at once."""
    once = hashlib.sha256(f"expiry\n{certificate.fingerprint}\n{days}".encode()).digest()
    if await see_once(tx, provider.id, once, tx.now + _FOR_GOOD):
        expires = f"expires within {days} day{'s' if days > 1 else ''}" if days else "has expired"
        told = {"name": provider.name, "expires": expires, "days": days, "certificate": certificate.fingerprint}
        log.warning("a signing certificate %s", expires, extra={"tenant": tx.tenant, "identity_provider": provider.id})
        await append_event(tx, "saml.certificate_expiring", told, subject_id=provider.id, provider_id=provider.id)


async def _refresh(context: Context, actor: Actor, provider: IdentityProvider, at_once: asyncio.Semaphore) -> None:
    async with at_once:
        await refresh(context, actor, provider)
