"""Rows of people: the SCIM resource with what it is searched by, its e-mail addresses, and the Profile beside it.

What stands in columns is computed from the document by `searchable`, in Python, so that both engines agree; `verify`
holds every row to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import orjson

from vestibule.limits import LIST_BYTES
from vestibule.model import User
from vestibule.scim.filter import Document
from vestibule.scim.text import fold, simple_case
from vestibule.store.database import Reading, Row, Tx
from vestibule.store.former_names import note_former_name
from vestibule.store.where import Where

SEARCH_LENGTH: Final = 600
"""Characters of `users.search`; PostgreSQL indexes no entry above some 2,700 bytes."""


# -- what a document is found by ---------------------------------------------------------------------------------------


EmailRow = tuple[str, int, str | None, bool | None]
"""Of an address: folded value, position, folded type, whether it is primary."""


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
    """The columns of a document; `text` is the same as JSON."""
    emails = email_rows(document)
    return Searchable(
        fold(document["userName"]),
        document.get("externalId"),
        document["active"],
        search_text(document, emails),
        folded_text(document, text),
        emails,
    )


_SEARCHED: Final = ("userName", "externalId", "name", "displayName", "emails")
"""The attributes that the columns are made of, but for `active` and `folded`."""


def folded_text(document: Document, text: str) -> str:
    """A document as text that is compared without regard to case; `text` is the same as JSON."""
    return text.lower() if text.isascii() else orjson.dumps(_folded(document)).decode()


def search_text(document: Document, emails: tuple[EmailRow, ...]) -> str:
    """What a person is found by in the console: names and addresses, folded and shortened."""
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
    """The addresses of a document as they are searched by."""
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


# -- reading -----------------------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    "id, identity_provider_id, active, role, document, profile, version, created_at, modified_at, "
    "saml_groups, blocked_at"
)
_DOCUMENT: Final = 4
"""Where in a row the document is."""
_GET: Final = f"SELECT {_COLUMNS} FROM users WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_LOCK: Final = _GET + " /*for update*/"
_BY_NAME: Final = f"""
SELECT {_COLUMNS} FROM users WHERE tenant_id = $1 AND user_name_key = $2 ORDER BY identity_provider_id
"""  # noqa: S608 -- a constant
_BY_EXTERNAL_ID: Final = f"""
SELECT {_COLUMNS} FROM users WHERE tenant_id = $1 AND external_id = $2 AND identity_provider_id = $3 LIMIT 3
"""  # noqa: S608 -- a constant
_BY_EMAIL: Final = f"""
SELECT {_COLUMNS} FROM users WHERE tenant_id = $1 AND identity_provider_id = $3 AND id IN (
    SELECT user_id FROM user_emails WHERE tenant_id = $1 AND value_key = $2) ORDER BY id LIMIT 1000
"""  # noqa: S608 -- a constant
_OWN: Final = "identity_provider_id = $2"
# Of people who belong to nobody, an identity provider that may adopt sees those who hold no role and whose userName is
# not one of its own people's: so a userName stays unique in what it sees.
_OWN_OR_ADOPTABLE: Final = """
(identity_provider_id = $2 OR (identity_provider_id = '' AND role = '' AND NOT EXISTS (
    SELECT 1 FROM users own
    WHERE own.tenant_id = $1 AND own.user_name_key = users.user_name_key AND own.identity_provider_id = $2)))
"""
_ANY_ADOPTABLE: Final = "SELECT 1 FROM users WHERE tenant_id = $1 AND identity_provider_id = '' AND role = '' LIMIT 1"
_NAMED_BY_HAND: Final = """
SELECT id FROM users WHERE tenant_id = $1 AND user_name_key = $2 AND identity_provider_id = '' AND role = ''
"""
# What a write depends on comes with the first statement of its transaction.
_FOOTING_TO_CREATE: Final = """
SELECT i.mapping_version, i.provisioning, i.adopts, (
    SELECT u.id FROM users u
    WHERE u.tenant_id = $1 AND u.user_name_key = $3 AND u.identity_provider_id = '' AND u.role = '')
FROM identity_providers i WHERE i.tenant_id = $1 AND i.id = $2
"""
_FOOTING_TO_CHANGE: Final = """
SELECT i.mapping_version, i.provisioning, i.adopts, u.id, u.identity_provider_id, u.active, u.role, u.document,
       u.profile, u.version, u.created_at, u.modified_at, u.saml_groups, u.blocked_at
