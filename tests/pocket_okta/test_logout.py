"""Out again: single logout both ways, and Universal Logout."""

import base64
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zlib import decompress

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from tests.pocket_okta.revocation_endpoint import Endpoint
from tests.pocket_okta.running import Okta
from tests.pocket_okta.service_provider import ACS, AUDIENCE, NS, SLO, SUCCESS, Provider, Read, key_pair, x5c
from tests.pocket_okta.visitor import Form, Page, Visitor


def joined(okta: Okta, audience: str = AUDIENCE, slo: str = SLO, binding: str = "POST") -> Provider:
    """A service provider that takes part in single logout, both ways."""
    sp = Provider(okta.app("wizard"), audience=audience)
    return sp.connect(
        spCertificate={"x5c": [x5c(sp.certificate)]},
        slo={"enabled": True, "issuer": audience, "logoutUrl": slo},
        participateSlo={"enabled": True, "logoutRequestUrl": slo, "bindingType": binding, "sessionIndexRequired": True},
    )


@pytest.fixture
def sp(okta: Okta) -> Provider:
    return joined(okta)


@pytest.fixture
def visitor(okta: Okta) -> Iterator[Visitor]:
    with Visitor(okta.url) as browser:
        yield browser


@pytest.fixture
def ana(okta: Okta, sp: Provider) -> dict[str, Any]:
    person = okta.person("Ana", "Reis")
    sp.app.assign(person)
    return person


def login_of(person: dict[str, Any]) -> str:
    return str(person["profile"]["login"])


def enter(sp: Provider, visitor: Visitor) -> Read:
    return sp.read(visitor.open(sp.made["_links"]["appLinks"][0]["href"]).form().fields["SAMLResponse"])


def is_in(visitor: Visitor) -> bool:
    return visitor.open("/app/UserHome").url.endswith("/app/UserHome")


def message_in(sp: Provider, form: Form, parameter: str) -> Any:
    """Return a signed message of a form, verified against the metadata."""
    return sp.verified(etree.fromstring(base64.b64decode(form.fields[parameter])))


def test_metadata_has_logout_only_when_it_is_on(sp: Provider) -> None:
    assert sp.endpoint("SingleLogoutService", "HTTP-POST").endswith(f"/{sp.external_key}/slo/saml")
    assert sp.endpoint("SingleLogoutService", "HTTP-Redirect").endswith(f"/{sp.external_key}/slo/saml")
    off = {"enabled": False}
    sp.set(slo=off, participateSlo=off)
    assert sp.metadata.find(".//md:SingleLogoutService", NS) is None


@pytest.mark.parametrize("binding", ["HTTP-POST", "HTTP-Redirect"])
@pytest.mark.parametrize("named", [True, False])
def test_a_logout_that_the_application_began(
    sp: Provider, visitor: Visitor, ana: dict[str, Any], binding: str, named: bool
) -> None:
    visitor.sign_in(login_of(ana))
    read = enter(sp, visitor)
    to = sp.endpoint("SingleLogoutService", binding)
    request_id, request = sp.logout_request(read.name_id, read.session_index if named else "", Destination=to)
    assert is_in(visitor)
    with Visitor(visitor.okta) as cookieless:  # a form from another site comes without the cookie
        if binding == "HTTP-POST":
            message = base64.b64encode(sp.signed(request)).decode()
            form = Form(to, "POST", {"SAMLRequest": message, "RelayState": "bye"})
            page = cookieless.send(form, ACS)
        else:
            page = cookieless.open(sp.redirect(to, request, "bye", sign=True))
    answer = page.form()
    assert answer.action == SLO
    assert answer.fields["RelayState"] == "bye"
    root = message_in(sp, answer, "SAMLResponse")
    assert etree.QName(root).localname == "LogoutResponse"
    assert root.get("InResponseTo") == request_id
    assert root.get("Destination") == SLO
    assert root.findtext("a:Issuer", namespaces=NS) == f"http://www.okta.com/{sp.external_key}"
    assert root.find("p:Status/p:StatusCode", NS).get("Value") == SUCCESS
    assert not is_in(visitor)


