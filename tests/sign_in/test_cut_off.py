"""A sign-in that began before a person's access ended opens no session, and a deleted person is not created again by
signing in.
"""

import base64
from dataclasses import replace

import pytest

from tests.conftest import Place
from tests.saml.factory import sign, write
from tests.sign_in.company import FROM_ELSEWHERE, Company, carried, instant, resource
from tests.sign_in.test_ends import ENDINGS, give_back
from tests.sign_in.test_logout import ONE, SLO, set_sign_on
from tests.sign_in.test_under_way import anybody
from tests.sign_in.test_universal_logout import email, order
from vestibule.actions import applications, configure, person_sign_in
from vestibule.endpoints.context import Context
from vestibule.errors import WrongInput
from vestibule.model import RoleRules

ATTRIBUTES = "<saml:AttributeStatement>{}</saml:AttributeStatement>"


def of(**values: str) -> str:
    """An AttributeStatement."""
    return ATTRIBUTES.format(
        "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>'
            for name, value in values.items()
        )
    )


# -- a sign-in in progress ---------------------------------------------------------------------------------------------


PERSONAL = [ending for ending in ENDINGS if ending not in {"DELETE", "identity provider disabled", "tenant suspended"}]


@pytest.mark.parametrize("ending", PERSONAL)
def test_a_sign_in_that_is_under_way_opens_nothing_even_if_the_access_is_given_back(
    staff: Company, ending: str
) -> None:
    user_id, name = staff.hire()
    open_, late = staff.sign_in(name), staff.browser()
    request = staff.begin(late)
    message = staff.response(name, request)
    ENDINGS[ending](staff, user_id, name)
    give_back(ending, staff, user_id, name)
    page = staff.post(late, message)
    assert page.status == 403
    assert "Your sessions were ended while you signed in. Sign in again." in page.text
    assert not staff.is_in(late)
    assert not staff.is_in(open_)
    refused = staff.place.events("login.refused")[-1]
    assert (refused["data"]["check"], refused["subject"]) == ("Person", user_id)
    assert refused["data"]["reason"].startswith("the person's sessions were ended at ")
    assert staff.is_in(staff.sign_in(name, late)), "begun anew it is welcome"


def test_what_nobody_asked_for_counts_from_when_it_was_written(company: Company) -> None:
    company.tie(unsolicited="accept")
    _, name = company.hire()
    early = company.response(name, "", issued=instant(-2))
    assert order(company, email(name)).status_code == 204
    browser = company.browser()
    assert company.post(browser, early).status == 403
    assert company.post(browser, company.response(name, "", issued=instant(2))).status == 303
    assert company.is_in(browser)


# -- one browser, one session ------------------------------------------------------------------------------------------


def test_a_sign_in_ends_what_the_browser_was_signed_in_with(staff: Company) -> None:
    (_, ana), (_, ben) = staff.hire(), staff.hire()
    browser, elsewhere = staff.sign_in(ana), staff.sign_in(ana)
    names = [each for each in browser.cookies if each.startswith("vestibule") and not each.endswith("begun")]
    before = {name: browser.cookies[name] for name in names}
    assert len(before) == 2, "one in the console"
    staff.sign_in(ben, browser)
    stolen = staff.browser()
    for name, token in before.items():
        stolen.keep(token, name)
    assert not staff.is_in(stolen)
    assert not staff.is_in_console(stolen)
    assert staff.is_in(browser)
    assert staff.is_in(elsewhere), "another browser is another session"


# -- single logout finds who is meant ----------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ["", ONE], ids=["everything", "one session"])
def test_a_name_in_other_letters_is_the_same_person(company: Company, more: str) -> None:
    _, name = company.hire()
    browser = company.sign_in(name.upper(), session='SessionIndex="_one"')
    assert company.log_out(company.browser(), name.title(), more).status == 200
    assert not company.is_in(browser)


def test_who_has_another_name_now_is_meant_by_both(company: Company) -> None:
    user_id, name = company.hire()
    browsers = [company.sign_in(name)]
    with company.place.client() as scim:
        assert scim.put(f"/Users/{user_id}", json=resource(f"new-{name}")).status_code == 200
    browsers.append(company.sign_in(f"new-{name}"))
    assert company.log_out(company.browser(), name).status == 200
    assert not any(company.is_in(each) for each in browsers)


def test_nobody_is_not_told_as_done(company: Company) -> None:
    page = company.log_out(company.browser(), "nobody@north.example")
    assert "There were no sessions to end." in page.text
    set_sign_on(company, slo_url=SLO, slo_binding="post")
    page = company.log_out(company.browser(), "nobody@north.example")
    assert "UnknownPrincipal" in answer_of(page.value("SAMLResponse"))
    assert company.place.events("session.revoked") == []


def answer_of(message: str) -> str:
    """A message as a form carries it, as text."""
    return base64.b64decode(message).decode()


def test_answers_go_where_the_identity_provider_takes_answers(company: Company) -> None:
    set_sign_on(company, slo_url=SLO, slo_response_url=f"{SLO}/callback")
    _, name = company.hire()
    fields = {"SAMLRequest": carried(sign(company.logout_request(name)))}
    page = company.browser().post(f"{company.stem}/logout", fields, headers=FROM_ELSEWHERE)
    assert page.answer.headers["location"].startswith(f"{SLO}/callback?SAMLResponse=")


# -- what was asked for ------------------------------------------------------------------------------------------------


