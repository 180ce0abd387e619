"""The identity provider products, as data.

A vendor has a name, a default mapping, the set-up steps in its screens, and a way to recognise its connection test
(`is_probe`), which does not change the response. Differences between their SCIM requests are not here: Vestibule
accepts the union of what all of them send (docs/decisions/0002).
"""

from vestibule.vendors.authentik import AUTHENTIK
from vestibule.vendors.cyberark import CYBERARK
from vestibule.vendors.entra import ENTRA
from vestibule.vendors.generic import GENERIC
from vestibule.vendors.google import GOOGLE
from vestibule.vendors.jumpcloud import JUMPCLOUD
from vestibule.vendors.keycloak import KEYCLOAK
from vestibule.vendors.okta import OKTA
from vestibule.vendors.onelogin import ONELOGIN
from vestibule.vendors.pingone import PINGONE
from vestibule.vendors.sailpoint import SAILPOINT
from vestibule.vendors.vendor import THE_SECRET, THE_TOKEN, SamlScreens, Step, Vendor

VENDORS: dict[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        OKTA,
        ENTRA,
        AUTHENTIK,
        CYBERARK,
        GOOGLE,
        JUMPCLOUD,
        KEYCLOAK,
        ONELOGIN,
        PINGONE,
        SAILPOINT,
        GENERIC,
    )
}
"""All vendors by name, in the order in which they are offered: the two most used ones, the others by title, and last
the one for every other product."""

__all__ = [
    "ENTRA",
    "GENERIC",
    "OKTA",
    "THE_SECRET",
    "THE_TOKEN",
    "VENDORS",
    "SamlScreens",
    "Step",
    "Vendor",
]
