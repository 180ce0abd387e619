"""What every endpoint works with, joined once at the start."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Self

from vestibule.endpoints.examination_queue import ExaminationQueue
from vestibule.endpoints.flood_counter import FloodCounter
from vestibule.endpoints.hashing import HashingQueue
from vestibule.endpoints.rate_limit import TokenBuckets
from vestibule.errors import WrongSetting
from vestibule.keys import Checker, load_pepper
from vestibule.limits import (
    SIGN_IN_CLIENT_BURST,
    SIGN_IN_CLIENT_PER_SECOND,
    SIGN_IN_PROVIDER_BURST,
    SIGN_IN_PROVIDER_PER_SECOND,
)
from vestibule.model import HOUSE, Actor
from vestibule.settings import Settings
from vestibule.store.database import Database
from vestibule.store.installation import find_fact, put_fact, set_fact
from vestibule.store.migrate import migrate
from vestibule.store.open import open_database
from vestibule.store.stopwatches import keep_stopwatches

log = logging.getLogger("vestibule")


class Background:
    """Work that nobody waits for: it is finished before the program stops, and its failures are logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin it now."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed", exc_info=error)

    async def drain(self) -> None:
        """Wait for all of it."""
        while self._tasks:
            await asyncio.wait(self._tasks)


@dataclass(frozen=True, slots=True)
class Context:
    """The house as its endpoints see it."""

    settings: Settings
    database: Database
    checker: Checker
    background: Background = field(default_factory=Background)
    hashing: HashingQueue = field(default_factory=HashingQueue)
    """Who may hash a password now."""
    examinations: ExaminationQueue = field(default_factory=ExaminationQueue)
    """Which SAML messages are read now."""
    loop_share: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held for each piece of long work on the event loop (derivations, previews), so that between two pieces, whoever
    they are for, everything else gets its turn."""
    refused_sign_ins: FloodCounter = field(default_factory=lambda: FloodCounter(recorded=20, together=100))
    """Of messages that nobody signed, by identity provider and address."""
    metadata_readings: dict[str, asyncio.Event] = field(default_factory=dict)
    """Of identity providers whose metadata is being read again for somebody who waits, by their ids."""
    metadata_read_at: dict[str, int] = field(default_factory=dict)
    """When that was last begun, in milliseconds."""
    sign_ins_of_clients: TokenBuckets = field(
        default_factory=lambda: TokenBuckets(SIGN_IN_CLIENT_PER_SECOND, SIGN_IN_CLIENT_BURST)
    )
    sign_ins_of_providers: TokenBuckets = field(
        default_factory=lambda: TokenBuckets(SIGN_IN_PROVIDER_PER_SECOND, SIGN_IN_PROVIDER_BURST)
    )
    """Sign-ins that are begun: anybody can begin one, and a row is kept of each."""
    slowed_sign_ins: FloodCounter = field(default_factory=lambda: FloodCounter(recorded=1, together=1))

    @classmethod
    async def open(cls, settings: Settings, tell: Callable[[str], None]) -> Self:
        """Open the house: its pepper, its database, brought up to date. `tell` hears of what takes long.

        Raises:
            WrongSetting, DatabaseTooNew: the start is stopped with one clear line.
        """
        checker = Checker(load_pepper(settings.pepper, settings.data))
        database = await open_database(settings)
        try:
            await migrate(database, tell)
            await _check_pepper(database, checker)
        except BaseException:
            await database.close()
            raise
        return cls(settings, database, checker)

    async def remember_url(self) -> None:
        """Keep the URL that this server answers under, for the verbs, which are not told of its options."""
        async with self.database.write_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
            await set_fact(all_tenants, "url", self.settings.url)
            await set_fact(all_tenants, "own_label", self.settings.own_label)

    async def as_it_is_served(self) -> Self:
        """The same, under the URL of the server that last opened it, unless a setting says otherwise."""
        async with self.database.read_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
            url = await find_fact(all_tenants, "url")
        if self.settings.base_url or not url:
            return self
        return replace(self, settings=replace(self.settings, base_url=url))

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        await self.background.drain()
        try:
            await keep_stopwatches(self.database, Actor(HOUSE, "worker"))
        except Exception:
            log.exception("%d stopwatches could not be kept", len(self.database.stopwatches))
        finally:
            await self.database.close()


async def _check_pepper(database: Database, checker: Checker) -> None:
    """A database remembers a check of its pepper: with another one every credential would be refused without a word."""
    mark = checker.check("the pepper of this database").hex()
    async with database.write_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
        await put_fact(all_tenants, "pepper", mark)
        kept = await find_fact(all_tenants, "pepper")
    if not hmac.compare_digest(kept or "", mark):
        raise WrongSetting(
            "pepper: the credentials in this database were made with another pepper. Set VESTIBULE_PEPPER, or restore "
            "the file 'pepper' in the data folder."
        )
