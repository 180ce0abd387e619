"""Fairness between tenants: who goes on at once, who waits behind whom, and who is told to come back. No clock runs."""

import asyncio

import pytest

from vestibule.endpoints.fair_share import FairShare, TenantShare
from vestibule.limits import CROWDED_REQUESTS, TENANT_QUEUE_REQUESTS, TENANTS_REMEMBERED
from vestibule.scim.errors import TooManyRequests


def crowd(fair: FairShare, tenants: int = 4) -> None:
    """Fill the server up with the requests of other tenants."""
    for tenant in range(tenants):
        for _ in range(CROWDED_REQUESTS // tenants):
            assert fair.enter(f"other {tenant}", 0)[1] is None


def answered(fair: FairShare, tenant: str, now: int) -> bool:
    """Begin a request and end it; whether it was let through."""
    try:
        share, _ = fair.enter(tenant, now)
    except TooManyRequests as refused:
        assert refused.retry_after == 1
        return False
    fair.leave(share)
    return True


def test_a_tenant_that_is_alone_is_never_held_back() -> None:
    fair = FairShare(rate=100, ceiling=0, requests=32)
    assert all(answered(fair, "a", 0) for _ in range(100_000))


def test_nor_is_one_of_several_while_it_is_not_crowded() -> None:
    fair = FairShare(rate=100, ceiling=0, requests=32)
    for _ in range(20):
        fair.enter("b", 0)
    assert all(answered(fair, "a", 0) for _ in range(10_000))


def test_while_it_is_crowded_each_has_its_rate_and_no_more() -> None:
    fair = FairShare(rate=100, ceiling=0, requests=64)
    crowd(fair)
    assert sum(answered(fair, "a", 0) for _ in range(1000)) == 200, "two seconds' worth at once"
    assert sum(answered(fair, "a", 1000 + at) for at in range(0, 10_000, 5)) == 100 + 999
    assert sum(answered(fair, "b", at) for at in range(0, 60_000, 40)) == 1500, "25 a second, as Okta and Entra send"


def test_what_one_tenant_sends_counts_for_no_other() -> None:
    fair = FairShare(rate=100, ceiling=0, requests=64)
    crowd(fair)
    while answered(fair, "a", 0):
        pass
    assert all(answered(fair, "b", 0) for _ in range(200))


def test_a_crowd_of_ones_own_is_none() -> None:
    fair = FairShare(rate=25, ceiling=0, requests=1000)
    for _ in range(CROWDED_REQUESTS + 500):
        fair.enter("a", 0)


def test_a_ceiling_holds_also_for_who_is_alone() -> None:
    fair = FairShare(rate=100, ceiling=300, requests=32)
    assert sum(answered(fair, "a", 0) for _ in range(1000)) == 600
    assert sum(answered(fair, "a", 1000) for _ in range(1000)) == 300


def test_no_rate_is_no_limit() -> None:
    fair = FairShare(rate=0, ceiling=0, requests=32)
    crowd(fair)
    assert all(answered(fair, "a", 0) for _ in range(1000))


def run_queue(requests: int) -> tuple[FairShare, list[TenantShare], list[asyncio.Future[None]]]:
    """A tenant with all that may be in progress, and with others in its queue."""
    fair = FairShare(rate=0, ceiling=0, requests=requests)
    entered = [fair.enter("a", 0) for _ in range(requests + 3)]
    return fair, [share for share, turn in entered if turn is None], [turn for _, turn in entered if turn is not None]


def test_more_than_may_be_in_progress_wait_in_their_order_and_hold_nobody_else_up() -> None:
    async def act() -> None:
        fair, running, waiting = run_queue(2)
        assert (len(running), len(waiting), fair.running) == (2, 3, 2)
        assert fair.enter("b", 0)[1] is None, "another tenant does not queue behind them"
        fair.leave(running[0])
        assert [turn.done() for turn in waiting] == [True, False, False]
        assert fair.enter("a", 0)[1] is not None, "nor does a new one overtake those that wait"
        for _ in range(5):
            fair.leave(running[0])
        assert [turn.done() for turn in waiting] == [True, True, True]
        assert fair.running == 1

    asyncio.run(act())


def test_a_request_that_is_given_up_while_it_waits_leaves_its_place() -> None:
    async def act() -> None:
        fair, running, waiting = run_queue(1)
        tasks = [asyncio.create_task(fair.wait_for_turn(running[0], turn)) for turn in waiting]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait([tasks[0]])
        fair.leave(running[0])
        await tasks[1]
        waiting[2].set_result(None)  # its turn comes, and it is given up in the same moment
        running[0].waiting.clear()
        tasks[2].cancel()
        await asyncio.wait([tasks[2]])
        assert (running[0].running, fair.running) == (0, 0)

    asyncio.run(act())


def test_a_queue_that_is_full_is_told_to_come_back() -> None:
    async def act() -> None:
        fair = FairShare(rate=0, ceiling=0, requests=1)
        for _ in range(1 + TENANT_QUEUE_REQUESTS):
            fair.enter("a", 0)
        with pytest.raises(TooManyRequests):
            fair.enter("a", 0)
        assert fair.enter("b", 0)[1] is None

    asyncio.run(act())


def test_only_so_many_tenants_are_remembered_and_none_that_is_busy_is_forgotten() -> None:
    fair = FairShare(rate=100, ceiling=0, requests=32)
    busy, _ = fair.enter("busy", 0)
    for number in range(TENANTS_REMEMBERED + 100):
        answered(fair, str(number), 0)
    assert len(fair) == TENANTS_REMEMBERED
    assert fair.enter("busy", 0)[0] is busy
