"""`kill -9` in the middle of a load, again and again on one database: every answered write is there, none half there.

A crash of the process, not of the machine: what the disk was told to keep is the subject of `test_durability`.
"""

import os
import random
import sqlite3
from collections.abc import Callable

import pytest

from tests.conftest import ENGINES, HANG, Place, Running, on_loop, running_server
from tests.crash.ledger import Ledger, faults
from tests.crash.load import people_in, told_in, write_at_once
from vestibule.actions.verify import find_faults
from vestibule.settings import Settings

KILLS = {"sqlite": 4, "postgres": 3}
"""By engine; times KILLS_TIMES, for the long proof of `make faults`."""
TIMES = int(os.environ.get("KILLS_TIMES") or 1)


def check(place: Place, ledger: Ledger, when: str) -> None:
    """Compare a database with the book of what was written to it, and with itself."""
    found = people_in(place)
    assert faults(ledger, found, told_in(place)) == [], when
    ledger.settle(found)
    assert place.running.act(lambda context: find_faults(context.database, lambda _line: None)) == [], when


def kill(server: Running) -> Callable[[], None]:
    return server.process.kill


@pytest.mark.parametrize("engine", ENGINES)
def test_kill_9_in_the_middle_of_a_load(engine: str, new_database: Callable[[str], Settings]) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().getrandbits(32))
    print(f"CRASH_SEED={seed}")  # noqa: T201 -- pytest shows it when the test fails
    chance, ledger = random.Random(seed), Ledger()
    settings = new_database(engine)
    place: Place | None = None
    under_way = []
    for round_number in range(1, KILLS[engine] * TIMES + 1):
        with running_server(settings) as server:
            if place is None:
                place = server.new_tenant()
            else:
                place.running = server
                check(place, ledger, f"CRASH_SEED={seed}, after kill {round_number - 1}")
            under_way.append(on_loop(write_at_once(place, ledger, chance, chance.randint(20, 120), kill(server))))
            assert server.process.wait(HANG) == -9
    assert place is not None
    with running_server(settings) as server:
        place.running = server
        check(place, ledger, f"CRASH_SEED={seed}, at the end")
        verified = server.verb("verify", check=False)
        assert (verified.returncode, verified.stdout) == (0, "0 findings.\n"), verified.stdout + verified.stderr
    assert sum(under_way) > 0, "no write was under way at any kill: this would prove nothing"
    print(f"{ledger.answered} answered writes, {under_way} under way at the kills")  # noqa: T201 -- for the curious
    if engine == "sqlite":
        with sqlite3.connect(settings.data / "vestibule.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
