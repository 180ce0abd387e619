"""CyberArk Identity: outbound provisioning of a SAML web app."""

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor, one_person

CYBERARK = Vendor(
    name="cyberark",
    title="CyberArk Identity",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Apps & Widgets > Web Apps > Add Web Apps > Custom > SAML",
            "Add the app. It provisions people and signs them in.",
        ),
        Step(
            "Apps & Widgets > Web Apps > your app > Provisioning",
            "Tick Enable provisioning for this application, fill in the fields, and press Verify.",
            (("SCIM URL", "{scim_url}"), ("Access Token", THE_TOKEN)),
        ),
        Step(
            "Provisioning > Role Mappings",
            "Add the roles whose members are sent. A Destination Group becomes a group here.",
        ),
        Step("Apps & Widgets > Web Apps > your app > Permissions", "Add the same roles, and press Save."),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Apps & Widgets > Web Apps > your app > Trust > Service Provider Configuration",
                "Choose Manual Configuration, fill in the fields, and press Save.",
                (
                    ("SP Entity ID / Issuer / Audience", "{entity_id}"),
                    ("Assertion Consumer Service (ACS) URL", "{acs_url}"),
                    ("Recipient", "Same as ACS URL"),
                    ("NameID Format", "unspecified or emailAddress"),
                ),
            ),
            Step(
                "Apps & Widgets > Web Apps > your app > Trust > Identity Provider Configuration > Metadata",
                "Copy the URL, or download the file, and enter it here under Identity Provider Information.",
            ),
        ),
        metadata="Apps & Widgets > Web Apps > your app > Trust > Identity Provider Configuration > Metadata",
        addresses="In CyberArk Identity: Apps & Widgets > Web Apps > your app > Trust > Service Provider Configuration",
        acs_field="the Assertion Consumer Service (ACS) URL",
        audience_field="the SP Entity ID / Issuer / Audience",
        name_id="In CyberArk Identity: Apps & Widgets > Web Apps > your app > Account Mapping: the field",
        certificates="In CyberArk Identity: Apps & Widgets > Web Apps > your app > Trust > Identity Provider "
        "Configuration: see which Signing Certificate is used",
        signing="In CyberArk Identity: Apps & Widgets > Web Apps > your app > Trust > Service Provider Configuration: "
        "set Sign Response or Assertion",
    ),
    mend_setting="Apps & Widgets > Web Apps > your app > Provisioning: paste the token again and press Verify",
    connection_screen="Apps & Widgets > Web Apps > your app > Provisioning",
    url_field="SCIM URL",
    key_field="Access Token",
    secret_field="Access Token",  # noqa: S106 -- what a field is called
    send_again="take the person out of the mapped role and put them back in",
    retries=False,
    probe="Verify",
    is_probe=one_person,
)
