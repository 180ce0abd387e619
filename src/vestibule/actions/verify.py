"""Checks the consistency of the whole database: rows can be read, redundant data agrees, and references exist.

Run it after anything that may have damaged the data; the server may be running. A row that looks wrong is checked again
in a transaction, so that a change in progress is not reported. Each finding is one sentence that names the row.

Rule of this file: whatever is in the database, a check returns findings and raises no exception, and damaged rows
prevent as little else as possible from being checked.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from vestibule.actions.deriving import Deriving, deriving_of
from vestibule.actions.readable_rows import find_unreadable, parsed
from vestibule.errors import WrongInput
from vestibule.events import BY_NAME
from vestibule.mapping import compile_profile
from vestibule.model import HOUSE, Actor
from vestibule.scim.errors import ScimError
from vestibule.scim.resource import clean
from vestibule.scim.schema import GROUP_TYPE, USER_TYPE
from vestibule.store.database import AllTenants, Damaged, Database, Reading, Row
from vestibule.store.group_columns import GroupColumns, group_columns
from vestibule.store.identity_providers import find_derivation, find_provider
from vestibule.store.members import Membership, groups_of
from vestibule.store.tenants import find_tenants
from vestibule.store.user_columns import Searchable, searchable
from vestibule.store.users import lock_user

_BATCH: Final = 1000
_ODD: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""The exceptions that other code raises for JSON that the program did not write."""
_NEXT: Final = "SELECT id FROM users WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
_USERS: Final = """
SELECT id, identity_provider_id, user_name_key, external_id, active, search, folded, document, profile, version,
       saml_groups
FROM users WHERE tenant_id = $1 AND id >= $2 AND id <= $3
"""
_EMAILS: Final = """
SELECT user_id, value_key, position, type_key, is_primary FROM user_emails WHERE tenant_id = $1 AND user_id >= $2
AND user_id <= $3
"""
_SESSIONS: Final = "SELECT user_id, id FROM user_sessions WHERE tenant_id = $1 AND user_id >= $2 AND user_id <= $3"
_TELLING: Final = """
SELECT subject_id, id, type, data FROM events
WHERE tenant_id = $1 AND (subject_id, id) > ($2, $3) AND subject_id <= $4
AND type IN ('user.created', 'user.changed', 'user.deactivated', 'user.reactivated', 'user.adopted', 'user.deleted',
             'user.signed_in')
ORDER BY subject_id, id LIMIT $5
"""
_GROUPS: Final = """
SELECT id, name_key, external_id, folded, document FROM groups WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3
"""
_PROVIDERS: Final = "SELECT id, mapping_version FROM identity_providers WHERE tenant_id = $1 ORDER BY id"
_LOOSE: Final = (
    (
        "user_emails",
        "e-mail addresses of a user {0} that does not exist",
        """
        SELECT DISTINCT user_id FROM user_emails WHERE tenant_id = $1
        AND NOT EXISTS (SELECT 1 FROM users WHERE users.tenant_id = $1 AND users.id = user_emails.user_id) LIMIT 100
        """,
    ),
    (
        "group_members",
        "the group {0} has a member {1} that does not exist",
        """
        SELECT m.group_id, m.member_id FROM group_members m WHERE m.tenant_id = $1 AND NOT EXISTS (
            SELECT 1 FROM users u WHERE u.tenant_id = $1 AND u.id = m.member_id AND NOT m.is_group)
        AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.tenant_id = $1 AND g.id = m.member_id AND m.is_group) LIMIT 100
        """,
    ),
    (
        "group_members",
        "there are members of a group {0} that does not exist",
        """
        SELECT DISTINCT m.group_id FROM group_members m WHERE m.tenant_id = $1 AND NOT EXISTS (
            SELECT 1 FROM groups g WHERE g.tenant_id = $1 AND g.id = m.group_id) LIMIT 100
        """,
    ),
    (
        "groups",
        "the number of members that the group {0} has is not the one that is stored",
        """
        SELECT g.id FROM groups g WHERE g.tenant_id = $1 AND g.member_count <> (
            SELECT count(*) FROM group_members m WHERE m.tenant_id = $1 AND m.group_id = g.id) LIMIT 100
        """,
    ),
    (
        "credentials",
        "the credential {0} belongs to no identity provider",
        """
        SELECT id FROM credentials WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT 1 FROM identity_providers i WHERE i.tenant_id = $1 AND i.id = credentials.identity_provider_id)
        LIMIT 100
        """,
    ),
    (
        "user_sessions",
        "the session {0} belongs to no person who may be signed in",
        """
        SELECT s.id FROM user_sessions s WHERE s.tenant_id = $1 AND NOT EXISTS (
            SELECT 1 FROM users u WHERE u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.active
            AND u.blocked_at IS NULL AND u.identity_provider_id = s.identity_provider_id) LIMIT 100
        """,
    ),
    (
        "administrators",
        "the administrator {0} is linked to a user that does not exist",
        """
        SELECT id FROM administrators WHERE tenant_id = $1 AND user_id <> '' AND NOT EXISTS (
            SELECT 1 FROM users u WHERE u.tenant_id = $1 AND u.id = administrators.user_id
            AND u.identity_provider_id = administrators.identity_provider_id) LIMIT 100
        """,
    ),
    (
        "sessions",
        "the administrator {0} has a console session and is the user {1}, who may not sign in",
        """
        SELECT a.id, u.id FROM sessions s
        JOIN administrators a ON a.tenant_id = s.tenant_id AND a.id = s.administrator_id
        JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.user_id
        WHERE s.tenant_id = $1 AND NOT (u.active AND u.blocked_at IS NULL) LIMIT 100
        """,
    ),
)
"""Checks for dangling references within a tenant: the table, the finding, and the SQL whose rows fill it in."""
_EVENT_TYPES: Final = "SELECT DISTINCT type FROM events"
_STRANGE_TENANTS: Final = """
SELECT DISTINCT tenant_id FROM {table} WHERE tenant_id <> 'house' AND tenant_id NOT IN (SELECT id FROM tenants)
"""
_TABLES: Final = (
    "identity_providers",
    "credentials",
    "users",
    "user_emails",
    "groups",
    "group_members",
    "departures",
    "former_names",
    "events",
    "derivations",
    "administrators",
    "sessions",
    "user_sessions",
    "ended_sessions",
    "saml_requests",
    "saml_seen",
    "saml_keys",
    "applications",
    "stopwatches",
    "rule_previews",
)


