"""Reading an identity provider's metadata again: by the clock, or at once because a signature is by an unknown key.

The rules of this file: an identity provider's metadata is read by one task at a time; a stranger who sends messages by
an unknown key causes one reading a minute at most; and nobody's browser waits for longer than `BROWSER_WAITS`.
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
"""Milliseconds between two readings that messages by an unknown key cause, for each identity provider."""
_T = TypeVar("_T")


async def refresh(context: Context, actor: Actor, provider: IdentityProvider) -> None:
    """Read an identity provider's metadata from its URL and keep what it says, or why it could not be read."""
    read, failure = None, ""
    try:
        read = read_metadata(await fetch(provider.saml.metadata_url, context.settings.private_networks))
    except SamlError as error:
        failure = str(error)
    except Refusal as error:
        failure = error.message
    except Exception:
        log.exception("metadata could not be read", extra={"identity_provider": provider.id})
        failure = "it is not of a shape that is known here"
    try:
        await context.database.run(actor, lambda tx: saml_settings.note_refresh(tx, provider.id, read, failure))
    except NotFound:
        log.info("an identity provider is gone", extra={"identity_provider": provider.id})


async def with_current_keys(
    context: Context, tenant_id: str, provider: IdentityProvider, act: Callable[[IdentityProvider], Awaitable[_T]]
) -> _T:
    """What `act` returns with an identity provider; called once more with newly read metadata if a signature is by a
    key that is not known, because the identity provider may have changed its certificate.

    Raises:
        UnknownKey: and its metadata has no other certificates than before, or was read a moment ago.
    """
    try:
        return await act(provider)
    except UnknownKey:
        again = await read_again(context, tenant_id, provider)
        if again is None:
            raise
    return await act(again)


async def read_again(context: Context, tenant_id: str, provider: IdentityProvider) -> IdentityProvider | None:
    """An identity provider with the certificates of its metadata as it is now; None if they are those that are known,
    there is no URL to read, or it did not answer in time.
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
