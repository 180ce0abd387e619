"""Starting a server, waiting until it answers, and ending it: only ever processes that were started here, by their
id.
"""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
START_WITHIN: Final = 60.0
STOP_WITHIN: Final = 20.0


class ServerFailed(Exception):
    """A server did not start, or ended on its own; the text holds its last words."""


def find_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of the block; what it prints goes to server.log in its folder."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to stop; after a while, end the session that it leads."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_ready(
    process: subprocess.Popen[bytes], port: int, path: str, folder: Path, headers: dict[str, str] | None = None
) -> None:
    """Come back when the server answers 200 to a GET of `path`.

    Raises:
        ServerFailed: when it ended instead, or was not ready within START_WITHIN seconds.
    """
    until = time.monotonic() + START_WITHIN
    last = "nothing"
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ServerFailed(f"the server ended with {process.returncode} instead of starting:\n{read_log(folder)}")
        try:
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            last = f"{answer.status} {answer.read()[:300]!r}"
            connection.close()
            if answer.status == 200:
                return
        except OSError:
            pass  # not listening yet
        time.sleep(0.02)  # a peer says nothing when it is ready: it has to be asked
    raise ServerFailed(
        f"the server was not ready within {START_WITHIN:.0f} s (GET {path}: {last}):\n{read_log(folder)}"
    )


def read_log(folder: Path) -> str:
    """The last lines that the server printed."""
    lines = (folder / "server.log").read_text(errors="replace").strip().splitlines()
    return "\n".join(f"    {line}" for line in lines[-8:]) or "    (it printed nothing)"
