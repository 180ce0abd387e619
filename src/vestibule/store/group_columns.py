"""How groups, and the members of groups, are searched by filters; and the columns of a group's document."""

from typing import Final, NamedTuple

from vestibule.scim.filter import Document
from vestibule.scim.schema import GROUP_TYPE
from vestibule.scim.text import fold
from vestibule.store.user_columns import folded_text
from vestibule.store.where import Column, Searched, ValueRows

_MEMBERS: Final = ValueRows(
    "group_members",
    "group_id",
    {
        "value": Column("v.member_id", indexed=True),
        "type": Column("CASE WHEN v.is_group THEN 'group' ELSE 'user' END"),
        "$ref": Column("({base_url} || CASE WHEN v.is_group THEN '/Groups/' ELSE '/Users/' END || v.member_id)"),
        "display": Column(
            "COALESCE((SELECT COALESCE(u.folded ->> 'displayname', u.user_name_key) FROM users u "
            "WHERE u.tenant_id = $1 AND u.id = v.member_id), "
            "(SELECT g.name_key FROM groups g WHERE g.tenant_id = $1 AND g.id = v.member_id))",
            nullable=True,
        ),
    },
    is_all=True,
)
SEARCHED_GROUPS: Final = Searched(
    GROUP_TYPE, "groups", {"displayName": Column("name_key", indexed=True)}, {"members": _MEMBERS}
)
"""How groups are searched by filters."""


class GroupColumns(NamedTuple):
    """The columns that are computed from a document."""

    name_key: str
    external_id: str | None
    folded: str


def group_columns(document: Document, text: str) -> GroupColumns:
    """Returns the columns of a document; `text` is the same as JSON."""
    return GroupColumns(fold(document["displayName"]), document.get("externalId"), folded_text(document, text))
