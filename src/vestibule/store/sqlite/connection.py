"""A connection to the file, and statements that run on the event loop, where they are called."""

import asyncio
import re
import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from vestibule.store.database import Row, Statements
from vestibule.store.engine_errors import from_sqlite

_CHECKPOINT: Final = 8000
"""Pages in the write-ahead log before it is copied into the database. Most pages are written again and again, so a
longer log is less to copy; the copying takes some ten milliseconds."""


@lru_cache(4096)
def translate(sql: str) -> str:
    """Returns the common SQL as SQLite takes it."""
    return re.sub(r"\$(\d+)", r"?\1", re.sub(r"/\*for (?:update|share)[^*]*\*/", "", sql))


def connect(path: Path, synchronous: str, *, read_only: bool = False) -> sqlite3.Connection:
    """Returns a connection with the pragmas that this program relies on."""
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


class InlineStatements(Statements):
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

    async def all_in_thread(self, sql: str, *values: Any) -> list[Row]:
        work = asyncio.get_running_loop().run_in_executor(None, self._fetch, translate(sql), values)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # Whoever is cancelled undoes this next, and must not meet the statement on the same connection.
            self.connection.interrupt()
            await asyncio.wait((work,))
            raise
        except sqlite3.Error as error:
            raise from_sqlite(error) from None

    def _fetch(self, sql: str, values: tuple[Any, ...]) -> list[Row]:
        return self.connection.execute(sql, values).fetchall()

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
