"""JumpCloud: a custom application with Custom SCIM identity management."""

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor, small_page

JUMPCLOUD = Vendor(
    name="jumpcloud",
    title="JumpCloud",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "SSO Applications > Add New Application > Custom Application",
            "Tick Manage Single Sign-On (SSO) and Export users to this app (Identity Management).",
        ),
        Step(
            "SSO Applications > your application > Identity Management",
            "Choose SCIM 2.0 and fill in the fields. The test user must not be anybody who exists here: JumpCloud "
            "makes them, and a test group, and removes both again.",
            (
                ("Base URL", "{scim_url}"),
                ("Token Key", THE_TOKEN),
                ("Test User Email", "an address at your domain that nobody has"),
            ),
        ),
        Step(
            "SSO Applications > your application > Identity Management",
            "Press Test Connection, then Activate, then Save.",
        ),
        Step(
            "SSO Applications > your application > User Groups",
            "Tick the groups whose members are to be sent, and press Save.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "SSO Applications > your application > SSO",
                "Fill in the fields and press Save. The IdP Entity ID is a name of your choice for JumpCloud.",
                (
                    ("SP Entity ID", "{entity_id}"),
                    ("ACS URLs", "{acs_url}"),
                    ("SAMLSubject NameID", "the attribute that is sent as userName: email, or username"),
                    ("SAMLSubject NameID Format", "unspecified or emailAddress"),
                    ("Sign", "Assertion, or Response"),
                ),
            ),
            Step(
                "SSO Applications > your application > SSO",
                "Press Copy Metadata URL, and enter it here under Identity Provider Information.",
            ),
        ),
        metadata="SSO Applications > your application > SSO > Copy Metadata URL",
        addresses="In JumpCloud: SSO Applications > your application > SSO",
        acs_field="the ACS URL",
        audience_field="the SP Entity ID",
        name_id="In JumpCloud: SSO Applications > your application > SSO: the SAMLSubject NameID",
        certificates="In JumpCloud: SSO Applications > your application: see which IDP Certificate is valid",
        signing="In JumpCloud: SSO Applications > your application > SSO: set Sign to Assertion or Response",
    ),
    mend_setting="SSO Applications > your application > Identity Management: paste the token again and press Test "
    "Connection",
    connection_screen="SSO Applications > your application > Identity Management",
    url_field="Base URL",
    key_field="Token Key",
    secret_field="Token Key",  # noqa: S106 -- what a field is called
    send_again="take the person out of the user group and put them back in",
    retries=False,
    probe="Test Connection",
    is_probe=small_page,
)
