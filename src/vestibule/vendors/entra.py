"""Microsoft Entra ID: an enterprise application with automatic provisioning."""

import re
from typing import Final

from vestibule.vendors.vendor import BASE_MAPPING, Step, Vendor

_GUID_LOOKUP: Final = re.compile(r'[\w.]+ eq "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"', re.IGNORECASE)

ENTRA = Vendor(
    name="entra",
    title="Microsoft Entra ID",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Enterprise applications > your application > Provisioning",
            "Choose Automatic as the Provisioning Mode.",
        ),
        Step(
            "Provisioning > Admin Credentials",
            "Fill in the two fields.",
            (("Tenant URL", "{scim_url}"), ("Secret Token", "the token")),
        ),
        Step("Provisioning > Admin Credentials", "Press Test Connection, and Save once it succeeds."),
        Step(
            "Users and groups",
            "Assign people, then press Start provisioning. Entra sends changes about every 40 minutes.",
        ),
    ),
    mend_setting="Enterprise applications > your application > Provisioning > Admin Credentials: paste the token again "
    "and press Test Connection",
    metadata_setting="Enterprise applications > your application > Single sign-on > SAML Certificates > App "
    "Federation Metadata Url",
    connection_screen="Enterprise applications > your application > Provisioning > Admin Credentials",
    url_field="Tenant URL",
    key_field="Secret Token",
    secret_field="Secret Token",  # noqa: S106 -- what a field is called
    probe="Test Connection",
    # A look-up of a random GUID that nobody has.
    is_probe=lambda query, found: found == 0 and _GUID_LOOKUP.fullmatch(query.get("filter", "")) is not None,
)
