"""Begins the cycles of every application whose provisioning job is started, each when it is due.

The rule: it only orders jobs; a cycle that runs longer than its time delays the next one.
"""

import asyncio
from contextlib import suppress
from datetime import datetime

from pocket_okta.org import JobKind
from pocket_okta.store import apps, cycles, queue
from pocket_okta.store.database import Database

LONGEST_SLEEP = 3600.0  # seconds


class Clockwork:
    """Orders cycles. `every`: the length of a cycle in seconds. `wake` it when a job was started or restarted."""

    def __init__(self, db: Database, every: float) -> None:
        self._db = db
        self._every = every
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            self._woken.clear()
            pause = self._order_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    def _order_due(self) -> float:
        """Order every cycle that is due; returns how many seconds the next one is away."""
        pause = LONGEST_SLEEP
        with self._db.write() as tx:
            now = datetime.fromisoformat(tx.now)
            for standing in cycles.started(tx):
                app = apps.get_app(tx, standing.app_id)
                due = standing.due(self._every)
                if app is None or due is None or not app.connected:
                    continue
                if queue.is_under_way(tx, app.id, JobKind.CYCLE):
                    pause = min(pause, max(self._every, 0.01))
                elif due <= now:
                    queue.order(tx, app.id, "", JobKind.CYCLE)
                    pause = min(pause, max(self._every, 0.01))
                else:
                    pause = min(pause, (due - now).total_seconds())
        return pause
