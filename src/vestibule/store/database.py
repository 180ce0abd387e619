"""How the program reads and writes, on either engine.

Three handles, so that a function's signature says what it may do:

- `Reading`: statements within one tenant;
- `Tx`: a transaction within one tenant, for one actor, at one instant;
- `AllTenants`: statements across tenants, for signing in, operator commands and the worker.

SQL is written once in the common subset of both engines, with `$1` parameters. `/*for update*/` at the end of a SELECT
locks the row where the engine has row locks; `/*for share*/` lets others read it so and nobody change it. Rows are
tuples in the order of the SELECT.
"""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from vestibule.model import Actor, Stopwatch
from vestibule.store.scan_queue import Lane, LaneName, ScanSlots, make_lanes

Engine = Literal["sqlite", "postgres"]
Row = Any
"""A tuple of column values; indexed and unpacked, never searched by name."""
Clock = Callable[[], int]
Handle = TypeVar("Handle")
Result = TypeVar("Result")
_WAITS: Final = (0.02, 0.1, 0.5)
"""Longest waits in seconds before a transaction is run again. The fourth try is the last."""
_commits: ContextVar[int] = ContextVar("commits", default=0)
"""How many transactions this task has committed."""


class End(NamedTuple):
    """A person's access that a transaction ends: the event that records it, and how many sessions end with it."""

    tenant_id: str
    event_id: str
    user_id: str
    sessions: int


def milliseconds_now() -> int:
    """Returns the time of the machine, in the unit of all stored times."""
    return time.time_ns() // 1_000_000


class UniqueViolation(Exception):
    """A unique index does not allow a row. The transaction can only be rolled back."""


class Busy(Exception):
    """The database cannot do it right now: not reached, not locked in time, full or read-only. Nothing was done."""


class RunAgain(Busy):
    """The engine undid the transaction for a reason that passes, such as a deadlock: all of it can be run again."""


class OutcomeUnknown(Busy):
    """The connection was lost during COMMIT: the change may have been kept or not, so nobody runs it again blindly."""


class Damaged(Exception):
    """What is stored cannot be read: it is not what the engine wrote. The message quotes nothing of it."""


