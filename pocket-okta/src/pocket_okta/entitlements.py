"""What an application says about itself: its groups, its roles and entitlements, and attributes of its own.

The rule: values and how they are read from the discovery documents, no I/O. Source: Okta wire facts 1.10.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pocket_okta.attributes import CORE, ENTERPRISE, TYPES, Attribute
from pocket_okta.scim_document import Document

ROLE = "urn:okta:scim:schemas:core:1.0:Role"
ENTITLEMENT = "urn:okta:scim:schemas:core:1.0:Entitlement"


@dataclass(frozen=True, slots=True)
class RemoteGroup:
    """A group that an import found. `members`: their ids at the service, sorted."""

    remote_id: str
    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A resource type of the application whose items can be given to people: its name, endpoint and schema."""

    name: str
    endpoint: str
    schema: str


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A role or an entitlement. `resource_type`: the name of its type; `role`: whether it is a role."""

    resource_type: str
    role: bool
    value: str
    display: str
    description: str

    @property
    def key(self) -> str:
        return f"{self.resource_type}/{self.value}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """What the discovery documents of an application say."""

    entitlements: tuple[Entitlement, ...]
    attributes: tuple[Attribute, ...]


def grantable(types: Iterable[Document]) -> list[ResourceType]:
    """Return the resource types that are roles or entitlements, by Okta's own schemas."""
    return [
        ResourceType(str(each.get("name") or ""), str(each.get("endpoint") or ""), str(each["schema"]))
        for each in types
        if each.get("schema") in {ROLE, ENTITLEMENT}
    ]


def item(of: ResourceType, document: Document) -> Entitlement:
    return Entitlement(
        resource_type=of.name,
        role=of.schema == ROLE,
        value=str(document.get("id") or ""),
        display=str(document.get("displayName") or document.get("id") or ""),
        description=str(document.get("description") or ""),
    )


def extension_urns(types: Iterable[Document]) -> list[str]:
    """Return the extensions of the User resource type that Okta does not know by itself."""
    found: list[str] = []
    for each in types:
        extensions = each.get("schemaExtensions")
        if each.get("schema") == CORE and isinstance(extensions, list):
            found += [str(one.get("schema")) for one in extensions if isinstance(one, Mapping)]
    return [urn for urn in found if urn != ENTERPRISE]


def custom_attributes(urns: list[str], schemas: Iterable[Document], taken: Iterable[str]) -> tuple[Attribute, ...]:
    """Return the app attributes of extension schemas that fit: single, and of a type that an app user has."""
    names = set(taken)
    made: list[Attribute] = []
    for schema in schemas:
        urn, attributes = str(schema.get("id")), schema.get("attributes")
        if urn not in urns or not isinstance(attributes, list):
            continue
        for each in attributes:
            name, kind = str(each.get("name") or ""), str(each.get("type") or "string")
            if kind in TYPES and not each.get("multiValued") and name and name not in names and name != "groups":
                names.add(name)
                made.append(Attribute(name, name, name, urn, "", kind, custom=True))
    return tuple(made)


def written(granted: Iterable[Entitlement]) -> Document:
    """Return the `roles` and `entitlements` of a person, both always: what was taken away has to go."""
    roles: list[Document] = []
    others: list[Document] = []
    for one in granted:
        if one.role:
            roles.append({"value": one.value, "display": one.display})
        else:
            others.append({"value": one.value, "display": one.display, "type": one.resource_type})
    return {"roles": roles, "entitlements": others}
