"""docs/events.md lists every kind of event, and none that there is not."""

from tests.docs.pages import code, page
from vestibule.events import EVENT_TYPES
from vestibule.model import Event
from vestibule.vendors import VENDORS

PAGE = page("docs/events.md")
GUID = "0f0e0d0c-0b0a-0908-0706-050403020100"
FAMILIES = ("People", "Groups", "Signing in", "Requests and credentials", "Configuration", "Administrators")


def test_every_event_type_stands_there_once_and_nothing_else() -> None:
    told = [code(row[0]) for family in FAMILIES for row in PAGE.table(family)]
    assert sorted(told) == sorted(each.name for each in EVENT_TYPES)


def test_every_row_says_when_and_what_is_kept() -> None:
    rows = [row for family in FAMILIES for row in PAGE.table(family)]
    assert [row[0] for row in rows if len(row) != 3 or not row[1].endswith(".") or not row[2]] == []


def test_the_fields_of_an_event_are_the_real_ones() -> None:
    assert [code(row[0]) for row in PAGE.table("What every event has")] == list(Event.__dataclass_fields__)


def test_connection_tests_are_told_for_every_vendor_and_as_they_are() -> None:
    okta, entra, generic = ({"startindex": "1", "count": "2"}, {"filter": f'userName eq "{GUID}"'}, {"count": "1"})
    assert [code(row[0]) for row in PAGE.table("Connection tests")] == list(VENDORS) == ["okta", "entra", "generic"]
    taken = {name: [vendor.is_probe(query, 0) for query in (okta, entra, generic)] for name, vendor in VENDORS.items()}
    assert taken == {"okta": [True, False, False], "entra": [False, True, False], "generic": [True, False, True]}
    assert [
        vendor.is_probe(query, 1) for vendor, query in zip(VENDORS.values(), (okta, entra, generic), strict=True)
    ] == [
        True,
        False,
        True,
    ]
