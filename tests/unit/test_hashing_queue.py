"""The queue for password hashing: bounded, fair to each address, and known browsers go first."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from vestibule.endpoints.hashing import HashingQueue
from vestibule.errors import Refusal, TooBusy, TooOften
from vestibule.limits import HASHES_AT_ONCE, WAITING_HASHES, WAITING_HASHES_OF_EACH


class Crowd:
    """People who want a turn in one queue, and keep it until they are let go."""

    def __init__(self) -> None:
        self.queue = HashingQueue()
        self.came: list[str] = []
        self.refused: dict[str, type[Refusal]] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.ends: dict[str, asyncio.Event] = {}

    async def send(self, name: str, who: str, *, trusted: bool = False) -> None:
        """Let somebody come, as far as they get."""
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._want(name, who, trusted))
        await asyncio.sleep(0)

    async def _want(self, name: str, who: str, trusted: bool) -> None:
        try:
            async with self.queue.turn(who, trusted=trusted):
                self.came.append(name)
                await self.ends[name].wait()
        except Refusal as refused:
            self.refused[name] = type(refused)

    async def end(self, name: str) -> None:
        """Let somebody go who has a turn."""
        self.ends[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def end_all(self) -> None:
        for event in self.ends.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def with_crowd(story: Callable[[Crowd], Coroutine[Any, Any, None]]) -> Crowd:
    async def tell() -> Crowd:
        crowd = Crowd()
        for number in range(HASHES_AT_ONCE):
            await crowd.send(f"first {number}", f"10.0.0.{number}")
        assert len(crowd.came) == HASHES_AT_ONCE
        await story(crowd)
        await crowd.end_all()
        assert crowd.queue.waiting == 0
        return crowd

    return asyncio.run(tell())


def test_no_more_wait_than_the_queue_holds() -> None:
    async def story(crowd: Crowd) -> None:
        for number in range(WAITING_HASHES + 5):
            await crowd.send(f"stranger {number}", f"192.0.2.{number}")
        assert crowd.queue.waiting == WAITING_HASHES
        assert list(crowd.refused.values()) == [TooBusy] * 5
        assert len(crowd.came) == HASHES_AT_ONCE

    crowd = with_crowd(story)
    assert len(crowd.came) == HASHES_AT_ONCE + WAITING_HASHES


def test_one_address_holds_few_places() -> None:
    async def story(crowd: Crowd) -> None:
        for number in range(WAITING_HASHES_OF_EACH + 3):
            await crowd.send(f"stranger {number}", "192.0.2.1")
        assert list(crowd.refused.values()) == [TooOften] * 3
        await crowd.send("somebody else", "192.0.2.2")
        assert "somebody else" not in crowd.refused

    with_crowd(story)


def test_a_known_browser_goes_before_strangers_who_came_first() -> None:
    async def story(crowd: Crowd) -> None:
        for number in range(WAITING_HASHES):
            await crowd.send(f"stranger {number}", f"192.0.2.{number}")
        await crowd.send("one more stranger", "192.0.2.99")
        await crowd.send("known", "browser:1", trusted=True)
        assert crowd.refused == {"one more stranger": TooBusy}, "strangers do not fill the queue for known browsers"
        await crowd.end("first 0")
        assert crowd.came[-1] == "known"
        await crowd.end("known")
        assert crowd.came[-1] == "stranger 0"

    with_crowd(story)


@pytest.mark.parametrize("turn_came", [False, True], ids=["while waiting", "when the turn has come"])
def test_whoever_goes_away_holds_no_place(turn_came: bool) -> None:
    async def story(crowd: Crowd) -> None:
        await crowd.end("first 0")
        async with AsyncExitStack() as mine:
            await mine.enter_async_context(crowd.queue.turn("192.0.2.9", trusted=False))
            await crowd.send("gone", "192.0.2.1")
            await crowd.send("next", "192.0.2.2")
            if not turn_came:
                crowd.tasks["gone"].cancel()
                await asyncio.sleep(0)
        crowd.tasks["gone"].cancel()
        await asyncio.gather(crowd.tasks["gone"], return_exceptions=True)
        await asyncio.sleep(0)
        assert crowd.came[-1] == "next"
        assert "gone" not in crowd.came
        assert crowd.queue.waiting == 0

    crowd = with_crowd(story)
    assert crowd.queue._running == 0
