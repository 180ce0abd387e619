"""All types of events, and what is stored in an event.

Events are rows of one append-only table, from which the activity log, the audit trail and the outbox are read. An
event's `data` holds what its sentence and its page need; never a secret or a password.

In a sentence `{actor}` is who did it and `{subject}` the person or thing it was done to. `{whom}` is " for " and the
person, or empty. All other names are read from `data`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import unquote_plus

Tone = Literal["quiet", "good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event: its name, the sentence that lists show, and its meaning for the documentation."""

    name: str
    sentence: str
    meaning: str
    tone: Tone = "quiet"


EVENT_TYPES: Final[tuple[EventType, ...]] = (
    # -- people
    EventType("user.created", "{actor} created {subject}", "A person was created.", "good"),
    EventType("user.changed", "{actor} changed {subject}: {attributes}", "Attributes of a person changed."),
    EventType("user.unchanged", "{actor} sent {subject} again; nothing changed", "A write that changed nothing."),
    EventType("user.deactivated", "{actor} deactivated {subject}", "A person may no longer sign in.", "warn"),
    EventType("user.reactivated", "{actor} reactivated {subject}", "A person may sign in again.", "good"),
    EventType(
        "user.adopted",
        "{actor} adopted {subject}, who was added by hand",
        "A person added by hand now belongs to an identity provider.",
    ),
    EventType("user.deleted", "{actor} deleted {subject}", "A person was deleted; this log keeps the history.", "warn"),
    EventType(
        "user.blocked",
        "{actor} blocked {subject}",
        "An administrator blocked a person, who cannot sign in whatever the identity provider says.",
        "warn",
    ),
    EventType("user.let_in", "{actor} let {subject} in again", "A person who was blocked may sign in again.", "good"),
    EventType(
        "user.roles_changed",
        "{subject} signed in with different groups or roles: {attributes}",
        "The groups in an assertion changed the roles that the role rules give.",
    ),
    EventType(
        "user.profile_derived",
        "New rules changed the Profile of {subject}: {attributes}",
        "A Profile changed because the mapping or the role rules did.",
    ),
    EventType(
        "user.group_roles_changed",
        "A change of the group {name} changed the Profile of {subject}: {attributes}",
        "A person came into a group or left one, and role rules give roles by that group.",
    ),
    # -- groups
    EventType("group.created", "{actor} created the group {subject}", "A group was created.", "good"),
    EventType(
        "group.changed",
        "{actor} changed the group {subject}: {difference}",
        "Attributes or members of a group changed. `added` and `removed` name at most 1,000 members; if there are "
        "more, further events follow, and `part` and `parts` count them.",
    ),
    EventType(
        "group.unchanged",
        "{actor} sent the group {subject} again; nothing changed",
        "A write that changed nothing of a group.",
    ),
    EventType(
        "group.deleted",
        "{actor} deleted the group {subject}",
        "A group was deleted. Its people stay; this log keeps who was in it.",
        "warn",
    ),
    # -- signing in
    EventType("user.signed_in", "{subject} signed in with {name}", "A person's session began.", "good"),
    EventType("user.signed_out", "{subject} signed out", "A person ended their session."),
    EventType(
        "login.refused",
        "A sign-in with {name} was refused: {reason}",
        "A SAML response was not accepted, or the person it names may not sign in. `data` says what was expected, what "
        "came and where to correct it.",
        "bad",
    ),
    EventType("session.ended", "{subject} ended one of their sessions", "A person ended a session from the list."),
    EventType(
        "session.revoked",
        "Sessions of {subject} were ended: {reason}",
        "Single Logout, Universal Logout or an administrator ended sessions; `data` says how many.",
        "warn",
    ),
    EventType(
        "revocation.refused",
        "A logout request was refused: {reason}",
        "A Single Logout or Universal Logout request was not carried out.",
        "bad",
    ),
    # -- requests
    EventType(
        "request.refused",
        "{actor} was refused{whom}: {reason}",
        "A SCIM request with a valid credential was refused. `data` says what was sent, about whom, and why.",
        "bad",
    ),
    EventType(
        "credential.refused",
        "A request with {key} was refused: {reason}",
        "A SCIM request had no valid credential. Equal refusals within a minute are one event with a count.",
        "bad",
    ),
    EventType(
        "credential.tested",
        "{actor} tested these credentials",
        "The identity provider sent the request of its connection test.",
        "good",
    ),
    # -- configuration
    EventType("tenant.created", "{actor} created the tenant {title}", "A tenant was created."),
    EventType(
        "tenant.suspended",
        "{actor} suspended the tenant {title}",
        "Its keys are refused as if they were unknown.",
        "warn",
    ),
    EventType("tenant.resumed", "{actor} resumed the tenant {title}", "Its keys are accepted again.", "good"),
    EventType(
        "identity_provider.created", "{actor} added the identity provider {name}", "An identity provider was added."
    ),
    EventType(
        "identity_provider.changed", "{actor} changed {name}: {attributes}", "Settings of an identity provider changed."
    ),
    EventType(
        "provisioning.switched_on",
        "{actor} switched on auto-provisioning for {name}",
        "SCIM requests are accepted.",
        "good",
    ),
    EventType(
        "provisioning.paused",
        "{actor} paused provisioning for {name}",
        "Deactivations and deletions are carried out. Other writes are answered with 429 until provisioning is "
        "resumed; the identity provider sends them again by itself.",
        "warn",
    ),
    EventType(
        "provisioning.switched_off",
        "{actor} switched off auto-provisioning for {name}",
        "SCIM requests are refused.",
        "warn",
    ),
    EventType(
        "saml.refreshed",
        "The metadata of {name} changed: {attributes}",
        "The metadata that is read from a URL has changed.",
    ),
    EventType(
        "saml.refresh_failed",
        "The metadata of {name} could not be read: {reason}",
        "The metadata URL could not be read. The settings stay as they are.",
        "warn",
    ),
    EventType(
        "saml.certificate_expiring",
        "A signing certificate of {name} {expires}",
        "60, 30, 7 and 1 days before a certificate expires, and once it has. Sign-in continues: its key is trusted.",
        "warn",
    ),
    EventType(
        "saml.key_made",
        "{actor} made a SAML key of Vestibule for {name}",
        "A key pair for signed requests and encrypted assertions was made.",
    ),
    EventType(
        "saml.key_changed",
        "{actor} changed a SAML key of Vestibule for {name}: {state}",
        "A key became the current one, or was removed.",
    ),
    EventType("roles.changed", "{actor} changed the role rules of {name}", "The role rules changed."),
    EventType("application.changed", "{actor} changed the application {name}", "An application was added or changed."),
    EventType("application.removed", "{actor} removed the application {name}", "An application is no longer listed."),
    EventType("tenant.changed", "{actor} changed how long sessions last", "The session lifetimes of a tenant changed."),
    EventType(
        "tenant.factor_required_changed",
        "{actor} changed who needs a second factor from {before} to {after}",
        "It changed which administrators of a tenant need a second factor.",
    ),
    EventType("credential.created", "{actor} created the key {key} for {name}", "A Key and Secret were created."),
    EventType("credential.revoked", "{actor} retired the key {key} of {name}", "A Key is no longer accepted.", "warn"),
    EventType("mapping.changed", "{actor} changed the mapping of {name}", "The rules that derive Profiles changed."),
    EventType(
        "mapping.applied",
        "The mapping and role rules of {name} were applied to {done} people; {changed} Profiles changed",
        "All Profiles of an identity provider were derived again.",
    ),
    # -- administrators
    EventType(
        "administrator.invited",
        "{actor} invited {subject} as {role}",
        "An administrator got a one-time link.",
    ),
    EventType(
        "administrator.link_renewed", "{actor} made a new one-time link for {subject}", "An invitation was renewed."
    ),
    EventType(
        "administrator.joined", "{subject} chose a password", "An administrator used their one-time link.", "good"
    ),
    EventType(
        "administrator.password_changed",
        "{subject} changed the password",
        "An administrator changed their password; their other sessions ended.",
    ),
    EventType("administrator.signed_in", "{subject} signed in to the console", "A console session began."),
    EventType("administrator.signed_out", "{subject} signed out of the console", "A console session ended."),
    EventType(
        "administrator.sign_in_refused",
        "A sign-in as {email} was refused: {reason}",
        "Somebody entered a wrong password for an administrator.",
        "bad",
    ),
    EventType("administrator.role_changed", "{actor} made {subject} {role}", "An administrator's role changed."),
    EventType(
        "administrator.disabled",
        "{actor} disabled {subject}",
        "An administrator may no longer sign in.",
        "warn",
    ),
    EventType("administrator.enabled", "{actor} enabled {subject}", "An administrator may sign in again."),
    EventType(
        "administrator.second_factor_awaited",
        "{subject} entered the right password and was asked for the second factor",
        "A sign-in reached the second factor. If it goes no further, somebody else may know the password.",
    ),
    EventType(
        "administrator.factor_begun",
        "{subject} began to add the second factor {factor}",
        "A second factor is being added; it is not in use yet.",
    ),
    EventType(
        "administrator.factor_added",
        "{subject} added the second factor {factor}",
        "From now on the second factor is asked for after the password.",
        "good",
    ),
    EventType(
        "administrator.factor_removed",
        "{subject} removed the second factor {factor}",
        "A second factor was removed.",
        "warn",
    ),
    EventType(
        "administrator.recovery_codes_made",
        "{subject} made new recovery codes",
        "Ten codes were made and shown once; earlier codes are no longer valid.",
    ),
    EventType(
        "administrator.recovery_code_used",
        "{subject} used a recovery code; {left} are left",
        "A recovery code was used in place of a second factor.",
        "warn",
    ),
    EventType(
        "administrator.factors_reset",
        "{actor} removed every second factor of {subject}",
        "An operator removed all second factors of an administrator, whose sessions ended.",
        "warn",
    ),
)

