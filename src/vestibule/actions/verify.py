"""Consistency of the whole database: everything that is kept twice agrees, and nothing hangs loose.

Run it after anything that should not have harmed the data and might have; it may run while the server does. What looks
wrong at first sight is looked at again inside a transaction, so that a change under way is not taken for a fault. Each
finding is one sentence that names the row.
"""

from collections.abc import Callable
from typing import Final

import orjson

from vestibule.actions.provision import derivation_of
from vestibule.events import BY_NAME
from vestibule.mapping import DeriveAll
from vestibule.model import HOUSE, Actor
from vestibule.scim.errors import ScimError
from vestibule.scim.resource import clean
from vestibule.scim.schema import USER_TYPE
from vestibule.store.database import Database, House, Reading
from vestibule.store.identity_providers import all_providers, find_derivation
from vestibule.store.tenants import all_tenants
from vestibule.store.users import Searchable, lock_user, searchable

_BATCH: Final = 1000
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
_LOOSE_EMAILS: Final = """
SELECT DISTINCT user_id FROM user_emails WHERE tenant_id = $1
AND NOT EXISTS (SELECT 1 FROM users WHERE users.tenant_id = $1 AND users.id = user_emails.user_id) LIMIT 100
"""
_LOOSE_CREDENTIALS: Final = """
SELECT id FROM credentials WHERE tenant_id = $1 AND NOT EXISTS (
    SELECT 1 FROM identity_providers i WHERE i.tenant_id = $1 AND i.id = credentials.identity_provider_id) LIMIT 100
"""
_LATEST_VERSIONS: Final = """
SELECT subject_id, max(CAST(data ->> 'version' AS BIGINT)) FROM events
WHERE tenant_id = $1 AND subject_id >= $2 AND subject_id <= $3
AND type IN ('user.created', 'user.changed', 'user.deactivated', 'user.reactivated', 'user.adopted', 'user.deleted')
GROUP BY subject_id
"""
_LOOSE_ADMINISTRATORS: Final = """
SELECT id FROM administrators WHERE tenant_id = $1 AND user_id <> '' AND NOT EXISTS (
    SELECT 1 FROM users u WHERE u.tenant_id = $1 AND u.id = administrators.user_id
    AND u.identity_provider_id = administrators.identity_provider_id) LIMIT 100
"""
_BARRED_CONSOLE_SESSIONS: Final = """
SELECT a.id, u.id FROM sessions s JOIN administrators a ON a.tenant_id = s.tenant_id AND a.id = s.administrator_id
JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.user_id
WHERE s.tenant_id = $1 AND NOT (u.active AND u.blocked_at IS NULL) LIMIT 100
"""
_LOOSE_SESSIONS: Final = """
SELECT s.id FROM user_sessions s WHERE s.tenant_id = $1 AND NOT EXISTS (
    SELECT 1 FROM users u WHERE u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.active AND u.blocked_at IS NULL
    AND u.identity_provider_id = s.identity_provider_id) LIMIT 100
"""
_UNTOLD_SESSIONS: Final = """
SELECT s.id FROM user_sessions s WHERE s.tenant_id = $1 AND NOT EXISTS (
    SELECT 1 FROM events e WHERE e.tenant_id = s.tenant_id AND e.subject_id = s.user_id AND e.type = 'user.signed_in'
    AND e.data ->> 'session' = s.id) LIMIT 100
"""
_EVENT_TYPES: Final = "SELECT DISTINCT type FROM events"
_STRANGE_TENANTS: Final = """
SELECT DISTINCT tenant_id FROM {table} WHERE tenant_id <> 'house' AND tenant_id NOT IN (SELECT id FROM tenants)
"""
_TABLES: Final = (
    "identity_providers",
    "credentials",
    "users",
    "user_emails",
    "events",
    "derivations",
    "administrators",
    "sessions",
    "user_sessions",
    "saml_requests",
    "saml_seen",
    "saml_keys",
    "applications",
    "stopwatches",
)


async def find_faults(database: Database, tell: Callable[[str], None]) -> list[str]:
    """Every inconsistency as a sentence; `tell` hears how far it is."""
    faults = []
    checker = Actor(HOUSE, "operator", name="verify")
    async with database.house_read(checker) as house:
        tenants = await all_tenants(house)
        faults += await _check_house(house)
    for number, tenant in enumerate(tenants, 1):
        tell(f"Checking tenant {number} of {len(tenants)}: {tenant.name}")
        faults += [f"{tenant.name}: {fault}" for fault in await _check_tenant(database, tenant.id, tell)]
    return faults


async def _check_house(house: House) -> list[str]:
    faults = []
    if house.engine == "sqlite":
        faults += [f"SQLite: {row[0]}" for row in await house.all("PRAGMA integrity_check") if row[0] != "ok"]
    for table in _TABLES:
        rows = await house.all(_STRANGE_TENANTS.format(table=table))
        faults += [f"{table} has rows of a tenant {row[0]} that there is not" for row in rows]
    unknown = [row[0] for row in await house.all(_EVENT_TYPES) if row[0] not in BY_NAME]
    return faults + [f"an event has a type '{name}' that this program does not know" for name in unknown]


