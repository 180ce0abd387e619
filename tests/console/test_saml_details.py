"""Replacing SAML details: one way is chosen, what goes and what comes is shown, and only what was seen is saved."""

from tests.console.certificates import fingerprint, metadata, pem
from tests.console.conftest import Staff, in_tenant
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, words
from vestibule.actions import configure, saml_settings
from vestibule.endpoints.context import Context
from vestibule.model import SamlSettings
from vestibule.saml.certificate import read_certificates
from vestibule.store.database import Tx

URL = "https://login.north.example/metadata"
SSO = "https://login.north.example/sso"


def tie(staff: Staff, *certificates: str, url: str = URL) -> SamlSettings:
    async def act(tx: Tx, _: Context) -> SamlSettings:
        saml = SamlSettings("urn:idp:north", SSO, read_certificates("\n".join(certificates)), metadata_url=url)
        return (await configure.change_provider(tx, staff.place.provider.id, saml=saml)).saml

    return in_tenant(staff.place, act)


def kept(staff: Staff) -> SamlSettings:
    async def act(tx: Tx, _: Context) -> SamlSettings:
        return (await configure.get_provider(tx, staff.place.provider.id)).saml

    return in_tenant(staff.place, act)


def ask(staff: Staff, visitor: Visitor, **fields: str) -> Page:
    return visitor.submit(visitor.get(f"{staff.provider}/sign-in"), "Show what would change", fields)


def happens(page: Page) -> dict[str, str]:
    """What happens to each certificate, by its fingerprint."""
    found = {}
    for row in page.all("(//table)[2]/tbody/tr"):
        found[words(row).rpartition("SHA-256 ")[2][:64]] = words(row).partition(" ")[0].partition("CN=")[0]
    return found


def test_what_was_filled_in_takes_the_place_of_the_metadata_url(staff: Staff, owner: Visitor) -> None:
    """The metadata URL won, and what was typed was ignored; the earlier certificates piled up beside the new one."""
    old, new = pem(), pem()
    tie(staff, old)
    page = ask(staff, owner, way="hand", entity_id="urn:idp:north", sso_url=f"{SSO}/2", certificate=new)
    check_markup(page)
    assert kept(staff).sso_url == SSO, "nothing is saved before it was seen"
    assert happens(page) == {fingerprint(new): "comes", fingerprint(old): "goes"}
    assert page.rows() == [
        "Entity ID (Issuer) | urn:idp:north | as before",
        f"SSO URL | {SSO} | {SSO}/2",
        f"Metadata URL | {URL} | none",
    ]
    assert "The details will no longer be read again every hour" in page.text
    page = owner.submit(page, "Replace SAML details")
    assert page.notice.startswith("The SAML details are saved.")
    now = kept(staff)
    assert (now.sso_url, now.metadata_url) == (f"{SSO}/2", "")
    assert [each.fingerprint for each in now.certificates] == [fingerprint(new)]
    (change,) = staff.place.events("identity_provider.changed")[-1]["data"]["changes"]
    assert change["before"]["metadata URL"] == URL
    assert change["after"]["metadata URL"] == ""


def test_an_earlier_certificate_can_be_kept(staff: Staff, owner: Visitor) -> None:
    old, older, new = pem(), pem(), pem()
    tie(staff, old, older, url="")
    text = metadata(new, old, entity_id="urn:idp:north", location=SSO)
    page = ask(staff, owner, way="metadata", metadata=text)
    assert happens(page) == {fingerprint(new): "comes", fingerprint(old): "stays", fingerprint(older): "goes"}
    fields = dict(page.form("Replace SAML details").form_values())
    owner.post(f"{staff.provider}/saml/confirm", {**fields, "keep": fingerprint(older)})
    assert [each.fingerprint for each in kept(staff).certificates] == list(map(fingerprint, (new, old, older)))


def test_what_somebody_else_changed_meanwhile_is_shown_again(staff: Staff, owner: Visitor) -> None:
    old, new = pem(), pem()
    tie(staff, old)
    page = ask(staff, owner, way="hand", entity_id="urn:idp:north", sso_url=SSO, certificate=new)

    async def meanwhile(tx: Tx, _: Context) -> None:
        await saml_settings.take_details(tx, staff.place.provider.id, SamlSettings("urn:idp:south", SSO, kept_ones))

    kept_ones = read_certificates(pem())
    in_tenant(staff.place, meanwhile)
    again = owner.submit(page, "Replace SAML details")
    assert again.status == 400
    assert "were changed by somebody else meanwhile" in again.notice
    assert "Entity ID (Issuer) | urn:idp:south | urn:idp:north" in again.rows()
    assert kept(staff).entity_id == "urn:idp:south"
    assert owner.submit(again, "Replace SAML details").status == 200
    assert kept(staff).entity_id == "urn:idp:north"


def test_the_same_details_change_nothing(staff: Staff, owner: Visitor) -> None:
    old = pem()
    tie(staff, old, url="")
    before = staff.count_events()
    page = ask(staff, owner, way="hand", entity_id="urn:idp:north", sso_url=SSO, certificate=old)
    assert page.notice == "Nothing was changed."
    assert staff.count_events() == before


def test_a_way_without_its_field_is_refused_in_words(staff: Staff, owner: Visitor) -> None:
    """No other way is tried: what was chosen is what counts."""
    tie(staff, pem(), url="")
    page = ask(staff, owner, way="url", entity_id="urn:idp:south", sso_url=SSO, certificate=pem())
    assert (page.status, page.problem("metadata_url")) == (400, "Expected a metadata URL; got nothing.")
    token = {"form_token": owner.form_token}
    page = owner.post(f"{staff.provider}/saml", {**token, "way": "pigeon"})
    assert page.status == 400
    assert kept(staff).entity_id == "urn:idp:north"
