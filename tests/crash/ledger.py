"""Records what a load has written, and checks that a database still has it. Values only, no network, no clock.

A slot is the place of one person. Its externalId is the slot's name; everything else about the person changes. Each
slot has one writer with at most one write in progress. The rule: an answered write is stored exactly as it was
answered; a write in progress is stored completely or not at all; every version of a person has one event.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Resource = dict[str, Any]

GONE: Resource = {}
"""A person who is not there."""


@dataclass(slots=True)
class Slot:
    """What is known of one person: the last answered state, and the state after the write in progress."""

    kept: Resource = field(default_factory=lambda: GONE)
    under_way: Resource | None = None


@dataclass(slots=True)
class Ledger:
    """All slots, and all answered versions: id -> the versions of that person, in order."""

    slots: defaultdict[str, Slot] = field(default_factory=lambda: defaultdict(Slot))
    versions: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    answered: int = 0

    def begin(self, name: str, wanted: Resource) -> None:
        """Note that a write is about to be sent, with the state that it should produce; GONE for a deletion."""
        assert self.slots[name].under_way is None
        self.slots[name].under_way = wanted

    def answer(self, name: str, shown: Resource) -> None:
        """Note that the write was answered with this resource; GONE for a deletion."""
        slot = self.slots[name]
        self._note(slot, shown)
        slot.kept, slot.under_way = shown, None
        self.answered += 1

    def settle(self, found: Mapping[str, Resource]) -> None:
        """Take over what was found after a restart as the new state, once it was compared."""
        for name, slot in self.slots.items():
            if slot.under_way is not None:
                shown = found.get(name, GONE)
                if plain(shown) != plain(slot.kept):
                    self._note(slot, shown)
                slot.kept, slot.under_way = shown, None

    def _note(self, slot: Slot, shown: Resource) -> None:
        if shown:
            version = version_of(shown)
            if version not in self.versions[shown["id"]]:
                self.versions[shown["id"]].append(version)
        else:
            self.versions[slot.kept["id"]].append(version_of(slot.kept) + 1)


def version_of(resource: Resource) -> int:
    """Returns the number in a resource's version, `W/"3"`."""
    return int(resource["meta"]["version"].strip('W/"'))


def plain(resource: Resource) -> Resource:
    """Returns a resource without its location, because a restarted server may have another port."""
    if not resource:
        return resource
    return resource | {"meta": {name: value for name, value in resource["meta"].items() if name != "location"}}


def said(resource: Resource) -> Resource:
    """Returns the part of a resource that the identity provider sent."""
    return {name: value for name, value in resource.items() if name not in {"id", "meta"}}


def faults(ledger: Ledger, found: Mapping[str, Resource], told: Iterable[tuple[str, int]]) -> list[str]:
    """Returns what is wrong in a database after a crash, one sentence each.

    `found`: the people that are there, by slot; `told`: (id, version) of every event that tells a write.
    """
    wrong = [f"{name}: nobody ever wrote this" for name in found if name not in ledger.slots]
    versions = {user_id: list(known) for user_id, known in ledger.versions.items()}
    for name, slot in ledger.slots.items():
        shown = found.get(name, GONE)
        if plain(shown) == plain(slot.kept):
            continue
        if slot.under_way is None:
            wrong.append(f"{name}: an answered write is lost: wanted {plain(slot.kept)}, found {plain(shown)}")
        elif not _whole(slot, shown):
            wrong.append(f"{name}: half a write: wanted {slot.under_way} or {plain(slot.kept)}, found {plain(shown)}")
        else:
            user_id = shown["id"] if shown else slot.kept["id"]
            versions.setdefault(user_id, []).append(version_of(shown) if shown else version_of(slot.kept) + 1)
    by_id: defaultdict[str, list[int]] = defaultdict(list)
    for user_id, version in told:
        by_id[user_id].append(version)
    return wrong + [
        f"{user_id}: written as {versions.get(user_id, [])}, events tell {by_id[user_id]}"
        for user_id in versions.keys() | by_id.keys()
        if by_id[user_id] != versions.get(user_id, [])
    ]


def _whole(slot: Slot, shown: Resource) -> bool:
    """Returns whether a resource is the complete result of the write in progress."""
    if not slot.under_way or not shown:
        return not slot.under_way and not shown
    same = not slot.kept or (slot.kept["id"] == shown["id"] and version_of(shown) == version_of(slot.kept) + 1)
    return same and said(shown) == slot.under_way
