"""Where uvicorn lacks an attribute that the fast path uses, plain ASGI receives and answers."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from vestibule.endpoints.exchange import Answer
from vestibule.wire import _FastPath


class Written(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = b""

    def write(self, data: Any) -> None:
        self.bytes += bytes(data)

    def is_closing(self) -> bool:
        return False


def nothing(_size: int) -> None:
    """Hold nothing."""


def cycle_on(transport: asyncio.Transport) -> RequestResponseCycle:
    quiet = logging.getLogger("test")
    return RequestResponseCycle(
        scope={"type": "http", "method": "GET"},  # type: ignore[typeddict-item]  # what is looked at
        transport=transport,
        flow=FlowControl(transport),
        logger=quiet,
        access_logger=quiet,
        access_log=False,
        default_headers=[(b"date", b"today")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: None,
    )


def test_an_answer_is_written_in_one_piece() -> None:
    transport = Written()
    assert _FastPath(cycle_on(transport), nothing).answer(200, b"content-length: 2\r\n", b"{}")
    assert transport.bytes == b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "missing",
    [
        "response_started",
        "response_complete",
        "disconnected",
        "flow",
        "scope",
        "default_headers",
        "keep_alive",
        "transport",
        "message_event",
        "on_response",
    ],
)
def test_without_an_attribute_nothing_is_written(missing: str) -> None:
    transport = Written()
    cycle = cycle_on(transport)
    delattr(cycle, missing)
    assert not _FastPath(cycle, nothing).answer(200, b"", b"{}")
    assert transport.bytes == b""
    assert not getattr(cycle, "response_started", False)


@pytest.mark.parametrize("missing", ["more_body", "disconnected", "body"])
def test_without_an_attribute_the_body_is_received(missing: str) -> None:
    cycle = cycle_on(Written())
    cycle.more_body = False
    assert _FastPath(cycle, nothing).body_at_hand() == b""
    delattr(cycle, missing)
    assert _FastPath(cycle, nothing).body_at_hand() is None


def test_a_large_answer_is_held_until_it_is_taken_or_the_client_is_gone() -> None:
    held: list[int] = []

    async def answer(*, gone: bool) -> bytes:
        transport = Written()
        cycle = cycle_on(transport)
        cycle.flow.pause_writing()
        send: Any = cycle.send
        sending = asyncio.ensure_future(Answer(200, b"x" * 1_000_000).send(send, _FastPath(cycle, held.append)))
        await asyncio.sleep(0)
        assert (held.pop(), transport.bytes) == (1_000_000, b"")
        cycle.disconnected = gone
        cycle.flow.resume_writing()
        await sending
        assert held.pop() == 0
        return transport.bytes

    assert asyncio.run(answer(gone=True)) == b""
    assert asyncio.run(answer(gone=False)).endswith(b"\r\n\r\n" + b"x" * 1_000_000)


def test_a_small_answer_is_not_held() -> None:
    held: list[int] = []
    cycle = cycle_on(Written())
    send: Any = cycle.send
    asyncio.run(Answer(200, b"{}").send(send, _FastPath(cycle, held.append)))
    assert held == []
