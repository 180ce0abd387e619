"""Integrations > Identity Providers: added, edited, told back in words; what is wrong is said where it stands."""

from uuid import uuid4

import pytest

from tests.console.certificates import bare, fingerprint, key_of, metadata, pem
from tests.console.conftest import Staff
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor
from vestibule.vendors import VENDORS, Step

REFUSED_CERTIFICATES = [
    ("a text", "a certificate", "Expected a certificate in PEM or base64; got something else."),
    ("a half", "half", "got something else."),
    ("a small key", "rsa1024", "Expected a key of 2048 bits or more; got an RSA key of 1024 bits."),
    (
        "a small curve",
        "p224",
        "Expected an RSA key, or an elliptic curve key on P-256 or larger; got another kind of key.",
    ),
    ("another algorithm", "ed25519", "got another kind of key."),
]
CERTIFICATE_IDS = [each[0] for each in REFUSED_CERTIFICATES]


def certificate(kind: str) -> str:
    if kind == "half":
        return pem()[:200] + "\n-----END CERTIFICATE-----\n"
    return pem(kind) if kind in {"rsa1024", "p224", "ed25519"} else kind


def add(staff: Staff, visitor: Visitor, **fields: str) -> Page:
    page = visitor.get(staff.at("identity-providers", "new"))
    return visitor.submit(
        page, "Add identity provider", {"name": f"Okta {uuid4().hex[:6]}", "switch_on": None, **fields}
    )


def saml(staff: Staff, visitor: Visitor, **fields: str) -> Page:
    """Fill in SAML details; the ones that take the place of others are confirmed."""
    page = visitor.get(f"{staff.provider}/sign-in")
    way = "metadata" if "metadata" in fields else "hand"
    form = {"way": way, **fields}
    if not page.all("//details[@id='replace']"):
        return visitor.submit(page, "Save SAML details", form)
    shown = visitor.submit(page, "Show what would change", form)
    check_markup(shown)
    if shown.path.endswith("/saml") and shown.status == 200:
        return visitor.submit(shown, "Replace SAML details")
    return shown


def settings(staff: Staff, visitor: Visitor, **fields: str | None) -> Page:
    return visitor.submit(visitor.get(f"{staff.provider}/settings"), "Save settings", fields)


# -- adding ------------------------------------------------------------------------------------------------------------


def shows_steps(page: Page, steps: tuple[Step, ...]) -> None:
    for step in steps:
        assert step.where in page.text
        assert step.what in page.text
        for label, _ in step.fields:
            assert label in page.text
    assert "{" not in " ".join(each.text_content() for each in page.all("//section[@id='steps']"))


def quoted(text: str) -> str:
    """A text in an XPath."""
    return f'"{text}"'


def test_without_a_name_it_is_called_after_its_vendor(staff: Staff, owner: Visitor) -> None:
    assert add(staff, owner, vendor="entra", name="").heading == "Microsoft Entra ID"


def test_the_vendors_are_offered_in_a_useful_order(staff: Staff, owner: Visitor) -> None:
    """The two most used ones, the others by title, and last the one for every other product."""
    page = owner.get(staff.at("identity-providers", "new"))
    first, second, *others, last = [each.text_content() for each in page.all("//select[@name='vendor']/option")]
    assert (first, second, last) == ("Okta", "Microsoft Entra ID", "Other (SCIM 2.0)")
    assert others == sorted(others, key=str.casefold)
    assert len(others) == 8
    assert page.value("vendor") == "okta"


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_can_be_added_and_has_its_steps(staff: Staff, owner: Visitor, vendor: str) -> None:
    page = add(staff, owner, vendor=vendor, name=f"Our {vendor}")
    check_markup(page)
    assert page.heading == f"Our {vendor}"
    assert page.notice == "The identity provider was added."
    assert "Next: Switch on auto-provisioning. A Key and a Secret are made then." in page.text
    page = owner.get(page.link("Provisioning"))
    check_markup(page)
    assert f"Steps in {VENDORS[vendor].title}" in page.text
    shows_steps(page, VENDORS[vendor].steps)
    page = owner.get(page.link("Sign-in"))
    check_markup(page)
    shows_steps(page, VENDORS[vendor].saml.steps)
    stem = f"{staff.place.running.url}/saml/{staff.place.tenant.name}/"
    for step in VENDORS[vendor].saml.steps:
        for label, value in step.fields:
            if value in {"{acs_url}", "{entity_id}"}:
                (shown,) = page.all(f"//section[@id='steps']//div[.={quoted(label)}]/following-sibling::div[1]/code")
                assert shown.text_content().startswith(stem)
                assert shown.text_content().endswith("/acs") == (value == "{acs_url}")
    listed = owner.get(staff.at("identity-providers"))
    check_markup(listed)
    row = next(row for row in listed.rows() if row.startswith(f"Our {vendor} | {VENDORS[vendor].title}"))
    assert "auto-provisioning off | Auto-provisioning is switched off: whatever arrives is refused with 403. | 0" in row


