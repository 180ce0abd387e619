"""What every endpoint works with, joined once at the start."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from vestibule.keys import Checker
from vestibule.settings import Settings
from vestibule.store.database import Database

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
