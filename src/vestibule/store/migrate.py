"""Migrates the database: numbered SQL files, applied in order, each in one transaction."""

import re
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Final

from vestibule.errors import DatabaseTooNew
from vestibule.model import HOUSE, Actor
from vestibule.store.database import AllTenants, Database, Engine
from vestibule.store.former_names import fill_in_former_names

_WORDS: Final[dict[Engine, dict[str, str]]] = {
    "sqlite": {"key": "TEXT", "json": "TEXT", "bytes": "BLOB", "without_rowid": "WITHOUT ROWID"},
    "postgres": {"key": 'TEXT COLLATE "C"', "json": "JSON", "bytes": "BYTEA", "without_rowid": ""},
}
_BOOK = (
    "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, title TEXT NOT NULL, applied_at BIGINT NOT NULL)"
)
_LATEST = "SELECT max(number) FROM migrations"
_NOTE = "INSERT INTO migrations (number, title, applied_at) VALUES ($1, $2, $3)"


_AFTERWARDS: Final[dict[int, Callable[[AllTenants], Awaitable[None]]]] = {7: fill_in_former_names}
"""What a migration computes after its SQL, in the same transaction, because SQL cannot."""


def migrations() -> list[tuple[int, str, str]]:
    """Returns every migration as (number, title, SQL), in order."""
    files = sorted(
        (file for file in resources.files("vestibule.store").joinpath("migrations").iterdir()),
        key=lambda file: file.name,
    )
    named = [(re.match(r"(\d{4})_(\w+)\.sql\Z", file.name), file) for file in files]
    return [(int(match[1]), match[2].replace("_", " "), file.read_text("utf-8")) for match, file in named if match]


async def migrate(database: Database, tell: Callable[[str], None]) -> int:
    """Apply the missing migrations, and report each. Returns the number of steps taken.

    Raises:
        DatabaseTooNew: the database has steps that this program does not know.
    """
    steps, worker = migrations(), Actor(HOUSE, "worker", name="migration")
    async with database.write_all_tenants(worker) as all_tenants:
        await all_tenants.run(_BOOK)
    current = await current_version(database)
    if current > len(steps):
        raise DatabaseTooNew(
            f"The database is at version {current} and this program knows {len(steps)}: start the newer program."
        )
    missing = steps[current:]
    for place, (number, title, script) in enumerate(missing, 1):
        tell(f"Migrating the database: step {place} of {len(missing)}, {title}.")
        async with database.write_all_tenants(worker) as all_tenants:
            await _apply(all_tenants, number, title, script)
    return len(missing)


async def current_version(database: Database) -> int:
    """Returns the number of the last migration that the database has; 0 for an empty one."""
    async with database.read_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
        row = await all_tenants.one(_LATEST)
    return (row[0] if row else None) or 0


async def _apply(all_tenants: AllTenants, number: int, title: str, script: str) -> None:
    if all_tenants.engine == "postgres":
        # Two nodes may start at once; the second waits here and then finds the step taken.
        await all_tenants.run("LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE")
    row = await all_tenants.one(_LATEST)
    if row and row[0] is not None and row[0] >= number:
        return
    bare = re.sub(r"--[^\n]*", "", script)
    for word, meaning in _WORDS[all_tenants.engine].items():
        bare = bare.replace("{" + word + "}", meaning)
    for statement in filter(str.strip, bare.split(";")):
        await all_tenants.run(statement)
    if number in _AFTERWARDS:
        await _AFTERWARDS[number](all_tenants)
    await all_tenants.run(_NOTE, number, title, all_tenants.now)
