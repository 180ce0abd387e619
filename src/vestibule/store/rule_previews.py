"""Rows of rule previews: a draft of a mapping or of role rules, tried on everybody before it is saved."""

from typing import Any, Final, Literal, NamedTuple

import orjson

from vestibule.store.database import AllTenants, Reading, Row, Tx

Subject = Literal["mapping", "roles"]

_COLUMNS: Final = (
    "id, identity_provider_id, administrator_id, subject, draft, mapping_version, cursor_id, total, result, "
    "created_at, finished_at, expires_at"
)
_FIND: Final = f"SELECT {_COLUMNS} FROM rule_previews WHERE tenant_id = $1 AND id = $2 AND expires_at > $3"  # noqa: S608 -- a constant
_INSERT: Final = f"""
INSERT INTO rule_previews (tenant_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""  # noqa: S608 -- a constant
_MOVE_ON: Final = """
UPDATE rule_previews SET cursor_id = $3, result = $4, finished_at = $5 WHERE tenant_id = $1 AND id = $2
"""
_REMOVE_OF: Final = """
DELETE FROM rule_previews WHERE tenant_id = $1 AND identity_provider_id = $2 AND administrator_id = $3
"""
_FORGET: Final = "DELETE FROM rule_previews WHERE expires_at <= $1"


class RulePreview(NamedTuple):
    """The state of a preview. It is finished once `finished_at` is set."""

    id: str
    identity_provider_id: str
    administrator_id: str
    subject: Subject
    draft: dict[str, Any]
    """The rules of the draft under `rules`: a list for a mapping, an object for role rules."""
    mapping_version: int
    """The version of the rules that the draft would replace."""
    cursor: str
    total: int
    result: dict[str, Any]
    created_at: int
    finished_at: int | None
    expires_at: int


def _preview(row: Row) -> RulePreview:
    id_, provider, administrator, subject, draft, version, cursor, total, result, created, finished, expires = row
    return RulePreview(
        id_,
        provider,
        administrator,
        subject,
        orjson.loads(draft),
        version,
        cursor,
        total,
        orjson.loads(result),
        created,
        finished,
        expires,
    )


async def find_rule_preview(reading: Reading, preview_id: str) -> RulePreview | None:
    """Returns the preview with that id, unless it has expired."""
    row = await reading.one(_FIND, reading.tenant, preview_id, reading.now)
    return _preview(row) if row else None


async def insert_rule_preview(tx: Tx, preview: RulePreview) -> None:
    """Store a new preview. It replaces the administrator's earlier one of the same identity provider."""
    await remove_rule_previews(tx, preview.identity_provider_id, preview.administrator_id)
    draft, result = orjson.dumps(preview.draft).decode(), orjson.dumps(preview.result).decode()
    await tx.run(_INSERT, tx.tenant, *preview._replace(draft=draft, result=result))  # type: ignore[arg-type]  # as it is stored


async def move_rule_preview(tx: Tx, preview: RulePreview) -> None:
    """Store how far a preview is and what it has counted."""
    result = orjson.dumps(preview.result).decode()
    await tx.run(_MOVE_ON, tx.tenant, preview.id, preview.cursor, result, preview.finished_at)


async def remove_rule_previews(tx: Tx, provider_id: str, administrator_id: str) -> None:
    """Delete an administrator's previews of an identity provider."""
    await tx.run(_REMOVE_OF, tx.tenant, provider_id, administrator_id)


async def forget_expired_rule_previews(all_tenants: AllTenants) -> None:
    """Delete the previews that have expired."""
    await all_tenants.run(_FORGET, all_tenants.now)
