"""What every vendor's page says, and the mapping they start from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vestibule.model import Rule
from vestibule.scim.schema import ENTERPRISE_USER


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do in the other product. `where` is the way through its screens, `fields` what to fill in there.

    In `what` and in the values of `fields`, {scim_url}, {key} and {connection} are replaced by the real ones.
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
    """Where in its screens a wrong secret is put right."""
    metadata_setting: str
    """Where in its screens the address of its SAML metadata stands."""
    connection_screen: str
    """The screen in which the connection is set up, and what these three are called there."""
    url_field: str
    key_field: str
    secret_field: str
    probe: str
    """What it calls the button that tests the connection."""
    is_probe: Callable[[Mapping[str, str], int], bool]
    """Whether a `GET /Users` with this query (names in lower case) that found so many is what that button sends."""


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
