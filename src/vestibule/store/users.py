"""The row of one person: finding and locking it, inserting, updating and deleting it."""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, NamedTuple

import orjson

from vestibule.model import User
from vestibule.scim.filter import Document
from vestibule.scim.text import fold, simple_case
from vestibule.store.database import Reading, Row, Tx
from vestibule.store.former_names import note_former_name
from vestibule.store.user_columns import SEARCHED, EmailRow, Searchable, email_rows, folded_text, search_text

# -- reading -----------------------------------------------------------------------------------------------------------

USER_COLUMNS: Final = (
    "id, identity_provider_id, active, role, document, profile, version, created_at, modified_at, "
    "saml_groups, blocked_at, "
    "EXISTS (SELECT 1 FROM group_members m WHERE m.tenant_id = users.tenant_id AND m.member_id = users.id)"
)
"""What a SELECT names for `user_of_row`."""
_GET: Final = f"SELECT {USER_COLUMNS} FROM users WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_LOCK: Final = _GET + " /*for update*/"
_BY_NAME: Final = f"""
SELECT {USER_COLUMNS} FROM users WHERE tenant_id = $1 AND user_name_key = $2 ORDER BY identity_provider_id
"""  # noqa: S608 -- a constant
_BY_EXTERNAL_ID: Final = f"""
SELECT {USER_COLUMNS} FROM users WHERE tenant_id = $1 AND external_id = $2 AND identity_provider_id = $3 LIMIT 3
"""  # noqa: S608 -- a constant
_BY_EMAIL: Final = f"""
SELECT {USER_COLUMNS} FROM users WHERE tenant_id = $1 AND identity_provider_id = $3 AND id IN (
    SELECT user_id FROM user_emails WHERE tenant_id = $1 AND value_key = $2) ORDER BY id LIMIT 1000
"""  # noqa: S608 -- a constant
_NAMED_BY_HAND: Final = """
SELECT id FROM users WHERE tenant_id = $1 AND user_name_key = $2 AND identity_provider_id = '' AND role = ''
"""
# Everything that a write depends on is read by the first statement of its transaction.
_STATE_TO_CREATE: Final = """
SELECT i.mapping_version, i.provisioning, i.adopts, (
    SELECT u.id FROM users u
    WHERE u.tenant_id = $1 AND u.user_name_key = $3 AND u.identity_provider_id = '' AND u.role = '')
FROM identity_providers i WHERE i.tenant_id = $1 AND i.id = $2
"""
_STATE_TO_CHANGE: Final = """
SELECT i.mapping_version, i.provisioning, i.adopts, u.id, u.identity_provider_id, u.active, u.role, u.document,
       u.profile, u.version, u.created_at, u.modified_at, u.saml_groups, u.blocked_at,
       EXISTS (SELECT 1 FROM group_members m WHERE m.tenant_id = u.tenant_id AND m.member_id = u.id)
FROM users u JOIN identity_providers i ON i.tenant_id = u.tenant_id AND i.id = $2
WHERE u.tenant_id = $1 AND u.id = $3 /*for update of u*/
"""


def user_of_row(row: Row) -> User:
    """Returns the person in a row of `USER_COLUMNS`."""
    id_, provider, active, role, document, profile, version, created, modified, groups, blocked, in_groups = row
    active, in_groups = bool(active), bool(in_groups)
    return User(id_, provider, active, role, document, profile, version, created, modified, groups, blocked, in_groups)


async def find_user(reading: Reading, user_id: str) -> User | None:
    """Returns the person with that id, of any identity provider."""
    row = await reading.one(_GET, reading.tenant, user_id)
    return user_of_row(row) if row else None


async def lock_user(tx: Tx, user_id: str) -> User | None:
    """Returns the person with that id, locked until the transaction ends."""
    row = await tx.one(_LOCK, tx.tenant, user_id)
    return user_of_row(row) if row else None


async def find_users_by_name(reading: Reading, user_name: str) -> list[User]:
    """Returns everybody in the tenant with that userName, in any case: at most one for each identity provider."""
    return [user_of_row(row) for row in await reading.all(_BY_NAME, reading.tenant, fold(user_name.strip()))]


