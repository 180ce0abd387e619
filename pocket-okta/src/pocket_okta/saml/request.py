"""AuthnRequests: what an application asks for, read and held against its settings.

The rule: an answer goes to an address of the settings and never to one that only the request names. A request is
refused with a sentence for the administrator, as Okta's own error page has one.
"""

from dataclasses import dataclass

from pocket_okta.saml import names, signing, xml
from pocket_okta.saml.bindings import read_post, read_redirect
from pocket_okta.saml.xml import BadXml, Element
from pocket_okta.sign_on import SignOn


class BadRequest(ValueError):
    """A message that is not taken; the sentence says what was wanted and what came."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A received message. `raw_query` is the undecoded query of a redirect, blank for a form."""

    parameter: str  # SAMLRequest or SAMLResponse
    value: str
    relay_state: str
    raw_query: str = ""

    def open(self, certificates: tuple[str, ...], *, signed: bool) -> Element:
        """Return the message; with `signed`, only what is signed with one of the certificates. Raises BadRequest."""
        try:
            root = read_redirect(self.value) if self.raw_query else read_post(self.value)
            if not signed:
                return root
            if self.raw_query:
                signing.verify_query(self.raw_query, self.parameter, certificates)
                return root
            return signing.verified(root, certificates)
        except (BadXml, signing.BadSignature) as problem:
            raise BadRequest(f"{self.parameter}: {problem}.") from None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an application wants. Without an id nobody asked: the person pressed a tile."""

    request_id: str = ""
    acs_url: str = ""  # blank: the application's own
    relay_state: str = ""
    force: bool = False
    passive: bool = False


def read_authn(incoming: Incoming, settings: SignOn, addresses: tuple[str, ...]) -> Asked:
    """Return what an AuthnRequest asks; raises BadRequest. `addresses` are where such a request may be sent to."""
    root = incoming.open(settings.sp_certificates, signed=settings.requests_signed)
    request_id = require(root, "AuthnRequest", addresses)
    issuer = xml.text_of(xml.child(root, names.SAML, "Issuer"))
    if issuer != settings.audience:
        raise BadRequest(
            f"Issuer: wanted the Audience URI (SP Entity ID) of the application's Sign On tab, {settings.audience!r}; "
            f"got {issuer!r}."
        )
    acs_url = root.get("AssertionConsumerServiceURL", "")
    if acs_url and acs_url not in {settings.acs_url, *settings.other_acs_urls}:
        raise BadRequest(
            "AssertionConsumerServiceURL: wanted the Single sign-on URL of the application's Sign On tab, "
            f"{settings.acs_url!r}; got {acs_url!r}."
        )
    binding = root.get("ProtocolBinding", names.POST)
    if binding != names.POST:
        raise BadRequest(f"ProtocolBinding: wanted {names.POST!r}, got {binding!r}.")
    policy = xml.child(root, names.SAMLP, "NameIDPolicy")
    wanted = policy.get("Format", "") if policy is not None else ""
    if wanted and wanted != settings.name_id_format and not wanted.endswith(":unspecified"):
        raise BadRequest(
            f"NameIDPolicy: the Name ID format of the application's Sign On tab is {settings.name_id_format!r}; "
            f"the request wants {wanted!r}."
        )
    return Asked(
        request_id,
        acs_url or settings.acs_url,
        incoming.relay_state,
        force=settings.honor_force_authn and _true(root, "ForceAuthn"),
        passive=_true(root, "IsPassive"),
    )


def require(root: Element, name: str, addresses: tuple[str, ...]) -> str:
    """Return the ID of a message of this name, made for one of these addresses; raises BadRequest."""
    if not xml.is_named(root, names.SAMLP, name):
        raise BadRequest(f"wanted a SAML 2.0 {name}, got {str(root.tag)!r}.")
    message_id = root.get("ID", "")
    if root.get("Version") != "2.0" or not message_id:
        raise BadRequest(f"{name}: wanted Version 2.0 and an ID.")
    destination = root.get("Destination", "")
    if destination and destination not in addresses:
        raise BadRequest(f"Destination: wanted {addresses[0]!r}, got {destination!r}.")
    return message_id


def _true(root: Element, name: str) -> bool:
    return root.get(name, "false") in {"true", "1"}
