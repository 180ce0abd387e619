"""The engine: runs jobs, one at a time per app user or group, eight at a time per app, and survives a stop.

The rule: the jobs table is authoritative, and this object only a copy in memory. A job whose request was in progress
when the program stopped becomes a task ("interrupted"), because nobody knows whether the other side did it; one that
was merely waiting goes back into the queue.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pocket_okta.catalogue import Scheme
from pocket_okta.engine import conversation, discovery, jobs, universal_logout
from pocket_okta.engine.bench import Bench, StepFailed
from pocket_okta.engine.clockwork import Clockwork
from pocket_okta.engine.exchange import Answer, Call, CallFailed
from pocket_okta.engine.scim_client import Network, Recorder, ScimClient, stopping
from pocket_okta.entitlements import Discovery
from pocket_okta.entra.conversation import test_connection
from pocket_okta.entra.state import CYCLE, MINIMUM_FAILURES
from pocket_okta.org import App, Connection, Job, JobKind
from pocket_okta.store import apps, log, queue
from pocket_okta.store.database import Database

PARALLEL = 8  # jobs of one app at a time
INTERRUPTED = "the pocket Okta was stopped while the request was under way. Retry it to be sure."

METADATA = ("application.policy.sign_on.read_metadata", "Read metadata of the service provider")

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cycles:
    """How cycles run: `every` so many seconds; fewer failures than `quarantine_after` put nothing into quarantine."""

    every: float = CYCLE
    quarantine_after: int = MINIMUM_FAILURES


class Engine:
    """Runs the jobs that acts order. Start it inside the event loop; `stop` it before the database is closed.

    `org_url` is the org's address: who says so in a Universal Logout.
    """

    def __init__(self, db: Database, network: Network, org_url: str, cycles: Cycles = Cycles()) -> None:
        self._db = db
        self._network = network
        self._org_url = org_url
        self._lines: dict[tuple[str, str], deque[Job]] = {}
        self._ready: dict[str, deque[tuple[str, str]]] = defaultdict(deque)
        self._running: dict[str, int] = defaultdict(int)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Event()
        self._quarantine_after = cycles.quarantine_after
        self.clockwork = Clockwork(db, cycles.every, 86_400 * network.timing.scale)
        self._clock: asyncio.Task[None] | None = None
        self._stopping = False
        self.waiting: dict[int, float] = {}  # job id -> loop time of its next attempt
        db.on_jobs = self.admit

    def start(self) -> None:
        """Continue after an earlier run: interrupted jobs become tasks, queued ones run."""
        with self._db.write() as tx:
            for job in queue.all_jobs(tx, "running"):
                jobs.fail(tx, job, INTERRUPTED)
        self.admit(queue.all_jobs(self._db.read, "queued"))
        self._clock = asyncio.get_running_loop().create_task(self.clockwork.run())
        self._clock.add_done_callback(self._forget)

    async def stop(self) -> None:
        """End every job now. Returns within moments, whatever the other side is doing."""
        self._stopping = True
        self._changed.set()
        self._lines.clear()
        self._ready.clear()
        tasks = [*self._tasks, *([self._clock] if self._clock else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._network.close()

    @property
    def idle(self) -> bool:
        return not self._tasks and not self._lines

    async def until_idle(self, timeout: float) -> bool:  # noqa: ASYNC109  (the caller's patience, answered with False)
        """Wait until nothing is queued or running; False when that took longer than `timeout` seconds."""
        return await self._until(lambda: self.idle, timeout)

    async def until_line_is_free(self, line: tuple[str, str], timeout: float) -> bool:  # noqa: ASYNC109  (as above)
        """Wait until no job of this line is queued or running; False when that took longer than `timeout` seconds."""
        return await self._until(lambda: line not in self._lines, timeout)

    async def _until(self, reached: Callable[[], bool], timeout: float) -> bool:  # noqa: ASYNC109  (as above)
        try:
            async with asyncio.timeout(timeout):
                while not reached() and not self._stopping:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return reached() and not self._stopping

    def admit(self, ordered: list[Job]) -> None:
        """Queue committed jobs. A line is ready when none of its jobs is running."""
        for job in ordered:
            if job.line in self._lines:
                self._lines[job.line].append(job)
            else:
                self._lines[job.line] = deque([job])
                self._ready[job.app_id].append(job.line)
        for app_id in {job.app_id for job in ordered}:
            self._fill(app_id)
        self.clockwork.wake()  # a deletion may have been scheduled beside them

    def _fill(self, app_id: str) -> None:
        while not self._stopping and self._ready[app_id] and self._running[app_id] < PARALLEL:
            job = self._lines[self._ready[app_id].popleft()].popleft()
            self._running[app_id] += 1
            self._keep(self._run(job))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, CallFailed):
            logger.error("A provisioning job broke.", exc_info=error)

    async def _run(self, job: Job) -> None:
        try:
            await self._do(job)
        finally:
            self.waiting.pop(job.id, None)
            self._running[job.app_id] -= 1
            if not self._stopping:
                if self._lines[job.line]:
                    self._ready[job.app_id].append(job.line)
                else:
                    del self._lines[job.line]
                self._fill(job.app_id)

    async def _do(self, job: Job) -> None:
        with self._db.write() as tx:
            app = apps.get_app(tx, job.app_id)
            if app is None or queue.get_job(tx, job.id) is None:
                return  # the app was deleted, and its jobs with it
            queue.set_job_state(tx, job.id, "running")
        client = self._client(app, job, lambda seconds: self._pause(job, seconds))
        try:
            done = await jobs.carry_out(Bench(self._db, app, client, job, self._quarantine_after))
        except StepFailed as failed:
            with self._db.write() as tx:
                jobs.fail(tx, job, failed.sentence)
        except asyncio.CancelledError:
            with self._db.write() as tx:
                if client.interrupted:
                    jobs.fail(tx, job, INTERRUPTED)
                else:
                    queue.set_job_state(tx, job.id, "queued")
            raise
        except Exception as broken:  # the job must not take the engine with it
            with self._db.write() as tx:
                jobs.fail(tx, job, f"the pocket Okta itself failed: {type(broken).__name__}: {broken}.")
            raise
        else:
            with self._db.write() as tx:
                if done:
                    jobs.finish(tx, job)
                else:
                    queue.remove_job(tx, job.id)

    async def _pause(self, job: Job, seconds: float) -> None:
        self.waiting[job.id] = asyncio.get_running_loop().time() + seconds
        await asyncio.sleep(seconds)
        self.waiting.pop(job.id, None)

    def _client(self, app: App, job: Job, pause: Callable[[float], Coroutine[Any, Any, None]] | None) -> ScimClient:
        def connection() -> Connection:
            now = apps.get_app(self._db.read, app.id) or app
            if job.kind is JobKind.UNIVERSAL_LOGOUT:
                return universal_logout.connection(self._db.read, now, self._org_url)
            return now.connection

        return ScimClient(self._network, connection, self._recorder(app.id, job.person_id), pause)

    async def fetch(self, app: App, url: str) -> Answer:
        """Read a document of an app, such as its SAML metadata, for a person who waits; raises CallFailed."""
        client = ScimClient(self._network, lambda: Connection(url, Scheme.HEADER), self._recorder(app.id, ""))
        return await self._cut_off_at_stop(client.send(Call("GET", "", *METADATA, media="application/xml")))

    def _recorder(self, app_id: str, person_id: str) -> Recorder:
        def record(call: Call, outcome: str, detail: Mapping[str, object]) -> None:
            with self._db.write() as tx:
                log.append(
                    tx,
                    "exchange",
                    call.event,
                    call.message,
                    app_id=app_id,
                    person_id=person_id,
                    outcome=outcome,
                    detail=detail,
                )

        return record

    async def probe(self, app: App) -> None:
        """Ask the service of `app`, which need not be saved, what "Test API Credentials" asks; raises CallFailed."""
        client = ScimClient(self._network, lambda: app.connection, self._recorder(app.id, ""))
        ask = test_connection(client) if app.template.cycles else conversation.probe(client, groups=app.import_groups)
        await self._cut_off_at_stop(ask)

    async def discover(self, app: App) -> Discovery:
        """Read what the service of `app`, which need not be saved, says about itself; raises CallFailed."""
        client = ScimClient(self._network, lambda: app.connection, self._recorder(app.id, ""))
        return await self._cut_off_at_stop(discovery.discover(client, app))

    async def _cut_off_at_stop(self, work: Coroutine[Any, Any, T]) -> T:
        """Await a call that a page or an API client waits for; the stop of the program ends it with a refusal."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._stopping:
                raise stopping() from None
            task.cancel()
            raise
