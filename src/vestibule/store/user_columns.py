"""The columns and e-mail rows that a person's SCIM document is searched by.

They are computed here, in Python, so that both engines agree; `verify` checks every stored row against them.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from vestibule.scim.filter import Document
from vestibule.scim.schema import USER_TYPE
from vestibule.scim.text import fold
from vestibule.store.where import Column, Searched, ValueRows

SEARCH_LENGTH: Final = 600
"""Maximum length of `users.search` in characters. PostgreSQL indexes no entry above some 2,700 bytes."""
SEARCHED: Final = ("userName", "externalId", "name", "displayName", "emails")
"""The attributes that the columns are computed from, except `active` and `folded`."""

SEARCHED_USERS: Final = Searched(
    USER_TYPE,
    "users",
    {"userName": Column("user_name_key", indexed=True), "active": Column("active", "boolean")},
    {
        "emails": ValueRows(
            "user_emails",
            "user_id",
            {
                "value": Column("v.value_key", indexed=True),
                "type": Column("v.type_key", nullable=True),
                "primary": Column("v.is_primary", "boolean", nullable=True),
            },
        ),
        "groups": ValueRows(
            """(WITH RECURSIVE above(tenant_id, member_id, group_id, is_direct) AS (
                SELECT m.tenant_id, m.member_id, m.group_id, 1 FROM group_members m
                WHERE m.tenant_id = $1 AND NOT m.is_group
                UNION
                SELECT m.tenant_id, a.member_id, m.group_id, 0 FROM above a
                JOIN group_members m ON m.tenant_id = $1 AND m.member_id = a.group_id)
            SELECT a.tenant_id, a.member_id, a.group_id, max(a.is_direct) AS is_direct FROM above a
            JOIN groups g ON g.tenant_id = $1 AND g.id = a.group_id AND g.identity_provider_id = $2
            GROUP BY a.tenant_id, a.member_id, a.group_id)""",
            "member_id",
            {
                "value": Column("v.group_id"),
                "$ref": Column("({base_url} || '/Groups/' || v.group_id)"),
                "display": Column(
                    "(SELECT g.name_key FROM groups g WHERE g.tenant_id = $1 AND g.id = v.group_id)", nullable=True
                ),
                "type": Column("CASE WHEN v.is_direct = 1 THEN 'direct' ELSE 'indirect' END"),
            },
            is_all=True,
            owners="""WITH RECURSIVE below(id) AS (
                SELECT g.id FROM groups g WHERE g.tenant_id = $1 AND g.identity_provider_id = $2 AND g.id = {value}
                UNION
                SELECT m.member_id FROM below b
                JOIN group_members m ON m.tenant_id = $1 AND m.group_id = b.id AND m.is_group = TRUE)
            SELECT m.member_id FROM below b
            JOIN group_members m ON m.tenant_id = $1 AND m.group_id = b.id AND NOT m.is_group""",
        ),
    },
)
"""How people are searched by filters. `$2` is the identity provider, which sees its own groups only."""
EmailRow = tuple[str, int, str | None, bool | None]
"""An e-mail address as a row: folded value, position, folded type, whether it is primary."""


@dataclass(frozen=True, slots=True)
class Searchable:
    """The columns that are computed from a document."""

    user_name_key: str
    external_id: str | None
    active: bool
    search: str
    folded: str
    emails: tuple[EmailRow, ...]


def searchable(document: Document, text: str) -> Searchable:
    """Returns the columns of a document; `text` is the same as JSON."""
    emails = email_rows(document)
    return Searchable(
        fold(document["userName"]),
        document.get("externalId"),
        document["active"],
        search_text(document, emails),
        folded_text(document, text),
        emails,
    )


def folded_text(document: Document, text: str) -> str:
    """Returns a document as text that is compared without regard to case; `text` is the same as JSON."""
    return text.lower() if text.isascii() else orjson.dumps(_folded(document)).decode()


def search_text(document: Document, emails: tuple[EmailRow, ...]) -> str:
    """Returns what a person is found by in the console: names and addresses, folded and shortened."""
    name = document.get("name", {})
    words = (
        document["userName"],
        document.get("displayName"),
        name.get("formatted"),
        name.get("givenName"),
        name.get("familyName"),
        document.get("externalId"),
    )
    found_by = [fold(word) for word in words if word] + [email[0] for email in emails]
    return "\n".join(dict.fromkeys(found_by))[:SEARCH_LENGTH]


def email_rows(document: Document) -> tuple[EmailRow, ...]:
    """Returns the addresses of a document as they are searched by."""
    return tuple(
        (fold(email["value"]), position, fold(email["type"]) if "type" in email else None, email.get("primary"))
        for position, email in enumerate(document.get("emails", ()))
        if "value" in email
    )


def _folded(value: Any) -> Any:
    match value:
        case str():
            return fold(value)
        case list():
            return [_folded(element) for element in value]
        case dict():
            return {fold(name): _folded(part) for name, part in value.items()}
        case _:
            return value
