"""Group commit: writers share one open transaction, and one flush of the disk makes all of them durable.

Each writer works inside its own savepoint. The first one schedules a commit, which runs in a thread while the
loop goes on reading, and every member of the group is answered once it is durable (`synchronous=FULL`). Writers that
arrive during a commit form the next group: the slower the disk, the larger the groups. If a next group is waiting
already, it goes first, and the members of the last one are answered while the disk has the next commit, so that the
loop has something to do meanwhile.

The rule for callers: nothing inside a `write` block awaits anything but the database. One writer has the turn at a
time, so a wait for a client, a thread or another service inside the block would keep every other writer waiting. A test
reads the source and checks this (`tests/unit/test_write_blocks.py`).
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Final

from vestibule.model import Actor, Stopwatch
from vestibule.store.database import Busy, Clock, Damaged, RunAgain, Statements, Tx, note_commit
from vestibule.store.engine_errors import from_sqlite
from vestibule.store.sqlite.connection import InlineStatements

WRITE_LOCK_SECONDS: Final = 10.0
"""Seconds that a writer waits for another process to release its lock on the database."""

_ANSWERED_WITHIN: Final = 0.005
"""Longest delay in seconds of the answer to members whose commit is durable, while the next commit starts."""


class Transaction:
    """One member of a group: a savepoint in the open transaction."""

    __slots__ = ("_tenant", "_writer")

    def __init__(self, writer: "Writer", tenant: str = "") -> None:
        self._writer = writer
        self._tenant = tenant

    async def __aenter__(self) -> Statements:
        return await self._writer.join(self._tenant)

    async def __aexit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        if kind is None:
            await self._writer.settle()
        else:
            self._writer.give_up()


class Write(Transaction):
    """A member of a group that hands out a handle on a tenant."""

    __slots__ = ("_actor", "_clock", "_stopwatches", "_tx")

    def __init__(self, writer: "Writer", actor: Actor, clock: Clock, stopwatches: list[Stopwatch]) -> None:
        super().__init__(writer, actor.tenant_id)
        self._actor = actor
        self._clock = clock
        self._stopwatches = stopwatches

    async def __aenter__(self) -> Tx:  # type: ignore[override]  # a Tx where the base hands out bare statements
        self._tx = Tx(await self._writer.join(self._tenant), self._actor, self._clock())
        return self._tx

    async def __aexit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        await super().__aexit__(kind, *failure)
        if kind is None:
            note_commit(self._tx, self._stopwatches)


class Writer:
    """The one connection that writes, and the group that is gathering on it.

    A lock, the turn, is held by the writer inside a savepoint, and by a commit. A commit waits only for the writers
    that asked before it; tenants take turns, so that many slow writers of one delay a writer of another by one.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._statements = InlineStatements(connection)
        self._connection = connection
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._disk = _Disk(connection)
        self._turn = _Turn()
        self._group: _Group = []
        self._commit_is_due = False
        self._durable: _Group = []
        self._answering: asyncio.TimerHandle | None = None

    async def join(self, tenant: str) -> Statements:
        if not self._turn.take():
            await self._turn.wait(tenant)
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
        """Fail the members of a group whose transaction SQLite ended by itself, as it does if the disk is full."""
        group, self._group = self._group, []
        _tell(group, RunAgain("SQLite ended the transaction that others shared"))

    async def _begin(self) -> None:
        deadline = asyncio.get_running_loop().time() + WRITE_LOCK_SECONDS
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
        """Release this member's savepoint, and wait until its group is committed to disk."""
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
        """Roll back to this member's savepoint; the other members keep theirs."""
        try:
            # A full disk may have ended the transaction already; then there is nothing left to undo.
            if self._connection.in_transaction:
                if not self._group:
                    self._connection.execute("ROLLBACK")
                else:
                    self._connection.execute("ROLLBACK TO member")
                    self._connection.execute("RELEASE member")
        except sqlite3.Error:
            # This member gets the earlier error. The group cannot be committed without undoing this member.
            self._roll_back()
            self._lose_group()
        finally:
            self._turn.hand_on()

    def _roll_back(self) -> None:
        """End the transaction. SQLite ends it even if ROLLBACK itself reports a failure."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _commit(self) -> None:
        """Start the commit of the group, and answer the previous group meanwhile."""
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
    """The thread that runs COMMIT and waits for the disk. Handing a commit to it takes a fraction of what a thread pool
    takes, and with few writers at once a write waits for little else.
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
    """A lock that costs nothing if nobody waits, unlike asyncio's.

    It is granted in the order of asking while all who wait are of one tenant. Otherwise the tenant that had it longest
    ago is next. Functions wait for all who asked before them.
    """

    __slots__ = ("_granted", "_last", "_taken", "_tenants", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[tuple[str, asyncio.Future[None]] | Callable[[], None]] = deque()
        self._tenants: dict[str, int] = {}
        """How many wait, by tenant."""
        self._granted = 0
        self._last: dict[str, int] = {}
        """When each tenant had the turn, as a number of turns, since there were several tenants."""

    def take(self) -> bool:
        """Take the turn if nobody has it."""
        if self._taken:
            return False
        self._taken = True
        return True

    def is_awaited(self) -> bool:
        """Returns whether somebody waits for the turn."""
        return bool(self._waiting)

    async def wait(self, tenant: str = "") -> None:
        """Wait for the turn; it is the caller's when this returns."""
        given = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant, given))
        self._tenants[tenant] = self._tenants.get(tenant, 0) + 1
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.hand_on()
            raise

    def follow(self, act: Callable[[], None]) -> None:
        """Queue a function that is given the turn after those who wait now, and hands it on itself."""
        self._waiting.append(act)

    def hand_on(self) -> None:
        """Release the turn, and give it to the next, if anybody waits."""
        while self._waiting:
            entry = self._next()
            if not isinstance(entry, tuple):
                entry()
                return
            tenant, given = entry
            self._leave(tenant)
            if not given.done():
                given.set_result(None)
                return
        self._taken = False

    def _next(self) -> "tuple[str, asyncio.Future[None]] | Callable[[], None]":
        """Take the next entry out of the queue."""
        if len(self._tenants) < 2 or not isinstance(self._waiting[0], tuple):
            return self._waiting.popleft()
        tenant = min(self._tenants, key=lambda each: self._last.get(each, 0))
        self._granted += 1
        self._last[tenant] = self._granted
        entry = next(entry for entry in self._waiting if isinstance(entry, tuple) and entry[0] == tenant)
        self._waiting.remove(entry)
        return entry

    def _leave(self, tenant: str) -> None:
        left = self._tenants[tenant] - 1
        if left:
            self._tenants[tenant] = left
            return
        del self._tenants[tenant]
        if len(self._tenants) < 2:
            self._last.clear()


_Group = list["asyncio.Future[None]"]


def _tell(group: _Group, failure: Busy | Damaged | None) -> None:
    """Complete the future of every member of a group that still waits."""
    for durable in group:
        if durable.done():
            continue
        if failure is None:
            durable.set_result(None)
        else:
            durable.set_exception(failure)
