"""The queue for SAML messages: read in a few threads, bounded, and no client takes every place."""

import asyncio
import threading

import pytest

from vestibule.endpoints.examination_queue import ExaminationQueue
from vestibule.errors import TooBusy, TooOften
from vestibule.limits import EXAMINATIONS_AT_ONCE, WAITING_EXAMINATIONS, WAITING_EXAMINATIONS_OF_EACH


class Flood:
    """Messages that are read until the flood is over."""

    def __init__(self) -> None:
        self.queue = ExaminationQueue()
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.reading = self.most = 0
        self.threads: set[int] = set()
        self.tasks: list[asyncio.Task[int]] = []

    def read(self, number: int) -> int:
        with self.lock:
            self.reading += 1
            self.most = max(self.most, self.reading)
            self.threads.add(threading.get_ident())
        self.over.wait()
        with self.lock:
            self.reading -= 1
        return number

    async def send(self, client: str) -> None:
        self.tasks.append(asyncio.create_task(self.queue.run(client, self.read, len(self.tasks))))
        await asyncio.sleep(0)

    async def __aenter__(self) -> "Flood":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.over.set()  # threads that wait would keep a test that failed from ending

    async def end(self) -> None:
        """All that waited are read, in threads, and then there is room again."""
        self.over.set()
        assert await asyncio.gather(*self.tasks) == list(range(len(self.tasks)))
        assert threading.get_ident() not in self.threads
        assert 0 < self.most <= EXAMINATIONS_AT_ONCE
        assert await self.queue.run("10.0.0.1", self.read, 7) == 7


def test_too_many_messages_are_refused() -> None:
    async def tell() -> None:
        async with Flood() as flood:
            for number in range(EXAMINATIONS_AT_ONCE + WAITING_EXAMINATIONS):
                await flood.send(f"10.0.1.{number}")
            with pytest.raises(TooBusy) as refused:
                await flood.queue.run("10.0.2.1", flood.read, 0)
            assert refused.value.status == 503
            assert refused.value.retry_after > 0
            await flood.end()

    asyncio.run(tell())


def test_one_client_does_not_take_every_place() -> None:
    async def tell() -> None:
        async with Flood() as flood:
            for _ in range(EXAMINATIONS_AT_ONCE + WAITING_EXAMINATIONS_OF_EACH):
                await flood.send("10.0.0.1")
            with pytest.raises(TooOften) as refused:
                await flood.queue.run("10.0.0.1", flood.read, 0)
            assert refused.value.status == 429
            assert refused.value.retry_after > 0
            await flood.send("10.0.0.2")
            await flood.end()

    asyncio.run(tell())


def test_a_message_that_cannot_be_read_leaves_its_place() -> None:
    async def tell() -> None:
        queue = ExaminationQueue()
        for _ in range(2 * (EXAMINATIONS_AT_ONCE + WAITING_EXAMINATIONS)):
            with pytest.raises(ValueError, match="invalid literal"):
                await queue.run("10.0.0.1", int, "not a number")

    asyncio.run(tell())
