"""The type of a vendor, the default mapping, and what several vendors share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vestibule.model import Rule
from vestibule.scim.schema import ENTERPRISE_USER

THE_SECRET: Final = "the Secret"  # noqa: S105 -- what is entered, in words
THE_TOKEN: Final = "the token"  # noqa: S105 -- what is entered, in words


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the set-up in the other product. `where` is the path through its screens, `fields` are the fields
    there, each with what to enter.

    A value of `fields` that is one of {scim_url}, {key}, {acs_url}, {entity_id}, {metadata_url} and {login_url} is
    replaced by the real value. THE_SECRET and THE_TOKEN are shown once when the key is made. Any other value is what
    to enter or to choose.
    """

    where: str
    what: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SamlScreens:
    """How people sign in with a vendor: the set-up in its screens, and the names that the advice uses.

    `addresses`, `certificates` and `signing` are places, such as "In Okta: Applications > your app > Sign On"; the
    last two go on with what to look at there or to choose.
    """

    steps: tuple[Step, ...]
    metadata: str
    """The screen with the URL or the file of its SAML metadata."""
    addresses: str
    """The screen in which our addresses are entered. The next fields are the names of its fields."""
    acs_field: str
    audience_field: str
    name_id: str
    """Where it is chosen what is sent as NameID; the sentence goes on with what that has to be."""
    certificates: str
    signing: str


@dataclass(frozen=True, slots=True)
class Vendor:
    """An identity provider's product."""

    name: str
    title: str
    mapping: tuple[Rule, ...]
    steps: tuple[Step, ...]
    saml: SamlScreens
    mend_setting: str
    """The screen in which to correct a wrong secret."""
    connection_screen: str
    """The screen in which the connection is set up. The next fields are the names of its fields."""
    url_field: str
    key_field: str
    secret_field: str
    send_again: str
    """What to do there so that a person is looked up and sent again."""
    retries: bool
    """Whether it is known to try again by itself after 429 with `Retry-After`."""
    probe: str
    """The name of the button that tests the connection, or that makes it send something."""
    is_probe: Callable[[Mapping[str, str], int], bool]
    """Returns whether a `GET /Users` with this query (lower-case names) and number of results is a test."""


def small_page(query: Mapping[str, str], _found: int) -> bool:
    """Returns whether a page of one or two people is requested without a filter, as most connection tests do."""
    return "filter" not in query and query.get("count") in {"1", "2"}


def one_person(query: Mapping[str, str], _found: int) -> bool:
    """Returns whether a page of one person is requested and nothing else."""
    return dict(query) == {"count": "1"}


def never(_query: Mapping[str, str], _found: int) -> bool:
    """Returns False: the product has no connection test, or none that can be told from its ordinary work."""
    return False


ANY_SAML: Final = SamlScreens(
    steps=(
        Step(
            "Your identity provider's SAML settings",
            "Add a SAML 2.0 application. The NameID is the person's userName, in the format Unspecified or "
            "EmailAddress. The response, the assertion or both are signed, with SHA-256.",
            (("ACS URL", "{acs_url}"), ("SP entity ID", "{entity_id}"), ("or: SP metadata", "{metadata_url}")),
        ),
        Step(
            "Your identity provider's SAML settings",
            "Copy the URL of its metadata, or download the file, and enter it here under Identity Provider "
            "Information.",
        ),
    ),
    metadata="your identity provider's SAML settings",
    addresses="In the SAML settings of the identity provider",
    acs_field="the ACS URL",
    audience_field="the SP entity ID",
    name_id="At the identity provider: what is sent as NameID",
    certificates="At the identity provider: see which signing certificate is active",
    signing="At the identity provider: switch on signing of the response or of the assertion",
)
"""SAML at a product whose screens are not known."""


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
