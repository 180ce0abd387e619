"""Groups as a SCIM resource.

A group may have 200,000 members. They are read only if the client wants them, and written to the socket in pieces if
there are many.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from vestibule.actions import groups
from vestibule.actions.scim_request import Sent
from vestibule.endpoints.scim_bodies import BodyReader, JsonBody
from vestibule.endpoints.scim_group_body import GROUP_PATCH_PARTS, LARGEST_GROUP_PATCH, GroupBody, WholeGroup
from vestibule.endpoints.scim_handlers import Handler, Pieces, Rendering, rendered
from vestibule.model import Group
from vestibule.scim.filter import Document
from vestibule.scim.membership import MAX_MEMBER_CHANGES, GroupPatch, parse_group_patch
from vestibule.scim.patch import Operation
from vestibule.scim.resource import Ignored, clean
from vestibule.scim.schema import GROUP_TYPE, USER_TYPE
from vestibule.store.database import Database, Reading, Row, Tx
from vestibule.store.group_columns import SEARCHED_GROUPS
from vestibule.store.groups import group_of_row, seen_groups
from vestibule.store.listing import Listing
from vestibule.store.members import PIECE, Member, page_members
from vestibule.store.user_lists import Visibility
from vestibule.store.where import Where

_MEMBERS: Final = GROUP_TYPE.root.by_name["members"]
Given = tuple[Document, tuple[str, ...], list[Ignored]]


class Groups(Handler[Group]):
    """Groups, with their direct members."""

    type = GROUP_TYPE
    searched = SEARCHED_GROUPS
    most_operations = MAX_MEMBER_CHANGES
    answers_patch = False

    def body(self, method: str) -> BodyReader:
        return JsonBody(LARGEST_GROUP_PATCH, GROUP_PATCH_PARTS) if method == "PATCH" else GroupBody()

    def parse(self, body: WholeGroup) -> Given:
        document, ignored = clean(body.rest, GROUP_TYPE)
        return document, body.member_ids, ignored

    def as_json(self, body: WholeGroup) -> Any:
        return body.rest

    def parse_operations(self, operations: list[Operation], base_url: str) -> GroupPatch:
        return parse_group_patch(operations, base_url)

    async def see(self, reading: Reading, visibility: Visibility, resource_id: str) -> Group:
        return await groups.see_group(reading, visibility, resource_id)

    async def create(self, tx: Tx, sent: Sent, resource: Given) -> Group:
        return await groups.create_group(tx, sent, *resource)

    async def replace(self, tx: Tx, sent: Sent, resource_id: str, resource: Given, if_match: str | None) -> Group:
        return await groups.replace_group(tx, sent, resource_id, *resource, if_match)

    async def patch(self, tx: Tx, sent: Sent, resource_id: str, operations: GroupPatch, if_match: str | None) -> Group:
        return await groups.patch_group(tx, sent, resource_id, operations, if_match)

    async def delete(self, tx: Tx, sent: Sent, resource_id: str, if_match: str | None) -> None:
        await groups.delete_group(tx, sent, resource_id, if_match)

    async def listing(self, reading: Reading, visibility: Visibility, condition: Where | None) -> Listing:
        del reading
        return seen_groups(visibility.provider_id, condition)

    def of_row(self, row: Row) -> Group:
        return group_of_row(row)

    def render(self, resource: Group, how: Rendering) -> bytes | None:
        if resource.member_count and how.projection.parts_of(_MEMBERS):
            return None
        return rendered(resource.kept, GROUP_TYPE, how)

    async def render_more(self, database: Database, resources: list[Group], how: Rendering) -> list[bytes | Pieces]:
        parts = how.projection.parts_of(_MEMBERS)
        shown: list[bytes | Pieces] = []
        for group in resources:
            if not group.member_count or not parts:
                shown.append(rendered(group.kept, GROUP_TYPE, how))
            elif group.member_count <= PIECE:
                async with database.read(how.tenant_id) as reading:
                    members = await page_members(reading, group.id, "", PIECE)
                listed = [_shown(member, parts, how.base_url) for member in members]
                shown.append(rendered(group.kept, GROUP_TYPE, how, {"members": listed} if listed else {}))
            else:
                shown.append(_pieces(database, group, parts, how))
        return shown


async def _pieces(database: Database, group: Group, parts: tuple[str, ...], how: Rendering) -> Pieces:
    """Yield a large group. Its members are read in pieces, so a change meanwhile may be seen in part; whoever is in the
    group all the time is there once.
    """
    whole = rendered(group.kept, GROUP_TYPE, how)
    yield whole[:-1] + b',"members":['
    joint, after = b"", ""
    while True:
        async with database.read(how.tenant_id) as reading:
            members = await page_members(reading, group.id, after, PIECE)
        if not members:
            break
        yield joint + b",".join(_dumped(members, parts, how.base_url))
        joint, after = b",", members[-1].id
    yield b"]}"


def _dumped(members: Iterable[Member], parts: tuple[str, ...], base_url: str) -> list[bytes]:
    return [orjson.dumps(_shown(member, parts, base_url)) for member in members]


def _shown(member: Member, parts: tuple[str, ...], base_url: str) -> dict[str, Any]:
    """Returns a member, with the sub-attributes that the client wants."""
    kind = GROUP_TYPE if member.is_group else USER_TYPE
    whole = {
        "value": member.id,
        "$ref": f"{base_url}{kind.endpoint}/{member.id}",
        "type": kind.name,
        "display": member.name,
    }
    return {part: whole[part] for part in parts if whole[part]}
