"""Single logout: begun by the person here, and by the identity provider, by redirect and by POST; and every order that
nobody need obey.
"""

import base64
import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx2
import lxml.html
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.conftest import PLAIN, on_both_engines
from tests.console.conftest import sql
from tests.console.visitor import Page, Visitor
from tests.pocket_okta.visitor import Form
from tests.saml.factory import MORE, Node, one, read, sign, tag, write
from tests.saml.keys import Pair, pair
from tests.sign_in.company import FROM_ELSEWHERE, ORG, Company, carried, instant
from tests.sign_in.scene import Scene
from vestibule.actions import configure, saml_settings
from vestibule.endpoints.context import Context
from vestibule.model import RoleRules

SLO = f"{ORG}/slo"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
ONE, TWO = ("<samlp:SessionIndex>_one</samlp:SessionIndex>", "<samlp:SessionIndex>_two</samlp:SessionIndex>")

# -- between Vestibule and a whole identity provider -------------------------------------------------------------------


def asks_who(scene: Scene, browser: Any) -> bool:
    """Whether the identity provider has no session of this browser: it asks who is there."""
    return any("username" in form.fields for form in browser.open(f"{scene.base}/login").forms())


def test_signing_out_ends_it_here_and_at_the_identity_provider(scene: Scene) -> None:
    ana = scene.person()
    browser, home = scene.signed_in(ana)
    assert not asks_who(scene, browser)
    page = browser.send(leaving(home), come_from=home.url)
    assert "Signed out here" in page.text
    assert scene.me(browser).status_code == 401, "whatever becomes of the rest"
    onward = lxml.html.fromstring(page.text).xpath("//a[contains(@class, 'button')]/@href")[0]
    answer = browser.open(onward)
    landed = browser.send(answer.form(), come_from=answer.url)
    assert (landed.status, landed.url) == (200, f"{scene.home}?done=signed-out-everywhere")
    assert "signed out here and at your identity provider" in landed.text
    assert asks_who(scene, browser)
    assert scene.events("revocation.refused") == []


def leaving(page: Any) -> Form:
    """The form that signs out, among those of a home page."""
    (form,) = [form for form in page.forms() if form.action.endswith("/sign-out")]
    assert isinstance(form, Form)
    return form


@pytest.mark.parametrize("binding", ["POST", "REDIRECT"])
def test_signing_out_at_the_identity_provider_ends_that_session_here(scene: Scene, binding: str) -> None:
    told = scene.integration.okta.call("GET", scene.integration.app.path)["settings"]["signOn"]["participateSlo"]
    scene.okta_set(participateSlo={**told, "enabled": True, "bindingType": binding, "sessionIndexRequired": True})
    ana = scene.person()
    browser, elsewhere = scene.signed_in(ana)[0], scene.signed_in(ana)[0]
    (frame,) = browser.sign_out().frames()
    page = browser.open(frame)
    if binding == "POST":
        page = browser.send(page.form("SAMLRequest"), come_from=page.url)
    assert page.url.startswith(scene.integration.okta.url), "our answer went back"
    assert "You are signed out there." in page.text, page.text
    assert scene.me(browser).status_code == 401
    assert scene.me(elsewhere).status_code == 200, "that was another session of the identity provider"
    (event,) = scene.events("session.revoked")
    assert (event["sessions_ended"], event["reason"]) == (1, "Single Logout from Okta")


# -- by the person -----------------------------------------------------------------------------------------------------


