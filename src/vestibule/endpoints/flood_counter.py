"""Counts floods of equal incidents instead of recording each one (log flood protection).

The first ones of a kind are recorded; the others are only counted, and their number is recorded together with the next
one. The counts are kept in this process only, and no access decision depends on them. A flood against one tenant hides
nothing of another tenant. Incidents of many different kinds are limited together.
"""

from dataclasses import dataclass
from typing import Final

INTERVAL: Final = 60_000
"""Milliseconds in which incidents of a kind are counted together."""
_MOST_KINDS: Final = 1000


@dataclass(slots=True)
class _Counted:
    since: int
    recorded: int = 0
    more: int = 0


class FloodCounter:
    """Counts recent incidents of each kind. The first element of a kind is its owner, such as a tenant."""

    def __init__(
        self, recorded: int, together: int, *, interval: int = INTERVAL, most_kinds: int = _MOST_KINDS
    ) -> None:
        """In each interval, `recorded` incidents of a kind are recorded, and `together` of all kinds of one owner.

        If there are more than `most_kinds`, the ones that were idle for the longest time are forgotten.
        """
        self._recorded = recorded
        self._together = together
        self._interval = interval
        self._most_kinds = most_kinds
        self._kinds: dict[tuple[str, ...], _Counted] = {}

    def note(self, kind: tuple[str, ...], now: int) -> int | None:
        """Count an incident.

        Returns None if it should not be recorded; otherwise the number of those that were not recorded before it.
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
        """Record the incident that was just only counted. Returns how many were not recorded before it."""
        counted = self._counted(kind, now)
        more, counted.more = max(counted.more - 1, 0), 0
        return more

    def _counted(self, kind: tuple[str, ...], now: int) -> _Counted:
        counted = self._kinds.pop(kind, None) or _Counted(now)
        if now - counted.since >= self._interval:
            counted.since, counted.recorded = now, 0
        if len(self._kinds) >= self._most_kinds:
            del self._kinds[next(iter(self._kinds))]  # the kind that was idle for the longest time
        self._kinds[kind] = counted
        return counted
