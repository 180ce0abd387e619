"""A flood is counted: so many of a kind are recorded in a minute; how many came beside them is told with the next."""

from vestibule.endpoints import tally
from vestibule.endpoints.tally import INTERVAL, Tally


def test_the_first_of_a_kind_are_recorded_and_the_rest_told_with_the_next() -> None:
    counted = Tally(recorded=2)
    assert [counted.note(("a",), at) for at in range(5)] == [0, 0, None, None, None]
    assert counted.note(("b",), 5) == 0, "another kind"
    assert counted.note(("a",), INTERVAL) == 3
    assert counted.note(("a",), INTERVAL + 1) == 0
    assert counted.note(("a",), INTERVAL + 2) is None


def test_a_kind_that_was_quiet_for_long_begins_anew() -> None:
    counted = Tally(recorded=1)
    assert counted.note(("a",), 0) == 0
    assert counted.note(("a",), 10 * INTERVAL) == 0


def test_no_more_kinds_than_fit_are_remembered() -> None:
    counted = Tally(recorded=1)
    most = tally._MOST_KINDS
    assert [counted.note((str(number),), 0) for number in range(most + 1)] == [0] * most + [None]
    assert counted.note(("late",), INTERVAL) == 0, "the old ones are forgotten"
    assert len(counted._kinds) == 1
