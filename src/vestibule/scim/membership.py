"""The members of a group in a request: a set of ids, or changes of one, apart from the group's own attributes.

A group may have 200,000 members, so they are never part of a document. What a request says about them becomes a list of
ids (POST, PUT) or of `MemberChange` (PATCH), which are carried out as set operations on rows.

Accepted beyond the RFC, because Okta and Entra send it (wire facts 1.8, 3.2): one member outside of a list, an id
alone, `$ref` without `value`, additional names in a member, and `remove` with a list of members as its value.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from vestibule.scim.errors import InvalidValue, Mutability, NoTarget, TooMany, excerpt
from vestibule.scim.filter import Compare, Document, Filter, Group
from vestibule.scim.patch import Operation, Understood, apply_patch
from vestibule.scim.resource import NOTHING, Ignored, kind
from vestibule.scim.schema import GROUP, GROUP_TYPE
from vestibule.scim.target import parse_target

MAX_MEMBER_CHANGES: Final = 10_000
"""How many members the operations of one PATCH may name."""
_NAMES: Final = frozenset({"members", f"{GROUP}:members".lower()})
_ONE: Final = re.compile(r'members\[\s*value eq "([^"\\]{1,200})"\s*\]\Z', re.IGNORECASE)
"""The path that Okta and Entra send thousands of times in one request."""


@dataclass(slots=True)
class MemberChange:
    """One step in changing a group's members.

    `remove` without ids and without a selector removes all. A selector is given where ids alone do not say which.
    """

    verb: Literal["add", "remove", "replace"]
    ids: list[str] = field(default_factory=list)
    selector: Filter | None = None
    reports: list[Understood] = field(default_factory=list)
    """The reports of the operations that asked for it."""

    @property
    def removes_all(self) -> bool:
        return self.verb == "remove" and not self.ids and self.selector is None


@dataclass(slots=True)
class GroupPatch:
    """A PATCH of a group: what it changes in the document, and how it changes the members."""

    base_url: str
    """The tenant's SCIM base URL, which a selector may compare with."""
    operations: list[Operation] = field(default_factory=list)
    changes: list[MemberChange] = field(default_factory=list)
    reports: list[Understood] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    """For each operation on the document, which of the reports it belongs to."""

    def fresh(self) -> "GroupPatch":
        """Returns the same patch with empty reports of what it will have done, so that it can be applied again."""
        reports = [Understood(report.operation, [], list(report.ignored)) for report in self.reports]
        new = {id(old): report for old, report in zip(self.reports, reports, strict=True)}
        changes = [replace(change, reports=[new[id(each)] for each in change.reports]) for change in self.changes]
        return GroupPatch(self.base_url, self.operations, changes, reports, self._places)

    def apply(self, document: Document) -> Document:
        """Returns the changed document, and completes the reports.

        Raises:
            ScimError: as `apply_patch`.
        """
        after, understood = apply_patch(document, self.operations, GROUP_TYPE)
        for at, report in zip(self._places, understood, strict=True):
            self.reports[at].effects.extend(report.effects)
            self.reports[at].ignored.extend(report.ignored)
        return after

    def keep(self, operation: Operation, at: int) -> None:
        """Note an operation on the document, which is what is left of operation number `at`."""
        self.operations.append(operation)
        self._places.append(at)

    def change(self, change: MemberChange) -> None:
        """Note a change of the members. Several of the same kind in a row become one."""
        last = self.changes[-1] if self.changes else None
        if last is None or last.verb != change.verb or change.verb == "replace" or _stands_alone(last, change):
            self.changes.append(change)
        else:
            last.ids += change.ids
            last.reports += change.reports


def _stands_alone(*changes: MemberChange) -> bool:
    return any(change.selector is not None or change.removes_all for change in changes)


def split_members(body: Any) -> tuple[Any, tuple[str, ...] | None]:
    """Take the members out of a whole group, as POST and PUT send it.

    Returns the rest of the body, and the ids of the members; None if it does not name them.

    Raises:
        InvalidValue: a member has no id.
    """
    if not isinstance(body, dict):
        return body, None
    rest: Document = {}
    found: tuple[str, ...] | None = None
    for name, value in body.items():
        ids: tuple[str, ...] | None = None
        if name.lower() in _NAMES:
            ids = tuple(member_ids(value))
        elif name.lower() == GROUP.lower() and isinstance(value, dict):
            rest[name], ids = split_members(value)
        else:
            rest[name] = value
        if ids is not None:
            found = (*(found or ()), *ids)
    return rest, found