def set_sign_on(company: Company, **switches: Any) -> None:
    async def change(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await saml_settings.change_sign_on(tx, company.place.provider.id, **switches)

    company.place.running.act(change)


def sign_out(company: Company, browser: Visitor) -> Page:
    """Press Sign out on the home page, and see what is answered."""
    home = browser.get(company.home)
    (form,) = [each for each in home.tree.forms if str(each.action).endswith("/sign-out")]
    return browser.post(str(form.action), dict(form.form_values()))


def our_key(company: Company) -> rsa.RSAPublicKey:
    """The key of ours that the metadata tells the identity provider."""
    metadata = read(httpx2.get(f"{company.stem}/metadata", **PLAIN).content)
    certificate = x509.load_der_x509_certificate(base64.b64decode(one(metadata, "ds:X509Certificate").text or ""))
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def message_of(location: str, field: str, key: rsa.RSAPublicKey) -> Node:
    """The message that a redirect carries, after its signature has been verified."""
    query = urlsplit(location).query
    part, _, signature = query.partition("&Signature=")
    key.verify(base64.b64decode(unquote(signature)), part.encode(), padding.PKCS1v15(), hashes.SHA256())
    return read(zlib.decompress(base64.b64decode(parse_qs(query)[field][0]), -15))


def test_without_single_logout_only_this_session_ends(company: Company) -> None:
    sql(company.place.running, "DELETE FROM saml_keys WHERE tenant_id = $1", company.place.tenant.id)
    given = company.place.events("saml.key_made")
    _, name = company.hire()
    browser, other = company.sign_in(name), company.sign_in(name)
    cookie = f"vestibule-{company.place.tenant.name}"
    token = browser.cookies[cookie]
    page = sign_out(company, browser)
    assert cookie not in browser.cookies
    browser.keep(token, cookie)
    assert (page.status, page.answer.headers["location"]) == (303, f"{company.home}?done=signed-out")
    assert (company.is_in(browser), company.is_in(other)) == (False, True)
    assert company.place.events("saml.key_made") == given, "nothing had to be signed"
    (event,) = company.place.events("user.signed_out")
    assert event["data"]["user_name"] == name


def test_the_request_names_the_session_and_is_signed(company: Company) -> None:
    set_sign_on(company, slo_url=f"{SLO}?tenant=north")
    _, name = company.hire()
    browser = company.sign_in(name, session='SessionIndex="_one"')
    page = sign_out(company, browser)
    location = page.link("Continue")
    assert location.startswith(f"{SLO}?tenant=north&SAMLRequest=")
    assert str(page.all("//meta[@http-equiv='refresh']/@content")[0]) == f"0;url={location}"
    message = message_of(location.replace("tenant=north&", ""), "SAMLRequest", our_key(company))
    assert (one(message, "saml:Issuer").text, message.get("Destination")) == (company.stem, f"{SLO}?tenant=north")
    assert (one(message, "saml:NameID").text, one(message, "samlp:SessionIndex").text) == (name, "_one")
    assert not company.is_in(browser)


def test_an_identity_provider_that_takes_posts_only_gets_one(company: Company) -> None:
    """The same message in a form, which a script sends at once and a person can."""
    set_sign_on(company, slo_url=SLO, slo_binding="post")
    _, name = company.hire()
    browser = company.sign_in(name)
    page = sign_out(company, browser)
    (form,) = page.all("//form[@data-send-at-once]")
    assert (page.heading, form.get("action"), form.get("method")) == ("Signed out here", SLO, "post")
    message = read(base64.b64decode(page.value("SAMLRequest")))
    assert message.tag == tag("samlp:LogoutRequest")
    assert one(message, "ds:SignatureMethod").get("Algorithm") == f"{MORE}rsa-sha256"
    policy = page.answer.headers["content-security-policy"]
    assert f"form-action 'self' {ORG};" in policy
    assert "frame-ancestors 'none'" in policy
    assert not company.is_in(browser)


def test_somebody_who_administers_as_well_leaves_the_console_too(company: Company) -> None:
    make_staff(company)
    _, name = company.hire()
    browser, other = company.sign_in(name), company.sign_in(name)
    assert company.is_in_console(browser)
    sign_out(company, browser)
    assert not company.is_in_console(browser)
    assert company.is_in_console(other), "another browser is another session"


def test_an_administrator_who_is_somebody_else_stays(company: Company) -> None:
    """Two people may share a browser: only the one who leaves has left."""
    make_staff(company)
    theirs = company.sign_in(company.hire()[1]).cookies["vestibule"]
    browser = company.sign_in(company.hire()[1])
    browser.client.cookies.delete("vestibule")
    browser.keep(theirs, "vestibule")
    sign_out(company, browser)
    assert company.is_in_console(browser)


def make_staff(company: Company) -> None:
    """Let everybody of the company administer the tenant."""

    async def make(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await configure.change_roles(tx, company.place.provider.id, RoleRules(default="console-admin"), "owner")

    company.place.running.act(make)


# -- by the identity provider ------------------------------------------------------------------------------------------

Send = Callable[[Company, Node], Page]


def query_of(message: Node, by: Pair | None, field: str = "SAMLRequest", relay: str = "where-from") -> str:
    """A message as a redirect carries it, signed there if there is somebody to sign."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(deflater.compress(write(message)) + deflater.flush()).decode()
    query = f"{field}={quote(packed, safe='')}&RelayState={quote(relay, safe='')}"
    if by is None:
        return query
    query += f"&SigAlg={quote(f'{MORE}rsa-sha256', safe='')}"
    raw = by.rsa.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{query}&Signature={quote(base64.b64encode(raw).decode(), safe='')}"


def go(company: Company, query: str) -> Page:
    """Follow the identity provider's redirect, in a browser that need not be the person's."""
    return company.browser().get(f"{company.stem}/logout?{query}", False)


def post(company: Company, message: Node, field: str = "SAMLRequest") -> Page:
    """Send the identity provider's form."""
    fields = {field: carried(message), "RelayState": "where-from"}
    return company.browser().post(f"{company.stem}/logout", fields, headers=FROM_ELSEWHERE)


def by_redirect(by: Pair | None = None) -> Send:
    return lambda company, message: go(company, query_of(message, by or pair()))


def by_post(by: Pair | None = None) -> Send:
    return lambda company, message: post(company, sign(message, by))


BINDINGS: dict[str, Callable[[Pair | None], Send]] = {"redirect": by_redirect, "post": by_post}


@on_both_engines
@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    ("indexes", "left"),
    [("", (False, False, False)), (ONE, (False, True, True)), (ONE + TWO, (False, False, True)), ("_other", None)],
    ids=["everything", "one", "two", "none of these"],
)
def test_what_is_named_ends(company: Company, binding: str, indexes: str, left: tuple[bool, ...] | None) -> None:
    _, name = company.hire()
    bystander = company.sign_in(company.hire()[1], session='SessionIndex="_one"')
    browsers = [company.sign_in(name, session=f'SessionIndex="{index}"') for index in ("_one", "_two", "_three")]
    more = indexes if indexes != "_other" else ONE.replace("_one", "_other")
    page = BINDINGS[binding](None)(company, company.logout_request(name, more))
    assert page.status == 200
    assert "The sessions have ended." in page.text
    assert tuple(company.is_in(each) for each in browsers) == (left or (True, True, True))
    assert company.is_in(bystander)
    told = [each["data"]["sessions_ended"] for each in company.place.events("session.revoked")]
    assert told == ([list(left).count(False)] if left else [])


def test_it_is_answered_where_the_identity_provider_takes_answers(company: Company) -> None:
    set_sign_on(company, slo_url=SLO)
    _, name = company.hire()
    company.sign_in(name)
    page = BINDINGS["post"](None)(company, company.logout_request(name, id="_asked"))
    assert page.status == 303
    location = page.answer.headers["location"]
    assert location.startswith(f"{SLO}?SAMLResponse=")
    assert parse_qs(urlsplit(location).query)["RelayState"] == ["where-from"]
    answer = message_of(location, "SAMLResponse", our_key(company))
    assert (answer.get("InResponseTo"), answer.get("Destination")) == ("_asked", SLO)
    assert one(answer, "samlp:StatusCode").get("Value") == SUCCESS


def test_it_is_answered_with_a_form_where_that_is_taken(company: Company) -> None:
    """The identity provider looks at it in a hidden frame, so its own pages, and no others, may frame it."""
    set_sign_on(company, slo_url=SLO, slo_binding="post")
    _, name = company.hire()
    page = BINDINGS["redirect"](None)(company, company.logout_request(name, id="_asked"))
    assert page.one("//form").get("action") == SLO
    answer = read(base64.b64decode(page.value("SAMLResponse")))
    assert answer.get("InResponseTo") == "_asked"
    assert page.value("RelayState") == "where-from"
    assert f"frame-ancestors {ORG};" in page.answer.headers["content-security-policy"]


@on_both_engines
def test_the_console_session_of_that_sign_in_ends_as_well(company: Company) -> None:
    make_staff(company)
    _, name = company.hire()
    browser = company.sign_in(name, session='SessionIndex="_one"')
    assert company.is_in_console(browser)
    assert company.log_out(company.browser(), name, ONE).status == 200
    assert not company.is_in_console(browser)


# -- what nobody need obey ---------------------------------------------------------------------------------------------

UNSIGNED = "xpected a signature; got none"
FOREIGN = "a signature by one of the certificates of this identity provider"
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "another issuer": ({"issuer": "http://idp.south.example/exk1"}, "a message from"),
    "for elsewhere": ({"destination": "https://south.example/logout"}, "a message for"),
    "expired": ({"until": instant(-200)}, "a LogoutRequest that has not expired"),
    "old": ({"issued": instant(-1000)}, "a message of the last 10 minutes"),
    "of tomorrow": ({"issued": instant(1000)}, "a message of the last 10 minutes"),
}


