"""The checker of the crash tests can fail: it is fed every way in which a database could be wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.crash.ledger import GONE, Ledger, Resource, faults
from tests.crash.load import described

Found = dict[str, Resource]
Told = list[tuple[str, int]]


def shown(name: str, stamp: int, version: int, user_id: str = "") -> Resource:
    """A person as the server answers them."""
    meta = {"version": f'W/"{version}"', "created": "a", "lastModified": f"b{version}", "location": "http://a/"}
    return {"id": user_id or f"id-{name}", "meta": meta, **described(name, stamp)}


def booked() -> tuple[Ledger, Found, Told]:
    """One person who was created and changed, one who was deleted, and three with a write under way."""
    ledger = Ledger()

    def write(name: str, wanted: Resource, answer: Resource) -> None:
        ledger.begin(name, wanted)
        ledger.answer(name, answer)

    write("a", described("a", 1), shown("a", 1, 1))
    write("a", described("a", 2), shown("a", 2, 2))
    write("b", described("b", 1), shown("b", 1, 1))
    write("b", GONE, GONE)
    write("c", described("c", 1), shown("c", 1, 1))
    ledger.begin("c", described("c", 2))
    write("d", described("d", 1), shown("d", 1, 1))
    ledger.begin("d", GONE)
    ledger.begin("e", described("e", 1))
    found = {"a": shown("a", 2, 2), "c": shown("c", 1, 1), "d": shown("d", 1, 1)}
    return ledger, found, [("id-a", 1), ("id-a", 2), ("id-b", 1), ("id-b", 2), ("id-c", 1), ("id-d", 1)]


def test_what_was_answered_is_there_and_what_was_under_way_is_not() -> None:
    ledger, found, told = booked()
    assert ledger.answered == 6
    assert faults(ledger, found, told) == []


def test_what_was_under_way_is_there_whole() -> None:
    ledger, found, told = booked()
    found |= {"c": shown("c", 2, 2), "e": shown("e", 1, 1)}
    del found["d"]
    told += [("id-c", 2), ("id-d", 2), ("id-e", 1)]
    assert faults(ledger, found, told) == []
    ledger.settle(found)
    assert faults(ledger, found, told) == []
    assert all(slot.under_way is None for slot in ledger.slots.values())
    del found["e"]  # settled, so it counts as answered from here on
    assert "an answered write is lost" in faults(ledger, found, told)[0]


def test_a_restart_elsewhere_is_no_fault() -> None:
    ledger, found, told = booked()
    found["a"] = found["a"] | {"meta": found["a"]["meta"] | {"location": "http://b/"}}
    assert faults(ledger, found, told) == []


Break = Callable[[Found, Told], Any]

BROKEN: dict[str, tuple[Break, str]] = {
    "a lost create": (lambda found, _: found.pop("a"), "a: an answered write is lost"),
    "a lost change": (lambda found, _: found.update(a=shown("a", 1, 1)), "a: an answered write is lost"),
    "a lost deletion": (lambda found, _: found.update(b=shown("b", 1, 1)), "b: an answered write is lost"),
    "half a change": (
        lambda found, _: found.update(c=shown("c", 2, 2) | {"title": "Title 1"}),
        "c: half a write",
    ),
    "half of the e-mails": (
        lambda found, _: found.update(c=shown("c", 2, 2) | {"emails": described("c", 1)["emails"]}),
        "c: half a write",
    ),
    "a change without its version": (lambda found, _: found.update(c=shown("c", 2, 1)), "c: half a write"),
    "half a create": (lambda found, _: found.update(e={**shown("e", 1, 1), "emails": []}), "e: half a write"),
    "half a deletion": (lambda found, _: found.update(d=shown("d", 1, 2)), "d: half a write"),
    "a person anew under another id": (lambda found, _: found.update(a=shown("a", 2, 2, "id-x")), "a: an answered"),
    "a person from nowhere": (lambda found, _: found.update(z=shown("z", 1, 1)), "z: nobody ever wrote this"),
    "a change without an event": (lambda _, told: told.remove(("id-a", 2)), "id-a: written as [1, 2], events tell [1]"),
    "a create without an event": (lambda _, told: told.remove(("id-d", 1)), "id-d: written as [1], events tell []"),
    "a deletion without an event": (lambda _, told: told.remove(("id-b", 2)), "id-b: written as [1, 2], events"),
    "an event twice": (lambda _, told: told.append(("id-a", 2)), "id-a: written as [1, 2], events tell [1, 2, 2]"),
    "an event without a change": (lambda _, told: told.append(("id-c", 2)), "id-c: written as [1], events tell [1, 2]"),
    "an event of nobody": (lambda _, told: told.append(("id-z", 1)), "id-z: written as [], events tell [1]"),
    "a whole change without its event": (lambda found, _: found.update(c=shown("c", 2, 2)), "id-c: written as [1, 2]"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_checker_can_fail(case: str) -> None:
    ledger, found, told = booked()
    spoil, wanted = BROKEN[case]
    spoil(found, told)
    (fault, *more) = faults(ledger, found, told)
    assert fault.startswith(wanted)
    assert len(more) <= 1  # what is lost or made anew may show in the events as well
