"""People > Groups: the list, a group's page, and changes of groups that were made by hand."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import orjson
from starlette.responses import Response

from vestibule.actions import groups_by_hand
from vestibule.actions.groups_by_hand import LONGEST_NAME, MOST_ADDED
from vestibule.endpoints.console.group_tree import Tree, tree_above, tree_below
from vestibule.endpoints.exchange import while_connected
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotAllowed, Refusal, WrongInput
from vestibule.model import Group, IdentityProvider
from vestibule.store.database import Tx
from vestibule.store.events import EventQuery, page_events
from vestibule.store.group_lists import (
    GroupSelection,
    ListedMember,
    count_groups,
    count_people_in,
    list_groups,
    list_members,
)
from vestibule.store.groups import display_name, find_group
from vestibule.store.identity_providers import all_providers

PAGE: Final = 50
BY_HAND: Final = "hand"
MOST_COUNTED: Final = 10_000
"""How many people in a group are counted to tell who has a role by it."""
Listed = TypeVar("Listed")


async def show_groups(visit: Visit) -> Response:
    """Show the list of groups, searched, filtered and paged."""
    provider_id, search = visit.query("provider"), visit.query("q").strip()
    after, before = visit.query("after"), visit.query("before")
    chosen = GroupSelection(search, "" if provider_id == BY_HAND else provider_id or None)

    async def find() -> tuple[list[Group], int, list[IdentityProvider]]:
        async with visit.context.database.scan(visit.tenant.id, "search" if search else "list") as reading:
            groups = await list_groups(reading, chosen, PAGE + 1, beyond=before or after, backward=bool(before))
            return groups, await count_groups(reading, chosen), await all_providers(reading)

    found, total, providers = await while_connected(visit.request.receive, find())
    groups, has_earlier, has_later = _cut(found, after, before)
    query = {name: value for name, value in (("q", search), ("provider", provider_id)) if value}
    return visit.page(
        "groups.html",
        groups=[(group, display_name(group)) for group in groups],
        total=total,
        providers=providers,
        names={provider.id: provider.name for provider in providers},
        asked=query,
        earlier=visit.at("groups", **query, before=groups[0].id) if has_earlier else "",
        later=visit.at("groups", **query, after=groups[-1].id) if has_later else "",
    )


def _cut(found: Sequence[Listed], after: str, before: str) -> tuple[Sequence[Listed], bool, bool]:
    """Returns one page of what was found, one more than a page, and whether there is a page before it and after it."""
    overflow = len(found) > PAGE
    page = found[1:] if overflow and before else found[:PAGE]
    if not page:
        return page, False, False
    return page, overflow if before else bool(after), True if before else overflow


async def show_group(visit: Visit) -> Response:
    """Show one group: its members, the groups around it, and the timeline."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        group = await find_group(reading, visit.path("group_id"))
        if group is None:
            # The history of a deleted group can still be read.
            events = await page_events(reading, EventQuery(subject_id=visit.path("group_id")), PAGE)
            if not events or not events[0].type.startswith("group."):
                raise visit.not_found()
            return visit.page("group_gone.html", events=events)
    return await _group_page(visit, group)


async def _group_page(visit: Visit, group: Group, refused: Refusal | None = None) -> Response:
    search, after, before = visit.query("q").strip(), visit.query("after"), visit.query("before")
    found = await _members(visit, group, search, after, before)
    members, has_earlier, has_later = _cut(found, after, before)
    async with visit.context.database.read(visit.tenant.id) as reading:
        providers = {provider.id: provider for provider in await all_providers(reading)}
        events = await page_events(reading, EventQuery(subject_id=group.id), PAGE)
        above, below = await tree_above(reading, group.id), await tree_below(reading, group.id)
    roles = await _roles_by(visit, group, above, list(providers.values()))
    asked = {"q": search} if search else {}
    return visit.page(
        "group.html",
        refused.status if refused else 200,
        group=group,
        external_id=orjson.loads(group.document).get("externalId", ""),
        name=display_name(group),
        provider=providers.get(group.identity_provider_id),
        names={provider.id: provider.name for provider in providers.values()},
        members=members,
        search=search,
        earlier=visit.at("groups", group.id, **asked, before=members[0].id) if has_earlier else "",
        later=visit.at("groups", group.id, **asked, after=members[-1].id) if has_later else "",
        above=above,
        below=below,
        roles=roles,
        may_change=visit.may("admin") and all(visit.may_change(each.provider) for each in roles),
        events=events,
        values={"name": visit.field("name") if refused else display_name(group), "members": visit.field("members")},
        limits=(LONGEST_NAME, MOST_ADDED),
        most_counted=MOST_COUNTED,
        refused=refused,
    )


