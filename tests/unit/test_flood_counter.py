"""A flood is counted: so many of a kind are recorded in a minute; how many came beside them is told with the next."""

from vestibule.endpoints import flood_counter
from vestibule.endpoints.flood_counter import INTERVAL, FloodCounter


def test_the_first_of_a_kind_are_recorded_and_the_rest_told_with_the_next() -> None:
    counted = FloodCounter(recorded=2, together=100)
    assert [counted.note(("t", "a"), at) for at in range(5)] == [0, 0, None, None, None]
    assert counted.note(("t", "b"), 5) == 0, "another kind"
    assert counted.note(("t", "a"), INTERVAL) == 3
    assert counted.note(("t", "a"), INTERVAL + 1) == 0
    assert counted.note(("t", "a"), INTERVAL + 2) is None


def test_a_kind_that_was_quiet_for_long_begins_anew() -> None:
    counted = FloodCounter(recorded=1, together=100)
    assert counted.note(("t", "a"), 0) == 0
    assert counted.note(("t", "a"), 10 * INTERVAL) == 0


def test_a_flood_of_ever_new_kinds_is_one_as_well_and_hides_nothing_of_anybody_else() -> None:
    counted = FloodCounter(recorded=1, together=30)
    assert [counted.note(("t", str(number)), 0) for number in range(5_000)] == [0] * 30 + [None] * 4_970
    assert counted.note(("u", "a"), 0) == 0
    assert counted.note(("t", "late"), INTERVAL) == 0


def test_the_interval_and_the_number_of_kinds_can_be_chosen() -> None:
    counted = FloodCounter(recorded=1, together=100, interval=10 * INTERVAL, most_kinds=3)
    assert [counted.note(("t", "a"), at) for at in (0, INTERVAL, 9 * INTERVAL, 10 * INTERVAL)] == [0, None, None, 2]
    for number in range(5):
        counted.note(("t", str(number)), 10 * INTERVAL)
    assert len(counted._kinds) == 3


def test_no_more_kinds_than_fit_are_remembered() -> None:
    counted = FloodCounter(recorded=1, together=30)
    for number in range(5_000):
        assert counted.note((f"t{number}", "a"), 0) == 0
    assert len(counted._kinds) == flood_counter._MOST_KINDS
