"""SQLite, inline on the event loop.

The strategy: a statement takes microseconds, so handing it to a thread would cost more than running it. Only COMMIT
waits for the disk. So writers join one open transaction, each inside its own savepoint; whoever joins first schedules a
commit, which runs in a thread while the loop goes on reading, and every member of the group is answered once it is
durable (`synchronous=FULL`). Writers that arrive during a commit form the next group: the slower the disk, the larger
the groups. Where a next group waits already, it goes first, and the members of the last one are answered while the
disk has the next one's commit: so the loop has something to do meanwhile.

The rule for callers: nothing inside a `write` block awaits anything but the database. One writer has the turn at a
time, so a wait for a client, a thread or another service inside the block would keep every other writer waiting. A test
reads the source and holds it to this (`tests/unit/test_write_blocks.py`).

What may read many rows goes to a thread with a connection of its own. Another process (the command line) may hold the
write lock for a moment: the loop waits for it without blocking, up to `PATIENCE` seconds.
"""

import asyncio
import contextlib
import re
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from vestibule.errors import WrongSetting
from vestibule.model import Actor, Stopwatch
from vestibule.store.database import (
    AllTenants,
    Busy,
    Clock,
    Damaged,
    Database,
    Reading,
    Ready,
    Row,
    RunAgain,
    Statements,
    Tx,
    milliseconds_now,
    stop_watches,
)
from vestibule.store.engine_errors import from_sqlite
from vestibule.store.scan_queue import TookTooLong

PATIENCE: Final = 10.0
"""Seconds that a writer waits for another process to let go of the database."""

_CHECKPOINT: Final = 8000
"""Pages in the write-ahead log before it is copied into the database. Most pages are written again and again, so a
longer log is less to copy; the copying takes some ten milliseconds."""
_ANSWERED_WITHIN: Final = 0.005
"""Seconds for which members whose commit is durable may wait for the next one to be under way."""
_SCANNERS: Final = 2
"""Threads for each kind of scan."""
_LOOKED_AT_EVERY: Final = 20_000
"""Instructions of SQLite's machine after which a scan is asked whether it should stop: some milliseconds."""
_OLDEST = (3, 38, 0)  # the first with the ->> operator


@lru_cache(4096)
def translate(sql: str) -> str:
    """The common SQL as SQLite takes it."""
    return re.sub(r"\$(\d+)", r"?\1", re.sub(r"/\*for (?:update|share)[^*]*\*/", "", sql))


def connect(path: Path, synchronous: str, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the pragmas that the house relies on."""
    if not path.exists():
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=5)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if synchronous == 'normal' else 'FULL'}")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


class SqliteDatabase(Database):
    """One file, one writer connection, one reader connection for the event loop, and one for each scanning thread."""

    engine = "sqlite"

    def __init__(self, path: Path, synchronous: str = "full", clock: Clock = milliseconds_now) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise WrongSetting(f"This Python has SQLite {sqlite3.sqlite_version}; 3.38 or newer is needed.")
        super().__init__(clock, _SCANNERS)
        self._path = path
        self._synchronous = synchronous
        self._writer = _Writer(connect(path, synchronous))
        self._reader = _Inline(connect(path, synchronous, read_only=True))
        self._threads = ThreadPoolExecutor(3 * _SCANNERS, "scan")
        self._scanners = threading.local()

    def statements(self) -> Ready[Statements]:
        return Ready(self._reader)

    def scanning(self, seconds: float | None = None) -> Ready[Statements]:
        return Ready(_InThread(self, seconds))

    # What is ready without waiting is handed out without a wrapper in between: these two begin every request.

    def read(self, tenant: str) -> Ready[Reading]:
        return Ready(Reading(self._reader, tenant, self.clock()))

    def read_all_tenants(self, actor: Actor) -> Ready[AllTenants]:
        return Ready(AllTenants(self._reader, actor, self.clock()))

    def write(self, actor: Actor) -> "_Write":
        return _Write(self._writer, actor, self.clock, self.stopwatches)

    def transaction(self) -> "_Transaction":
        return _Transaction(self._writer)

    def mark(self) -> int | None:
        try:
            row = self._reader.connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise from_sqlite(error) from None
        return int(row[0])

    async def close(self) -> None:
        await self._writer.close()
        self._reader.connection.close()
        self._threads.shutdown()

    async def fetch_in_thread(self, stop: "_Stop", sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Run a read in a thread, on that thread's own connection, until it ends or is to stop.

        Raises:
            TookTooLong: its time is over.
        """
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._fetch, stop, sql, values)
        try:
            return await work
        except asyncio.CancelledError:
            stop.now = True
            raise

    def _fetch(self, stop: "_Stop", sql: str, values: tuple[Any, ...]) -> list[Row]:
        try:
            connection: sqlite3.Connection | None = getattr(self._scanners, "connection", None)
            if connection is None:
                connection = self._scanners.connection = connect(self._path, self._synchronous, read_only=True)
                connection.execute("PRAGMA cache_size = -16384")
            connection.set_progress_handler(stop.is_due, _LOOKED_AT_EVERY)
            return connection.execute(translate(sql), values).fetchall()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise TookTooLong from None
            raise from_sqlite(error) from None
        except OSError as error:
            raise Busy(f"the database file cannot be opened: {error.strerror}") from None


