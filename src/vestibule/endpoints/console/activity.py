"""Activity: everything that happened, newest first, and each of it in full."""

from typing import Any, Final

from starlette.responses import Response

from vestibule.endpoints.console.activity_search import FAMILIES, read_search, with_person
from vestibule.endpoints.console.connection_advice import advice_on_address, advice_on_credential
from vestibule.endpoints.console.sign_in_advice import mend_of_sign_in
from vestibule.endpoints.web.visit import Visit
from vestibule.events import EVENT_TYPES
from vestibule.model import Event, IdentityProvider
from vestibule.model import created_at as event_instant
from vestibule.store.events import EventQuery, find_event, page_events, search_events
from vestibule.store.identity_providers import all_providers
from vestibule.store.stopwatches import find_stopwatch, find_stopwatches
from vestibule.vendors import VENDORS

PAGE: Final = 50


async def show_activity(visit: Visit) -> Response:
    """The list of events, filtered."""
    search, before = read_search(visit), visit.query("before")
    async with visit.context.database.scan(visit.tenant.id) as reading:
        query = await with_person(reading, search.query)
        page = await search_events(reading, query, PAGE, before_id=before)
        providers = await all_providers(reading)
        waiting = visit.context.database.stopwatches
        stopwatches = await find_stopwatches(reading, waiting, [event.id for event in page.events])
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
    """How many events came since one of them; at most a page's worth is counted."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        events = await page_events(reading, EventQuery(), PAGE)
    since = visit.query("since")
    return visit.json({"new": sum(1 for event in events if event.id > since)})


async def show_event(visit: Visit) -> Response:
    """One event in full: what was sent, how it was understood, what changed."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        event = await find_event(reading, visit.path("event_id"))
        providers = {provider.id: provider for provider in await all_providers(reading)}
        stopwatch = await find_stopwatch(reading, visit.context.database.stopwatches, visit.path("event_id"))
    if event is None:
        raise visit.not_found()
    provider = providers.get(event.identity_provider_id)
    return visit.page(
        "event.html",
        event=event,
        provider=provider,
        operations=_operations(event),
        stopwatch=stopwatch,
        mend=_mend(event, provider.vendor if provider else _vendor_of(list(providers.values()))),
    )


def _operations(event: Event) -> list[dict[str, Any]]:
    """Each operation of a PATCH as it was sent, beside what it was understood as."""
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
_MENDS: Final = {
    "uniqueness": "Somebody has this userName already, perhaps inactive. In {vendor}: check that the unique identifier "
    "is "
    "userName, or give one of the two another userName. To link to a person who was added by hand here, let {vendor} "
    "look "
    "them up by userName before it creates.",
    "invalidFilter": "The filter is not one that SCIM knows. In {vendor}: check the expression that people are matched "
    "by.",
    "invalidValue": "A value has the wrong form. In {vendor}: check the mapping of the attribute that the reason "
    "names.",
    "invalidPath": "A path names no attribute. In {vendor}: check the external name and namespace of the attribute.",
    "noTarget": "The operation selects a value that is not there. In {vendor}: check the mapping of the attribute.",
    "mutability": "userName cannot be removed. In {vendor}: give it a value in the mapping.",
    "tooMany": "The request asks for more than is done at once. In {vendor}: make its batches smaller.",
    "403": "Provisioning is switched off here, or this is not {vendor}'s to do. Switch it on under Integrations > "
    "Identity "
    "Providers > Provisioning.",
    "404": "There is no such person for this identity provider: they were deleted here, or the id is another tenant's. "
    "In "
    "{vendor}: unassign the person and assign them again, so that they are looked up anew.",
    "429": "Nothing is lost: {vendor} tries again by itself. If provisioning is paused, resume it; if it sends too "
    "much at once, it slows down.",
    "405": "This address answers another method. In {vendor}: check which version of SCIM the application speaks; it "
    "has to be 2.0.",
    "501": "{vendor} asked for a part of SCIM that is not offered here, such as writing groups. In {vendor}: switch "
    "that part off, such as Push Groups; people are provisioned all the same.",
    "415": "The body came in a form that SCIM does not use. In {vendor}: check that the application speaks SCIM 2.0.",
}


def _vendor_of(providers: list[IdentityProvider]) -> str:
    """Whose screens are meant where an event names no identity provider: those of the tenant's only vendor."""
    vendors = {provider.vendor for provider in providers}
    return vendors.pop() if len(vendors) == 1 else "generic"


def _mend(event: Event, vendor: str) -> str:
    if event.type == "login.refused":
        return mend_of_sign_in(str(event.data.get("check", "")), vendor)
    if event.type == "credential.refused":
        return advice_on_credential(event, VENDORS[vendor])
    if event.data.get("questions_connection"):
        return advice_on_address(VENDORS[vendor])
    if event.type != "request.refused":
        return ""
    sentence = _MENDS.get(event.data.get("scim_type", "")) or _MENDS.get(str(event.data.get("status", "")), "")
    return sentence.replace("{vendor}", VENDORS[vendor].title if vendor != "generic" else "the identity provider")