def check_refused(company: Company, page: Page, browser: Visitor, reason: str, times: int = 1) -> None:
    """The person is told a sentence, the administrator what was wrong, and nothing has ended."""
    assert page.status == 400
    assert "This sign-out message could not be accepted." in page.text
    assert reason not in page.text
    assert company.is_in(browser)
    refused = company.place.events("revocation.refused")
    assert len(refused) == times
    assert reason in refused[-1]["data"]["reason"]
    assert company.place.events("session.revoked") == []


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("wrong", REFUSED)
def test_a_request_that_is_wrong_ends_nothing(company: Company, binding: str, wrong: str) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    changes, reason = REFUSED[wrong]
    page = BINDINGS[binding](None)(company, company.logout_request(name, **changes))
    check_refused(company, page, browser, reason)


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_request_of_another_key_ends_nothing(company: Company, binding: str) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    page = BINDINGS[binding](pair("stranger"))(company, company.logout_request(name))
    check_refused(company, page, browser, FOREIGN)


def test_a_request_that_nobody_signed_ends_nothing(company: Company) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    check_refused(company, post(company, company.logout_request(name)), browser, UNSIGNED)
    check_refused(company, go(company, query_of(company.logout_request(name), None)), browser, UNSIGNED, 2)


def test_a_redirect_that_was_changed_on_its_way_ends_nothing(company: Company) -> None:
    (_, name), (_, other) = company.hire(), company.hire()
    browser = company.sign_in(name)
    good = query_of(company.logout_request(other), pair())
    signature = good.partition("&SigAlg=")[2]
    mine = query_of(company.logout_request(name), None)
    own = query_of(company.logout_request(name), pair())
    changed = {
        f"{mine}&SigAlg={signature}": FOREIGN,
        own.replace("where-from", "elsewhere"): FOREIGN,
        f"{mine}&{good}": "Expected each field once",
        f"{good}&{mine.partition('&')[0].replace('SAMLRequest', 'SAML%52equest')}": "Expected each field once",
        re.sub(r"Signature=.*", "Signature=", own): FOREIGN,
        own.replace("rsa-sha256", "hmac-sha256"): "a signature with RSA or ECDSA",
    }
    for number, (query, reason) in enumerate(changed.items(), 1):
        check_refused(company, go(company, query), browser, reason, number)
    assert go(company, own).status == 200, "as it was sent"
    assert not company.is_in(browser)


