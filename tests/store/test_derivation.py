"""Deriving everybody's Profile again: in batches that are bounded, in turns, until told to stop, and never twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from tests.conftest import on_loop
from vestibule import worker
from vestibule.actions import configure, derive, provision
from vestibule.actions.derive import FIRST_BATCH, LATE_WRITERS, PIECE, SMALLEST_BATCH, Pace, derive_batch
from vestibule.actions.scim_request import Sent
from vestibule.endpoints.context import Context
from vestibule.limits import BATCH_PEOPLE
from vestibule.model import HOUSE, Actor, Derivation, Rule
from vestibule.settings import Settings
from vestibule.store.database import Tx
from vestibule.store.identity_providers import find_derivation
from vestibule.store.users import set_profiles

OPERATOR = Actor(HOUSE, "operator", name="test")
LOGIN = (Rule("login", ("userName",)),)
Result = TypeVar("Result")


class Ticks:
    """A clock that each look moves on by the same number of seconds."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Installation:
    """A database that no server is open on, with some tenants of one identity provider each."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.actors: list[Actor] = []

    async def add_tenant(self, people: int) -> Actor:
        name = f"north{len(self.actors)}"
        async with self.context.database.write_all_tenants(OPERATOR) as all_tenants:
            tenant = await configure.create_tenant(all_tenants, name, name)
        async with self.context.database.write(OPERATOR._replace(tenant_id=tenant.id)) as tx:
            provider = await configure.create_provider(tx, "Okta", "okta")
            await configure.set_provisioning(tx, provider.id, "on", self.context.checker)
        actor = Actor(tenant.id, "identity_provider", name="Okta", identity_provider_id=provider.id)
        self.actors.append(actor)
        await self.add_people(actor, range(people))
        return actor

    async def add_people(self, actor: Actor, numbers: range) -> None:
        async with self.context.database.write(actor) as tx:
            for number in numbers:
                await provision.create_user(tx, Sent("POST", "/Users"), {"userName": f"P{number:04}"}, [])

    async def change_mapping(self, actor: Actor, rules: tuple[Rule, ...] = LOGIN) -> None:
        async with self.context.database.write(actor) as tx:
            await configure.change_mapping(tx, actor.identity_provider_id, rules)

    async def batch(self, actor: Actor, pace: Pace) -> Derivation | None:
        async with self.context.database.write(actor) as tx:
            return await derive_batch(tx, actor.identity_provider_id, pace)

    async def run(self, actor: Actor) -> Derivation:
        async with self.context.database.read(actor.tenant_id) as reading:
            run = await find_derivation(reading, actor.identity_provider_id)
        assert run is not None
        return run

    async def profiles(self, actor: Actor) -> list[dict[str, str]]:
        async with self.context.database.read(actor.tenant_id) as reading:
            rows = await reading.all("SELECT profile FROM users WHERE tenant_id = $1 ORDER BY id", reading.tenant)
        return [json.loads(row[0]) for row in rows]

    async def count(self, actor: Actor, event_type: str) -> int:
        sql = "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2"
        async with self.context.database.read(actor.tenant_id) as reading:
            row = await reading.one(sql, reading.tenant, event_type)
        return int(row[0]) if row else 0


@pytest.fixture
def act(
    engine: str, new_database: Callable[[str], Settings]
) -> Callable[[Callable[[Installation], Awaitable[Result]]], Result]:
    """A function that does something in a fresh installation."""

    def acted(work: Callable[[Installation], Awaitable[Result]]) -> Result:
        settings = new_database(engine)

        async def opened() -> Result:
            context = await Context.open(settings, lambda _line: None)
            try:
                return await work(Installation(context))
            finally:
                await context.close()

        return on_loop(opened())

    return acted


Act = Callable[[Callable[[Installation], Awaitable[None]]], None]


@pytest.mark.parametrize(
    ("size", "read", "seconds", "following"),
    [
        (FIRST_BATCH, 10, PIECE / 100, 20),  # much quicker: twice as many, and no more at once
        (100, 100, PIECE / 2, 200),
        (100, 100, PIECE, 100),
        (100, 100, PIECE * 2, 50),
        (200, 200, PIECE / 100, BATCH_PEOPLE),
        (200, 1, PIECE * 4, SMALLEST_BATCH),
    ],
)
def test_the_next_batch_is_as_large_as_the_last_one_was_quick(
    size: int, read: int, seconds: float, following: int
) -> None:
    moments = iter([0.0, seconds])
    pace = Pace(lambda: next(moments), size)
    pace.begin()
    pace.end(read)
    assert pace.size == following


def test_batches_grow_while_they_are_quick_and_each_person_comes_once(act: Act) -> None:
    async def work(installation: Installation) -> None:
        actor = await installation.add_tenant(100)
        await installation.change_mapping(actor)
        pace, done = Pace(Ticks(0.0)), []
        while (run := await installation.batch(actor, pace)) is not None:
            done.append(run.done)
        # 10, 20, 40, 30; then the pass over those who changed meanwhile, of whom there are as many.
        assert done == [10, 30, 70, 100, 100]
        run = await installation.run(actor)
        assert (run.changed, run.total, run.finished_at is not None) == (100, 100, True)
        assert await installation.count(actor, "user.profile_derived") == 100
        assert await installation.count(actor, "mapping.applied") == 1
        assert all(list(profile) == ["login"] for profile in await installation.profiles(actor))

    act(work)


def test_a_batch_ends_at_the_first_person_after_its_time(act: Act) -> None:
    async def work(installation: Installation) -> None:
        actor = await installation.add_tenant(30)
        await installation.change_mapping(actor)
        # Each person takes a quarter of the time: four fit, though the batch read many more.
        run = await installation.batch(actor, Pace(Ticks(PIECE / 4), 20))
        assert run is not None
        assert (run.done, run.changed, run.finished_at) == (4, 4, None)
        # Whoever takes longer than that alone is done alone.
        run = await installation.batch(actor, Pace(Ticks(PIECE * 10), 20))
        assert run is not None
        assert (run.done, run.changed) == (5, 5)

    act(work)


def test_the_pass_over_late_writers_is_made_in_batches_too(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(installation: Installation) -> None:
        actor = await installation.add_tenant(50)
        await installation.change_mapping(actor)
        pace = Pace(Ticks(0.0), 200)
        run = await installation.batch(actor, pace)
        assert run is not None
        assert (run.done, run.late_from) == (50, run.started_at - LATE_WRITERS)
        # A write that began before the mapping changed puts a Profile of the old one behind the cursor.
        async with installation.context.database.write(actor) as tx:
            await tx.run("UPDATE users SET profile = '{}' WHERE tenant_id = $1", tx.tenant)
        looked: list[int] = []

        async def counted(tx: Tx, profiles: list[tuple[str, str]]) -> None:
            looked.append(len(profiles))
            await set_profiles(tx, profiles)

        monkeypatch.setattr(derive, "set_profiles", counted)
        late = Pace(Ticks(0.0), 20)
        while (run := await installation.batch(actor, late)) is not None and run.finished_at is None:
            late.size = 20
        assert looked == [20, 20, 10]
        assert run is not None
        assert (run.done, run.total, run.changed) == (50, 50, 100)
        assert all(list(profile) == ["login"] for profile in await installation.profiles(actor))

    act(work)


def test_tenants_take_turns_and_a_stop_ends_between_two_batches(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(installation: Installation) -> None:
        large, small = await installation.add_tenant(60), await installation.add_tenant(5)
        for actor in (large, small):
            await installation.change_mapping(actor)
        stop, turns = asyncio.Event(), []

        async def noted(tx: Tx, provider_id: str, _pace: Pace) -> Derivation | None:
            run = await derive_batch(tx, provider_id, Pace(Ticks(0.0), 10))
            turns.append("large" if tx.tenant == large.tenant_id else "small")
            if len(turns) == 6:
                stop.set()
            return run

        monkeypatch.setattr(worker, "derive_batch", noted)
        await worker.derive_profiles(installation.context, stop)
        # The small run is through after its two passes; the large one is not, and is carried on where it stands.
        assert turns == ["large", "small", "large", "small", "large", "large"]
        assert (await installation.run(small)).finished_at is not None
        assert (await installation.run(large)).done == 40
        await worker.derive_profiles(installation.context, asyncio.Event())
        run = await installation.run(large)
        assert (run.done, run.changed, run.finished_at is not None) == (60, 60, True)
        assert await installation.count(large, "user.profile_derived") == 60

    act(work)


def test_a_run_that_fails_keeps_no_other_waiting(
    act: Act, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(installation: Installation) -> None:
        broken, whole = await installation.add_tenant(3), await installation.add_tenant(3)
        for actor in (broken, whole):
            await installation.change_mapping(actor)

        async def failing(tx: Tx, provider_id: str, pace: Pace) -> Derivation | None:
            if tx.tenant == broken.tenant_id:
                raise ValueError("this row is no JSON")
            return await derive_batch(tx, provider_id, pace)

        monkeypatch.setattr(worker, "derive_batch", failing)
        await worker.derive_profiles(installation.context, asyncio.Event())
        assert (await installation.run(whole)).finished_at is not None
        assert (await installation.run(broken)).finished_at is None

    act(work)
    assert "a derivation failed" in caplog.text


@pytest.mark.parametrize("engine", ["postgres"], indirect=True, scope="session")
def test_a_batch_that_the_engine_undid_is_run_again_at_once(act: Act, caplog: pytest.LogCaptureFixture) -> None:
    async def work(installation: Installation) -> None:
        actor = await installation.add_tenant(3)
        await installation.change_mapping(actor)
        async with installation.context.database.write(actor) as tx:
            await tx.run("CREATE SEQUENCE tries")  # it keeps its value when a transaction is undone
            await tx.run(
                "CREATE FUNCTION undo() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') <= 2 THEN "
                "RAISE EXCEPTION 'as a deadlock' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$"
            )
            await tx.run("CREATE TRIGGER undo BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION undo()")
        await worker.derive_profiles(installation.context, asyncio.Event())
        run = await installation.run(actor)
        assert (run.done, run.changed, run.finished_at is not None) == (3, 3, True)
        assert await installation.count(actor, "user.profile_derived") == 3

    act(work)
    assert caplog.messages == []
