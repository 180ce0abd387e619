"""Templates, and the filters that format times, ids and events for people."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from vestibule.endpoints.web import assets
from vestibule.endpoints.web.browsers import browser_name
from vestibule.events import BY_NAME
from vestibule.keys import shortened
from vestibule.model import Event
from vestibule.scim.resource import REASONS
from vestibule.store.database import milliseconds_now
from vestibule.vendors import VENDORS

NOTICES: Final = {
    "signed-out": "You are signed out.",
    "signed-out-everywhere": "You are signed out here and at your identity provider.",
    "session-ended": "The session is over.",
    "metadata-read": "The metadata was read.",
    "password-set": "Your password is set. Sign in with it.",
    "provider-added": "The identity provider was added.",
    "saml-saved": "The SAML details are saved.",
    "saved": "Saved.",
    "provisioning-on": "Auto-provisioning is on.",
    "provisioning-off": "Auto-provisioning is off: requests are refused.",
    "provisioning-paused": "Provisioning is paused. New people and changes wait at the identity provider. People who "
    "are deactivated or deleted there lose access at once.",
    "key-retired": "The key is retired, and refused from now on.",
    "mapping-saved": "The mapping is saved. All Profiles are being derived again.",
    "mapping-same": "Nothing was changed.",
    "roles-saved": "The role rules are saved. All Profiles are being derived again.",
    "roles-same": "Nothing was changed.",
    "person-added": "The person was added.",
    "person-saved": "The person was changed.",
    "person-blocked": "The person is blocked, and their sessions have ended.",
    "person-let-in": "The person may sign in again. Sessions that were ended do not come back.",
    "sessions-ended": "The sessions have ended.",
    "person-deleted": "The person was deleted. Their history stays in the activity log.",
    "group-added": "The group was added.",
    "group-renamed": "The group was renamed.",
    "group-deleted": "The group was deleted. Its members stay, and its history stays in the activity log.",
    "members-added": "The members were added.",
    "member-removed": "The member was removed from the group.",
    "role-changed": "The role was changed.",
    "disabled": "The administrator is locked out, and their sessions have ended.",
    "enabled": "The administrator may sign in again.",
    "limits-saved": "The new limits apply from now on.",
    "factor-required-saved": "The requirement of a second factor was changed.",
    "application-added": "The application was added.",
    "application-saved": "The application was changed.",
    "application-removed": "The application was removed.",
    "nothing-changed": "Nothing was changed.",
    "tenant-added": "The tenant was added.",
    "step-over": "The second factor took too long, or was wrong too often. Sign in again.",
    "proved-again": "Confirmed. For the next five minutes you can change how you sign in.",
    "proved-again-here": "Confirmed. Send the form again.",
    "password-changed": "Your password is changed, and your other sessions have ended.",
    "factor-added": "The second factor was added.",
    "factor-removed": "The second factor was removed.",
}
"""The messages that a page can show after a redirect. The URL has only the name of a message."""

_UNITS: Final = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "min"))


def ago(milliseconds: int | None, now: int | None = None) -> str:
    """Returns a time relative to now: `just now`, `4 min ago`, `3 days ago`, `in 2 hours`."""
    if milliseconds is None:
        return "never"
    gap = (now or milliseconds_now()) - milliseconds
    size = abs(gap)
    for unit, name in _UNITS:
        if size >= unit:
            count = size // unit
            plural = "s" if count != 1 and name != "min" else ""
            return f"{count} {name}{plural} ago" if gap > 0 else f"in {count} {name}{plural}"
    if size < 5_000:
        return "just now"
    return f"{size // 1000} s ago" if gap > 0 else f"in {size // 1000} s"


def exact(milliseconds: int) -> str:
    """Returns a full date and time in UTC. JavaScript converts it to the browser's time zone."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def clock(milliseconds: int) -> str:
    """Returns the time of day in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M:%S")


def when(milliseconds: int | None) -> Markup:
    """Returns a `time` element with the relative time as text and the exact one on hover."""
    if milliseconds is None:
        return Markup('<span class="quiet">never</span>')
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds"),
        exact(milliseconds),
        ago(milliseconds),
    )


def when_exactly(milliseconds: int) -> Markup:
    """Returns a `time` element with the time of day, which JavaScript converts to the browser's time zone."""
    return Markup('<time class="clock" datetime="{}" title="{}">{}</time>').format(
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds"),
        exact(milliseconds),
        clock(milliseconds),
    )


def took(microseconds: int) -> str:
    """Returns a duration in microseconds as text: `0.8 ms`, `12 ms`, `1.4 s`."""
    if microseconds >= 1_000_000:
        return f"{microseconds / 1_000_000:,.1f} s"
    return f"{microseconds / 1000:.1f} ms" if microseconds < 10_000 else f"{microseconds // 1000} ms"


def short_id(text: str) -> str:
    """Returns an id without its middle part."""
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


LONGEST_SHOWN: Final = 16_000
LONGEST_VALUE: Final = 1_000
MOST_LINES: Final = 50
MOST_OPERATIONS: Final = 25
MOST_OF_OPERATION: Final = 10
LONGEST_OPERATION: Final = 1_000
"""Characters of a PATCH operation on an event's page. The whole body is shown below."""


