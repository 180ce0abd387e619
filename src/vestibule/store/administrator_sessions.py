"""Rows of sessions: signed-in browsers, kept on the server so that they can end at once."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from vestibule.limits import FACTOR_GRACE_DAYS
from vestibule.model import Administrator
from vestibule.store.administrators import administrator_of_row
from vestibule.store.database import AllTenants, Tx
from vestibule.store.ended_sessions import SignOutReason, end, ending

DAY: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. The id itself is in its cookie only; here is its hash."""

    tenant_id: str
    token_check: bytes
    form_token: str
    created_at: int
    seen_at: int
    expires_at: int
    factor_due: int | None = None
    """The instant from which nothing can be done in this session except to add a second factor, because the tenant
    requires one and the administrator has none. None if none is required, or if there is one.
    """


_OPEN: Final = """
INSERT INTO sessions (tenant_id, token_check, administrator_id, form_token, created_at, seen_at, expires_at, address,
                      agent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_SESSION: Final = """
SELECT s.form_token, s.created_at, s.seen_at, s.expires_at, t.factor_of_owners_since, t.factor_of_all_since,
       EXISTS (SELECT 1 FROM factors f WHERE f.tenant_id = a.tenant_id AND f.administrator_id = a.id AND f.confirmed),
       a.tenant_id, a.id, a.email, a.name, a.role, a.created_at, a.disabled_at, a.signed_in_at,
       a.password_hash <> '', a.identity_provider_id, a.user_id
FROM sessions s JOIN administrators a ON a.tenant_id = s.tenant_id AND a.id = s.administrator_id
LEFT JOIN tenants t ON t.id = s.tenant_id
WHERE s.tenant_id = $1 AND s.token_check = $2
"""
_OF: Final = """
SELECT agent, address, seen_at FROM sessions
WHERE tenant_id = $1 AND administrator_id = $2 AND expires_at > $3 AND seen_at > $4 ORDER BY seen_at DESC LIMIT 20
"""
_SEEN: Final = "UPDATE sessions SET seen_at = $3 WHERE tenant_id = $1 AND token_check = $2"
_END: Final = "DELETE FROM sessions WHERE tenant_id = $1 AND token_check = $2"
_END_ALL: Final = ending("sessions", "tenant_id = $1 AND administrator_id = $2", 2)
_END_OTHERS: Final = ending("sessions", "tenant_id = $1 AND administrator_id = $2 AND token_check <> $3", 3)
_END_EXPIRED: Final = "DELETE FROM sessions WHERE expires_at <= $1 OR seen_at <= $2"


async def insert_session(
    all_tenants: AllTenants | Tx, session: Session, administrator_id: str, address: str, agent: str
) -> None:
    """Store a new session."""
    await all_tenants.run(
        _OPEN,
        session.tenant_id,
        session.token_check,
        administrator_id,
        session.form_token,
        session.created_at,
        session.seen_at,
        session.expires_at,
        address,
        agent,
    )


async def find_session(
    all_tenants: AllTenants, tenant_id: str, token_check: bytes
) -> tuple[Session, Administrator] | None:
    """Returns the session of a cookie and its administrator."""
    row = await all_tenants.one(_SESSION, tenant_id, token_check)
    if row is None:
        return None
    form_token, created_at, seen_at, expires_at, of_owners_since, of_all_since, has_factor, *columns = row
    administrator = administrator_of_row(tuple(columns))
    since = of_owners_since if administrator.role == "owner" else of_all_since
    due = None
    if since and not has_factor and not administrator.user_id:
        due = max(since, administrator.created_at) + FACTOR_GRACE_DAYS * DAY
    return Session(tenant_id, token_check, form_token, created_at, seen_at, expires_at, due), administrator


class OpenSession(NamedTuple):
    """A session as a list shows it."""

    agent: str
    address: str
    seen_at: int


async def sessions_of(all_tenants: AllTenants, administrator: Administrator, seen_since: int) -> list[OpenSession]:
    """List the open sessions of an administrator, the last used first."""
    rows = await all_tenants.all(_OF, administrator.tenant_id, administrator.id, all_tenants.now, seen_since)
    return [OpenSession(*row) for row in rows]


async def touch_session(all_tenants: AllTenants, session: Session) -> None:
    """Note that a session is in use."""
    await all_tenants.run(_SEEN, session.tenant_id, session.token_check, all_tenants.now)


async def end_session(all_tenants: AllTenants, session: Session) -> None:
    """End one session."""
    await all_tenants.run(_END, session.tenant_id, session.token_check)


async def end_console_session_of_token(tx: Tx, tenant_id: str, token_check: bytes) -> None:
    """End the session of a cookie because another one replaces it; it may belong to another tenant."""
    await tx.run(_END, tenant_id, token_check)


async def end_sessions_of(all_tenants: AllTenants, administrator: Administrator, reason: SignOutReason) -> int:
    """End every session of an administrator. Returns how many there were."""
    return await end(all_tenants, _END_ALL, reason, administrator.tenant_id, administrator.id)


async def end_other_sessions(all_tenants: AllTenants, administrator: Administrator, session: Session) -> int:
    """End every session of an administrator but the one in which they change their password. Returns how many."""
    values = administrator.tenant_id, administrator.id, session.token_check
    return await end(all_tenants, _END_OTHERS, "password_changed", *values)


async def forget_expired_sessions(all_tenants: AllTenants, idle_since: int) -> None:
    """Delete sessions that have expired, or that nobody used since an instant."""
    await all_tenants.run(_END_EXPIRED, all_tenants.now, idle_since)
