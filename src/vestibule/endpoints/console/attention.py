"""What needs attention: refusals of the last day in groups, expiring certificates, and possible duplicates.

Rule of this file: what was resolved disappears. A group of refusals is resolved once the same thing has succeeded after
the last of them: a sign-in with that identity provider or of that person, a write to that person, a connection test.
"""

from dataclasses import dataclass
from typing import Final

from vestibule.endpoints.console.refusal_advice import advice_on, mend_link
from vestibule.endpoints.web.visit import Visit
from vestibule.events import EVENT_TYPES, Tone
from vestibule.model import Event, IdentityProvider
from vestibule.store.database import Reading
from vestibule.store.events import EventQuery, page_events
from vestibule.store.users import find_users_by_name

DAY: Final = 86_400_000
_MOST_REFUSALS: Final = 500
_MOST_PEOPLE: Final = 20
"""How many people of a group are checked for a later success. A larger group stays for a day."""
_WRITES: Final = tuple(each.name for each in EVENT_TYPES if each.name.startswith("user.") and "signed" not in each.name)
_SUCCESSES: Final[dict[str, tuple[str, ...]]] = {
    "login.refused": ("user.signed_in",),
    "request.refused": _WRITES,
    "credential.refused": ("credential.tested", *_WRITES),
    "revocation.refused": ("session.revoked",),
}
_OF_ONE_PERSON: Final = {
    "Person",
    "Deactivated",
    "Blocked",
    "Used once",
    "Issued",
    "Begun here",
    "uniqueness",
    "noTarget",
    "mutability",
    "404",
}
"""Checks and SCIM errors about one person, which the success of another person does not resolve."""
_NOUNS: Final = {
    "login.refused": ("sign-in", "sign-ins"),
    "request.refused": ("request", "requests"),
    "credential.refused": ("request", "requests"),
    "revocation.refused": ("order to end sessions", "orders to end sessions"),
}
SOON: Final = 30 * DAY


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs attention: a sentence, what to do, and where."""

    tone: Tone
    sentence: str
    advice: str = ""
    at: int | None = None
    link: str = ""
    link_words: str = ""
    example: str = ""
    """The URL of the newest event of a group."""


async def find_needs(visit: Visit, reading: Reading, providers: list[IdentityProvider], twins: list[str]) -> list[Need]:
    """Returns what needs attention in a tenant, the most important first."""
    refused = await page_events(reading, EventQuery(types=tuple(_SUCCESSES), since=reading.now - DAY), _MOST_REFUSALS)
    by_id = {provider.id: provider for provider in providers}
    groups: dict[tuple[str, str, str], list[Event]] = {}
    for event in refused:
        groups.setdefault((event.identity_provider_id, event.type, _kind(event)), []).append(event)
    needs = []
    for (provider_id, _, _), events in groups.items():
        left = await _not_mended(reading, provider_id, events)
        if left:
            needs.append(_refusals(visit, left, by_id))
    needs += [_certificates(visit, *each) for each in ending_certificates(providers, reading.now)]
    if twins:
        needs.append(_twins(visit, twins))
    return needs


def _kind(event: Event) -> str:
    """Returns the key by which refusals are grouped."""
    data = event.data
    return str(data.get("check") or data.get("scim_type") or data.get("status") or data.get("reason") or "")


async def _not_mended(reading: Reading, provider_id: str, events: list[Event]) -> list[Event]:
    """Returns the events of a group, newest first, that were not resolved by a later success."""
    successes = _SUCCESSES[events[0].type]
    if _kind(events[0]) not in _OF_ONE_PERSON:
        last = await page_events(reading, EventQuery(types=successes, provider_id=provider_id), 1)
        return [event for event in events if not last or last[0].id < event.id]
    left, mended_at = [], dict[str, str]()
    for event in events:
        person = event.subject_id or str(event.data.get("user_name") or event.data.get("name_id") or "")
        if person not in mended_at and len(mended_at) < _MOST_PEOPLE:
            mended_at[person] = await _last_success(reading, event, person, successes)
        if event.id > mended_at.get(person, ""):
            left.append(event)
    return left


async def _last_success(reading: Reading, event: Event, person: str, successes: tuple[str, ...]) -> str:
    """Returns the id of the event of a person's last success; empty if there is none."""
    ids = [event.subject_id] if event.subject_id else [user.id for user in await find_users_by_name(reading, person)]
    found = [
        await page_events(reading, EventQuery(types=successes, subject_id=user_id), 1) for user_id in ids if user_id
    ]
    return max((each[0].id for each in found if each), default="")


def _refusals(visit: Visit, events: list[Event], providers: dict[str, IdentityProvider]) -> Need:
    newest, provider = events[0], providers.get(events[0].identity_provider_id)
    count = sum(1 + int(event.data.get("more") or 0) for event in events)
    one, many = _NOUNS[newest.type]
    of = ""
    if provider is not None:
        of = f" with {provider.name}" if newest.type == "login.refused" else f" from {provider.name}"
    reason = str(newest.data.get("reason", "")).rstrip(".")
    sentence = f"{count:,} {one if count == 1 else many}{of} {'was' if count == 1 else 'were'} refused: {reason}."
    advice, example = advice_on(newest, providers), visit.at("activity", newest.id)
    link, words = mend_link(visit, newest, providers)
    if not link:
        link, words = example, "See an example"
    return Need("bad", sentence, advice, newest.at, link, words, example)


def ending_certificates(providers: list[IdentityProvider], now: int) -> list[tuple[IdentityProvider, str, int]]:
    """Returns the identity providers whose signing certificates have expired or expire within 30 days, as (identity
    provider, `expired` or `soon`, how many).
    """
    found = []
    for provider in providers:
        ends = [certificate.not_after - now for certificate in provider.saml.certificates]
        expired, soon = sum(left <= 0 for left in ends), sum(0 < left <= SOON for left in ends)
        found += [(provider, end, count) for end, count in (("expired", expired), ("soon", soon)) if count]
    return found


def _certificates(visit: Visit, provider: IdentityProvider, end: str, count: int) -> Need:
    noun = "certificate" if count == 1 else "certificates"
    link = visit.at("identity-providers", provider.id, "sign-in")
    if end == "soon":
        verb = "expires" if count == 1 else "expire"
        return Need("warn", f"{count} {noun} of {provider.name} {verb} within 30 days.", link=link, link_words="See it")
    return Need(
        "warn",
        f"{count} {noun} of {provider.name} {'has' if count == 1 else 'have'} expired.",
        "Sign-in still works, because the key is trusted. Ask the identity provider's administrator for a new one.",
        link=link,
        link_words="Mend",
    )


def _twins(visit: Visit, twins: list[str]) -> Need:
    names = ", ".join(twins[:3]) + (f" and {len(twins) - 3:,} more" if len(twins) > 3 else "")
    return Need(
        "warn",
        f"Possible duplicates: {names}.",
        "Several identity providers have a person with this user name. They stay separate; nothing is merged.",
        link=visit.at("users", q=twins[0]),
        link_words="Compare",
    )
