"""Groups on SQLite: who shares a flush, who hears of it when, and what becomes of those whose neighbour fails."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HANG, on_loop
from vestibule.model import Actor
from vestibule.store.database import Busy, Statements
from vestibule.store.sqlite.database import SqliteDatabase


class SlowDisk:
    """A connection whose commits wait until they are let through, and can be made to fail."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.begun, self.let_through = threading.Semaphore(0), threading.Semaphore(0)
        self.commits = 0
        self.fails = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.commits += 1
            self.begun.release()
            self.let_through.acquire(timeout=HANG)
            if self.fails:
                failure = sqlite3.OperationalError("disk I/O error")
                failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
                failure.sqlite_errorname = "SQLITE_IOERR_FSYNC"
                raise failure
        return self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Bench:
    """A database on a slow disk, and writers that say when they were answered."""

    def __init__(self, database: SqliteDatabase, disk: SlowDisk) -> None:
        self.database = database
        self.disk = disk
        self.answered: list[str] = []

    def write(self, name: str, act: Callable[[Statements], Awaitable[None]] | None = None) -> "asyncio.Task[None]":
        async def writing() -> None:
            async with self.database.transaction() as statements:
                await statements.run("INSERT INTO t (name) VALUES ($1)", name)
                if act is not None:
                    await act(statements)
            self.answered.append(name)

        return asyncio.get_running_loop().create_task(writing())

    async def write_and_hold(self, name: str) -> "asyncio.Task[None]":
        """A writer whose commit is under way, and stays so until the disk lets it through."""
        writer = self.write(name)
        await self.commit_begins()
        return writer

    async def names(self) -> list[str]:
        async with self.database.statements() as statements:
            return [row[0] for row in await statements.all("SELECT name FROM t ORDER BY name")]

    async def commit_begins(self) -> None:
        """Wait until the disk has a commit that it did not have when this was last asked."""
        assert await asyncio.to_thread(self.disk.begun.acquire, timeout=HANG)


@asynccontextmanager
async def on_a_slow_disk(folder: Path) -> AsyncIterator[Bench]:
    database = SqliteDatabase(folder / "t.db")
    writer = database._writer
    writer._connection.execute("CREATE TABLE t (name TEXT)")
    disk = SlowDisk(writer._connection)
    writer._connection = writer._disk._connection = disk  # type: ignore[assignment]  # it does what a connection does
    bench = Bench(database, disk)
    try:
        yield bench
    finally:
        disk.fails = False
        for _ in range(10):
            disk.let_through.release()
        await database.close()


async def refuse(_statements: Statements) -> None:
    raise LookupError


def test_a_durable_group_is_answered_while_the_next_commit_waits_for_the_disk(tmp_path: Path) -> None:
    async def story() -> None:
        async with on_a_slow_disk(tmp_path) as bench:
            first = await bench.write_and_hold("a")
            others = [bench.write("b"), bench.write("c")]
            await asyncio.sleep(0)
            assert bench.answered == []
            bench.disk.let_through.release()
            await first
            await bench.commit_begins()
            assert bench.answered == ["a"]
            assert await bench.names() == ["a"]
            bench.disk.let_through.release()
            await asyncio.gather(*others)
            assert bench.answered == ["a", "b", "c"]
            assert bench.disk.commits == 2
            assert await bench.names() == ["a", "b", "c"]

    on_loop(story())


def test_a_durable_group_is_answered_where_no_commit_follows(tmp_path: Path) -> None:
    async def story() -> None:
        async with on_a_slow_disk(tmp_path) as bench:
            first = await bench.write_and_hold("a")
            other = bench.write("b", refuse)
            await asyncio.sleep(0)
            bench.disk.let_through.release()
            async with asyncio.timeout(HANG):
                await first
            with pytest.raises(LookupError):
                await other
            assert bench.disk.commits == 1
            assert await bench.names() == ["a"]

    on_loop(story())


def test_a_durable_group_does_not_wait_for_a_writer_that_takes_its_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with on_a_slow_disk(tmp_path) as bench:
            go_on = asyncio.Event()

            async def dawdle(_statements: Statements) -> None:
                await go_on.wait()

            first = await bench.write_and_hold("a")
            other = bench.write("b", dawdle)
            await asyncio.sleep(0)
            bench.disk.let_through.release()
            async with asyncio.timeout(HANG):
                await first
            assert not other.done()
            go_on.set()
            bench.disk.let_through.release()
            await other

    on_loop(story())


def test_a_commit_that_fails_is_told_to_its_own_members_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with on_a_slow_disk(tmp_path) as bench:
            first = await bench.write_and_hold("a")
            others = [bench.write("b"), bench.write("c")]
            await asyncio.sleep(0)
            bench.disk.let_through.release()
            await first
            bench.disk.fails = True
            bench.disk.let_through.release()
            for busy in await asyncio.gather(*others, return_exceptions=True):
                assert isinstance(busy, Busy)
            bench.disk.fails = False
            bench.disk.let_through.release()
            await bench.write("d")
            assert await bench.names() == ["a", "d"]

    on_loop(story())


def test_a_writer_that_fails_takes_nothing_of_its_neighbours_along(tmp_path: Path) -> None:
    async def story() -> None:
        async with on_a_slow_disk(tmp_path) as bench:
            first = await bench.write_and_hold("a")
            others = [bench.write("b"), bench.write("c", refuse), bench.write("d")]
            await asyncio.sleep(0)
            for _ in range(2):
                bench.disk.let_through.release()
            answers = await asyncio.gather(first, *others, return_exceptions=True)
            assert [type(answer) for answer in answers] == [type(None), type(None), LookupError, type(None)]
            assert bench.disk.commits == 2
            assert await bench.names() == ["a", "b", "d"]

    on_loop(story())


def test_closing_waits_for_what_is_under_way(tmp_path: Path) -> None:
    async def story() -> None:
        async with on_a_slow_disk(tmp_path) as bench:
            writers = [await bench.write_and_hold("a")]
            writers += [bench.write("b"), bench.write("c")]
            await asyncio.sleep(0)
            for _ in range(2):
                bench.disk.let_through.release()
        await asyncio.gather(*writers)
        assert bench.answered == ["a", "b", "c"]

    on_loop(story())


def test_many_writers_of_one_tenant_delay_those_of_another_by_one(tmp_path: Path) -> None:
    async def story() -> list[str]:
        database = SqliteDatabase(tmp_path / "vestibule.db")
        order: list[str] = []
        holding, let_go = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with database.write(Actor("first", "operator")):
                holding.set()
                await let_go.wait()

        async def write(tenant: str, number: int) -> None:
            async with database.write(Actor(tenant, "operator")):
                order.append(f"{tenant}{number}")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hold())
            await holding.wait()
            for number in range(5):
                tasks.create_task(write("many", number))
                await asyncio.sleep(0)
            for number in range(2):
                tasks.create_task(write("few", number))
                await asyncio.sleep(0)
            let_go.set()
        await database.close()
        return order

    assert on_loop(story()) == ["many0", "few0", "many1", "few1", "many2", "many3", "many4"]
