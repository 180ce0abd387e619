"""What this service provider asks an identity provider: to sign somebody in (SAML 2.0 Core §3.4.1)."""

from dataclasses import dataclass

from vestibule.saml.signature import SigningKey, sign_element
from vestibule.saml.times import write_instant
from vestibule.saml.xml import SAML, SAMLP, Element, build, serialise

_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks whom, and for what. No NameID format is asked for: one that disagrees with the application makes Okta
    fail (wire facts 7.1).
    """

    id: str
    entity_id: str
    acs_url: str
    destination: str
    force_authn: bool = False
    authn_context: str = ""
    """URI of an authentication context class; empty leaves it to the identity provider."""


def authn_request(asking: Asking, now: int) -> Element:
    """An AuthnRequest."""
    content = [build(SAML, "Issuer", {}, asking.entity_id)]
    if asking.authn_context:
        wanted = build(SAML, "AuthnContextClassRef", {}, asking.authn_context)
        content.append(build(SAMLP, "RequestedAuthnContext", {"Comparison": "exact"}, [wanted]))
    return build(
        SAMLP,
        "AuthnRequest",
        {
            "ID": asking.id,
            "Version": "2.0",
            "IssueInstant": write_instant(now),
            "Destination": asking.destination,
            "AssertionConsumerServiceURL": asking.acs_url,
            "ProtocolBinding": _POST,
            "ForceAuthn": "true" if asking.force_authn else "",
        },
        content,
    )


def message(element: Element, key: SigningKey | None) -> bytes:
    """A message as it is posted, signed where there is a key."""
    return serialise(sign_element(element, key, "Issuer") if key is not None else element)
