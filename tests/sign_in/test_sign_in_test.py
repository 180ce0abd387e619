"""The console's "Test sign-in": the whole way to the identity provider and back, which opens nothing for anybody and
shows what was found; and a certificate that is tried before it is in force.
"""

from collections.abc import Iterator
from html import escape
from typing import Any

import pytest

from tests.conftest import on_both_engines
from tests.console.conftest import hire, in_tenant, open_session, rows
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, apart, words
from tests.saml.factory import IDP, named, signed
from tests.saml.keys import Pair, pair
from tests.sign_in.company import SSO, Company, carried, instant, request_of
from vestibule.actions import configure, people, saml_settings
from vestibule.endpoints.context import Context
from vestibule.model import AdministratorRole, RoleRules
from vestibule.store.database import Tx


def administrator(company: Company, role: AdministratorRole = "admin") -> Visitor:
    """Somebody who administers the tenant, with a password here."""
    browser = company.browser()
    browser.take(open_session(company.place.running, hire(company.place.running, company.place.tenant.id, role)))
    return browser


@pytest.fixture
def admin(company: Company) -> Visitor:
    return administrator(company)


@pytest.fixture
def others(company: Company) -> Iterator[Company]:
    """Another tenant, set up as well."""
    made = Company(company.place.running.new_tenant())
    made.tie()
    yield made
    made.close()


def provider_at(company: Company, *parts: str) -> str:
    at = f"/console/{company.place.tenant.name}/identity-providers/{company.place.provider.id}"
    return "/".join((at, *parts))


def begin(company: Company, browser: Visitor) -> str:
    """Press Test sign-in; the id of the request that comes to the identity provider."""
    page = browser.get(provider_at(company, "sign-in-test"), False)
    assert page.status == 303, page.text
    assert page.answer.headers["location"].startswith(f"{SSO}?SAMLRequest=")
    return request_of(page.answer.headers["location"])


def answer(company: Company, browser: Visitor, name: str, by: Pair | None = None, **changes: Any) -> str:
    """Test sign-in up to where the result is shown; its path."""
    request_id = begin(company, browser)
    message = carried(signed(company.said(name, request_id, **changes), "assertion", by))
    page = company.post(browser, message)
    assert page.status == 303, page.text
    path = page.answer.headers["location"]
    assert path == provider_at(company, "sign-in-test", request_id)
    assert "set-cookie" not in page.answer.headers, "nobody is signed in"
    return str(path)


def try_it(company: Company, browser: Visitor, name: str, by: Pair | None = None, **changes: Any) -> Page:
    """The same, and look at the result."""
    page = browser.get(answer(company, browser, name, by, **changes))
    assert page.status == 200
    check_markup(page)
    return page


def checks(page: Page) -> dict[str, str]:
    """Every check that is shown, with its verdict."""
    cells = [[words(cell) for cell in row.xpath("./td")] for row in page.all("//table/tbody/tr")]
    return {check: verdict for check, verdict, *_ in cells}


def nothing_opened(company: Company) -> None:
    """A test opens no session, creates nobody, and counts as no sign-in."""
    running, tenant = company.place.running, company.place.tenant.id
    assert rows(running, "SELECT 1 FROM user_sessions WHERE tenant_id = $1", tenant) == []
    assert rows(running, "SELECT 1 FROM administrators WHERE tenant_id = $1 AND user_id <> ''", tenant) == []
    told = [each["type"] for each in company.place.events()]
    assert not {"user.signed_in", "login.refused"} & set(told)


# -- what is shown -----------------------------------------------------------------------------------------------------


