"""Any other identity provider with SCIM 2.0."""

from vestibule.vendors.vendor import BASE_MAPPING, Step, Vendor

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
                ("Password", "the Secret"),
                ("or: token", "the token"),
            ),
        ),
        Step(
            "Your identity provider's provisioning settings",
            "Use userName as the unique identifier, switch on create, update and deactivate, and test the connection.",
        ),
    ),
    mend_setting="your identity provider's provisioning settings: paste the Secret or the token again and test the "
    "connection",
    metadata_setting="your identity provider's SAML settings",
    connection_screen="your identity provider's provisioning settings",
    url_field="the base URL",
    key_field="the user name",
    secret_field="the password",  # noqa: S106 -- what a field is called
    probe="the connection test",
    # Most connection tests request one or two people without a filter.
    is_probe=lambda query, _found: "filter" not in query and query.get("count") in {"1", "2"},
)
