"""Rows of sealed notes: what one session may see once, and forms that wait for their sender. `holder` is a hash of
whose a note is.
"""

from typing import Final

from vestibule.store.database import AllTenants

_INSERT: Final = """
INSERT INTO sealed_notes (tenant_id, id, session_check, sealed, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
_LOCK: Final = """
SELECT sealed, taken_at FROM sealed_notes
WHERE tenant_id = $1 AND id = $2 AND session_check = $3 AND expires_at > $4 /*for update*/
"""
_FIND: Final = """
SELECT sealed FROM sealed_notes WHERE tenant_id = $1 AND id = $2 AND session_check = $3 AND expires_at > $4
"""
_DELETE: Final = "DELETE FROM sealed_notes WHERE tenant_id = $1 AND session_check = $2"
_EMPTY: Final = "UPDATE sealed_notes SET sealed = $3, taken_at = $4 WHERE tenant_id = $1 AND id = $2"
_FORGET: Final = "DELETE FROM sealed_notes WHERE expires_at <= $1"


async def insert_note(
    all_tenants: AllTenants, tenant_id: str, holder: bytes, note_id: str, sealed: bytes, expires_at: int
) -> None:
    """Store a sealed note."""
    await all_tenants.run(_INSERT, tenant_id, note_id, holder, sealed, all_tenants.now, expires_at)


async def take_note(
    all_tenants: AllTenants, tenant_id: str, holder: bytes, note_id: str
) -> tuple[bytes, int | None] | None:
    """Take the contents of a note, and empty it.

    Returns what it held and, if it was taken before, when that was. None if its holder has no such note.
    """
    row = await all_tenants.one(_LOCK, tenant_id, note_id, holder, all_tenants.now)
    if row is None:
        return None
    if row[1] is None:
        await all_tenants.run(_EMPTY, tenant_id, note_id, b"", all_tenants.now)
    return bytes(row[0]), row[1]


async def find_note(all_tenants: AllTenants, tenant_id: str, holder: bytes, note_id: str) -> bytes | None:
    """Find what a note holds and leave it there; None if its holder has no such note."""
    row = await all_tenants.one(_FIND, tenant_id, note_id, holder, all_tenants.now)
    return bytes(row[0]) if row else None


async def delete_notes(all_tenants: AllTenants, tenant_id: str, holder: bytes) -> None:
    """Delete every note of a holder."""
    await all_tenants.run(_DELETE, tenant_id, holder)


async def forget_expired_notes(all_tenants: AllTenants) -> None:
    """Delete notes that have expired."""
    await all_tenants.run(_FORGET, all_tenants.now)
