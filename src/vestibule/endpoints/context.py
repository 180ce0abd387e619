"""The objects that all endpoints share, created once at the start."""

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
    """Background tasks. They are finished before the program stops, and their errors are logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed", exc_info=error)

    async def drain(self) -> None:
        """Wait until all tasks are done."""
        while self._tasks:
            await asyncio.wait(self._tasks)


@dataclass(frozen=True, slots=True)
class Context:
    """The application's state: settings, database, queues and counters."""

    settings: Settings
    database: Database
    checker: Checker
    background: Background = field(default_factory=Background)
    hashing: HashingQueue = field(default_factory=HashingQueue)
    """The queue for password hashing."""
    examinations: ExaminationQueue = field(default_factory=ExaminationQueue)
    """The queue for parsing SAML messages."""
    loop_share: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held for each piece of long work on the event loop (derivations, previews), so that other requests are served
    between two pieces."""
    refused_sign_ins: FloodCounter = field(default_factory=lambda: FloodCounter(recorded=20, together=100))
    """Refused messages without a valid signature, by identity provider and address."""
    metadata_readings: dict[str, asyncio.Event] = field(default_factory=dict)
    """Readings of metadata in progress, by the id of the identity provider."""
    metadata_read_at: dict[str, int] = field(default_factory=dict)
    """When the last reading began, in milliseconds."""
    sign_ins_of_clients: TokenBuckets = field(
        default_factory=lambda: TokenBuckets(SIGN_IN_CLIENT_PER_SECOND, SIGN_IN_CLIENT_BURST)
    )
    sign_ins_of_providers: TokenBuckets = field(
        default_factory=lambda: TokenBuckets(SIGN_IN_PROVIDER_PER_SECOND, SIGN_IN_PROVIDER_BURST)
    )
    """Rate limit for beginning sign-ins, because anybody can begin one and each adds a row."""
    slowed_sign_ins: FloodCounter = field(default_factory=lambda: FloodCounter(recorded=1, together=1))

    @classmethod
    async def open(cls, settings: Settings, tell: Callable[[str], None]) -> Self:
        """Load the pepper, open the database and migrate it. `tell` is called with progress messages.

        Raises:
            WrongSetting, DatabaseTooNew: the program cannot start.
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
        """Store the URL of this server, for the commands, which do not know its options."""
        async with self.database.write_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
            await set_fact(all_tenants, "url", self.settings.url)
            await set_fact(all_tenants, "own_label", self.settings.own_label)

    async def as_it_is_served(self) -> Self:
        """Returns a copy with the URL of the server that was started last, unless `base_url` is set."""
        async with self.database.read_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
            url = await find_fact(all_tenants, "url")
        if self.settings.base_url or not url:
            return self
        return replace(self, settings=replace(self.settings, base_url=url))

    async def close(self) -> None:
        """Finish background tasks and close the database."""
        await self.background.drain()
        try:
            await keep_stopwatches(self.database, Actor(HOUSE, "worker"))
        except Exception:
            log.exception("%d stopwatches could not be kept", len(self.database.stopwatches))
        finally:
            await self.database.close()


async def _check_pepper(database: Database, checker: Checker) -> None:
    """Check that the pepper is the one that the database was made with. With another one no credential is valid.

    Raises:
        WrongSetting: it is another one.
    """
    mark = checker.check("the pepper of this database").hex()
    async with database.write_all_tenants(Actor(HOUSE, "worker")) as all_tenants:
        await put_fact(all_tenants, "pepper", mark)
        kept = await find_fact(all_tenants, "pepper")
    if not hmac.compare_digest(kept or "", mark):
        raise WrongSetting(
            "pepper: the credentials in this database were made with another pepper. Set VESTIBULE_PEPPER, or restore "
            "the file 'pepper' in the data folder."
        )
