"""Begins what is due: cycles of applications whose provisioning job is started, and scheduled deletions.

The rule: it only orders jobs; a cycle that runs longer than its time delays the next one.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from pocket_okta.org import JobKind
from pocket_okta.store import apps, cycles, queue, remote
from pocket_okta.store.database import Database, Tx

LONGEST_SLEEP = 3600.0  # seconds


class Clockwork:
    """Orders cycles and deletions. `every`: the length of a cycle in seconds; `day`: of a day. `wake` it when something
    may be due earlier than it knows.
    """

    def __init__(self, db: Database, every: float, day: float) -> None:
        self._db = db
        self._every = every
        self._day = day
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
            return min(pause, self._delete_due(tx, now))

    def _delete_due(self, tx: Tx, now: datetime) -> float:
        """Order every deletion that is due; returns how many seconds the next one is away."""
        pause = LONGEST_SLEEP
        for deletion in remote.deletions(tx):
            due = datetime.fromisoformat(deletion.scheduled) + timedelta(seconds=deletion.days * self._day)
            if due > now:
                pause = min(pause, (due - now).total_seconds())
                continue
            remote.cancel_deletion(tx, deletion.app_id, deletion.person_id)
            if apps.get_app(tx, deletion.app_id):
                queue.order(tx, deletion.app_id, deletion.person_id, JobKind.DELETE_USER)
        return pause
