"""How the console speaks: templates, and the filters that put times, ids and events into words."""

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
    "provisioning-paused": "Provisioning is paused. New people and changes wait at the identity provider; whoever "
    "is deactivated or deleted there is out at once.",
    "key-retired": "The key is retired. From now on it is refused.",
    "mapping-saved": "The mapping is saved. Every Profile is being derived anew.",
    "mapping-same": "Nothing was changed.",
    "roles-saved": "The role rules are saved. Every Profile is being derived anew.",
    "roles-same": "Nothing was changed.",
    "person-added": "The person was added.",
    "person-saved": "The person was changed.",
    "person-blocked": "The person is blocked, and their sessions are over.",
    "person-let-in": "The person may sign in again. What was ended stays ended.",
    "sessions-ended": "The sessions are over.",
    "person-deleted": "The person was deleted. Their history stays in the activity log.",
    "role-changed": "The role was changed.",
    "disabled": "The administrator is locked out, and their sessions are over.",
    "enabled": "The administrator may sign in again.",
    "limits-saved": "The new limits hold from now on.",
    "factor-required-saved": "Who needs a second factor was changed.",
    "application-added": "The application was added.",
    "application-saved": "The application was changed.",
    "application-removed": "The application is no longer listed.",
    "nothing-changed": "Nothing was changed.",
    "tenant-added": "The tenant was added.",
    "step-over": "The second step took too long, or failed too often. Sign in again.",
    "proved-again": "Confirmed. For the next five minutes you can change how you sign in.",
    "proved-again-here": "Confirmed. Send the form again.",
    "password-changed": "Your password is changed, and your other sessions are over.",
    "factor-added": "The second factor was added.",
    "factor-removed": "The second factor was removed.",
}
"""What a page says after something was done; the address names the sentence and cannot make one up."""

_UNITS: Final = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "min"))


def ago(milliseconds: int | None, now: int | None = None) -> str:
    """An instant relative to now: `just now`, `4 min ago`, `3 days ago`, `in 2 hours`."""
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
    """An instant in full, in UTC; the browser shows it in its own zone where it can."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def clock(milliseconds: int) -> str:
    """The time of day of an instant, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M:%S")


def when(milliseconds: int | None) -> Markup:
    """An instant as a `time` element: relative to read, exact on hover and for machines."""
    if milliseconds is None:
        return Markup('<span class="quiet">never</span>')
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds"),
        exact(milliseconds),
        ago(milliseconds),
    )


def when_exactly(milliseconds: int) -> Markup:
    """The time of day of an instant as a `time` element, which the browser turns into its own zone."""
    return Markup('<time class="clock" datetime="{}" title="{}">{}</time>').format(
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds"),
        exact(milliseconds),
        clock(milliseconds),
    )


def took(microseconds: int) -> str:
    """A time as long as a stopwatch shows it: `0.8 ms`, `12 ms`, `1.4 s`."""
    if microseconds >= 1_000_000:
        return f"{microseconds / 1_000_000:,.1f} s"
    return f"{microseconds / 1000:.1f} ms" if microseconds < 10_000 else f"{microseconds // 1000} ms"


def short_id(text: str) -> str:
    """An id with its middle left out."""
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


LONGEST_SHOWN: Final = 16_000
LONGEST_VALUE: Final = 1_000
MOST_LINES: Final = 50
MOST_OPERATIONS: Final = 25
MOST_OF_OPERATION: Final = 10
LONGEST_OPERATION: Final = 1_000
"""Of a PATCH on an event's page: how many operations are shown, and how much of each. All of it stands below them."""


def pretty(value: Any, longest: int = LONGEST_SHOWN) -> str:
    """A JSON value over several lines, cut where it would make a page nobody can read."""
    return _cut(json.dumps(value, indent=2, ensure_ascii=False), longest)


def short_value(text: str) -> str:
    """A value in a list or a heading."""
    return _cut(text, 200)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text):,} characters in all)"


def plain(value: Any) -> str:
    """A value of a document as a person reads it."""
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
    """A value of a document as lines: one for each of several values, its parts side by side."""
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
    """What an event's list entry says. Values are whatever an identity provider sent: every one of them is escaped."""
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
    }
    values |= {name: value for name, value in event.data.items() if name not in values}
    parts: dict[str, Markup] = {name: Markup("<b>{}</b>").format(plain(value)) for name, value in values.items()}
    for name in ("attributes", "reason", "done", "changed", "role"):
        if name in values:
            parts[name] = escape(plain(values[name]))
    about = event.type.startswith("user.") and event.type != "user.deleted"
    if event.subject_id and (about or event.type == "request.refused"):
        parts["subject"] = Markup('<a href="{}/users/{}">{}</a>').format(
            tenant_path, event.subject_id, values["subject"]
        )
    parts["whom"] = Markup(" for {}").format(parts["subject"]) if values["subject"] else Markup()
    try:
        # Only the sentence is a template; what is put into it is escaped by Markup and never interpreted again.
        return Markup(kind.sentence).format(**parts)  # noqa: S704 -- a constant from the page of events
    except KeyError:
        return escape(kind.meaning)


_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"


def attribute_name(text: str) -> str:
    """An attribute path without the URN of the enterprise extension, which says nothing to a reader."""
    return text.removeprefix(_ENTERPRISE)


def tone(event: Event) -> str:
    """How an event is marked in a list."""
    kind = BY_NAME.get(event.type)
    return kind.tone if kind else "quiet"


def host(url: str) -> str:
    """Where a URL leads, as people know it."""
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
    """A template as HTML."""
    return _environment.get_template(template).render(**values)
