"""Recording refused SCIM requests in the activity log: what was sent, the person it was about, and how often it came.

The rule of this file: a client that is refused again and again fills neither the log nor the disk. Refusals of the rate
limit, and of writes while provisioning is paused or off, are counted and recorded once in an interval.
"""

import logging
import re
from functools import partial
from typing import Any, Final

import orjson

from vestibule.actions.scim_request import ProvisioningOff, ProvisioningPaused
from vestibule.endpoints.context import Context
from vestibule.endpoints.exchange import Request
from vestibule.endpoints.flood_counter import FloodCounter
from vestibule.events import redacted_text
from vestibule.limits import WAITING_WRITE_SECONDS, WAITING_WRITES
from vestibule.scim.errors import ScimError, TooManyRequests, excerpt
from vestibule.store.credentials import note_refusal
from vestibule.store.database import Tx
from vestibule.store.events import append_event
from vestibule.store.groups import display_name, find_group
from vestibule.store.users import find_user

log = logging.getLogger("vestibule.scim")

RESOURCE_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class ScimRefusals:
    """The refusals of one process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rate_limited = FloodCounter(recorded=1, together=10)
        self._waiting = FloodCounter(
            recorded=1,
            together=WAITING_WRITES,
            interval=WAITING_WRITE_SECONDS * 1000,
            most_kinds=10 * WAITING_WRITES,
        )

    def note_rate_limited(self, request: Request, too_many: TooManyRequests, now: int) -> None:
        """Record the first rate-limit refusal in a minute, with how many there were since the one before."""
        actor = request.actor
        more = self._rate_limited.note((actor.tenant_id, actor.identity_provider_id), now)
        if more is not None:
            self._context.background.spawn(self._record(request, too_many, more))

    async def record(self, request: Request, refused: ScimError) -> None:
        """Record a refusal of an authenticated request, unless it is only counted."""
        more = self._count(request, refused)
        if more is not None:
            await self._record(request, refused, more)

    def _count(self, request: Request, refused: ScimError) -> int | None:
        """Returns how many refusals like this one went unrecorded since the last recorded one; None if this one is only
        counted. What is refused because provisioning is paused or off comes again for hours.
        """
        if not isinstance(refused, ProvisioningPaused | ProvisioningOff):
            return 0
        request.read_body_at_hand()
        kind = (request.actor.identity_provider_id, request.method, *request.segments, _name_sent(request))
        return self._waiting.note(kind, self._context.database.clock())

    async def _record(self, request: Request, refused: ScimError, more: int) -> None:
        """Record a refusal, with the request and the person it was about, as far as they are known."""
        request.read_body_at_hand()
        told = request.told().told() | {
            "reason": redacted_text(refused.detail),
            "status": refused.status,
            "scim_type": refused.scim_type or "",
        }
        if more:
            told["more"] = more
        try:
            await self._context.database.run(request.actor, partial(_append_refusal, request=request, told=told))
        except Exception:
            log.exception("a refusal could not be recorded", extra={"request": request.actor.request_id})


async def _append_refusal(tx: Tx, request: Request, told: dict[str, Any]) -> None:
    subject_id, named = await _subject_meant(tx, request)
    told = told | named
    if request.questions_connection:
        told = told | {"questions_connection": True}
        await note_refusal(tx, tx.actor.identity_provider_id, tx.now)
    await append_event(tx, "request.refused", told, subject_id=subject_id)


async def _subject_meant(tx: Tx, request: Request) -> tuple[str, dict[str, str]]:
    """Returns the id of the person or group that a refused request is about, and its name for the event; empty if
    unknown.
    """
    match request.segments:
        case ["Users", user_id] if RESOURCE_ID.match(user_id):
            user = await find_user(tx, user_id)
            if user is not None and user.identity_provider_id == tx.actor.identity_provider_id:
                return user.id, {"user_name": str(orjson.loads(user.document)["userName"])}
        case ["Groups", group_id] if RESOURCE_ID.match(group_id):
            group = await find_group(tx, group_id)
            if group is not None and group.identity_provider_id == tx.actor.identity_provider_id:
                return group.id, {"subject": display_name(group), "about": "group"}
        case ["Users"] if name := _name_sent(request):
            return "", {"user_name": excerpt(name, 200)}
        case ["Groups"] if name := _name_sent(request):
            return "", {"subject": excerpt(name, 200), "about": "group"}
    return "", {}


def _name_sent(request: Request) -> str:
    """Returns the userName or displayName in the body of a request; empty if there is none."""
    if not isinstance(request.sent, dict):
        return ""
    wanted = "displayname" if request.segments[:1] == ["Groups"] else "username"
    name = next((value for name, value in request.sent.items() if name.lower() == wanted), "")
    return name if isinstance(name, str) else ""
