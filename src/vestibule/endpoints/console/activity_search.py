"""Reads the filters of an Activity page or an export, and finds the events."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from vestibule.endpoints.web.visit import Visit
from vestibule.errors import WrongInput
from vestibule.events import EVENT_TYPES
from vestibule.store.database import Reading
from vestibule.store.events import EventQuery, search_events
from vestibule.store.users import find_users_by_name

FAMILIES: Final = {
    "people": ("People", ("user.",)),
    "groups": ("Groups", ("group.",)),
    "sign-in": ("Sign-in and sessions", ("user.signed_", "login.", "session.", "revocation.")),
    "refused": (
        "Refused",
        (
            "request.refused",
            "credential.refused",
            "login.refused",
            "revocation.refused",
            "administrator.sign_in_refused",
        ),
    ),
    "keys": ("Keys and provisioning", ("credential.", "provisioning.")),
    "configuration": (
        "Configuration",
        ("tenant.", "identity_provider.", "saml.", "mapping.", "roles.", "application."),
    ),
    "administrators": ("Administrators", ("administrator.",)),
}
_MOST_DELETED: Final = 20


@dataclass(frozen=True, slots=True)
class ActivitySearch:
    """A search: the fields of the form, and the query made of them."""

    fields: dict[str, str]
    query: EventQuery
    problem: WrongInput | None = None
    """The error in a field, which the search then ignores."""


def read_search(visit: Visit) -> ActivitySearch:
    """Returns the search in the query string."""
    names = ("what", "provider", "type", "subject", "from", "to", "person", "attribute")
    fields = {name: value for name in names if (value := visit.query(name).strip())}
    problem, bounds = None, dict[str, int | None]()
    for name, days in (("from", 0), ("to", 1)):
        try:
            bounds[name] = _instant(fields.get(name, ""), name, days)
        except WrongInput as wrong:
            problem, bounds[name] = wrong, None
    query = EventQuery(
        types=_types(fields.get("what", ""), fields.get("type", "")),
        provider_id=fields.get("provider", ""),
        subject_id=fields.get("subject", ""),
        since=bounds["from"],
        until=bounds["to"],
        person=fields.get("person", ""),
        attribute=fields.get("attribute", ""),
    )
    return ActivitySearch(fields, query, problem)


async def with_person(reading: Reading, query: EventQuery) -> EventQuery:
    """Returns the query with the ids of people who have its userName, or had it when they were deleted."""
    if not query.person:
        return query
    ids = [user.id for user in await find_users_by_name(reading, query.person)]
    deleted = EventQuery(types=("user.deleted",), person=query.person)
    ids += [event.subject_id for event in (await search_events(reading, deleted, _MOST_DELETED)).events]
    return replace(query, person_ids=tuple(dict.fromkeys(ids)))


def _types(family: str, chosen: str) -> tuple[str, ...]:
    prefixes = FAMILIES[family][1] if family in FAMILIES else ("",)
    if chosen:  # if the two filters exclude each other, the empty type matches no event
        return (chosen if chosen.startswith(prefixes) else "",)
    if family not in FAMILIES:
        return ()
    return tuple(each.name for each in EVENT_TYPES if each.name.startswith(prefixes))


def _instant(text: str, name: str, days: int) -> int | None:
    """Returns the start of a day in UTC plus `days`, in milliseconds since 1970."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise WrongInput(f"A date should be written as 2026-11-28; got '{text[:40]}'.", field=name) from None
    return int(day.timestamp() * 1000)
