"""Shows secrets once: a Secret, a one-time link, recovery codes.

The form that makes a secret answers with a redirect, so that reloading the page does not make another one. The page
that follows reads the secret from an encrypted row, which only the same session can open, once and within ten minutes.
"""

from dataclasses import dataclass
from typing import Final

import orjson
from starlette.responses import Response

from vestibule.endpoints.web.visit import Visit
from vestibule.limits import SHOWN_ONCE_SECONDS
from vestibule.model import new_id
from vestibule.store.database import AllTenants
from vestibule.store.sealed_notes import insert_note, take_note

_QUERY: Final = "once"


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """The secrets for a page, if it has any."""

    secrets: tuple[str, ...] = ()
    asked: bool = False
    """Whether the URL asks for secrets. If there are none, they were shown before or have expired."""
    shown_at: int | None = None
    """When they were shown before, if so."""


NOTHING: Final = ShownOnce()


async def show_once(visit: Visit, path: str, *secrets: str) -> Response:
    """Redirect to a page that shows secrets once."""
    session = visit.own_session
    note_id = new_id(visit.context.database.clock())
    sealed = visit.context.checker.seal(orjson.dumps(secrets), _purpose(note_id))
    await visit.context.database.run_all_tenants(
        visit.actor,
        lambda all_tenants: insert_note(
            all_tenants,
            session.tenant_id,
            session.token_check,
            note_id,
            sealed,
            all_tenants.now + SHOWN_ONCE_SECONDS * 1000,
        ),
    )
    return visit.redirect(f"{path}{'&' if '?' in path else '?'}{_QUERY}={note_id}")


async def take_once(visit: Visit) -> ShownOnce:
    """Returns the secrets that the URL asks for, and deletes them."""
    note_id = visit.query(_QUERY)
    if not note_id or visit.session is None:
        return NOTHING
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        return await _take(visit, all_tenants, note_id)


async def _take(visit: Visit, all_tenants: AllTenants, note_id: str) -> ShownOnce:
    found = await take_note(all_tenants, visit.own_session.tenant_id, visit.own_session.token_check, note_id)
    if found is None:
        return ShownOnce(asked=True)
    sealed, taken_at = found
    if taken_at is not None:
        return ShownOnce(asked=True, shown_at=taken_at)
    return ShownOnce(tuple(orjson.loads(visit.context.checker.unseal(sealed, _purpose(note_id)))), asked=True)


def _purpose(note_id: str) -> str:
    return f"shown once {note_id}"
