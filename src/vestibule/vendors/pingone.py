"""PingOne: a provisioning connection of the type SCIM Outbound, with a rule."""

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor, small_page

PINGONE = Vendor(
    name="pingone",
    title="PingOne",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Integrations > Provisioning > New connection > Identity Store > SCIM Outbound",
            "Give it a name, press Next, and fill in the fields of Configure authentication.",
            (
                ("SCIM base URL", "{scim_url}"),
                ("Users resource", "/Users"),
                ("SCIM version", "2.0"),
                ("Groups resource", "/Groups"),
                ("Authentication method", "OAuth 2 Bearer Token"),
                ("OAuth Access Token", THE_TOKEN),
                ("Auth Type Header", "Bearer"),
            ),
        ),
        Step("Configure authentication", "Press Test Connection, then Next."),
        Step(
            "Configure preferences",
            "Fill in the fields, and switch on Create users, Update users and Disable users. Remove action decides "
            "what happens to people who leave: Disable keeps them here, Delete removes them for good.",
            (("User filter expression", 'userName eq "%s"'), ("User identifier", "userName")),
        ),
        Step(
            "Integrations > Provisioning > New rule",
            "Choose the connection, a User Filter and the attribute mapping, and switch both the connection and the "
            "rule on.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Applications > Applications > Add Application > SAML Application",
                "Choose Manually Enter, fill in the fields, and press Save.",
                (("ACS URLs", "{acs_url}"), ("Entity ID", "{entity_id}")),
            ),
            Step(
                "Applications > your application > Attribute Mappings",
                "saml_subject is the attribute that is sent as userName: Username, or Email Address.",
            ),
            Step(
                "Applications > your application > Configuration",
                "Choose Sign Assertion or Sign Response and RSA_SHA256. Copy the IdP Metadata URL, and enter it here "
                "under Identity Provider Information.",
                (("Subject NameID Format", "unspecified or emailAddress"),),
            ),
        ),
        metadata="Applications > your application > Configuration > IdP Metadata URL",
        addresses="In PingOne: Applications > your application > Configuration",
        acs_field="the ACS URL",
        audience_field="the Entity ID",
        name_id="In PingOne: Applications > your application > Attribute Mappings: saml_subject",
        certificates="In PingOne: Applications > your application > Configuration: see which Signing certificate is "
        "chosen",
        signing="In PingOne: Applications > your application > Configuration: choose Sign Assertion & Response",
    ),
    mend_setting="Integrations > Provisioning > your connection > Configuration: paste the token again and press Test "
    "Connection",
    connection_screen="Integrations > Provisioning > your connection > Configuration",
    url_field="SCIM base URL",
    key_field="OAuth Access Token",
    secret_field="OAuth Access Token",  # noqa: S106 -- what a field is called
    send_again="switch the rule off and on again",
    retries=False,
    probe="Test Connection",
    is_probe=small_page,
)
