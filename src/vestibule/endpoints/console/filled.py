"""Counts how many people have a value for each source and each attribute of the Profile, for hints while typing.

The cost is limited: only the newest people are counted, in batches that do not block the event loop.
"""

import asyncio
from collections import Counter
from typing import Any

import orjson
from starlette.responses import Response

from vestibule.actions.derive import Pace
from vestibule.endpoints.console.provider_frame import provider_of
from vestibule.endpoints.web.visit import Visit
from vestibule.limits import SAMPLED_PEOPLE
from vestibule.scim.schema import USER_TYPE, Attribute
from vestibule.store.user_lists import UserSelection, list_users


async def show_filled(visit: Visit) -> Response:
    """Return how many people were counted, and how many of them have each source and each target, as JSON."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
    sources = Counter[str](dict.fromkeys(source_paths(USER_TYPE.root), 0))
    targets = Counter[str]()
    chosen, pace, last, looked = UserSelection(provider_id=provider.id), Pace(), "", 0
    while looked < SAMPLED_PEOPLE:
        async with visit.context.loop_share, visit.context.database.read(visit.tenant.id) as reading:
            pace.begin()
            size = min(pace.size, SAMPLED_PEOPLE - looked)
            users = await list_users(reading, chosen, size, beyond=last)
            for user in users:
                sources.update(_filled(orjson.loads(user.document)))
                targets.update(orjson.loads(user.profile).keys())
            pace.end(len(users))
        looked += len(users)
        if len(users) < size:
            break
        last = users[-1].id
        await asyncio.sleep(0)
    return visit.json({"looked": looked, "sources": sources, "targets": targets})


def source_paths(attribute: Attribute, above: str = "") -> list[str]:
    """Returns all paths that a source may use."""
    paths = []
    for sub in attribute.sub_attributes:
        if sub.name in {"schemas", "meta"} or sub.in_rows:
            continue
        path = f"{above}{sub.name}"
        joint = ":" if sub.name.startswith("urn:") else "."
        paths += source_paths(sub, path + joint) if sub.type == "complex" else [path]
    return paths


def _filled(document: dict[str, Any], above: str = "") -> set[str]:
    """Returns the paths that have a value in a document."""
    found: set[str] = set()
    for name, value in document.items():
        joint = ":" if name.startswith("urn:") else "."
        for part in value if isinstance(value, list) else [value]:
            found |= _filled(part, f"{above}{name}{joint}") if isinstance(part, dict) else {f"{above}{name}"}
    return found
