"""One cycle of an application: everybody in scope, their managers, then the groups; and provisioning on demand.

The rule: a failure is written at the object and tried again in the next cycle. Refused credentials, and a look-up that
is answered with 404, end the cycle and put the job into quarantine. Source: wire facts 3.1.
"""

from collections import Counter
from dataclasses import replace

from pocket_okta.connections import NEW_STYLE
from pocket_okta.engine.bench import Bench
from pocket_okta.engine.exchange import CallFailed
from pocket_okta.entra import people
from pocket_okta.entra.conversation import LookUpRefused
from pocket_okta.entra.groups import GroupCopies
from pocket_okta.entra.state import CREDENTIALS, Outcome, after_cycle, quarantined
from pocket_okta.org import Assignment, Job
from pocket_okta.store import apps, assignments, cycles
from pocket_okta.store.database import Tx


class QuarantinedError(Exception):
    """The cycle cannot go on; has the sentence that says why."""


async def run(bench: Bench, *, minimum: int) -> bool:
    """Run a cycle. `minimum`: fewer failures put nothing into quarantine. Returns False if the app is not connected."""
    if not bench.app.connected:
        return False
    cycle = _Cycle(bench)
    try:
        await cycle.run()
    except QuarantinedError as problem:
        with bench.db.write() as tx:
            cycles.put(tx, quarantined(cycles.get(tx, bench.app.id), CREDENTIALS, str(problem), tx.now))
    else:
        outcome = Outcome(**cycle.counts)
        with bench.db.write() as tx:
            if apps.get_app(tx, bench.app.id):
                cycles.put(tx, after_cycle(cycles.get(tx, bench.app.id), outcome, tx.now, minimum=minimum))
    return True


async def provision_on_demand(bench: Bench) -> bool:
    """Provision one person now. It always uses the old form of PATCH and restores nobody (wire facts 3.2)."""
    row = bench.row()
    if row is None or not bench.app.connected:
        return False
    try:
        await people.provision(bench, row, new_style=False, restore=False)
    except CallFailed as failed:
        _mark(bench, row, failed)
    else:
        _clear(bench, row)
    return True


def fail(tx: Tx, job: Job, what: str) -> None:
    """Write why a cycle did not come to its end; the next one goes on from what was written."""
    if apps.get_app(tx, job.app_id):
        cycles.put(tx, replace(cycles.get(tx, job.app_id), last_cycle=tx.now, message=f"The cycle ended early: {what}"))


class _Cycle:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._new_style = bench.app.connection.base_url.endswith(f"?{NEW_STYLE}")
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        for row in assignments.with_account(self._bench.db.read, self._bench.app.id):
            try:
                step = await people.provision(self._bench, row, new_style=self._new_style)
            except CallFailed as failed:
                _stop_if_hopeless(failed)
                self.counts["failed"] += 1
                _mark(self._bench, row, failed)
            else:
                self._count(step.done)
                _clear(self._bench, row)
        for row in assignments.with_account(self._bench.db.read, self._bench.app.id):
            try:
                step = await people.write_manager(self._bench, row, new_style=self._new_style)
            except CallFailed as failed:
                _stop_if_hopeless(failed)
                self.counts["failed_references"] += 1
                _mark(self._bench, row, failed)
            else:
                self._count(step.done)
        copies = GroupCopies(self._bench, self._count, _stop_if_hopeless, new_style=self._new_style)
        await copies.provision_all()

    def _count(self, done: str) -> None:
        if done:
            self.counts[done] += 1


def _stop_if_hopeless(failed: CallFailed) -> None:
    """Raise QuarantinedError for a failure that every further call would share."""
    if failed.status in {401, 403}:
        raise QuarantinedError(f"Invalid credentials: {failed.reason}") from failed
    if isinstance(failed, LookUpRefused):
        raise QuarantinedError(f"SCIM compliance issue: {failed.reason}") from failed


def _clear(bench: Bench, row: Assignment) -> None:
    if row.error:
        with bench.db.write() as tx:
            assignments.clear_error(tx, row)


def _mark(bench: Bench, row: Assignment, failed: CallFailed) -> None:
    """Write a failure at the person it is about."""
    with bench.db.write() as tx:
        now = assignments.get_assignment(tx, bench.app.id, row.person_id)
        if now:
            message = f"Provisioning of user {row.user_name} failed: {failed.reason}"
            assignments.put_assignment(tx, replace(now, error=message))
