"""Rows of stopwatches: how long it took to end a person's access."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vestibule.model import Actor, Stopwatch, first_id_of
from vestibule.store.database import AllTenants, Database, Reading

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


MOST_WAITING: Final = 10_000
"""How many measurements wait while the database does not answer. Of more, the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class Times:
    """Recent durations in microseconds."""

    count: int
    p50: int
    p95: int
    p99: int
    slowest: int


async def keep_stopwatches(database: Database, actor: Actor) -> None:
    """Store what was measured since the last call. What cannot be stored now is tried again at the next call."""
    measured = database.stopwatches[:]
    if not measured:
        return
    database.stopwatches.clear()
    try:
        await database.run_all_tenants(actor, lambda all_tenants: all_tenants.many(_INSERT, list(measured)))
    except BaseException:
        database.stopwatches[:0] = measured[-MOST_WAITING:]
        raise


async def find_stopwatch(reading: Reading, waiting: Sequence[Stopwatch], event_id: str) -> Stopwatch | None:
    """Returns the stopwatch of an event: a stored one, or one that this process measured and has not stored yet."""
    row = await reading.one(_GET, reading.tenant, event_id)
    if row is not None:
        return Stopwatch(*row)
    return next((each for each in waiting if each[:2] == (reading.tenant, event_id)), None)


async def find_stopwatches(
    reading: Reading, waiting: Sequence[Stopwatch], event_ids: Sequence[str]
) -> dict[str, Stopwatch]:
    """Returns the stopwatches of these events by event: stored ones, and ones that are not stored yet."""
    if not event_ids:
        return {}
    wanted = set(event_ids)
    found = {each.event_id: each for each in waiting if each.tenant_id == reading.tenant and each.event_id in wanted}
    marks = ", ".join(f"${number}" for number in range(2, len(wanted) + 2))
    sql = f"SELECT {_COLUMNS} FROM stopwatches WHERE tenant_id = $1 AND event_id IN ({marks})"  # noqa: S608 -- constants
    found |= {row[1]: Stopwatch(*row) for row in await reading.all(sql, reading.tenant, *wanted)}
    return found


async def recent_times(reading: Reading, since: int) -> Times | None:
    """How long it took since an instant in milliseconds, the last 10,000 times; None if there was nothing to end."""
    rows = await reading.all(_RECENT, reading.tenant, first_id_of(since))
    return times_of([row[0] for row in rows])


def times_of(measured: Sequence[int]) -> Times | None:
    """Returns the percentiles of the measured times, by the nearest rank: each is a time that was measured."""
    ordered = sorted(measured)
    if not ordered:
        return None
    p50, p95, p99 = (ordered[-(-len(ordered) * part // 100) - 1] for part in (50, 95, 99))
    return Times(len(ordered), p50, p95, p99, ordered[-1])


async def forget_old_stopwatches(all_tenants: AllTenants, before: int) -> None:
    """Delete stopwatches whose request came before an instant in microseconds."""
    await all_tenants.run(_FORGET, before)
