"""Percentiles of what was measured, and what becomes of measurements that cannot be kept."""

import pytest

from vestibule.endpoints.web.rendering import took
from vestibule.store.stopwatches import Times, times_of


def test_each_percentile_is_a_time_that_was() -> None:
    assert times_of([]) is None
    assert times_of([7]) == Times(1, 7, 7, 7, 7)
    assert times_of([3, 1, 2]) == Times(3, 2, 3, 3, 3)
    hundred = list(range(1, 101))
    assert times_of(hundred[::-1]) == Times(100, 50, 95, 99, 100)
    assert times_of(list(range(1, 1001))) == Times(1000, 500, 950, 990, 1000)


@pytest.mark.parametrize(
    ("microseconds", "shown"),
    [(0, "0.0 ms"), (840, "0.8 ms"), (9_949, "9.9 ms"), (12_400, "12 ms"), (999_999, "999 ms"), (1_450_000, "1.4 s")],
)
def test_a_time_is_shown_as_long_as_it_was(microseconds: int, shown: str) -> None:
    assert took(microseconds) == shown
