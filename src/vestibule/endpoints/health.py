"""The readiness check for orchestrators."""

import asyncio

from vestibule.endpoints.context import Context
from vestibule.store.migrate import current_version, migrations

DATABASE_SECONDS = 2.0
"""Seconds in which the database must answer."""


async def ready(context: Context) -> str:
    """Returns why requests cannot be served; empty if they can."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            version = await current_version(context.database)
    except Exception:  # noqa: BLE001 -- after any error the node is not ready
        return "the database does not answer"
    wanted = len(migrations())
    return "" if version == wanted else f"the database is at version {version}, this program needs {wanted}"
