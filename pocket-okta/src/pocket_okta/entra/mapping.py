"""Entra's default attribute mapping: from a person to flat values by SCIM path, and from a resource back to them.

The rule: a value is a text or a boolean; an attribute without a value is absent. Source: wire facts 3.2.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

from pocket_okta.attributes import CORE, ENTERPRISE
from pocket_okta.org import Person
from pocket_okta.scim_document import Document

Flat: TypeAlias = dict[str, str | bool]

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ACTIVE = "active"
MANAGER = f"{ENTERPRISE}:manager"

# SCIM path -> attribute of the person here, which stands for Entra's own of the same meaning.
ATTRIBUTES: Mapping[str, str] = {
    "userName": "login",
    "displayName": "displayName",
    "title": "title",
    'emails[type eq "work"].value': "email",
    "preferredLanguage": "preferredLanguage",
    "name.givenName": "firstName",
    "name.familyName": "lastName",
    'addresses[type eq "work"].streetAddress': "streetAddress",
    'addresses[type eq "work"].locality': "city",
    'addresses[type eq "work"].region': "state",
    'addresses[type eq "work"].postalCode': "zipCode",
    'addresses[type eq "work"].country': "countryCode",
    'phoneNumbers[type eq "work"].value': "primaryPhone",
    'phoneNumbers[type eq "mobile"].value': "mobilePhone",
    f"{ENTERPRISE}:employeeNumber": "employeeNumber",
    f"{ENTERPRISE}:department": "department",
}
PATHS = (*ATTRIBUTES, "externalId", "name.formatted", ACTIVE)
# Entra says null about these in a create when they have no value.
_NULLS = ("addresses", "title")

_PATH = re.compile(
    r'(?:(?P<urn>urn:.+):)?(?P<attr>\w+)(?:\[(?P<key>\w+) eq "(?P<value>[^"]*)"\])?(?:\.(?P<sub>\w+))?\Z'
)


def wanted(person: Person, *, active: bool) -> Flat:
    """Return what a person should be at the service."""
    flat: Flat = {path: person.profile[name] for path, name in ATTRIBUTES.items() if person.profile.get(name)}
    flat["name.formatted"] = person.name
    flat.setdefault("displayName", person.name)
    flat["externalId"] = person.login.partition("@")[0]  # mailNickname
    flat[ACTIVE] = active
    return flat


def read(resource: Mapping[str, object]) -> Flat:
    """Return the mapped values that a resource holds."""
    found = {path: _at(resource, path) for path in PATHS}
    return {path: value for path, value in found.items() if isinstance(value, str | bool) and value != ""}


def _at(resource: Mapping[str, object], path: str) -> object:
    where = _match(path)
    home: object = resource.get(where["urn"]) if where["urn"] else resource
    value = home.get(where["attr"]) if isinstance(home, Mapping) else None
    if where["key"]:
        entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
        value = next((entry for entry in entries if entry.get(where["key"]) == where["value"]), None)
    if where["sub"]:
        value = value.get(where["sub"]) if isinstance(value, Mapping) else None
    return value


def new_user(flat: Flat) -> Document:
    """Return the body of the POST that creates a person, with Entra's nulls (wire facts 3.2)."""
    document: Document = {"schemas": [CORE, ENTERPRISE], **dict.fromkeys(_NULLS), "roles": []}
    document["meta"] = {"resourceType": "User"}
    for path, value in flat.items():
        _put(document, path, value)
    return document


def _put(document: Document, path: str, value: object) -> None:
    where = _match(path)
    home = _child(document, where["urn"]) if where["urn"] else document
    if where["key"]:
        entries = home.get(where["attr"])
        if not isinstance(entries, list):
            entries = []
            home[where["attr"]] = entries
        entry = next((entry for entry in entries if entry.get(where["key"]) == where["value"]), None)
        if entry is None:
            entry = {where["key"]: where["value"]}
            if where["attr"] == "emails":
                entry["primary"] = True
            entries.append(entry)
        entry[where["sub"]] = value
    elif where["sub"]:
        _child(home, where["attr"])[where["sub"]] = value
    else:
        home[where["attr"]] = value


def _child(document: Document, name: str) -> Document:
    child = document.get(name)
    if not isinstance(child, dict):
        child = {}
        document[name] = child
    return child


def _match(path: str) -> re.Match[str]:
    where = _PATH.match(path)
    if where is None:
        raise ValueError(f"not a path of the mapping: {path!r}")
    return where


def operations(before: Flat, after: Flat, *, new_style: bool) -> list[Document]:
    """Return the PATCH operations that make one state of a resource the other; none if nothing has changed.

    The old style has an operation for each attribute, in capitals, and texts in place of booleans. The new style, which
    the flag `aadOptscim062020` chooses, has one replace without a path; only chosen entries have an operation each.
    """
    changed = {path: value for path, value in after.items() if before.get(path) != value}
    made: list[Document] = []
    plain: Document = {}
    for path, value in changed.items():
        if not new_style:
            op = "Replace" if path in before else "Add"
            made.append({"op": op, "path": path, "value": str(value) if isinstance(value, bool) else value})
        elif "[" in path:
            made.append({"op": "replace", "path": path, "value": value})
        else:
            plain[path] = value
    if plain:
        made.append({"op": "replace", "value": plain})
    made.extend({"op": "remove" if new_style else "Remove", "path": path} for path in before if path not in after)
    return made


def manager_operation(before: str, after: str, *, new_style: bool) -> Document:
    """Return the operation that changes the manager, by id at the service; blank is none."""
    if not after:
        return {"op": "remove" if new_style else "Remove", "path": MANAGER}
    if new_style:
        return {"op": "replace", "path": MANAGER, "value": after}
    return {"op": "Replace" if before else "Add", "path": MANAGER, "value": [{"$ref": None, "value": after}]}


def member_operation(remote_id: str, *, add: bool, new_style: bool) -> Document:
    """Return the operation that adds or removes one member: Entra sends a PATCH for each."""
    if new_style:
        if add:
            return {"op": "add", "path": "members", "value": [{"value": remote_id}]}
        return {"op": "remove", "path": f'members[value eq "{remote_id}"]'}
    return {"op": "Add" if add else "Remove", "path": "members", "value": [{"$ref": None, "value": remote_id}]}


def new_group(name: str, external_id: str) -> Document:
    """Return the body of the POST that creates a group: without members, with a schema that nobody else knows."""
    return {
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": external_id,
        "displayName": name,
        "meta": {"resourceType": "Group"},
    }