FROM users u JOIN identity_providers i ON i.tenant_id = u.tenant_id AND i.id = $2
WHERE u.tenant_id = $1 AND u.id = $3 /*for update of u*/
"""


def _user(row: Row) -> User:
    id_, provider, active, role, document, profile, version, created, modified, groups, blocked = row
    return User(id_, provider, bool(active), role, document, profile, version, created, modified, groups, blocked)


async def find_user(reading: Reading, user_id: str) -> User | None:
    """The person of that id, whoever they belong to."""
    row = await reading.one(_GET, reading.tenant, user_id)
    return _user(row) if row else None


async def lock_user(tx: Tx, user_id: str) -> User | None:
    """The person of that id, locked until the transaction ends."""
    row = await tx.one(_LOCK, tx.tenant, user_id)
    return _user(row) if row else None


async def find_users_by_name(reading: Reading, user_name: str) -> list[User]:
    """Everybody in the tenant with that userName, in any case: at most one for each identity provider."""
    return [_user(row) for row in await reading.all(_BY_NAME, reading.tenant, fold(user_name.strip()))]


async def find_own_users(
    reading: Reading, provider_id: str, *, user_name: str = "", external_id: str = ""
) -> list[User]:
    """An identity provider's people whom a message of that identity provider means: those of that userName, in capital
    or small letters (`simple_case`), or of that externalId.
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
    return [_user(row) for row in rows]


async def find_own_users_by_email(reading: Reading, provider_id: str, email: str) -> list[User]:
    """An identity provider's people who have that address, in any case of letters, as their primary or only one."""
    rows = await reading.all(_BY_EMAIL, reading.tenant, fold(email.strip()), provider_id)
    wanted = simple_case(email.strip())
    users = [_user(row) for row in rows]
    return [user for user in users if simple_case(_main_address(orjson.loads(user.document))) == wanted]


def _main_address(document: Document) -> str:
    """The primary address of a document, or its only one; empty for none."""
    emails = [email for email in document.get("emails", ()) if "value" in email]
    main = [email for email in emails if email.get("primary")] or (emails if len(emails) == 1 else [])
    return str(main[0]["value"]) if main else ""


class ProviderState(NamedTuple):
    """What an identity provider's write depends on, as it is in the transaction of the write."""

    mapping_version: int
    provisioning: str
    adopts: bool


async def find_state_to_create(tx: Tx, provider_id: str, user_name_key: str) -> tuple[ProviderState, str | None] | None:
    """The footing of a new person, and the id of a person added by hand, without a role, who has that userName."""
    row = await tx.one(_FOOTING_TO_CREATE, tx.tenant, provider_id, user_name_key)
    return (ProviderState(row[0], row[1], bool(row[2])), row[3]) if row else None


async def lock_user_to_change(tx: Tx, provider_id: str, user_id: str) -> tuple[ProviderState, User] | None:
    """The footing of a change, and the person of that id, locked until the transaction ends."""
    row = await tx.one(_FOOTING_TO_CHANGE, tx.tenant, provider_id, user_id)
    return (ProviderState(row[0], row[1], bool(row[2])), _user(row[3:])) if row else None


async def find_adoptable_name(reading: Reading, user_name_key: str) -> str | None:
    """The id of a person added by hand, without a role, who has that userName."""
    row = await reading.one(_NAMED_BY_HAND, reading.tenant, user_name_key)
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class Visibility:
    """What one identity provider sees: its own people, and those it may adopt where it may."""

    provider_id: str
    adopts: bool


async def page_users(
    reading: Reading, visibility: Visibility, condition: Where | None, start: int, count: int
) -> tuple[int, list[User]]:
    """How many people an identity provider sees that satisfy a condition, and one page of them in the order of their
    ids.

    `start` is 1-based. The parameters of the condition are numbered from 3.
    """
    # Most installations have nobody to adopt, and then the index on the identity provider alone answers.
    quick = condition is not None and condition.quick
    adopting = visibility.adopts and (quick or await reading.one(_ANY_ADOPTABLE, reading.tenant) is not None)
    scope = _OWN_OR_ADOPTABLE if adopting else _OWN
    test = f"tenant_id = $1 AND {scope}" + (f" AND {condition.sql}" if condition else "")
    values = [reading.tenant, visibility.provider_id, *(condition.values if condition else ())]
    rows, whole = await _page(reading, test, values, start, count, quick=quick)
    if whole and len(rows) < count and (rows or start == 1):
        total = start - 1 + len(rows)
    else:
        counted = await reading.one(f"SELECT count(*) FROM users WHERE {test}", *values)  # noqa: S608 -- test is made of constants and of `where`
        total = counted[0] if counted else 0
    return total, [_user(row) for row in rows]


