"""A second signal to stop, while the first is still being obeyed: the end comes at once, and without a fright."""

import json
import signal
from collections.abc import Callable

import pytest

from tests.conftest import ENGINES, HANG, running_server
from tests.crash.test_stopping import begun, rest_of, wait_until_closed
from vestibule.settings import Settings


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_ctrl_c_leaves_no_complaint(engine: str, new_database: Callable[[str], Settings]) -> None:
    """Only a client who never sends the rest of a request makes a second signal matter. Warnings are shown and not
    raised: raised inside the event loop's own clearing up, they would hang it.
    """
    with running_server(new_database(engine), PYTHONWARNINGS="always") as server:
        connection, _ = begun(server.new_tenant(), 1)
        before = len(server.log.read_text())
        server.process.send_signal(signal.SIGINT)
        wait_until_closed(server)
        server.process.send_signal(signal.SIGINT)
        rest_of(connection)
        connection.close()
        assert server.process.wait(HANG) == 0
        said = [line for line in server.log.read_text()[before:].splitlines() if line.startswith("{")]
        assert [line for line in said if json.loads(line)["level"] == "error"] == []
        assert "CancelledError" not in server.log.read_text()
        verified = server.verb("verify", check=False)
        assert verified.returncode == 0, verified.stdout
