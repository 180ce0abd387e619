"""What needs somebody, on Overview: in groups, each with the way to mend it, and gone once it is mended."""

import httpx2
import pytest

from tests.conftest import Place, on_both_engines
from tests.console.certificates import pem
from tests.console.conftest import Staff, in_tenant
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, until
from tests.sign_in.company import Company
from vestibule.actions import saml_settings
from vestibule.endpoints.context import Context
from vestibule.model import SamlSettings
from vestibule.saml.certificate import read_certificates
from vestibule.store.database import Tx

pytestmark = on_both_engines

ELSEWHERE = "<saml:AudienceRestriction><saml:Audience>https://south.example</saml:Audience></saml:AudienceRestriction>"


def needs(page: Page) -> list[str]:
    """The sentences under *What needs somebody*, without their times."""
    said = [" ".join(each.text_content().split()) for each in page.all("//ul[@class='needs']/li//p[1]")]
    return [each.partition(" last ")[0] for each in said]


def test_nothing_needs_anybody_at_first(staff: Staff, owner: Visitor) -> None:
    page = owner.get(staff.at(""))
    check_markup(page)
    assert needs(page) == []
    assert "What needs somebody Nothing." in page.text


def test_refusals_of_a_kind_are_one_group_and_go_with_a_success(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    for name in ("ana", "bo", "cy"):
        assert scim.post("/Users", json={"userName": f"{name}@north.example", "active": "maybe"}).status_code == 400
    assert scim.get("/Users", params={"filter": "nonsense"}).status_code == 400
    page = owner.get(staff.at(""))
    check_markup(page)
    told = needs(page)
    assert len(told) == 2
    assert any(each.startswith("3 requests from Okta were refused: ") for each in told), told
    assert any(each.startswith("1 request from Okta was refused: ") for each in told), told
    ways = [str(each.get("href")) for each in page.all("//ul[@class='needs']//a[normalize-space()='See an example']")]
    assert [owner.get(way).status for way in ways] == [200, 200]
    staff.provision(scim, userName="ana@north.example")
    assert needs(owner.get(staff.at(""))) == []


def test_what_is_about_one_person_goes_with_that_person_only(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, userName="ana@north.example")
    staff.provision(scim, userName="bo@north.example")
    for name in ("ana", "bo"):
        assert scim.post("/Users", json={"userName": f"{name}@north.example"}).status_code == 409
    assert needs(owner.get(staff.at("")))[0].startswith("2 requests from Okta were refused: ")
    assert scim.put(f"/Users/{ana['id']}", json={"userName": "ana@north.example", "title": "Lead"}).status_code == 200
    assert needs(owner.get(staff.at("")))[0].startswith("1 request from Okta was refused: ")


@pytest.fixture
def company(place: Place) -> Company:
    made = Company(place)
    made.tie()
    return made


def test_refused_sign_ins_lead_to_the_tab_where_they_are_mended(staff: Staff, owner: Visitor, company: Company) -> None:
    _, name = company.hire()
    for _ in range(2):
        browser = company.browser()
        wrong = company.response(name, company.begin(browser), audience=ELSEWHERE)
        assert company.post(browser, wrong).status == 403
    page = owner.get(staff.at(""))
    (told,) = needs(page)
    assert told.startswith("2 sign-ins with Okta were refused: "), told
    assert page.link("Mend") == f"{staff.provider}/sign-in"
    company.sign_in(name)
    assert needs(owner.get(staff.at(""))) == []
    company.close()


def test_a_refused_credential_goes_when_it_works_again(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    key, _ = staff.place.pair
    with staff.place.client(type(staff.place.pair)(key, "wrong")) as wrong:
        assert wrong.get("/Users").status_code == 401
    page = until(lambda: owner.get(staff.at("")), lambda page: bool(needs(page)))
    assert page.link("Mend") == f"{staff.provider}/provisioning"
    staff.provision(scim, userName="ana@north.example")
    assert needs(owner.get(staff.at(""))) == []


def test_certificates_that_end_stand_there(staff: Staff, owner: Visitor) -> None:
    both = pem(days=(-400, -1)) + pem(days=(-1, 20)) + pem(days=(-1, 400))

    async def take(tx: Tx, context: Context) -> None:
        del context
        saml = SamlSettings("urn:idp:south", "https://login.south.example/sso", read_certificates(both))
        await saml_settings.take_details(tx, staff.place.provider.id, saml)

    in_tenant(staff.place, take)
    page = owner.get(staff.at(""))
    assert needs(page) == ["1 certificate of Okta has expired.", "1 certificate of Okta expires within 30 days."]
    assert page.link("Mend") == f"{staff.provider}/sign-in"
