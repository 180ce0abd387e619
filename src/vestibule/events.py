"""Everything that can happen, on one page.

The activity log, the audit trail and the outbox are readers of one append-only table; this is what may stand in it. An
event's `data` carries what its sentence needs and what the page about it shows; never a secret, never a password.

In a sentence, `{actor}` is who did it, `{subject}` whom or what it was done to, `{whom}` is "" or " for " and the
person, and other names come from the data.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import unquote_plus

Tone = Literal["quiet", "good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event: its name, the sentence a list shows, and what it means for the documentation."""

    name: str
    sentence: str
    meaning: str
    tone: Tone = "quiet"


EVENT_TYPES: Final[tuple[EventType, ...]] = (
    # -- people
    EventType("user.created", "{actor} created {subject}", "A person came into being.", "good"),
    EventType("user.changed", "{actor} changed {subject}: {attributes}", "Attributes of a person changed."),
    EventType("user.unchanged", "{actor} sent {subject} again; nothing changed", "A write that changed nothing."),
    EventType("user.deactivated", "{actor} deactivated {subject}", "A person may no longer sign in.", "warn"),
    EventType("user.reactivated", "{actor} reactivated {subject}", "A person may sign in again.", "good"),
    EventType(
        "user.adopted",
        "{actor} adopted {subject}, who was added by hand",
        "A person added by hand now belongs to an identity provider.",
    ),
    EventType("user.deleted", "{actor} deleted {subject}", "The resource is gone; this log keeps its history.", "warn"),
    EventType(
        "user.blocked",
        "{actor} blocked {subject}",
        "An administrator keeps a person out, whatever the identity provider says.",
        "warn",
    ),
    EventType("user.let_in", "{actor} let {subject} in again", "A person who was blocked may sign in again.", "good"),
    EventType(
        "user.roles_changed",
        "{subject} came with other groups or roles: {attributes}",
        "The groups of an assertion changed what the role rules give.",
    ),
    EventType(
        "user.profile_derived",
        "New rules changed the Profile of {subject}: {attributes}",
        "A Profile changed because the mapping or the role rules did.",
    ),
    # -- signing in
    EventType("user.signed_in", "{subject} signed in with {name}", "A person's session began.", "good"),
    EventType("user.signed_out", "{subject} signed out", "A person ended their session."),
    EventType(
        "login.refused",
        "A sign-in with {name} was refused: {reason}",
        "A SAML response was not accepted, or the person it names may not sign in. `data` says what was wanted, what "
        "came and where to mend it.",
        "bad",
    ),
    EventType("session.ended", "{subject} ended one of their sessions", "A person ended a session from the list."),
    EventType(
        "session.revoked",
        "Sessions of {subject} were ended: {reason}",
        "Single logout, Universal Logout or an administrator ended sessions; `data` says how many.",
        "warn",
    ),
    EventType(
        "revocation.refused",
        "An order to end sessions was refused: {reason}",
        "A single logout or Universal Logout request was not carried out.",
        "bad",
    ),
    # -- requests
    EventType(
        "request.refused",
        "{actor} was refused{whom}: {reason}",
        "A SCIM request with a valid credential was not carried out. `data` says what was sent, about whom, and why.",
        "bad",
    ),
    EventType(
        "credential.refused",
        "A request with {key} was refused: {reason}",
        "A SCIM request came without a valid credential. Equal refusals within a minute are counted in one.",
        "bad",
    ),
    EventType(
        "credential.tested",
        "{actor} tested these credentials",
        "The request arrived that the vendor's product sends for its connection test.",
        "good",
    ),
    # -- configuration
    EventType("tenant.created", "{actor} created the tenant {title}", "A tenant came into being."),
    EventType(
        "tenant.suspended", "{actor} suspended the tenant {title}", "Its keys are refused like unknown ones.", "warn"
    ),
    EventType("tenant.resumed", "{actor} resumed the tenant {title}", "Its keys are accepted again.", "good"),
    EventType(
        "identity_provider.created", "{actor} added the identity provider {name}", "An identity provider was added."
    ),
    EventType(
        "identity_provider.changed", "{actor} changed {name}: {attributes}", "Settings of an identity provider changed."
    ),
    EventType(
        "provisioning.switched_on", "{actor} switched on auto-provisioning for {name}", "SCIM is answered.", "good"
    ),
    EventType(
        "provisioning.paused",
        "{actor} paused provisioning for {name}",
        "Deactivations and deletions are carried out. Other writes are answered with 429 until provisioning is "
        "resumed; the identity provider sends them again by itself.",
        "warn",
    ),
    EventType(
        "provisioning.switched_off", "{actor} switched off auto-provisioning for {name}", "SCIM is refused.", "warn"
    ),
    EventType(
        "saml.refreshed",
        "The metadata of {name} changed: {attributes}",
        "The metadata that is read from a URL said something new.",
    ),
    EventType(
        "saml.refresh_failed",
        "The metadata of {name} could not be read: {reason}",
        "What was known stays in force.",
        "warn",
    ),
    EventType(
        "saml.certificate_expiring",
        "A signing certificate of {name} {expires}",
        "60, 30, 7 and 1 days before a certificate expires, and when it has. Sign-in goes on: its key is pinned.",
        "warn",
    ),
    EventType(
        "saml.key_made",
        "{actor} made a key of this service provider for {name}",
        "A key for signed requests and encrypted assertions.",
    ),
    EventType(
        "saml.key_changed",
        "{actor} put a key of this service provider for {name} in its place: {state}",
        "A key became the current one, or was thrown away.",
    ),
    EventType("roles.changed", "{actor} changed the role rules of {name}", "The rules that give roles changed."),
    EventType("application.changed", "{actor} changed the application {name}", "An application was added or changed."),
    EventType("application.removed", "{actor} removed the application {name}", "An application is no longer listed."),
    EventType("tenant.changed", "{actor} changed how long sessions last", "The tenant's limits on sessions changed."),
    EventType(
        "tenant.factor_required_changed",
        "{actor} changed who needs a second factor from {before} to {after}",
        "The tenant's administrators may need a second factor.",
    ),
    EventType("credential.created", "{actor} created the key {key} for {name}", "A Key and Secret were made."),
    EventType("credential.revoked", "{actor} retired the key {key} of {name}", "A Key is no longer accepted.", "warn"),
    EventType("mapping.changed", "{actor} changed the mapping of {name}", "The rules that derive Profiles changed."),
    EventType(
        "mapping.applied",
        "The mapping and role rules of {name} were applied to {done} people; {changed} Profiles changed",
        "Every Profile of an identity provider was derived anew.",
    ),
    # -- administrators
    EventType("administrator.invited", "{actor} invited {subject} as {role}", "A one-time link was made."),
    EventType("administrator.link_renewed", "{actor} made a new one-time link for {subject}", "A link was made again."),
    EventType(
        "administrator.joined", "{subject} chose a password", "An administrator used their one-time link.", "good"
    ),
    EventType(
        "administrator.password_changed",
        "{subject} changed the password",
        "An administrator replaced their password; their other sessions are over.",
    ),
    EventType("administrator.signed_in", "{subject} signed in to the console", "A console session began."),
    EventType("administrator.signed_out", "{subject} signed out of the console", "A console session was ended."),
    EventType(
        "administrator.sign_in_refused",
        "A sign-in as {email} was refused: {reason}",
        "Somebody gave a wrong password for an administrator.",
        "bad",
    ),
    EventType("administrator.role_changed", "{actor} made {subject} {role}", "An administrator's role changed."),
    EventType("administrator.disabled", "{actor} disabled {subject}", "An administrator was locked out.", "warn"),
    EventType("administrator.enabled", "{actor} enabled {subject}", "An administrator was let in again."),
    EventType(
        "administrator.second_factor_awaited",
        "{subject} gave the right password; the second factor is awaited",
        "A sign-in came as far as the second factor. If none follows, somebody else may know the password.",
    ),
    EventType(
        "administrator.factor_begun",
        "{subject} began to add the second factor {factor}",
        "A factor is not in force yet.",
    ),
    EventType(
        "administrator.factor_added",
        "{subject} added the second factor {factor}",
        "From now on a factor is asked for after the password.",
        "good",
    ),
    EventType(
        "administrator.factor_removed", "{subject} removed the second factor {factor}", "A factor ended.", "warn"
    ),
    EventType(
        "administrator.recovery_codes_made",
        "{subject} made new recovery codes",
        "Ten codes were made and told once; earlier ones are void.",
    ),
    EventType(
        "administrator.recovery_code_used",
        "{subject} used a recovery code; {left} are left",
        "A recovery code stood in for a second factor.",
        "warn",
    ),
    EventType(
        "administrator.factors_reset",
        "{actor} removed every second factor of {subject}",
        "An operator helped somebody who lost all of theirs; their sessions are over.",
        "warn",
    ),
)

