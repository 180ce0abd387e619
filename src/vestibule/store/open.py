"""Opening the database that the settings name."""

import sqlite3
from pathlib import Path

from vestibule.errors import WrongSetting
from vestibule.settings import Settings
from vestibule.store.database import Damaged, Database
from vestibule.store.sqlite.database import SqliteDatabase


async def open_database(settings: Settings) -> Database:
    """Returns an open database, not migrated yet.

    Raises:
        WrongSetting: it cannot be opened.
        Damaged: it is a database, and cannot be read.
    """
    if settings.on_postgres:
        # Imported here so that a start on SQLite does not load the driver of the other engine.
        from vestibule.store.postgres import PostgresDatabase  # noqa: PLC0415

        return await PostgresDatabase.open(settings.database, settings.pool)
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SqliteDatabase(path, settings.synchronous)
    except OSError as error:
        raise WrongSetting(f"data: {path.parent} cannot be made: {error.strerror}.") from None
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT:
            raise Damaged(f"SQLite says of {path}: {error}") from None
        raise WrongSetting(f"database: {path} cannot be opened: {error}.") from None