async def find_faults(database: Database, tell: Callable[[str], None]) -> list[str]:
    """Returns all inconsistencies as sentences. `tell` is called with progress messages."""
    checker = Actor(HOUSE, "operator", name="verify")
    async with database.read_all_tenants(checker) as all_tenants:
        faults = await _check_whole(all_tenants)
        try:
            tenants = await find_tenants(all_tenants)
        except Damaged as damaged:
            return [*faults, f"tenants cannot be read to the end: {damaged}"]
    async with database.scan(HOUSE, "sweep") as reading:
        faults += [f"operators: {each.sentence}" for each in await find_unreadable(reading)]
    for number, tenant in enumerate(tenants, 1):
        tell(f"Checking tenant {number} of {len(tenants)}: {tenant.name}")
        faults += [f"{tenant.name}: {fault}" for fault in await find_faults_of_tenant(database, tenant.id, tell)]
    return faults


async def find_faults_of_tenant(database: Database, tenant_id: str, tell: Callable[[str], None]) -> list[str]:
    """Returns all inconsistencies of one tenant as sentences."""
    faults: list[str] = []
    async with database.scan(tenant_id, "sweep") as reading:
        unreadable = await find_unreadable(reading)
        faults += [each.sentence for each in unreadable]
        known = {each.id for each in unreadable}
        faults += await _check_providers(reading, known)
        for table, sentence, sql in _LOOSE:
            faults += [sentence.format(*row) for row in await _ask(reading, faults, table, sql, tenant_id)]
        faults += await _check_groups(reading, faults, known)
        suspects = await _find_suspects(reading, faults, tell)
    for user_id in sorted(suspects - known):
        faults += [f"user {user_id}: {fault}" for fault in await _look_again(database, tenant_id, user_id)]
    return faults


async def _ask(handle: AllTenants | Reading, faults: list[str], table: str, sql: str, *values: Any) -> list[Row]:
    """Returns the rows of a query. If the engine cannot read them, adds a finding and returns none."""
    try:
        return await handle.all(sql, *values)
    except Damaged as damaged:
        faults.append(f"{table} cannot be read to the end: {damaged}")
        return []


