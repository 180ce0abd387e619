"""Runs the server: opens the socket, checks TLS, starts the workers and handles signals."""

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from vestibule.app import Vestibule
from vestibule.connections import policy_of
from vestibule.endpoints.context import Context
from vestibule.errors import Refusal, WrongSetting
from vestibule.settings import Settings, variable_of
from vestibule.wire import Wire

GRACE = 25
"""Seconds that requests in progress may take to finish after the signal to stop."""


def say(line: str) -> None:
    """Print a line on standard output, for the person who started the program."""
    print(line, flush=True)  # noqa: T201 -- the program's own output


def tell(line: str) -> None:
    """Print a line about progress on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 -- as above


def run(settings: Settings, opened: Callable[[Context], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        Refusal: the start is stopped, with one clear line.
    """
    with _locked(settings):
        _check_tls(settings)
        with _bind(settings) as listening:
            asyncio.run(_try(settings))
            listening.listen(2048)
            settings = replace(settings, port=listening.getsockname()[1])
            if settings.workers > 1:
                _run_workers(settings, listening)
            else:
                _run_one(settings, listening, opened or (lambda _context: None))


def _run_one(settings: Settings, listening: socket.socket, opened: Callable[[Context], None]) -> None:
    app = Vestibule(settings, tell, opened)
    server = _Server(uvicorn.Config(app, **_options(settings)), settings)
    # uvicorn stops at these signals and then raises them again for its caller, who has nothing to do with them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listening])
    if app.failure is not None:
        raise app.failure


async def _try(settings: Settings) -> None:
    """Open the database once before the server starts, so that an error is one line and not a failed worker."""
    context = await Context.open(settings, tell)
    await context.close()


def _check_tls(settings: Settings) -> None:
    if settings.tls_certificate:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key)
        except (ssl.SSLError, OSError) as error:
            raise WrongSetting(
                "tls_certificate and tls_key should be a certificate in PEM and its private key, but they could not be "
                f"loaded together: {getattr(error, 'reason', None) or error}."
            ) from None


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "http": partial(Wire, policy_of(settings)),
        "loop": "vestibule.tls_listener:Loop",
        "ssl_certfile": settings.tls_certificate or None,
        "ssl_keyfile": settings.tls_key or None,
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "ws": "none",
        "timeout_graceful_shutdown": GRACE,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": settings.trusted_proxies or None,
    }


def _run_workers(settings: Settings, listening: socket.socket) -> None:
    """Start several processes on one socket. Each reads its settings from the environment."""
    defaults = Settings()
    for each in fields(Settings):
        value = getattr(settings, each.name)
        if value != getattr(defaults, each.name):
            os.environ[variable_of(each.name)] = str(value)
    options = _options(settings) | {"workers": settings.workers, "factory": True}
    config = uvicorn.Config("vestibule.app:from_environment", host=settings.host, port=settings.port, **options)
    say(f"Vestibule is opening at {settings.url}/ with {settings.workers} workers")
    Multiprocess(config, sockets=[listening]).run()


class _Server(uvicorn.Server):
    """uvicorn's server, which also prints a line once it accepts connections."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.should_exit:
            _tune_garbage_collection()
            say(f"Vestibule is open at {self._settings.url}/")


def _tune_garbage_collection() -> None:
    """Exclude the objects that exist at the start from garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is given, so that the event loop sets TCP_NODELAY and small responses are sent at once.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise WrongSetting(
            f"host and port: {settings.host}:{settings.port} cannot be listened on: {error.strerror}."
        ) from None
    listening.set_inheritable(True)
    return listening


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """Lock the data folder until the block ends, so that only one server uses an SQLite file. Commands do not need the
    lock.

    Raises:
        AlreadyRunning: another server holds it.
        WrongSetting: the folder cannot be written to.
    """
    folder: Path = settings.data
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise WrongSetting(f"data: {folder} cannot be written to: {error.strerror}.") from None
    try:
        if not settings.on_postgres:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise AlreadyRunning(f"data: another Vestibule is running on {folder.resolve()}.") from None
        yield
    finally:
        os.close(lock)


class AlreadyRunning(Refusal):
    """Another server uses the data folder."""

    status, code, exit_code = 503, "already_running", 4
