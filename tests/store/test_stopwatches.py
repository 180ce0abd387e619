"""Stopwatches wait for a database that does not answer, and are thrown away when they are old."""

from collections.abc import Callable

import pytest

from tests.conftest import on_loop
from vestibule.endpoints.context import Context
from vestibule.model import HOUSE, Actor, Stopwatch, new_id
from vestibule.settings import Settings
from vestibule.store.stopwatches import find_stopwatch, forget_old_stopwatches, keep_stopwatches, recent_times

WORKER = Actor(HOUSE, "worker")


def test_what_cannot_be_kept_now_waits(engine: str, new_database: Callable[[str], Settings]) -> None:
    settings = new_database(engine)

    async def act() -> None:
        context = await Context.open(settings, lambda _line: None)
        database = context.database
        now = database.clock()
        good = [Stopwatch("t", new_id(now), "u", now * 1000, each, 1) for each in (30, 10, 20)]
        database.stopwatches += [*good, good[0]._replace(committed_after=None)]  # type: ignore[arg-type]  # no database takes it
        waiting = list(database.stopwatches)
        async with database.read("t") as reading:
            assert await find_stopwatch(reading, waiting, good[1].event_id) == good[1], "before it is kept"
        async with database.read("another") as reading:
            assert await find_stopwatch(reading, waiting, good[1].event_id) is None
        with pytest.raises(Exception, match=r"(?i)null"):
            await keep_stopwatches(database, WORKER)
        assert database.stopwatches == waiting, "all or nothing"
        database.stopwatches.pop()
        await keep_stopwatches(database, WORKER)
        assert database.stopwatches == []
        async with database.read("t") as reading:
            assert await find_stopwatch(reading, (), good[1].event_id) == good[1]
            assert await find_stopwatch(reading, (), new_id(now)) is None
            times = await recent_times(reading, now - 1000)
            assert times is not None
            assert (times.count, times.p50, times.slowest) == (3, 20, 30)
            assert await recent_times(reading, now + 60_000) is None
        async with database.read("another") as reading:
            assert await find_stopwatch(reading, (), good[1].event_id) is None
            assert await recent_times(reading, 0) is None
        async with database.write_all_tenants(WORKER) as all_tenants:
            await forget_old_stopwatches(all_tenants, now * 1000)
        async with database.read("t") as reading:
            assert await find_stopwatch(reading, (), good[1].event_id) is not None
        async with database.write_all_tenants(WORKER) as all_tenants:
            await forget_old_stopwatches(all_tenants, now * 1000 + 1)
        async with database.read("t") as reading:
            assert await find_stopwatch(reading, (), good[1].event_id) is None
        database.stopwatches += good
        await context.close()
        assert database.stopwatches == [], "kept before the database is let go of"
        again = await Context.open(settings, lambda _line: None)
        async with again.database.read("t") as reading:
            assert await find_stopwatch(reading, (), good[2].event_id) == good[2]
        await again.close()

    on_loop(act())