async def _check_whole(all_tenants: AllTenants) -> list[str]:
    """Returns faults that belong to no tenant."""
    faults: list[str] = []
    if all_tenants.engine == "sqlite":
        checked = await _ask(all_tenants, faults, "the file", "PRAGMA integrity_check")
        faults += [f"SQLite: {row[0]}" for row in checked if row[0] != "ok"]
    for table in _TABLES:
        rows = await _ask(all_tenants, faults, table, _STRANGE_TENANTS.format(table=table))
        faults += [f"{table} has rows of a tenant {row[0]} that does not exist" for row in rows]
    unknown = [row[0] for row in await _ask(all_tenants, faults, "events", _EVENT_TYPES) if row[0] not in BY_NAME]
    return faults + [f"an event has the unknown type '{name}'" for name in unknown]


# -- identity providers ------------------------------------------------------------------------------------------------


async def _check_providers(reading: Reading, known: set[str]) -> list[str]:
    """Check that identity providers can be read and their rules are valid, except those `known` to be unreadable."""
    faults: list[str] = []
    for provider_id, _ in await _ask(reading, faults, "identity_providers", _PROVIDERS, reading.tenant):
        if provider_id in known:
            continue
        fault = await _check_provider(reading, provider_id)
        faults += [f"identity_providers, row {provider_id}: {fault}"] if fault else []
    return faults


async def _check_provider(reading: Reading, provider_id: str) -> str:
    try:
        provider = await find_provider(reading, provider_id)
        if provider is not None:
            compile_profile(provider.mapping, provider.roles)
    except Damaged as damaged:
        return f"it cannot be read: {damaged}"
    except WrongInput:
        return "the mapping or the role rules are not valid"
    except _ODD:
        return "saml, mapping or roles is not what this program writes"
    return ""


async def _mappings(reading: Reading) -> dict[str, Deriving | None]:
    """Returns the function with which each identity provider derives Profiles.

    It is None while a derivation is running, and if the rules are not valid, which is a finding of its own.
    """
    mappings: dict[str, Deriving | None] = {}
    for provider_id, version in await reading.all(_PROVIDERS, reading.tenant):
        mappings[provider_id] = None
        run = await find_derivation(reading, provider_id)
        if run is None or run.finished_at is not None:
            with contextlib.suppress(WrongInput, *_ODD):
                mappings[provider_id] = await deriving_of(reading, provider_id, version)
    return mappings


# -- groups ------------------------------------------------------------------------------------------------------------


async def _check_groups(reading: Reading, faults: list[str], known: set[str]) -> list[str]:
    """Check the documents of groups and the columns for searching, except those `known` to be unreadable."""
    found: list[str] = []
    after = ""
    while rows := await _ask(reading, faults, "groups", _GROUPS, reading.tenant, after, _BATCH):
        after = rows[-1][0]
        for group_id, *row in rows:
            fault = "" if group_id in known else _check_group(*row)
            found += [f"group {group_id}: {fault}"] if fault else []
    return found


def _check_group(name_key: str, external_id: str | None, folded: str, text: str) -> str:
    try:
        document = orjson.loads(text)
        cleaned, ignored = clean(document, GROUP_TYPE)
        if cleaned != document or ignored:
            return "no request can have stored this document"
        matches = GroupColumns(name_key, external_id, folded) == group_columns(document, text)
    except ScimError as error:
        return f"the document does not follow the schema: {error.detail}"
    except _ODD:
        return "no request can have stored this document"
    return "" if matches else "the search columns do not match the document"


# -- people ------------------------------------------------------------------------------------------------------------


async def _find_suspects(reading: Reading, faults: list[str], tell: Callable[[str], None]) -> set[str]:
    """Returns the ids of people who look wrong in a first check.

    If a batch cannot be read, all its ids are returned.
    """
    suspects: set[str] = set()
    try:
        await _mappings(reading)
    except Damaged:
        faults.append("nobody was checked, because the identity providers cannot be read")
        return suspects
    after, seen = "", 0
    while rows := await _ask(reading, faults, "users", _NEXT, reading.tenant, after, _BATCH):
        ids = [row[0] for row in rows]
        try:
            suspects |= {user_id for user_id, _ in await _check_users(reading, ids[0], ids[-1])}
        except Damaged:
            suspects |= set(ids)
        after, seen = ids[-1], seen + len(ids)
        tell(f"  {seen:,} users checked")
    return suspects


