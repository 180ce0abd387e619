"""A form that needs a recent sign-in waits while its sender confirms who they are, and nothing is typed twice."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.console.certificates import metadata, pem
from tests.console.conftest import PASSWORD, Staff, equip, rows, sql
from tests.console.test_saml_details import kept as saml_of
from tests.console.visitor import Page, Visitor
from vestibule.keys import token_check
from vestibule.limits import KEPT_FORM_SECONDS

AGED = "UPDATE sessions SET created_at = 0 WHERE token_check = $1"
SSO = "https://login.north.example/sso"


def age(staff: Staff, visitor: Visitor) -> None:
    """Let a session be of long ago."""
    assert sql(staff.running, AGED, token_check(visitor.cookies["vestibule"])) == 1


def send_late(staff: Staff, visitor: Visitor, path: str, button: str, fields: dict[str, str]) -> Page:
    """Fill in a form in a session of long ago, and confirm the password."""
    page = visitor.get(path)
    age(staff, visitor)
    return visitor.submit(visitor.submit(page, button, fields), "Confirm password", {"password": PASSWORD})


@pytest.mark.parametrize("engine", ["sqlite", "postgres"], indirect=True)
def test_saml_details_with_a_certificate_of_many_lines(staff: Staff, owner: Visitor) -> None:
    certificate = pem()
    typed = {"way": "hand", "entity_id": "urn:idp:<north>", "sso_url": SSO, "certificate": certificate}
    page = send_late(staff, owner, f"{staff.provider}/sign-in", "Save SAML details", typed)
    assert "urn:idp:<north>" in page.text
    assert page.value("certificate").split() == certificate.split()
    page = owner.submit(page, "Send form")
    assert page.notice.startswith("The SAML details are saved.")
    saved = saml_of(staff)
    assert (saved.entity_id, saved.sso_url, len(saved.certificates)) == ("urn:idp:<north>", SSO, 1)


def test_what_is_wrong_is_told_in_the_form_with_what_was_typed(staff: Staff, owner: Visitor) -> None:
    typed = {"way": "hand", "entity_id": "urn:idp:north", "sso_url": "ftp://x", "certificate": pem()}
    page = send_late(staff, owner, f"{staff.provider}/sign-in", "Save SAML details", typed)
    page = owner.submit(page, "Send form")
    assert (page.status, bool(page.problem("sso_url"))) == (400, True)
    assert (page.value("sso_url"), page.value("entity_id")) == ("ftp://x", "urn:idp:north")


def test_an_uploaded_file(staff: Staff, owner: Visitor) -> None:
    fields = {"way": "metadata", "metadata": "", "form_token": owner.form_token}
    text = metadata(pem(), entity_id="urn:idp:north", location=SSO)
    age(staff, owner)
    for content, is_kept in ((text.encode(), True), (text.encode("utf-16"), False)):
        sent = {"metadata_file": ("metadata.xml", content, "text/xml")}
        headers = {"origin": staff.running.url, "sec-fetch-site": "same-origin"}
        answer = owner.client.post(f"{staff.provider}/saml", data=fields, files=sent, headers=headers)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert ("form" in query) is is_kept
        if is_kept:
            page = owner.submit(owner.get(answer.headers["location"]), "Confirm password", {"password": PASSWORD})
            page = owner.submit(page, "Send form")
            assert page.notice.startswith("The SAML details are saved.")
            fields["form_token"] = owner.form_token
            age(staff, owner)
    assert saml_of(staff).entity_id == "urn:idp:north"


def test_it_is_sealed_and_one_for_each_administrator(staff: Staff, owner: Visitor) -> None:
    place = ""
    for email in ("noor@north.example", "ida@north.example"):
        age(staff, owner)
        form = {"email": email, "name": "Noor", "role": "admin", "form_token": owner.form_token}
        page = owner.post(staff.at("administrators"), form, headers={"referer": ""})
        place = page.answer.headers["location"]
    assert "ida" not in place
    query = "SELECT sealed FROM sealed_notes WHERE tenant_id = $1"
    ((sealed,),) = rows(staff.running, query, staff.place.tenant.id)
    assert b"ida" not in bytes(sealed)
    page = owner.get(f"/console/account/kept-form?form={parse_qs(urlsplit(place).query)['form'][0]}")
    assert page.value("email") == "ida@north.example"
    assert "Form token" not in page.text


def test_nobody_else_sees_it_and_its_time_ends(staff: Staff, owner: Visitor) -> None:
    age(staff, owner)
    form = {"label": "Blue", "form_token": owner.form_token}
    place = owner.post(f"{staff.provider}/keys", form).answer.headers["location"]
    address = f"/console/account/kept-form?form={parse_qs(urlsplit(place).query)['form'][0]}"
    assert "Blue" in owner.get(address).text
    for other in (staff.signed_in("admin"), staff.signed_in("operator")):
        page = other.get(address)
        assert (page.status, "Blue" in page.source) == (404, False)
        assert f"This form was kept for longer than {KEPT_FORM_SECONDS // 60} minutes" in page.text
    assert staff.visitor().get(address).heading == "Sign in"
    moved = "UPDATE sealed_notes SET expires_at = expires_at - $2 WHERE tenant_id = $1"
    assert sql(staff.running, moved, staff.place.tenant.id, KEPT_FORM_SECONDS * 1000) == 1
    assert owner.get(address).status == 404
    for odd in ("", "x" * 50, "%00", "../x", "x' OR 1=1"):
        page = owner.get("/console/account/kept-form", True, form=odd)
        assert page.path.partition("?")[0] == "/console/account"


def test_a_password_is_never_kept(staff: Staff, owner: Visitor) -> None:
    equip(staff.running, staff.people["owner"])
    age(staff, owner)
    form = {"present": PASSWORD, "password": PASSWORD, "again": PASSWORD, "form_token": owner.form_token}
    page = owner.post("/console/account/password", form)
    assert page.answer.headers["location"] == "/console/account/again?to=%2Fconsole%2Faccount"
    assert rows(staff.running, "SELECT 1 FROM sealed_notes WHERE tenant_id = $1", staff.place.tenant.id) == []


def test_a_form_without_the_token_is_not_kept(staff: Staff, owner: Visitor) -> None:
    age(staff, owner)
    assert owner.post(f"{staff.provider}/keys", {"label": "Blue"}).status == 403
    assert rows(staff.running, "SELECT 1 FROM sealed_notes WHERE tenant_id = $1", staff.place.tenant.id) == []
