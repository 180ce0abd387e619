"""Okta: the application template "SCIM 2.0 Test App (Basic Auth)"."""

from vestibule.vendors.vendor import BASE_MAPPING, Step, Vendor

OKTA = Vendor(
    name="okta",
    title="Okta",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Applications > Applications > your application > Provisioning",
            "Press Configure API Integration and tick Enable API integration.",
        ),
        Step(
            "Provisioning > Integration",
            "Fill in the three fields.",
            (("SCIM 2.0 Base Url", "{scim_url}"), ("Username", "{key}"), ("Password", "the Secret")),
        ),
        Step(
            "Provisioning > Integration",
            "Press Test API Credentials. Okta says that the application was verified successfully, and so does the "
            "line above. Then press Save.",
        ),
        Step(
            "Provisioning > To App > Edit",
            "Tick Enable beside Create Users, Update User Attributes and Deactivate Users, and press Save.",
        ),
        Step(
            "Assignments > Assign",
            "Assign people or groups. Each of them appears here under Users within seconds.",
        ),
    ),
    mend_setting="Applications > your application > Provisioning > Integration > Edit: paste the Secret again and "
    "press Test API Credentials",
    metadata_setting="Applications > your application > Sign On > Metadata URL",
    connection_screen="Applications > your application > Provisioning > Integration > Edit",
    url_field="SCIM 2.0 Base Url",
    key_field="Username",
    secret_field="Password",  # noqa: S106 -- what a field is called
    probe="Test API Credentials",
    is_probe=lambda query, _found: dict(query) == {"startindex": "1", "count": "2"},
)
