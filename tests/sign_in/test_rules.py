"""The rules of people's pages and of what identity providers call: headers, cookies, limits, forms, tenants. The page
of routes is the source: a new route of theirs that no test here calls fails.
"""

import base64
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.conftest import Place, on_both_engines, running_server
from tests.console.conftest import rows, sql
from tests.console.harmless import check_headers, check_markup
from tests.console.visitor import Page, Visitor, free_port
from tests.saml.factory import IDP
from tests.saml.keys import pair
from tests.sign_in.company import FROM_ELSEWHERE, SSO, Company, instant, request_of
from vestibule.actions import configure, saml_settings
from vestibule.endpoints.context import Context
from vestibule.endpoints.routes import ROUTES
from vestibule.keys import tenant_of_token, token_check
from vestibule.model import IdentityProvider, SamlSettings
from vestibule.settings import Settings

SP = "/saml/{tenant}/{provider_id}"
THEIRS = {
    ("GET", f"{SP}/metadata"): 200,
    ("GET", f"{SP}/login"): 303,
    ("POST", f"{SP}/acs"): 403,
    ("GET", f"{SP}/logout"): 400,
    ("POST", f"{SP}/logout"): 400,
    ("POST", f"{SP}/global-token-revocation"): 401,
    ("GET", "/{tenant}/"): 200,
    ("GET", "/{tenant}/me"): 401,
    ("POST", "/{tenant}/sessions/{session_id}/end"): 401,
    ("POST", "/{tenant}/sign-out"): 401,
}
"""What each route answers somebody who sends it nothing that it could take."""


def cookie_of(company: Company, browser: Visitor) -> str:
    return browser.cookies[f"vestibule-{company.place.tenant.name}"]


def called(company: Company, browser: Visitor, method: str, path: str, **instead: str) -> Page:
    ids = {"tenant": company.place.tenant.name, "provider_id": company.place.provider.id, "session_id": "x"}
    target = path.format(**{**ids, **instead})
    return browser.get(target, False) if method == "GET" else browser.post(target, {"a": "b"})


def test_every_route_of_theirs_is_called_here() -> None:
    theirs = {(route.method, route.path) for route in ROUTES if route.path.startswith(("/saml/", "/{tenant}/"))}
    assert theirs == set(THEIRS)


@pytest.mark.parametrize(("method", "path"), THEIRS)
def test_a_stranger_is_answered_with_the_headers_and_learns_nothing(company: Company, method: str, path: str) -> None:
    browser = company.browser()
    page = called(company, browser, method, path)
    assert page.status == THEIRS[method, path], page.text
    check_headers(page.answer)
    kind = page.answer.headers.get("content-type", "").partition(";")[0]
    if kind == "text/html":
        check_markup(page)
    for instead in ({"tenant": "nobodys-tenant"}, {"provider_id": "0123456789ab"}, {"tenant": "%00%27%ff"}):
        if next(iter(instead)) in path:
            missing = called(company, browser, method, path, **instead)
            assert missing.status == 404, instead
            check_headers(missing.answer)
            assert "Traceback" not in missing.source


def test_the_pages_of_somebody_who_is_signed_in(company: Company) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    for path in (company.home, f"{company.home}me"):
        page = browser.get(path)
        assert page.status == 200
        check_headers(page.answer)
    check_markup(browser.get(company.home))


# -- cookies -----------------------------------------------------------------------------------------------------------


def set_cookies(answer: httpx2.Response) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in answer.headers.get_list("set-cookie"):
        found |= dict(SimpleCookie(line))
    return found