@pytest.mark.parametrize(
    ("fields", "field", "status", "sentence"),
    [
        ({"name": " "}, "name", 409, "There is already an identity provider 'Okta' in this tenant."),
        ({"name": "n" * 101}, "name", 400, "got 101."),
        ({"name": "Ok\u200bta"}, "name", 400, "visible characters; got U+200B."),
        ({"name": "okta"}, "name", 409, "There is already an identity provider 'okta' in this tenant."),
        ({"vendor": "elsewhere"}, "vendor", 400, f"one of {', '.join(VENDORS)}; got 'elsewhere'."),
        ({"metadata": "<nonsense"}, "metadata", 400, "Expected a well-formed XML document; got something else."),
    ],
)
def test_a_wrong_field_gets_its_sentence(
    staff: Staff, owner: Visitor, fields: dict[str, str], field: str, status: int, sentence: str
) -> None:
    before = staff.count_events()
    page = add(staff, owner, **fields)
    check_markup(page)
    assert page.status == status
    assert sentence in page.problem(field)
    for name, value in fields.items():
        if name != "vendor":
            assert page.value(name) == value, "what was typed stays"
    assert staff.count_events() == before


def test_a_name_is_free_in_another_tenant(staff: Staff, owner: Visitor) -> None:
    assert add(staff, owner, name="North Okta").status == 200
    other = Staff(staff.running.new_tenant(), staff.opened)
    assert add(other, other.signed_in("owner"), name="North Okta").status == 200


# -- settings ----------------------------------------------------------------------------------------------------------


def test_settings_are_changed_and_told(staff: Staff, owner: Visitor) -> None:
    page = settings(staff, owner, name="North Okta", adopts=None)
    assert (page.heading, page.notice) == ("North Okta", "Saved.")
    told = staff.place.events("identity_provider.changed")
    assert told[-1]["data"]["changes"] == [
        {"attribute": "name", "before": "Okta", "after": "North Okta"},
        {"attribute": "adopts people added by hand", "before": True, "after": False},
    ]
    event = owner.get(owner.get(staff.at("activity")).entry("identity_provider.changed"))
    check_markup(event)
    assert "adopts people added by hand" in event.text
    settings(staff, owner)
    assert len(staff.place.events("identity_provider.changed")) == 1, "saving what is so already is no change"


def test_a_disabled_identity_provider_is_refused_like_a_stranger(staff: Staff, owner: Visitor) -> None:
    with staff.place.client() as scim:
        assert scim.get("/Users").status_code == 200
        page = settings(staff, owner, enabled=None)
        assert "Okta is disabled: whatever it sends is refused." in page.text
        assert scim.get("/Users").status_code == 401
        settings(staff, owner, enabled="yes")
        assert scim.get("/Users").status_code == 200


@pytest.mark.parametrize("name", ["", "n" * 101, "Ok\x7fta"])
def test_a_wrong_name_gets_its_sentence_and_stays_to_be_mended(staff: Staff, owner: Visitor, name: str) -> None:
    page = settings(staff, owner, name=name)
    check_markup(page)
    assert (page.status, page.heading) == (400, "Okta")
    assert page.problem("name").startswith("The name should")
    assert page.value("name") == name
    assert not staff.place.events("identity_provider.changed")


