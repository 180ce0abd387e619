"""Any other identity provider with SCIM 2.0."""

from vestibule.vendors.vendor import ANY_SAML, BASE_MAPPING, THE_SECRET, THE_TOKEN, Step, Vendor, small_page

GENERIC = Vendor(
    name="generic",
    title="Other (SCIM 2.0)",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Your identity provider's provisioning settings",
            "Choose SCIM 2.0 and fill in the connection: the Key and Secret for HTTP Basic, or the token for Bearer.",
            (
                ("Base URL", "{scim_url}"),
                ("User name", "{key}"),
                ("Password", THE_SECRET),
                ("or: token", THE_TOKEN),
            ),
        ),
        Step(
            "Your identity provider's provisioning settings",
            "Use userName as the unique identifier, switch on create, update and deactivate, and test the connection.",
        ),
    ),
    saml=ANY_SAML,
    mend_setting="your identity provider's provisioning settings: paste the Secret or the token again and test the "
    "connection",
    connection_screen="your identity provider's provisioning settings",
    url_field="the base URL",
    key_field="the user name",
    secret_field="the password",  # noqa: S106 -- what a field is called
    send_again="unassign the person and assign them again",
    retries=False,
    probe="the connection test",
    is_probe=small_page,
)
