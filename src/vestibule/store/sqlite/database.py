"""SQLite as a `Database`, with its statements on the event loop.

A statement takes microseconds, so handing it to a thread would cost more than running it. Only two things leave the
loop: COMMIT, which waits for the disk (`group_commit`), and reads that may look at many rows (`scans`). Another process
(the command line) may hold the write lock for a moment: the loop waits for it without blocking.
"""

import sqlite3
from pathlib import Path
from typing import Final

from vestibule.errors import WrongSetting
from vestibule.model import Actor
from vestibule.store.database import AllTenants, Clock, Database, Reading, Ready, Statements, milliseconds_now
from vestibule.store.engine_errors import from_sqlite
from vestibule.store.scan_queue import ScanSlots
from vestibule.store.sqlite.connection import InlineStatements, connect
from vestibule.store.sqlite.group_commit import Transaction, Write, Writer
from vestibule.store.sqlite.scans import ScanThreads

_SCANNERS: Final = 2
"""Threads for each kind of scan."""
_OLDEST = (3, 38, 0)  # the first with the ->> operator


class SqliteDatabase(Database):
    """One file, one writer connection, one reader connection for the event loop, and one for each scanning thread."""

    engine = "sqlite"

    def __init__(self, path: Path, synchronous: str = "full", clock: Clock = milliseconds_now) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise WrongSetting(f"This Python has SQLite {sqlite3.sqlite_version}; 3.38 or newer is needed.")
        super().__init__(clock, ScanSlots(_SCANNERS, _SCANNERS))
        self.path = path
        self._writer = Writer(connect(path, synchronous))
        self._reader = InlineStatements(connect(path, synchronous, read_only=True))
        self._scans = ScanThreads(path, synchronous, 3 * _SCANNERS)

    def statements(self) -> Ready[Statements]:
        return Ready(self._reader)

    def scanning(self, seconds: float | None = None) -> Ready[Statements]:
        return Ready(self._scans.statements(seconds))

    # These two begin every request, so they return a handle directly, without a wrapper.

    def read(self, tenant: str) -> Ready[Reading]:
        return Ready(Reading(self._reader, tenant, self.clock()))

    def read_all_tenants(self, actor: Actor) -> Ready[AllTenants]:
        return Ready(AllTenants(self._reader, actor, self.clock()))

    def write(self, actor: Actor) -> Write:
        return Write(self._writer, actor, self.clock, self.stopwatches)

    def transaction(self) -> Transaction:
        return Transaction(self._writer)

    def mark(self) -> int | None:
        try:
            row = self._reader.connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise from_sqlite(error) from None
        return int(row[0])

    async def close(self) -> None:
        await self._writer.close()
        self._reader.connection.close()
        self._scans.close()
