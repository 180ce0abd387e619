"""Advice on refused sign-ins: what to correct, at the identity provider or here."""

from typing import Final

from vestibule.vendors import VENDORS

_HERE: Final = "the identity provider's page here, under Identity Provider Information"
_CLOCK: Final = (
    "Compare the clocks: this machine's and the identity provider's may differ by two minutes. If they agree, the "
    "person waited too long and should sign in again."
)
_BEGUN: Final = (
    "Let the person sign in again from the start. If they come from a tile of the identity provider, choose on "
    f"{_HERE}, How people sign in, what happens with such sign-ins."
)

_MENDS: Final[dict[str, str]] = {
    "Signature": f"{{certificates}}, and paste it, or the metadata, on {_HERE}.",
    "Signed": "{signing}.",
    "Issuer": f"Paste the metadata of the application that people really use on {_HERE}.",
    "Issuer of the response": f"Paste the metadata of the application that people really use on {_HERE}.",
    "Destination": f"{{addresses}}: {{acs}} should be exactly the Single sign-on URL on {_HERE}.",
    "Recipient": f"{{addresses}}: {{acs}} should be exactly the Single sign-on URL on {_HERE}.",
    "Audience": f"{{addresses}}: {{audience}} should be exactly the Audience URI on {_HERE}.",
    "Issued": _CLOCK,
    "Time of the Conditions": _CLOCK,
    "Time of the SubjectConfirmation": _CLOCK,
    "Authentication context": "Check the identity provider's sign-on policy for this application, or change the "
    f"Requested authentication context on {_HERE}, How people sign in.",
    "Authenticated again": "The identity provider used an earlier sign-in although a new one was requested: check "
    "the ForceAuthn setting of its application. If that is right, compare the clocks.",
    "End of the session": _CLOCK,
    "Begun here": _BEGUN,
    "Response answers": _BEGUN,
    "Assertion answers": _BEGUN,
    "Used once": "Nothing needs to be done if somebody pressed Back or Reload. If it happens again and again, find out "
    "who sends it.",
    "Person": "Assign the person to the application, and check under Users that they are there and active. {name_id} "
    "has to be the person's userName, or their externalId if that is chosen here.",
    "Deactivated": "Assign the person to the application at the identity provider, and check under Users that they "
    "are active again.",
    "Blocked": "Open the person under Users and choose Let in again. Until then their sign-ins are refused, whatever "
    "the identity provider says.",
    "Disabled": "Enable the identity provider on its page here, under Settings.",
    "Suspended": "The operator of this Vestibule has suspended the tenant. Ask them to resume it.",
    "Connection": f"Check {_HERE}: it needs an SSO URL and a certificate.",
    "Status": "The identity provider itself refused the sign-in; its log says why. Often the person is not assigned.",
    "Shape": "Send the response to the administrator of the identity provider: it does not follow SAML 2.0.",
    "Contents": "Send the response to the administrator of the identity provider: it does not follow SAML 2.0.",
}


CHECKS: Final = tuple(_MENDS)
"""The names of all checks of a sign-in, as in the activity log."""


def mend_of_sign_in(check: str, vendor: str) -> str:
    """Returns what to do about a failed check, with the names of the vendor's screens."""
    screens = VENDORS[vendor].saml
    return _MENDS.get(check, _MENDS["Shape"]).format(
        addresses=screens.addresses,
        acs=screens.acs_field,
        audience=screens.audience_field,
        name_id=screens.name_id,
        certificates=screens.certificates,
        signing=screens.signing,
    )
