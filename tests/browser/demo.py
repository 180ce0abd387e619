"""Runs `vestibule demo` as a newcomer does: both programs as processes, with their output.

The rule: outside the browser, tests use only what an administrator can use: the command line, SCIM, and the pocket
Okta's API. Nothing reads or writes the database directly.
"""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import HANG, Running, environment_of
from tests.console.visitor import free_port
from tests.pocket_okta.running import Okta
from vestibule.settings import Settings

_LAST_LINE = "Ctrl-C stops both."


@dataclass
class Demo:
    """Both programs, running. `link` is the one-time link of the first administrator."""

    vestibule: Running
    okta: Okta
    printed: str

    @property
    def url(self) -> str:
        return self.vestibule.url

    @property
    def link(self) -> str:
        return self._address("/setup/[^ ]+")

    def _address(self, path: str) -> str:
        found = re.search(rf"{re.escape(self.url)}{path}", self.printed)
        assert found, self.printed
        return found[0].strip()


@contextlib.contextmanager
def running_demo(data: Path) -> Iterator[Demo]:
    """Run `vestibule demo` on free ports with a new data folder. At the end it is stopped and must end without an
    error.
    """
    settings = Settings(data=data)
    environment, log = environment_of(settings), data / "demo.log"
    command = [sys.executable, "-m", "vestibule", "demo", "--port", "0", "--pocket-okta-port", str(free_port())]
    with log.open("w") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        printed = ""
        while _LAST_LINE not in printed:
            line = process.stdout.readline()
            assert line, f"the demo did not open: {printed}{log.read_text()}"
            printed += line
        url = _found(r"Vestibule is open at (http://[^ /]+)/", printed)
        token = (data / "pocket-okta" / "api-token").read_text().strip()
        # The pocket Okta's process is the demo's to stop: here it is only spoken to.
        okta = Okta(_found(r"Pocket Okta +(http://[^ /]+)", printed), token, process)  # type: ignore[arg-type]
        with okta.client:
            yield Demo(Running(settings, url, process, log, environment), okta, printed)
    finally:
        process.terminate()
        code = process.wait(HANG)
        process.stdout.close()
    told = log.read_text()
    assert code == 0, told
    assert "Traceback" not in told, told
    assert '"level": "error"' not in told, told


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[1]
