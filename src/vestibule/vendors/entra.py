"""Microsoft Entra ID: an enterprise application with automatic provisioning (wire facts 3)."""

from vestibule.vendors.vendor import BASE_MAPPING, Step, Vendor

ENTRA = Vendor(
    name="entra",
    title="Microsoft Entra ID",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Enterprise applications > your application > Provisioning",
            "Choose Automatic as the Provisioning Mode.",
        ),
        Step(
            "Provisioning > Admin Credentials",
            "Fill in the two fields.",
            (("Tenant URL", "{scim_url}"), ("Secret Token", "the token")),
        ),
        Step("Provisioning > Admin Credentials", "Press Test Connection, and Save once it succeeds."),
        Step(
            "Users and groups",
            "Assign people, then press Start provisioning. Entra sends changes about every 40 minutes.",
        ),
    ),
    mend_setting="Enterprise applications > your application > Provisioning > Admin Credentials: paste the token again "
    "and press Test Connection",
    probe="Test Connection",
)
