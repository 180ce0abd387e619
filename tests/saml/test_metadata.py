"""Metadata and certificates: what an administrator pastes is read patiently, weak keys and strange roots are not."""

import pytest

from tests.saml.factory import DS, IDP
from tests.saml.keys import NOW, Pair, pair
from vestibule.model import SamlSettings
from vestibule.saml.certificate import read_certificates
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import check_sso_url, read_metadata
from vestibule.saml.service_provider import ServiceProvider, make_signing_key, service_provider_metadata
from vestibule.saml.signature import SigningKey, sign_element, verify_element
from vestibule.saml.xml import MD, build, parse_xml

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
SSO = "https://north.okta.example/app/exk9abc/sso/saml"


def _key(owner: Pair, use: str = ' use="signing"', *, wrapped: bool = False) -> str:
    body = "\n   ".join(owner.pem.splitlines()[1:-1]) if wrapped else owner.body
    data = f"<ds:X509Data><ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data>"
    return f'<md:KeyDescriptor{use}><ds:KeyInfo xmlns:ds="{DS}">{data}</ds:KeyInfo></md:KeyDescriptor>'


def _service(binding: str, url: str) -> str:
    return f'<md:SingleSignOnService Binding="{binding}" Location="{url}"/>'


def _entity(
    keys: str | None = None,
    services: str = _service(POST, f"{SSO}/post") + _service(REDIRECT, SSO),
    entity: str = f'entityID="{IDP}"',
    role: str = "IDPSSODescriptor",
) -> str:
    inner = (_key(pair()) if keys is None else keys) + services
    return f'<md:EntityDescriptor xmlns:md="{MD}" {entity}><md:{role}>{inner}</md:{role}></md:EntityDescriptor>'


def _read(text: str) -> SamlSettings:
    return read_metadata(text.encode())


def test_metadata_of_an_identity_provider_is_read() -> None:
    assert _read(_entity()) == SamlSettings(IDP, SSO, (pair().pinned,))
    declared = f'\n<?xml version="1.0" encoding="UTF-8"?><!-- Okta -->{_entity()}<!-- end -->\n'
    assert _read(declared) == _read(_entity())
    assert read_metadata(_entity().encode("utf-16")) == _read(_entity())
    others = _entity(role="SPSSODescriptor").replace(IDP, "https://sp.south.example")
    assert _read(f'<md:EntitiesDescriptor xmlns:md="{MD}">{others}{_entity()}</md:EntitiesDescriptor>').entity_id == IDP


def test_the_redirect_binding_is_taken_before_the_other() -> None:
    assert _read(_entity(services=_service(POST, f"{SSO}/post"))).sso_url == f"{SSO}/post"
    assert _read(_entity(services=_service("urn:soap", "https://x") + _service(REDIRECT, SSO))).sso_url == SSO


def test_every_signing_certificate_is_read_once_and_no_other() -> None:
    keys = _key(pair("old"), wrapped=True) + _key(pair("new"), "") + _key(pair("old"))
    keys += _key(pair("foreign"), ' use="encryption"')
    assert _read(_entity(keys)).certificates == (pair("old").pinned, pair("new").pinned)


def test_a_weak_certificate_beside_a_good_one_is_left_out_and_told() -> None:
    read = _read(_entity(_key(pair("weak", "rsa-1024")) + _key(pair("new"))))
    assert read.certificates == (pair("new").pinned,)
    assert read.weak_certificates == ("Expected a key of 2048 bits or more; got an RSA key of 1024 bits.",)


