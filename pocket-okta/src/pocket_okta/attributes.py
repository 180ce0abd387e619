"""The attributes of an Okta person, those of an app user, and the mapping between them.

The rule: a mapping is data. A row says which Okta attribute (or constant) gives an app attribute its value, and under
which external name and namespace that app attribute travels. Source: Okta wire facts 1.11.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pocket_okta import refusal

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# Okta attribute -> the label Okta's profile page gives it, in that page's order.
PERSON_ATTRIBUTES: Mapping[str, str] = {
    "login": "Username",
    "firstName": "First name",
    "lastName": "Last name",
    "middleName": "Middle name",
    "honorificPrefix": "Honorific prefix",
    "honorificSuffix": "Honorific suffix",
    "email": "Primary email",
    "title": "Title",
    "displayName": "Display name",
    "nickName": "Nickname",
    "profileUrl": "Profile Url",
    "secondEmail": "Secondary email",
    "mobilePhone": "Mobile phone",
    "primaryPhone": "Primary phone",
    "streetAddress": "Street address",
    "city": "City",
    "state": "State",
    "zipCode": "Zip code",
    "countryCode": "Country code",
    "postalAddress": "Postal Address",
    "preferredLanguage": "Preferred language",
    "locale": "Locale",
    "timezone": "Time zone",
    "userType": "User type",
    "employeeNumber": "Employee number",
    "costCenter": "Cost center",
    "organization": "Organization",
    "division": "Division",
    "department": "Department",
    "managerId": "ManagerId",
    "manager": "Manager",
}
REQUIRED = ("login", "email", "firstName", "lastName")
MAX_LENGTH = 1000

TYPES = ("string", "boolean", "integer")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the app user and its row in the mapping.

    `source` is an expression: `user.<attribute>`, a constant `"text"`, or empty when the value is only ever given at
    assignment. Without an `external_namespace` an attribute is kept here and never sent (wire facts 1.4).
    """

    name: str
    label: str
    external_name: str
    external_namespace: str
    source: str
    type: str = "string"
    custom: bool = False


# displayName is an expression in Okta too: the person's own, or else first and last name.
DISPLAY_NAME = "user.displayName ?: user.firstName + ' ' + user.lastName"

