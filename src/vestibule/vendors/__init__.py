"""What is particular to one identity provider's product, as data.

A vendor is a value: what it is called, the mapping that suits what it sends, the steps to take in its own screens, and
how its connection test is told from other requests (`is_probe`), which changes no answer.
How its requests differ on the wire is not here: Vestibule understands the union of what all of them send
(docs/decisions), so that nobody past the SCIM endpoint has to know who is speaking.
"""

from vestibule.vendors.entra import ENTRA
from vestibule.vendors.generic import GENERIC
from vestibule.vendors.okta import OKTA
from vestibule.vendors.vendor import Step, Vendor

VENDORS: dict[str, Vendor] = {vendor.name: vendor for vendor in (OKTA, ENTRA, GENERIC)}

__all__ = ["ENTRA", "GENERIC", "OKTA", "VENDORS", "Step", "Vendor"]
