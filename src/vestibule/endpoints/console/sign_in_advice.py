"""Where to mend what refused a sign-in: in the identity provider's own screens, or here."""

from typing import Final

_WHERE: Final = {
    "okta": "In Okta: Applications > your app > General > SAML Settings > Edit",
    "entra": "In Entra: Enterprise applications > your app > Single sign-on > Basic SAML Configuration",
    "generic": "In the SAML settings of the identity provider",
}
_CERTIFICATES: Final = {
    "okta": "In Okta: Applications > your app > Sign On > SAML Signing Certificates: see which certificate is active",
    "entra": "In Entra: Enterprise applications > your app > Single sign-on > SAML Certificates: see which is active",
    "generic": "At the identity provider: see which signing certificate is active",
}
_SIGNING: Final = {
    "okta": "In Okta: Applications > your app > General > SAML Settings > Edit > Configure SAML > Show Advanced "
    "Settings: set Response to Signed",
    "entra": "In Entra: Enterprise applications > your app > Single sign-on > SAML Certificates > Edit > Signing "
    "Option: choose Sign SAML response and assertion",
    "generic": "At the identity provider: switch on signing of the response or of the assertion",
}
_HERE: Final = "the identity provider's page here, under Identity Provider Information"
_CLOCK: Final = (
    "Compare the clocks: this machine's and the identity provider's may differ by two minutes. If they agree, the "
    "person waited too long; let them sign in again."
)
_BEGUN: Final = (
    "Let the person sign in again from the start. If they come from a tile of the identity provider, choose on "
    f"{_HERE}, How people sign in, what becomes of that."
)

_MENDS: Final[dict[str, str]] = {
    "Signature": f"{{certificates}}, and paste it, or the metadata, on {_HERE}.",
    "Signed": "{signing}.",
    "Issuer": f"Paste the metadata of the application that people really use on {_HERE}.",
    "Issuer of the response": f"Paste the metadata of the application that people really use on {_HERE}.",
    "Destination": f"{{where}}: the Single sign-on URL should be exactly the one on {_HERE}.",
    "Recipient": f"{{where}}: the Recipient URL should be exactly the Single sign-on URL on {_HERE}.",
    "Audience": f"{{where}}: the Audience URI (SP Entity ID) should be exactly the one on {_HERE}.",
    "Issued": _CLOCK,
    "Time of the Conditions": _CLOCK,
    "Time of the SubjectConfirmation": _CLOCK,
    "Authentication context": "See how the identity provider lets people sign in to this application, or change what "
    f"is asked for on {_HERE}, How people sign in: Requested authentication context.",
    "Authenticated again": "The identity provider took somebody's earlier sign-in although a fresh one was asked for: "
    "see what its application says of ForceAuthn. If it says nothing, compare the clocks.",
    "End of the session": _CLOCK,
    "Begun here": _BEGUN,
    "Response answers": _BEGUN,
    "Assertion answers": _BEGUN,
    "Used once": "Nothing needs to be mended if somebody pressed Back or Reload. If it comes again and again, see "
    "where it comes from.",
    "Person": "Assign the person to the application, and see under Users that they arrived and are active. The NameID "
    "has to be the same as the person's userName, or their externalId where that is chosen.",
    "Deactivated": "Assign the person to the application at the identity provider, and see under Users that they are "
    "active again.",
    "Blocked": "Open the person under Users and choose Let in again. Until then their sign-ins are refused, whatever "
    "the identity provider says.",
    "Disabled": "Enable the identity provider on its page here, under Settings.",
    "Suspended": "Whoever operates this Vestibule has suspended the tenant. Ask them to resume it.",
    "Connection": f"Look at {_HERE}: it has to be enabled, with an SSO URL and a certificate.",
    "Status": "The identity provider itself refused: its own log says why. Often the person is not assigned.",
    "Shape": "Send what came to whoever runs the identity provider: it is not what SAML 2.0 wants.",
    "Contents": "Send what came to whoever runs the identity provider: it is not what SAML 2.0 wants.",
}


CHECKS: Final = tuple(_MENDS)
"""Every check that a sign-in has to pass, as the activity log names it."""


def mend_of_sign_in(check: str, vendor: str) -> str:
    """What an administrator does about a check that did not pass."""
    told = _MENDS.get(check, _MENDS["Shape"])
    return told.format(
        where=_WHERE.get(vendor, _WHERE["generic"]),
        certificates=_CERTIFICATES.get(vendor, _CERTIFICATES["generic"]),
        signing=_SIGNING.get(vendor, _SIGNING["generic"]),
    )