async def find_own_users(
    reading: Reading, provider_id: str, *, user_name: str = "", external_id: str = ""
) -> list[User]:
    """Returns an identity provider's people whom a message of that identity provider means: those with that userName,
    in capital or small letters (`simple_case`), or with that externalId.
    """
    if user_name:
        wanted = simple_case(user_name)
        return [
            user
            for user in await find_users_by_name(reading, user_name)
            if user.identity_provider_id == provider_id
            and simple_case(orjson.loads(user.document)["userName"]) == wanted
        ]
    rows = await reading.all(_BY_EXTERNAL_ID, reading.tenant, external_id, provider_id)
    return [user_of_row(row) for row in rows]


async def find_own_users_by_email(reading: Reading, provider_id: str, email: str) -> list[User]:
    """Returns an identity provider's people who have that address, in any case of letters, as their primary or only
    one.
    """
    rows = await reading.all(_BY_EMAIL, reading.tenant, fold(email.strip()), provider_id)
    wanted = simple_case(email.strip())
    users = [user_of_row(row) for row in rows]
    return [user for user in users if simple_case(_main_address(orjson.loads(user.document))) == wanted]


def _main_address(document: Document) -> str:
    """Returns the primary address of a document, or its only one; empty for none."""
    emails = [email for email in document.get("emails", ()) if "value" in email]
    main = [email for email in emails if email.get("primary")] or (emails if len(emails) == 1 else [])
    return str(main[0]["value"]) if main else ""


class ProviderState(NamedTuple):
    """The settings of an identity provider that a write depends on, as its transaction sees them."""

    mapping_version: int
    provisioning: str
    adopts: bool


async def find_state_to_create(tx: Tx, provider_id: str, user_name_key: str) -> tuple[ProviderState, str | None] | None:
    """Returns the identity provider's state, and the id of a person of that name, added by hand, without a role."""
    row = await tx.one(_STATE_TO_CREATE, tx.tenant, provider_id, user_name_key)
    return (ProviderState(row[0], row[1], bool(row[2])), row[3]) if row else None


async def lock_user_to_change(tx: Tx, provider_id: str, user_id: str) -> tuple[ProviderState, User] | None:
    """Returns the identity provider's state and the person with that id, who is locked until the transaction ends."""
    row = await tx.one(_STATE_TO_CHANGE, tx.tenant, provider_id, user_id)
    return (ProviderState(row[0], row[1], bool(row[2])), user_of_row(row[3:])) if row else None


async def find_adoptable_name(reading: Reading, user_name_key: str) -> str | None:
    """Returns the id of a person added by hand, without a role, who has that userName."""
    row = await reading.one(_NAMED_BY_HAND, reading.tenant, user_name_key)
    return row[0] if row else None


# -- writing -----------------------------------------------------------------------------------------------------------

