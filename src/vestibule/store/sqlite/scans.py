"""Reads that may look at many rows: each runs in a thread, on that thread's own connection, and can be stopped."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from vestibule.store.database import Busy, Row, Statements
from vestibule.store.engine_errors import from_sqlite
from vestibule.store.scan_queue import TookTooLong
from vestibule.store.sqlite.connection import connect, translate

_LOOKED_AT_EVERY: Final = 20_000
"""Instructions of SQLite's machine after which a scan is asked whether it should stop: some milliseconds."""


class ScanThreads:
    """The threads that scan, each with a read-only connection of its own."""

    def __init__(self, path: Path, synchronous: str, threads: int) -> None:
        self._path = path
        self._synchronous = synchronous
        self._threads = ThreadPoolExecutor(threads, "scan")
        self._own = threading.local()

    def statements(self, seconds: float | None) -> Statements:
        """Returns statements that may take so many seconds, all of them together."""
        return _InThread(self, seconds)

    def close(self) -> None:
        """Wait until the scans that run have ended, and end the threads."""
        self._threads.shutdown()

    async def fetch(self, stop: "_Stop", sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Run a read in a thread, on that thread's own connection, until it ends or is to stop.

        Raises:
            TookTooLong: its time is over.
        """
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._fetch_here, stop, sql, values)
        try:
            return await work
        except asyncio.CancelledError:
            stop.now = True
            raise

    def _fetch_here(self, stop: "_Stop", sql: str, values: tuple[Any, ...]) -> list[Row]:
        try:
            connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
            if connection is None:
                connection = self._own.connection = connect(self._path, self._synchronous, read_only=True)
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
    """When a scan has to stop. SQLite asks for this from time to time while it works."""

    __slots__ = ("now", "until")

    def __init__(self, seconds: float | None) -> None:
        self.now = False
        self.until = None if seconds is None else time.monotonic() + seconds

    def is_due(self) -> bool:
        return self.now or (self.until is not None and time.monotonic() > self.until)


class _InThread(Statements):
    """Reads that run in a thread."""

    engine = "sqlite"

    def __init__(self, threads: ScanThreads, seconds: float | None) -> None:
        self._threads = threads
        self._stop = _Stop(seconds)

    async def one(self, sql: str, *values: Any) -> Row | None:
        rows = await self._threads.fetch(self._stop, sql, values)
        return rows[0] if rows else None

    async def all(self, sql: str, *values: Any) -> list[Row]:
        return await self._threads.fetch(self._stop, sql, values)

    async def run(self, sql: str, *values: Any) -> int:
        raise NotImplementedError("a scan only reads")

    async def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        raise NotImplementedError("a scan only reads")
