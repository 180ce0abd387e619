"""Actions of administrators on groups in the console: create, rename, change the members, delete.

A group that was made by hand belongs to no identity provider, and none sees it. Anybody in the tenant can be in it, and
every group, whoever they belong to. Groups of an identity provider can only be changed there.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from vestibule.actions.group_roles import derive_reached, reaches_by_hand
from vestibule.actions.membership import (
    MemberDelta,
    add_first_members,
    change_members,
    leave_parents,
    make_group,
    tell_members,
)
from vestibule.errors import FormCheck, NotAllowed, NotFound, Taken, WrongInput
from vestibule.events import changes_between
from vestibule.model import AdministratorRole, Group
from vestibule.scim.errors import InvalidValue, ScimError, excerpt
from vestibule.scim.filter import Document
from vestibule.scim.membership import MemberChange
from vestibule.scim.resource import clean
from vestibule.scim.schema import GROUP_TYPE
from vestibule.store.database import Tx, UniqueViolation
from vestibule.store.group_columns import group_columns
from vestibule.store.groups import lock_group, remove_group, update_group
from vestibule.store.identity_providers import all_providers
from vestibule.store.members import Named, find_named

LONGEST_NAME: Final = 200
MOST_ADDED: Final = 1000
"""How many members a form may add."""
_MENTIONED: Final = 5
"""How many names a refusal lists."""


async def create_by_hand(tx: Tx, name: str, members: Sequence[str] = ()) -> Group:
    """Create a group that belongs to no identity provider, and return it. `members` are as for `add_by_hand`.

    Raises:
        WrongInput: the name is not valid, or a member is unknown or ambiguous.
        Taken: another group that was made by hand has the name.
    """
    form = FormCheck()
    document: Document = form.check(_described, name, instead=Document())
    ids = list[str]()
    try:
        ids = await _resolved(tx, members)
    except WrongInput as wrong:
        form.add(wrong)
    form.finish()
    try:
        group = await make_group(tx, "", document)
    except UniqueViolation:
        raise _taken(document) from None
    group, delta = await add_first_members(tx, None, group, ids)
    await tell_members(tx, "group.created", group, {"changes": changes_between({}, document)}, delta)
    return group


async def rename_by_hand(tx: Tx, group_id: str, name: str) -> bool:
    """Rename a group that was made by hand. Returns whether it had another name.

    Raises:
        NotFound: there is no such group.
        NotAllowed: it belongs to an identity provider.
        WrongInput, Taken: as `create_by_hand`.
    """
    group = await _reach(tx, group_id)
    before: Document = orjson.loads(group.document)
    after = before | _described(name)
    changes = changes_between(before, after)
    if not changes:
        return False
    kept = _changed(tx, group)._replace(document=orjson.dumps(after).decode())
    try:
        await update_group(tx, kept, group_columns(after, kept.document))
    except UniqueViolation:
        raise _taken(after) from None
    await tell_members(tx, "group.changed", kept, {"changes": changes}, MemberDelta())
    return True


async def add_by_hand(tx: Tx, group_id: str, members: Sequence[str], by: AdministratorRole) -> int:
    """Add people and groups to a group that was made by hand. Returns how many were not in it.

    Each of `members` is an id, a userName or the name of a group. `by` is the role of who does it.

    Raises:
        NotFound: there is no such group.
        NotAllowed: it belongs to an identity provider, or it makes owners of this console and `by` is a lower role.
        WrongInput: a member is unknown or ambiguous, or the group would be in itself.
    """
    group = await _reach(tx, group_id)
    ids = await _resolved(tx, members)
    if not ids:
        raise WrongInput("Whom to add? Enter a user name, the name of a group, or an id.", field="members")
    return await _change(tx, group, MemberChange("add", ids), by)


async def remove_by_hand(tx: Tx, group_id: str, member_ids: Sequence[str], by: AdministratorRole) -> int:
    """Remove people and groups from a group that was made by hand, by their ids. Returns how many were in it.

    Raises:
        NotFound, NotAllowed: as `add_by_hand`.
    """
    group = await _reach(tx, group_id)
    return await _change(tx, group, MemberChange("remove", list(member_ids)), by) if member_ids else 0


async def delete_by_hand(tx: Tx, group_id: str, by: AdministratorRole) -> None:
    """Delete a group that was made by hand. Its people and groups stay; it leaves the groups that it is in.

    Raises:
        NotFound, NotAllowed: as `add_by_hand`.
    """
    group = await _reach(tx, group_id)
    reaches = await reaches_by_hand(tx, group, by)
    await leave_parents(tx, group)
    delta = await change_members(tx, None, group, [MemberChange("remove")])
    await remove_group(tx, group.id)
    changes = changes_between(orjson.loads(group.document), {})
    await tell_members(tx, "group.deleted", _changed(tx, group), {"changes": changes}, delta)
    for reach in reaches:
        await derive_reached(tx, group, delta, reach)


async def _reach(tx: Tx, group_id: str) -> Group:
    group = await lock_group(tx, group_id)
    if group is None:
        raise NotFound("There is no such group in this tenant.")
    if group.identity_provider_id:
        raise NotAllowed("This group is pushed by an identity provider. Change it there.")
    return group


def _changed(tx: Tx, group: Group) -> Group:
    return group._replace(version=group.version + 1, modified_at=max(tx.now, group.modified_at))


async def _change(tx: Tx, group: Group, change: MemberChange, by: AdministratorRole) -> int:
    """Change a group's members, with its event, and the roles that they have by it. Returns how many changed."""
    reaches = await reaches_by_hand(tx, group, by)
    try:
        delta = await change_members(tx, None, group, [change])
    except InvalidValue as refused:
        raise WrongInput(refused.detail, field="members") from None
    if delta:
        kept = _changed(tx, group)._replace(member_count=group.member_count + delta.growth)
        await update_group(tx, kept, None)
        await tell_members(tx, "group.changed", kept, {"changes": []}, delta)
        for reach in reaches:
            await derive_reached(tx, kept, delta, reach)
    return len(delta.added) + len(delta.removed)