async def _check_tenant(database: Database, tenant_id: str, tell: Callable[[str], None]) -> list[str]:
    suspects: list[str] = []
    async with database.scan(tenant_id) as reading:
        loose = await reading.all(_LOOSE_EMAILS, tenant_id)
        faults = [f"e-mail addresses of a user {row[0]} that there is not" for row in loose]
        loose = await reading.all(_LOOSE_CREDENTIALS, tenant_id)
        faults += [f"the credential {row[0]} belongs to no identity provider" for row in loose]
        loose = await reading.all(_LOOSE_SESSIONS, tenant_id)
        faults += [f"the session {row[0]} belongs to nobody who may be signed in" for row in loose]
        loose = await reading.all(_LOOSE_ADMINISTRATORS, tenant_id)
        faults += [f"the administrator {row[0]} is linked to a user that there is not" for row in loose]
        barred = await reading.all(_BARRED_CONSOLE_SESSIONS, tenant_id)
        faults += [
            f"the administrator {row[0]} has a console session and is the user {row[1]}, who may not sign in"
            for row in barred
        ]
        untold = await reading.all(_UNTOLD_SESSIONS, tenant_id)
        faults += [f"no event tells how the session {row[0]} came into being" for row in untold]
        after, seen = "", 0
        while ids := [row[0] for row in await reading.all(_NEXT, tenant_id, after, _BATCH)]:
            suspects += {user_id for user_id, _ in await _check_users(reading, ids[0], ids[-1])}
            after, seen = ids[-1], seen + len(ids)
            tell(f"  {seen:,} users checked")
    for user_id in sorted(suspects):
        async with database.write(Actor(tenant_id, "operator", name="verify")) as tx:
            if await lock_user(tx, user_id) is not None:
                faults += [f"user {user_id}: {fault}" for _, fault in await _check_users(tx, user_id, user_id)]
    return faults


async def _check_users(reading: Reading, first: str, last: str) -> list[tuple[str, str]]:
    """Faults of the people between two ids, as (id, sentence)."""
    derive, deriving = await _mappings(reading)
    emails: dict[str, set[object]] = {}
    for user_id, value, position, type_key, primary in await reading.all(_EMAILS, reading.tenant, first, last):
        email = (value, position, type_key, None if primary is None else bool(primary))
        emails.setdefault(user_id, set()).add(email)
    versions = {row[0]: row[1] for row in await reading.all(_LATEST_VERSIONS, reading.tenant, first, last)}
    faults = []
    for row in await reading.all(_USERS, reading.tenant, first, last):
        user_id, provider_id, document, profile = row[0], row[1], orjson.loads(row[7]), orjson.loads(row[8])
        faults += [(user_id, fault) for fault in _check_user(row, emails.get(user_id, set()), versions.get(user_id))]
        if provider_id and provider_id not in derive:
            faults.append((user_id, f"it belongs to an identity provider {provider_id} that there is not"))
        elif provider_id and provider_id not in deriving and profile != derive[provider_id](document, row[10]):
            faults.append((user_id, "the Profile is not what the mapping derives"))
    return faults


async def _mappings(reading: Reading) -> tuple[dict[str, DeriveAll], set[str]]:
    """Each identity provider's mapping, and those whose people are being derived anew right now."""
    derive, deriving = {}, set()
    for provider in await all_providers(reading):
        derive[provider.id] = await derivation_of(reading, provider.id, provider.mapping_version)
        run = await find_derivation(reading, provider.id)
        if run is not None and run.finished_at is None:
            deriving.add(provider.id)
    return derive, deriving


def _check_user(row: tuple[object, ...], emails: set[object], told: int | None) -> list[str]:
    _, _, user_name_key, external_id, active, search, folded, text, _, version, _ = row
    document = orjson.loads(str(text))
    faults = []
    try:
        cleaned, ignored = clean(document, USER_TYPE)
        if cleaned != document or ignored:
            faults.append("the document is not what a request could have left")
    except ScimError as error:
        faults.append(f"the document does not follow the schema: {error.detail}")
        return faults
    wanted: Searchable = searchable(document, str(text))
    found = (user_name_key, external_id, bool(active), search, folded)
    if found != (wanted.user_name_key, wanted.external_id, wanted.active, wanted.search, wanted.folded):
        faults.append("the columns it is searched by are not those of the document")
    if emails != set(wanted.emails):
        faults.append("the e-mail addresses it is searched by are not those of the document")
    if told is None:
        faults.append("no event tells how it came into being")
    elif told != version:
        faults.append(f"it is at version {version} and its latest event tells version {told}")
    return faults
