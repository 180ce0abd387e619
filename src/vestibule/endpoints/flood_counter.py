"""Counts a flood of equal things instead of recording each: the first of a kind are recorded, and how many came since
is told with the next one that is.

In this process alone, and forgotten with it: nothing that gates access depends on it. What one tenant is flooded with
hides nothing of another's, and a flood of ever new kinds is one as well.
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


class FloodCounter:
    """How many of each kind came lately. The first part of a kind says whose it is."""

    def __init__(
        self, recorded: int, together: int, *, interval: int = INTERVAL, most_kinds: int = _MOST_KINDS
    ) -> None:
        """`recorded` of a kind are for recording in each interval, and `together` of all that is somebody's. Of more
        than `most_kinds`, the ones that were quiet for longest are forgotten.
        """
        self._recorded = recorded
        self._together = together
        self._interval = interval
        self._most_kinds = most_kinds
        self._kinds: dict[tuple[str, ...], _Counted] = {}

    def note(self, kind: tuple[str, ...], now: int) -> int | None:
        """Count another one. Returns how many were only counted since the last that was recorded, or None if this one
        is only counted too.
        """
        counted, all_of_them = self._counted(kind, now), self._counted(kind[:1], now)
        if counted.recorded >= self._recorded or all_of_them.recorded >= self._together:
            counted.more += 1
            return None
        counted.recorded += 1
        if all_of_them is not counted:
            all_of_them.recorded += 1
        more, counted.more = counted.more, 0
        return more

    def record_anyway(self, kind: tuple[str, ...], now: int) -> int:
        """Record the one that was just only counted. Returns how many were only counted before it."""
        counted = self._counted(kind, now)
        more, counted.more = max(counted.more - 1, 0), 0
        return more

    def _counted(self, kind: tuple[str, ...], now: int) -> _Counted:
        counted = self._kinds.pop(kind, None) or _Counted(now)
        if now - counted.since >= self._interval:
            counted.since, counted.recorded = now, 0
        if len(self._kinds) >= self._most_kinds:
            del self._kinds[next(iter(self._kinds))]  # what was quiet for longest
        self._kinds[kind] = counted
        return counted
