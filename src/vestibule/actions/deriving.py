"""How Profiles of an identity provider's people are derived: its compiled rules, and who is in the groups they name."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from vestibule.mapping import DeriveAll, compile_profile, reads_active, scim_groups_of
from vestibule.model import RoleRules, User
from vestibule.store.database import Reading
from vestibule.store.identity_providers import find_provider
from vestibule.store.members import groups_of

_MOST_KEPT: Final = 256


class Deriving(NamedTuple):
    """One version of an identity provider's rules, compiled."""

    derive: DeriveAll
    reads_active: bool
    """Whether Profiles depend on `active`."""
    groups: frozenset[str]
    """The ids of the groups that role rules name."""


_kept: OrderedDict[tuple[str, int], Deriving] = OrderedDict()


async def deriving_of(reading: Reading, provider_id: str, version: int) -> Deriving:
    """Returns one version of an identity provider's rules, compiled. It is cached."""
    deriving = _kept.get((provider_id, version))
    if deriving is None:
        provider = await find_provider(reading, provider_id)
        rules, roles = (provider.mapping, provider.roles) if provider else ((), RoleRules())
        deriving = Deriving(compile_profile(rules, roles), reads_active(rules), scim_groups_of(roles))
        if provider and provider.mapping_version == version:
            _kept[provider_id, version] = deriving
            if len(_kept) > _MOST_KEPT:
                _kept.popitem(last=False)
    return deriving


async def groups_that_count(
    reading: Reading, groups: frozenset[str], users: Iterable[User]
) -> dict[str, frozenset[str]]:
    """Returns which of some groups each person is in, directly or through others. Who is in none is left out."""
    in_groups = [user.id for user in users if user.in_groups] if groups else []
    if not in_groups:
        return {}
    found = await groups_of(reading, in_groups)
    return {user_id: groups.intersection(each.group_id for each in listed) for user_id, listed in found.items()}
