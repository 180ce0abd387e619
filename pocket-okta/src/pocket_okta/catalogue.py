"""The kinds of application that this org can have, as data.

The rule: all differences in the protocol between the kinds of app are in this file. Sources: Okta wire facts 1.1 (three
products, three behaviours), 1.13 (authentication).
"""

from dataclasses import dataclass
from enum import StrEnum

from pocket_okta import refusal


class Scheme(StrEnum):
    """What an app writes into the Authorization header."""

    BASIC = "BASIC"  # Basic base64(username:password)
    HEADER = "HEADER"  # the token as it was typed, no scheme in front (wire facts 1.13)
    BEARER = "BEARER"  # Bearer <token>


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of app.

    `patches`: activation, deactivation and passwords go as a PATCH without a path; if not, as a PUT of the whole user.
    `wizard`: made with "Create App Integration" (AIW), with that form's field names.
    `cycles`: what has changed is sent in cycles, as Entra does, and not at each act.
    """

    key: str
    title: str
    schemes: tuple[Scheme, ...]
    patches: bool
    wizard: bool = False
    cycles: bool = False


OKTA, ENTRA = "okta", "entra"
DIALECTS = (OKTA, ENTRA)


TEMPLATES = (
    Template("scim2basicauth", "SCIM 2.0 Test App (Basic Auth)", (Scheme.BASIC,), patches=True),
    Template("scim2headerauth", "SCIM 2.0 Test App (Header Auth)", (Scheme.HEADER,), patches=True),
    Template("scim2oauthbearer", "SCIM 2.0 Test App (OAuth Bearer Token)", (Scheme.BEARER,), patches=True),
)
WIZARD = Template(
    "custom", "App Integration Wizard", (Scheme.BASIC, Scheme.BEARER, Scheme.HEADER), patches=False, wizard=True
)
NON_GALLERY = Template("nongallery", "Non-gallery application", (Scheme.BEARER,), patches=True, cycles=True)
BY_KEY = {template.key: template for template in (*TEMPLATES, WIZARD, NON_GALLERY)}


def offered(dialect: str) -> tuple[Template, ...]:
    """Return the templates of an org's catalogue."""
    return (NON_GALLERY,) if dialect == ENTRA else TEMPLATES


def template_named(key: str, dialect: str) -> Template:
    """Return the template with this key; refuses a name that the org's catalogue does not hold.

    Without a key, it is the one that is made without the catalogue.
    """
    if not key:
        return NON_GALLERY if dialect == ENTRA else WIZARD
    keys = [template.key for template in (*offered(dialect), *((WIZARD,) if dialect == OKTA else ()))]
    if key not in keys:
        raise refusal.invalid("name", f"name: wanted one of {', '.join(keys)}; got {key!r}.")
    return BY_KEY[key]
