"""Records when keys were last used, for the console.

A use is recorded at most once a minute, so that read requests need no write. It is recorded at once after a refusal,
and if several keys of an identity provider are in use, because the console says that an older key can be retired once
only a newer one is used: the use of an older key is recorded at once if a newer one's was recorded since, by any
process, and that of a newer key at most every five seconds.
"""

from typing import Final

from vestibule.endpoints.context import Context
from vestibule.endpoints.identify import Caller
from vestibule.store.credentials import Presented, note_use

AT_ONCE: Final = 0
TURN_NOTED_EVERY: Final = 5_000
NOTED_EVERY: Final = 60_000
"""Milliseconds between two recorded uses of a key."""


class KeyUsage:
    """Records the use of keys in the background."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._latest: dict[str, str] = {}

    def note(self, caller: Caller, now: int, *, at_once: bool) -> None:
        """Note that a key was accepted.

        With `at_once` the use is recorded in any case, because of a refusal before it.
        """
        presented = caller.presented
        after = AT_ONCE if at_once else self._worth_noting_after(presented)
        if presented.last_used_at is None or now - presented.last_used_at > after:
            self._latest[presented.provider_id] = presented.credential_id
            self._context.background.spawn(self._write(caller, now, now - after))

    def _worth_noting_after(self, presented: Presented) -> int:
        latest, key = self._latest.get(presented.provider_id), presented.credential_id  # ids of keys sort by age
        if latest is None or key < latest or (presented.newer_used_at or 0) > (presented.last_used_at or 0):
            return AT_ONCE
        return TURN_NOTED_EVERY if key > latest else NOTED_EVERY

    async def _write(self, caller: Caller, used_at: int, unless_noted_after: int) -> None:
        actor = caller.actor
        await self._context.database.run(
            actor,
            lambda tx: note_use(
                tx, actor.id, actor.address, actor.agent, used_at=used_at, unless_noted_after=unless_noted_after
            ),
        )
