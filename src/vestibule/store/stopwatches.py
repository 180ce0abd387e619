"""Rows of stopwatches: how long it took until a person's access was gone."""

from typing import Final

from vestibule.model import Stopwatch
from vestibule.store.database import House, Reading

_INSERT: Final = """
INSERT INTO stopwatches (tenant_id, event_id, user_id, received_at, committed_after, sessions)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, event_id) DO NOTHING
"""
_COLUMNS: Final = "tenant_id, event_id, user_id, received_at, committed_after, sessions"
_GET: Final = f"SELECT {_COLUMNS} FROM stopwatches WHERE tenant_id = $1 AND event_id = $2"  # noqa: S608 -- a constant
_RECENT: Final = """
SELECT committed_after FROM stopwatches WHERE tenant_id = $1 AND event_id >= $2 ORDER BY event_id DESC LIMIT 10000
"""
_FORGET: Final = "DELETE FROM stopwatches WHERE received_at < $1"


async def insert_stopwatches(house: House, stopwatches: list[Stopwatch]) -> None:
    """Keep what was measured since the last time."""
    await house.many(_INSERT, list(stopwatches))


async def find_stopwatch(reading: Reading, event_id: str) -> Stopwatch | None:
    """The stopwatch of an event."""
    row = await reading.one(_GET, reading.tenant, event_id)
    return Stopwatch(*row) if row else None


async def recent_times(reading: Reading, since_id: str) -> list[int]:
    """Microseconds from request to commit of the last 10,000 since an event's id, smallest first."""
    return sorted(row[0] for row in await reading.all(_RECENT, reading.tenant, since_id))


async def forget_old_stopwatches(house: House, before: int) -> None:
    """Throw away those whose request came before an instant in microseconds."""
    await house.run(_FORGET, before)