class Statements(ABC):
    """What an engine can do with one connection. Whatever it does may raise `Damaged`."""

    engine: Engine

    @abstractmethod
    async def one(self, sql: str, *values: Any) -> Row | None:
        """Returns the first row, or None."""

    @abstractmethod
    async def all(self, sql: str, *values: Any) -> list[Row]:
        """Returns every row."""

    async def all_in_thread(self, sql: str, *values: Any) -> list[Row]:
        """Returns every row of a statement that takes milliseconds: it does not keep the event loop from others."""
        return await self.all(sql, *values)

    @abstractmethod
    async def run(self, sql: str, *values: Any) -> int:
        """Carry out a change. Returns the number of rows it reached.

        Raises:
            UniqueViolation: a unique index refuses it.
        """

    @abstractmethod
    async def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Carry out the same change for many rows."""


class AllTenants:
    """Statements across tenants, at one instant."""

    __slots__ = ("actor", "all", "ends", "engine", "many", "now", "one", "run")

    def __init__(self, statements: Statements, actor: Actor, now: int) -> None:
        self.engine: Engine = statements.engine
        self.one: Callable[..., Awaitable[Row | None]] = statements.one
        self.all: Callable[..., Awaitable[list[Row]]] = statements.all
        self.run: Callable[..., Awaitable[int]] = statements.run
        self.many: Callable[..., Awaitable[None]] = statements.many
        self.actor = actor
        self.now = now
        self.ends: tuple[End, ...] = ()


class Reading:
    """Reads within one tenant, at one instant."""

    __slots__ = ("all", "all_in_thread", "engine", "now", "one", "tenant")

    def __init__(self, statements: Statements, tenant: str, now: int) -> None:
        self.engine: Engine = statements.engine
        self.one: Callable[..., Awaitable[Row | None]] = statements.one
        self.all: Callable[..., Awaitable[list[Row]]] = statements.all
        self.all_in_thread: Callable[..., Awaitable[list[Row]]] = statements.all_in_thread
        self.tenant = tenant
        self.now = now


class Tx(Reading):
    """A transaction within one tenant: everything in it happens, or nothing."""

    __slots__ = ("actor", "ends", "many", "run")

    def __init__(self, statements: Statements, actor: Actor, now: int) -> None:
        super().__init__(statements, actor.tenant_id, now)
        self.run: Callable[..., Awaitable[int]] = statements.run
        self.many: Callable[..., Awaitable[None]] = statements.many
        self.actor = actor
        self.ends: tuple[End, ...] = ()


class Database(ABC):
    """An open database. Close it with `close`."""

    engine: Engine
    clock: Clock

    def __init__(self, clock: Clock, scan_slots: ScanSlots) -> None:
        self.clock = clock
        self._lanes = make_lanes(scan_slots)
        self.stopwatches: list[Stopwatch] = []
        """Measurements that are not stored yet; `keep_stopwatches` stores them and empties the list."""

    @abstractmethod
    def statements(self) -> AbstractAsyncContextManager[Statements]:
        """Returns a connection for reads that take microseconds."""

    @abstractmethod
    def scanning(self, seconds: float | None = None) -> AbstractAsyncContextManager[Statements]:
        """Returns a connection for reads that may look at many rows, without blocking anybody else.

        All of them together may take so many seconds. They end with the task that awaits them.

        Raises:
            TookTooLong: by the statement that does not end in time.
        """

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Statements]:
        """Returns a transaction: durable once the block is left, undone if it is left by an exception.

        Raises:
            Busy: it could not be begun, or could not be made durable.
        """

    def mark(self) -> int | None:
        """Returns a number that changes with every commit, by any process; None if the engine has none.

        For cache invalidation: what was read since a mark was taken is current as long as the mark is the same.
        """
        return None

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""

    def read(self, tenant: str) -> AbstractAsyncContextManager[Reading]:
        """Reads within a tenant, each of which an index answers."""
        return _Opened(self.statements(), lambda statements: Reading(statements, tenant, self.clock()))

    def scan(self, tenant: str, lane: LaneName = "list") -> AbstractAsyncContextManager[Reading]:
        """Reads within a tenant that may look at all of its rows, when it is the tenant's turn.

        Raises:
            TooManyScans: too many wait already.
            TookTooLong: by the statement that does not end in time.
        """
        return _Scan(self, tenant, self._lanes[lane])

    def write(self, actor: Actor) -> AbstractAsyncContextManager[Tx]:
        """Returns a transaction within the actor's tenant."""
        return _Writing(self.transaction(), lambda statements: Tx(statements, actor, self.clock()), self.stopwatches)

    async def run(self, actor: Actor, act: Callable[[Tx], Awaitable[Result]]) -> Result:
        """Carry out an action in a transaction within the actor's tenant, and run it again if the engine undid it for a
        reason that passes (`run_again`). The action changes nothing but the database, and none of its arguments.

        Returns what the action returns, once that is durable.

        Raises:
            Busy: the database cannot do it, or every try was undone.
        """

        async def once() -> Result:
            async with self.write(actor) as tx:
                return await act(tx)

        return await run_again(once)

    async def run_all_tenants(self, actor: Actor, act: Callable[[AllTenants], Awaitable[Result]]) -> Result:
        """Carry out an action in a transaction across tenants, like `run`."""

        async def once() -> Result:
            async with self.write_all_tenants(actor) as all_tenants:
                return await act(all_tenants)

        return await run_again(once)

    def read_all_tenants(self, actor: Actor) -> AbstractAsyncContextManager[AllTenants]:
        """Reads across tenants."""
        return _Opened(self.statements(), lambda statements: AllTenants(statements, actor, self.clock()))

    def write_all_tenants(self, actor: Actor) -> AbstractAsyncContextManager[AllTenants]:
        """Returns a transaction across tenants."""
        return _Writing(
            self.transaction(), lambda statements: AllTenants(statements, actor, self.clock()), self.stopwatches
        )


