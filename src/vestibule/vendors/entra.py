"""Microsoft Entra ID: an enterprise application with automatic provisioning."""

import re
from typing import Final

from vestibule.vendors.vendor import BASE_MAPPING, THE_TOKEN, SamlScreens, Step, Vendor

_GUID_LOOKUP: Final = re.compile(
    r'[\w.]+(?:\[type eq "\w+"\]\.\w+)? eq "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"', re.IGNORECASE
)

ENTRA = Vendor(
    name="entra",
    title="Microsoft Entra ID",
    mapping=BASE_MAPPING,
    steps=(
        Step(
            "Enterprise applications > New application > Create your own application",
            "Choose Integrate any other application you don't find in the gallery (Non-gallery). One application is "
            "enough for provisioning and for sign-in.",
        ),
        Step(
            "Enterprise applications > your application > Provisioning",
            "Choose Automatic as the Provisioning Mode. Newer screens have New configuration instead.",
        ),
        Step(
            "Provisioning > Admin Credentials",
            "Fill in the two fields.",
            (("Tenant URL", "{scim_url}"), ("Secret Token", THE_TOKEN)),
        ),
        Step("Provisioning > Admin Credentials", "Press Test Connection, and Save once it succeeds."),
        Step(
            "Provisioning > Mappings",
            "Compare Provision Microsoft Entra ID Users with the attributes in the guide. userName is the only "
            "attribute that people should be matched by. Provision Microsoft Entra ID Groups sends groups; set Enabled "
            "to No if you do not need them here.",
        ),
        Step("Users and groups > Add user/group", "Assign people. Begin with one."),
        Step(
            "Provisioning > Provision on demand",
            "Search for that person and press Provision. They appear here under Users within seconds, and Entra shows "
            "what it did in each step.",
        ),
        Step(
            "Provisioning > Overview",
            "Press Start provisioning. From then on Entra sends changes about every 40 minutes.",
        ),
    ),
    saml=SamlScreens(
        steps=(
            Step(
                "Enterprise applications > your application > Single sign-on > SAML > Basic SAML Configuration",
                "Press Edit, fill in the fields, and press Save. Leave Relay State empty.",
                (
                    ("Identifier (Entity ID)", "{entity_id}"),
                    ("Reply URL (Assertion Consumer Service URL)", "{acs_url}"),
                    ("Sign on URL", "{login_url}"),
                ),
            ),
            Step(
                "Single sign-on > Attributes & Claims > Unique User Identifier (Name ID)",
                "It has to be the attribute that userName is mapped from: user.userprincipalname, unless you changed "
                "the mapping.",
                (
                    ("Name identifier format", "Email address, or Unspecified"),
                    ("Source attribute", "user.userprincipalname"),
                ),
            ),
            Step(
                "Single sign-on > SAML Certificates",
                "Copy the App Federation Metadata Url, and enter it here under Identity Provider Information.",
            ),
        ),
        metadata="Enterprise applications > your application > Single sign-on > SAML Certificates > App "
        "Federation Metadata Url",
        addresses="In Entra: Enterprise applications > your app > Single sign-on > Basic SAML Configuration",
        acs_field="the Reply URL (Assertion Consumer Service URL)",
        audience_field="the Identifier (Entity ID)",
        name_id="In Entra: Enterprise applications > your app > Single sign-on > Attributes & "
        "Claims: the Unique User Identifier (Name ID)",
        certificates="In Entra: Enterprise applications > your app > Single sign-on > SAML Certificates: see which is "
        "active",
        signing="In Entra: Enterprise applications > your app > Single sign-on > SAML Certificates > Edit > Signing "
        "Option: choose Sign SAML response and assertion",
    ),
    mend_setting="Enterprise applications > your application > Provisioning > Admin Credentials: paste the token again "
    "and press Test Connection",
    connection_screen="Enterprise applications > your application > Provisioning > Admin Credentials",
    url_field="Tenant URL",
    key_field="Secret Token",
    secret_field="Secret Token",  # noqa: S106 -- what a field is called
    send_again="press Restart provisioning, or use Provision on demand for one person",
    retries=True,
    probe="Test Connection",
    # A look-up of a random GUID that nobody has.
    is_probe=lambda query, found: found == 0 and _GUID_LOOKUP.fullmatch(query.get("filter", "")) is not None,
)
