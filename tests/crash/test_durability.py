"""What SQLite is told to keep before a write is answered. `FULL` flushes each commit to the disk; `NORMAL` does not."""

from pathlib import Path

import pytest

from tests.conftest import on_loop
from vestibule.settings import Settings, load
from vestibule.store.open import open_database

NORMAL, FULL = 1, 2


def writer_pragma(settings: Settings, name: str) -> object:
    """A pragma as the connection has it that writes go through."""

    async def ask() -> object:
        database = await open_database(settings)
        try:
            async with database.transaction() as statements:
                row = await statements.one(f"PRAGMA {name}")
        finally:
            await database.close()
        assert row is not None
        return row[0]

    return on_loop(ask())


def test_a_write_is_on_the_disk_before_it_is_answered_unless_the_operator_says_otherwise(tmp_path: Path) -> None:
    assert writer_pragma(Settings(data=tmp_path), "synchronous") == FULL
    assert writer_pragma(load({"VESTIBULE_DATA": str(tmp_path)}), "synchronous") == FULL


@pytest.mark.parametrize(("chosen", "wanted"), [("full", FULL), ("normal", NORMAL)])
def test_the_operator_chooses(tmp_path: Path, chosen: str, wanted: int) -> None:
    environment = {"VESTIBULE_DATA": str(tmp_path), "VESTIBULE_SYNCHRONOUS": chosen}
    assert writer_pragma(load(environment), "synchronous") == wanted


def test_commits_go_to_a_log_that_survives_the_process(tmp_path: Path) -> None:
    assert writer_pragma(Settings(data=tmp_path), "journal_mode") == "wal"