def test_an_entity_may_stand_within_several_groups_of_entities() -> None:
    group = f'<md:EntitiesDescriptor xmlns:md="{MD}">'
    nested = f"{group}{_entity(role='SPSSODescriptor')}{group}{_entity()}" + "</md:EntitiesDescriptor>" * 2
    assert _read(nested) == _read(_entity())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "a well-formed XML document"),
        ("<html><body>Sign in</body></html>", "Expected metadata with one IDPSSODescriptor; got metadata with 0"),
        (_entity(role="SPSSODescriptor"), "Expected metadata with one IDPSSODescriptor; got metadata with 0"),
        (
            f'<md:EntitiesDescriptor xmlns:md="{MD}">{_entity() * 2}</md:EntitiesDescriptor>',
            "Expected metadata with one IDPSSODescriptor; got metadata with 2",
        ),
        (_entity(entity=""), "an entityID"),
        (_entity(entity='entityID=" "'), "an entityID"),
        (_entity(services=""), "Expected an SSO URL that begins with https://; got none"),
        (_entity(services=_service(REDIRECT, "javascript:alert(1)")), "; got 'javascript:alert(1)'"),
        (_entity(keys=""), "a signing certificate"),
        (_entity(keys=_key(pair(), ' use="encryption"')), "a signing certificate"),
        (_entity(keys=_key(pair("weak", "rsa-1024"))), "key of 2048 bits or more; got an RSA key of 1024 bits"),
        (_entity(keys=_key(pair()).replace(pair().body, "nothing!")), "a certificate in PEM or base64"),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + _entity(entity='entityID="&x;"'),
            "XML without a DTD",
        ),
        (_entity() + " " * (1 << 20), "XML of at most 1,048,576 bytes"),
    ],
)
def test_other_metadata_is_refused(text: str, wanted: str) -> None:
    with pytest.raises(SamlError) as refusal:
        read_metadata(text.encode() if not text.endswith(" ") else text.encode() + b"<")
    assert wanted in str(refusal.value)


def test_a_document_type_in_utf_16_is_refused() -> None:
    with pytest.raises(SamlError, match="Expected XML without a DTD; got a DOCTYPE"):
        read_metadata(("<!DOCTYPE a>" + _entity()).encode("utf-16"))


@pytest.mark.parametrize("url", ["", "ftp://x", "https//x", "https://a b", "https://a\n", "x" * 100])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SamlError) as refusal:
        check_sso_url(url)
    assert refusal.value.came == (f"'{url[:80]}'" if url else "none")
    check_sso_url("http://idp.north.example/sso")


def test_certificates_are_read_from_pem_and_base64() -> None:
    old, new = pair("old"), pair("elliptic", "p256")
    assert read_certificates(f"first\n{old.pem}\n{new.pem}{old.pem}") == (old.pinned, new.pinned)
    assert read_certificates(f" {old.body[:9]}\n {old.body[9:]} ") == (old.pinned,)
    for text, wanted in {
        " \n": "Expected a certificate in PEM; got nothing",
        "x": "a certificate in PEM or base64",
        old.private_pem.decode(): "a certificate in PEM or base64",
        pair("weak", "p192").pem: "an RSA key, or an elliptic curve key on P-256 or larger",
    }.items():
        with pytest.raises(SamlError, match=wanted):
            read_certificates(text)


# -- ours --------------------------------------------------------------------------------------------------------------


def test_our_metadata_names_our_addresses_and_every_key_for_both_uses() -> None:
    here = ServiceProvider("https://vestibule.example/saml/north/okta")
    root = parse_xml(service_provider_metadata(here, [pair("sp").pem, pair("sp-2").pem], signs=True))
    space = {"md": MD, "ds": DS}
    assert root.get("entityID") == here.entity_id == here.base
    descriptor = root.find("md:SPSSODescriptor", space)
    assert descriptor is not None
    assert (descriptor.get("AuthnRequestsSigned"), descriptor.get("WantAssertionsSigned")) == ("true", "true")
    told = [
        (key.get("use"), key.findtext(".//ds:X509Certificate", namespaces=space))
        for key in descriptor.findall("md:KeyDescriptor", space)
    ]
    assert told == [(use, one.body) for one in (pair("sp"), pair("sp-2")) for use in ("signing", "encryption")]
    places = [(each.get("Binding"), each.get("Location")) for each in descriptor if each.get("Location")]
    assert places == [(REDIRECT, here.logout_url), (POST, here.logout_url), (POST, here.acs_url)]
    assert {here.acs_url, here.metadata_url, here.login_url, here.logout_url, here.revocation_url} == {
        f"{here.base}/{end}" for end in ("acs", "metadata", "login", "logout", "global-token-revocation")
    }
    assert b'AuthnRequestsSigned="false"' in service_provider_metadata(here, [], signs=False)


def test_a_fresh_key_signs_what_its_certificate_verifies() -> None:
    made = make_signing_key("x" * 100, NOW)
    assert isinstance(made, SigningKey)
    (certificate,) = read_certificates(made.certificate)
    assert certificate.subject == f"CN={'x' * 64}"
    assert certificate.not_before <= NOW < certificate.not_after
    element = build(MD, "EntityDescriptor", {"ID": "_1"}, [build(MD, "Organization", {})])
    signed = verify_element(sign_element(element, made, "Organization"), [certificate])
    assert signed.element.get("ID") == "_1"