def test_the_vendor_can_be_edited(staff: Staff, owner: Visitor) -> None:
    """Issue 2, The Admin Console: "edit: name, vendor, SAML details"."""
    page = settings(staff, owner, vendor="entra")
    assert "Steps in Microsoft Entra ID" in owner.get(page.link("Provisioning")).text
    assert staff.place.events("identity_provider.changed")[-1]["data"]["changes"] == [
        {"attribute": "vendor", "before": "okta", "after": "entra"}
    ]


# -- SAML --------------------------------------------------------------------------------------------------------------


def test_metadata_is_read_checked_and_told_back(staff: Staff, owner: Visitor) -> None:
    first, second = pem("rsa2048", name="north 1"), pem("p256", name="north 2")
    page = saml(staff, owner, metadata=metadata(first, second, first))
    check_markup(page)
    assert page.status == 200
    assert "People sign in at https://north.okta.example/app/sso/saml/1" in page.notice, (
        "HTTP-Redirect before HTTP-POST"
    )
    assert "messages come from http://www.okta.example/exk1 and are signed with 2 certificates." in page.notice
    page = owner.get(f"{staff.provider}/sign-in")
    for text in ("CN=north 1", "CN=north 2", fingerprint(first)[:8], "Certificate 2", "valid until"):
        assert text in page.text
    told = staff.place.events("identity_provider.changed")[-1]["data"]["changes"]
    assert told[0]["attribute"] == "SAML"
    assert told[0]["after"]["certificates"] == [fingerprint(first), fingerprint(second)]


def test_metadata_can_come_with_the_identity_provider(staff: Staff, owner: Visitor) -> None:
    page = add(
        staff,
        owner,
        metadata=f"\n  {metadata(pem(), bindings=('urn:x', 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'))}  \n",
    )
    assert "https://north.okta.example/app/sso/saml/1" in owner.get(page.link("Sign-in")).text
    page = add(staff, owner, metadata=metadata(pem()), name="n" * 101)
    assert (page.status, page.value("metadata").startswith("<?xml")) == (400, True)


def test_saml_can_be_entered_piece_by_piece(staff: Staff, owner: Visitor) -> None:
    form = {"entity_id": " urn:north ", "sso_url": " https://login.north.example/sso "}
    for text in (pem(), bare(pem()), f"{pem()}\n{pem('rsa2048')}", f"Bag Attributes\n{pem()}".replace("\n", "\r\n")):
        told = saml(staff, owner, **form, certificate=text).notice
        assert "People sign in at https://login.north.example/sso; messages come from urn:north" in told
    page = owner.get(f"{staff.provider}/sign-in")
    assert page.all("//details[summary[normalize-space()='Replace']]")


WRONG_METADATA = [
    ("no XML", "metadata", "a well-formed XML document"),
    ("half", metadata(pem())[:300], "a well-formed XML document"),
    ("a DTD", metadata(pem(), before="<!DOCTYPE x [<!ENTITY y 'z'>]>"), "Expected XML without a DTD; got a DOCTYPE."),
    (
        "a file to be read",
        metadata("&y;", before="<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/hostname'>]>"),
        "Expected XML without a DTD; got a DOCTYPE.",
    ),
    (
        "a service provider",
        metadata(pem(), role="SPSSODescriptor"),
        "one IDPSSODescriptor; got metadata with 0.",
    ),
    ("another document", "<x/>", "got metadata with 0."),
    ("no entityID", metadata(pem(), entity_id=" "), "Expected an entityID; got metadata without one."),
    ("no SSO URL", metadata(pem(), bindings=("urn:x",)), "Expected an SSO URL that begins with https://; got none."),
    ("a script as SSO URL", metadata(pem(), location="javascript:alert(1)"), "got 'javascript:alert(1)/1'."),
    ("a blank in the SSO URL", metadata(pem(), location="https://north example"), "got 'https://north example/1'."),
    ("no certificate", metadata(), "Expected a signing certificate; got metadata without one."),
    ("a megabyte", "<x>" + "y" * 1_048_600 + "</x>", " of at most "),
]


@pytest.mark.parametrize(("text", "sentence"), [w[1:] for w in WRONG_METADATA], ids=[w[0] for w in WRONG_METADATA])
def test_wrong_metadata_gets_its_sentence(staff: Staff, owner: Visitor, text: str, sentence: str) -> None:
    refused(staff, saml(staff, owner, metadata=text), "metadata", sentence)


