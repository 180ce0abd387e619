"""Keeps Profiles in step with groups: a change of membership changes the roles that role rules give by a group.

Up to `AT_ONCE` people are derived in the transaction of the change, so that a person who loses a role has lost it at
the next request. More are left to the background run of the identity provider, which shows its progress.
"""

from typing import Final, NamedTuple

import orjson

from vestibule.actions.derive import begin_derivation
from vestibule.actions.deriving import Deriving, deriving_of, groups_that_count
from vestibule.actions.end_access import keep_console_in_step
from vestibule.actions.membership import MemberDelta
from vestibule.errors import NotAllowed
from vestibule.events import changes_between
from vestibule.mapping import makes_owners, scim_groups_of
from vestibule.model import ROLES, AdministratorRole, Group
from vestibule.store.database import Tx
from vestibule.store.events import append_events
from vestibule.store.groups import display_name, lock_nesting
from vestibule.store.identity_providers import all_providers
from vestibule.store.members import groups_of, lock_people, people_below
from vestibule.store.users import set_profiles

AT_ONCE: Final = 1000
"""People whose Profiles are derived in the transaction of the change."""
_PIECE: Final = 50
"""People who are derived before the event loop is given back."""


class Reach(NamedTuple):
    """What a change of a group's members may change: an identity provider's rules, and whether one of them names this
    group or a group that it is in.
    """

    provider_id: str
    deriving: Deriving
    mapping_version: int
    is_named: bool


async def reach_of(tx: Tx, group: Group, mapping_version: int) -> Reach:
    """Returns what a change of a group's members may change. Call it before the change."""
    deriving = await deriving_of(tx, group.identity_provider_id, mapping_version)
    if not deriving.groups:
        return Reach(group.identity_provider_id, deriving, mapping_version, is_named=False)
    # Two changes that meet, of a group and of a group in it, would each miss what the other one adds.
    await lock_nesting(tx, group.identity_provider_id)
    is_named = not deriving.groups.isdisjoint(await _around(tx, group))
    return Reach(group.identity_provider_id, deriving, mapping_version, is_named)


async def reaches_by_hand(tx: Tx, group: Group, by: AdministratorRole) -> list[Reach]:
    """Returns what a change of the members of a group that was made by hand may change, for each identity provider
    whose rules name it or a group that it is in. Call it before the change.

    Raises:
        NotAllowed: these rules can make an owner, and `by` is a lower role.
    """
    providers = await all_providers(tx)
    if not any(scim_groups_of(provider.roles) for provider in providers):
        return []
    for provider in providers:
        await lock_nesting(tx, provider.id)
    ids = await _around(tx, group)
    reaches = []
    for provider in await all_providers(tx):
        if scim_groups_of(provider.roles).isdisjoint(ids):
            continue
        if makes_owners(provider.roles) and ROLES.index(by) < ROLES.index("owner"):
            raise NotAllowed(
                f"Only owners may change this group, because role rules of {provider.name} name it and give "
                f"console-owner. Your role is {by}; ask an owner of this tenant."
            )
        deriving = await deriving_of(tx, provider.id, provider.mapping_version)
        reaches.append(Reach(provider.id, deriving, provider.mapping_version, is_named=True))
    return reaches


async def _around(tx: Tx, group: Group) -> set[str]:
    """Returns the ids of a group and of all groups that it is in."""
    above = await groups_of(tx, (group.id,))
    return {group.id, *(each.group_id for each in above.get(group.id, ()))}


async def derive_reached(tx: Tx, group: Group, delta: MemberDelta, reach: Reach) -> None:
    """Derive the Profiles of everybody whom a change of a group reaches, or leave them to the background run."""
    if not reach.is_named or not delta:
        return
    members = {**delta.added, **delta.removed}.values()
    people = {member.id for member in members if not member.is_group}
    nested = [member.id for member in members if member.is_group]
    if nested and len(people) <= AT_ONCE:
        people |= set(await people_below(tx, nested, AT_ONCE + 1))
    if len(people) > AT_ONCE:
        await begin_derivation(tx, reach.provider_id, reach.mapping_version)
        return
    ids = sorted(people)
    for start in range(0, len(ids), _PIECE):
        await _derive(tx, group, reach, ids[start : start + _PIECE])


async def _derive(tx: Tx, group: Group, reach: Reach, ids: list[str]) -> None:
    deriving = reach.deriving
    users = await lock_people(tx, reach.provider_id, ids)
    scim_groups = await groups_that_count(tx, deriving.groups, users)
    profiles, events = [], []
    for user in users:
        document, before = orjson.loads(user.document), orjson.loads(user.profile)
        after = deriving.derive(document, user.saml_groups, scim_groups.get(user.id, ()))
        if before == after:
            continue
        profile = orjson.dumps(after).decode()
        profiles.append((user.id, profile))
        await keep_console_in_step(tx, user.id, user.profile, profile)
        told = {
            "user_name": document["userName"],
            "name": display_name(group),
            "group": group.id,
            "changes": changes_between(before, after),
        }
        events.append((user.id, told))
    if profiles:
        await set_profiles(tx, profiles)
        await append_events(tx, "user.group_roles_changed", reach.provider_id, events)