def pretty(value: Any, longest: int = LONGEST_SHOWN) -> str:
    """Returns a JSON value as indented text, truncated if it is very long."""
    return _cut(json.dumps(value, indent=2, ensure_ascii=False), longest)


def short_value(text: str) -> str:
    """Returns a value truncated for a list or a heading."""
    return _cut(text, 200)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text):,} characters in all)"


def plain(value: Any) -> str:
    """Returns a value of a document as text for people."""
    match value:
        case None | "":
            return "—"
        case bool():
            return "true" if value else "false"
        case str():
            return _cut(value, LONGEST_VALUE)
        case _:
            return _cut(json.dumps(value, ensure_ascii=False), LONGEST_VALUE)


def lines(value: Any) -> list[str]:
    """Returns a value of a document as lines, one for each of several values with its sub-attributes."""
    if value in (None, ""):
        return []
    if not isinstance(value, list):
        return [plain(value)]
    shown = [_line(element) for element in value[:MOST_LINES]]
    return [*shown, f"… and {len(value) - MOST_LINES:,} more"] if len(value) > MOST_LINES else shown


def _line(element: Any) -> str:
    if not isinstance(element, dict):
        return plain(element)
    marks = [name for name, part in element.items() if part is True]
    parts = [plain(part) for name, part in element.items() if not isinstance(part, bool) and name != "type"]
    about = [element["type"]] if element.get("type") else []
    return " ".join(parts) + (f" ({', '.join(about + marks)})" if about + marks else "")


def sentence(event: Event, tenant_path: str) -> Markup:
    """Returns the sentence for an event. All values are escaped, because identity providers may send anything."""
    kind = BY_NAME.get(event.type)
    if kind is None:
        return escape(event.type)
    changes = event.data.get("changes", [])
    names = [str(change.get("attribute", "")).removeprefix(_ENTERPRISE) for change in changes]
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    values = {
        "actor": event.actor.get("name") or {"nobody": "Somebody"}.get(event.actor.get("kind", ""), "Vestibule"),
        "subject": event.data.get("user_name") or event.data.get("subject") or "",
        "attributes": shown or "nothing",
        "difference": "; ".join(filter(None, (_of_members(event), shown))),
    }
    values |= {name: value for name, value in event.data.items() if name not in values}
    parts: dict[str, Markup] = {name: Markup("<b>{}</b>").format(plain(value)) for name, value in values.items()}
    for name in ("attributes", "difference", "reason", "done", "changed", "role"):
        if name in values:
            parts[name] = escape(plain(values[name]))
    if event.subject_id and (room := _room_of_subject(event)):
        parts["subject"] = Markup('<a href="{}/{}/{}">{}</a>').format(
            tenant_path, room, event.subject_id, plain(values["subject"])
        )
    parts["whom"] = Markup(" for {}").format(parts["subject"]) if values["subject"] else Markup()
    try:
        # Only the sentence is a template. Markup escapes the values, which are not interpreted.
        return Markup(kind.sentence).format(**parts)  # noqa: S704 -- a constant from `events`
    except KeyError:
        return escape(kind.meaning)


def _room_of_subject(event: Event) -> str:
    """Returns the part of the console that has a page of the event's subject; empty if none has."""
    if event.type in {"user.deleted", "group.deleted"}:
        return ""
    if event.type.startswith("group.") or event.data.get("about") == "group":
        return "groups"
    return "users" if event.type.startswith("user.") or event.type == "request.refused" else ""


def _of_members(event: Event) -> str:
    """Returns how many members of a group an event adds and removes."""
    counts = [(verb, len(event.data.get(verb, ()))) for verb in ("added", "removed")]
    told = [f"{count} {'member' if count == 1 else 'members'} {verb}" for verb, count in counts if count]
    return ", ".join(told) + (f" (part {event.data['part']} of {event.data['parts']})" if "part" in event.data else "")


_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"


def attribute_name(text: str) -> str:
    """Returns an attribute path without the URN of the enterprise extension."""
    return text.removeprefix(_ENTERPRISE)


def tone(event: Event) -> str:
    """Returns the tone of an event in a list."""
    kind = BY_NAME.get(event.type)
    return kind.tone if kind else "quiet"


def host(url: str) -> str:
    """Returns the host of a URL."""
    return _cut(urlsplit(url).netloc.removeprefix("www."), 60)


_environment = Environment(
    loader=PackageLoader("vestibule", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.filters |= {
    "ago": ago,
    "when": when,
    "when_exactly": when_exactly,
    "exact": exact,
    "took": took,
    "short_id": short_id,
    "browser_name": browser_name,
    "short_key": shortened,
    "pretty": pretty,
    "plain": plain,
    "host": host,
    "short_value": short_value,
    "lines": lines,
    "tone": tone,
    "attribute_name": attribute_name,
}
_environment.globals |= {
    "asset": assets.url,
    "sentence": sentence,
    "REASONS": REASONS,
    "MOST_OPERATIONS": MOST_OPERATIONS,
    "MOST_OF_OPERATION": MOST_OF_OPERATION,
    "LONGEST_OPERATION": LONGEST_OPERATION,
    "VENDORS": VENDORS,
    "now": milliseconds_now,
}


def render(template: str, **values: Any) -> str:
    """Returns a rendered template."""
    return _environment.get_template(template).render(**values)
