"""The Sign On tab, the sign-in page and the dashboard: in a real Chromium, and without script over plain HTTP."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.conftest import HANG
from tests.pocket_okta.provider_site import Site
from tests.pocket_okta.running import Okta
from tests.pocket_okta.service_provider import ACS, AUDIENCE, SLO, Provider, x5c
from tests.pocket_okta.visitor import Form, Visitor


@pytest.fixture
def site(okta: Okta) -> Iterator[Site]:
    with closing(Site(Provider(okta.app("wizard")))) as running:
        yield running


@pytest.fixture
def visitor(okta: Okta) -> Iterator[Visitor]:
    with Visitor(okta.url) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, okta: Okta) -> Iterator[Page]:
    """A page that fails its test if it meets a script error or a break of its Content-Security-Policy."""
    context = browser.new_context(base_url=okta.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(HANG * 1000)
    opened = context.new_page()
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    context.close()
    assert problems == []


def test_from_the_metadata_to_signed_out(okta: Okta, page: Page, site: Site) -> None:
    """The whole story with the mouse: read the SP's metadata, sign in by a tile, sign out, and the site hears of it."""
    ana = okta.person("Ana", "Reis")
    login = ana["profile"]["login"]
    app = site.provider.app
    app.assign(ana)
    page.goto(f"/applications/{app.id}/general")
    page.get_by_role("link", name="Sign On").click()
    expect(page.get_by_text("Nobody can sign in yet")).to_be_visible()
    page.get_by_label("SP metadata URL").fill(f"{site.url}/metadata")
    page.get_by_role("button", name="Read metadata").click()
    expect(page.locator(".notice[role]")).to_contain_text("metadata was read and saved")
    expect(page.locator("dl")).to_contain_text(f"{site.url}/acs")

    page.get_by_role("link", name="End user dashboard").first.click()
    page.get_by_label("Username").fill(login)
    page.get_by_role("button", name="Sign in").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name=app.label).click()
    expect(opened.value.get_by_role("heading")).to_have_text(f"Welcome {login}")
    ((read, relay_state),) = site.entered
    assert (read.name_id, relay_state) == (login, "")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("You are signed out")
    assert site.told.wait(HANG)
    assert site.left == [login]
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading")).to_have_text(app.label)
    page.goto("/app/UserHome")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_logout_at_one_site_reaches_the_other_and_comes_back(okta: Okta, page: Page, site: Site) -> None:
    ana = okta.person("Ana", "Reis")
    with closing(Site(Provider(okta.app("wizard")))) as other:
        for it in (site, other):
            it.provider.app.assign(ana)
            okta.call("POST", f"{it.provider.app.pocket}/sp-metadata", {"xml": it.metadata})
        page.goto("/login")
        page.get_by_label("Username").fill(ana["profile"]["login"])
        page.get_by_role("button", name="Sign in", exact=True).click()
        for it in (site, other):
            page.goto(it.provider.made["_links"]["appLinks"][0]["href"])
            expect(page.get_by_role("heading")).to_contain_text("Welcome")
        to = site.provider.endpoint("SingleLogoutService", "HTTP-Redirect")
        message = site.provider.logout_request(ana["profile"]["login"])[1]
        page.goto(site.provider.redirect(to, message, sign=True))
        expect(page.get_by_role("heading")).to_have_text("You are out")
        assert other.left == [ana["profile"]["login"]]
        assert site.left == []