def test_a_logout_of_a_session_that_is_over_went_well(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    visitor.sign_in(login_of(ana))
    read = enter(sp, visitor)
    visitor.sign_out()
    to = sp.endpoint("SingleLogoutService", "HTTP-Redirect")
    page = visitor.open(sp.redirect(to, sp.logout_request(read.name_id, read.session_index)[1], sign=True))
    root = message_in(sp, page.form(), "SAMLResponse")
    assert root.find("p:Status/p:StatusCode", NS).get("Value") == SUCCESS


def test_a_logout_of_another_session_ends_nothing(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    visitor.sign_in(login_of(ana))
    read = enter(sp, visitor)
    to = sp.endpoint("SingleLogoutService", "HTTP-Redirect")
    page = visitor.open(sp.redirect(to, sp.logout_request(read.name_id, "idOfNobody")[1], sign=True))
    root = message_in(sp, page.form(), "SAMLResponse")
    assert root.find("p:Status/p:StatusCode/p:StatusCode", NS).get("Value").endswith(":UnknownPrincipal")
    assert enter(sp, visitor).session_index == read.session_index


def bad_logouts(sp: Provider, read: Read) -> dict[str, str]:
    """Return what must be refused: name -> address of a redirect."""
    to = sp.endpoint("SingleLogoutService", "HTTP-Redirect")
    good = sp.logout_request(read.name_id, read.session_index)[1]
    stranger = Provider(sp.app, key=key_pair()[0])
    return {
        "SigAlg and Signature are missing": sp.redirect(to, good),
        "the signature is not": stranger.redirect(to, good, sign=True),
        "wanted the SP Issuer": sp.redirect(
            to, sp.logout_request(read.name_id, Issuer="https://x.example")[1], sign=True
        ),
        "has not expired": sp.redirect(
            to, sp.logout_request(read.name_id, NotOnOrAfter="2020-01-01T00:00:00Z")[1], sign=True
        ),
        "Destination: wanted": sp.redirect(
            to, sp.logout_request(read.name_id, Destination="https://x.example/")[1], sign=True
        ),
        "wanted a NameID": sp.redirect(to, sp.logout_request("")[1], sign=True),
        "wanted a SAML 2.0 LogoutRequest": sp.redirect(to, sp.authn_request()[1], sign=True),
        "wanted a LogoutRequest or a LogoutResponse": to,
    }


def test_a_logout_that_is_refused(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    visitor.sign_in(login_of(ana))
    for sentence, url in bad_logouts(sp, enter(sp, visitor)).items():
        page = visitor.open(url)
        assert page.status == 400, sentence
        assert sentence in page.text
        assert is_in(visitor), sentence
    signed = sp.redirect(
        sp.endpoint("SingleLogoutService", "HTTP-Redirect"), sp.logout_request(login_of(ana))[1], sign=True
    )
    sp.set(slo={"enabled": False})
    assert "Enable Single Logout is off" in visitor.open(signed).text
    assert is_in(visitor)


def requests_in(frames: Page, visitor: Visitor, sp: Provider) -> Any:
    """Return the LogoutRequest that the one frame of a page carries to a service provider by POST."""
    (frame,) = frames.frames()
    page = visitor.open(frame)
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    form = page.form("SAMLRequest")
    assert form.action == SLO
    return message_in(sp, form, "SAMLRequest")


def test_sign_out_tells_every_application(okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    """Two that take part, by POST and by Redirect; one that does not; one that was not visited."""
    by_redirect = joined(okta, "https://two.north.example", "https://two.north.example/slo?a=b", "REDIRECT")
    silent, unvisited = Provider(okta.app("wizard")).connect(), joined(okta)
    for provider in (by_redirect, silent, unvisited):
        provider.app.assign(ana)
    visitor.sign_in(login_of(ana))
    reads = [enter(provider, visitor) for provider in (sp, by_redirect, silent)]
    page = visitor.sign_out()
    assert not is_in(visitor)
    assert len(page.frames()) == 2
    assert "frame-src http: https:" in page.headers["content-security-policy"]
    requests = []
    for frame in page.frames():
        answer = visitor.client.get(frame, follow_redirects=False)
        if answer.status_code == 303:
            requests.append(redirected(by_redirect, answer.headers["location"]))
        else:
            requests.append(message_in(sp, form_of(answer.text, visitor), "SAMLRequest"))
        assert visitor.open(frame).status == 404, "a message is carried once"
    told = {root.findtext("a:Issuer", namespaces=NS): root for root in requests}
    for provider, read in zip((sp, by_redirect), reads, strict=False):
        root = told[f"http://www.okta.com/{provider.external_key}"]
        assert etree.QName(root).localname == "LogoutRequest"
        assert root.findtext("a:NameID", namespaces=NS) == read.name_id
        assert root.findtext("p:SessionIndex", namespaces=NS) == read.session_index


def form_of(text: str, visitor: Visitor) -> Form:
    return Page(visitor.okta, 200, text, visitor.client.headers).form("SAMLRequest")


def redirected(sp: Provider, location: str) -> Any:
    """Return the LogoutRequest of a redirect whose signature holds."""
    parts = urlsplit(location)
    assert location.startswith("https://two.north.example/slo?a=b&SAMLRequest=")
    query = parse_qs(parts.query)
    text, _, _ = parts.query.removeprefix("a=b&").partition("&Signature=")
    (certificate,) = sp.certificates()
    key: Any = load_der_x509_certificate(base64.b64decode(certificate)).public_key()
    key.verify(base64.b64decode(query["Signature"][0]), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return etree.fromstring(decompress(base64.b64decode(query["SAMLRequest"][0]), -15))


def test_what_the_application_answers_is_written_down(
    okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any]
) -> None:
    visitor.sign_in(login_of(ana))
    enter(sp, visitor)
    request = requests_in(visitor.sign_out(), visitor, sp)
    callback = f"{sp.endpoint('SingleLogoutService', 'HTTP-POST')}/callback"
    unsigned = sp.logout_response(request.get("ID"))
    assert "wanted a message signed" in visitor.send(answer(callback, unsigned), SLO).text
    stale = visitor.send(answer(callback, sp.signed(sp.logout_response("idOfNothing"))), SLO)
    assert "InResponseTo: wanted the ID of a LogoutRequest" in stale.text
    done = visitor.send(answer(callback, sp.signed(unsigned)), SLO)
    assert "You are signed out there." in done.text
    log = okta.client.get(f"/reports/system-log?app={sp.app.id}").text
    assert f"Single logout answered by app: {sp.app.label}, {SUCCESS}" in log
    visitor.sign_in(login_of(ana))
    enter(sp, visitor)
    request = requests_in(visitor.sign_out(), visitor, sp)
    failed = sp.logout_response(request.get("ID"), "urn:oasis:names:tc:SAML:2.0:status:Responder")
    redirect = sp.redirect(callback, failed, sign=True, parameter="SAMLResponse")
    assert "did not sign you out" in visitor.open(redirect).text


def answer(to: str, message: bytes) -> Form:
    return Form(to, "POST", {"SAMLResponse": base64.b64encode(message).decode()})


def test_a_logout_of_one_application_tells_the_others(
    okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any]
) -> None:
    other = joined(okta, "https://two.north.example")
    other.app.assign(ana)
    visitor.sign_in(login_of(ana))
    read, _ = enter(sp, visitor), enter(other, visitor)
    to = sp.endpoint("SingleLogoutService", "HTTP-Redirect")
    page = visitor.open(sp.redirect(to, sp.logout_request(read.name_id, read.session_index)[1], sign=True))
    assert page.form().action == SLO
    request = requests_in(page, visitor, other)
    assert request.findtext("a:NameID", namespaces=NS) == login_of(ana)


def test_signing_in_anew_keeps_who_is_to_be_told(sp: Provider, visitor: Visitor, ana: dict[str, Any]) -> None:
    visitor.sign_in(login_of(ana))
    read = enter(sp, visitor)
    visitor.sign_in(login_of(ana))
    assert requests_in(visitor.sign_out(), visitor, sp).findtext("p:SessionIndex", namespaces=NS) == read.session_index


def test_signing_out_twice_is_no_error(okta: Okta, visitor: Visitor) -> None:
    visitor.sign_in(login_of(okta.person("Ana")))
    for _ in range(2):
        page = visitor.sign_out()
        assert page.status == 200
        assert "You are signed out" in page.text
        assert page.frames() == []


# Universal Logout


@pytest.fixture
def revocation(okta: Okta, sp: Provider) -> Iterator[Endpoint]:
    with closing(Endpoint(sp, okta.url.rstrip("/"))) as endpoint:
        switch(sp, endpoint)
        yield endpoint


def switch(sp: Provider, revocation: Endpoint, **more: str) -> None:
    body = {"status": "ENABLED", "endpoint": revocation.url, **more}
    saved = sp.app.okta.call("PUT", sp.app.path, {"universalLogout": body})["universalLogout"]
    assert saved == {"protocol": "GLOBAL_TOKEN_REVOCATION", "subjectFormat": "EMAIL", **body}


def test_a_deactivation_is_a_universal_logout(
    okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any], revocation: Endpoint
) -> None:
    okta.edit(ana, email="ana@south.example")
    visitor.sign_in(login_of(ana))
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert not is_in(visitor)
    assert revocation.refused == []
    assert revocation.subjects == [{"format": "email", "email": "ana@south.example"}]
    (claims,) = revocation.claims
    assert claims["sub"] == sp.app.id
    assert 290 < claims["exp"] - time.time() < 301
    assert -310 < claims["nbf"] - time.time() < -299
    assert len(claims["jti"]) >= 16
    (headers,) = revocation.headers
    assert headers["content-type"].startswith("application/json")
    (exchange,) = sp.app.exchanges()
    assert exchange["url"] == revocation.url
    assert (exchange["status"], exchange["outcome"], exchange["userId"]) == (204, "SUCCESS", ana["id"])
    assert ["Authorization", "Bearer ••••••"] in exchange["requestHeaders"]
    assert exchange["event"] == "user.session.universal_logout"
    assert sp.app.tasks() == []


def test_clear_sessions_is_a_universal_logout_too(
    okta: Okta, sp: Provider, visitor: Visitor, ana: dict[str, Any], revocation: Endpoint
) -> None:
    switch(sp, revocation, endpoint=f"{revocation.url}?a=b", subjectFormat="ISS_SUB")
    visitor.sign_in(login_of(ana))
    okta.call("DELETE", f"/api/v1/users/{ana['id']}/sessions", status=204)
    okta.idle()
    assert not is_in(visitor)
    issuer = f"http://www.okta.com/{sp.external_key}"
    assert revocation.subjects == [{"format": "iss_sub", "iss": issuer, "sub": login_of(ana)}]
    assert revocation.refused == [], "the audience is the address without its query"
    visitor.sign_in(login_of(ana))
    assert enter(sp, visitor).name_id == login_of(ana)


def test_nobody_is_told_who_need_not_be(okta: Okta, sp: Provider, ana: dict[str, Any], revocation: Endpoint) -> None:
    noor = okta.person("Noor")
    okta.lifecycle(noor, "deactivate")
    okta.lifecycle(ana, "suspend")
    okta.call("PUT", sp.app.path, {"universalLogout": {"status": "DISABLED"}})
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert revocation.subjects == []
    assert revocation.refused == []


def test_every_attempt_has_a_token_of_its_own(
    okta: Okta, sp: Provider, ana: dict[str, Any], revocation: Endpoint
) -> None:
    revocation.answers += [(429, {"Retry-After": "2"}), (429, {})]
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert len(revocation.subjects) == 1
    assert [it["status"] for it in sp.app.exchanges()] == [429, 429, 204]


def test_a_failed_one_waits_as_a_task(okta: Okta, sp: Provider, ana: dict[str, Any], revocation: Endpoint) -> None:
    revocation.answers.append((503, {}))
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    (task,) = sp.app.tasks()
    assert task["message"] == (
        f"Universal Logout of user Ana Reis from app {sp.app.label} failed: Service Unavailable."
    )
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert sp.app.tasks() == []
    assert len(revocation.subjects) == 1


def test_somebody_the_application_does_not_know_is_no_failure(
    okta: Okta, sp: Provider, ana: dict[str, Any], revocation: Endpoint
) -> None:
    revocation.answers.append((404, {}))
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert sp.app.tasks() == []
    assert sp.app.exchanges()[-1]["status"] == 404


def test_after_a_roll_over_the_new_key_signs(
    okta: Okta, sp: Provider, ana: dict[str, Any], revocation: Endpoint
) -> None:
    second = okta.call("POST", f"{sp.app.path}/credentials/keys/generate", status=201)
    okta.call("PUT", sp.app.path, {"credentials": {"signing": {"kid": second["kid"]}}})
    okta.call("DELETE", f"/api/v1/users/{ana['id']}/sessions", status=204)
    okta.idle()
    assert len(revocation.subjects) == 1
    assert revocation.refused == []


def test_universal_logout_does_not_wait_for_provisioning(
    okta: Okta, sp: Provider, ana: dict[str, Any], revocation: Endpoint
) -> None:
    """Its job has a line of its own; the app user is not shown as busy for it."""
    revocation.answers.append((503, {}))
    okta.call("DELETE", f"/api/v1/users/{ana['id']}/sessions", status=204)
    okta.idle()
    user = sp.app.user(ana)
    assert "Universal Logout of user" in user["_embedded"]["pocket"]["error"]
    assert user["lastSync"] is None
