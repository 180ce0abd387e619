"""Scans: they end in time and with whoever waits for them, and one tenant's keep no other tenant waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.conftest import on_loop
from vestibule.limits import WAITING_SCANS, WAITING_SCANS_OF_TENANT
from vestibule.settings import Settings
from vestibule.store.database import Database
from vestibule.store.open import open_database
from vestibule.store.scan_queue import Lane, TookTooLong, TooManyScans, slots_of_pool

ENDLESS = {
    "sqlite": """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i > 0) SELECT count(*) FROM n WHERE i < 0
    """,
    "postgres": "SELECT pg_sleep(3600)",
}


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    database = await open_database(settings)
    try:
        yield database
    finally:
        await database.close()


def test_a_scan_is_stopped_when_its_time_is_over(engine: str, new_database: Callable[[str], Settings]) -> None:
    settings = new_database(engine)

    async def story() -> None:
        async with opened(settings) as database:
            for _ in range(3):
                with pytest.raises(TookTooLong):
                    async with database.scanning(0.2) as statements:
                        await statements.one(ENDLESS[engine])
            async with database.scanning(60) as statements:  # whoever stopped one has harmed no other
                assert (await statements.all("SELECT 1"))[0][0] == 1

    on_loop(story())


def test_a_scan_ends_with_the_task_that_waits_for_it(engine: str, new_database: Callable[[str], Settings]) -> None:
    settings = new_database(engine)

    async def story() -> None:
        async with opened(settings) as database:
            database._lanes["search"].seconds = 3600

            async def scan() -> None:
                async with database.scan("t", "search") as reading:
                    begun.set()
                    await reading.one(ENDLESS[engine])

            for _ in range(3):  # more than there are threads
                begun = asyncio.Event()
                task = asyncio.create_task(scan())
                await begun.wait()
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        # Closing the database has waited for every thread: none is left in an endless statement.

    on_loop(story())


@pytest.mark.parametrize(
    ("connections", "searches", "lists"),
    [(2, 1, 1), (3, 1, 1), (4, 2, 1), (5, 2, 1), (6, 2, 2), (8, 2, 2), (9, 3, 3), (10, 3, 3), (20, 6, 6)],
)
def test_searches_and_lists_get_a_part_of_the_pool(connections: int, searches: int, lists: int) -> None:
    assert slots_of_pool(connections) == (searches, lists)


@pytest.mark.parametrize("connections", range(4, 100))
def test_two_tenants_search_at_the_same_time_and_a_connection_is_left(connections: int) -> None:
    searches, lists = slots_of_pool(connections)
    assert searches >= 2
    assert searches + lists < connections


@pytest.mark.parametrize("pool", [4, 5, 9])
def test_a_small_pool_lets_two_tenants_search(pool: int, new_database: Callable[[str], Settings]) -> None:
    settings = replace(new_database("postgres"), pool=pool)

    async def story() -> None:
        async with (
            opened(settings) as database,
            database.scan("one", "search"),
            database.scan("two", "search") as reading,
            database.scan("three", "list"),
            database.read("three") as quick,
        ):
            assert await reading.one("SELECT 1") == (1,)
            assert await quick.one("SELECT 1") == (1,)

    on_loop(story())


def test_slots_go_round_the_tenants() -> None:
    async def story() -> None:
        lane, order = Lane(2, 1), list[str]()

        async def scan(tenant: str) -> None:
            await lane.enter(tenant)
            order.append(tenant)
            await asyncio.sleep(0)
            lane.leave(tenant)

        await lane.enter("a")
        await lane.enter("b")
        scans = [asyncio.create_task(scan(tenant)) for tenant in ("a", "a", "a", "c", "b", "c", "d")]
        await asyncio.sleep(0)
        assert order == []
        lane.leave("a")
        lane.leave("b")
        await asyncio.gather(*scans)
        assert order == ["a", "c", "b", "d", "a", "c", "a"]
        assert not lane._running
        assert not lane._waiting

    on_loop(story())


def test_a_tenant_with_many_scans_leaves_a_slot_to_another() -> None:
    async def story() -> None:
        lane = Lane(2, 1)
        await lane.enter("a")
        waiting = [asyncio.create_task(lane.enter("a")) for _ in range(WAITING_SCANS_OF_TENANT)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyScans):
            await lane.enter("a")
        await lane.enter("b")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert not lane._waiting
        lane.leave("a")
        lane.leave("b")
        await lane.enter("c")

    on_loop(story())


def test_the_queue_has_a_bound_in_all() -> None:
    async def story() -> None:
        lane = Lane(1, 1)
        await lane.enter("first")
        waiting = [asyncio.create_task(lane.enter(f"t{number}")) for number in range(WAITING_SCANS)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyScans):
            await lane.enter("another")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    on_loop(story())


def test_a_scan_that_is_given_up_when_its_turn_comes_hands_it_on() -> None:
    async def story() -> None:
        lane = Lane(1, 1)
        await lane.enter("a")
        given_up, next_one = asyncio.create_task(lane.enter("b")), asyncio.create_task(lane.enter("c"))
        await asyncio.sleep(0)
        lane.leave("a")
        given_up.cancel()
        await next_one
        assert dict(lane._running) == {"c": 1}

    on_loop(story())


def test_scans_that_are_given_up_together_keep_no_slot() -> None:
    async def story() -> None:
        lane = Lane(1, 1)
        await lane.enter("a")
        given_up = [asyncio.create_task(lane.enter(tenant)) for tenant in ("b", "b", "c")]
        next_one = asyncio.create_task(lane.enter("c"))
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        lane.leave("a")  # before their tasks have run
        await next_one
        await asyncio.gather(*given_up, return_exceptions=True)
        assert dict(lane._running) == {"c": 1}
        lane.leave("c")
        assert not lane._running
        assert not lane._waiting

    on_loop(story())