def test_cookies_are_for_this_host_and_no_script(company: Company) -> None:
    _, name = company.hire()
    browser = company.browser()
    begun = browser.get(f"{company.stem}/login", False)
    binding = set_cookies(begun.answer)["vestibule-begun"]
    page = company.post(browser, company.response(name, company.begin(browser)))
    session = set_cookies(page.answer)[f"vestibule-{company.place.tenant.name}"]
    for morsel in (binding, session):
        assert (morsel["path"], morsel["domain"], morsel["httponly"], morsel["samesite"]) == ("/", "", True, "lax")
    assert int(binding["max-age"]) == 600
    assert session["max-age"] == session["expires"] == "", "it goes with the browser"
    _, _, secret = session.value.partition(".")
    assert len(secret) >= 43, "256 bits"
    kept = rows(
        company.place.running, "SELECT token_check FROM user_sessions WHERE tenant_id = $1", company.place.tenant.id
    )
    assert [bytes(row[0]) for row in kept] == [token_check(session.value)]
    assert tenant_of_token(session.value) == company.place.tenant.id


def test_a_sign_in_makes_a_new_session_and_a_cookie_that_came_before_is_no_ones(company: Company) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    first = cookie_of(company, browser)
    company.sign_in(name, browser)
    assert cookie_of(company, browser) != first
    planted = company.browser()
    planted.keep("t.plantedplantedplantedplantedplantedplanted", f"vestibule-{company.place.tenant.name}")
    company.sign_in(name, planted)
    assert "planted" not in cookie_of(company, planted)


@pytest.mark.parametrize("token", ["", "x", ".", "a" * 201, "x" * 41 + ".y", "%00.%00", "t.'--"])
def test_a_cookie_that_nobody_made_is_nobodys(company: Company, token: str) -> None:
    browser = company.browser()
    browser.keep(token, f"vestibule-{company.place.tenant.name}")
    assert not company.is_in(browser)


def test_a_session_of_one_tenant_is_none_in_another(company: Company) -> None:
    browser = company.sign_in(company.hire()[1])
    token = cookie_of(company, browser)
    other = Company(company.place.running.new_tenant())
    other.tie()
    browser.keep(token, f"vestibule-{other.place.tenant.name}")
    assert not other.is_in(browser)
    assert company.is_in(browser)


def test_a_response_for_another_tenant_or_identity_provider_opens_nothing(company: Company) -> None:
    """The same identity provider, the same key, the same userName: the address decides, and the audience."""
    other = Company(company.place.running.new_tenant())
    other.tie()
    _, name = company.hire()
    other.hire(name)
    browser = company.browser()
    message = company.response(name, company.begin(browser))
    assert other.post(browser, message).status == 403
    assert company.place.events("user.signed_in") == other.place.events("user.signed_in") == []
    other.close()


@pytest.fixture(scope="module")
def https(new_database: Callable[[str], Settings]) -> Iterator[Company]:
    """A server behind a proxy that speaks HTTPS: what it makes is for https alone."""
    port, base_url = free_port(), "https://people.north.example"
    with running_server(new_database("sqlite"), "--port", str(port), VESTIBULE_BASE_URL=base_url) as server:
        company = Company(replace(server, url=f"http://127.0.0.1:{port}").new_tenant())
        company.tie()
        yield company
        company.close()


def test_under_https_cookies_are_bound_to_the_host(https: Company) -> None:
    _, name = https.hire()
    browser = https.browser()
    path = f"/saml/{https.place.tenant.name}/{https.place.provider.id}"
    stem = f"https://people.north.example{path}"
    begun = browser.get(f"{path}/login", False)
    binding = set_cookies(begun.answer)["__Host-vestibule-begun"]
    assert (binding["secure"], binding["samesite"], binding["path"], binding["domain"]) == (True, "none", "/", "")
    answered = request_of(begun.answer.headers["location"])
    message = https.response(
        name,
        answered,
        destination=f'Destination="{stem}/acs"',
        recipient=f'Recipient="{stem}/acs"',
        audience=f"<saml:AudienceRestriction><saml:Audience>{stem}</saml:Audience></saml:AudienceRestriction>",
    )
    fields = {"SAMLResponse": message}
    headers = {**FROM_ELSEWHERE, "cookie": f"__Host-vestibule-begun={binding.value}"}
    page = browser.post(f"{path}/acs", fields, headers=headers)
    assert page.status == 303, page.text
    session = set_cookies(page.answer)[f"__Host-vestibule-{https.place.tenant.name}"]
    assert (session["secure"], session["samesite"], session["path"], session["domain"]) == (True, "lax", "/", "")
    me = f"{https.home}me"
    good = {"cookie": f"{session.key}={session.value}"}
    assert browser.client.get(me, headers=good).status_code == 200
    plain = {"cookie": f"vestibule-{https.place.tenant.name}={session.value}"}
    assert browser.client.get(me, headers=plain).status_code == 401, "without the prefix it could be another host's"


