"""Signing on: metadata, both flows, what is signed, encrypted and told, and who is let in."""

import base64
import datetime
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree
from tests.pocket_okta.running import Okta
from tests.pocket_okta.service_provider import ACS, AUDIENCE, NS, Provider, key_pair, x5c
from tests.pocket_okta.visitor import Form, Visitor

FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:"


@pytest.fixture
def sp(okta: Okta) -> Provider:
    """A service provider that is connected with nothing but its address and its name."""
    return Provider(okta.app("wizard")).connect()


@pytest.fixture
def visitor(okta: Okta) -> Iterator[Visitor]:
    with Visitor(okta.url) as browser:
        yield browser


@pytest.fixture
def ana(okta: Okta, sp: Provider) -> dict[str, Any]:
    person = okta.person("Ana", "Reis", title="Pilot")
    sp.app.assign(person)
    return person


def login_of(person: dict[str, Any]) -> str:
    return str(person["profile"]["login"])


def seconds_until(moment: str | None) -> float:
    assert moment
    return (datetime.datetime.fromisoformat(moment) - datetime.datetime.now(datetime.UTC)).total_seconds()


def test_metadata_is_what_okta_publishes(okta: Okta, sp: Provider) -> None:
    root = sp.metadata
    exk = sp.external_key
    assert exk.startswith("exk")
    assert len(exk) == 20
    assert root.get("entityID") == f"http://www.okta.com/{exk}"
    role = root.find("md:IDPSSODescriptor", NS)
    assert role.get("WantAuthnRequestsSigned") == "false"
    assert [it.tag.split("}")[1] for it in role] == [
        "KeyDescriptor", "NameIDFormat", "NameIDFormat", "SingleSignOnService", "SingleSignOnService",
    ]  # fmt: skip
    sso = f"{okta.url}app/custom/{exk}/sso/saml"
    assert sp.endpoint("SingleSignOnService", "HTTP-POST") == sso
    assert sp.endpoint("SingleSignOnService", "HTTP-Redirect") == sso
    (key,) = okta.call("GET", f"{sp.app.path}/credentials/keys")
    assert sp.certificates() == key["x5c"]
    assert 9.9 < seconds_until(key["expiresAt"]) / 86400 / 365.25 < 10.1
    assert sp.made["credentials"]["signing"] == {"kid": key["kid"]}
    again = okta.client.get(f"{sp.app.path}/sso/saml/metadata").content
    assert etree.tostring(etree.fromstring(again)) == etree.tostring(root)