class _Stop:
    """When a scan is to stop: SQLite asks now and then, while it works."""

    __slots__ = ("now", "until")

    def __init__(self, seconds: float | None) -> None:
        self.now = False
        self.until = None if seconds is None else time.monotonic() + seconds

    def is_due(self) -> bool:
        return self.now or (self.until is not None and time.monotonic() > self.until)


class _Inline(Statements):
    """Statements that run where they are called."""

    engine = "sqlite"
    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    async def one(self, sql: str, *values: Any) -> Row | None:
        try:
            return self.connection.execute(translate(sql), values).fetchone()
        except sqlite3.Error as error:
            raise from_sqlite(error) from None

    async def all(self, sql: str, *values: Any) -> list[Row]:
        try:
            return self.connection.execute(translate(sql), values).fetchall()
        except sqlite3.Error as error:
            raise from_sqlite(error) from None

    async def run(self, sql: str, *values: Any) -> int:
        try:
            return self.connection.execute(translate(sql), values).rowcount
        except sqlite3.Error as error:
            raise from_sqlite(error) from None

    async def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            self.connection.executemany(translate(sql), rows)
        except sqlite3.Error as error:
            raise from_sqlite(error) from None


class _InThread(Statements):
    """Reads that run in a thread."""

    engine = "sqlite"

    def __init__(self, database: SqliteDatabase, seconds: float | None) -> None:
        self._database = database
        self._stop = _Stop(seconds)

    async def one(self, sql: str, *values: Any) -> Row | None:
        rows = await self._database.fetch_in_thread(self._stop, sql, values)
        return rows[0] if rows else None

    async def all(self, sql: str, *values: Any) -> list[Row]:
        return await self._database.fetch_in_thread(self._stop, sql, values)

    async def run(self, sql: str, *values: Any) -> int:
        raise NotImplementedError("a scan only reads")

    async def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        raise NotImplementedError("a scan only reads")


class _Transaction:
    """One member of a group: a savepoint in the open transaction."""

    __slots__ = ("_writer",)

    def __init__(self, writer: "_Writer") -> None:
        self._writer = writer

    async def __aenter__(self) -> Statements:
        return await self._writer.join()

    async def __aexit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        if kind is None:
            await self._writer.settle()
        else:
            self._writer.give_up()


class _Write(_Transaction):
    """A member of a group that hands out a handle on a tenant."""

    __slots__ = ("_actor", "_clock", "_stopwatches", "_tx")

    def __init__(self, writer: "_Writer", actor: Actor, clock: Clock, stopwatches: list[Stopwatch]) -> None:
        super().__init__(writer)
        self._actor = actor
        self._clock = clock
        self._stopwatches = stopwatches

    async def __aenter__(self) -> Tx:  # type: ignore[override]  # a Tx where the base hands out bare statements
        self._tx = Tx(await self._writer.join(), self._actor, self._clock())
        return self._tx

    async def __aexit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        await super().__aexit__(kind, *failure)
        if kind is None:
            stop_watches(self._tx, self._stopwatches)


