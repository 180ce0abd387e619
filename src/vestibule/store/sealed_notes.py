"""Rows of sealed notes: what one session may see once."""

from typing import Final

from vestibule.store.administrator_sessions import Session
from vestibule.store.database import AllTenants

_INSERT: Final = """
INSERT INTO sealed_notes (tenant_id, id, session_check, sealed, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
_LOCK: Final = """
SELECT sealed, taken_at FROM sealed_notes
WHERE tenant_id = $1 AND id = $2 AND session_check = $3 AND expires_at > $4 /*for update*/
"""
_EMPTY: Final = "UPDATE sealed_notes SET sealed = $3, taken_at = $4 WHERE tenant_id = $1 AND id = $2"
_FORGET: Final = "DELETE FROM sealed_notes WHERE expires_at <= $1"


async def insert_note(all_tenants: AllTenants, session: Session, note_id: str, sealed: bytes, expires_at: int) -> None:
    """Keep a sealed note for a session."""
    await all_tenants.run(_INSERT, session.tenant_id, note_id, session.token_check, sealed, all_tenants.now, expires_at)


async def take_note(all_tenants: AllTenants, session: Session, note_id: str) -> tuple[bytes, int | None] | None:
    """Take what a note holds and empty it.

    Returns what it held and, if it was taken before, when that was. None if this session has no such note.
    """
    row = await all_tenants.one(_LOCK, session.tenant_id, note_id, session.token_check, all_tenants.now)
    if row is None:
        return None
    if row[1] is None:
        await all_tenants.run(_EMPTY, session.tenant_id, note_id, b"", all_tenants.now)
    return bytes(row[0]), row[1]


async def forget_expired_notes(all_tenants: AllTenants) -> None:
    """Delete notes whose time is over."""
    await all_tenants.run(_FORGET, all_tenants.now)