def test_force_authn_and_the_context_are_held_to(company: Company) -> None:
    company.tie(force_authn=True, authn_context="urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken")
    _, name = company.hire()
    browser = company.browser()
    assert company.post(browser, company.response(name, company.begin(browser))).status == 403
    assert company.place.events("login.refused")[-1]["data"]["check"] == "Authentication context"
    company.tie(force_authn=True, authn_context="")
    old = (
        f'<saml:AuthnStatement AuthnInstant="{instant(-2_592_000)}"><saml:AuthnContext><saml:AuthnContextClassRef>'
        "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>"
        "</saml:AuthnStatement>"
    )
    assert company.post(browser, company.response(name, company.begin(browser), statement=old)).status == 403
    assert company.place.events("login.refused")[-1]["data"]["check"] == "Authenticated again"
    assert company.is_in(company.sign_in(name, browser))


# -- created at the first sign-in --------------------------------------------------------------------------------------


def test_who_is_created_has_every_attribute_that_scim_has_a_name_for(company: Company) -> None:
    company.tie(just_in_time=True)
    told = {
        "firstName": "Ana",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname": "Reis",
        "title": "Pilot",
        "Department": "Bridge",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "7",
        "mobilePhone": "+351 21 555 0101",
        "active": "false",
        "password": "never kept",
        "groups": "everybody",
    }
    name = "ana.new@north.example"
    browser = company.sign_in(name, attributes=of(**told))
    profile = browser.get(f"{company.home}me").answer.json()["profile"]
    assert profile == {
        "userName": name,
        "email": name,
        "firstName": "Ana",
        "lastName": "Reis",
        "displayName": name,
        "title": "Pilot",
        "mobilePhone": "+351 21 555 0101",
        "department": "Bridge",
        "employeeNumber": "7",
    }


@pytest.mark.parametrize("blocked", [False, True])
def test_who_was_deleted_is_not_created_by_signing_in(company: Company, *, blocked: bool) -> None:
    """Neither the identity provider's word that they are gone is undone by it, nor an administrator's."""
    company.tie(just_in_time=True)
    user_id, name = company.hire()
    if blocked:
        ENDINGS["command line"](company, user_id, name)
    with company.place.client() as scim:
        assert scim.delete(f"/Users/{user_id}").status_code == 204
    browser = company.browser()
    page = company.post(browser, company.response(name.upper(), company.begin(browser)))
    assert page.status == 403
    assert "Your access here has ended." in page.text
    assert "was deleted at" in company.place.events("login.refused")[-1]["data"]["reason"]
    again, _ = company.hire(name)
    assert again != user_id
    assert company.is_in(company.sign_in(name, browser)), "provisioned again, they are welcome"


# -- floods ------------------------------------------------------------------------------------------------------------


def test_a_flood_of_messages_that_nobody_signed_is_counted(company: Company) -> None:
    browser = company.browser()
    for _ in range(50):
        assert company.post(browser, "eA==").status == 403
    told = company.place.events("login.refused")
    assert len(told) == 20
    assert {each["data"]["more"] for each in told} == {0}
    _, name = company.hire()
    with_a_name = company.response(name, company.begin(browser), recipient='Recipient="https://south.example"')
    assert company.post(browser, with_a_name).status == 403


def test_a_logout_that_nobody_signed_keeps_nobody_waiting(company: Company) -> None:
    crowded = "".join(f' a{number}="1"' for number in range(20_000))
    xml = write(company.logout_request("ana@north.example")).replace(
        b"<saml:Issuer>", f"<saml:Issuer{crowded}>".encode()
    )
    fields = {"SAMLRequest": base64.b64encode(xml).decode()}
    page = company.browser().post(f"{company.stem}/logout", fields, headers=FROM_ELSEWHERE)
    assert page.status == 400
    assert "at most 6,000 attributes" in company.place.events("revocation.refused")[-1]["data"]["reason"]


# -- settings ----------------------------------------------------------------------------------------------------------


def test_reading_the_metadata_again_refuses_nobody(company: Company, place: Place) -> None:
    """When it was read is no setting that a response is examined with."""
    _, name = company.hire()

    async def act(context: Context) -> None:
        async with context.database.write(place.actor) as tx:
            saml = (await configure.get_provider(tx, place.provider.id)).saml
            earlier = replace(saml, refreshed_at=7, refresh_failure="it did not answer")
            await person_sign_in.accept(tx, place.tenant, place.provider.id, earlier, anybody(name), None)

    place.running.act(act)


def test_role_rules_are_the_same_for_who_comes_anew(company: Company) -> None:
    async def make(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await configure.change_roles(tx, company.place.provider.id, RoleRules(default="guest"), "owner")

    company.tie(just_in_time=True)
    company.place.running.act(make)
    browser = company.sign_in("zoe.new@north.example")
    assert browser.get(f"{company.home}me").answer.json()["roles"] == ["guest"]


@pytest.mark.parametrize("wanted", ["https://nowhere.example/x", "//nowhere.example", "wiki", "javascript:alert(1)"])
def test_people_are_sent_nowhere_that_is_not_listed(company: Company, wanted: str) -> None:
    with pytest.raises(WrongInput, match="the URL of an application under"):
        set_sign_on(company, default_relay=wanted)


def test_people_are_sent_to_what_is_listed(company: Company) -> None:
    async def list_wiki(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await applications.save_application(tx, "Wiki", "https://wiki.north.example", "", "")

    company.place.running.act(list_wiki)
    set_sign_on(company, default_relay="https://wiki.north.example/start")
    browser = company.browser()
    _, name = company.hire()
    page = company.post(browser, company.response(name, company.begin(browser)))
    assert page.answer.headers["location"] == "https://wiki.north.example/start"
