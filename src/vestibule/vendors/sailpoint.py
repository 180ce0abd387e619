"""SailPoint Identity Security Cloud: a source of the type SCIM 2.0.

SailPoint governs accounts and signs nobody in: its people sign in with another product.
"""

from dataclasses import replace

from vestibule.vendors.vendor import ANY_SAML, BASE_MAPPING, THE_SECRET, THE_TOKEN, Step, Vendor, small_page

SAILPOINT = Vendor(
    name="sailpoint",
    title="SailPoint Identity Security Cloud",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Admin > Connections > Sources > Create New",
            "Search for SCIM 2.0, press Configure, and give it a name and an owner.",
        ),
        Step(
            "Your source > Connection Settings",
            "Choose API Token, or Basic Authentication with the Key and the Secret, and press Save.",
            (
                ("Host URL", "{scim_url}"),
                ("API Token", THE_TOKEN),
                ("or: Username", "{key}"),
                ("or: Password", THE_SECRET),
            ),
        ),
        Step("Your source > Review and Test", "Press Test Connection."),
        Step(
            "Your source > Account Management > Account Schema",
            "Press Discover Schema. SailPoint reads what Vestibule offers.",
        ),
        Step(
            "Your source > Account Management > Account Aggregation",
            "Press Start, so that SailPoint knows who is here already. Then correlate accounts by userName.",
        ),
        Step(
            "Your source > Account Management > Create Account",
            "Give at least userName, the given and the family name and the e-mail address a source.",
        ),
    ),
    saml=replace(
        ANY_SAML,
        steps=(
            Step(
                "The product that people sign in with",
                "SailPoint signs nobody in. Enter the addresses below in the product that does, such as Okta or "
                "Entra, and its metadata here. The NameID has to be the userName that SailPoint sends.",
                (("ACS URL", "{acs_url}"), ("SP entity ID", "{entity_id}")),
            ),
        ),
    ),
    mend_setting="Your source > Connection Settings: paste the token again, press Save, then Test Connection",
    connection_screen="Your source > Connection Settings",
    url_field="Host URL",
    key_field="API Token",
    secret_field="API Token",  # noqa: S106 -- what a field is called
    send_again="run Account Aggregation on the source",
    retries=True,
    probe="Test Connection",
    is_probe=small_page,
)