def test_the_form_saves_everything(okta: Okta, page: Page) -> None:
    sp = Provider(okta.app("wizard"))
    page.goto(f"/applications/{sp.app.id}/sign-on?edit=1")
    page.get_by_label("Single sign-on URL").fill(ACS)
    page.get_by_label("Audience URI (SP Entity ID)").fill(AUDIENCE)
    page.get_by_label("Default RelayState").fill("/home")
    page.get_by_label("Name ID format").select_option("EmailAddress")
    page.get_by_label("Application username").select_option("Okta user id")
    page.get_by_text("Further addresses").click()
    page.get_by_label("Recipient URL").fill(f"{ACS}/r")
    page.get_by_label("Destination URL").fill(f"{ACS}/d")
    page.get_by_label("Other Requestable SSO URLs").fill(f"{ACS}/1\n{ACS}/2")
    page.get_by_label("Response", exact=True).select_option("Unsigned")
    page.get_by_label("Assertion Signature").select_option("Signed")
    page.get_by_label("Assertion Encryption").select_option("Encrypted, AES128-GCM")
    page.get_by_label("Signature Certificate", exact=True).fill(sp.certificate)
    page.get_by_label("Validate SAML requests").check()
    page.get_by_label("Honor Force Authentication").uncheck()
    page.get_by_label("Metadata publishes every certificate").check()
    page.get_by_label("Name 1", exact=True).fill("names")
    page.get_by_label("Name format 1", exact=True).select_option("Basic")
    page.get_by_label("Value 1", exact=True).fill('user.firstName, "a, b"')
    page.get_by_label("Group attribute name 1", exact=True).fill("groups")
    page.get_by_label("Filter 1", exact=True).select_option("Contains")
    page.get_by_label("Filter value 1", exact=True).fill("Crew")
    page.get_by_label("Allow application to initiate").check()
    page.get_by_label("Single Logout URL").fill(SLO)
    page.get_by_label("SP Issuer").fill(AUDIENCE)
    page.get_by_label("User logs out of other").check()
    page.get_by_label("Request binding type").select_option("HTTP-REDIRECT")
    page.get_by_label("Include user session details").uncheck()
    page.get_by_label("Okta system or admin initiates logout").check()
    page.get_by_label("Logout endpoint URL").fill("https://app.north.example/revoke")
    page.get_by_label("Subject format").select_option("Issuer and Subject Identifier")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice[role]")).to_contain_text("sign-on settings were saved")
    first = sp.made
    sign_on = first["settings"]["signOn"]
    assert {name: sign_on[name] for name in EXPECTED} == EXPECTED
    assert sign_on["spCertificate"] == {"x5c": [x5c(sp.certificate)]}
    assert first["universalLogout"]["subjectFormat"] == "ISS_SUB"
    assert first["settings"]["pocket"]["publishAllCertificates"] is True
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice[role]")).to_contain_text("sign-on settings were saved")
    again = sp.made
    assert {**again, "lastUpdated": ""} == {**first, "lastUpdated": ""}


_FORMAT = "urn:oasis:names:tc:SAML:2.0:attrname-format"
EXPECTED = {
    "ssoAcsUrl": ACS,
    "audience": AUDIENCE,
    "recipient": f"{ACS}/r",
    "destination": f"{ACS}/d",
    "defaultRelayState": "/home",
    "acsEndpoints": [{"url": f"{ACS}/1", "index": 1}, {"url": f"{ACS}/2", "index": 2}],
    "subjectNameIdFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "subjectNameIdTemplate": "${user.id}",
    "responseSigned": False,
    "assertionSigned": True,
    "samlSignedRequestEnabled": True,
    "honorForceAuthn": False,
    "attributeStatements": [
        {
            "type": "EXPRESSION",
            "name": "names",
            "namespace": f"{_FORMAT}:basic",
            "values": ["user.firstName", '"a, b"'],
        },
        {
            "type": "GROUP",
            "name": "groups",
            "namespace": f"{_FORMAT}:unspecified",
            "filterType": "CONTAINS",
            "filterValue": "Crew",
        },
    ],
    "assertionEncryption": {
        "enabled": True,
        "encryptionAlgorithm": "AES128_GCM",
        "keyTransportAlgorithm": "RSA_OAEP",
        "x5c": [],
    },
    "slo": {"enabled": True, "issuer": AUDIENCE, "logoutUrl": SLO},
    "participateSlo": {
        "enabled": True,
        "logoutRequestUrl": None,
        "sessionIndexRequired": False,
        "bindingType": "REDIRECT",
    },
}


