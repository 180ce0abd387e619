"""The identity provider products, as data.

A vendor has a name, a default mapping, the set-up steps in its screens, and a way to recognise its connection test
(`is_probe`), which does not change the response. Differences between their SCIM requests are not here: Vestibule
accepts the union of what all of them send (docs/decisions/0002).
"""

from vestibule.vendors.entra import ENTRA
from vestibule.vendors.generic import GENERIC
from vestibule.vendors.okta import OKTA
from vestibule.vendors.vendor import Step, Vendor

VENDORS: dict[str, Vendor] = {vendor.name: vendor for vendor in (OKTA, ENTRA, GENERIC)}

__all__ = ["ENTRA", "GENERIC", "OKTA", "VENDORS", "Step", "Vendor"]
