"""`kill -9` while people sign in: no session without its event, no event without its session, no answered sign-in lost,
and no response that can be used a second time afterwards.
"""

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.conftest import ENGINES, HANG, Place, Running, running_server
from tests.console.visitor import Visitor
from tests.sign_in.company import Company
from vestibule.endpoints.context import Context
from vestibule.settings import Settings

KILLS = 2
"""Times KILLS_TIMES, for the long proof of `make faults`."""
TIMES = int(os.environ.get("KILLS_TIMES") or 1)
BROWSERS = 6


class Load:
    """Browsers that sign in until the server is gone."""

    def __init__(self, company: Company, names: list[str], server: Running, after: int) -> None:
        self.company = company
        self.names = names
        self.server = server
        self.left = after
        self.answered: list[tuple[Visitor, str]] = []
        self.under_way = 0
        self._struck = threading.Event()
        self._one = threading.Lock()

    def run(self) -> None:
        """Sign in with several browsers at once."""
        with ThreadPoolExecutor(BROWSERS) as threads:
            list(threads.map(self._sign_in, range(BROWSERS)))

    def _sign_in(self, number: int) -> None:
        while True:
            browser, posted = self.company.browser(), False
            try:
                message = self.company.response(self.names[number], self.company.begin(browser))
                posted = True
                page = self.company.post(browser, message)
            except httpx2.TransportError:
                assert self._struck.is_set(), "a connection broke before the server was struck"
                with self._one:
                    self.under_way += posted
                return
            assert page.status == 303, page.text
            with self._one:
                self.answered.append((browser, message))
                self.left -= 1
                if self.left == 0:
                    self._struck.set()
                    self.server.process.kill()


def sessions_in(place: Place) -> set[str]:
    """The ids of every session that is there."""

    async def look(context: Context) -> set[str]:
        async with context.database.read(place.tenant.id) as reading:
            rows = await reading.all("SELECT id FROM user_sessions WHERE tenant_id = $1", reading.tenant)
        return {row[0] for row in rows}

    return place.running.act(look)


@pytest.mark.parametrize("engine", ENGINES)
def test_kill_9_while_people_sign_in(engine: str, new_database: Callable[[str], Settings]) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().getrandbits(32))
    print(f"CRASH_SEED={seed}")  # noqa: T201 -- pytest shows it when the test fails
    chance, settings = random.Random(seed), new_database(engine)
    company: Company | None = None
    names: list[str] = []
    answered: list[tuple[Visitor, str]] = []
    under_way = 0
    for _ in range(KILLS * TIMES):
        with running_server(settings) as server:
            if company is None:
                company = Company(server.new_tenant())
                company.tie()
                names = [company.hire()[1] for _ in range(BROWSERS)]
            company.place.running = server
            load = Load(company, names, server, chance.randint(8, 30))
            load.run()
            assert server.process.wait(HANG) == -9
        answered += load.answered
        under_way += load.under_way
    assert company is not None
    with running_server(settings) as server:
        company.place.running = server
        there = sessions_in(company.place)
        told = [event["data"]["session"] for event in company.place.events("user.signed_in")]
        assert sorted(there) == sorted(told)
        assert len(answered) <= len(there) <= len(answered) + under_way
        assert all(company.is_in(browser, server) for browser, _ in answered)
        again = company.post(company.browser(), answered[-1][1])
        assert again.status == 403
        assert server.verb("verify", check=False).returncode == 0
    company.close()
    assert under_way > 0, "no sign-in was under way at any kill: this would prove nothing"