def test_a_sign_in_that_the_application_began(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    request_id, request = sp.authn_request()
    sign_in = visitor.open(sp.redirect(sp.endpoint("SingleSignOnService", "HTTP-Redirect"), request, "a/b?c=d&e"))
    assert "Nobody has a password here" in sign_in.text
    assert f"Sign in to {sp.app.label}" in sign_in.text
    form = visitor.sign_in(login_of(ana), sign_in).form()
    assert form.action == ACS
    assert form.fields["RelayState"] == "a/b?c=d&e"
    read = sp.read(form.fields["SAMLResponse"])
    issuer = f"http://www.okta.com/{sp.external_key}"
    for root in (read.response, read.assertion):
        assert root.findtext("a:Issuer", namespaces=NS) == issuer
        assert root.find("a:Issuer", NS).get("Format").endswith("nameid-format:entity")
        assert abs(seconds_until(root.get("IssueInstant"))) < 30
    assert read.response.get("Destination") == ACS
    assert read.response.get("InResponseTo") == request_id
    assert read.response.find("p:Status/p:StatusCode", NS).get("Value").endswith(":Success")
    assert read.name_id == login_of(ana)
    assert read.get("a:Subject/a:NameID", "Format") == f"{FORMAT}unspecified"
    data = "a:Subject/a:SubjectConfirmation/a:SubjectConfirmationData"
    assert read.get("a:Subject/a:SubjectConfirmation", "Method") == "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    assert read.get(data, "Recipient") == ACS
    assert read.get(data, "InResponseTo") == request_id
    assert 270 < seconds_until(read.get(data, "NotOnOrAfter")) < 301
    assert 270 < seconds_until(read.get("a:Conditions", "NotOnOrAfter")) < 301
    assert -330 < seconds_until(read.get("a:Conditions", "NotBefore")) < -299
    assert read.text("a:Conditions/a:AudienceRestriction/a:Audience") == AUDIENCE
    assert read.text("a:AuthnStatement/a:AuthnContext/a:AuthnContextClassRef").endswith(":PasswordProtectedTransport")
    assert read.session_index.startswith("id")
    assert read.attributes == {}
    assert read.assertion.find("a:AttributeStatement", NS) is None


def test_a_sign_in_by_post(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    """A form from another site: the browser sends no cookie with it, and the sign-in finds its way all the same."""
    request_id, request = sp.authn_request()
    to = sp.endpoint("SingleSignOnService", "HTTP-POST")
    asked = Form(to, "POST", {"SAMLRequest": base64.b64encode(request).decode(), "RelayState": "there"})
    page = visitor.sign_in(login_of(ana), visitor.send(asked, ACS))
    form = page.form()
    assert form.fields["RelayState"] == "there"
    assert sp.read(form.fields["SAMLResponse"]).response.get("InResponseTo") == request_id
    assert "form-action http: https:" in page.headers["content-security-policy"]
    assert page.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert ">Continue</button>" in page.text
    request_id, request = sp.authn_request()
    asked = Form(to, "POST", {"SAMLRequest": base64.b64encode(request).decode()})
    again = visitor.send(asked, ACS).form()
    assert "RelayState" not in again.fields
    assert sp.read(again.fields["SAMLResponse"]).response.get("InResponseTo") == request_id


def test_a_tile_of_the_dashboard(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    home = visitor.sign_in(login_of(ana))
    assert home.url.endswith("/app/UserHome")
    tile = sp.made["_links"]["appLinks"][0]["href"]
    assert tile.removeprefix(visitor.okta) in home.text
    form = visitor.open(tile).form()
    assert form.action == ACS
    assert "RelayState" not in form.fields
    read = sp.read(form.fields["SAMLResponse"])
    assert read.response.get("InResponseTo") is None
    assert read.get("a:Subject/a:SubjectConfirmation/a:SubjectConfirmationData", "InResponseTo") is None
    sp.set(defaultRelayState="/home")
    form = visitor.open(tile).form()
    assert form.fields["RelayState"] == "/home"
    assert sp.read(form.fields["SAMLResponse"]).session_index == read.session_index


@pytest.mark.parametrize(
    ("response", "assertion", "encrypted", "told"), list(itertools.product([True, False], repeat=4))
)
def test_what_is_signed_and_encrypted_is_what_is_set(
    sp: Provider, visitor: Visitor, ana: dict[str, Any], response: bool, assertion: bool, encrypted: bool, told: bool
) -> None:
    statements = [{"name": "title", "values": ["user.title"]}] if told else []
    sp.set(
        responseSigned=response,
        assertionSigned=assertion,
        attributeStatements=statements,
        assertionEncryption={"enabled": encrypted, "x5c": [x5c(sp.certificate)]},
    )
    visitor.sign_in(login_of(ana))
    value = visitor.open(sp.made["_links"]["appLinks"][0]["href"]).form().fields["SAMLResponse"]
    assert (b"EncryptedAssertion" in base64.b64decode(value)) == encrypted
    assert (login_of(ana).encode() not in base64.b64decode(value)) == encrypted
    read = sp.read(value, response=response, assertion=assertion)
    assert read.name_id == login_of(ana)
    assert read.attributes == ({"title": ["Pilot"]} if told else {})
    for signature in read.response.iter(f"{{{NS['ds']}}}Signature"):
        algorithms = [it.get("Algorithm", "").rpartition("#")[2] for it in signature.iter() if it.get("Algorithm")]
        assert algorithms == ["", "rsa-sha256", "enveloped-signature", "", "sha256"]
        assert signature.findtext("ds:KeyInfo/ds:X509Data/ds:X509Certificate", namespaces=NS)


@pytest.mark.parametrize("algorithm", ["AES256_CBC", "AES128_CBC", "AES256_GCM", "AES128_GCM"])
def test_every_encryption(sp: Provider, visitor: Visitor, ana: dict[str, Any], algorithm: str) -> None:
    sp.set(
        assertionEncryption={"enabled": True, "encryptionAlgorithm": algorithm, "keyTransportAlgorithm": "RSA_OAEP"},
        spCertificate={"x5c": [x5c(sp.certificate)]},
    )
    visitor.sign_in(login_of(ana))
    value = visitor.open(sp.made["_links"]["appLinks"][0]["href"]).form().fields["SAMLResponse"]
    root = etree.fromstring(base64.b64decode(value))
    method = root.find("a:EncryptedAssertion/xenc:EncryptedData/xenc:EncryptionMethod", NS)
    assert method is not None
    assert str(method.get("Algorithm")).endswith("#" + algorithm.lower().replace("_", "-"))
    assert sp.read(value).name_id == login_of(ana)


def enter(sp: Provider, visitor: Visitor) -> Any:
    return sp.read(visitor.open(sp.made["_links"]["appLinks"][0]["href"]).form().fields["SAMLResponse"])


def test_attributes_and_groups(okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    group = okta.group(ana)
    name = okta.call("GET", f"/api/v1/groups/{group}")["profile"]["name"]
    other = okta.call("POST", "/api/v1/groups", {"profile": {"name": f"Other {name}"}})["id"]
    okta.call("PUT", f"/api/v1/groups/{other}/users/{ana['id']}")
    uri = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
    sp.set(
        attributeStatements=[
            {"type": "EXPRESSION", "name": "email", "namespace": uri, "values": ["user.email"]},
            {"name": "who", "values": ["user.firstName", "user.lastName", "user.nickName"]},
            {"name": "nothing", "values": ["user.nickName"]},
            {"name": "id", "values": ["user.id"]},
            {"name": "given", "values": ["appuser.givenName"]},
            {"name": "constant", "values": ['"<north>"']},
            {"type": "GROUP", "name": "starts", "filterType": "STARTS_WITH", "filterValue": "Crew"},
            {"type": "GROUP", "name": "equals", "filterType": "EQUALS", "filterValue": name},
            {"type": "GROUP", "name": "contains", "filterType": "CONTAINS", "filterValue": "Crew"},
            {"type": "GROUP", "name": "regex", "filterType": "REGEX", "filterValue": "Other .*"},
            {"type": "GROUP", "name": "none", "filterType": "EQUALS", "filterValue": "Crew"},
        ]
    )
    visitor.sign_in(login_of(ana))
    read = enter(sp, visitor)
    assert read.attributes == {
        "email": [login_of(ana)],
        "who": ["Ana", "Reis"],
        "id": [ana["id"]],
        "given": ["Ana"],
        "constant": ["<north>"],
        "starts": [name],
        "equals": [name],
        "contains": [name, f"Other {name}"],
        "regex": [f"Other {name}"],
    }
    formats = {it.get("Name"): it.get("NameFormat") for it in read.assertion.iter(f"{{{NS['a']}}}Attribute")}
    assert (formats["email"], formats["who"]) == (uri, uri.replace("uri", "unspecified"))
    values = list(read.assertion.iter(f"{{{NS['a']}}}AttributeValue"))
    xsi, xs = "http://www.w3.org/2001/XMLSchema-instance", "http://www.w3.org/2001/XMLSchema"
    assert {it.get(f"{{{xsi}}}type") for it in values} == {"xs:string"}
    assert {it.nsmap["xs"] for it in values} == {xs}


def test_what_xml_cannot_carry_is_left_out(okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    sp.set(attributeStatements=[{"name": "title", "values": ["user.title"]}, {"name": "\u0001", "values": ['"x"']}])
    okta.edit(ana, title="Pi\u0000l\u000bot <&> \U0001f680")
    visitor.sign_in(login_of(ana))
    assert enter(sp, visitor).attributes == {"title": ["Pilot <&> \U0001f680"], "": ["x"]}


@pytest.mark.parametrize(
    ("template", "name_format", "value"),
    [
        ("${user.userName}", "1.1:nameid-format:emailAddress", "{login}"),
        ("${user.email}", "2.0:nameid-format:persistent", "{email}"),
        ("${user.id}", "2.0:nameid-format:transient", "{id}"),
        ("${user.login}", "1.1:nameid-format:unspecified", "{login}"),
    ],
)
def test_the_name_id(
    okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any], template: str, name_format: str, value: str
) -> None:
    okta.edit(ana, email="somebody.else@north.example")
    urn = f"urn:oasis:names:tc:SAML:{name_format}"
    sp.set(subjectNameIdTemplate=template, subjectNameIdFormat=urn)
    visitor.sign_in(login_of(ana))
    read = enter(sp, visitor)
    assert read.get("a:Subject/a:NameID", "Format") == urn
    wanted = value.format(login=login_of(ana), email="somebody.else@north.example", id=ana["id"])
    assert read.name_id == wanted


def test_the_application_username_is_what_is_provisioned(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    sp.app.unassign(ana)
    sp.app.assign(ana, userName="ana.the.pilot")
    visitor.sign_in(login_of(ana))
    assert enter(sp, visitor).name_id == "ana.the.pilot"


def test_who_is_not_assigned_is_told_so(okta: Okta, sp: Provider, visitor: Visitor) -> None:
    noor = okta.person("Noor", "Haddad")
    visitor.sign_in(login_of(noor))
    tile = sp.made["_links"]["appLinks"][0]["href"]
    page = visitor.open(tile)
    assert page.status == 403
    assert f"You are not assigned to {sp.app.label}" in page.text
    assert "SAMLResponse" not in page.text
    sp.app.assign(noor)
    assert visitor.open(tile).form().action == ACS
    sp.app.unassign(noor)
    assert visitor.open(tile).status == 403


@pytest.mark.parametrize("act", ["deactivate", "suspend"])
def test_who_is_not_active_is_out_and_stays_out(
    okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any], act: str
) -> None:
    visitor.sign_in(login_of(ana))
    tile = sp.made["_links"]["appLinks"][0]["href"]
    assert visitor.open(tile).form().action == ACS
    okta.lifecycle(ana, act)
    assert visitor.open(tile).url.startswith(f"{okta.url}login?to=")
    refused = visitor.sign_in(login_of(ana))
    assert refused.status == 400
    assert "Unable to sign in" in refused.text
    okta.lifecycle(ana, "activate" if act == "deactivate" else "unsuspend")
    assert "/login" in visitor.open("/app/UserHome").url, "a session came back to life"


def test_clear_sessions(okta: Okta, visitor: Visitor) -> None:
    ana = okta.person("Ana")
    with Visitor(okta.url) as other:
        for browser in (visitor, other):
            browser.sign_in(login_of(ana))
            assert "My Apps" in browser.open("/app/UserHome").text
        okta.call("DELETE", f"/api/v1/users/{ana['id']}/sessions", status=204)
        for browser in (visitor, other):
            assert "/login" in browser.open("/app/UserHome").url
    okta.call("DELETE", "/api/v1/users/00uNobodyNobodyNobod/sessions", status=404)


def test_another_person_takes_the_browser_over(okta: Okta, visitor: Visitor) -> None:
    ana, noor = okta.person("Ana"), okta.person("Noor")
    visitor.sign_in(login_of(ana))
    old = visitor.client.cookies["pocket_okta_sid"]
    assert login_of(noor) in visitor.sign_in(login_of(noor)).text
    visitor.client.cookies.clear()
    visitor.client.cookies.set("pocket_okta_sid", old)
    assert "/login" in visitor.open("/app/UserHome").url


def test_force_authn(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    to = sp.endpoint("SingleSignOnService", "HTTP-Redirect")
    visitor.sign_in(login_of(ana))
    before = enter(sp, visitor).get("a:AuthnStatement", "AuthnInstant")
    asked = visitor.open(sp.redirect(to, sp.authn_request(ForceAuthn="true")[1]))
    assert "/login?to=" in asked.url
    read = sp.read(visitor.sign_in(login_of(ana), asked).form().fields["SAMLResponse"])
    after = read.get("a:AuthnStatement", "AuthnInstant")
    assert before
    assert after
    assert before < after
    sp.set(honorForceAuthn=False)
    assert visitor.open(sp.redirect(to, sp.authn_request(ForceAuthn="true")[1])).form().action == ACS


def test_is_passive(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    to = sp.endpoint("SingleSignOnService", "HTTP-Redirect")
    request_id, request = sp.authn_request(IsPassive="true")
    form = visitor.open(sp.redirect(to, request, "state")).form()
    root = sp.verified(etree.fromstring(base64.b64decode(form.fields["SAMLResponse"])))
    assert form.fields["RelayState"] == "state"
    assert root.get("InResponseTo") == request_id
    assert root.find("p:Status/p:StatusCode/p:StatusCode", NS).get("Value").endswith(":NoPassive")
    assert root.find("a:Assertion", NS) is None
    visitor.sign_in(login_of(ana))
    assert sp.read(visitor.open(sp.redirect(to, request)).form().fields["SAMLResponse"]).name_id == login_of(ana)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Issuer": "https://other.example"}, "Issuer: wanted the Audience URI"),
        ({"AssertionConsumerServiceURL": "https://evil.example/acs"}, "wanted the Single sign-on URL"),
        ({"Destination": "https://elsewhere.example/"}, "Destination: wanted"),
        ({"Version": "1.1"}, "wanted Version 2.0"),
        ({"ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"}, "ProtocolBinding: wanted"),
        ({"NameIDPolicy": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}, "NameIDPolicy"),
    ],
)
def test_a_request_that_disagrees_with_the_settings(
    sp: Provider, visitor: Visitor, ana: dict[str, Any], changes: dict[str, str], sentence: str
) -> None:
    visitor.sign_in(login_of(ana))
    to = sp.endpoint("SingleSignOnService", "HTTP-Redirect")
    page = visitor.open(sp.redirect(to, sp.authn_request(**changes)[1]))
    assert page.status == 400
    assert sentence in page.text
    assert "SAMLResponse" not in page.text


BAD = {
    "no base64": ("@@@", "wanted a message in base64"),
    "no xml": (base64.b64encode(b"hello").decode(), "wanted well-formed XML"),
    "a dtd": (
        base64.b64encode(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>').decode(),
        "document type declaration",
    ),
    "a comment": (base64.b64encode(b"<x><!-- --></x>").decode(), "without comments"),
    "another message": (base64.b64encode(b"<x/>").decode(), "wanted a SAML 2.0 AuthnRequest"),
    "too much": (base64.b64encode(b"<x>" + b"y" * 200_000 + b"</x>").decode(), "Too Large"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_message_that_is_none(sp: Provider, visitor: Visitor, name: str) -> None:
    value, sentence = BAD[name]
    page = visitor.send(Form(sp.endpoint("SingleSignOnService", "HTTP-POST"), "POST", {"SAMLRequest": value}), ACS)
    assert page.status in {400, 413}
    assert sentence in page.text


def test_a_message_that_grows(sp: Provider, visitor: Visitor) -> None:
    to = sp.endpoint("SingleSignOnService", "HTTP-Redirect")
    page = visitor.open(sp.redirect(to, b"<x>" + b" " * 3_000_000 + b"</x>"))
    assert "wanted XML of at most" in page.text


def test_further_addresses_can_be_asked_for(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    other = "https://app.north.example/saml/acs2"
    sp.set(acsEndpoints=[{"url": other, "index": 1}])
    visitor.sign_in(login_of(ana))
    to = sp.endpoint("SingleSignOnService", "HTTP-Redirect")
    form = visitor.open(sp.redirect(to, sp.authn_request(AssertionConsumerServiceURL=other)[1])).form()
    read = sp.read(form.fields["SAMLResponse"])
    recipient = read.get("a:Subject/a:SubjectConfirmation/a:SubjectConfirmationData", "Recipient")
    assert form.action == read.response.get("Destination") == recipient == other
    assert enter(sp, visitor).response.get("Destination") == ACS


def test_a_recipient_and_a_destination_of_their_own(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    sp.set(recipient="https://r.north.example/", destination="https://d.north.example/")
    visitor.sign_in(login_of(ana))
    read = enter(sp, visitor)
    assert read.response.get("Destination") == "https://d.north.example/"
    data = "a:Subject/a:SubjectConfirmation/a:SubjectConfirmationData"
    assert read.get(data, "Recipient") == "https://r.north.example/"


def test_requests_are_validated_where_that_is_set(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    stranger, _ = key_pair()
    sp.set(spCertificate={"x5c": [x5c(sp.certificate)]}, samlSignedRequestEnabled=True)
    assert sp.metadata.find("md:IDPSSODescriptor", NS).get("WantAuthnRequestsSigned") == "true"
    visitor.sign_in(login_of(ana))
    to = sp.endpoint("SingleSignOnService", "HTTP-Redirect")
    request = sp.authn_request()[1]
    assert visitor.open(sp.redirect(to, request, "state", sign=True)).form().action == ACS
    assert "SigAlg and Signature are missing" in visitor.open(sp.redirect(to, request)).text
    moved = sp.redirect(to, request, "state", sign=True).replace("RelayState=state", "RelayState=other")
    assert "the signature is not" in visitor.open(moved).text
    twice = sp.redirect(to, request, sign=True) + "&SigAlg=x"
    assert "got it twice" in visitor.open(twice).text
    weak = sp.redirect(to, request, sign=True).replace("xmldsig-more%23rsa-sha256", "xmldsig%23rsa-sha1")
    assert "RSA with SHA-256 or better" in visitor.open(weak).text

    def posted(message: bytes) -> Form:
        return Form(to, "POST", {"SAMLRequest": base64.b64encode(message).decode()})

    assert visitor.send(posted(sp.signed(request)), ACS).form().action == ACS
    for bad in (request, sp.signed(request, stranger), sp.signed(request).replace(b'Version="2.0"', b'Version="2.1"')):
        page = visitor.send(posted(bad), ACS)
        assert page.status == 400
        assert "wanted a message signed with the certificate under Signature Certificate" in page.text


def test_an_application_without_settings_says_what_it_wants(okta: Okta, visitor: Visitor) -> None:
    app = okta.app()
    ana = okta.person("Ana")
    app.assign(ana)
    home = visitor.sign_in(login_of(ana))
    assert "Sign-on is not set up" in home.text
    page = visitor.open(okta.call("GET", app.path)["_links"]["appLinks"][0]["href"])
    assert page.status == 400
    assert "wants a Single sign-on URL and an Audience URI" in page.text


def test_what_is_not_there(visitor: Visitor) -> None:
    for path in (
        "/app/exkNobodyNobodyNobod/sso/saml/metadata",
        "/app/nobody/sso/saml/metadata",
        "/app/custom/exkNobodyNobodyNobod/sso/saml",
        "/login/signout/nothing",
    ):
        assert visitor.open(path).status == 404, path
    assert "Begin again at the application" in visitor.open("/login/continue/nothing").text


def test_roll_over(okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    (first,) = okta.call("GET", f"{sp.app.path}/credentials/keys")
    visitor.sign_in(login_of(ana))
    enter(sp, visitor)
    second = okta.call("POST", f"{sp.app.path}/credentials/keys/generate?validityYears=2", status=201)
    assert 1.9 < seconds_until(second["expiresAt"]) / 86400 / 365.25 < 2.1
    assert sp.certificates() == first["x5c"]
    enter(sp, visitor)
    saved = okta.call("PUT", sp.app.path, {"credentials": {"signing": {"kid": second["kid"]}}})
    assert saved["credentials"]["signing"]["kid"] == second["kid"]
    assert sp.certificates() == second["x5c"]
    enter(sp, visitor)
    listed = okta.call("GET", f"{sp.app.path}/credentials/keys")
    assert [(it["kid"], it["pocket"]["active"]) for it in listed] == [(first["kid"], False), (second["kid"], True)]
    okta.call("PUT", sp.app.path, {"settings": {"pocket": {"publishAllCertificates": True}}})
    assert sp.certificates() == first["x5c"] + second["x5c"]
    old = etree.fromstring(okta.client.get(f"{sp.app.path}/sso/saml/metadata?kid={first['kid']}").content)
    assert "".join(str(old.findtext(".//ds:X509Certificate", namespaces=NS)).split()) == first["x5c"][0]
    assert okta.call("GET", f"{sp.app.path}/credentials/keys/{first['kid']}")["kid"] == first["kid"]
    okta.call("GET", f"{sp.app.path}/credentials/keys/nobody", status=404)
    okta.call("GET", f"{sp.app.path}/sso/saml/metadata?kid=nobody", status=404)
    okta.call("PUT", sp.app.path, {"credentials": {"signing": {"kid": "nobody"}}}, status=404)
    okta.call("POST", f"{sp.app.path}/credentials/keys/generate?validityYears=1", status=400)
