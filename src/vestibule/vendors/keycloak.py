"""Keycloak: the extension keycloak-scim, which provisions other services as a user federation provider.

Keycloak itself does not provision other services with SCIM.
"""

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor, never

KEYCLOAK = Vendor(
    name="keycloak",
    title="Keycloak",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "The Keycloak server",
            "Put the extension keycloak-scim into the folder providers and start Keycloak again.",
        ),
        Step("Realm settings > Events > Event listeners", "Add scim, and press Save."),
        Step(
            "User federation > Add provider > Scim",
            "Fill in the fields. Tick Enable refresh during sync; leave Enable import during sync off.",
            (
                ("SCIM 2.0 endpoint", "{scim_url}"),
                ("Endpoint content type", "application/scim+json"),
                ("Auth mode", "BEARER"),
                ("Bearer token", THE_TOKEN),
            ),
        ),
        Step(
            "User federation > your provider > Action",
            "Press Sync all users. People appear here under Users; each later change is sent at once.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Clients > Create client",
                "Choose the client type SAML and fill in the fields.",
                (
                    ("Client ID", "{entity_id}"),
                    ("Valid redirect URIs", "{acs_url}"),
                    ("Master SAML Processing URL", "{acs_url}"),
                ),
            ),
            Step(
                "Clients > your client > Settings",
                "Switch on Force name ID format, Force POST binding and Sign assertions.",
                (("Name ID format", "username"),),
            ),
            Step(
                "Clients > your client > Keys",
                "Switch off Client signature required, or let Vestibule sign its requests.",
            ),
            Step(
                "Realm settings > Endpoints",
                "Copy the address of SAML 2.0 Identity Provider Metadata, and enter it here under Identity Provider "
                "Information.",
            ),
        ),
        metadata="Realm settings > Endpoints > SAML 2.0 Identity Provider Metadata",
        addresses="In Keycloak: Clients > your client > Settings",
        acs_field="the Master SAML Processing URL",
        audience_field="the Client ID",
        name_id="In Keycloak: Clients > your client > Settings: what the Name ID format chooses",
        certificates="In Keycloak: Realm settings > Keys: see which RSA key is active",
        signing="In Keycloak: Clients > your client > Settings > Signature and Encryption: switch on Sign assertions",
    ),
    mend_setting="User federation > your provider: paste the token again, press Save, then Sync all users",
    connection_screen="User federation > your provider",
    url_field="SCIM 2.0 endpoint",
    key_field="Bearer token",
    secret_field="Bearer token",  # noqa: S106 -- what a field is called
    send_again="remove the provider under User federation, add it again and press Sync all users",
    retries=False,
    probe="Sync all users",
    is_probe=never,
)
