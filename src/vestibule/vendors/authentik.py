"""authentik: a SCIM provider as the backchannel provider of an application."""

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor, never

AUTHENTIK = Vendor(
    name="authentik",
    title="authentik",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Applications > Providers > New Provider > SCIM Provider",
            "Give it a name and fill in the two fields. Leave the compatibility mode at its default.",
            (("URL", "{scim_url}"), ("Token", THE_TOKEN)),
        ),
        Step(
            "Applications > Applications > your application > Backchannel Providers",
            "Add the SCIM provider. The application's own provider is the one for SAML, below.",
        ),
        Step(
            "Applications > your application > Policy / Group / User Bindings",
            "Bind those who may use the application. Without a binding everybody is sent.",
        ),
        Step(
            "Applications > Providers > your SCIM provider",
            "Press Run sync again. People appear here under Users within seconds; each later change is sent at once.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Applications > Providers > New Provider > SAML Provider",
                "Fill in the fields. Under Advanced protocol settings choose a Signing Certificate, tick Sign "
                "assertions or Sign responses, and choose a NameID Property Mapping that gives the username.",
                (
                    ("ACS URL", "{acs_url}"),
                    ("Audience", "{entity_id}"),
                    ("Service Provider Binding", "Post"),
                ),
            ),
            Step(
                "Applications > Providers > your SAML provider > Metadata",
                "Copy the download URL, and enter it here under Identity Provider Information.",
            ),
        ),
        metadata="Applications > Providers > your SAML provider > Metadata > Copy download URL",
        addresses="In authentik: Applications > Providers > your SAML provider > Edit",
        acs_field="the ACS URL",
        audience_field="the Audience",
        name_id="In authentik: Applications > Providers > your SAML provider > Edit: the NameID Property Mapping",
        certificates="In authentik: Applications > Providers > your SAML provider > Edit > Advanced protocol "
        "settings: see which Signing Certificate is chosen",
        signing="In authentik: Applications > Providers > your SAML provider > Edit > Advanced protocol settings: "
        "choose a Signing Certificate and tick Sign assertions",
    ),
    mend_setting="Applications > Providers > your SCIM provider > Edit: paste the token again and press Run sync again",
    connection_screen="Applications > Providers > your SCIM provider > Edit",
    url_field="URL",
    key_field="Token",
    secret_field="Token",  # noqa: S106 -- what a field is called
    send_again="press Run sync again on the SCIM provider",
    retries=True,
    probe="Run sync again",
    is_probe=never,
)
