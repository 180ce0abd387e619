"""Rows of people's sessions. A session is valid while its row exists and its person, identity provider and tenant are
active. All of it is read again for every request, so that a session that ended is over on every node.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from vestibule.store.database import AllTenants, Reading, Row, Tx
from vestibule.store.ended_sessions import SignOutReason, end, ending


class UserSession(NamedTuple):
    """A person's signed-in browser. The token is in its cookie only; the hash of it is here."""

    token_check: bytes
    id: str
    user_id: str
    identity_provider_id: str
    name_id: str
    name_id_format: str
    session_index: str
    form_token: str
    created_at: int
    seen_at: int
    expires_at: int
    address: str
    agent: str

    def live(self, now: int, idle: int) -> bool:
        """Returns whether a session may still be used at that moment, if one may be unused for `idle` milliseconds."""
        return now < self.expires_at and now - self.seen_at < idle


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions were ended: a person's own, and console sessions of the administrator linked to them."""

    own: int
    console: int

    @property
    def all(self) -> int:
        """Both."""
        return self.own + self.console


_COLUMNS: Final = (
    "token_check, id, user_id, identity_provider_id, name_id, name_id_format, session_index, form_token, created_at, "
    "seen_at, expires_at, address, agent"
)
_INSERT: Final = f"""
INSERT INTO user_sessions (tenant_id, {_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""  # noqa: S608 -- a constant
_FIND: Final = f"""
SELECT {_COLUMNS} FROM user_sessions s WHERE tenant_id = $1 AND token_check = $2 AND EXISTS (
    SELECT 1 FROM users u JOIN identity_providers i ON i.tenant_id = u.tenant_id AND i.id = u.identity_provider_id
    JOIN tenants t ON t.id = u.tenant_id
    WHERE u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.active AND u.blocked_at IS NULL
      AND i.id = s.identity_provider_id AND i.enabled AND t.state = 'active')
"""  # noqa: S608 -- a constant
_OF_USER: Final = f"""
SELECT {_COLUMNS} FROM user_sessions WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at DESC LIMIT 100
"""  # noqa: S608 -- a constant
_SEEN: Final = "UPDATE user_sessions SET seen_at = $3 WHERE tenant_id = $1 AND token_check = $2"
_SIGNED_OUT: Final = "DELETE FROM user_sessions WHERE tenant_id = $1 AND user_id = $2 AND id = $3"
_END_ONE: Final = ending("user_sessions", "tenant_id = $1 AND user_id = $2 AND id = $3", 3)
_END_OF_USER: Final = ending("user_sessions", "tenant_id = $1 AND user_id = $2", 2)
_END_CONSOLE_OF_USER: Final = ending(
    "sessions",
    "tenant_id = $1 AND administrator_id IN (SELECT id FROM administrators WHERE tenant_id = $1 AND user_id = $2)",
    2,
)
_MAY_HAVE_SOME: Final = """
SELECT EXISTS (SELECT 1 FROM user_sessions WHERE tenant_id = $1 AND user_id = $2),
       EXISTS (SELECT 1 FROM administrators WHERE tenant_id = $1 AND user_id = $2)
"""
_USERS_OF_NAME: Final = """
SELECT DISTINCT user_id FROM user_sessions WHERE tenant_id = $1 AND identity_provider_id = $2 AND name_id = $3
"""
_END_INDEX: Final = ending(
    "user_sessions", "tenant_id = $1 AND user_id = $2 AND identity_provider_id = $3 AND session_index = $4", 4
)
_END_REPLACED: Final = "DELETE FROM user_sessions WHERE tenant_id = $1 AND token_check = $2"
_END_OF_PROVIDER: Final = ending("user_sessions", "tenant_id = $1 AND identity_provider_id = $2", 2)
_END_CONSOLE_OF_PROVIDER: Final = ending(
    "sessions",
    "tenant_id = $1 AND administrator_id IN ("
    "SELECT id FROM administrators WHERE tenant_id = $1 AND identity_provider_id = $2)",
    2,
)
_END_OF_TENANT: Final = ending("user_sessions", "tenant_id = $1", 1)
_END_CONSOLE_OF_TENANT: Final = ending("sessions", "tenant_id = $1", 1)
_END_OVER: Final = "DELETE FROM user_sessions WHERE tenant_id = $1 AND (expires_at <= $2 OR seen_at <= $3)"
_SHORTEN: Final = """
UPDATE user_sessions SET expires_at = created_at + $2 WHERE tenant_id = $1 AND expires_at > created_at + $2
"""
_SHORTEN_CONSOLE: Final = """
UPDATE sessions SET expires_at = created_at + $2 WHERE tenant_id = $1 AND expires_at > created_at + $2
AND administrator_id IN (SELECT id FROM administrators WHERE tenant_id = $1 AND user_id <> '')
"""
_FORGET: Final = """
DELETE FROM user_sessions WHERE expires_at <= $1 OR seen_at <= $1 - (
    SELECT session_idle FROM tenants WHERE tenants.id = user_sessions.tenant_id)
