"""Ends sessions before they expire, and stores the reason for the browser that still has the cookie."""

from typing import Final, Literal, NamedTuple

from vestibule.store.database import AllTenants, Tx

SignOutReason = Literal[
    "deactivated",
    "deleted",
    "blocked",
    "by_administrator",
    "by_hand",
    "universal_logout",
    "single_logout",
    "provider_disabled",
    "tenant_suspended",
    "console_role_changed",
    "console_locked_out",
    "password_changed",
    "factors_reset",
]
"""Why a session ended. Reasons after `tenant_suspended` are for sessions of the console only."""

_FIND: Final = "SELECT reason, ended_at FROM ended_sessions WHERE tenant_id = $1 AND token_check = $2"
_FORGET: Final = "DELETE FROM ended_sessions WHERE ended_at <= $1"


class EndedSession(NamedTuple):
    """Why a session ended, and when in milliseconds."""

    reason: SignOutReason
    ended_at: int


class Ending(NamedTuple):
    """The two statements that end sessions: one stores the reason, one deletes the sessions."""

    note: str
    delete: str


def ending(table: Literal["user_sessions", "sessions"], condition: str, parameters: int) -> Ending:
    """Returns the statements that end the sessions matching a condition.

    `parameters` is the number of parameters in the condition.
    """
    return Ending(
        f"INSERT INTO ended_sessions (tenant_id, token_check, reason, ended_at) "  # noqa: S608 -- constants
        f"SELECT tenant_id, token_check, ${parameters + 1}, ${parameters + 2} FROM {table} WHERE {condition} "
        "ON CONFLICT DO NOTHING",
        f"DELETE FROM {table} WHERE {condition}",  # noqa: S608 -- constants
    )


async def end(tx: Tx | AllTenants, statements: Ending, reason: SignOutReason, *values: str | bytes) -> int:
    """End sessions for a reason. Returns how many there were."""
    await tx.run(statements.note, *values, reason, tx.now)
    return await tx.run(statements.delete, *values)


async def find_ended_session(all_tenants: AllTenants, tenant_id: str, token_check: bytes) -> EndedSession | None:
    """Find out why a session of a tenant ended.

    Returns None if it was not ended early, or if that was long ago.
    """
    row = await all_tenants.one(_FIND, tenant_id, token_check)
    return EndedSession(*row) if row else None


async def forget_ended_sessions(all_tenants: AllTenants, until: int) -> None:
    """Delete the reasons of sessions that ended at an instant or before."""
    await all_tenants.run(_FORGET, until)
