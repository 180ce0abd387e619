"""Google Workspace: auto-provisioning of a SAML app."""

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor, one_person

GOOGLE = Vendor(
    name="google",
    title="Google Workspace",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Apps > Web and mobile apps > your app > Auto-provisioning",
            "Press Configure auto-provisioning. Google offers it for apps of its catalogue; without this section the "
            "app can only sign people in.",
            (("Access token", THE_TOKEN), ("Endpoint URL", "{scim_url}")),
        ),
        Step(
            "Auto-provisioning > Attribute mapping",
            "Map Primary email to userName and to emails.value, First name and Last name to name.givenName and "
            "name.familyName, and press Continue.",
        ),
        Step(
            "Auto-provisioning > Deprovisioning",
            "Choose for each case how long Google waits before it suspends or deletes somebody: within 24 hours, or "
            "after one, 7 or 21 days.",
        ),
        Step(
            "Apps > Web and mobile apps > your app > User access",
            "Turn the app on for those who are to be sent, then switch on Auto-provisioning. Google syncs every few "
            "hours.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Apps > Web and mobile apps > Add app > Add custom SAML app > Google Identity Provider details",
                "Download the metadata file, and upload it here under Identity Provider Information.",
            ),
            Step(
                "Add custom SAML app > Service provider details",
                "Fill in the fields, tick Signed response, and leave Start URL empty.",
                (
                    ("ACS URL", "{acs_url}"),
                    ("Entity ID", "{entity_id}"),
                    ("Name ID format", "EMAIL or UNSPECIFIED"),
                    ("Name ID", "Basic Information > Primary email"),
                ),
            ),
            Step("Apps > Web and mobile apps > your app > User access", "Turn the app on for your people."),
        ),
        metadata="Apps > Web and mobile apps > your app > Download metadata",
        addresses="In Google's Admin console: Apps > Web and mobile apps > your app > Service provider details",
        acs_field="the ACS URL",
        audience_field="the Entity ID",
        name_id="In Google's Admin console: Apps > Web and mobile apps > your app > Service "
        "provider details: the Name ID",
        certificates="In Google's Admin console: Apps > Web and mobile apps > your app > Download metadata: see which "
        "certificate is in it",
        signing="In Google's Admin console: Apps > Web and mobile apps > your app > Service provider details: tick "
        "Signed response",
    ),
    mend_setting="Apps > Web and mobile apps > your app > Auto-provisioning: paste the token again",
    connection_screen="Apps > Web and mobile apps > your app > Auto-provisioning",
    url_field="Endpoint URL",
    key_field="Access token",
    secret_field="Access token",  # noqa: S106 -- what a field is called
    send_again="turn the app off for the person and on again",
    retries=False,
    probe="Continue",
    is_probe=one_person,
)