_INSERT: Final = """
INSERT INTO users (tenant_id, id, identity_provider_id, user_name_key, external_id, active, role, version, created_at,
                   modified_at, search, document, folded, profile)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
_SET_PROFILE: Final = "UPDATE users SET profile = $3 WHERE tenant_id = $1 AND id = $2"
_SET_BLOCKED: Final = "UPDATE users SET blocked_at = $3 WHERE tenant_id = $1 AND id = $2"
_SET_GROUPS: Final = "UPDATE users SET saml_groups = $3, profile = $4 WHERE tenant_id = $1 AND id = $2"
_DELETE: Final = "DELETE FROM users WHERE tenant_id = $1 AND id = $2"
_NOTE_SIGNED_OUT: Final = "UPDATE users SET signed_out_at = $3 WHERE tenant_id = $1 AND id = $2"
_SIGNED_OUT_AT: Final = "SELECT signed_out_at FROM users WHERE tenant_id = $1 AND id = $2"
_INSERT_EMAIL: Final = """
INSERT INTO user_emails (tenant_id, value_key, user_id, position, type_key, is_primary) VALUES ($1, $2, $3, $4, $5, $6)
"""
_DELETE_EMAIL: Final = "DELETE FROM user_emails WHERE tenant_id = $1 AND value_key = $2 AND user_id = $3"


@cache
def _update(changed: tuple[str, ...]) -> str:
    """Returns the statement that updates a person's document and these columns. It names no others, because an UPDATE
    rewrites the entry in every index that has one of its columns, changed or not.
    """
    also = "".join(f", {name} = ${number}" for number, name in enumerate(changed, 8))
    return f"""
    UPDATE users SET version = $3, modified_at = $4, document = $5, folded = $6, profile = $7{also}
    WHERE tenant_id = $1 AND id = $2
    """  # noqa: S608 -- the column names are constants in `update_user`


async def insert_user(tx: Tx, user: User, columns: Searchable) -> None:
    """Store a new person.

    Raises:
        UniqueViolation: the identity provider has somebody with that userName.
    """
    await tx.run(
        _INSERT,
        tx.tenant,
        user.id,
        user.identity_provider_id,
        columns.user_name_key,
        columns.external_id,
        user.active,
        user.role,
        user.version,
        user.created_at,
        user.modified_at,
        columns.search,
        user.document,
        columns.folded,
        user.profile,
    )
    await _insert_emails(tx, user.id, columns.emails)


async def update_user(tx: Tx, was: User, user: User, before: Document, after: Document) -> None:
    """Update a person; `was` and the document `before` are what is stored until now. Somebody who is deactivated is
    also noted as signed out, as by `note_signed_out`, and a userName that was given up is noted as a former one.

    Raises:
        UniqueViolation: the identity provider has somebody else with that userName.
    """
    changed: list[tuple[str, Any]] = []
    if user.active != was.active:
        changed.append(("active", user.active))
        if was.active:
            changed.append(("signed_out_at", tx.now))
    if user.identity_provider_id != was.identity_provider_id:
        changed.append(("identity_provider_id", user.identity_provider_id))
    if user.role != was.role:
        changed.append(("role", user.role))
    old_emails: tuple[EmailRow, ...] = ()
    emails: tuple[EmailRow, ...] = ()
    if any(before.get(name) != after.get(name) for name in SEARCHED):
        old_emails, emails = email_rows(before), email_rows(after)
        columns = (
            ("user_name_key", fold(before["userName"]), fold(after["userName"])),
            ("external_id", before.get("externalId"), after.get("externalId")),
            ("search", search_text(before, old_emails), search_text(after, emails)),
        )
        changed += [(name, now) for name, then, now in columns if now != then]
    await tx.run(
        _update(tuple([name for name, _ in changed])),
        tx.tenant,
        user.id,
        user.version,
        user.modified_at,
        user.document,
        folded_text(after, user.document),
        user.profile,
        *[now for _, now in changed],
    )
    if emails != old_emails:
        await _delete_emails(tx, user.id, old_emails)
        await _insert_emails(tx, user.id, emails)
    if user.identity_provider_id and any(name == "user_name_key" for name, _ in changed):
        await note_former_name(tx, user.identity_provider_id, user.id, before["userName"])


async def remove_user(tx: Tx, user_id: str, before: Document) -> None:
    """Delete a person: the resource, not its events."""
    await _delete_emails(tx, user_id, email_rows(before))
    await tx.run(_DELETE, tx.tenant, user_id)


async def note_signed_out(tx: Tx, user_id: str) -> None:
    """Note that all sessions of a person end now, so that a sign-in in progress opens none. This waits for a sign-in
    that is being accepted at the moment, so that its session can be ended too.
    """
    await tx.run(_NOTE_SIGNED_OUT, tx.tenant, user_id, tx.now)


async def signed_out_at(reading: Reading, user_id: str) -> int:
    """Returns when everything that a person had open was last ended; 0 for never."""
    row = await reading.one(_SIGNED_OUT_AT, reading.tenant, user_id)
    return row[0] if row else 0


async def set_blocked(tx: Tx, user_id: str, at: int | None) -> None:
    """Block a person from an instant on, or let them in again (None)."""
    await tx.run(_SET_BLOCKED, tx.tenant, user_id, at)


async def set_groups(tx: Tx, user_id: str, groups: str, profile: str) -> None:
    """Store the groups of a person's last assertion (JSON text), and the Profile derived with them."""
    await tx.run(_SET_GROUPS, tx.tenant, user_id, groups, profile)


async def set_profiles(tx: Tx, profiles: Iterable[tuple[str, str]]) -> None:
    """Replace Profiles, given as (person's id, JSON)."""
    await tx.many(_SET_PROFILE, [(tx.tenant, user_id, profile) for user_id, profile in profiles])


async def _insert_emails(tx: Tx, user_id: str, emails: tuple[EmailRow, ...]) -> None:
    for value, position, type_key, primary in emails:
        await tx.run(_INSERT_EMAIL, tx.tenant, value, user_id, position, type_key, primary)


async def _delete_emails(tx: Tx, user_id: str, emails: tuple[EmailRow, ...]) -> None:
    for value in {email[0] for email in emails}:
        await tx.run(_DELETE_EMAIL, tx.tenant, value, user_id)