@pytest.mark.parametrize(("kind", "sentence"), [c[1:] for c in REFUSED_CERTIFICATES], ids=CERTIFICATE_IDS)
def test_a_wrong_certificate_in_metadata_gets_its_sentence(
    staff: Staff, owner: Visitor, kind: str, sentence: str
) -> None:
    refused(staff, saml(staff, owner, metadata=metadata(certificate(kind))), "metadata", sentence)


def test_two_identity_providers_in_one_document_are_one_too_many(staff: Staff, owner: Visitor) -> None:
    one = metadata(pem(), before="")
    both = f"<md:EntitiesDescriptor xmlns:md='urn:oasis:names:tc:SAML:2.0:metadata'>{one}{one}</md:EntitiesDescriptor>"
    refused(staff, saml(staff, owner, metadata=both), "metadata", "got metadata with 2.")
    assert saml(staff, owner, metadata=both.replace(one, "", 1)).status == 200


@pytest.mark.parametrize(
    ("instead", "field", "sentence"),
    [
        ({"entity_id": ""}, "entity_id", "Expected the entity ID (Issuer); got nothing."),
        ({"sso_url": ""}, "sso_url", "Expected an SSO URL that begins with https://; got none."),
        ({"sso_url": "login.north.example"}, "sso_url", "got 'login.north.example'."),
        ({"sso_url": "javascript:alert(1)//https://"}, "sso_url", "got 'javascript:alert(1)//https://'."),
        ({"sso_url": "https://a b"}, "sso_url", "got 'https://a b'."),
        ({"certificate": ""}, "certificate", "Expected a certificate in PEM; got nothing."),
    ],
)
def test_a_wrong_piece_gets_its_sentence(
    staff: Staff, owner: Visitor, instead: dict[str, str], field: str, sentence: str
) -> None:
    form = {"entity_id": "urn:north", "sso_url": "https://login.north.example", "certificate": pem(), **instead}
    page = saml(staff, owner, **form)
    refused(staff, page, field, sentence)
    for name in ("entity_id", "sso_url"):
        assert page.value(name) == form[name], "what was typed stays"
    assert page.value("certificate").replace("\r\n", "\n") == form["certificate"]


@pytest.mark.parametrize(("kind", "sentence"), [c[1:] for c in REFUSED_CERTIFICATES], ids=CERTIFICATE_IDS)
def test_a_wrong_certificate_gets_its_sentence(staff: Staff, owner: Visitor, kind: str, sentence: str) -> None:
    form = {"entity_id": "urn:north", "sso_url": "https://login.north.example", "certificate": certificate(kind)}
    refused(staff, saml(staff, owner, **form), "certificate", sentence)


def refused(staff: Staff, page: Page, field: str, sentence: str) -> None:
    """Hold a page to the sentence at its field, in a form that stands open; nothing was changed."""
    check_markup(page)
    assert page.status == 400
    assert sentence in page.problem(field), page.text[:500]
    way = page.one(f"//div[contains(@class, 'way')][.//*[@id='{field}']]//input[@name='way']")
    assert way.get("checked") is not None, "the way with the mistake is open"
    assert not staff.place.events("identity_provider.changed")


def test_what_was_pasted_stays_to_be_mended(staff: Staff, owner: Visitor) -> None:
    text = metadata(pem("rsa1024"))
    assert saml(staff, owner, metadata=text).value("metadata") == text


def test_the_age_of_a_certificate_is_told(staff: Staff, owner: Visitor) -> None:
    """An expired signing certificate is no outage, and is warned of in time."""
    ages = {(-400, -30): "expired", (-300, 30): "expires soon", (10, 400): "not valid yet", (-1, 400): "valid until"}
    for days, words in ages.items():
        # Each is another identity provider's, whose certificate stands alone.
        page = saml(staff, owner, metadata=metadata(pem(days=days), entity_id=f"urn:idp:{abs(days[0])}"))
        assert page.status == 200
        assert words in page.text
        assert [other for other in ages.values() if other in page.text] == [words]


def test_the_keys_of_the_test_are_real() -> None:
    assert key_of("p256") is key_of("p256")
    assert pem() != pem()