BY_NAME: Final[dict[str, EventType]] = {each.name: each for each in EVENT_TYPES}

_SECRET_NAMES: Final = ("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token")
_PIN: Final = re.compile(r"(?<![A-Za-z])(?:[Pp][Ii][Nn])(?![a-z])|(?<=[a-z])P(?:in|IN)(?![a-z])")
"""PIN as a separate word: `pin`, `PIN`, `pin_code`, `pinCode`, `userPin`; not as part of `shipping`."""
HIDDEN: Final = "•••"


def redacted(value: Any) -> Any:
    """Returns a JSON value with all passwords and other secrets replaced, also those that a filter in a path quotes.

    Every request body goes through this function before it is stored.
    """
    if isinstance(value, dict):
        if any(map(_attention, value)):
            return _redacted_object(value)
        nested = [name for name, part in value.items() if isinstance(part, _NESTED)]
        return {**value, **{name: redacted(value[name]) for name in nested}} if nested else value
    if isinstance(value, list):
        return [redacted(element) if isinstance(element, _NESTED) else element for element in value]
    return value


def _redacted_object(value: dict[str, Any]) -> dict[str, Any]:
    """Redact an object in which a name needs attention (`_attention`)."""
    # In a PATCH the attribute is named in `path` and the secret is in `value`. Names ignore case (RFC 7643 §2.1).
    hides_value = any(_is_secret(str(part)) for name, part in value.items() if _attention(name) == "path")
    kept: dict[str, Any] = {}
    for name, part in value.items():
        attention = _attention(name)
        shown = redacted_text(name) if attention and '"' in name else name
        if part is not None and (attention == "secret" or (hides_value and name.lower() == "value")):
            kept[shown] = HIDDEN
        elif isinstance(part, _NESTED):
            kept[shown] = redacted(part)
        else:
            kept[shown] = _without_literals(part) if hides_value and isinstance(part, str) else part
    return kept