def _described(name: str) -> Document:
    """Returns the document of a group with that name.

    Raises:
        WrongInput: the name is not valid.
    """
    if len(name.strip()) > LONGEST_NAME:
        raise WrongInput(
            f"The name of a group may have {LONGEST_NAME} characters; this one has {len(name.strip()):,}.", field="name"
        )
    if not name.strip():
        raise WrongInput("The group should have a name; the field is empty.", field="name")
    try:
        document, _ = clean({"displayName": name}, GROUP_TYPE)
    except ScimError as error:
        raise WrongInput(error.detail.replace("'displayName'", "The name"), field="name") from None
    return document


def _taken(document: dict[str, Any]) -> Taken:
    return Taken(
        f"There is already a group with the name '{document['displayName']}' that was made by hand.", field="name"
    )


# -- who is meant ------------------------------------------------------------------------------------------------------


async def _resolved(tx: Tx, members: Sequence[str]) -> list[str]:
    """Returns the ids of the people and groups that are meant by ids, userNames and names of groups.

    Raises:
        WrongInput: one is unknown or ambiguous, or there are too many.
    """
    wanted = list(dict.fromkeys(name for each in members if (name := each.strip())))
    if len(wanted) > MOST_ADDED:
        raise WrongInput(
            f"{MOST_ADDED:,} members can be added at once; {len(wanted):,} were named. Add them in several steps.",
            field="members",
        )
    found = await find_named(tx, wanted)
    form = FormCheck()
    if unknown := [name for name in wanted if name not in found]:
        named = ", ".join(f"'{excerpt(name, 60)}'" for name in unknown[:_MENTIONED])
        more = f" and {len(unknown) - _MENTIONED:,} more" if len(unknown) > _MENTIONED else ""
        form.add(WrongInput(f"No person and no group here has the name or id {named}{more}.", field="members"))
    if several := [name for name in wanted if len(found.get(name, ())) > 1]:
        owners = {provider.id: provider.name for provider in await all_providers(tx)}
        for name in several[:_MENTIONED]:
            each = ", ".join(_told(named, owners) for named in found[name][:_MENTIONED])
            form.add(WrongInput(f"Several are called '{excerpt(name, 60)}': {each}. Give an id.", field="members"))
    form.finish()
    return [found[name][0].id for name in wanted]


def _told(named: Named, owners: dict[str, str]) -> str:
    owner = owners.get(named.provider_id, "")
    if named.is_group:
        return f"{named.id} (a group of {owner})" if owner else f"{named.id} (a group made by hand)"
    return f"{named.id} ({owner or 'added by hand'})"