BY_NAME: Final[dict[str, EventType]] = {each.name: each for each in EVENT_TYPES}

_SECRET_NAMES: Final = ("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token")
_PIN: Final = re.compile(r"(?<![A-Za-z])(?:[Pp][Ii][Nn])(?![a-z])|(?<=[a-z])P(?:in|IN)(?![a-z])")
"""A PIN as a word of its own: `pin`, `PIN`, `pin_code`, `pinCode`, `userPin`; not the middle of `shipping`."""
HIDDEN: Final = "•••"


def redacted(value: Any) -> Any:
    """What was sent, with the values of passwords and their like replaced, and what a name compares a password with.
    Nothing else keeps a request's body.
    """
    if isinstance(value, dict):
        if any(map(_telling, value)):
            return _redacted_object(value)
        nested = [name for name, part in value.items() if isinstance(part, _NESTED)]
        return {**value, **{name: redacted(value[name]) for name in nested}} if nested else value
    if isinstance(value, list):
        return [redacted(element) if isinstance(element, _NESTED) else element for element in value]
    return value


def _redacted_object(value: dict[str, Any]) -> dict[str, Any]:
    """An object some name in which is a secret's, or may say that a secret stands beside it."""
    # In a PATCH the name stands in `path` and the secret in `value`, each spelt in any case (RFC 7643 §2.1).
    hides_value = any(_is_secret(str(part)) for name, part in value.items() if _telling(name) == "path")
    kept: dict[str, Any] = {}
    for name, part in value.items():
        telling = _telling(name)
        shown = redacted_text(name) if telling and '"' in name else name
        if part is not None and (telling == "secret" or (hides_value and name.lower() == "value")):
            kept[shown] = HIDDEN
        elif isinstance(part, _NESTED):
            kept[shown] = redacted(part)
        else:
            kept[shown] = _without_literals(part) if hides_value and isinstance(part, str) else part
    return kept


