"""`vestibule group`: list the groups of a tenant, show one, and page through its members.

Groups are changed by their identity provider, or in the console if they were made by hand.
"""

from typing import Any, Final

import click
import orjson

from vestibule.commands.acting import (
    AS_JSON,
    Kind,
    in_house,
    named_provider,
    named_tenant,
    provider_names,
    show,
    the_one_meant,
)
from vestibule.endpoints.context import Context
from vestibule.errors import WrongInput
from vestibule.model import Group, Tenant
from vestibule.store.database import Reading
from vestibule.store.group_lists import (
    GroupSelection,
    Link,
    ListedMember,
    find_groups_named,
    links_above,
    links_below,
    list_groups,
    list_members,
)
from vestibule.store.groups import display_name, find_group

_BATCH: Final = 1000
_MOST_MEMBERS: Final = 10_000
_MOST_LINKS: Final = 100
_BY_HAND: Final = "made by hand"
_KIND: Final = Kind("no group", "groups", "name", "group", _BY_HAND)
_WHICH: Final = click.argument("wanted", metavar="GROUP")
_IDP: Final = click.option("--idp", "provider_name", metavar="NAME", help="The identity provider whose GROUP is meant.")


@click.group("group")
def group_group() -> None:
    """Groups of a tenant."""


def group_json(group: Group, provider_name: str | None) -> dict[str, Any]:
    """Returns a group in the form that the commands print."""
    return {
        "id": group.id,
        "name": display_name(group),
        "external_id": orjson.loads(group.document).get("externalId"),
        "identity_provider": provider_name,
        "member_count": group.member_count,
        "created_at": group.created_at,
        "modified_at": group.modified_at,
    }


def link_json(link: Link, names: dict[str, str]) -> dict[str, Any]:
    """Returns a group that is next to another one in the form that `group show` prints."""
    return {
        "id": link.group_id,
        "name": link.name,
        "identity_provider": names.get(link.provider_id),
        "member_count": link.member_count,
    }


def member_json(member: ListedMember, names: dict[str, str]) -> dict[str, Any]:
    """Returns a member in the form that `group members` prints."""
    return {
        "id": member.id,
        "type": "Group" if member.is_group else "User",
        "name": member.name,
        "display_name": member.display_name or None,
        "identity_provider": names.get(member.provider_id),
        "active": None if member.is_group else member.active,
    }


@group_group.command("list")
@click.argument("tenant_name", metavar="TENANT")
@click.option("--search", default="", help="Words in names.")
@click.option("--idp", "provider_name", metavar="NAME", help="Only groups that this identity provider pushes.")
@click.option("--by-hand", is_flag=True, help="Only groups that were made by hand.")
@AS_JSON
def list_all(tenant_name: str, search: str, provider_name: str | None, by_hand: bool, as_json: bool) -> None:
    """List the groups of TENANT by name."""
    if provider_name and by_hand:
        raise WrongInput("Give either --idp or --by-hand: a group that was made by hand has no identity provider.")

    async def act(context: Context) -> list[dict[str, Any]]:
        tenant = await named_tenant(context, tenant_name)
        provider = await named_provider(context, tenant, provider_name) if provider_name else None
        chosen = GroupSelection(search, "" if by_hand else provider.id if provider else None)
        found = list[dict[str, Any]]()
        async with context.database.scan(tenant.id, "sweep") as reading:
            names = await provider_names(reading)
            groups = await list_groups(reading, chosen, _BATCH)
            while groups:
                found += [group_json(each, names.get(each.identity_provider_id)) for each in groups]
                more = len(groups) == _BATCH
                groups = await list_groups(reading, chosen, _BATCH, beyond=groups[-1].id) if more else []
        return found

    found = in_house(act)
    lines = [_line(each) for each in found]
    chose = search or provider_name or by_hand
    show(found, lines or ["No group matches." if chose else "No group yet."], as_json=as_json)


def _line(shown: dict[str, Any]) -> str:
    return f"{shown['id']}  {shown['member_count']:>9,}  {shown['identity_provider'] or _BY_HAND:16}  {shown['name']}"


@group_group.command("show")
@click.argument("tenant_name", metavar="TENANT")
@_WHICH
@_IDP
@AS_JSON
def show_one(tenant_name: str, wanted: str, provider_name: str | None, as_json: bool) -> None:
    """Show GROUP of TENANT, and the groups next to it.

    GROUP is a name or an id.
    """

    async def act(context: Context) -> dict[str, Any]:
        tenant = await named_tenant(context, tenant_name)
        group = await _group(context, tenant, wanted, provider_name)
        async with context.database.read(tenant.id) as reading:
            names = await provider_names(reading)
            above = await links_above(reading, group.id, _MOST_LINKS)
            below = await links_below(reading, group.id, _MOST_LINKS)
        return group_json(group, names.get(group.identity_provider_id)) | {
            "in_groups": [link_json(each, names) for each in above],
            "groups": [link_json(each, names) for each in below],
        }

    shown = in_house(act)
    count = shown["member_count"]
    owner, many = shown["identity_provider"] or _BY_HAND, "member" if count == 1 else "members"
    lines = [f"{shown['name']}: {count:,} {many}, {owner}, {shown['id']}"]
    for title, links in (("It is in", shown["in_groups"]), ("In it are", shown["groups"])):
        lines += [f"{title}:", *(f"  {_line(each)}" for each in links)] if links else []
    show(shown, lines, as_json=as_json)


@group_group.command("members")
@click.argument("tenant_name", metavar="TENANT")
@_WHICH
@_IDP
@click.option("--limit", type=click.IntRange(1, _MOST_MEMBERS), default=_BATCH, show_default=True, help="How many.")
@click.option("--after", default="", metavar="ID", help="Only members after this one, as the last page printed it.")
@AS_JSON
def members(tenant_name: str, wanted: str, provider_name: str | None, limit: int, after: str, as_json: bool) -> None:
    """List the direct members of GROUP of TENANT, a page at a time.

    GROUP is a name or an id.
    """

    async def act(context: Context) -> dict[str, Any]:
        tenant = await named_tenant(context, tenant_name)
        group = await _group(context, tenant, wanted, provider_name)
        async with context.database.scan(tenant.id, "sweep") as reading:
            names = await provider_names(reading)
            found = await list_members(reading, group.id, limit + 1, beyond=after)
        return {
            "group": group.id,
            "member_count": group.member_count,
            "members": [member_json(each, names) for each in found[:limit]],
            "next": found[limit - 1].id if len(found) > limit else None,
        }

    shown = in_house(act)
    lines = [_member_line(each) for each in shown["members"]]
    if shown["next"]:
        lines.append(f"{len(lines):,} of {shown['member_count']:,} members. The next page: --after {shown['next']}")
    show(shown, lines or ["No more members." if after else "No members."], as_json=as_json)


def _member_line(shown: dict[str, Any]) -> str:
    state = "group" if shown["type"] == "Group" else "active" if shown["active"] else "inactive"
    owner = shown["identity_provider"] or ("made by hand" if state == "group" else "added by hand")
    return f"{shown['id']}  {state:8}  {owner:16}  {shown['name']}"


async def _group(context: Context, tenant: Tenant, wanted: str, provider_name: str | None) -> Group:
    """Returns the group with that id or name, of the named identity provider if there is one.

    Raises:
        NotFound, WrongInput: there is none, or there are several.
    """
    return await the_one_meant(context, tenant, wanted, provider_name, _KIND, _find)


async def _find(reading: Reading, wanted: str) -> list[Group]:
    by_id = await find_group(reading, wanted)
    return [by_id] if by_id else await find_groups_named(reading, wanted)
