"""Whoever looks at a refusal in the activity log reads what to do, and a link leads to where it is done."""

from collections.abc import Callable

import httpx2
import pytest

from tests.console.certificates import metadata, pem
from tests.console.conftest import Staff
from tests.console.harmless import check_markup
from tests.console.test_attention import ELSEWHERE, needs
from tests.console.visitor import Page, Visitor
from tests.sign_in.company import Company
from vestibule.endpoints.console.sign_in_advice import mend_of_sign_in
from vestibule.vendors import VENDORS, Vendor


def newest(staff: Staff, visitor: Visitor, event_type: str) -> Page:
    """The page of the newest event of a type."""
    page = visitor.get(visitor.get(staff.at("activity"), type=event_type).entry(event_type))
    check_markup(page)
    return page


def try_to_sign_in(company: Company, name: str, **changes: str) -> Page:
    browser = company.browser()
    page = company.post(browser, company.response(name, company.begin(browser), **changes))
    assert page.status == 403
    assert isinstance(page, Page)
    return page


def block(staff: Staff, owner: Visitor, user_id: str) -> None:
    owner.submit(owner.get(staff.at("users", user_id)), "Block sign-in")


def deactivate(staff: Staff, _owner: Visitor, user_id: str) -> None:
    with staff.place.client() as scim:
        assert scim.put(f"/Users/{user_id}", json={"userName": "ana@north.example", "active": False}).status_code == 200


@pytest.mark.parametrize(
    ("act", "told", "advice"),
    [
        (
            block,
            (
                "An administrator has blocked your sign-in here. If that is not right, ask them to choose Let in again "
                "on your page under Users."
            ),
            (
                "Open the person under Users and choose Let in again. Until then their sign-ins are refused, whatever "
                "the identity provider says."
            ),
        ),
        (
            deactivate,
            "Your account here is deactivated. If that is not right, ask your administrator to assign you again.",
            (
                "Assign the person to the application at the identity provider, and check under Users that they are "
                "active again."
            ),
        ),
    ],
    ids=["blocked", "deactivated"],
)
def test_a_person_who_may_not_sign_in(
    staff: Staff, owner: Visitor, company: Company, act: Callable[[Staff, Visitor, str], None], told: str, advice: str
) -> None:
    user_id, _ = company.hire("ana@north.example")
    act(staff, owner, user_id)
    assert told in try_to_sign_in(company, "ana@north.example").text
    page = newest(staff, owner, "login.refused")
    assert advice in page.text
    assert page.link("Open the person") == staff.at("users", user_id)
    # The success of another person does not resolve it.
    company.sign_in(company.hire()[1])
    page = owner.get(staff.at(""))
    assert len(needs(page)) == 1
    assert page.link("Open the person", within="//ul[@class='needs']") == staff.at("users", user_id)


def test_an_identity_provider_that_is_disabled(staff: Staff, owner: Visitor, company: Company) -> None:
    owner.submit(owner.get(f"{staff.provider}/settings"), "Save settings", {"enabled": None})
    page = company.browser().get(f"{company.stem}/login")
    assert page.status == 403
    assert "Sign-in with Okta is switched off here. Ask your administrator to enable it." in page.text
    page = newest(staff, owner, "login.refused")
    assert "Enable the identity provider on its page here, under Settings." in page.text
    assert page.link("Mend") == f"{staff.provider}/settings"


def test_a_tenant_that_is_suspended_is_not_mended_here() -> None:
    for vendor in VENDORS:
        said = "The operator of this Vestibule has suspended the tenant. Ask them to resume it."
        assert mend_of_sign_in("Suspended", vendor) == said


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_what_is_wrong_in_a_sign_in_is_told_with_the_vendors_own_words(vendor: Vendor) -> None:
    screens = vendor.saml
    words = {
        "Destination": screens.acs_field,
        "Recipient": screens.acs_field,
        "Audience": screens.audience_field,
        "Signature": screens.certificates,
        "Signed": screens.signing,
        "Person": screens.name_id,
    }
    assert {check: word in mend_of_sign_in(check, vendor.name) for check, word in words.items()} == dict.fromkeys(
        words, True
    )
    assert screens.addresses in mend_of_sign_in("Audience", vendor.name)


def test_a_sign_in_that_is_for_somebody_else(staff: Staff, owner: Visitor, company: Company) -> None:
    _, name = company.hire()
    try_to_sign_in(company, name, audience=ELSEWHERE)
    assert newest(staff, owner, "login.refused").link("Mend") == f"{staff.provider}/sign-in"