def member_ids(value: Any) -> list[str]:
    """Returns the ids of members as they are sent: a list, one member, or one id.

    Raises:
        InvalidValue: a member has no id.
    """
    if value in NOTHING:
        return []
    members = value if isinstance(value, list) else [value]
    return [_id(member, number) for number, member in enumerate(members, 1) if member not in NOTHING]


def _id(member: Any, number: int) -> str:
    if isinstance(member, str):
        return member
    if not isinstance(member, dict):
        raise InvalidValue(f"Member {number} should be an object with a 'value'; got {kind(member)}.", path="members")
    value = member.get("value")
    if value is None:
        parts = {name.lower(): part for name, part in member.items()}
        value = parts.get("value")
        if value in NOTHING and isinstance(parts.get("$ref"), str):
            value = str(parts["$ref"]).rstrip("/").rpartition("/")[2]
    if isinstance(value, str) and value:
        return value
    raise InvalidValue(
        f"Member {number} has no 'value': the id that this service gave the person or group is wanted, and a 'display' "
        "alone does not say who is meant.",
        path="members",
    )


def parse_group_patch(operations: Iterable[Operation], base_url: str = "") -> GroupPatch:
    """Tell the operations of a PATCH on the members from those on the group's other attributes.

    Raises:
        InvalidPath, InvalidFilter: a path does not follow the grammar.
        InvalidValue: a member has no id.
        NoTarget: a selector is given a new value, but does not say whose.
        TooMany: more members than one request may name.
    """
    patch = GroupPatch(base_url)
    named = 0
    for at, operation in enumerate(operations):
        patch.reports.append(Understood(operation))
        for change in _changes(patch, at, operation):
            named += len(change.ids)
            if named > MAX_MEMBER_CHANGES:
                raise TooMany(
                    f"The operations of a PATCH may name {MAX_MEMBER_CHANGES:,} members; operation {at + 1:,} would "
                    f"make it {named:,}. Send fewer at once, or the whole group with PUT."
                )
            change.reports.append(patch.reports[at])
            patch.change(change)
    return patch


def _changes(patch: GroupPatch, at: int, operation: Operation) -> Iterator[MemberChange]:
    """Yield how an operation changes the members. What it does to other attributes is left to the document."""
    verb, path, value = operation
    if path is None or GROUP_TYPE.is_core(path):
        rest, ids = split_members(value) if verb != "remove" else (value, None)
        if ids is not None:
            yield MemberChange(verb, list(ids))
        if ids is None or rest:
            patch.keep(operation._replace(value=rest), at)
    elif (one := _ONE.match(path)) is not None and verb == "remove":
        yield MemberChange("remove", [one[1]])
    else:
        target = parse_target(path, GROUP_TYPE) if "members" in path.lower() else None
        if target is None or target.steps[0].name != "members":
            patch.keep(operation, at)
        elif len(target.steps) > 1 and target.steps[-1].name != "value":
            patch.reports[at].ignored.append(Ignored(excerpt(path), "readOnly"))
        elif target.selector is not None:
            yield from _selected(target.selector, operation)
        else:
            yield from _listed(operation, is_value=len(target.steps) > 1)


def _listed(operation: Operation, *, is_value: bool) -> Iterator[MemberChange]:
    """Yield the change for an operation on the members that its value lists. `is_value`: it is at `members.value`."""
    ids = member_ids(operation.value)
    if ids or operation.verb == "replace":
        yield MemberChange(operation.verb, ids)
    elif operation.verb == "remove":
        if is_value:
            raise Mutability("A member's 'value' cannot be removed; remove the member.")
        yield MemberChange("remove")


def _selected(selector: Filter, operation: Operation) -> Iterator[MemberChange]:
    """Yield the changes for an operation on the members that a filter in brackets selects."""
    ids = _ids_selected(selector)
    removal = MemberChange("remove", ids) if ids else MemberChange("remove", selector=selector)
    if operation.verb == "remove":
        yield removal
        return
    new = member_ids(operation.value)
    if not new and not ids:
        raise NoTarget('Only a filter such as members[value eq "…"] says which member is meant.')
    if operation.verb == "replace" and new:
        yield removal
    yield MemberChange("add", new or ids)


def _ids_selected(selector: Filter) -> list[str]:
    """Returns the ids that a filter selects by equality alone; empty for any other filter."""
    match selector:
        case Compare(path, "eq", value, _) if path.leaf.name == "value":
            return [str(value)]
        case Group("or", terms):
            each = [_ids_selected(term) for term in terms]
            return [id_ for ids in each for id_ in ids] if all(each) else []
        case _:
            return []