# -- limits ------------------------------------------------------------------------------------------------------------


@on_both_engines
@pytest.mark.parametrize(
    ("statement", "lives"),
    [
        ("UPDATE user_sessions SET seen_at = seen_at - 29 * 60000 WHERE tenant_id = $1", True),
        ("UPDATE user_sessions SET seen_at = seen_at - 30 * 60000 WHERE tenant_id = $1", False),
        ("UPDATE user_sessions SET expires_at = expires_at - 479 * 60000 WHERE tenant_id = $1", True),
        ("UPDATE user_sessions SET expires_at = expires_at - 480 * 60000 WHERE tenant_id = $1", False),
        ("UPDATE users SET active = FALSE WHERE tenant_id = $1", False),
        ("UPDATE users SET blocked_at = 1 WHERE tenant_id = $1", False),
        ("UPDATE identity_providers SET enabled = FALSE WHERE tenant_id = $1", False),
    ],
)
def test_a_session_is_good_within_its_limits_and_while_all_is_well(
    company: Company, statement: str, lives: bool
) -> None:
    """The last three: even if a session were left behind, it would open nothing."""
    browser = company.sign_in(company.hire()[1])
    assert sql(company.place.running, statement, company.place.tenant.id) == 1
    assert company.is_in(browser) is lives
    sql(company.place.running, "DELETE FROM user_sessions WHERE tenant_id = $1", company.place.tenant.id)
    if "FALSE" in statement:
        sql(company.place.running, statement.replace("FALSE", "TRUE"), company.place.tenant.id)


@on_both_engines
def test_looking_prolongs_a_session_and_a_minute_is_enough(company: Company) -> None:
    browser = company.sign_in(company.hire()[1])
    query = "SELECT seen_at FROM user_sessions WHERE tenant_id = $1"
    tenant = company.place.tenant.id
    sql(company.place.running, "UPDATE user_sessions SET seen_at = seen_at - 600000 WHERE tenant_id = $1", tenant)
    before = rows(company.place.running, query, tenant)
    assert company.is_in(browser)
    after = rows(company.place.running, query, tenant)
    assert after[0][0] >= before[0][0] + 600_000
    assert company.is_in(browser)
    assert rows(company.place.running, query, tenant) == after, "a look within the minute writes nothing"


# -- forms -------------------------------------------------------------------------------------------------------------


def test_forms_need_the_token_of_the_session_and_this_site(company: Company) -> None:
    _, name = company.hire()
    browser, other = company.sign_in(name), company.sign_in(name)
    page = browser.get(company.home)
    token = str(page.all("//form[contains(@action, 'sign-out')]//input[@name='form_token']")[0].get("value"))
    (end,) = [each.get("action") for each in page.all("//form[contains(@action, '/sessions/')]")]
    for path in (f"{company.home}sign-out", str(end)):
        for sent in (None, "", "x", token[:-1], token + "x"):
            refused = browser.post(path, {} if sent is None else {"form_token": sent})
            assert refused.status == 403, path
            check_headers(refused.answer)
        assert browser.post(path, {"form_token": token}, headers=FROM_ELSEWHERE).status == 403
    assert company.is_in(browser)
    assert company.is_in(other)
    assert browser.post(str(end), {"form_token": token}).status == 303
    assert (company.is_in(browser), company.is_in(other)) == (True, False)
    assert browser.post(str(end), {"form_token": token}).status == 404, "it has ended already"


