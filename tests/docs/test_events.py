"""docs/events.md lists every kind of event, and none that there is not."""

from tests.docs.pages import code, page
from vestibule.events import EVENT_TYPES
from vestibule.model import Event

PAGE = page("docs/events.md")
FAMILIES = ("People", "Requests and credentials", "Configuration", "Administrators")


def test_every_event_type_stands_there_once_and_nothing_else() -> None:
    told = [code(row[0]) for family in FAMILIES for row in PAGE.table(family)]
    assert sorted(told) == sorted(each.name for each in EVENT_TYPES)


def test_every_row_says_when_and_what_is_kept() -> None:
    rows = [row for family in FAMILIES for row in PAGE.table(family)]
    assert [row[0] for row in rows if len(row) != 3 or not row[1].endswith(".") or not row[2]] == []


def test_the_fields_of_an_event_are_the_real_ones() -> None:
    assert [code(row[0]) for row in PAGE.table("What every event has")] == list(Event.__dataclass_fields__)
