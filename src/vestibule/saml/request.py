"""Writes AuthnRequests, which ask an identity provider to sign somebody in (SAML 2.0 Core §3.4.1)."""

from dataclasses import dataclass

from vestibule.saml.signature import SigningKey, sign_element
from vestibule.saml.times import write_instant
from vestibule.saml.xml import SAML, SAMLP, Element, build, serialise

_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """The contents of an AuthnRequest.

    It asks for no NameID format, because Okta fails if the format is not that of the application.
    """

    id: str
    entity_id: str
    acs_url: str
    destination: str
    force_authn: bool = False
    authn_context: str = ""
    """URI of an authentication context class; empty leaves it to the identity provider."""


def authn_request(asked: AuthnRequest, now: int) -> Element:
    """Returns the XML of an AuthnRequest."""
    content = [build(SAML, "Issuer", {}, asked.entity_id)]
    if asked.authn_context:
        wanted = build(SAML, "AuthnContextClassRef", {}, asked.authn_context)
        content.append(build(SAMLP, "RequestedAuthnContext", {"Comparison": "exact"}, [wanted]))
    return build(
        SAMLP,
        "AuthnRequest",
        {
            "ID": asked.id,
            "Version": "2.0",
            "IssueInstant": write_instant(now),
            "Destination": asked.destination,
            "AssertionConsumerServiceURL": asked.acs_url,
            "ProtocolBinding": _POST,
            "ForceAuthn": "true" if asked.force_authn else "",
        },
        content,
    )


def message(element: Element, key: SigningKey | None) -> bytes:
    """Returns the bytes of a message for HTTP-POST, signed if a key is given."""
    return serialise(sign_element(element, key, "Issuer") if key is not None else element)