async def _look_again(database: Database, tenant_id: str, user_id: str) -> list[str]:
    """Check a person again while their row is locked. Returns the faults."""
    try:
        async with database.write(Actor(tenant_id, "operator", name="verify")) as tx:
            if await lock_user(tx, user_id) is None:
                return []
            return [fault for _, fault in await _check_users(tx, user_id, user_id)]
    except Damaged as damaged:
        return [f"what belongs to it cannot be read: {damaged}"]


async def _check_users(reading: Reading, first: str, last: str) -> list[tuple[str, str]]:
    """Returns the faults of the people between two ids, as (id, sentence)."""
    mappings = await _mappings(reading)
    # Read before the events, so that every session that is found has its event.
    sessions = await reading.all(_SESSIONS, reading.tenant, first, last)
    emails: dict[str, set[object]] = {}
    for user_id, value, position, type_key, primary in await reading.all(_EMAILS, reading.tenant, first, last):
        email = (value, position, type_key, None if primary is None else bool(primary))
        emails.setdefault(user_id, set()).add(email)
    told = await _told(reading, first, last, {row[1] for row in sessions})
    faults = [
        (user_id, f"there is no event for the start of the session {session_id}")
        for user_id, session_id in sessions
        if session_id not in told.sessions and user_id not in told.in_part
    ]
    rows = await reading.all(_USERS, reading.tenant, first, last)
    groups: dict[str, list[Membership]] = {}
    if any(deriving is not None and deriving.groups for deriving in mappings.values()):
        groups = await groups_of(reading, [row[0] for row in rows])
    for row in rows:
        faults += [(row[0], fault) for fault in _check_document(row, emails.get(row[0], set()))]
        faults += [(row[0], fault) for fault in _check_profile(row, mappings, groups.get(row[0], []))]
        faults += [(row[0], fault) for fault in _check_version(row, told)]
    return faults


@dataclass(slots=True)
class _Told:
    """What events say about some people: the latest version of each, and which sessions began.

    `in_part` are those with an event that cannot be read, which is a finding of its own.
    """

    versions: dict[str, int] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    in_part: set[str] = field(default_factory=set)


async def _told(reading: Reading, first: str, last: str, wanted: set[str]) -> _Told:
    told, after = _Told(), (first, "")
    while rows := await reading.all(_TELLING, reading.tenant, *after, last, _BATCH):
        for subject, _, event_type, text in rows:
            data = parsed(text)
            if not isinstance(data, dict):
                told.in_part.add(subject)
            elif event_type == "user.signed_in":
                told.sessions |= wanted & {str(data.get("session"))}
            elif isinstance(version := data.get("version"), int):
                told.versions[subject] = max(version, told.versions.get(subject, version))
        after = rows[-1][0], rows[-1][1]
    return told


def _check_document(row: Row, emails: set[object]) -> list[str]:
    _, _, user_name_key, external_id, active, search, folded, text, _, _, _ = row
    try:
        document = orjson.loads(text)
        cleaned, ignored = clean(document, USER_TYPE)
        faults = ["no request can have stored this document"] if cleaned != document or ignored else []
        wanted: Searchable = searchable(document, text)
    except ScimError as error:
        return [f"the document does not follow the schema: {error.detail}"]
    except _ODD:
        return ["no request can have stored this document"]
    found = (user_name_key, external_id, bool(active), search, folded)
    if found != (wanted.user_name_key, wanted.external_id, wanted.active, wanted.search, wanted.folded):
        faults.append("the search columns do not match the document")
    if emails != set(wanted.emails):
        faults.append("the e-mail addresses for searching do not match the document")
    return faults


def _check_profile(row: Row, mappings: dict[str, Deriving | None], scim_groups: list[Membership]) -> list[str]:
    _, provider_id, *_, document, profile, _, groups = row
    if not provider_id:
        return []
    if provider_id not in mappings:
        return [f"it belongs to an identity provider {provider_id} that does not exist"]
    deriving, ids = mappings[provider_id], {group.group_id for group in scim_groups}
    try:
        if deriving is not None and orjson.loads(profile) != deriving.derive(orjson.loads(document), groups, ids):
            return ["the Profile is not the one that the mapping derives"]
    except _ODD:
        return ["the mapping cannot be applied to it"]
    return []


def _check_version(row: Row, told: _Told) -> list[str]:
    user_id, version = row[0], row[9]
    if told.versions.get(user_id) == version or user_id in told.in_part:
        return []
    if user_id not in told.versions:
        return ["there is no event for its creation"]
    return [f"it is at version {version}, but its latest event has version {told.versions[user_id]}"]