@on_both_engines
def test_everything_passes_and_nobody_is_signed_in(company: Company, admin: Visitor) -> None:
    async def make_staff(tx: Tx, _context: Context) -> None:
        await configure.change_roles(tx, company.place.provider.id, RoleRules(default="console-owner"), "owner")

    user_id, name = company.hire()
    groups = '<saml:Attribute Name="crew"><saml:AttributeValue>Front &amp; desk</saml:AttributeValue></saml:Attribute>'
    in_tenant(company.place, make_staff)
    browser = administrator(company, "owner")
    page = try_it(company, browser, name, attributes=f"<saml:AttributeStatement>{groups}</saml:AttributeStatement>")
    assert page.notice == "All checks passed. A sign-in like this would succeed."
    assert page.link(name) == f"/console/{company.place.tenant.name}/users/{user_id}"
    assert "crew Front & desk" in apart(page.one("//main"))
    assert set(checks(page).values()) == {"passed"}
    assert {"Signature", "Issuer", "Audience", "Recipient", "Time of the Conditions"} <= set(checks(page))
    assert f">{name}</saml:NameID>" in words(page.one("//details/pre")), "the assertion as it was read"
    nothing_opened(company)
    assert not company.is_in(browser)
    del admin


@pytest.mark.parametrize(
    ("changes", "failed", "came", "mend"),
    [
        (
            {
                "audience": "<saml:AudienceRestriction><saml:Audience>urn:south</saml:Audience>"
                "</saml:AudienceRestriction>"
            },
            "Audience",
            "urn:south",
            "the Audience URI (SP Entity ID)",
        ),
        ({"recipient": 'Recipient="https://south.example/acs"'}, "Recipient", "https://south.example/acs", "Recipient"),
        ({"issuer": "<saml:Issuer>urn:south</saml:Issuer>"}, "Issuer", "urn:south", "Paste the metadata"),
        (
            {"times": f'NotBefore="{instant(-900)}" NotOnOrAfter="{instant(-600)}"'},
            "Time of the Conditions",
            "",
            "Compare the clocks",
        ),
    ],
    ids=["audience", "recipient", "issuer", "times"],
)
def test_a_check_that_fails_is_shown_with_its_words(
    company: Company, admin: Visitor, changes: dict[str, Any], failed: str, came: str, mend: str
) -> None:
    """Beside all the others: what was wanted, what came, and where to mend it."""
    _, name = company.hire()
    page = try_it(company, admin, name, **changes)
    assert checks(page).pop(failed) == "failed"
    assert [verdict for verdict in checks(page).values() if verdict != "passed"] == ["failed"]
    row = page.one(f"//tr[td[normalize-space()='{failed}']]")
    assert came in words(row)
    assert mend in words(row)
    assert f"1 of {len(checks(page))} checks failed. A sign-in like this would be refused." in page.notice
    nothing_opened(company)


def test_a_signature_of_another_key_is_shown(company: Company, admin: Visitor) -> None:
    _, name = company.hire()
    page = try_it(company, admin, name, pair("stranger"))
    assert checks(page)["Signature"] == "failed"
    assert "see which certificate is active" in page.text
    assert page.all("//details/pre") == [], "what nobody signed is not read"
    assert name not in page.text
    nothing_opened(company)


def test_who_may_not_sign_in_is_told_apart(company: Company, admin: Visitor) -> None:
    (first, gone), (second, blocked) = company.hire(), company.hire()

    async def block(tx: Tx, _context: Context) -> None:
        await people.block(tx, second)

    with company.place.client() as scim:
        assert scim.put(f"/Users/{first}", json={**scim.get(f"/Users/{first}").json(), "active": False}).is_success
    in_tenant(company.place, block)
    assert f"The response is valid, but {gone} is deactivated." in try_it(company, admin, gone).notice
    assert f"The response is valid, but {blocked} is blocked here." in try_it(company, admin, blocked).notice
    page = try_it(company, admin, "nobody@north.example")
    assert "The response is valid, but nobody here has this NameID." in page.notice
    assert "no provisioned person has this userName" in page.text
    nothing_opened(company)


def test_nobody_is_created_by_a_test(company: Company, admin: Visitor) -> None:
    async def change(tx: Tx, _context: Context) -> None:
        await saml_settings.change_sign_on(tx, company.place.provider.id, just_in_time=True)

    in_tenant(company.place, change)
    page = try_it(company, admin, "fresh@north.example")
    assert "somebody new, created at this sign-in" in page.text
    with company.place.client() as scim:
        assert scim.get("/Users").json()["totalResults"] == 0
    nothing_opened(company)


