"""The type of a vendor, and the default mapping."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vestibule.model import Rule
from vestibule.scim.schema import ENTERPRISE_USER


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the set-up in the other product. `where` is the path through its screens, `fields` are the fields
    there.

    In `what` and in the values of `fields`, {scim_url}, {key} and {connection} are replaced by the real values.
    """

    where: str
    what: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor:
    """An identity provider's product."""

    name: str
    title: str
    mapping: tuple[Rule, ...]
    steps: tuple[Step, ...]
    mend_setting: str
    """The screen in which to correct a wrong secret."""
    metadata_setting: str
    """The screen with the URL of its SAML metadata."""
    connection_screen: str
    """The screen in which the connection is set up. The next fields are the names of its fields."""
    url_field: str
    key_field: str
    secret_field: str
    probe: str
    """The name of the button that tests the connection."""
    is_probe: Callable[[Mapping[str, str], int], bool]
    """Returns whether a `GET /Users` with this query (lower-case names) and number of results is a test."""


BASE_MAPPING: tuple[Rule, ...] = (
    Rule("userName", ("userName",), trim=True),
    Rule("email", ("emails[primary eq true].value", 'emails[type eq "work"].value', "emails.value"), trim=True),
    Rule("firstName", ("name.givenName",), trim=True),
    Rule("lastName", ("name.familyName",), trim=True),
    Rule("displayName", ("displayName", "name.formatted", "userName"), trim=True),
    Rule("title", ("title",)),
    Rule("mobilePhone", ('phoneNumbers[type eq "mobile"].value',)),
    Rule("phone", ("phoneNumbers[primary eq true].value", 'phoneNumbers[type eq "work"].value')),
    Rule("language", ("preferredLanguage", "locale")),
    Rule("timeZone", ("timezone",)),
    Rule("userType", ("userType",)),
    Rule("employeeNumber", (f"{ENTERPRISE_USER}:employeeNumber",)),
    Rule("department", (f"{ENTERPRISE_USER}:department",)),
    Rule("division", (f"{ENTERPRISE_USER}:division",)),
    Rule("organization", (f"{ENTERPRISE_USER}:organization",)),
    Rule("costCenter", (f"{ENTERPRISE_USER}:costCenter",)),
    Rule("manager", (f"{ENTERPRISE_USER}:manager.displayName", f"{ENTERPRISE_USER}:manager.value")),
)