def redacted_text(text: str) -> str:
    """A sentence or a path, with what it compares a password with replaced."""
    return _without_literals(text) if _is_secret(text) else text


def redacted_query(query: str) -> str:
    """The query of a URL, with the value of every parameter that has to do with a secret replaced."""
    if not _is_secret(unquote_plus(query)):
        return query
    parts = (part.partition("=") for part in query.split("&"))
    return "&".join(
        f"{name}={HIDDEN}" if _is_secret(unquote_plus(name + value)) else name + equals + value
        for name, equals, value in parts
    )


def _without_literals(text: str) -> str:
    return _LITERAL.sub(f'"{HIDDEN}"', text)


_NESTED: Final = (dict, list)
_LITERAL: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)')


@lru_cache(maxsize=2048)
def _is_secret(name: str) -> bool:
    folded = name.lower()
    return any(word in folded for word in _SECRET_NAMES) or _PIN.search(name) is not None


@lru_cache(maxsize=2048)
def _telling(name: str) -> Literal["secret", "path", "quoting", ""]:
    """Why what is named so has to be looked at; most names say nothing."""
    if _is_secret(name):
        return "secret"
    if name.lower() == "path":
        return "path"
    return "quoting" if '"' in name else ""


def changes_between(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What changed, attribute by attribute, in the order of the schema of the newer document.

    Parts of a complex attribute are told apart (`name.givenName`); lists are told as a whole.
    """
    changes = []
    for name in {**after, **before}:
        old, new = before.get(name), after.get(name)
        if old == new or name == "schemas":
            continue
        if (old is None or isinstance(old, dict)) and (new is None or isinstance(new, dict)):
            joint = ":" if name.startswith("urn:") else "."
            changes += [
                {**change, "attribute": f"{name}{joint}{change['attribute']}"}
                for change in changes_between(old or {}, new or {})
            ]
        else:
            changes.append({"attribute": name, "before": old, "after": new})
    return changes


# -- changes beside what was sent --------------------------------------------------------------------------------------
#
# Most of what a write changes is what was sent, and an event keeps that already. So the value after a change is left
# out where it is found in what was sent, and put back by whoever reads the event. Only JSON is looked at, and no
# schema: an old event means the same to every later version.


def creation_changes(document: dict[str, Any], sent: Any) -> list[Any]:
    """The changes from nothing to a document, shortened. The same as the two functions it stands for, at a third of
    their cost: every creation comes by here.
    """
    values = _sent_values(sent)
    if values is None:
        return changes_between({}, document)
    kept: list[Any] = []
    for name, value in document.items():
        if isinstance(value, dict):
            kept += shortened_changes(changes_between({}, {name: value}), sent)
        elif value is not None and name != "schemas":
            same = values.get(name) == value
            kept.append(name if same else {"attribute": name, "before": None, "after": value})
    return kept


def shortened_changes(changes: list[dict[str, Any]], sent: Any) -> list[Any]:
    """Changes as an event keeps them beside what was sent: a value that stands there is not kept again, and a change
    from nothing to such a value is the attribute's name alone.
    """
    values = _sent_values(sent)
    if values is None:
        return changes
    kept: list[Any] = []
    for change in changes:
        attribute, before = change["attribute"], change["before"]
        there = values[attribute] if attribute in values else _sent_value(values, attribute)
        if there != change["after"]:
            kept.append(change)
        else:
            kept.append(attribute if before is None else {"attribute": attribute, "before": before})
    return kept


def whole_changes(kept: list[Any], sent: Any) -> list[dict[str, Any]]:
    """Changes in full, as `changes_between` listed them, from what an event keeps. Older events kept them in full."""
    values = _sent_values(sent) or {}
    changes = []
    for entry in kept:
        change: dict[str, Any] = {"attribute": entry, "before": None} if isinstance(entry, str) else entry
        if "after" not in change:
            change = {**change, "after": _sent_value(values, change["attribute"])}
        changes.append(change)
    return changes


def _sent_values(sent: Any) -> dict[str, Any] | None:
    """The attributes that a body sets: those of a resource, or of a PatchOp's operations without a path."""
    if not isinstance(sent, dict):
        return None
    operations = sent.get("Operations")
    if not isinstance(operations, list):
        return sent
    values: dict[str, Any] = {}
    for operation in operations:
        value = operation.get("value") if isinstance(operation, dict) and not operation.get("path") else None
        if isinstance(value, dict):
            values = {**values, **value} if values else value
    return values


def _sent_value(values: Any, attribute: str) -> Any:
    """What stands in a body where a change names its attribute; None where nothing does."""
    if not isinstance(values, dict):
        return None
    if attribute in values:
        return values[attribute]
    if attribute.startswith("urn:"):
        for name, below in values.items():
            if attribute.startswith(f"{name}:"):
                return _sent_value(below, attribute[len(name) + 1 :])
    first, _, rest = attribute.partition(".")
    return _sent_value(values.get(first), rest) if rest else None
