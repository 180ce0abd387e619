"""The schemas of RFC 7643 as data: the attributes of a User, and how a name in a request finds its attribute.

`/Schemas` is generated from this module, the parsers look names up in it, and the validators are compiled from it, so
it lists only what is supported. `password` is missing on purpose (it is accepted but never stored). Attribute names are
case-insensitive (RFC 7643 §2.1), so every look-up goes through a folded name.
"""

from dataclasses import dataclass, field
from typing import Literal

Type = Literal["string", "boolean", "dateTime", "reference", "binary", "complex"]

INDEXED_BYTES = 1024

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One attribute definition, with the characteristics of RFC 7643 §2.2 and §7."""

    name: str
    type: Type = "string"
    description: str = ""
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: Literal["readOnly", "readWrite", "immutable"] = "readWrite"
    returned: Literal["always", "default"] = "default"
    uniqueness: Literal["none", "server"] = "none"
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: "tuple[Attribute, ...]" = ()
    max_bytes: int | None = None
    """How long the folded text may be in UTF-8: set where an index holds it, because PostgreSQL refuses to index
    more.
    """
    in_rows: bool = False
    """Whether its values are rows of their own, and in no document."""
    by_name: "dict[str, Attribute]" = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.by_name.update((sub.name.lower(), sub) for sub in self.sub_attributes)

    def sub(self, name: str) -> "Attribute | None":
        """Returns the sub-attribute with that name, in any case."""
        return self.by_name.get(name.lower())


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A named set of attributes: the core of a resource, or an extension of it (RFC 7643 §7)."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """A kind of resource: its endpoint, its core schema and the extensions it may carry (RFC 7643 §6).

    `root` is the whole resource as one complex attribute: an extension is a sub-attribute of it whose name is a URN,
    just as in the JSON. Parsers and validators walk down from it and need no special case for extensions.
    """

    name: str
    endpoint: str
    description: str
    core: Schema
    extensions: tuple[Schema, ...] = ()
    root: Attribute = field(init=False, repr=False)
    required: tuple[str, ...] = field(init=False, repr=False)
    """The names of the attributes without which there is no such resource."""

    def __post_init__(self) -> None:
        extensions = tuple(
            Attribute(schema.id, "complex", schema.description, sub_attributes=schema.attributes)
            for schema in self.extensions
        )
        parts = (SCHEMAS, ID, EXTERNAL_ID, *self.core.attributes, *extensions, META)
        required = tuple(attribute.name for attribute in self.core.attributes if attribute.required)
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "root", Attribute(self.name, "complex", self.description, sub_attributes=parts))

    def is_core(self, name: str) -> bool:
        """Returns whether a name is the URN of the core schema, in any case: an object with that name has the
        resource's own attributes.
        """
        return name.lower() == self.core.id.lower()


def _plural(name: str, description: str, *, values: tuple[str, ...], value: Attribute) -> Attribute:
    """Returns a multi-valued attribute with the default sub-attributes of RFC 7643 §2.4."""
    return Attribute(
        name,
        "complex",
        description,
        multi_valued=True,
        sub_attributes=(
            value,
            Attribute("display", description="A name for people to read."),
            Attribute("type", description="What this value is for.", canonical_values=values),
            Attribute("primary", "boolean", "Whether this is the preferred value; true at most once."),
        ),
    )


# Common attributes (RFC 7643 §3.1): part of every resource, listed in no schema.
ID = Attribute(
    "id",
    description="The identifier this service gave the resource. It never changes and is never used again.",
    case_exact=True,
    mutability="readOnly",
    returned="always",
    uniqueness="server",
)
EXTERNAL_ID = Attribute(
    "externalId",
    description="The identity provider's own identifier of the resource.",
    case_exact=True,
    max_bytes=INDEXED_BYTES,
)
META = Attribute(
    "meta",
    "complex",
    "What this service keeps about the resource.",
    mutability="readOnly",
    sub_attributes=(
        Attribute("resourceType", description="The kind of resource.", case_exact=True, mutability="readOnly"),
        Attribute("created", "dateTime", "When the resource was made.", mutability="readOnly"),
        Attribute("lastModified", "dateTime", "When the resource last changed.", mutability="readOnly"),
        Attribute(
            "location",
            "reference",
            "The URL of the resource.",
            case_exact=True,
            mutability="readOnly",
            reference_types=("uri",),
        ),
        Attribute("version", description="The ETag of the resource.", case_exact=True, mutability="readOnly"),
    ),
)
SCHEMAS = Attribute(
    "schemas",
    "reference",
    "The URNs of the schemas that the resource has attributes of.",
    multi_valued=True,
    case_exact=False,
    mutability="readOnly",
    returned="always",
    reference_types=("uri",),
)

_USER_SCHEMA = Schema(
    USER,
    "User",
    "A person, as the identity provider describes them.",
    (
        Attribute(
            "userName",
            description="The name the person signs in with. Unique, in any case, in what an identity provider sees.",
            required=True,
            uniqueness="server",
            max_bytes=INDEXED_BYTES,
        ),
        Attribute(
            "name",
            "complex",
            "The parts of the person's name.",
            sub_attributes=(
                Attribute("formatted", description="The whole name, ready to show."),
                Attribute("familyName", description="Last name."),
                Attribute("givenName", description="First name."),
                Attribute("middleName", description="Middle name or names."),
                Attribute("honorificPrefix", description="A title before the name, such as Dr."),
                Attribute("honorificSuffix", description="A suffix after the name, such as III."),
            ),
        ),
        Attribute("displayName", description="The name to show to others."),
        Attribute("nickName", description="What the person is called casually."),
        Attribute(
            "profileUrl", "reference", "A page about the person.", case_exact=True, reference_types=("external",)
        ),
        Attribute("title", description="Job title."),
        Attribute("userType", description="How the person belongs to the organisation, such as Contractor."),
        Attribute("preferredLanguage", description="The person's written or spoken language."),
        Attribute("locale", description="The person's locale, for numbers, dates and currency."),
        Attribute("timezone", description="The person's time zone, such as Europe/Lisbon."),
        Attribute("active", "boolean", "Whether the person may sign in."),
        _plural(
            "emails",
            "E-mail addresses.",
            values=("work", "home", "other"),
            value=Attribute("value", description="The address.", max_bytes=INDEXED_BYTES),
        ),
        _plural(
            "phoneNumbers",
            "Telephone numbers.",
            values=("work", "home", "mobile", "fax", "pager", "other"),
            value=Attribute("value", description="The number, as the identity provider writes it."),
        ),
        _plural(
            "ims",
            "Instant messaging addresses.",
            values=("aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
            value=Attribute("value", description="The address."),
        ),
        _plural(
            "photos",
            "Pictures of the person.",
            values=("photo", "thumbnail"),
            value=Attribute(
                "value", "reference", "The URL of the picture.", case_exact=True, reference_types=("external",)
            ),
        ),
        Attribute(
            "addresses",
            "complex",
            "Postal addresses.",
            multi_valued=True,
            sub_attributes=(
                Attribute("formatted", description="The whole address, ready for a label."),
                Attribute("streetAddress", description="Street, house number, box or floor."),
                Attribute("locality", description="City or town."),
                Attribute("region", description="State or province."),
                Attribute("postalCode", description="Postal code."),
                Attribute("country", description="Country, as an ISO 3166-1 alpha-2 code."),
                Attribute("type", description="What this address is for.", canonical_values=("work", "home", "other")),
                Attribute("primary", "boolean", "Whether this is the preferred address; true at most once."),
            ),
        ),
        Attribute(
            "groups",
            "complex",
            "The groups that the person is in, directly or through another group. Change the group to change it.",
            multi_valued=True,
            mutability="readOnly",
            in_rows=True,
            sub_attributes=(
                Attribute("value", description="The group's id.", case_exact=True, mutability="readOnly"),
                Attribute(
                    "$ref",
                    "reference",
                    "The URL of the group.",
                    case_exact=True,
                    mutability="readOnly",
                    reference_types=("Group",),
                ),
                Attribute("display", description="The group's displayName.", mutability="readOnly"),
                Attribute(
                    "type",
                    description="Whether the person is a member of the group itself or of a group in it.",
                    mutability="readOnly",
                    canonical_values=("direct", "indirect"),
                ),
            ),
        ),
        _plural(
            "entitlements",
            "What the person is entitled to.",
            values=(),
            value=Attribute("value", description="The entitlement."),
        ),
        _plural(
            "roles",
            "What the person is to the organisation, as the identity provider says it.",
            values=(),
            value=Attribute("value", description="The role."),
        ),
        _plural(
            "x509Certificates",
            "Certificates of the person.",
            values=(),
            value=Attribute("value", "binary", "A DER certificate in base64.", case_exact=True),
        ),
    ),
)

_ENTERPRISE_SCHEMA = Schema(
    ENTERPRISE_USER,
    "EnterpriseUser",
    "What an organisation knows about a person who works for it.",
    (
        Attribute("employeeNumber", description="The number the organisation gave the person."),
        Attribute("costCenter", description="Cost center."),
        Attribute("organization", description="Organisation."),
        Attribute("division", description="Division."),
        Attribute("department", description="Department."),
        Attribute(
            "manager",
            "complex",
            "The person's manager.",
            sub_attributes=(
                Attribute("value", description="The manager's identifier.", case_exact=True),
                Attribute(
                    "$ref",
                    "reference",
                    "The URL of the manager's resource.",
                    case_exact=True,
                    reference_types=("User",),
                ),
                # readOnly in RFC 7643; Okta maps it and sends it (wire facts 1.11), so it is stored.
                Attribute("displayName", description="The manager's name."),
            ),
        ),
    ),
)

USER_TYPE = ResourceType("User", "/Users", "People.", _USER_SCHEMA, extensions=(_ENTERPRISE_SCHEMA,))

_GROUP_SCHEMA = Schema(
    GROUP,
    "Group",
    "A group of people and of other groups, as the identity provider describes it.",
    (
        Attribute(
            "displayName",
            description="The group's name. Unique, in any case, among the groups of an identity provider.",
            required=True,
            uniqueness="server",
            max_bytes=INDEXED_BYTES,
        ),
        Attribute(
            "members",
            "complex",
            "The people and groups that are directly in the group.",
            multi_valued=True,
            in_rows=True,
            sub_attributes=(
                Attribute("value", description="The member's id.", case_exact=True, mutability="immutable"),
                Attribute(
                    "$ref",
                    "reference",
                    "The URL of the member.",
                    case_exact=True,
                    mutability="immutable",
                    reference_types=("User", "Group"),
                ),
                Attribute(
                    "type",
                    description="Whether the member is a person or a group.",
                    mutability="immutable",
                    canonical_values=("User", "Group"),
                ),
                Attribute(
                    "display",
                    description="The member's displayName; a person without one is shown by their userName.",
                    mutability="readOnly",
                ),
            ),
        ),
    ),
)

GROUP_TYPE = ResourceType("Group", "/Groups", "Groups of people.", _GROUP_SCHEMA)
RESOURCE_TYPES = (USER_TYPE, GROUP_TYPE)
