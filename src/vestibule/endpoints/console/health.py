"""How an identity provider does, in a sentence: the line that lives.

It says what happened last and what to do about it, so that an administrator with the other product open in the next
window needs no log to find out why nothing works.
"""

from dataclasses import dataclass
from typing import Final

from vestibule.events import EVENT_TYPES, Tone
from vestibule.model import Credential, Event, IdentityProvider, Tenant
from vestibule.store.credentials import credentials_of
from vestibule.store.database import Reading
from vestibule.store.events import EventQuery, latest_event, page_events
from vestibule.vendors import VENDORS

_USE_IS_NOTED_EVERY: Final = 60_000
_CHANGES: Final = tuple(each.name for each in EVENT_TYPES if each.name.startswith("user."))
SILENCE: Final = 120_000
"""Milliseconds without a word after which the line says what to check."""


@dataclass(frozen=True, slots=True)
class Health:
    """A sentence with its tone, the instant it is about, and what to do."""

    tone: Tone
    sentence: str
    at: int | None = None
    mend: str = ""
    checks: tuple[str, ...] = ()
    relative: bool = False
    """Whether the instant is told as `12 s ago` rather than as a time of day."""
    safe_to_retire: str = ""
    """The id of an older key that is not used any more since a newer one is."""


async def health_of(reading: Reading, tenant: Tenant, provider: IdentityProvider, people: int) -> Health:
    """How an identity provider of a tenant, with so many active people, does right now."""
    title, vendor = provider.name, VENDORS[provider.vendor]
    if tenant.state == "suspended":
        return Health(
            "warn",
            f"This tenant is suspended: whatever {title} sends is refused.",
            mend="Ask whoever operates this Vestibule to resume it.",
        )
    if not provider.enabled:
        return Health(
            "warn", f"{title} is disabled: whatever it sends is refused.", mend="Enable it under Settings below."
        )
    if provider.provisioning == "off":
        return Health("quiet", "Auto-provisioning is switched off: whatever arrives is refused with 403.")
    keys = [each for each in await credentials_of(reading, provider.id) if each.usable(reading.now)]
    tested = max((each.tested_at or 0 for each in keys), default=0)
    used = max((each.last_used_at or 0 for each in keys), default=0)
    refusal = await latest_event(reading, provider.id, "credential.refused")
    made = max((each.created_at for each in keys), default=0)
    latest = await _latest_change(reading, provider.id)
    changed = latest.at if latest is not None else 0
    # A use is noted a moment after its answer; what it did to somebody is there with the answer.
    proof = changed if latest is not None and latest.actor["kind"] == "identity_provider" else 0
    if refusal is not None and refusal.at > max(tested, used, made, proof):
        return _refused(provider, refusal)
    if provider.provisioning == "paused":
        return Health(
            "warn",
            f"Provisioning is paused. {title} is told to wait with new people and changes, keeps them and tries again "
            "by itself. Whoever it deactivates or deletes is out at once.",
        )
    if not keys:
        return Health("warn", "There is no key that works.", mend="Make one under Keys.")
    retire = _superseded(keys)
    if tested > changed and tested >= used - _USE_IS_NOTED_EVERY:
        return Health("good", f"{title} tested these credentials at", tested, safe_to_retire=retire)
    if used:
        sentence = f"{title} is provisioning {people:,} {'person' if people == 1 else 'people'}; its last request came"
        return Health("good", sentence, max(used, changed), safe_to_retire=retire, relative=True)
    newest = max(each.created_at for each in keys)
    stranger = await latest_event(reading, "", "credential.refused")
    if stranger is not None and stranger.at > newest:
        # From anybody at all, so it is told only while nothing better is known, and not as a failure.
        if stranger.data.get("reason") == "no credential":
            sentence = f"Nothing from {title} yet, but a request came with neither Key nor Secret"
            return Health(
                "warn", sentence, stranger.at, mend=f"In {vendor.title}: fill in the Key below and its Secret."
            )
        sentence = f"Nothing from {title} yet, but a request came with {stranger.data['key']}, which nobody here has,"
        return Health("warn", sentence, stranger.at, mend=f"In {vendor.title}: compare the Key with the one below.")
    if reading.now - newest < SILENCE:
        return Health("quiet", f"Waiting for {title}: press {vendor.probe} there.", newest)
    return Health(
        "warn",
        f"Nothing has arrived from {title} since the key was made",
        newest,
        checks=(
            "Is the SCIM URL in the other product the one below, letter for letter, with your tenant name at its end?",
            "Can the other product reach this server? A firewall, or an address such as 127.0.0.1, keeps it out.",
            f"Was {vendor.probe} pressed, and what did it say?",
        ),
    )


async def _latest_change(reading: Reading, provider_id: str) -> Event | None:
    """What was last about a person."""
    events = await page_events(reading, EventQuery(types=_CHANGES, provider_id=provider_id), 1)
    return events[0] if events else None


def _refused(provider: IdentityProvider, refusal: Event) -> Health:
    vendor = VENDORS[provider.vendor]
    reason, key = str(refusal.data.get("reason", "")), refusal.data.get("key", "")
    mend = f"In {vendor.title}: {vendor.mend_setting}."
    live_pair = f"Use the Key and Secret of a live pair below, or make a new one. {mend}"
    told = {
        "wrong secret": (f"sent a wrong Secret for {key}", mend),
        "incomplete secret": (f"sent a Secret for {key} that was mistyped or cut short", mend),
        "retired key": (f"sent {key}, which was retired,", live_pair),
        "expired key": (f"sent {key}, which has expired,", live_pair),
        "identity provider switched off": ("was refused while it was disabled here", "It is enabled again."),
        "tenant suspended": ("was refused while this tenant was suspended", "It was resumed since."),
    }
    said, mending = told.get(reason, (f"was refused: {reason}", mend))
    return Health("bad", f"{provider.name} {said}", refusal.at, f"Nothing was changed. {mending}")


def _superseded(keys: list[Credential]) -> str:
    """The older of two keys, once the newer one is in use and the older one was not used since."""
    if len(keys) < 2:
        return ""
    newest = max(keys, key=lambda each: each.created_at)
    if newest.last_used_at is None:
        return ""
    older = [each for each in keys if each.id != newest.id and (each.last_used_at or 0) < newest.last_used_at]
    return older[0].id if older else ""