async def run_again(act: Callable[[], Awaitable[Result]]) -> Result:
    """Call a function, and call it again, at most three times, if the engine undid its transaction for a reason that
    passes, such as a deadlock. It is not called again once it has committed a transaction: no change is made twice.

    Returns what the function returns.

    Raises:
        Busy: every try was undone, or what was undone came after a commit.
    """
    committed = _commits.get()
    for wait in (*_WAITS, None):
        try:
            return await act()
        except RunAgain as error:
            if wait is None or _commits.get() != committed:
                raise Busy(str(error)) from error
        # A random wait, so that two transactions that collided do not collide again.
        await asyncio.sleep(wait * random.random())  # noqa: S311 -- nothing is secret about it
    raise AssertionError("the last try returns or raises")


def note_commit(handle: Tx | AllTenants, stopwatches: list[Stopwatch]) -> None:
    """Note, right after a commit, that this task has committed something, and measure how long the ends in it took
    since their request was received.
    """
    _commits.set(_commits.get() + 1)
    if handle.ends:
        received = handle.actor.received_at or handle.now * 1000
        took = max(time.time_ns() // 1000 - received, 0)
        stopwatches += [
            Stopwatch(end.tenant_id, end.event_id, end.user_id, received, took, end.sessions) for end in handle.ends
        ]


class Ready(Generic[Handle]):
    """A context manager for a handle that needs no opening and no closing."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def __aenter__(self) -> Handle:
        return self._handle

    async def __aexit__(self, *failure: object) -> None:
        return None


class _Opened(Generic[Handle]):
    """A connection's context manager that hands out a handle on it. A class, because a generator costs thrice as
    much.
    """

    __slots__ = ("_inner", "_wrap")

    def __init__(self, inner: AbstractAsyncContextManager[Statements], wrap: Callable[[Statements], Handle]) -> None:
        self._inner = inner
        self._wrap = wrap

    async def __aenter__(self) -> Handle:
        return self._wrap(await self._inner.__aenter__())

    async def __aexit__(self, *failure: Any) -> None:
        await self._inner.__aexit__(*failure)


class _Scan:
    """A place in a lane, and a connection while it lasts."""

    __slots__ = ("_database", "_inner", "_lane", "_tenant")

    _inner: AbstractAsyncContextManager[Statements]

    def __init__(self, database: Database, tenant: str, lane: Lane) -> None:
        self._database = database
        self._tenant = tenant
        self._lane = lane

    async def __aenter__(self) -> Reading:
        await self._lane.enter(self._tenant)
        try:
            self._inner = self._database.scanning(self._lane.seconds)
            return Reading(await self._inner.__aenter__(), self._tenant, self._database.clock())
        except BaseException:
            self._lane.leave(self._tenant)
            raise

    async def __aexit__(self, *failure: Any) -> None:
        try:
            await self._inner.__aexit__(*failure)
        finally:
            self._lane.leave(self._tenant)


Writer = TypeVar("Writer", Tx, AllTenants)


class _Writing(Generic[Writer]):
    """The same for a transaction, which measures what it ended once that is durable."""

    __slots__ = ("_handle", "_inner", "_stopwatches", "_wrap")

    _handle: Writer

    def __init__(
        self,
        inner: AbstractAsyncContextManager[Statements],
        wrap: Callable[[Statements], Writer],
        stopwatches: list[Stopwatch],
    ) -> None:
        self._inner = inner
        self._wrap: Callable[[Statements], Writer] = wrap
        self._stopwatches = stopwatches

    async def __aenter__(self) -> Writer:
        handle: Writer = self._wrap(await self._inner.__aenter__())
        self._handle = handle
        return handle

    async def __aexit__(self, *failure: Any) -> None:
        await self._inner.__aexit__(*failure)
        if failure[0] is None:
            note_commit(self._handle, self._stopwatches)