def test_what_the_identity_provider_says_is_shown_as_text(company: Company, admin: Visitor) -> None:
    evil = '<script>alert("1")</script>'
    attributes = (
        f'<saml:AttributeStatement><saml:Attribute Name="{escape(evil)}"><saml:AttributeValue>{escape(evil)}'
        "</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    )
    page = try_it(company, admin, "x", name_id=named(evil), attributes=attributes)
    assert page.all("//main//script") == []
    assert page.text.count(evil) >= 3


def test_one_that_is_disabled_can_be_tested_before_it_is_enabled(company: Company, admin: Visitor) -> None:
    _, name = company.hire()

    async def disable(tx: Tx, _context: Context) -> None:
        await configure.change_provider(tx, company.place.provider.id, enabled=False)

    in_tenant(company.place, disable)
    assert "All checks passed" in try_it(company, admin, name).notice
    assert company.browser().get(f"{company.stem}/login").status == 403
    assert (
        rows(company.place.running, "SELECT 1 FROM user_sessions WHERE tenant_id = $1", company.place.tenant.id) == []
    )


def test_before_anything_came_back_the_page_says_so(company: Company, admin: Visitor) -> None:
    page = admin.get(provider_at(company, "sign-in-test", begin(company, admin)))
    check_markup(page)
    assert "Nothing has come back from Okta yet." in page.text


# -- whose it is -------------------------------------------------------------------------------------------------------


def test_a_result_is_of_one_test(company: Company, admin: Visitor) -> None:
    """What was sent once changes nothing when it comes again, in the administrator's browser or another one's."""
    _, name = company.hire()
    request_id = begin(company, admin)
    message = company.response(name, request_id)
    other = company.browser()
    assert company.post(other, message).status == 403
    path = provider_at(company, "sign-in-test", request_id)
    assert "Nothing has come back" in admin.get(path).text
    assert company.post(admin, message).status == 303
    shown = admin.get(path).text
    assert company.post(admin, company.response("nobody@north.example", request_id)).status == 403
    assert admin.get(path).text == shown
    assert (
        rows(company.place.running, "SELECT 1 FROM user_sessions WHERE tenant_id = $1", company.place.tenant.id) == []
    )


def test_nobody_of_another_tenant_sees_it(company: Company, others: Company, admin: Visitor) -> None:
    _, name = company.hire()
    path = answer(company, admin, name)
    stranger = administrator(others, "owner")
    theirs = path.replace(company.stem.partition("/saml/")[2].partition("/")[0], others.place.tenant.name)
    for address in (path, theirs, theirs.replace(company.place.provider.id, others.place.provider.id)):
        page = stranger.get(address)
        assert page.status == 404
        assert name not in page.source
    nobody = company.browser().get(path)
    assert (nobody.heading, name in nobody.source) == ("Sign in", False)
    assert administrator(company, "auditor").get(path).status == 200, "everybody who administers here"


def test_it_is_seen_under_its_own_identity_provider_only(company: Company, admin: Visitor) -> None:
    _, name = company.hire()
    path = answer(company, admin, name)

    async def another(tx: Tx, _context: Context) -> str:
        return (await configure.create_provider(tx, "Entra", "entra")).id

    other = in_tenant(company.place, another)
    assert admin.get(path.replace(company.place.provider.id, other)).status == 404


def test_a_sign_in_is_no_test(company: Company, admin: Visitor) -> None:
    """The id of somebody's sign-in shows nothing."""
    request_id = company.begin(company.browser())
    assert admin.get(provider_at(company, "sign-in-test", request_id)).status == 404


def test_an_auditor_begins_none(company: Company) -> None:
    assert administrator(company, "auditor").get(provider_at(company, "sign-in-test"), False).status == 403


def test_one_that_is_not_set_up_is_not_tested(company: Company, admin: Visitor) -> None:
    async def another(tx: Tx, _context: Context) -> str:
        return (await configure.create_provider(tx, "Entra", "entra")).id

    other = in_tenant(company.place, another)
    page = admin.get(provider_at(company, "sign-in-test").replace(company.place.provider.id, other))
    assert "A sign-in test is not possible: Entra has no SSO URL or no certificate here." in page.text


def test_who_would_be_created_is_told_so_and_nothing_else(company: Company, admin: Visitor) -> None:
    company.tie(just_in_time=True)
    page = try_it(company, admin, "zoe.new@north.example")
    assert page.notice == "All checks passed. A sign-in like this would succeed."
    assert "somebody new, created at this sign-in" in page.text
    nothing_opened(company)


# -- a certificate before it is in force -------------------------------------------------------------------------------


@on_both_engines
def test_a_new_certificate_is_tried_and_then_put_into_force(company: Company, admin: Visitor) -> None:
    _, name = company.hire()
    new = pair("next")

    def signs_in() -> bool:
        browser = company.browser()
        said = company.said(name, company.begin(browser))
        return bool(company.post(browser, carried(signed(said, "assertion", new))).status == 303)

    def change(act: str, **fields: str) -> Page:
        token = admin.form_token
        path = provider_at(company, "certificates")
        return admin.post(path, {"act": act, "form_token": token, **fields}, follow=True)

    assert not signs_in()
    assert checks(try_it(company, admin, name, new))["Signature"] == "failed"

    assert change("add", candidate=new.pem).status == 200
    assert not signs_in(), "nobody but a test accepts it"
    page = try_it(company, admin, name, new)
    assert set(checks(page).values()) == {"passed"}
    assert "with a certificate that is not in use yet" in page.notice
    assert "All checks passed. A sign-in like this" in try_it(company, admin, name).notice, "the one in force"
    _, gone = company.hire(active=False)
    refused = try_it(company, admin, gone, new)
    assert f"The response is valid, but {gone} is deactivated. A sign-in like this would be refused." in refused.notice

    assert change("use", fingerprint=new.pinned.fingerprint).status == 200
    assert signs_in()
    assert company.is_in(company.sign_in(name)), "and so does the old one"
    assert "not in use yet" not in try_it(company, admin, name, new).notice

    assert change("remove", fingerprint=pair().pinned.fingerprint).status == 200
    assert signs_in()
    browser = company.browser()
    assert company.post(browser, company.response(name, company.begin(browser))).status == 403
    last = change("remove", fingerprint=new.pinned.fingerprint)
    assert "This is the only certificate in force" in last.text
    assert signs_in()


def test_a_certificate_that_was_tried_can_be_thrown_away(company: Company, admin: Visitor) -> None:
    token, path = admin.form_token, provider_at(company, "certificates")
    new = pair("next")
    for act, field, value in (("add", "candidate", new.pem), ("remove", "fingerprint", new.pinned.fingerprint)):
        assert admin.post(path, {"act": act, field: value, "form_token": token}).status == 303
    _, name = company.hire()
    assert checks(try_it(company, admin, name, new))["Signature"] == "failed"
    refused = admin.post(path, {"act": "use", "fingerprint": new.pinned.fingerprint, "form_token": token})
    assert "There is no such certificate waiting." in refused.text


@pytest.mark.parametrize("wrong", ["known", "none", "twice", "act"])
def test_a_certificate_that_cannot_be_tried_is_refused_in_words(company: Company, admin: Visitor, wrong: str) -> None:
    token, path = admin.form_token, provider_at(company, "certificates")
    fields = {
        "known": {"act": "add", "candidate": pair().pem},
        "none": {"act": "add", "candidate": "nothing"},
        "twice": {"act": "add", "candidate": pair("next").pem},
        "act": {"act": "burn"},
    }[wrong]
    if wrong == "twice":
        assert admin.post(path, {**fields, "form_token": token}).status == 303
    page = admin.post(path, {**fields, "form_token": token})
    wanted = {"none": "certificate", "act": "What to do should be add, use or remove; got 'burn'."}
    assert wanted.get(wrong, "That certificate is already known.") in page.text
    assert page.status == 200 or page.status >= 400
    assert IDP in page.source
