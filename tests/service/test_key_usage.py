"""When uses of keys are noted: seldom, and never so that the console says of a key in use that it may go."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import Place
from vestibule.actions import configure
from vestibule.endpoints.console.health import _superseded
from vestibule.endpoints.context import Context
from vestibule.endpoints.identify import NOBODY, Lookups, identify
from vestibule.endpoints.key_usage import KeyUsage
from vestibule.keys import Pair
from vestibule.store.credentials import credentials_of

MINUTE = 60_000


class Turns:
    """Two keys of one identity provider, one clock, and as many processes as are wanted."""

    def __init__(self, place: Place, context: Context, newer: Pair, processes: int) -> None:
        self.place, self.context = place, context
        self.pairs = {"older": place.pair, "newer": newer}
        self.lookups = Lookups(context.database, context.checker)
        self.processes = [KeyUsage(context) for _ in range(processes)]
        self.used = {"older": 0, "newer": 0}
        self.written = 0
        self.now = context.database.clock()
        context.database.clock = lambda: self.now

    async def use(self, which: str, process: int = 0, *, at_once: bool = False) -> None:
        """A request with one of the keys, and all that is noted of it."""
        key, secret = self.pairs[which]
        header = f"Bearer {Pair(key, secret).token}".encode()
        name = self.place.tenant.name
        caller = await identify(self.lookups, self.now, name, [header], NOBODY)
        before = await self.noted()
        self.processes[process].note(caller, self.now, at_once=at_once)
        await self.context.background.drain()
        self.written += await self.noted() != before
        self.used[which] = self.now

    async def noted(self) -> dict[str, int | None]:
        """What the database has."""
        async with self.context.database.read(self.place.tenant.id) as reading:
            keys = await credentials_of(reading, self.place.provider.id)
        return {which: key.last_used_at for which, key in zip(("older", "newer"), keys, strict=True)}

    async def may_go(self) -> bool:
        """Whether the console says that the older key may be retired."""
        async with self.context.database.read(self.place.tenant.id) as reading:
            return bool(_superseded(await credentials_of(reading, self.place.provider.id)))


def with_turns(place: Place, act: Callable[[Turns], Awaitable[Any]], processes: int = 1) -> None:
    async def acted(context: Context) -> None:
        clock = context.database.clock
        began = clock() + 1
        context.database.clock = lambda: began  # a key of the same millisecond would not be newer
        try:
            async with context.database.write(place.actor) as tx:
                _, newer = await configure.create_credential(tx, place.provider.id, "newer", None, context.checker)
            await act(Turns(place, context, newer, processes))
        finally:
            context.database.clock = clock

    place.running.act(acted)


@pytest.mark.parametrize("processes", [1, 2])
def test_keys_that_take_turns_are_noted_seldom_and_told_apart(place: Place, processes: int) -> None:
    async def act(turns: Turns) -> None:
        for _ in range(100):
            for process, which in enumerate(("newer", "older")):
                turns.now += 10
                await turns.use(which, process % processes)
                assert which == "newer" or not await turns.may_go()
        assert turns.written <= 4  # in the first two seconds; every request was one before
        turns.now += 2 * MINUTE
        await turns.use("newer")
        assert await turns.may_go()
        turns.now += 10
        await turns.use("older", processes - 1)
        assert not await turns.may_go()

    with_turns(place, act, processes)


def test_one_key_is_noted_once_a_minute_and_at_once_after_a_refusal(place: Place) -> None:
    async def act(turns: Turns) -> None:
        for second in range(120):
            await turns.use("newer")
            turns.now += 1001
            assert turns.written == 1 + second // 60
        await turns.use("newer")
        written = turns.written
        turns.now += 10
        await turns.use("newer", at_once=True)
        assert turns.written == written + 1

    with_turns(place, act)


@pytest.mark.parametrize("seed", range(6))
def test_a_key_is_never_said_to_be_out_of_use_that_was_used_since(place: Place, seed: int) -> None:
    """Whatever the turns: what the console says of the older key holds for every use there was."""
    dice = random.Random(seed)

    async def act(turns: Turns) -> None:
        began = turns.now
        for _ in range(150):
            turns.now += dice.choice([1, 10, 100, 1000, 4000, 6000, MINUTE])
            await turns.use(dice.choice(["older", "newer"]), dice.randrange(2), at_once=dice.random() < 0.05)
            if await turns.may_go():
                noted = (await turns.noted())["newer"]
                assert noted is not None
                assert turns.used["older"] < noted
        assert turns.written <= 2 * (turns.now - began) / 5_000 + 30

    with_turns(place, act, processes=2)
