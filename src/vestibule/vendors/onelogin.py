"""OneLogin: the application "SCIM Provisioner with SAML (SCIM v2 Enterprise)"."""

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor, small_page

ONELOGIN = Vendor(
    name="onelogin",
    title="OneLogin",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Applications > Add App",
            "Search for SCIM Provisioner with SAML (SCIM v2 Enterprise), and press Save.",
        ),
        Step(
            "Applications > your app > Configuration > API Connection",
            "Fill in the fields, press Enable, and press Save. The SCIM JSON Template is in the guide.",
            (
                ("SCIM Base URL", "{scim_url}"),
                ("SCIM JSON Template", "the one in the guide, or your own"),
                ("SCIM Bearer Token", THE_TOKEN),
            ),
        ),
        Step(
            "Applications > your app > Parameters",
            "Set scimusername to what people sign in with, such as Email.",
        ),
        Step(
            "Applications > your app > Provisioning > Workflow",
            "Tick Enable provisioning. Choose Suspend for when users are deleted or access is removed; Delete removes "
            "the person here for good. Press Save.",
        ),
        Step(
            "Users > a user > Applications",
            "Assign people, or give the app to a role. Approve them under Provisioning if OneLogin asks for it.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Applications > your app > Configuration > Application details",
                "Fill in the fields, and press Save.",
                (
                    ("SAML Audience URL", "{entity_id}"),
                    ("SAML Consumer URL", "{acs_url}"),
                ),
            ),
            Step(
                "Applications > your app > Parameters",
                "Set SAML NameID (Subject) to the same value as scimusername.",
            ),
            Step(
                "Applications > your app > SSO",
                "Choose SHA-256 as SAML Signature Algorithm. Copy the Issuer URL, which is the URL of the metadata, "
                "and enter it here under Identity Provider Information.",
            ),
        ),
        metadata="Applications > your app > SSO > Issuer URL",
        addresses="In OneLogin: Applications > your app > Configuration > Application details",
        acs_field="the SAML Consumer URL",
        audience_field="the SAML Audience URL",
        name_id="In OneLogin: Applications > your app > Parameters: SAML NameID (Subject)",
        certificates="In OneLogin: Applications > your app > SSO > X.509 Certificate > View Details: see which is used",
        signing="In OneLogin: Applications > your app > Configuration: set SAML signature element to Assertion or Both",
    ),
    mend_setting="Applications > your app > Configuration > API Connection: paste the token again and press Enable",
    connection_screen="Applications > your app > Configuration > API Connection",
    url_field="SCIM Base URL",
    key_field="SCIM Bearer Token",
    secret_field="SCIM Bearer Token",  # noqa: S106 -- what a field is called
    send_again="remove the app from the person and assign it again",
    retries=False,
    probe="Enable",
    is_probe=small_page,
)
