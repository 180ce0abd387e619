"""From an app user's profile to the SCIM document, and back.

The rule: everything that the service returned is kept unchanged; only the attributes of the mapping are written.
External names are Okta's paths: `name.givenName`, `emails.^[primary==true].value`.
Source: Okta wire facts 1.4, 1.5, 1.11.
"""

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pocket_okta.attributes import CORE, Attribute

_PATH = re.compile(r"(?P<attr>[^.^]+)(?:\.\^\[(?P<key>\w+)==(?P<value>'[^']*'|[^\]]*)\])?(?:\.(?P<sub>.+))?\Z")

Document: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an app attribute lives in a resource. `key` and `value` choose one entry of a multi-valued attribute."""

    attr: str
    key: str
    value: bool | str
    sub: str


def place(external_name: str) -> Place:
    """Read one of Okta's external names."""
    found = _PATH.match(external_name)
    if found is None:
        raise ValueError(f"not an external name: {external_name!r}")
    raw = (found["value"] or "").strip("'")
    value: bool | str = raw == "true" if raw in {"true", "false"} else raw
    return Place(found["attr"], found["key"] or "", value, found["sub"] or "")


def new_user(mapping: Iterable[Attribute], profile: Mapping[str, object], external_id: str, password: str) -> Document:
    """Return the body of the POST that creates a person. Blank attributes are left out (wire facts 1.4).

    A random password and an empty `groups` are always there, also without password sync.
    """
    document: Document = {"schemas": [CORE]}
    for attribute in mapping:
        value = profile.get(attribute.name, "")
        if value != "":
            _write(document, attribute, value)
    document |= {"externalId": external_id, "groups": [], "password": password, "active": True}
    return document


def merged(
    returned: Document, mapping: Iterable[Attribute], profile: Mapping[str, object], external_id: str
) -> Document:
    """Return the body of a PUT: what a GET returned, with every mapped attribute written over it.

    Blank values go as empty strings (test plan C9337): Okta has no partial push. An entry of a multi-valued attribute
    is blanked where the other side has one and not made up where it has none. `active` stays as it was returned.
    """
    document = copy.deepcopy(returned)
    document.setdefault("schemas", [CORE])
    for attribute in mapping:
        if attribute.source or attribute.name in profile:
            _write(document, attribute, profile.get(attribute.name, ""))
    document["externalId"] = external_id
    return document


def read(document: Mapping[str, object], mapping: Iterable[Attribute]) -> dict[str, object]:
    """Return the app attributes that a resource holds: what an import learns about a person."""
    profile: dict[str, object] = {}
    for attribute in mapping:
        if not attribute.external_namespace:
            continue
        home = document if attribute.external_namespace == CORE else document.get(attribute.external_namespace)
        where = place(attribute.external_name)
        value = home.get(where.attr) if isinstance(home, Mapping) else None
        if where.key:
            value = next((entry for entry in _entries(value) if _matches(entry, where)), None)
        if where.sub and value is not None:
            value = value.get(where.sub) if isinstance(value, Mapping) else None
        if isinstance(value, str | bool | int) and value != "":
            profile[attribute.name] = value
    return profile


def _write(document: Document, attribute: Attribute, value: object) -> None:
    if not attribute.external_namespace:
        return  # kept in Okta, never sent (wire facts 1.4)
    home = document
    if attribute.external_namespace != CORE:
        home = _child(document, attribute.external_namespace)
        _declare(document, attribute.external_namespace)
    where = place(attribute.external_name)
    if where.key:
        entry = _entry(home, where, wanted=value != "")
        if entry is not None:
            entry[where.sub or "value"] = value
    elif where.sub:
        _child(home, where.attr)[where.sub] = value
    else:
        home[where.attr] = value


def _declare(document: Document, namespace: str) -> None:
    """Add an extension's URN to `schemas`, where it must be listed (RFC 7643 §3.3)."""
    schemas = document.get("schemas")
    if not isinstance(schemas, list):
        document["schemas"] = [CORE, namespace]
    elif namespace not in schemas:
        schemas.append(namespace)


def _child(document: Document, name: str) -> Document:
    child = document.get(name)
    if not isinstance(child, dict):
        child = {}
        document[name] = child
    return child


def _entry(home: Document, where: Place, *, wanted: bool) -> Document | None:
    """Return the entry of a multi-valued attribute that the path chooses, made if it is wanted and missing."""
    entries = home.get(where.attr)
    for entry in _entries(entries):
        if _matches(entry, where):
            return entry
    if not wanted:
        return None
    entry = {where.key: where.value}
    if isinstance(entries, list):
        entries.append(entry)
    else:
        home[where.attr] = [entry]
    return entry


def _entries(value: object) -> list[Document]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _matches(entry: Mapping[str, object], where: Place) -> bool:
    """Tell whether the path chooses this entry. An entry that says nothing counts as `primary==false`: without that,
    every push to a server that leaves `primary` out would add the second e-mail once more."""
    found = entry.get(where.key)
    if isinstance(where.value, bool):
        said = found if isinstance(found, bool) else str(found or "").lower() == "true"
        return said is where.value
    return str(found or "").lower() == where.value.lower()
