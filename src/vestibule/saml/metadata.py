"""Metadata of an identity provider (SAML 2.0 Metadata §2.4.3): what of it a service provider needs."""

from typing import Final

from vestibule.model import Certificate, SamlBinding, SamlSettings
from vestibule.saml.certificate import WeakCertificate, read_certificates
from vestibule.saml.errors import SamlError
from vestibule.saml.xml import Element, parse_xml, text_of, uri_attribute

_MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_BINDINGS: Final[dict[str, SamlBinding]] = {
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect": "redirect",
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST": "post",
}


def read_metadata(text: bytes) -> SamlSettings:
    """Entity id, SSO URL (HTTP-Redirect before HTTP-POST) and signing certificates.

    Raises:
        SamlError: not the metadata of one identity provider, or something in it is missing.
    """
    root = parse_xml(text.strip(), drop_comments=True)
    # EntitiesDescriptor may stand within EntitiesDescriptor (SAML 2.0 Metadata §2.3.1).
    entities = list(root.iter(f"{_MD}EntityDescriptor"))
    described = [entity for entity in entities if entity.find(f"{_MD}IDPSSODescriptor") is not None]
    if len(described) != 1:
        raise SamlError("Metadata with one IDPSSODescriptor is wanted", f"metadata with {len(described)}")
    entity = described[0]
    descriptor = entity.find(f"{_MD}IDPSSODescriptor")
    if descriptor is None or not (entity_id := uri_attribute(entity, "entityID")):
        raise SamlError("An entityID is wanted", "metadata without one")
    sso_url, sso_binding = _service(descriptor, "SingleSignOnService")
    check_sso_url(sso_url)
    slo_url, slo_binding = _service(descriptor, "SingleLogoutService")
    if slo_url:
        check_sso_url(slo_url)
    keys = [each for each in descriptor.findall(f"{_MD}KeyDescriptor") if each.get("use", "signing") == "signing"]
    texts = [text_of(found) for key in keys for found in key.iter(f"{_DS}X509Certificate")]
    certificates, weak = _certificates(texts)
    return SamlSettings(
        entity_id,
        sso_url,
        certificates,
        sso_binding,
        slo_url,
        slo_binding,
        _response_location(descriptor),
        weak_certificates=weak,
    )


def _certificates(texts: list[str]) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """The signing certificates that are strong enough, and a sentence about each one that is not.

    Raises:
        SamlError: there is no certificate, none that is strong enough, or a text that is none.
    """
    strong: list[Certificate] = []
    weak: dict[str, WeakCertificate] = {}
    for text in texts:
        try:
            strong += read_certificates(text)
        except WeakCertificate as error:
            weak[str(error)] = error
    if not strong and weak:
        raise next(iter(weak.values()))
    if not strong:
        raise SamlError("A signing certificate is wanted", "metadata without one")
    return tuple(dict.fromkeys(strong)), tuple(weak)


def _service(descriptor: Element, name: str) -> tuple[str, SamlBinding]:
    """Where a service is, and by which binding: HTTP-Redirect before HTTP-POST."""
    found = {
        uri_attribute(each, "Binding"): uri_attribute(each, "Location") for each in descriptor.findall(f"{_MD}{name}")
    }
    for uri, binding in _BINDINGS.items():
        if location := found.get(uri):
            return location, binding
    return "", "redirect"


def _response_location(descriptor: Element) -> str:
    """Where answers to a logout request go, if that is another place than requests do (SAML 2.0 Metadata §2.2.2)."""
    found = descriptor.findall(f"{_MD}SingleLogoutService")
    url = next((url for each in found if (url := uri_attribute(each, "ResponseLocation"))), "")
    if url:
        check_sso_url(url)
    return url


def check_sso_url(url: str) -> None:
    """Refuse what a browser should not be sent to.

    Raises:
        SamlError: not an http or https URL.
    """
    if not url.startswith(("https://", "http://")) or any(character.isspace() for character in url):
        raise SamlError("An SSO URL that begins with https:// is wanted", f"'{url[:80]}'" if url else "none")
