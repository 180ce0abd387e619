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


QUERIES = {
    "two people": {"startindex": "1", "count": "2"},
    "a GUID": {"filter": f'userName eq "{GUID}"'},
    "a GUID as an address": {"filter": f'emails[type eq "work"].value eq "{GUID}"'},
    "one person": {"count": "1"},
    "one of a page": {"startindex": "1", "count": "1"},
    "everybody": {},
    "a hundred": {"startindex": "1", "count": "100"},
    "somebody": {"filter": 'userName eq "ana@north.example"'},
}
SMALL_PAGES = {"two people", "one person", "one of a page"}
TESTS = {
    "okta": {"two people"},
    "entra": {"a GUID", "a GUID as an address"},
    "authentik": set(),
    "cyberark": {"one person"},
    "google": {"one person"},
    "jumpcloud": SMALL_PAGES,
    "keycloak": set(),
    "onelogin": SMALL_PAGES,
    "pingone": SMALL_PAGES,
    "sailpoint": SMALL_PAGES,
    "generic": SMALL_PAGES,
}


def test_connection_tests_are_told_for_every_vendor_and_as_they_are() -> None:
    assert [code(row[0]) for row in PAGE.table("Connection tests")] == list(VENDORS)
    for found, gone in ((0, set[str]()), (1, {"a GUID", "a GUID as an address"})):
        taken = {
            name: {each for each, query in QUERIES.items() if vendor.is_probe(query, found)}
            for name, vendor in VENDORS.items()
        }
        assert taken == {name: tests - gone for name, tests in TESTS.items()}