def test_certificates_roll_over_with_a_click(okta: Okta, page: Page) -> None:
    sp = Provider(okta.app()).connect()
    first = sp.certificates()
    page.goto(f"/applications/{sp.app.id}/sign-on")
    page.get_by_role("button", name="Generate new certificate").click()
    expect(page.locator(".notice[role]")).to_contain_text("signs nothing until it is activated")
    assert sp.certificates() == first
    page.get_by_role("button", name="Activate").click()
    expect(page.locator(".notice[role]")).to_contain_text("it signs from now on")
    assert sp.certificates() != first
    rows = page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Active")
    expect(rows.nth(2)).to_contain_text("Inactive")
    url = page.get_by_label("Metadata URL", exact=True).input_value()
    assert url == sp.made["_links"]["metadata"]["href"]


def test_everything_works_without_script(browser: Browser, okta: Okta, site: Site) -> None:
    ana = okta.person("Ana", "Reis")
    site.provider.app.assign(ana)
    okta.call("POST", f"{site.provider.app.pocket}/sp-metadata", {"xml": site.metadata})
    context = browser.new_context(base_url=okta.url, java_script_enabled=False)
    context.set_default_timeout(HANG * 1000)
    page = context.new_page()
    page.goto(site.provider.made["_links"]["appLinks"][0]["href"])
    page.get_by_label("Username").fill(ana["profile"]["login"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading")).to_contain_text("Welcome")
    page.goto("/app/UserHome")
    page.get_by_role("button", name="Sign out").click()
    page.frame_locator("iframe").get_by_role("button", name="Continue").click()
    expect(page.frame_locator("iframe").get_by_text("You are signed out there.")).to_be_visible()
    assert site.left == [ana["profile"]["login"]]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_person_fit_a_phone(okta: Okta, browser: Browser, site: Site, scheme: str) -> None:
    long = "averylongnamewithoutanyblanks" * 3
    ana = okta.person("Ana", long, login=f"{long}.{scheme}@north.example")
    site.provider.app.assign(ana)
    refused = okta.app()
    context = browser.new_context(
        base_url=okta.url, viewport={"width": 360, "height": 740}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.set_default_timeout(HANG * 1000)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Username").fill(ana["profile"]["login"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    refused_path = f"/app/scim2basicauth/exk{refused.id[3:]}/sso/saml"
    for path in ("/app/UserHome", "/login", refused_path, f"/applications/{site.provider.app.id}/sign-on"):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
        assert page.get_by_role("heading", level=1).count() == 1
    context.close()


def post(visitor: Visitor, path: str, **fields: str) -> str:
    page = visitor.send(Form(f"{visitor.okta}{path}", "POST", fields))
    return page.text


def test_what_is_wrong_stands_beside_the_field(okta: Okta, visitor: Visitor) -> None:
    app = okta.app()
    path = f"applications/{app.id}/sign-on"
    wrong = post(visitor, path, ssoAcsUrl="nowhere", audience=AUDIENCE, name0="email", value0="user.email")
    assert "Single sign-on URL: wanted an http or https address" in wrong
    assert 'aria-invalid="true"' in wrong
    assert 'value="user.email"' in wrong
    for fields, sentence in (
        ({"name0": "x", "value0": "user.shoeSize"}, "wanted user.&lt;attribute&gt;"),
        ({"name0": "x", "value0": ""}, "has no value"),
        ({"name0": "x", "value0": "user.email", "groupName0": "x", "groupValue0": "y"}, "no other statement has"),
        ({"groupName0": "x", "groupValue0": "(", "groupFilter0": "REGEX"}, "is no regular expression"),
        ({"groupName0": "x"}, "has no filter value"),
        ({"spCertificate": "hello"}, "wanted a certificate in PEM"),
        ({"encryptionAlgorithm": "AES256_CBC"}, "wanted the application&#39;s certificate"),
        ({"encryptionAlgorithm": "DES"}, "encryptionAlgorithm: wanted one of"),
        ({"samlSignedRequestEnabled": "on"}, "wanted the certificate that SAML requests are signed with"),
        ({"sloEnabled": "on", "logoutUrl": SLO}, "wanted a Single Logout URL, an SP Issuer and"),
        ({"participateSlo": "on"}, "Logout request URL: The field cannot be left blank"),
        ({"universalLogout": "on"}, "Logout endpoint URL: The field cannot be left blank"),
    ):
        assert sentence in post(visitor, path, ssoAcsUrl=ACS, audience=AUDIENCE, **fields), sentence
    assert okta.call("GET", app.path)["settings"]["signOn"]["ssoAcsUrl"] is None


BAD_METADATA = {
    "": "wanted an address or the XML itself",
    "hello": "wanted well-formed XML",
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x"><x/>': "without a document type declaration",
    "<x/>": "wanted SAML metadata with one EntityDescriptor",
    '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"/>': "no SPSSODescriptor",
}


@pytest.mark.parametrize("document", BAD_METADATA)
def test_metadata_that_is_none(okta: Okta, visitor: Visitor, document: str) -> None:
    page = post(visitor, f"applications/{okta.app().id}/sign-on/metadata", spMetadata=document)
    assert BAD_METADATA[document] in page


def test_metadata_that_lacks_something(okta: Okta, visitor: Visitor, site: Site) -> None:
    path = f"applications/{okta.app().id}/sign-on/metadata"
    no_acs = re.sub(r"<md:AssertionConsumerService[^>]*/>", "", site.metadata)
    assert "AssertionConsumerService with the HTTP-POST binding" in post(visitor, path, spMetadata=no_acs)
    weak = re.sub(r"(?<=<ds:X509Certificate>)[^<]*", "AAAA", site.metadata)
    assert "wanted a certificate in PEM" in post(visitor, path, spMetadata=weak)
    assert "could not be read" in post(visitor, path, spMetadataUrl="http://127.0.0.1:9/metadata")
    assert "wanted an http or https address" in post(visitor, path, spMetadataUrl="file:///etc/passwd")
    md = "urn:oasis:names:tc:SAML:2.0:metadata"
    wrapped = f'<md:EntitiesDescriptor xmlns:md="{md}">{site.metadata}</md:EntitiesDescriptor>'
    assert "was read and saved" in post(visitor, path, spMetadata=wrapped)


def test_an_address_that_asks_for_no_credentials_gets_none(okta: Okta, site: Site, visitor: Visitor) -> None:
    app = okta.app()
    post(visitor, f"applications/{app.id}/sign-on/metadata", spMetadataUrl=f"{site.url}/metadata")
    (exchange,) = app.exchanges()
    assert (exchange["method"], exchange["url"], exchange["status"]) == ("GET", f"{site.url}/metadata", 200)
    assert "authorization" not in {name.lower() for name, _ in exchange["requestHeaders"]}


def test_clear_sessions_on_the_screen(okta: Okta, visitor: Visitor) -> None:
    ana = okta.person("Ana")
    path = f"directory/people/{ana['id']}"
    assert "Not signed in anywhere." in visitor.open(path).text
    visitor.sign_in(ana["profile"]["login"])
    assert "Signed in with one browser." in visitor.open(path).text
    assert "The sessions were ended." in post(visitor, f"{path}/sessions/clear")
    assert "/login" in visitor.open("/app/UserHome").url


def test_the_sign_in_page_says_who_it_does_not_know(okta: Okta, visitor: Visitor) -> None:
    page = visitor.sign_in("<b>nobody@north.example")
    assert page.status == 400
    assert "there is no such person" in page.text
    assert "<b>nobody" not in page.text
    form = Form(f"{okta.url}login", "POST", {"username": okta.person("Ana")["profile"]["login"]})
    assert visitor.send(form, "https://evil.example/").status == 403
