"""Responses to sign-ins that are not known here, and refusals that say what to ask for."""

import pytest

from tests.saml.factory import signed
from tests.sign_in.company import SSO, Company, carried

UNKNOWN = "_tile-7f3a"


@pytest.mark.parametrize("choice", ["refuse", "accept", "restart"])
def test_a_response_to_an_unknown_sign_in_restarts_only_where_that_is_chosen(company: Company, choice: str) -> None:
    company.tie(unsolicited=choice)
    _, name = company.hire()
    browser = company.browser()
    page = company.post(browser, company.response(name, UNKNOWN))
    if choice == "restart":
        assert page.status == 303
        assert page.answer.headers["location"].startswith(f"{SSO}?SAMLRequest=")
    else:
        assert page.status == 403
    assert not company.is_in(browser)


@pytest.mark.parametrize("choice", ["refuse", "accept", "restart"])
def test_a_response_to_another_browser_s_sign_in_signs_nobody_in(company: Company, choice: str) -> None:
    company.tie(unsolicited=choice)
    _, name = company.hire()
    theirs, mine = company.browser(), company.browser()
    request = company.begin(theirs)
    company.begin(mine)
    page = company.post(mine, company.response(name, request))
    assert page.status == 403
    assert not company.is_in(mine)


def test_an_unsigned_response_is_told_with_where_to_have_it_signed(company: Company) -> None:

    _, name = company.hire()
    browser = company.browser()
    page = company.post(browser, carried(signed(company.said(name, company.begin(browser)), "none")))
    assert page.status == 403
    assert "set Response to Signed" in page.text
    assert company.place.events("login.refused")[-1]["data"]["check"] == "Signed"


def test_a_person_who_may_not_sign_in_is_told_what_to_ask_for(company: Company) -> None:
    user_id, name = company.hire()
    with company.place.client() as scim:
        operation = {"op": "replace", "path": "active", "value": False}
        schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
        scim.patch(f"/Users/{user_id}", json={"schemas": [schema], "Operations": [operation]})
    browser = company.browser()
    page = company.post(browser, company.response(name, company.begin(browser)))
    assert "Your account here is deactivated." in page.text
    assert company.place.events("login.refused")[-1]["data"]["check"] == "Deactivated"