_CORE_ROWS = (
    ("userName", "Username", "userName", "user.login"),
    ("givenName", "Given name", "name.givenName", "user.firstName"),
    ("familyName", "Family name", "name.familyName", "user.lastName"),
    ("middleName", "Middle name", "name.middleName", "user.middleName"),
    ("honorificPrefix", "Honorific prefix", "name.honorificPrefix", "user.honorificPrefix"),
    ("honorificSuffix", "Honorific suffix", "name.honorificSuffix", "user.honorificSuffix"),
    ("email", "Email", "emails.^[primary==true].value", "user.email"),
    ("emailType", "Primary email type", "emails.^[primary==true].type", '"work"'),
    ("displayName", "Display name", "displayName", DISPLAY_NAME),
    ("title", "Title", "title", "user.title"),
    ("nickName", "Nickname", "nickName", "user.nickName"),
    ("profileUrl", "Profile Url", "profileUrl", "user.profileUrl"),
    ("secondEmail", "Secondary email", "emails.^[primary==false].value", "user.secondEmail"),
    ("mobilePhone", "Mobile phone", "phoneNumbers.^[type==mobile].value", "user.mobilePhone"),
    ("primaryPhone", "Primary phone", "phoneNumbers.^[primary==true].value", "user.primaryPhone"),
    ("streetAddress", "Street address", "addresses.^[primary==true].streetAddress", "user.streetAddress"),
    ("city", "City", "addresses.^[primary==true].locality", "user.city"),
    ("state", "State", "addresses.^[primary==true].region", "user.state"),
    ("zipCode", "Zip code", "addresses.^[primary==true].postalCode", "user.zipCode"),
    ("countryCode", "Country code", "addresses.^[primary==true].country", "user.countryCode"),
    ("preferredLanguage", "Preferred language", "preferredLanguage", "user.preferredLanguage"),
    ("locale", "Locale", "locale", "user.locale"),
    ("timezone", "Time zone", "timezone", "user.timezone"),
    ("userType", "User type", "userType", "user.userType"),
)
_ENTERPRISE_ROWS = (
    ("employeeNumber", "Employee number", "employeeNumber", "user.employeeNumber"),
    ("costCenter", "Cost center", "costCenter", "user.costCenter"),
    ("organization", "Organization", "organization", "user.organization"),
    ("division", "Division", "division", "user.division"),
    ("department", "Department", "department", "user.department"),
    ("managerId", "Manager id", "manager.value", "user.managerId"),
    ("managerDisplayName", "Manager display name", "manager.displayName", "user.manager"),
)
DEFAULT_MAPPING: tuple[Attribute, ...] = tuple(
    Attribute(name, label, external, namespace, source)
    for namespace, rows in ((CORE, _CORE_ROWS), (ENTERPRISE, _ENTERPRISE_ROWS))
    for name, label, external, source in rows
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
_EXTERNAL = re.compile(
    r"[A-Za-z][\w$-]{0,63}(\.\^\[[A-Za-z]\w{0,63}==('[^'\]]{1,64}'|[^'\]\s]{1,64})\])?(\.[A-Za-z][\w$-]{0,63})?\Z"
)
_CONSTANT = re.compile(r'"([^"]*)"\Z')


def clean_profile(given: Mapping[str, object], current: Mapping[str, str]) -> dict[str, str]:
    """Return `current` with the given attributes written over it; a blank value clears one.

    Refuses attributes that Okta's base profile does not have, values that are not text, and missing required ones.
    """
    profile = dict(current)
    for name, value in given.items():
        if name not in PERSON_ATTRIBUTES:
            raise refusal.invalid(name, f"{name}: Okta's user profile has no such attribute.")
        if value is None:
            value = ""  # noqa: PLW2901  (JSON null and an empty field both clear the attribute)
        if not isinstance(value, str):
            raise refusal.invalid(name, f"{name}: wanted text, got {type(value).__name__}.")
        if len(value) > MAX_LENGTH:
            raise refusal.invalid(name, f"{name}: wanted at most {MAX_LENGTH} characters, got {len(value)}.")
        value = value.strip()  # noqa: PLW2901
        if value:
            profile[name] = value
        else:
            profile.pop(name, None)
    for name in REQUIRED:
        if not profile.get(name):
            raise refusal.invalid(name, f"{name}: The field cannot be left blank")
    for name in ("login", "email", "secondEmail"):
        if profile.get(name) and not re.fullmatch(r"[^@\s]+@[^@\s]+", profile[name]):
            raise refusal.invalid(name, f"{name}: must be in the form of an email address, got {profile[name]!r}.")
    return {name: profile[name] for name in PERSON_ATTRIBUTES if name in profile}


def evaluate(source: str, profile: Mapping[str, str]) -> str:
    """Return the value of a mapping expression for a person; blank when the person has none."""
    if source == DISPLAY_NAME:
        return profile.get("displayName") or f"{profile['firstName']} {profile['lastName']}"
    if constant := _CONSTANT.match(source):
        return constant.group(1)
    return profile.get(source.removeprefix("user."), "")


def app_profile(mapping: tuple[Attribute, ...], profile: Mapping[str, str]) -> dict[str, object]:
    """Return a person's mapped attributes: app attribute -> value, including blank values."""
    return {
        attribute.name: typed(attribute, evaluate(attribute.source, profile))
        for attribute in mapping
        if attribute.source
    }


def typed(attribute: Attribute, value: object) -> object:
    """Return a value in the attribute's own type; refuses one that cannot be read as it. Blank stays blank."""
    if value is None or value == "":
        return ""
    if attribute.type == "boolean" and str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    if attribute.type == "integer" and not isinstance(value, bool) and re.fullmatch(r"-?\d{1,18}", str(value)):
        return int(str(value))
    if attribute.type == "string" and isinstance(value, str):
        return value
    raise refusal.invalid(attribute.name, f"{attribute.name}: wanted a {attribute.type}, got {value!r}.")


def custom_attribute(given: Mapping[str, object], taken: tuple[Attribute, ...]) -> Attribute:
    """Return a checked custom app attribute. Keys: name, label, externalName, externalNamespace, type, source.

    An attribute named `groups` breaks group push in Okta and is refused (wire facts 1.11).
    """
    text = {key: str(given.get(key) or "").strip() for key in ("name", "label", "source", "type")}
    external_name = str(given.get("externalName") or "").strip() or text["name"]
    namespace = str(given.get("externalNamespace") or "").strip()
    name, kind, source = text["name"], text["type"] or "string", text["source"]
    if not _NAME.match(name) or name == "groups":
        raise refusal.invalid("name", f"name: wanted a variable name other than 'groups', got {name!r}.")
    if any(attribute.name == name for attribute in taken):
        raise refusal.invalid("name", f"name: this app already has an attribute {name!r}.")
    if not _EXTERNAL.match(external_name):
        raise refusal.invalid(
            "externalName",
            "externalName: wanted a path such as nickName, name.middleName or roles.^[type=='base'].value; "
            f"got {external_name!r}.",
        )
    if namespace and not namespace.startswith("urn:"):
        raise refusal.invalid("externalNamespace", f"externalNamespace: wanted a URN or nothing, got {namespace!r}.")
    if kind not in TYPES:
        raise refusal.invalid("type", f"type: wanted one of {', '.join(TYPES)}; got {kind!r}.")
    if source and not _CONSTANT.match(source) and source.removeprefix("user.") not in PERSON_ATTRIBUTES:
        raise refusal.invalid(
            "source", f'source: wanted user.<attribute>, a constant "text" or nothing; got {source!r}.'
        )
    return Attribute(name, text["label"] or name, external_name, namespace, source, kind, custom=True)
