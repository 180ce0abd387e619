"""The SCIM actions of an identity provider on groups: create, replace, patch, delete.

Rules of this file: an identity provider sees its own groups; all others are 404. A change and its event are stored in
the same transaction. While provisioning is paused, only what takes members out, or deletes a group, is carried out.
"""

from typing import Any, Final

import orjson

from vestibule.actions.group_roles import derive_reached, reach_of
from vestibule.actions.membership import (
    add_first_members,
    change_members,
    leave_parents,
    make_group,
    tell_members,
)
from vestibule.actions.scim_request import Sent, check_provisioning, check_version, paused, told_of_parts
from vestibule.events import changes_between, creation_changes, shortened_changes
from vestibule.model import Group
from vestibule.scim.errors import NotFound, Uniqueness
from vestibule.scim.filter import Document
from vestibule.scim.membership import GroupPatch, MemberChange
from vestibule.scim.patch import Understood
from vestibule.scim.resource import Ignored
from vestibule.store.database import Reading, Tx, UniqueViolation
from vestibule.store.group_columns import group_columns
from vestibule.store.groups import (
    find_group,
    find_state_for_groups,
    lock_group_to_change,
    remove_group,
    update_group,
)
from vestibule.store.user_lists import Visibility
from vestibule.store.users import ProviderState

NO_GROUP_HERE: Final = "There is no group with that id for this identity provider."


async def see_group(reading: Reading, visibility: Visibility, group_id: str) -> Group:
    """Returns the group with that id, if the identity provider may see it.

    Raises:
        NotFound: there is no such group, or it may not see it.
    """
    group = await find_group(reading, group_id)
    if group is None or group.identity_provider_id != visibility.provider_id:
        raise NotFound(NO_GROUP_HERE)
    return group


async def create_group(
    tx: Tx, sent: Sent, document: Document, member_ids: tuple[str, ...], ignored: list[Ignored]
) -> Group:
    """Create a group with its members, and return it.

    Raises:
        Uniqueness: this identity provider has another group with that displayName.
        InvalidValue: a member is unknown.
        Forbidden: provisioning is switched off.
        TooManyRequests: provisioning is paused.
    """
    state = await find_state_for_groups(tx, tx.actor.identity_provider_id)
    if state is None:
        raise NotFound(NO_GROUP_HERE)
    check_provisioning(state.provisioning)
    if state.provisioning == "paused":
        raise paused()
    sent.ignored[:] = ignored
    try:
        group = await make_group(tx, tx.actor.identity_provider_id, document)
    except UniqueViolation:
        raise _taken(document) from None
    reach = await reach_of(tx, group, state.mapping_version)
    group, delta = await add_first_members(tx, _visibility(tx, state), group, member_ids)
    told = sent.told()
    told["changes"] = creation_changes(document, told.get("sent"))
    await tell_members(tx, "group.created", group, told | told_of_parts(ignored, None), delta)
    await derive_reached(tx, group, delta, reach)
    return group


async def replace_group(
    tx: Tx,
    sent: Sent,
    group_id: str,
    document: Document,
    member_ids: tuple[str, ...],
    ignored: list[Ignored],
    if_match: str | None = None,
) -> Group:
    """Replace a group's attributes and members (PUT), and return the group. Members who are not named leave it.

    Raises:
        NotFound: the identity provider may not see this group.
        Uniqueness, InvalidValue, Forbidden, TooManyRequests: as `create_group`.
        PreconditionFailed: `if_match` is not the current version.
    """
    group, state = await _reach(tx, group_id, if_match)
    before: Document = orjson.loads(group.document)
    changes = [MemberChange("replace", list(member_ids))]
    return await _keep(tx, sent, group, state, before, document, changes, ignored)


async def patch_group(tx: Tx, sent: Sent, group_id: str, patch: GroupPatch, if_match: str | None = None) -> Group:
    """Change a group by PATCH operations, all of them or none, and return the group.

    Raises:
        NotFound, Uniqueness, InvalidValue, PreconditionFailed, Forbidden, TooManyRequests: as `replace_group`.
        ScimError: as `scim.patch.apply_patch`.
    """
    group, state = await _reach(tx, group_id, if_match)
    before: Document = orjson.loads(group.document)
    fresh = patch.fresh()  # the transaction may be run again
    after = fresh.apply(before)
    ignored = [each for report in fresh.reports for each in report.ignored]
    return await _keep(tx, sent, group, state, before, after, fresh.changes, ignored, fresh.reports, patch.base_url)


async def delete_group(tx: Tx, sent: Sent, group_id: str, if_match: str | None = None) -> None:
    """Delete a group, also while provisioning is paused. Its people stay; it leaves the groups that it is in.

    Raises:
        NotFound, PreconditionFailed: as `replace_group`.
        Forbidden: provisioning is switched off.
    """
    group, state = await _reach(tx, group_id, if_match)
    before: Document = orjson.loads(group.document)
    reach = await reach_of(tx, group, state.mapping_version)
    await leave_parents(tx, group)
    delta = await change_members(tx, _visibility(tx, state), group, [MemberChange("remove")])
    await remove_group(tx, group.id)
    told = sent.told() | {"changes": changes_between(before, {})}
    await tell_members(tx, "group.deleted", group._replace(version=group.version + 1), told, delta)
    await derive_reached(tx, group, delta, reach)


def _visibility(tx: Tx, state: ProviderState) -> Visibility:
    return Visibility(tx.actor.identity_provider_id, state.adopts)


async def _reach(tx: Tx, group_id: str, if_match: str | None) -> tuple[Group, ProviderState]:
    found = await lock_group_to_change(tx, tx.actor.identity_provider_id, group_id)
    if found is None:
        raise NotFound(NO_GROUP_HERE)
    state, group = found
    check_provisioning(state.provisioning)
    check_version(if_match, group.version)
    return group, state


async def _keep(
    tx: Tx,
    sent: Sent,
    group: Group,
    state: ProviderState,
    before: Document,
    after: Document,
    member_changes: list[MemberChange],
    ignored: list[Ignored],
    understood: list[Understood] | None = None,
    base_url: str = "",
) -> Group:
    """Store a changed group with the event about it, or record that nothing changed. Returns the group."""
    sent.ignored[:] = ignored
    reach = await reach_of(tx, group, state.mapping_version)
    delta = await change_members(tx, _visibility(tx, state), group, member_changes, base_url)
    changes = changes_between(before, after)
    if state.provisioning == "paused" and (changes or delta.added):
        raise paused()
    told = sent.told()
    told |= {"changes": shortened_changes(changes, told.get("sent"))} | told_of_parts(ignored, understood)
    if not changes and not delta:
        await tell_members(tx, "group.unchanged", group, told, delta)
        return group
    kept = group._replace(
        document=orjson.dumps(after).decode() if changes else group.document,
        member_count=group.member_count + delta.growth,
        version=group.version + 1,
        modified_at=max(tx.now, group.modified_at),
    )
    try:
        await update_group(tx, kept, group_columns(after, kept.document) if changes else None)
    except UniqueViolation:
        raise _taken(after) from None
    await tell_members(tx, "group.changed", kept, told, delta)
    await derive_reached(tx, kept, delta, reach)
    return kept


def _taken(document: dict[str, Any]) -> Uniqueness:
    return Uniqueness(
        f"A group with the displayName '{document['displayName']}' already exists. Find it with a filter on "
        "displayName, and update it."
    )
