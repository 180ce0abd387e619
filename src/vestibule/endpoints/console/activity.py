"""Activity: the list of events, and the page of one event."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from vestibule.endpoints.console.activity_search import FAMILIES, read_search, with_person
from vestibule.endpoints.console.refusal_advice import advice_on, mend_link
from vestibule.endpoints.exchange import while_connected
from vestibule.endpoints.web.visit import Visit
from vestibule.events import EVENT_TYPES
from vestibule.model import Event, IdentityProvider, Stopwatch
from vestibule.model import created_at as event_instant
from vestibule.store.database import Reading
from vestibule.store.events import EventPage, EventQuery, find_event, page_events, search_events
from vestibule.store.identity_providers import all_providers
from vestibule.store.stopwatches import find_stopwatch, find_stopwatches

PAGE: Final = 50
PAGE_OF_MEMBERS: Final = 100
MOST_SAVED: Final = 20
"""How many of the latest rule changes are searched for the one that a derivation belongs to."""


async def show_activity(visit: Visit) -> Response:
    """Show the events that match the filters."""
    search, before = read_search(visit), visit.query("before")
    context = visit.context

    async def find() -> tuple[EventPage, list[IdentityProvider], dict[str, Stopwatch]]:
        async with context.database.scan(visit.tenant.id, "search" if search.fields else "list") as reading:
            query = await with_person(reading, search.query)
            page = await search_events(reading, query, PAGE, before_id=before)
            ids = [event.id for event in page.events]
            stopwatches = await find_stopwatches(reading, context.database.stopwatches, ids)
            return page, await all_providers(reading), stopwatches

    page, providers, stopwatches = await while_connected(visit.request.receive, find())
    return visit.page(
        "activity.html",
        events=page.events,
        providers=providers,
        families={name: title for name, (title, _) in FAMILIES.items()},
        types=[each.name for each in EVENT_TYPES],
        fields=search.fields,
        refused=search.problem,
        older=visit.at("activity", **search.fields, before=page.before_id) if page.before_id else "",
        searched_to=event_instant(page.before_id) if page.before_id and len(page.events) < PAGE else None,
        exports={kind: visit.at("activity", "export", **search.fields, format=kind) for kind in ("csv", "jsonl")},
        stopwatches=stopwatches,
        newest=not before,
        latest=page.events[0].id if page.events else "",
    )


async def show_new_count(visit: Visit) -> Response:
    """Return how many events are newer than the given one, at most a page."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        events = await page_events(reading, EventQuery(), PAGE)
    since = visit.query("since")
    return visit.json({"new": sum(1 for event in events if event.id > since)})


async def show_event(visit: Visit) -> Response:
    """Show one event: what was sent, how it was understood, what changed."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        event = await find_event(reading, visit.path("event_id"))
        providers = {provider.id: provider for provider in await all_providers(reading)}
        stopwatch = await find_stopwatch(reading, visit.context.database.stopwatches, visit.path("event_id"))
        rules_saved = await _rules_saved(reading, event) if event else None
    if event is None:
        raise visit.not_found()
    provider = providers.get(event.identity_provider_id)
    return visit.page(
        "event.html",
        event=event,
        provider=provider,
        operations=_operations(event),
        members=_members(visit, event),
        stopwatch=stopwatch,
        rules_saved=rules_saved,
        mend=advice_on(event, providers),
        mend_at=mend_link(visit, event, providers),
    )


async def _rules_saved(reading: Reading, event: Event) -> Event | None:
    """Returns the event that saved the mapping or role rules to which a derivation's event belongs."""
    if event.type not in {"mapping.applied", "user.profile_derived"} or "version" not in event.data:
        return None
    query = EventQuery(types=("mapping.changed", "roles.changed"), subject_id=event.identity_provider_id)
    saved = await page_events(reading, query, MOST_SAVED, before_id=event.id)
    return next((each for each in saved if each.data["version"] == event.data["version"]), None)


@dataclass(frozen=True, slots=True)
class ToldMembers:
    """One page of the members that an event about a group names: ("added" or "removed", the member)."""

    shown: list[tuple[str, dict[str, str]]]
    start: int
    total: int
    earlier: str
    later: str


def _members(visit: Visit, event: Event) -> ToldMembers:
    told = [(verb, member) for verb in ("added", "removed") for member in event.data.get(verb, ())]
    told = told if event.type.startswith("group.") else []
    asked = visit.query("from")
    start = min(int(asked), len(told)) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0

    def link(at: int) -> str:
        return visit.at("activity", event.id, **{"from": str(at)})

    earlier = link(max(start - PAGE_OF_MEMBERS, 0)) if start else ""
    end = start + PAGE_OF_MEMBERS
    return ToldMembers(told[start:end], start, len(told), earlier, link(end) if end < len(told) else "")


def _operations(event: Event) -> list[dict[str, Any]]:
    """Returns the operations of a PATCH, each as it was sent and as it was understood."""
    sent = event.data.get("sent")
    if not isinstance(sent, dict):
        return []
    came = next((value for name, value in sent.items() if name.lower() == "operations"), None)
    if not isinstance(came, list):
        return []
    return [
        {"sent": operation, "verb": _VERBS.get(str(operation.get("op", "")).lower(), "set"), **understood}
        for operation, understood in zip(came, event.data.get("operations", []), strict=False)
        if isinstance(operation, dict)
    ]


_VERBS: Final = {"add": "add", "replace": "set", "remove": "remove"}
