"""Reads the metadata of an identity provider (SAML 2.0 Metadata §2.4.3)."""

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
    """Returns the entity ID, URLs (HTTP-Redirect preferred to HTTP-POST) and signing certificates in metadata.

    Raises:
        SamlError: it is not the metadata of one identity provider, or is incomplete.
    """
    root = parse_xml(text.strip(), drop_comments=True)
    # An EntitiesDescriptor may contain others (SAML 2.0 Metadata §2.3.1).
    entities = list(root.iter(f"{_MD}EntityDescriptor"))
    described = [entity for entity in entities if entity.find(f"{_MD}IDPSSODescriptor") is not None]
    if len(described) != 1:
        raise SamlError("metadata with one IDPSSODescriptor", f"metadata with {len(described)}")
    entity = described[0]
    descriptor = entity.find(f"{_MD}IDPSSODescriptor")
    if descriptor is None or not (entity_id := uri_attribute(entity, "entityID")):
        raise SamlError("an entityID", "metadata without one")
    sso_url, sso_binding = _service(descriptor, "SingleSignOnService")
    check_sso_url(sso_url)
    slo_url, slo_binding = _service(descriptor, "SingleLogoutService")
    if slo_url:
        check_sso_url(slo_url)
    keys = [each for each in descriptor.findall(f"{_MD}KeyDescriptor") if each.get("use", "signing") == "signing"]
    texts = [text_of(found) for key in keys for found in key.iter(f"{_DS}X509Certificate")]
    certificates, weak = _certificates(texts)
    return SamlSettings(
        entity_id=entity_id,
        sso_url=sso_url,
        certificates=certificates,
        sso_binding=sso_binding,
        slo_url=slo_url,
        slo_binding=slo_binding,
        slo_response_url=_response_location(descriptor),
        weak_certificates=weak,
    )


def _certificates(texts: list[str]) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """Returns the signing certificates with strong keys, and a sentence about each one with a weak key.

    Raises:
        SamlError: there is no certificate, none is strong enough, or one cannot be read.
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
        raise SamlError("a signing certificate", "metadata without one")
    return tuple(dict.fromkeys(strong)), tuple(weak)


def _service(descriptor: Element, name: str) -> tuple[str, SamlBinding]:
    """Returns the URL and binding of a service, HTTP-Redirect if it has both; an empty URL if there is none."""
    found = {
        uri_attribute(each, "Binding"): uri_attribute(each, "Location") for each in descriptor.findall(f"{_MD}{name}")
    }
    for uri, binding in _BINDINGS.items():
        if location := found.get(uri):
            return location, binding
    return "", "redirect"


def _response_location(descriptor: Element) -> str:
    """Returns the ResponseLocation for logout responses (SAML 2.0 Metadata §2.2.2); empty if there is none."""
    found = descriptor.findall(f"{_MD}SingleLogoutService")
    url = next((url for each in found if (url := uri_attribute(each, "ResponseLocation"))), "")
    if url:
        check_sso_url(url)
    return url


def check_sso_url(url: str) -> None:
    """Check that a URL is one that a browser may be sent to.

    Raises:
        SamlError: it is not an http or https URL.
    """
    if not url.startswith(("https://", "http://")) or any(character.isspace() for character in url):
        raise SamlError("an SSO URL that begins with https://", f"'{url[:80]}'" if url else "none")
