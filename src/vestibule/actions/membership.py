"""Changes who is in a group: the rows, the event, and what else depends on it.

The rule of this file: an event tells a change in pieces of at most `TOLD_TOGETHER` members, and the version of a group
counts a request once, however much of it changed.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from vestibule.model import Group, User, created_at, new_id
from vestibule.scim.errors import InvalidValue, excerpt
from vestibule.scim.filter import Document
from vestibule.scim.membership import MemberChange
from vestibule.store.database import Tx
from vestibule.store.events import append_event
from vestibule.store.group_columns import group_columns
from vestibule.store.groups import display_name, find_group, insert_group, lock_group, lock_nesting, update_group
from vestibule.store.members import (
    Member,
    add_members,
    direct_groups_of,
    find_candidates,
    find_selected,
    find_way_up,
    page_member_ids,
    pieces_of,
    remove_members,
)
from vestibule.store.user_lists import Visibility

TOLD_TOGETHER: Final = 1000
"""How many members one event names."""
_NAMED: Final = 5
"""How many unknown members a refusal names."""


@dataclass(slots=True)
class MemberDelta:
    """Who was added to a group and who was removed, by their ids. Somebody who was both is in neither."""

    added: dict[str, Member] = field(default_factory=dict)
    removed: dict[str, Member] = field(default_factory=dict)
    steps: int = 0
    """How many members were added or removed so far, whatever became of them afterwards."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def add(self, members: Iterable[Member]) -> None:
        """Note members who were added."""
        for member in members:
            self.steps += 1
            if self.removed.pop(member.id, None) is None:
                self.added[member.id] = member

    def remove(self, members: Iterable[Member]) -> None:
        """Note members who were removed."""
        for member in members:
            self.steps += 1
            if self.added.pop(member.id, None) is None:
                self.removed[member.id] = member

    @property
    def growth(self) -> int:
        """Returns by how many the number of members has grown."""
        return len(self.added) - len(self.removed)

    def told(self) -> Iterator[dict[str, Any]]:
        """Yield what the events about this change tell: one piece at least."""
        changes = [("removed", member) for member in self.removed.values()]
        changes += [("added", member) for member in self.added.values()]
        for start in range(0, max(len(changes), 1), TOLD_TOGETHER):
            piece: dict[str, Any] = {}
            for verb, member in changes[start : start + TOLD_TOGETHER]:
                piece.setdefault(verb, []).append(_told_member(member))
            if len(changes) > TOLD_TOGETHER:
                piece["part"] = 1 + start // TOLD_TOGETHER
                piece["parts"] = -(-len(changes) // TOLD_TOGETHER)
            yield piece


def _told_member(member: Member) -> dict[str, str]:
    return {"id": member.id, "name": member.name, "type": "Group" if member.is_group else "User"}


async def make_group(tx: Tx, provider_id: str, document: Document) -> Group:
    """Insert a group without members, and return it. `provider_id` is empty for a group that is made by hand.

    Raises:
        UniqueViolation: there is a group of that displayName, of this identity provider or made by hand.
    """
    group_id, text = new_id(tx.now), orjson.dumps(document).decode()
    made = created_at(group_id)
    group = Group(
        id=group_id,
        identity_provider_id=provider_id,
        document=text,
        member_count=0,
        version=1,
        created_at=made,
        modified_at=made,
    )
    await insert_group(tx, group, group_columns(document, text))
    return group


async def add_first_members(
    tx: Tx, visibility: Visibility | None, group: Group, ids: Iterable[str]
) -> tuple[Group, MemberDelta]:
    """Add the members with which a group is made. Returns the group with their number, and who they are.

    Raises:
        InvalidValue: as `change_members`.
    """
    delta = await change_members(tx, visibility, group, [MemberChange("add", list(ids))])
    if delta:
        group = group._replace(member_count=delta.growth)
        await update_group(tx, group, None)
    return group, delta


async def change_members(
    tx: Tx, visibility: Visibility | None, group: Group, changes: Iterable[MemberChange], base_url: str = ""
) -> MemberDelta:
    """Carry out changes of the members of a group, which is locked. Returns what has changed in the end.

    Whoever is added has to be seen by `visibility`; None sees everybody in the tenant. `base_url` is the tenant's SCIM
    base URL, for changes with a selector.

    Raises:
        InvalidValue: somebody is no person or group that the identity provider sees, or the group would be in itself.
            Nothing is changed then (docs/decisions/0021).
    """
    delta = MemberDelta()
    for change in changes:
        before = delta.steps
        match change.verb:
            case "add":
                await _add(tx, visibility, group, change.ids, delta)
            case "remove":
                ids = change.ids
                if change.selector is not None:
                    ids = await find_selected(tx, group.id, change.selector, base_url)
                if change.removes_all:
                    await _replace(tx, visibility, group, (), delta)
                else:
                    delta.remove(await remove_members(tx, group.id, ids))
            case "replace":
                await _replace(tx, visibility, group, change.ids, delta)
        for report in change.reports:
            report.effects.append(("members", delta.steps > before))
    return delta


async def _add(tx: Tx, visibility: Visibility | None, group: Group, ids: Iterable[str], delta: MemberDelta) -> None:
    found: dict[str, Member] = {}
    for piece in pieces_of(ids):
        known = await find_candidates(tx, visibility, piece)
        if len(known) < len(piece):  # at once: a request of 300,000 unknown ids should cost no more than its first
            raise _unknown([id_ for id_ in piece if id_ not in known])
        found |= known
    if nested := {member.id for member in found.values() if member.is_group}:
        await _check_nesting(tx, group, nested)
    delta.add(await add_members(tx, group.id, found.values()))


async def _replace(tx: Tx, visibility: Visibility | None, group: Group, ids: Iterable[str], delta: MemberDelta) -> None:
    """Make some ids a group's members, by the difference to those who are there."""
    missing, gone = set(ids), []
    async for piece in page_member_ids(tx, group.id):
        gone += [id_ for id_ in piece if id_ not in missing]
        missing.difference_update(piece)
    # Those to be added are checked first, so that a refusal costs little.
    await _add(tx, visibility, group, sorted(missing), delta)
    delta.remove(await remove_members(tx, group.id, gone))


def _unknown(ids: list[str]) -> InvalidValue:
    named = ", ".join(f"'{excerpt(id_, 60)}'" for id_ in ids[:_NAMED])
    others = " and others" if len(ids) > _NAMED else ""
    return InvalidValue(
        f"There is no user or group with the id {named}{others} for this identity provider, so nothing was changed. "
        "Create the member first, and send this again.",
        path="members",
    )


async def _check_nesting(tx: Tx, group: Group, nested: set[str]) -> None:
    """Check that no group becomes a member of itself by way of others.

    Raises:
        InvalidValue: it would; the sentence names the way round.
    """
    await lock_nesting(tx, group.identity_provider_id)
    way = await find_way_up(tx, group.id, nested)
    if not way:
        return
    names = []
    for group_id in way:
        found = await find_group(tx, group_id)
        names.append(f"'{display_name(found)}'" if found else group_id)
    if len(way) == 1:
        raise InvalidValue(f"The group {names[0]} cannot be a member of itself.", path="members")
    chain = " is in ".join(names)
    raise InvalidValue(
        f"The group {names[-1]} cannot be a member of {names[0]}, because {chain}: a group would contain itself.",
        path="members",
    )


# -- storing -----------------------------------------------------------------------------------------------------------


async def tell_members(tx: Tx, event_type: str, group: Group, told: dict[str, Any], delta: MemberDelta) -> None:
    """Record a change of a group: an event with all that is told, and one more for each further piece of members."""
    known = {"subject": display_name(group), "version": group.version}
    for number, piece in enumerate(delta.told()):
        data = known | (told if number == 0 else {}) | piece
        await append_event(tx, event_type, data, subject_id=group.id, provider_id=group.identity_provider_id)


async def leave_all_groups(tx: Tx, user: User) -> None:
    """Take a person who is deleted out of every group, with an event for each."""
    if user.in_groups:
        await _leave(tx, _member(user), "the person was deleted")


async def leave_groups_of_others(tx: Tx, user: User, provider_id: str) -> None:
    """Take a person whom an identity provider adopts out of the groups of all others, which no longer see them. Groups
    that were made by hand keep them.
    """
    if user.in_groups:
        await _leave(tx, _member(user), "another identity provider adopted the person", stays_in=("", provider_id))


def _member(user: User) -> Member:
    document = orjson.loads(user.document)
    return Member(user.id, False, str(document.get("displayName") or document["userName"]))


async def leave_parents(tx: Tx, group: Group) -> None:
    """Take a group that is deleted out of every group that it is in, with an event for each."""
    member = Member(group.id, True, display_name(group))
    await _leave(tx, member, "the group was deleted")


async def _leave(tx: Tx, member: Member, reason: str, stays_in: Collection[str] = ()) -> None:
    """Take a member out of every group, with an event for each, except those of the identity providers `stays_in`."""
    for group_id in await direct_groups_of(tx, member.id):
        group = await lock_group(tx, group_id)
        if group is None or group.identity_provider_id in stays_in:
            continue
        if not await remove_members(tx, group_id, (member.id,)):
            continue
        changed = group._replace(
            version=group.version + 1,
            modified_at=max(tx.now, group.modified_at),
            member_count=group.member_count - 1,
        )
        await update_group(tx, changed, None)
        await tell_members(tx, "group.changed", changed, {"reason": reason}, MemberDelta(removed={member.id: member}))
