"""Metadata: the identity provider's own, written; an application's, read.

The rule: what is written is what Okta writes (wire facts 7.1); what is read is looked up and nothing else of it used.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pocket_okta.saml import keys, names, xml
from pocket_okta.saml.xml import BadXml, Element
from pocket_okta.sign_on import NAME_ID_FORMATS, Participation, SignOn, SingleLogout


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an application's messages go. `base` is the org's address and ends in a slash."""

    base: str
    app_name: str
    external_key: str

    @property
    def issuer(self) -> str:
        return issuer_of(self.external_key)

    @property
    def metadata(self) -> str:
        return f"{self.base}app/{self.external_key}/sso/saml/metadata"

    @property
    def sso(self) -> str:
        return f"{self.base}app/{self.app_name}/{self.external_key}/sso/saml"

    @property
    def slo(self) -> str:
        return f"{self.base}app/{self.app_name}/{self.external_key}/slo/saml"


def issuer_of(external_key: str) -> str:
    """Return the entity id of an application's identity provider: http, per app, and no address to fetch."""
    return f"http://www.okta.com/{external_key}"


def write(ends: Endpoints, certificates: Iterable[str], *, logout: bool, requests_signed: bool) -> bytes:
    """Return the identity provider's metadata. The certificates are in PEM."""
    root = xml.make(names.MD, "EntityDescriptor", "md", entityID=ends.issuer)
    role = xml.add(
        root,
        names.MD,
        "IDPSSODescriptor",
        WantAuthnRequestsSigned="true" if requests_signed else "false",
        protocolSupportEnumeration=names.SAMLP,
    )
    for certificate in certificates:
        descriptor = xml.add(role, names.MD, "KeyDescriptor", use="signing")
        info = xml.make(names.DS, "KeyInfo", "ds")
        descriptor.append(info)
        data = xml.add(info, names.DS, "X509Data")
        xml.add(data, names.DS, "X509Certificate", _wrapped(keys.body_of(certificate)))
    if logout:
        for binding in (names.POST, names.REDIRECT):
            xml.add(role, names.MD, "SingleLogoutService", Binding=binding, Location=ends.slo)
    for name in ("Unspecified", "EmailAddress"):
        xml.add(role, names.MD, "NameIDFormat", NAME_ID_FORMATS[name])
    for binding in (names.POST, names.REDIRECT):
        xml.add(role, names.MD, "SingleSignOnService", Binding=binding, Location=ends.sso)
    return b'<?xml version="1.0" encoding="UTF-8"?>' + xml.serialize(root)


def _wrapped(body: str) -> str:
    """Break base64 into lines, as Okta does; a reader must strip the white space."""
    return "\n".join(body[start : start + 76] for start in range(0, len(body), 76))


def read_sp(document: bytes, current: SignOn) -> SignOn:
    """Return the settings with everything an application's metadata says; raises BadXml or BadCertificate.

    Single logout is switched on where the metadata offers it with a certificate. Encryption is not: whether the
    application wants it, metadata does not say.
    """
    entity = _entity(xml.parse(document))
    role = xml.child(entity, names.MD, "SPSSODescriptor")
    if role is None:
        raise BadXml("wanted metadata of a service provider: it has no SPSSODescriptor")
    audience = entity.get("entityID", "")
    services = [
        service
        for service in xml.children(role, names.MD, "AssertionConsumerService")
        if service.get("Binding") == names.POST and service.get("Location")
    ]
    if not audience or not services:
        raise BadXml("wanted an entityID and an AssertionConsumerService with the HTTP-POST binding")
    services.sort(key=lambda service: service.get("isDefault") not in {"true", "1"})
    addresses = [service.get("Location", "") for service in services]
    signing, encryption = _certificates(role, "signing"), _certificates(role, "encryption")
    logout, binding = _logout(role)
    formats = [xml.text_of(found) for found in xml.children(role, names.MD, "NameIDFormat")]
    known = [name for name in formats if name in NAME_ID_FORMATS.values()]
    usable = bool(logout and signing)
    return replace(
        current,
        acs_url=addresses[0],
        audience=audience,
        recipient="",
        destination="",
        other_acs_urls=tuple(dict.fromkeys(address for address in addresses[1:] if address != addresses[0])),
        name_id_format=known[0] if known else current.name_id_format,
        sp_certificates=signing or current.sp_certificates,
        requests_signed=bool(signing) and role.get("AuthnRequestsSigned") in {"true", "1"},
        encryption=replace(
            current.encryption, certificate=encryption[0] if encryption else current.encryption.certificate
        ),
        slo=SingleLogout(usable, logout, audience) if logout else current.slo,
        participation=Participation(usable, logout, binding) if logout else current.participation,
    )


def _entity(root: Element) -> Element:
    if xml.is_named(root, names.MD, "EntityDescriptor"):
        return root
    inside = xml.children(root, names.MD, "EntityDescriptor")
    if len(inside) != 1:
        raise BadXml("wanted SAML metadata with one EntityDescriptor")
    return inside[0]


def _certificates(role: Element, use: str) -> tuple[str, ...]:
    found: list[str] = []
    for descriptor in xml.children(role, names.MD, "KeyDescriptor"):
        if descriptor.get("use", use) == use:
            for certificate in descriptor.iter(f"{{{names.DS}}}X509Certificate"):
                found += keys.read_certificates(certificate.text or "")
    return tuple(dict.fromkeys(found))


def _logout(role: Element) -> tuple[str, str]:
    """Return where and how the application takes logout messages: POST if it can, blank if it takes none."""
    places = {
        service.get("Binding"): service.get("Location", "")
        for service in xml.children(role, names.MD, "SingleLogoutService")
    }
    if post := places.get(names.POST):
        return post, "POST"
    return places.get(names.REDIRECT, ""), "REDIRECT"