_FIRST_PIECE: Final = 8
_LARGEST_PIECE: Final = 250


async def _page(
    reading: Reading, test: str, values: list[Any], start: int, count: int, *, quick: bool
) -> tuple[list[Row], bool]:
    """The rows of a page, and whether all of them are there: it ends early where they are large.

    They are read in pieces, so that no more than a piece is in memory beyond the limit: a few rows first, and then as
    many as fit if the others are like those.
    """
    # Where an index on a value leads to a few rows, `id || ''` keeps the planner from walking all rows in their order.
    order = "id || ''" if quick else "id"
    at = len(values)
    rows: list[Row] = []
    size, piece, beyond = 0, min(_FIRST_PIECE, count), ""
    while piece:
        # From beyond a row that was read, nobody is skipped or told twice, and what was passed over is not read again.
        test_here = f"{test} AND id > ${at + 3}" if beyond else test
        sql = f"SELECT {_COLUMNS} FROM users WHERE {test_here} ORDER BY {order} LIMIT ${at + 1} OFFSET ${at + 2}"  # noqa: S608 -- test is made of constants and of `where`
        more = await reading.all(sql, *values, piece, 0 if beyond else start - 1, *([beyond] if beyond else []))
        for row in more:
            document = row[_DOCUMENT]
            size += len(document) if document.isascii() else len(document.encode())
            if rows and size > LIST_BYTES:
                return rows, False
            rows.append(row)
        if len(more) < piece:
            break
        beyond = rows[-1][0]
        fitting = max((LIST_BYTES - size) * len(rows) // (size + 1), 1)
        piece = min(fitting, _LARGEST_PIECE, count - len(rows))
    return rows, True


# -- the console's list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserSelection:
    """Whom a list shows. None means all; an empty provider means people who were added by hand.

    `active` is what the identity provider says, `blocked` is what an administrator here decided: either goes with
    either.
    """

    search: str = ""
    active: bool | None = None
    provider_id: str | None = None
    blocked: bool | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """SQL after `tenant_id = $1`, and its values from $2 on."""
        parts, values = ["tenant_id = $1"], list[Any]()
        for word in fold(self.search).split()[:10]:
            # Found in the narrow index first; the rows are looked at only for what was found.
            values.append("%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
            parts.append(f"search LIKE ${len(values) + 1} ESCAPE '\\'")
        if self.active is not None:
            values.append(self.active)
            parts.append(f"active = ${len(values) + 1}")
        if self.blocked is not None:
            # Few are, and an index of its own has them and nobody else; `|| ''` below keeps the planner on it.
            parts.append(f"blocked_at IS {'NOT ' if self.blocked else ''}NULL")
        if self.provider_id is not None:
            values.append(self.provider_id)
            whose = "identity_provider_id || ''" if self.blocked else "identity_provider_id"
            parts.append(f"{whose} = ${len(values) + 1}")
        return " AND ".join(parts), values


async def list_users(
    reading: Reading, chosen: UserSelection, limit: int, *, beyond: str = "", newer: bool = False
) -> list[User]:
    """People, the newest first, from beyond one of them: older ones, or newer ones."""
    test, values = chosen.condition()
    if beyond:
        values.append(beyond)
        test += f" AND id {'>' if newer else '<'} ${len(values) + 1}"
    values.append(limit)
    order = "ASC" if newer else "DESC"
    sql = f"SELECT {_COLUMNS} FROM users WHERE {test} ORDER BY id {order} LIMIT ${len(values) + 1}"  # noqa: S608 -- made of constants; what was searched for is a parameter
    users = [_user(row) for row in await reading.all(sql, reading.tenant, *values)]
    return users[::-1] if newer else users


async def count_users(reading: Reading, chosen: UserSelection) -> int:
    """How many people a choice has."""
    test, values = chosen.condition()
    row = await reading.one(f"SELECT count(*) FROM users WHERE {test}", reading.tenant, *values)  # noqa: S608 -- as above
    return row[0] if row else 0


_COUNTS: Final = """
SELECT identity_provider_id, active, count(*) FROM users WHERE tenant_id = $1 GROUP BY identity_provider_id, active
"""
_TWINS: Final = """
SELECT user_name_key, count(*) FROM users WHERE tenant_id = $1 GROUP BY user_name_key HAVING count(*) > 1
ORDER BY user_name_key LIMIT 100
"""
_OF_PROVIDER: Final = f"""
SELECT {_COLUMNS} FROM users WHERE tenant_id = $1 AND identity_provider_id = $2 AND id > $3 ORDER BY id LIMIT $4
"""  # noqa: S608 -- a constant
_CHANGED_BETWEEN: Final = f"""
SELECT {_COLUMNS} FROM users
WHERE tenant_id = $1 AND modified_at >= $2 AND modified_at <= $3 AND (modified_at > $2 OR id > $4)
AND identity_provider_id = $5
ORDER BY modified_at, id LIMIT $6
"""  # noqa: S608 -- a constant


async def count_by_provider(reading: Reading) -> dict[tuple[str, bool], int]:
    """How many people there are for each (identity provider, active)."""
    rows = await reading.all(_COUNTS, reading.tenant)
    return {(row[0], bool(row[1])): row[2] for row in rows}


async def find_twins(reading: Reading) -> list[str]:
    """userNames (as keys) that more than one person has: possible duplicates, at most 100."""
    return [row[0] for row in await reading.all(_TWINS, reading.tenant)]


async def page_of_provider(reading: Reading, provider_id: str, after_id: str, limit: int) -> list[User]:
    """Return an identity provider's people in the order of their ids, the ones after an id."""
    return [_user(row) for row in await reading.all(_OF_PROVIDER, reading.tenant, provider_id, after_id, limit)]


async def page_of_changed(
    reading: Reading, provider_id: str, since: int, until: int, after_id: str, limit: int
) -> list[User]:
    """Return an identity provider's people who last changed between two instants, both included, in the order of their
    changes; of those who changed at the first instant only the ones after an id.
    """
    rows = await reading.all(_CHANGED_BETWEEN, reading.tenant, since, until, after_id, provider_id, limit)
    return [_user(row) for row in rows]


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
    """The statement that keeps a person whose document changed, and beside it these columns. It names no others: an
    UPDATE rewrites the entry in every index that has one of its columns, changed or not.
    """
    also = "".join(f", {name} = ${number}" for number, name in enumerate(changed, 8))
    return f"""
    UPDATE users SET version = $3, modified_at = $4, document = $5, folded = $6, profile = $7{also}
    WHERE tenant_id = $1 AND id = $2
    """  # noqa: S608 -- names of columns that stand in `update_user`


async def insert_user(tx: Tx, user: User, columns: Searchable) -> None:
    """Keep a new person.

    Raises:
        UniqueViolation: the identity provider has somebody of that userName.
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
    """Keep a person as they are now, where `was` and the document `before` were kept until now. Whoever is switched off
    is noted as signed out with it, as `note_signed_out` does; a userName that was given up is noted as somebody's.

    Raises:
        UniqueViolation: the identity provider has somebody else of that userName.
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
    if any(before.get(name) != after.get(name) for name in _SEARCHED):
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
    """Forget a person: the resource, not its history."""
    await _delete_emails(tx, user_id, email_rows(before))
    await tx.run(_DELETE, tx.tenant, user_id)


async def note_signed_out(tx: Tx, user_id: str) -> None:
    """Note that everything a person has open ends now: a sign-in that is under way opens nothing. It waits for one that
    is just being accepted, whose session is then there to be ended.
    """
    await tx.run(_NOTE_SIGNED_OUT, tx.tenant, user_id, tx.now)


async def signed_out_at(reading: Reading, user_id: str) -> int:
    """When everything that a person had open was last ended; 0 for never."""
    row = await reading.one(_SIGNED_OUT_AT, reading.tenant, user_id)
    return row[0] if row else 0


async def set_blocked(tx: Tx, user_id: str, at: int | None) -> None:
    """Keep a person out since an instant, or let them in again."""
    await tx.run(_SET_BLOCKED, tx.tenant, user_id, at)


async def set_groups(tx: Tx, user_id: str, groups: str, profile: str) -> None:
    """Keep the groups of a person's last assertion (JSON text) and the Profile that follows from them."""
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