@on_both_engines
@pytest.mark.parametrize("binding", BINDINGS)
def test_a_request_is_obeyed_once(company: Company, binding: str) -> None:
    _, name = company.hire()
    company.sign_in(name)
    message = company.logout_request(name)
    assert BINDINGS[binding](None)(company, company.logout_request(name)).status == 200, "another one"
    sent = carried(sign(message)) if binding == "post" else query_of(message, pair())

    def send() -> Page:
        if binding == "redirect":
            return go(company, sent)
        return company.browser().post(f"{company.stem}/logout", {"SAMLRequest": sent}, headers=FROM_ELSEWHERE)

    assert send().status == 200
    again = company.sign_in(name)
    before = len(company.place.events("session.revoked"))
    page = send()
    assert page.status == 400
    assert company.is_in(again)
    assert len(company.place.events("session.revoked")) == before
    (refused,) = company.place.events("revocation.refused")
    assert "was not used yet" in refused["data"]["reason"]


def test_a_request_of_another_tenants_identity_provider_ends_nothing(company: Company) -> None:
    """Their key is right, at their own address."""
    theirs = Company(company.place.running.new_tenant())
    theirs.tie()
    _, name = company.hire()
    browser = company.sign_in(name)
    check_refused(company, post(company, sign(theirs.logout_request(name))), browser, "a message for")
    _, same = theirs.hire(name)
    assert same == name
    assert post(theirs, sign(theirs.logout_request(name))).status == 200
    assert company.is_in(browser), "the same userName in another tenant is somebody else"
    theirs.close()


