"""docs/limits.md says what limits.py says."""

from tests.docs.pages import code, page
from vestibule import limits

ROWS = page("docs/limits.md").table("All limits")
UNITS = ("bytes", "milliseconds", "seconds", "characters")
VALUES = {name: value for name, value in vars(limits).items() if name.isupper()}


def written(name: str, value: float) -> str:
    """A limit as the page has it: the unit is the last word of its name, where that is a unit."""
    unit = name.rpartition("_")[2].lower()
    return f"{value:,} {unit}" if unit in UNITS else f"{value:,}"


def test_every_limit_stands_there_in_the_order_of_the_code_and_nothing_else() -> None:
    assert [code(row[0]) for row in ROWS] == list(VALUES)


def test_the_numbers_are_those_of_the_code() -> None:
    assert {code(row[0]): row[1] for row in ROWS} == {name: written(name, value) for name, value in VALUES.items()}


def test_every_limit_says_of_what_it_is_and_what_happens_beyond_it() -> None:
    assert [row[0] for row in ROWS if len(row[2].split()) < 2 or not row[3]] == []
