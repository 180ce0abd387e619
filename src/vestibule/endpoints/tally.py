"""A flood is counted, not written out: the first of a kind are recorded, and how many came beside them is told with the
next one that is.

In this process alone, and forgotten with it: nothing that gates access depends on it.
"""

from dataclasses import dataclass
from typing import Final

INTERVAL: Final = 60_000
"""Milliseconds in which things of a kind are counted together."""
_MOST_KINDS: Final = 1000


@dataclass(slots=True)
class _Counted:
    since: int
    recorded: int = 0
    more: int = 0


class Tally:
    """How many of each kind came lately."""

    def __init__(self, recorded: int) -> None:
        """`recorded` of a kind are for recording in each interval."""
        self._recorded = recorded
        self._kinds: dict[tuple[str, ...], _Counted] = {}

    def note(self, kind: tuple[str, ...], now: int) -> int | None:
        """Another one came. How many were only counted since the last that was recorded; None if so is this one."""
        counted = self._kinds.get(kind)
        if counted is None:
            if len(self._kinds) >= _MOST_KINDS and not self._forget(now):
                return None
            counted = self._kinds[kind] = _Counted(now)
        elif now - counted.since >= INTERVAL:
            counted.since, counted.recorded = now, 0
        if counted.recorded >= self._recorded:
            counted.more += 1
            return None
        counted.recorded += 1
        more, counted.more = counted.more, 0
        return more

    def _forget(self, now: int) -> bool:
        self._kinds = {kind: each for kind, each in self._kinds.items() if now - each.since < INTERVAL}
        return len(self._kinds) < _MOST_KINDS