@pytest.mark.parametrize("fields", [{}, {"SAMLRequest": ""}, {"SAMLRequest": "%%%"}, {"SAMLRequest": "PGEvPg=="}])
def test_a_message_that_is_none_is_refused(company: Company, fields: dict[str, str]) -> None:
    browser = company.sign_in(company.hire()[1])
    page = company.browser().post(f"{company.stem}/logout", fields, headers=FROM_ELSEWHERE)
    check_refused(company, page, browser, "xpected")


# -- answers -----------------------------------------------------------------------------------------------------------


def answer_of(company: Company, **changes: str) -> Node:
    """The identity provider's answer to a request of ours, not signed yet."""
    request = company.logout_request("nobody@north.example", **changes)
    text = write(request).decode().replace("LogoutRequest", "LogoutResponse")
    code = f'<samlp:StatusCode Value="{changes.get("code", SUCCESS)}"/>'
    return read(re.sub(r"<saml:NameID.*</saml:NameID>", f"<samlp:Status>{code}</samlp:Status>", text))


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize(
    ("code", "done"),
    [(SUCCESS, "signed-out-everywhere"), ("urn:oasis:names:tc:SAML:2.0:status:Responder", "signed-out")],
)
def test_an_answer_says_whether_it_is_over_there(company: Company, binding: str, code: str, done: str) -> None:
    answer = answer_of(company, code=code)
    page = (
        go(company, query_of(answer, pair(), "SAMLResponse"))
        if binding == "redirect"
        else post(company, sign(answer), "SAMLResponse")
    )
    assert (page.status, page.answer.headers["location"]) == (303, f"{company.home}?done={done}")


def test_an_answer_that_nobody_signed_is_none(company: Company) -> None:
    browser = company.sign_in(company.hire()[1])
    stranger = sign(answer_of(company), pair("stranger"))
    check_refused(company, post(company, answer_of(company), "SAMLResponse"), browser, UNSIGNED)
    check_refused(company, go(company, query_of(answer_of(company), None, "SAMLResponse")), browser, UNSIGNED, 2)
    check_refused(company, post(company, stranger, "SAMLResponse"), browser, FOREIGN, 3)
    check_refused(company, post(company, sign(answer_of(company)), "SAMLRequest"), browser, "matches the field", 4)
