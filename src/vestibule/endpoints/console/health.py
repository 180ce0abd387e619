"""The live line: the state of an identity provider's connection in one sentence.

It says what happened last and what to do about it, so that an administrator who sets up the other product need not read
a log.
"""

from dataclasses import dataclass
from typing import Final

from vestibule.endpoints.console.connection_advice import advice_on_address, advice_on_credential
from vestibule.events import EVENT_TYPES, Tone
from vestibule.model import Credential, Event, IdentityProvider, Tenant
from vestibule.scim.errors import excerpt
from vestibule.store.credentials import credentials_of, find_refused_at
from vestibule.store.database import Reading
from vestibule.store.events import EventQuery, latest_event, page_events
from vestibule.vendors import VENDORS

_USE_IS_NOTED_EVERY: Final = 60_000
_CHANGES: Final = tuple(each.name for each in EVENT_TYPES if each.name.startswith("user."))
_LOOKED_BACK: Final = 20
STRANGER_TOLD_FOR: Final = 15 * 60_000
"""Milliseconds for which the line mentions a request that may be from anybody."""
SILENCE: Final = 120_000
"""Milliseconds without a request after which the line says what to check."""


@dataclass(frozen=True, slots=True)
class Note:
    """A request that may or may not be from this identity provider, and what to do if it is."""

    sentence: str
    at: int
    mend: str


@dataclass(frozen=True, slots=True)
class Health:
    """The live line: a sentence with its tone, the time it is about, and what to do."""

    tone: Tone
    sentence: str
    at: int | None = None
    mend: str = ""
    checks: tuple[str, ...] = ()
    relative: bool = False
    """Whether the time is shown as `12 s ago` rather than as a time of day."""
    safe_to_retire: str = ""
    """The id of an older key that is no longer used since a newer one is used."""
    note: Note | None = None


async def health_of(reading: Reading, tenant: Tenant, provider: IdentityProvider, people: int) -> Health:
    """Returns the present state of an identity provider. `people` is the number of its active people."""
    title, vendor = provider.name, VENDORS[provider.vendor]
    if tenant.state == "suspended":
        return Health(
            "warn",
            f"This tenant is suspended: whatever {title} sends is refused.",
            mend="Ask the operator of this Vestibule to resume it.",
        )
    if not provider.enabled:
        return Health(
            "warn", f"{title} is disabled: whatever it sends is refused.", mend="Enable it on the tab Settings."
        )
    if provider.provisioning == "off":
        return Health("quiet", "Auto-provisioning is switched off: whatever arrives is refused with 403.")
    keys = [each for each in await credentials_of(reading, provider.id) if each.usable(reading.now)]
    tested = max((each.tested_at or 0 for each in keys), default=0)
    used = max((each.last_used_at or 0 for each in keys), default=0)
    made = max((each.created_at for each in keys), default=0)
    latest = await _latest_change(reading, provider.id)
    changed = latest.at if latest is not None else 0
    # The use of a key is recorded shortly after the response, but the event about a person with it.
    proof = changed if latest is not None and latest.actor["kind"] == "identity_provider" else 0
    refused_at = await find_refused_at(reading, provider.id) or 0
    if refused_at >= max(tested, used, made, proof, 1) and (refusal := await _latest_failure(reading, provider.id)):
        return _refused(provider, refusal)
    if provider.provisioning == "paused":
        later = "keeps them and tries again by itself" if vendor.retries else "and may need help to send them again"
        return Health(
            "warn",
            f"Provisioning is paused. {title} is told to wait with new people and changes, {later}. People whom it "
            "deactivates or deletes lose access at once.",
        )
    if not keys:
        return Health("warn", "There is no key that works.", mend="Make one on the tab Provisioning, under Keys.")
    retire = _superseded(keys)
    newest = max(each.created_at for each in keys)
    stranger = await _latest_stranger(reading, provider, since=max(used, changed, tested, newest))
    if tested > changed and tested >= used - _USE_IS_NOTED_EVERY:
        if stranger is not None:
            return Health("warn", f"{title} tested these credentials", tested, note=stranger, safe_to_retire=retire)
        return Health("good", f"{title} tested these credentials at", tested, safe_to_retire=retire)
    if used:
        tone: Tone = "warn" if stranger is not None else "good"
        sentence = f"{title} is provisioning {people:,} {'person' if people == 1 else 'people'}; its last request came"
        last = max(used, changed)
        return Health(tone, sentence, last, safe_to_retire=retire, relative=True, note=stranger)
    if stranger is not None:
        # It may be from anybody, so it is only shown if nothing else is known, and not as a failure.
        return Health("warn", f"Nothing from {title} yet, but {stranger.sentence}", stranger.at, mend=stranger.mend)
    if reading.now - newest < SILENCE:
        return Health("quiet", f"Waiting for {title}: press {vendor.probe} there.", newest)
    return Health(
        "warn",
        f"Nothing has arrived from {title} since the key was made",
        newest,
        checks=(
            "Is the SCIM URL in the other product, letter for letter, the one on the tab Provisioning?",
            "Can the other product reach this server? A firewall, or an address such as 127.0.0.1, keeps it out.",
            f"Was {vendor.probe} pressed, and what did it say?",
        ),
    )


