"""Okta: the application template "SCIM 2.0 Test App (Basic Auth)"."""

from vestibule.vendors.vendor import BASE_MAPPING, THE_SECRET, SamlScreens, Step, Vendor

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
            (("SCIM 2.0 Base Url", "{scim_url}"), ("Username", "{key}"), ("Password", THE_SECRET)),
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
        Step(
            "Push Groups > Push Groups > Find groups by name",
            "Push groups, if you need them here: they appear under Groups. Use other groups than those with which "
            "people are assigned.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Applications > Create App Integration > SAML 2.0",
                "Or General > SAML Settings > Edit, if the application exists. Fill in these fields, and leave Default "
                "RelayState empty. The Application username is the same as for provisioning.",
                (
                    ("Single sign-on URL", "{acs_url}"),
                    ("Audience URI (SP Entity ID)", "{entity_id}"),
                    ("Name ID format", "Unspecified or EmailAddress"),
                ),
            ),
            Step(
                "Applications > your application > Sign On",
                "Copy the Metadata URL, and enter it here under Identity Provider Information.",
            ),
        ),
        metadata="Applications > your application > Sign On > Metadata URL",
        addresses="In Okta: Applications > your app > General > SAML Settings > Edit",
        acs_field="the Single sign-on URL, which is also used for Recipient URL and Destination URL,",
        audience_field="the Audience URI (SP Entity ID)",
        name_id="In Okta: Applications > your app > General > SAML Settings > Edit: the Application username",
        certificates="In Okta: Applications > your app > Sign On > SAML Signing Certificates: see which certificate "
        "is active",
        signing="In Okta: Applications > your app > General > SAML Settings > Edit > Configure SAML > Show Advanced "
        "Settings: set Response to Signed",
    ),
    mend_setting="Applications > your application > Provisioning > Integration > Edit: paste the Secret again and "
    "press Test API Credentials",
    connection_screen="Applications > your application > Provisioning > Integration > Edit",
    url_field="SCIM 2.0 Base Url",
    key_field="Username",
    secret_field="Password",  # noqa: S106 -- what a field is called
    send_again="unassign the person and assign them again",
    retries=True,
    probe="Test API Credentials",
    is_probe=lambda query, _found: dict(query) == {"startindex": "1", "count": "2"},
)