def redacted_text(text: str) -> str:
    """Returns a sentence or a path, with quoted values replaced if it mentions a secret."""
    return _without_literals(text) if _is_secret(text) else text


def redacted_query(query: str) -> str:
    """Returns the query of a URL, with the value of every parameter that mentions a secret replaced."""
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
def _attention(name: str) -> Literal["secret", "path", "quoting", ""]:
    """Returns why a member with this name may hold a secret; empty for most names."""
    if _is_secret(name):
        return "secret"
    if name.lower() == "path":
        return "path"
    return "quoting" if '"' in name else ""


def changes_between(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the differences of two documents as `{"attribute", "before", "after"}`, in the order of the newer one.

    Sub-attributes of a complex attribute are listed separately (`name.givenName`), lists as a whole.
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


# -- storing changes without repeating the request body ----------------------------------------------------------------
#
# An event stores the request body, which contains most of the new values. So a new value is left out if the body has
# it, and filled in again when the event is read. This works on plain JSON without the schema, so that old events keep
# their meaning in later versions.


def creation_changes(document: dict[str, Any], sent: Any) -> list[Any]:
    """Returns `shortened_changes(changes_between({}, document), sent)`, at a third of the cost.

    It is used for every creation.
    """
    values = _sent_values(sent)
    if values is None:
        return changes_between({}, document)
    kept: list[Any] = []
    for name, value in document.items():
        if isinstance(value, dict):
            kept += shortened_changes(changes_between({}, {name: value}), sent)
        elif value is not None and name != "schemas":
            there = values[name] if name in values else _sent_value(values, name)
            kept.append(name if there == value else {"attribute": name, "before": None, "after": value})
    return kept


def shortened_changes(changes: list[dict[str, Any]], sent: Any) -> list[Any]:
    """Returns changes in the form that an event stores: without the new values that the request body contains.

    If there was no old value either, the attribute's name alone is stored.
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
    """Returns the changes that an event stores in full again, the inverse of `shortened_changes`.

    Events of earlier versions stored them in full.
    """
    values = _sent_values(sent) or {}
    changes = []
    for entry in kept:
        change: dict[str, Any] = {"attribute": entry, "before": None} if isinstance(entry, str) else entry
        if "after" not in change:
            change = {**change, "after": _sent_value(values, change["attribute"])}
        changes.append(change)
    return changes


def _sent_values(sent: Any) -> dict[str, Any] | None:
    """Returns the attributes in a request body: of a resource, or of the PATCH operations without a path."""
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
    """Returns the value of an attribute such as `name.givenName` in a request body; None if there is none."""
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
