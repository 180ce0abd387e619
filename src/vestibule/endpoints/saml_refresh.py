"""Reads an identity provider's metadata again: every hour, or at once if an unknown key signed a message.

Rules of this file: only one task at a time reads the metadata of an identity provider; messages with an unknown key
cause at most one reading per minute; no browser waits longer than `BROWSER_WAITS`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from vestibule.actions import saml_settings
from vestibule.endpoints.context import Context
from vestibule.endpoints.fetch import fetch
from vestibule.errors import NotFound, Refusal
from vestibule.model import Actor, IdentityProvider
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import read_metadata
from vestibule.saml.signature import UnknownKey
from vestibule.store.identity_providers import find_provider

log = logging.getLogger("vestibule.saml")

BROWSER_WAITS: Final = 8
"""Seconds that a browser waits at most while metadata is read again."""
AT_MOST_EVERY: Final = 60_000
"""Milliseconds between two readings because of an unknown key, for each identity provider."""
_T = TypeVar("_T")


async def refresh(context: Context, actor: Actor, provider: IdentityProvider) -> None:
    """Read an identity provider's metadata from its URL and store the result, or why it could not be read."""
    read, failure = None, ""
    try:
        read = read_metadata(await fetch(provider.saml.metadata_url, context.settings.private_networks))
    except SamlError as error:
        failure = str(error)
    except Refusal as error:
        failure = error.message
    except Exception:
        log.exception("metadata could not be read", extra={"identity_provider": provider.id})
        failure = "its form is not known here"
    try:
        await context.database.run(actor, lambda tx: saml_settings.note_refresh(tx, provider.id, read, failure))
    except NotFound:
        log.info("an identity provider is gone", extra={"identity_provider": provider.id})


async def with_current_keys(
    context: Context, tenant_id: str, provider: IdentityProvider, act: Callable[[IdentityProvider], Awaitable[_T]]
) -> _T:
    """Call `act` with an identity provider. If an unknown key signed the message, read the metadata and call it again.

    The identity provider may have changed its certificate. Returns what `act` returns.

    Raises:
        UnknownKey: the metadata has no new certificates, or was read within the last minute.
    """
    try:
        return await act(provider)
    except UnknownKey:
        again = await read_again(context, tenant_id, provider)
        if again is None:
            raise
    return await act(again)


async def read_again(context: Context, tenant_id: str, provider: IdentityProvider) -> IdentityProvider | None:
    """Read an identity provider's metadata again, unless that was done within the last minute.

    Returns the identity provider with its new certificates; None if they are the same, there is no metadata URL, or it
    did not answer in time.
    """
    if not provider.saml.metadata_url:
        return None
    done = context.metadata_readings.get(provider.id)
    now = context.database.clock()
    if done is None and now - context.metadata_read_at.get(provider.id, 0) >= AT_MOST_EVERY:
        done = context.metadata_readings[provider.id] = asyncio.Event()
        context.metadata_read_at[provider.id] = now
        context.background.spawn(_refresh_and_tell(context, tenant_id, provider, done))
    if done is not None:
        try:
            await asyncio.wait_for(done.wait(), BROWSER_WAITS)
        except TimeoutError:
            log.info("metadata is slow in coming", extra={"identity_provider": provider.id})
    async with context.database.read(tenant_id) as reading:
        current = await find_provider(reading, provider.id)
    if current is None or current.saml.certificates == provider.saml.certificates:
        return None
    return current


async def _refresh_and_tell(context: Context, tenant_id: str, provider: IdentityProvider, done: asyncio.Event) -> None:
    try:
        await refresh(context, Actor(tenant_id, "worker", name="Vestibule"), provider)
    finally:
        del context.metadata_readings[provider.id]
        done.set()