async def _latest_change(reading: Reading, provider_id: str) -> Event | None:
    """Returns the latest event about a person."""
    events = await page_events(reading, EventQuery(types=_CHANGES, provider_id=provider_id), 1)
    return events[0] if events else None


async def _latest_failure(reading: Reading, provider_id: str) -> Event | None:
    """Returns the latest refusal that suggests a wrong set-up of the connection."""
    types = ("credential.refused", "request.refused")
    events = await page_events(reading, EventQuery(types=types, provider_id=provider_id), _LOOKED_BACK)
    failures = (each for each in events if each.type == types[0] or each.data.get("questions_connection"))
    return next(failures, None)


async def _latest_stranger(reading: Reading, provider: IdentityProvider, since: int) -> Note | None:
    """Returns the latest refused request with this tenant's name and none of its keys, if no request was accepted
    later.

    Anybody can send such a request, so an old one is only in the activity log.
    """
    event = await latest_event(reading, "", "credential.refused")
    if event is None or event.at <= since or reading.now - event.at > STRANGER_TOLD_FOR:
        return None
    vendor = VENDORS[provider.vendor]
    if event.data.get("reason") == "no credential":
        sentence = "a request came with neither Key nor Secret"
    else:
        sentence = f"a request came with {event.data['key']}, which nobody here has,"
    return Note(sentence, event.at, advice_on_credential(event, vendor))


def _refused(provider: IdentityProvider, refusal: Event) -> Health:
    reason, key = str(refusal.data.get("reason", "")), refusal.data.get("key", "")
    path = excerpt(str(refusal.data.get("request", {}).get("path", "")), 100)
    told = {
        "wrong secret": f"sent a wrong Secret for {key}",
        "incomplete secret": f"sent a Secret for {key} that was mistyped or cut short",
        "retired key": f"sent {key}, which was retired,",
        "expired key": f"sent {key}, which has expired,",
        "swapped key and secret": f"sent {key} and its Secret in each other's place",
        "secret alone": f"sent the Secret of {key} alone, without the Key,",
        "wrong address": f"sent {key} to {path}, which is not the SCIM URL of this tenant,",
        "identity provider switched off": "was refused while it was disabled here",
        "tenant suspended": "was refused while this tenant was suspended",
    }
    vendor = VENDORS[provider.vendor]
    if refusal.type == "request.refused":
        sentence = f"{provider.name} was refused with {refusal.data.get('status')} at {path}"
        return Health("bad", sentence, refusal.at, advice_on_address(vendor))
    said = told.get(reason, f"was refused: {reason}")
    return Health("bad", f"{provider.name} {said}", refusal.at, advice_on_credential(refusal, vendor))


def _superseded(keys: list[Credential]) -> str:
    """Returns the id of the older of two keys, if only the newer one is still used; empty otherwise."""
    if len(keys) < 2:
        return ""
    newest = max(keys, key=lambda each: each.created_at)
    if newest.last_used_at is None:
        return ""
    # Uses are recorded once a minute, so the order of two within a minute is not known.
    before = newest.last_used_at - _USE_IS_NOTED_EVERY
    older = [each for each in keys if each.id != newest.id and (each.last_used_at or 0) < before]
    return older[0].id if older else ""
