"""PostgreSQL through asyncpg: a pool, and a transaction per write.

The SQL is the same as on SQLite. Rows are locked where a read is followed by a write of the same row (`/*for
update*/`).
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, Self

import asyncpg

from vestibule.errors import WrongSetting
from vestibule.store.database import Busy, Clock, Database, Row, RunAgain, Statements, milliseconds_now
from vestibule.store.engine_errors import from_postgres, is_demoted
from vestibule.store.scan_queue import TookTooLong, slots_of_pool

_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Every error of the driver, time-outs included; `engine_errors` says what each means."""


@lru_cache(4096)
def translate(sql: str) -> str:
    """Returns the common SQL as PostgreSQL takes it."""
    return re.sub(r"/\*(for (?:update|share)[^*]*)\*/", r"\1", sql)


class PostgresDatabase(Database):
    """A pool of connections to one PostgreSQL."""

    engine = "postgres"

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", clock: Clock = milliseconds_now) -> None:
        super().__init__(clock, slots_of_pool(pool.get_max_size()))
        self._pool = pool

    @classmethod
    async def open(cls, url: str, size: int) -> Self:
        """Connect.

        Raises:
            WrongSetting: the URL is not one, or the server refuses it.
        """
        try:
            pool = await asyncpg.create_pool(
                url, min_size=1, max_size=size, command_timeout=60, statement_cache_size=512, reset=_leave_as_is
            )
        except (ValueError, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            raise WrongSetting(f"database: PostgreSQL does not take this URL: {error}.") from None
        except _ERRORS as error:
            raise WrongSetting(f"database: PostgreSQL does not answer at this URL: {error}.") from None
        return cls(pool)

    def statements(self) -> "_Connection":
        return _Connection(self._pool, in_transaction=False)

    def scanning(self, seconds: float | None = None) -> "_Connection":
        return _Connection(self._pool, in_transaction=False, seconds=seconds)

    def transaction(self) -> "_Connection":
        return _Connection(self._pool, in_transaction=True)

    async def close(self) -> None:
        await self._pool.close()


async def _leave_as_is(_connection: Any) -> None:
    """Do not reset a connection: nothing here changes a session's state, and a reset costs a round trip."""


class _Asked(Statements):
    """Statements on one connection of the pool."""

    engine = "postgres"
    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def one(self, sql: str, *values: Any) -> Row | None:
        try:
            return await self._connection.fetchrow(translate(sql), *values)
        except _ERRORS as error:
            raise from_postgres(error) from None

    async def all(self, sql: str, *values: Any) -> list[Row]:
        try:
            rows: list[Row] = await self._connection.fetch(translate(sql), *values)
        except _ERRORS as error:
            raise from_postgres(error) from None
        return rows

    async def run(self, sql: str, *values: Any) -> int:
        try:
            status: str = await self._connection.execute(translate(sql), *values)
        except _ERRORS as error:
            raise from_postgres(error) from None
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            await self._connection.executemany(translate(sql), list(rows))
        except _ERRORS as error:
            raise from_postgres(error) from None


class _Timed(_Asked):
    """Statements with a time limit. The driver cancels a statement on the server when its time or its task ends."""

    __slots__ = ("_until",)

    def __init__(self, connection: Any, seconds: float) -> None:
        super().__init__(connection)
        self._until = time.monotonic() + seconds

    async def one(self, sql: str, *values: Any) -> Row | None:
        rows = await self.all(sql, *values)
        return rows[0] if rows else None

    async def all(self, sql: str, *values: Any) -> list[Row]:
        left = max(self._until - time.monotonic(), 0.001)
        try:
            rows: list[Row] = await self._connection.fetch(translate(sql), *values, timeout=left)
        except (TimeoutError, asyncpg.QueryCanceledError):
            raise TookTooLong from None
        except _ERRORS as error:
            raise from_postgres(error) from None
        return rows


class _Connection:
    """A connection for the length of a block, in a transaction or not."""

    __slots__ = ("_connection", "_in_transaction", "_pool", "_seconds", "_transaction")

    def __init__(self, pool: Any, *, in_transaction: bool, seconds: float | None = None) -> None:
        self._pool = pool
        self._seconds = seconds
        self._in_transaction = in_transaction
        self._connection: Any = None
        self._transaction: Any = None

    async def __aenter__(self) -> Statements:
        try:
            self._connection = await self._pool.acquire(timeout=30)
        except _ERRORS as error:
            raise _unreachable(error) from None
        if self._in_transaction:
            self._transaction = self._connection.transaction()
            try:
                await self._transaction.start()
            except BaseException as error:
                await self._release()
                if isinstance(error, _ERRORS):
                    raise from_postgres(error) from None
                raise
        return _Asked(self._connection) if self._seconds is None else _Timed(self._connection, self._seconds)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        try:
            if self._transaction is not None:
                await (self._commit() if kind is None else self._roll_back())
            if isinstance(error, RunAgain) and is_demoted(error.__context__):
                await self._pool.expire_connections()
        finally:
            await self._release()

    async def _commit(self) -> None:
        if self._is_lost():
            raise RunAgain("PostgreSQL: the connection was lost before COMMIT")
        try:
            await self._transaction.commit()
        except _ERRORS as error:
            raise from_postgres(error, committing=True) from None

    async def _roll_back(self) -> None:
        """Roll back. If the connection is lost the server does it, and the earlier error is the one that is raised."""
        if not self._is_lost():
            with contextlib.suppress(*_ERRORS):
                await self._transaction.rollback()

    def _is_lost(self) -> bool:
        """Returns whether the connection was closed. The pool takes a closed one back by itself, and then every call
        fails.
        """
        try:
            return bool(self._connection.is_closed())
        except asyncpg.InterfaceError:
            return True

    async def _release(self) -> None:
        connection, self._connection = self._connection, None
        await asyncio.shield(self._pool.release(connection))


def _unreachable(error: Exception) -> Exception:
    """Returns why there is no connection. A server that refuses one now took them at the start, so that passes too."""
    meant = from_postgres(error)
    return meant if isinstance(meant, Busy) else Busy(f"PostgreSQL takes no connection: {type(error).__name__}")