class _Writer:
    """The one connection that writes, and the group that is gathering on it.

    The turn is with whoever is inside a savepoint, and with the commit. It is handed on in the order of asking, so a
    commit waits for the writers that were there before it and for no others.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._statements = _Inline(connection)
        self._connection = connection
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._disk = _Disk(connection)
        self._turn = _Turn()
        self._group: _Group = []
        self._commit_is_due = False
        self._durable: _Group = []
        self._answering: asyncio.TimerHandle | None = None

    async def join(self) -> Statements:
        if not self._turn.take():
            await self._turn.wait()
        try:
            if not self._connection.in_transaction:
                self._lose_group()
                await self._begin()
            self._connection.execute("SAVEPOINT member")
        except BaseException as error:
            self._turn.hand_on()
            if isinstance(error, sqlite3.Error):
                raise from_sqlite(error) from None
            raise
        return self._statements

    def _lose_group(self) -> None:
        """A full disk ends a transaction by itself. Whoever had settled in it must hear that nothing was kept."""
        group, self._group = self._group, []
        _tell(group, RunAgain("SQLite ended the transaction that others shared"))

    async def _begin(self) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if asyncio.get_running_loop().time() > deadline:
                    raise Busy("another process keeps the database locked") from error
                await asyncio.sleep(0.002)
            else:
                return

    async def settle(self) -> None:
        """Keep what this member did, and wait until the disk has it."""
        durable = asyncio.get_running_loop().create_future()
        try:
            if not self._connection.in_transaction:
                self._lose_group()
                raise RunAgain("SQLite ended the transaction before its end")
            self._connection.execute("RELEASE member")
            self._group.append(durable)
            if not self._commit_is_due:
                self._commit_is_due = True
                self._turn.follow(self._commit)
        finally:
            self._turn.hand_on()
        await durable

    def give_up(self) -> None:
        """Undo what this member did, and nothing of the others."""
        try:
            # A full disk may have ended the transaction already; then there is nothing left to undo.
            if self._connection.in_transaction:
                if not self._group:
                    self._connection.execute("ROLLBACK")
                else:
                    self._connection.execute("ROLLBACK TO member")
                    self._connection.execute("RELEASE member")
        except sqlite3.Error:
            # What went wrong before is what this member is told. The group cannot be kept without undoing this member.
            self._roll_back()
            self._lose_group()
        finally:
            self._turn.hand_on()

    def _roll_back(self) -> None:
        """End the transaction. SQLite does so even where ROLLBACK itself tells of a failure."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _commit(self) -> None:
        """Hand the group to the disk, and answer the one before meanwhile."""
        self._commit_is_due = False
        if not self._connection.in_transaction:
            self._lose_group()
            self._turn.hand_on()
            return
        group, self._group = self._group, []
        self._disk.commit(partial(self._committed, group))
        self._answer()

    def _committed(self, group: "_Group", failure: sqlite3.Error | None) -> None:
        try:
            if failure is not None:
                self._roll_back()
                meant = from_sqlite(failure)
                known = meant if isinstance(meant, Busy | Damaged) else Busy("the change could not be made durable")
                _tell(group, known)
                return
            self._durable = group
            if self._turn.is_awaited():
                self._answering = asyncio.get_running_loop().call_later(_ANSWERED_WITHIN, self._answer)
            else:
                self._answer()
        finally:
            self._turn.hand_on()

    def _answer(self) -> None:
        """Tell the members of the last group that their changes are durable."""
        if self._answering is not None:
            self._answering.cancel()
            self._answering = None
        group, self._durable = self._durable, []
        _tell(group, None)

    async def close(self) -> None:
        while not self._turn.take():
            await self._turn.wait()
            if not self._commit_is_due:
                break
            self._turn.hand_on()
        self._answer()
        self._disk.close()
        self._connection.close()


class _Disk:
    """The thread that waits for the disk. A commit is handed to it and told of in a fraction of the time that a pool of
    threads takes: with few writers at once that is what a write waits for.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="commit", daemon=True)
        self._thread.start()

    def commit(self, tell: "Callable[[sqlite3.Error | None], None]") -> None:
        """Commit, and call back on the loop with what went wrong, if anything did."""
        self._asked.put((asyncio.get_running_loop(), tell))

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            loop, tell = asked
            failure = None
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                failure = error
            loop.call_soon_threadsafe(tell, failure)

    def close(self) -> None:
        """End the thread."""
        self._asked.put(None)
        self._thread.join()


_Asked = tuple[asyncio.AbstractEventLoop, Callable[[sqlite3.Error | None], None]]


class _Turn:
    """Whose turn it is: a lock that costs nothing where nobody waits, which the one of asyncio does not."""

    __slots__ = ("_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None] | Callable[[], None]] = deque()

    def take(self) -> bool:
        """Take the turn if nobody has it."""
        if self._taken:
            return False
        self._taken = True
        return True

    def is_awaited(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting)

    async def wait(self) -> None:
        """Wait for the turn; it is the caller's when this returns."""
        given = asyncio.get_running_loop().create_future()
        self._waiting.append(given)
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.hand_on()
            raise

    def follow(self, act: Callable[[], None]) -> None:
        """Give the turn to an act that hands it on itself, once those who wait now have had it. For whoever has it."""
        self._waiting.append(act)

    def hand_on(self) -> None:
        """Give the turn to who has waited longest, or to nobody."""
        while self._waiting:
            given = self._waiting.popleft()
            if not isinstance(given, asyncio.Future):
                given()
                return
            if not given.done():
                given.set_result(None)
                return
        self._taken = False


_Group = list["asyncio.Future[None]"]


def _tell(group: _Group, failure: Busy | Damaged | None) -> None:
    """Answer every member of a group that still waits."""
    for durable in group:
        if durable.done():
            continue
        if failure is None:
            durable.set_result(None)
        else:
            durable.set_exception(failure)
