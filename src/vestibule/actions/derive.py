"""Deriving every Profile of an identity provider anew, a batch at a time, after its mapping changed.

Each batch is a transaction that also moves the run's cursor, so a crash repeats nothing and loses nothing. A write that
began before the mapping changed may have kept a Profile of the old one behind the cursor; the last batch looks again at
everybody who changed since shortly before the run began.
"""

from dataclasses import replace
from typing import Final

import orjson

from vestibule.actions.end_access import keep_console_in_step
from vestibule.actions.provision import derivation_of
from vestibule.events import changes_between
from vestibule.mapping import DeriveAll
from vestibule.model import Derivation, User
from vestibule.store.database import Tx
from vestibule.store.events import append_event, append_events
from vestibule.store.identity_providers import find_provider, lock_derivation, put_derivation
from vestibule.store.users import changed_since, page_of_provider, set_profiles

BATCH: Final = 500
LATE_WRITERS: Final = 60_000
"""Milliseconds before a run's start in which a write may have begun and not yet been committed."""


async def derive_batch(tx: Tx, provider_id: str) -> Derivation | None:
    """Take the next batch of an identity provider's run; the run as it stands now, or None if nothing was left to
    do.
    """
    run = await lock_derivation(tx, provider_id)
    provider = await find_provider(tx, provider_id)
    if run is None or provider is None or run.finished_at is not None:
        return None
    derive = await derivation_of(tx, provider_id, provider.mapping_version)
    users = await page_of_provider(tx, provider_id, run.cursor, BATCH)
    changed = await _derive(tx, provider_id, derive, users)
    if len(users) == BATCH:
        run = replace(run, cursor=users[-1].id, done=run.done + len(users), changed=run.changed + changed)
    else:
        late = await changed_since(tx, provider_id, run.started_at - LATE_WRITERS)
        changed += await _derive(tx, provider_id, derive, late)
        done = run.done + len(users)
        run = replace(run, done=done, changed=run.changed + changed, total=done, finished_at=tx.now)
        told = {"name": provider.name, "done": done, "changed": run.changed, "version": run.mapping_version}
        await append_event(tx, "mapping.applied", told, subject_id=provider_id, provider_id=provider_id)
    await put_derivation(tx, run)
    return run


async def _derive(tx: Tx, provider_id: str, derive: DeriveAll, users: list[User]) -> int:
    """Derive these people's Profiles; how many came out different."""
    profiles, events = [], []
    for user in users:
        document = orjson.loads(user.document)
        before, after = orjson.loads(user.profile), derive(document, user.saml_groups)
        if before != after:
            profile = orjson.dumps(after).decode()
            profiles.append((user.id, profile))
            await keep_console_in_step(tx, user.id, user.profile, profile)
            told = {"user_name": document["userName"], "changes": changes_between(before, after)}
            events.append((user.id, told))
    if profiles:
        await set_profiles(tx, profiles)
        await append_events(tx, "user.profile_derived", provider_id, events)
    return len(profiles)
