"""For orchestrators: whether the process lives, and whether it can serve."""

import asyncio

from vestibule.endpoints.context import Context
from vestibule.store.migrate import current_version, migrations

PATIENCE = 2.0
"""Seconds that the database has to answer."""


async def ready(context: Context) -> str:
    """Empty if requests can be served, else why not."""
    try:
        async with asyncio.timeout(PATIENCE):
            version = await current_version(context.database)
    except Exception:  # noqa: BLE001 -- whatever it is, the node is not ready
        return "the database does not answer"
    wanted = len(migrations())
    return "" if version == wanted else f"the database is at version {version}, this program needs {wanted}"