def test_refused_requests(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(scim, userName="ana@north.example")
    assert scim.post("/Users", json={"userName": "ana@north.example"}).status_code == 409
    page = newest(staff, owner, "request.refused")
    assert page.link("Find the person") == f"{staff.at('users')}?q=ana%40north.example"
    assert owner.get(page.link("Find the person")).rows()[0].startswith("ana@north.example")
    assert scim.get("/Users", params={"filter": "nonsense"}).status_code == 400
    page = newest(staff, owner, "request.refused")
    assert "In Okta: check the expression" in page.text
    assert page.all("//main//a[@class='button']") == [], "it is mended in Okta"
    owner.submit(owner.get(f"{staff.provider}/provisioning"), "Save", {"provisioning": "off"})
    assert scim.post("/Users", json={"userName": "bo@north.example"}).status_code == 403
    assert newest(staff, owner, "request.refused").link("Mend") == f"{staff.provider}/provisioning"


def test_refused_requests_about_groups(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    assert scim.post("/Groups", json={"displayName": "Stores"}).status_code == 201
    assert scim.post("/Groups", json={"displayName": "stores"}).status_code == 409
    assert "There is a group of that name already. In Okta: link to it" in newest(staff, owner, "request.refused").text
    unknown = {"displayName": "Yard", "members": [{"value": "00000000-0000-7000-8000-000000000000"}]}
    assert scim.post("/Groups", json=unknown).status_code == 400
    assert "In Okta: assign the members to the application" in newest(staff, owner, "request.refused").text
    assert scim.get("/Groups/00000000-0000-7000-8000-000000000000").status_code == 404
    assert "In Okta: push the group again." in newest(staff, owner, "request.refused").text
    assert scim.get("/Groups", params={"filter": "nonsense"}).status_code == 400
    assert "In Okta: check the expression" in newest(staff, owner, "request.refused").text


@pytest.mark.parametrize(
    ("vendor", "again", "waits"),
    [
        ("entra", "In Microsoft Entra ID: press Restart provisioning", "Microsoft Entra ID tries again by itself."),
        ("keycloak", "In Keycloak: remove the provider", "Keycloak may not try again by itself."),
        ("generic", "In the identity provider: unassign the person", "The identity provider may not try again"),
    ],
)
def test_a_vendor_says_how_it_is_made_to_send_again(
    staff: Staff, owner: Visitor, scim: httpx2.Client, vendor: str, again: str, waits: str
) -> None:
    owner.submit(owner.get(f"{staff.provider}/settings"), "Save settings", {"vendor": vendor})
    assert scim.get("/Users/00000000-0000-7000-8000-000000000000").status_code == 404
    assert again in newest(staff, owner, "request.refused").text
    page = owner.submit(owner.get(f"{staff.provider}/provisioning"), "Save", {"provisioning": "paused"})
    assert ("keeps them and tries again by itself" in page.text) is (vendor == "entra")
    assert scim.post("/Users", json={"userName": "bo@north.example"}).status_code == 429
    assert waits in newest(staff, owner, "request.refused").text


def test_an_order_to_end_sessions(staff: Staff, owner: Visitor, company: Company) -> None:
    answer = company.browser().client.post(f"{company.stem}/global-token-revocation", json={"sub_id": {}})
    assert answer.status_code == 401
    page = newest(staff, owner, "revocation.refused")
    assert "The sessions that should have ended go on." in page.text
    assert page.link("Mend") == f"{staff.provider}/sign-in"
    overview = owner.get(staff.at(""))
    assert overview.link("Mend", within="//ul[@class='needs']") == f"{staff.provider}/sign-in"


def test_a_certificate_that_is_too_weak_is_left_out_and_told(staff: Staff, owner: Visitor) -> None:
    good, weak = pem(), pem("rsa1024", name="old.north.example")
    fields = {"way": "metadata", "metadata": metadata(weak, good)}
    page = owner.submit(owner.get(f"{staff.provider}/sign-in"), "Save SAML details", fields)
    assert page.notice.startswith("The SAML details are saved."), page.text
    (told,) = [each.text_content() for each in page.all("//dt[.='Certificate left out']/following-sibling::dd[1]")]
    assert told.startswith("too weak ")
    assert "2048" in told
    assert "1024" in told
    assert len(page.all("//dt[.='Certificate left out']")) == 1