def test_nobody_ends_somebody_elses_session(company: Company) -> None:
    ana, bo = company.sign_in(company.hire()[1]), company.sign_in(company.hire()[1])
    page = ana.get(company.home)
    token = str(page.all("//input[@name='form_token']")[0].get("value"))
    query = "SELECT id FROM user_sessions WHERE tenant_id = $1 AND token_check = $2"
    ((of_bo,),) = rows(company.place.running, query, company.place.tenant.id, token_check(cookie_of(company, bo)))
    assert ana.post(f"{company.home}sessions/{of_bo}/end", {"form_token": token}).status == 404
    assert company.is_in(bo)


# -- where to sign in --------------------------------------------------------------------------------------------------


def test_people_are_led_by_the_domain_of_their_e_mail(company: Company) -> None:
    place = company.place

    async def second(context: Context) -> IdentityProvider:
        async with context.database.write(place.actor) as tx:
            provider = await configure.create_provider(tx, "Second", "generic")
            saml = SamlSettings(entity_id="urn:second", sso_url=SSO, certificates=(pair().pinned,))
            await saml_settings.take_details(tx, provider.id, saml)
            await saml_settings.change_sign_on(tx, provider.id, domains=("south.example",))
            await saml_settings.change_sign_on(tx, place.provider.id, domains=("north.example",))
            return provider

    other = place.running.act(second)
    browser = company.browser()
    page = browser.get(company.home)
    assert page.one("//input[@name='email']") is not None
    for email, provider_id in (
        ("ana@north.example", place.provider.id),
        ("Bo@South.Example ", other.id),
    ):
        led = browser.get(f"{company.home}?to=%2Fx&email={email.replace('@', '%40').replace(' ', '+')}", False)
        onward = f"/saml/{place.tenant.name}/{provider_id}/login?to=%2Fx"
        assert led.one("//meta[@http-equiv='refresh']").get("content") == f"0;url={onward}"
        assert led.link("Continue") == onward
    assert browser.get(f"{company.home}?to=%2Fx").value("to") == "/x", "and so it is kept"
    unknown = browser.get(company.home, email="zoe@west.example")
    assert "No identity provider here is known for zoe@west.example" in unknown.text
    hostile = browser.get(company.home, email="<script>alert(1)</script>@x")
    check_markup(hostile)


def test_an_identity_provider_that_is_not_set_up_signs_nobody_in(place: Place) -> None:
    bare = Company(place)
    browser = bare.browser()
    assert "Nobody can sign in here now" in browser.get(bare.home).text
    assert browser.get(f"{bare.stem}/login").status == 403
    bare.close()


def test_force_authn_context_and_request_signature_are_asked_for(company: Company) -> None:
    company.tie(force_authn=True, sign_requests=True, authn_context="urn:oasis:names:tc:SAML:2.0:ac:classes:X509")
    page = company.browser().get(f"{company.stem}/login", False)
    query = parse_qs(urlsplit(page.answer.headers["location"]).query)
    xml = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15).decode()
    assert 'ForceAuthn="true"' in xml
    assert "urn:oasis:names:tc:SAML:2.0:ac:classes:X509" in xml
    assert "Signature" in query
    assert query["SigAlg"] == ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]


def test_an_expired_certificate_of_a_pinned_key_warns_and_works(company: Company) -> None:
    old = pair("idp", begins=-3650, days=30)
    assert old.private is pair().private
    saml = SamlSettings(entity_id=IDP, sso_url=SSO, certificates=(old.pinned,))

    async def take(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            before = await configure.get_provider(tx, company.place.provider.id)
            await configure.change_provider(tx, before.id, saml=saml)

    company.place.running.act(take)
    assert company.is_in(company.sign_in(company.hire()[1]))


def test_what_is_refused_is_told_twice(company: Company) -> None:
    """To the person in a plain sentence with a reference, to the administrators in full."""
    _, name = company.hire()
    browser = company.browser()
    page = company.post(browser, company.response(name, company.begin(browser), issued=instant(-3600)))
    assert page.status == 403
    assert "could not be accepted" in page.text
    (event,) = company.place.events("login.refused")
    assert event["data"]["check"] == "Issued"
    assert event["data"]["wanted"].startswith("at most 10 minutes")
    assert event["data"]["name_id"] == ""
