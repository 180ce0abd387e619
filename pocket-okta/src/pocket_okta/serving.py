"""Open the port, say so, serve, and stop within a second.

The rule: other programs wait for this one by an event. It is ready when the URL has been written, not before. On SIGINT
or SIGTERM it interrupts work in progress, records that, and ends with exit code 0.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click
import uvicorn

from pocket_okta.app import Org, Settings, tls
from pocket_okta.catalogue import DIALECTS, OKTA
from pocket_okta.engine.queue import Cycles
from pocket_okta.engine.scim_client import Timing
from pocket_okta.entra.state import CYCLE, MINIMUM_FAILURES
from pocket_okta.verbs import DEFAULT_DATA


class Server(uvicorn.Server):
    """uvicorn, with our own idea of being ready and of being stopped."""

    def __init__(self, config: uvicorn.Config, org: Org, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._org = org
        self._ready = ready
        self._stopping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal without raising it again afterwards, because a requested stop is not a failure."""
        loop = asyncio.get_running_loop()

        def asked_to_stop(_number: int, _frame: object) -> None:
            loop.call_soon_threadsafe(self._stop)

        before = {number: signal.signal(number, asked_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self) -> None:
        """End jobs and held requests at once, so that uvicorn has no connection to wait for."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._org.engine.stop())
        self.should_exit = True


def bind(host: str, port: int, *, anywhere: bool) -> socket.socket:
    """Open the listening socket; refuses an address that others can reach, unless `anywhere`, and one that is taken."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as problem:
        raise click.ClickException(f"--host: cannot make an address of {host!r}: {problem}.") from None
    family, _, protocol, _, address = found[0]
    if not anywhere and not _is_loopback(str(address[0])):
        raise click.ClickException(
            f"--host: {host} can be reached from other machines, and this org has no sign-in. Wanted a loopback "
            "address such as 127.0.0.1; add --anywhere if you mean it."
        )
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that say their protocol; else each waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as problem:
        listener.close()
        raise click.ClickException(
            f"--port: cannot open {host}:{port}: {problem.strerror}. Name another one, or 0 for any that is free."
        ) from None
    return listener


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run(settings: Settings, listener: socket.socket, ready_fd: int | None, ready_file: Path | None) -> None:
    """Serve until a signal comes. The URL goes to stdout, and to the descriptor and the file if they are given."""
    url = url_of(listener)

    def announce() -> None:
        click.echo(f"pocket Okta is open at {url}")
        if ready_file:
            unfinished = ready_file.with_name(f".{ready_file.name}.new")
            unfinished.write_text(f"{url}\n")
            unfinished.replace(ready_file)
        if ready_fd is not None:
            with os.fdopen(ready_fd, "w") as stream:
                stream.write(f"{url}\n")

    try:
        org = Org(replace(settings, org_url=settings.org_url or url.rstrip("/")))
    except (ValueError, OSError, sqlite3.Error) as problem:
        hint = "; another pocket Okta uses it" if "locked" in str(problem) else ""
        raise click.ClickException(f"--data: {settings.data} cannot be used: {problem}{hint}.") from None
    config = uvicorn.Config(
        org.asgi,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,  # longer than clients keep an idle connection, so that they close it and never race us
        server_header=False,
        proxy_headers=False,
        ws="none",
        loop="asyncio",
    )
    Server(config, org, announce).run(sockets=[listener])


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8100, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    envvar="POCKET_OKTA_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps the org.",
)
@click.option("--empty", is_flag=True, help="Start a fresh org without example people, groups and app.")
@click.option("--anywhere", is_flag=True, help="Allow an address that other machines can reach. There is no sign-in.")
@click.option("--host-name", "host_names", multiple=True, help="A further host name to answer to; may be repeated.")
@click.option("--org-url", default="", help="The org's address as others know it; where it listens, if not given.")
@click.option(
    "--dialect",
    default=OKTA,
    show_default=True,
    type=click.Choice(DIALECTS),
    help="Whose requests the org sends; entra sends them in cycles.",
)
@click.option(
    "--cycle",
    default=CYCLE,
    show_default=True,
    type=click.FloatRange(0.05, 86_400),
    help="Seconds from one cycle to the next, for entra.",
)
@click.option(
    "--quarantine-after",
    default=MINIMUM_FAILURES,
    show_default=True,
    type=click.IntRange(1),
    help="Failures of one cycle below which nothing goes into quarantine, for entra.",
)
@click.option("--ready-fd", type=click.IntRange(1), help="Write the URL to this descriptor when ready, and close it.")
@click.option(
    "--ready-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the URL to this file when ready."
)
@click.option(
    "--time-scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Multiply every wait before a retry by this; for tests.",
)
@click.option(
    "--scim-timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0.05, 600),
    help="Seconds an answer of the SCIM service may take.",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False),
    help="PEM file with the certificate authority of a SCIM service that has its own; no other is trusted then.",
)
def serve(
    host: str,
    port: int,
    data: Path,
    empty: bool,
    anywhere: bool,
    host_names: tuple[str, ...],
    org_url: str,
    ready_fd: int | None,
    ready_file: Path | None,
    time_scale: float,
    scim_timeout: float,
    ca_file: str | None,
    dialect: str,
    cycle: float,
    quarantine_after: int,
) -> None:
    """Start the org. State is kept in one folder, so that a later start continues."""
    if ca_file:
        try:
            tls(ca_file)
        except OSError as problem:
            raise click.ClickException(f"--ca-file: {ca_file} holds no certificate authority: {problem}.") from None
    settings = Settings(
        data=data,
        empty=empty,
        timing=Timing(timeout=scim_timeout, scale=time_scale),
        ca_file=ca_file or "",
        host_names=host_names,
        token=os.environ.get("POCKET_OKTA_API_TOKEN", "").strip(),
        org_url=org_url.rstrip("/"),
        dialect=dialect,
        cycles=Cycles(every=cycle, quarantine_after=quarantine_after),
    )
    with bind(host, port, anywhere=anywhere) as listener:
        run(settings, listener, ready_fd, ready_file)
