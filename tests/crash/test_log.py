"""What a server says on standard error: JSON lines that quote nobody, whichever of its processes speaks."""

import json
from collections.abc import Callable, MutableMapping
from typing import Any

import httpx2
import pytest

from tests.conftest import PLAIN, Running, on_loop
from tests.console.conftest import sql
from tests.crash.test_starting import READ_ONLY
from tests.crash.test_stopping import several_workers
from vestibule.app import Vestibule
from vestibule.settings import Settings

NAME = "ana.lima@north.example"


def lines(server: Running) -> list[dict[str, Any]]:
    """The log, but for what is said to whoever started the program."""
    told = [line for line in server.log.read_text().splitlines() if not line.startswith("Migrating the database: ")]
    return [json.loads(line) for line in told]


@pytest.mark.parametrize(("level", "warned"), [("info", True), ("error", False)])
def test_a_worker_logs_as_a_server_alone_does(
    level: str, warned: bool, new_database: Callable[[str], Settings]
) -> None:
    """A mapping that nothing could have written quotes somebody in the failure that it leads to."""
    with several_workers(new_database("postgres"), VESTIBULE_LOG_LEVEL=level) as server:
        place = server.new_tenant()
        assert httpx2.get(f"{place.scim_url}/Users", auth=("vk_nobody", "none"), **PLAIN).status_code == 401
        spoilt = json.dumps([{"sources": [], NAME: 1}])
        sql(server, "UPDATE identity_providers SET mapping = $2 WHERE id = $1", place.provider.id, spoilt)
        with place.client() as scim:
            assert scim.post("/Users", json={"userName": NAME}).status_code == 500
        server.stop()
    assert NAME not in server.log.read_text()
    told = {each["message"]: each for each in lines(server)}
    assert ("credential refused" in told) is warned
    failure = told["unforeseen failure"]
    assert failure["level"] == "error"
    assert failure["request"]
    assert failure["exception"].startswith("TypeError at identity_providers.py:")


def test_a_worker_that_cannot_open_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever started it is another process and cannot tell."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    app = Vestibule(Settings(data=READ_ONLY), lambda _line: None, lambda _context: None)
    on_loop(app({"type": "lifespan"}, receive, send))
    assert [each["type"] for each in sent] == ["lifespan.startup.failed"]
    (record,) = caplog.records
    assert record.getMessage() == "the application could not start"
    assert str(READ_ONLY) in vars(record)["reason"]
