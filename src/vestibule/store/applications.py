"""Rows of applications: what a person may open after signing in."""

from typing import Final

from vestibule.model import Application
from vestibule.scim.text import fold
from vestibule.store.database import Reading, Tx

_COLUMNS: Final = "id, name, url, description, role, created_at"
_ALL: Final = f"SELECT {_COLUMNS} FROM applications WHERE tenant_id = $1"  # noqa: S608 -- a constant
_GET: Final = f"SELECT {_COLUMNS} FROM applications WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_PUT: Final = f"""
INSERT INTO applications (tenant_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = excluded.name, url = excluded.url, description = excluded.description, role = excluded.role
"""  # noqa: S608 -- a constant
_DELETE: Final = "DELETE FROM applications WHERE tenant_id = $1 AND id = $2"


async def all_applications(reading: Reading) -> list[Application]:
    """Returns a tenant's applications by name, whatever an engine holds to be the order of letters."""
    listed = [Application(*row) for row in await reading.all(_ALL, reading.tenant)]
    return sorted(listed, key=lambda each: (fold(each.name), each.id))


async def find_application(reading: Reading, application_id: str) -> Application | None:
    """Returns the application with that id."""
    row = await reading.one(_GET, reading.tenant, application_id)
    return Application(*row) if row else None


async def put_application(tx: Tx, application: Application) -> None:
    """Store an application as it is now."""
    await tx.run(_PUT, tx.tenant, *application)


async def delete_application(tx: Tx, application_id: str) -> None:
    """Forget an application."""
    await tx.run(_DELETE, tx.tenant, application_id)
