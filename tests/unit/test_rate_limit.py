"""Token buckets: what is let through, in how many seconds the next is, and how much is remembered. No clock runs."""

import pytest

from vestibule.endpoints.rate_limit import TokenBuckets, network_of


def test_so_many_at_once_and_so_many_more_a_second() -> None:
    buckets = TokenBuckets(rate=2, burst=5)
    assert [buckets.take("a", 1000) for _ in range(7)] == [0] * 5 + [1, 1]
    assert buckets.take("a", 1499) == 1, "half a second makes one"
    assert [buckets.take("a", 1500) for _ in range(2)] == [0, 1]
    assert [buckets.take("a", 60_000) for _ in range(6)] == [0] * 5 + [1], "never more than the burst"


def test_one_key_does_not_slow_another_down() -> None:
    buckets = TokenBuckets(rate=1, burst=1)
    assert [buckets.take("a", 0), buckets.take("a", 0), buckets.take("b", 0)] == [0, 1, 0]


def test_how_long_to_wait_is_told_in_whole_seconds() -> None:
    buckets = TokenBuckets(rate=0.1, burst=1)
    assert [buckets.take("a", at) for at in (0, 0, 2500, 9999)] == [0, 10, 8, 1]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = TokenBuckets(rate=1, burst=1)
    assert [buckets.take("a", 5000), buckets.take("a", 0), buckets.take("a", 5999)] == [0, 1, 1]


def test_memory_is_bounded_and_who_is_busy_is_not_forgotten() -> None:
    buckets = TokenBuckets(rate=1, burst=1, most=100)
    for number in range(10_000):
        buckets.take(str(number), 0)
        assert buckets.take("busy", 0) == (0 if number == 0 else 1)
    assert len(buckets) == 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_who_counts_as_one_client(address: str, network: str) -> None:
    assert network_of(address) == network
