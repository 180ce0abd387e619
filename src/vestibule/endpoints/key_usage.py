"""When keys were used, as the console shows it.

A use is noted once a minute, so that reads stay reads; and at once where it says something new. That is so after a
refusal, and where keys of one identity provider take turns: the console says of an older key that it may go once a
newer one was used and it was not. Therefore the use of an older key is noted at once if a newer one's was noted since,
by whichever process, and the turn of a newer key every five seconds at most.
"""

from typing import Final

from vestibule.endpoints.context import Context
from vestibule.endpoints.identify import Caller
from vestibule.store.credentials import Presented, note_use

AT_ONCE: Final = 0
TURN_NOTED_EVERY: Final = 5_000
NOTED_EVERY: Final = 60_000
"""Milliseconds after the use of a key that was noted last, behind which another one is worth noting."""


class KeyUsage:
    """Notes uses, in the background."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._latest: dict[str, str] = {}

    def note(self, caller: Caller, now: int, *, at_once: bool) -> None:
        """A key was accepted at an instant. `at_once`: there was a refusal before it."""
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
