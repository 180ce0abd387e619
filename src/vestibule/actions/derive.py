"""Derives all Profiles of an identity provider again, in batches, after its mapping or role rules changed.

A batch stops once it has used `PIECE` seconds of the event loop; its size adapts to the time that the last one took.
Each batch is a transaction that also moves the run's cursor, so a crash repeats nothing and loses nothing.

A write that began before the rules changed may store a Profile by the old rules behind the cursor. So a second pass
processes everybody who changed around the start of the run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from vestibule.actions.deriving import Deriving, deriving_of, groups_that_count
from vestibule.actions.end_access import keep_console_in_step
from vestibule.events import changes_between
from vestibule.limits import BATCH_PEOPLE, LOOP_PIECE_MILLISECONDS
from vestibule.model import Derivation, User
from vestibule.store.database import Tx
from vestibule.store.events import append_event, append_events
from vestibule.store.identity_providers import find_provider, lock_derivation, put_derivation
from vestibule.store.user_lists import UserSelection, count_users, page_of_changed, page_of_provider
from vestibule.store.users import set_profiles

PIECE: Final = LOOP_PIECE_MILLISECONDS / 1000
"""Seconds of the event loop that a batch may use."""
FIRST_BATCH: Final = 10
SMALLEST_BATCH: Final = 5
"""People in a batch."""
LATE_WRITERS: Final = 60_000
"""Milliseconds around a run's start in which a write by the old rules may still be uncommitted."""


@dataclass(slots=True)
class Pace:
    """The adaptive size of batches, computed from the time that the last batch took. `clock` returns seconds."""

    clock: Callable[[], float] = time.perf_counter
    size: int = FIRST_BATCH
    _began: float = field(default=0.0, init=False)

    def begin(self) -> None:
        """Start the clock for a batch."""
        self._began = self.clock()

    @property
    def is_over(self) -> bool:
        """Returns whether the time of this batch is used up."""
        return self.clock() - self._began >= PIECE

    def end(self, read: int) -> None:
        """Set the size of the next batch from the time that `read` people took; at most twice the present size."""
        took = max(self.clock() - self._began, 1e-6)
        fitting = int(read * PIECE / took) if read else FIRST_BATCH
        self.size = max(SMALLEST_BATCH, min(fitting, 2 * self.size, BATCH_PEOPLE))


async def begin_derivation(tx: Tx, provider_id: str, mapping_version: int) -> None:
    """Begin a run over all people of an identity provider, or begin anew with one that has not finished."""
    run = Derivation(
        identity_provider_id=provider_id,
        mapping_version=mapping_version,
        cursor="",
        done=0,
        changed=0,
        total=await count_users(tx, UserSelection(provider_id=provider_id)),
        started_at=tx.now,
        finished_at=None,
    )
    await put_derivation(tx, run)


async def derive_batch(tx: Tx, provider_id: str, pace: Pace) -> Derivation | None:
    """Process the next batch of an identity provider's run.

    Returns the updated run, or None if there is nothing to do.
    """
    pace.begin()
    run = await lock_derivation(tx, provider_id)
    provider = await find_provider(tx, provider_id)
    if run is None or provider is None or run.finished_at is not None:
        return None
    deriving = await deriving_of(tx, provider_id, provider.mapping_version)
    if run.late_from is None:
        users = await page_of_provider(tx, provider_id, run.cursor, pace.size)
    else:
        until = run.started_at + LATE_WRITERS
        users = await page_of_changed(tx, provider_id, run.late_from, until, run.cursor, pace.size)
    looked, changed = await _derive(tx, provider_id, run.mapping_version, deriving, users, pace)
    is_last = looked == len(users) < pace.size
    run = replace(run, changed=run.changed + changed)
    if run.late_from is None:
        run = replace(run, done=run.done + looked)
        if is_last:
            run = replace(run, cursor="", late_from=run.started_at - LATE_WRITERS)
        elif looked:
            run = replace(run, cursor=users[looked - 1].id)
    elif is_last:
        run = replace(run, total=run.done, finished_at=tx.now)
        told = {"name": provider.name, "done": run.done, "changed": run.changed, "version": run.mapping_version}
        await append_event(tx, "mapping.applied", told, subject_id=provider_id, provider_id=provider_id)
    elif looked:
        run = replace(run, cursor=users[looked - 1].id, late_from=users[looked - 1].modified_at)
    await put_derivation(tx, run)
    pace.end(looked)
    return run


async def _derive(
    tx: Tx, provider_id: str, version: int, deriving: Deriving, users: list[User], pace: Pace
) -> tuple[int, int]:
    """Derive the Profiles of at least one of these people, until the time of the batch is used up.

    Returns how many people were processed, and how many Profiles changed.
    """
    looked = 0
    profiles, events = [], []
    groups = await groups_that_count(tx, deriving.groups, users)
    for user in users:
        document = orjson.loads(user.document)
        before = orjson.loads(user.profile)
        after = deriving.derive(document, user.saml_groups, groups.get(user.id, ()))
        looked += 1
        if before != after:
            profile = orjson.dumps(after).decode()
            profiles.append((user.id, profile))
            await keep_console_in_step(tx, user.id, user.profile, profile)
            told = {
                "user_name": document["userName"],
                "version": version,
                "changes": changes_between(before, after),
            }
            events.append((user.id, told))
        if pace.is_over:
            break
    if profiles:
        await set_profiles(tx, profiles)
        await append_events(tx, "user.profile_derived", provider_id, events)
    return looked, len(profiles)