@dataclass(frozen=True, slots=True)
class RoleByGroup:
    """A role that a role rule gives by a group, and to how many people of the rule's identity provider."""

    role: str
    provider: IdentityProvider
    through: str
    """The name of the group that the rule names, if it is one that this group is in."""
    people: int


async def _roles_by(
    visit: Visit, group: Group, above: Tree, providers: Sequence[IdentityProvider]
) -> list[RoleByGroup]:
    """Returns the roles that people have by being in a group, in the order of the rules."""
    names = {group.id: ""} | {branch.id: branch.name for branch in above.walk()}
    rules = [
        (provider, rule)
        for provider in providers
        for rule in provider.roles.rules
        if rule.source == "scim_group" and rule.value in names
    ]
    if not rules:
        return []
    counts = {provider.id: group.member_count for provider, _ in rules}
    async with visit.context.database.scan(visit.tenant.id, "list") as reading:
        for provider_id in counts:
            # Who is in a group that was pushed belongs to who pushed it, so a large one need not be counted.
            if provider_id != group.identity_provider_id or group.member_count <= MOST_COUNTED:
                counts[provider_id] = await count_people_in(reading, group.id, provider_id, MOST_COUNTED + 1)
    return [RoleByGroup(rule.role, provider, names[rule.value], counts[provider.id]) for provider, rule in rules]


async def _members(visit: Visit, group: Group, search: str, after: str, before: str) -> Sequence[ListedMember]:
    database, beyond = visit.context.database, before or after
    if not search:
        async with database.read(visit.tenant.id) as reading:
            return await list_members(reading, group.id, PAGE + 1, beyond=beyond, backward=bool(before))

    async def find() -> list[ListedMember]:
        async with database.scan(visit.tenant.id, "search") as reading:
            return await list_members(reading, group.id, PAGE + 1, search=search, beyond=beyond, backward=bool(before))

    return await while_connected(visit.request.receive, find())


# -- changes -----------------------------------------------------------------------------------------------------------


async def show_new_group(visit: Visit) -> Response:
    """Show the form to make a group by hand."""
    return _new_page(visit)


def _new_page(visit: Visit, refused: Refusal | None = None) -> Response:
    values = {"name": visit.field("name"), "members": visit.field("members")}
    status = refused.status if refused else 200
    return visit.page("group_new.html", status, values=values, limits=(LONGEST_NAME, MOST_ADDED), refused=refused)


async def add_group(visit: Visit) -> Response:
    """Make a group by hand."""
    try:
        async with visit.context.database.write(visit.actor) as tx:
            group = await groups_by_hand.create_by_hand(tx, visit.field("name"), visit.field("members").splitlines())
    except Refusal as refused:
        return _new_page(visit, refused)
    return visit.redirect(visit.at("groups", group.id), "group-added")


async def rename_group(visit: Visit) -> Response:
    """Rename a group that was made by hand."""
    name = visit.field("name")
    return await _change(visit, lambda tx, id_: groups_by_hand.rename_by_hand(tx, id_, name), "group-renamed")


async def add_members(visit: Visit) -> Response:
    """Add members to a group that was made by hand."""
    typed, by = visit.field("members").splitlines(), visit.who.role
    return await _change(visit, lambda tx, id_: groups_by_hand.add_by_hand(tx, id_, typed, by), "members-added")


async def remove_member(visit: Visit) -> Response:
    """Remove a member from a group that was made by hand."""
    gone, by = [visit.field("member")], visit.who.role
    return await _change(visit, lambda tx, id_: groups_by_hand.remove_by_hand(tx, id_, gone, by), "member-removed")


async def delete_group(visit: Visit) -> Response:
    """Delete a group that was made by hand, after its name was typed."""

    async def delete(tx: Tx, group_id: str) -> bool:
        group = await find_group(tx, group_id)
        if group is not None and not group.identity_provider_id:
            name, typed = display_name(group), visit.field("confirm").strip()
            if typed != name:
                raise WrongInput(f"To delete this group, type '{name}'; got '{typed[:80]}'.", field="confirm")
        await groups_by_hand.delete_by_hand(tx, group_id, visit.who.role)
        return True

    return await _change(visit, delete, "group-deleted", to=visit.at("groups"))


async def _change(visit: Visit, change: Callable[[Tx, str], Awaitable[object]], done: str, to: str = "") -> Response:
    """Change a group that was made by hand, and lead to its page or elsewhere. What is wrong is told on its page."""
    group_id = visit.path("group_id")
    try:
        async with visit.context.database.write(visit.actor) as tx:
            changed = await change(tx, group_id)
    except NotAllowed:
        raise
    except Refusal as refused:
        async with visit.context.database.read(visit.tenant.id) as reading:
            group = await find_group(reading, group_id)
        if group is None:
            raise
        return await _group_page(visit, group, refused)
    return visit.redirect(to or visit.at("groups", group_id), done if changed else "nothing-changed")
