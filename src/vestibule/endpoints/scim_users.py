"""People as a SCIM resource."""

from collections.abc import Iterable
from typing import Any

from vestibule.actions import provision
from vestibule.actions.scim_request import Sent
from vestibule.endpoints.scim_handlers import Handler, Pieces, Rendering, rendered
from vestibule.model import User
from vestibule.scim.filter import Document
from vestibule.scim.patch import Operation
from vestibule.scim.resource import Ignored, clean
from vestibule.scim.schema import GROUP_TYPE, USER_TYPE
from vestibule.store.database import Database, Reading, Row, Tx
from vestibule.store.listing import Listing
from vestibule.store.members import Membership, groups_of
from vestibule.store.user_columns import SEARCHED_USERS
from vestibule.store.user_lists import Visibility, seen_users
from vestibule.store.users import user_of_row
from vestibule.store.where import Where

_GROUPS = USER_TYPE.root.by_name["groups"]
Given = tuple[Document, list[Ignored]]


class Users(Handler[User]):
    """People, with the groups that they are in."""

    type = USER_TYPE
    searched = SEARCHED_USERS

    def parse(self, body: Any) -> Given:
        return clean(body, USER_TYPE)

    async def see(self, reading: Reading, visibility: Visibility, resource_id: str) -> User:
        return await provision.see_user(reading, visibility, resource_id)

    async def create(self, tx: Tx, sent: Sent, resource: Given) -> User:
        return await provision.create_user(tx, sent, *resource)

    async def replace(self, tx: Tx, sent: Sent, resource_id: str, resource: Given, if_match: str | None) -> User:
        return await provision.replace_user(tx, sent, resource_id, *resource, if_match)

    async def patch(
        self, tx: Tx, sent: Sent, resource_id: str, operations: list[Operation], if_match: str | None
    ) -> User:
        return await provision.patch_user(tx, sent, resource_id, operations, if_match)

    async def delete(self, tx: Tx, sent: Sent, resource_id: str, if_match: str | None) -> None:
        await provision.delete_user(tx, sent, resource_id, if_match)

    async def listing(self, reading: Reading, visibility: Visibility, condition: Where | None) -> Listing:
        return await seen_users(reading, visibility, condition)

    def of_row(self, row: Row) -> User:
        return user_of_row(row)

    def render(self, resource: User, how: Rendering) -> bytes | None:
        if resource.in_groups and how.projection.parts_of(_GROUPS):
            return None
        return rendered(resource.kept, USER_TYPE, how)

    async def render_more(self, database: Database, resources: list[User], how: Rendering) -> list[bytes | Pieces]:
        parts = how.projection.parts_of(_GROUPS)
        grouped = [user.id for user in resources if user.in_groups] if parts else []
        groups: dict[str, list[Membership]] = {}
        if grouped:
            async with database.read(how.tenant_id) as reading:
                groups = await groups_of(reading, grouped, how.provider_id)
        return [
            rendered(user.kept, USER_TYPE, how, _shown(groups.get(user.id, ()), parts, how.base_url))
            for user in resources
        ]


def _shown(groups: Iterable[Membership], parts: tuple[str, ...], base_url: str) -> dict[str, Any]:
    """Returns the attribute `groups` of a person, with the sub-attributes that the client wants."""
    shown = []
    for group in groups:
        whole = {
            "value": group.group_id,
            "$ref": f"{base_url}{GROUP_TYPE.endpoint}/{group.group_id}",
            "display": group.name,
            "type": "direct" if group.is_direct else "indirect",
        }
        shown.append({part: whole[part] for part in parts})
    return {"groups": shown} if shown else {}