"""
_COUNT: Final = "SELECT count(*) FROM user_sessions WHERE tenant_id = $1"


def _session(row: Row) -> UserSession:
    return UserSession(bytes(row[0]), *row[1:])


async def insert_user_session(tx: Tx, session: UserSession) -> None:
    """Store a new session."""
    await tx.run(_INSERT, tx.tenant, *session)


async def find_user_session(reading: Reading, token_check: bytes) -> UserSession | None:
    """Returns the session of a cookie if its person may be signed in. The caller checks whether it has expired."""
    row = await reading.one(_FIND, reading.tenant, token_check)
    return _session(row) if row else None


async def sessions_of_user(reading: Reading, user_id: str) -> list[UserSession]:
    """Returns a person's sessions, the newest first, at most 100."""
    return [_session(row) for row in await reading.all(_OF_USER, reading.tenant, user_id)]


async def count_user_sessions(reading: Reading) -> int:
    """Returns how many sessions the tenant's people have."""
    row = await reading.one(_COUNT, reading.tenant)
    return row[0] if row else 0


async def touch_user_session(tx: Tx, session: UserSession) -> None:
    """Note that a session is in use."""
    await tx.run(_SEEN, tx.tenant, session.token_check, tx.now)


async def close_user_session(tx: Tx, user_id: str, session_id: str) -> None:
    """End the session in which its person signs out."""
    await tx.run(_SIGNED_OUT, tx.tenant, user_id, session_id)


async def end_user_session(tx: Tx, user_id: str, session_id: str) -> bool:
    """End one session of a person from another of theirs. Returns whether there was one."""
    return await end(tx, _END_ONE, "by_hand", tx.tenant, user_id, session_id) > 0


async def end_sessions_of_user(tx: Tx, user_id: str, reason: SignOutReason) -> Ended:
    """End every session of a person, also in the console. Most people have none, which one statement finds out."""
    row = await tx.one(_MAY_HAVE_SOME, tx.tenant, user_id)
    has_sessions, administers = row or (True, True)
    own = await end(tx, _END_OF_USER, reason, tx.tenant, user_id) if has_sessions else 0
    return Ended(own, await end_console_sessions_of_user(tx, user_id, reason) if administers else 0)


async def end_console_sessions_of_user(tx: Tx, user_id: str, reason: SignOutReason) -> int:
    """End every session of the administrator linked to a person. Returns how many there were."""
    return await end(tx, _END_CONSOLE_OF_USER, reason, tx.tenant, user_id)


async def users_signed_in_as(reading: Reading, provider_id: str, name_id: str) -> list[str]:
    """Returns the ids of the people who have sessions that began with that NameID."""
    return [row[0] for row in await reading.all(_USERS_OF_NAME, reading.tenant, provider_id, name_id)]


async def end_sessions_of_index(
    tx: Tx, user_id: str, provider_id: str, session_index: str, reason: SignOutReason
) -> int:
    """End a person's sessions that began with one session of the identity provider. Returns how many there were."""
    return await end(tx, _END_INDEX, reason, tx.tenant, user_id, provider_id, session_index)


async def end_session_of_token(tx: Tx, token_check: bytes) -> None:
    """End the session of a cookie because another one replaces it."""
    await tx.run(_END_REPLACED, tx.tenant, token_check)


async def end_sessions_of_provider(tx: Tx, provider_id: str) -> Ended:
    """End every session that came from an identity provider, because it is switched off."""
    own = await end(tx, _END_OF_PROVIDER, "provider_disabled", tx.tenant, provider_id)
    return Ended(own, await end(tx, _END_CONSOLE_OF_PROVIDER, "provider_disabled", tx.tenant, provider_id))


async def end_sessions_of_tenant(all_tenants: AllTenants, tenant_id: str) -> Ended:
    """End every session of a tenant's people and administrators, because it is suspended."""
    own = await end(all_tenants, _END_OF_TENANT, "tenant_suspended", tenant_id)
    return Ended(own, await end(all_tenants, _END_CONSOLE_OF_TENANT, "tenant_suspended", tenant_id))


async def end_sessions_that_are_over(tx: Tx, session_idle: int) -> None:
    """Delete the tenant's sessions that a limit has ended, so that another limit brings none of them back."""
    await tx.run(_END_OVER, tx.tenant, tx.now, tx.now - session_idle)


async def shorten_sessions(tx: Tx, session_absolute: int) -> None:
    """Limit every session of the tenant's people, also in the console, to so many milliseconds from its beginning."""
    await tx.run(_SHORTEN, tx.tenant, session_absolute)
    await tx.run(_SHORTEN_CONSOLE, tx.tenant, session_absolute)


async def forget_expired_user_sessions(all_tenants: AllTenants) -> None:
    """Delete sessions that have expired, or that nobody used for as long as their tenant allows."""
    await all_tenants.run(_FORGET, all_tenants.now)
