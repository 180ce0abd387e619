"""The service provider's own keys: one for each identity provider, rolled with overlap.

A key is `next` while the identity provider is told of it, `current` once messages are signed with it, `previous` while
something may still be encrypted for it. Every key that is there opens what was encrypted for it.
"""

from vestibule.errors import NotAllowed, NotFound, WrongInput
from vestibule.keys import Checker
from vestibule.model import IdentityProvider, new_id
from vestibule.saml.signature import SigningKey
from vestibule.store.database import Reading, Tx
from vestibule.store.events import append_event
from vestibule.store.identity_providers import lock_provider
from vestibule.store.saml import KeptKey, delete_key, insert_key, keys_of, set_key_state

_PURPOSE = "saml key"
_MOST = 4


async def current_key(reading: Reading, provider_id: str, checker: Checker) -> SigningKey | None:
    """The key that messages are signed with; None before one was made."""
    kept = [key for key in await keys_of(reading, provider_id) if key.state == "current"]
    return SigningKey(checker.unseal(kept[0].private_key, _PURPOSE), kept[0].certificate) if kept else None


async def private_keys(reading: Reading, provider_id: str, checker: Checker) -> tuple[bytes, ...]:
    """Every private key, the newest first, for what may be encrypted for any of them."""
    kept = await keys_of(reading, provider_id)
    return tuple(checker.unseal(key.private_key, _PURPOSE) for key in reversed(kept))


async def keep_first_key(tx: Tx, provider: IdentityProvider, made: SigningKey, checker: Checker) -> SigningKey:
    """Keep the first key; if another request was quicker, its key is the one."""
    await lock_provider(tx, provider.id)
    known = await current_key(tx, provider.id, checker)
    if known is not None:
        return known
    await _keep(tx, provider, made, checker, "current")
    return made


async def keep_next_key(tx: Tx, provider: IdentityProvider, made: SigningKey, checker: Checker) -> None:
    """Keep a key that the identity provider is to be told of.

    Raises:
        WrongInput: there are more than anybody needs.
    """
    await lock_provider(tx, provider.id)
    kept = await keys_of(tx, provider.id)
    if len(kept) >= _MOST:
        raise WrongInput(f"There are {len(kept)} keys; throw one away before making another.")
    await _keep(tx, provider, made, checker, "next" if kept else "current")


async def _keep(tx: Tx, provider: IdentityProvider, made: SigningKey, checker: Checker, state: str) -> None:
    sealed = checker.seal(made.private_key, _PURPOSE)
    key = KeptKey(new_id(tx.now), provider.id, state, sealed, made.certificate, tx.now)
    await insert_key(tx, key)
    told = {"name": provider.name, "state": state, "key": key.id}
    await append_event(tx, "saml.key_made", told, subject_id=provider.id, provider_id=provider.id)


async def use_key(tx: Tx, provider: IdentityProvider, key_id: str) -> None:
    """Sign with a key from now on; the one until now still opens what is encrypted for it.

    Raises:
        NotFound
    """
    await lock_provider(tx, provider.id)
    kept = await keys_of(tx, provider.id)
    if key_id not in {key.id for key in kept}:
        raise NotFound("There is no such key.")
    for key in kept:
        if key.state == "current" and key.id != key_id:
            await set_key_state(tx, key.id, "previous")
    await set_key_state(tx, key_id, "current")
    await _tell(tx, provider, "current")


async def drop_key(tx: Tx, provider: IdentityProvider, key_id: str) -> None:
    """Throw a key away that is not the current one.

    Raises:
        NotFound, NotAllowed
    """
    await lock_provider(tx, provider.id)
    found = [key for key in await keys_of(tx, provider.id) if key.id == key_id]
    if not found:
        raise NotFound("There is no such key.")
    if found[0].state == "current":
        raise NotAllowed("This key is in use. Put another one in its place first.")
    await delete_key(tx, key_id)
    await _tell(tx, provider, "thrown away")


async def _tell(tx: Tx, provider: IdentityProvider, state: str) -> None:
    told = {"name": provider.name, "state": state}
    await append_event(tx, "saml.key_changed", told, subject_id=provider.id, provider_id=provider.id)
