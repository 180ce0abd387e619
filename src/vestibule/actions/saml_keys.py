"""Our own SAML keys: separate ones for each identity provider, replaced with overlap.

A key is `next` while the identity provider does not know it yet, `current` while it signs our messages, and `previous`
while assertions may still be encrypted for it. All keys can decrypt.
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
    """Returns the key that signs messages; None if there is none yet."""
    kept = [key for key in await keys_of(reading, provider_id) if key.state == "current"]
    return SigningKey(checker.unseal(kept[0].private_key, _PURPOSE), kept[0].certificate) if kept else None


async def private_keys(reading: Reading, provider_id: str, checker: Checker) -> tuple[bytes, ...]:
    """Returns all private keys, the newest first, for decryption."""
    kept = await keys_of(reading, provider_id)
    return tuple(checker.unseal(key.private_key, _PURPOSE) for key in reversed(kept))


async def keep_first_key(tx: Tx, provider: IdentityProvider, made: SigningKey, checker: Checker) -> SigningKey:
    """Store the first key, and return it. If another request has stored one meanwhile, return that one."""
    await lock_provider(tx, provider.id)
    known = await current_key(tx, provider.id, checker)
    if known is not None:
        return known
    await _keep(tx, provider, made, checker, "current")
    return made


async def keep_next_key(tx: Tx, provider: IdentityProvider, made: SigningKey, checker: Checker) -> None:
    """Store a new key as `next`, or as `current` if it is the first.

    Raises:
        WrongInput: there are too many keys.
    """
    await lock_provider(tx, provider.id)
    kept = await keys_of(tx, provider.id)
    if len(kept) >= _MOST:
        raise WrongInput(f"There are {len(kept)} keys; remove one before making another.")
    await _keep(tx, provider, made, checker, "next" if kept else "current")


async def _keep(tx: Tx, provider: IdentityProvider, made: SigningKey, checker: Checker, state: str) -> None:
    sealed = checker.seal(made.private_key, _PURPOSE)
    key = KeptKey(
        id=new_id(tx.now),
        identity_provider_id=provider.id,
        state=state,
        private_key=sealed,
        certificate=made.certificate,
        created_at=tx.now,
    )
    await insert_key(tx, key)
    told = {"name": provider.name, "state": state, "key": key.id}
    await append_event(tx, "saml.key_made", told, subject_id=provider.id, provider_id=provider.id)


async def use_key(tx: Tx, provider: IdentityProvider, key_id: str) -> None:
    """Make a key `current`. The one before becomes `previous` and can still decrypt.

    Raises:
        NotFound: there is no such key.
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
    """Remove a key.

    Raises:
        NotFound: there is no such key.
        NotAllowed: it is the current one.
    """
    await lock_provider(tx, provider.id)
    found = [key for key in await keys_of(tx, provider.id) if key.id == key_id]
    if not found:
        raise NotFound("There is no such key.")
    if found[0].state == "current":
        raise NotAllowed("This key is in use. Make another one the current key first.")
    await delete_key(tx, key_id)
    await _tell(tx, provider, "removed")


async def _tell(tx: Tx, provider: IdentityProvider, state: str) -> None:
    told = {"name": provider.name, "state": state}
    await append_event(tx, "saml.key_changed", told, subject_id=provider.id, provider_id=provider.id)
