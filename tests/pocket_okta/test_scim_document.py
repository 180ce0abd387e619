"""The mapping: from an Okta profile to app attributes to a SCIM document, and back."""

import orjson
import pytest

from pocket_okta.attributes import (
    CORE,
    DEFAULT_MAPPING,
    ENTERPRISE,
    PERSON_ATTRIBUTES,
    Attribute,
    app_profile,
    clean_profile,
    custom_attribute,
    typed,
)
from pocket_okta.refusal import Refusal
from pocket_okta.scim_document import Document, Place, merged, new_user, place, read

ANA = {"login": "ana.reis@north.example", "email": "ana.reis@north.example", "firstName": "Ana", "lastName": "Reis"}
EVERYTHING = {name: f"{name} of Ana" for name in PERSON_ATTRIBUTES} | ANA | {"secondEmail": "ana@south.example"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("userName", Place("userName", "", "", "")),
        ("name.givenName", Place("name", "", "", "givenName")),
        ("emails.^[primary==true].value", Place("emails", "primary", True, "value")),
        ("emails.^[primary==false].value", Place("emails", "primary", False, "value")),
        ("phoneNumbers.^[type==mobile].value", Place("phoneNumbers", "type", "mobile", "value")),
        ("roles.^[type=='base'].value", Place("roles", "type", "base", "value")),
    ],
)
def test_external_names_are_read(name: str, expected: Place) -> None:
    assert place(name) == expected


def test_a_create_holds_what_is_there_and_nothing_blank() -> None:
    document = new_user(DEFAULT_MAPPING, app_profile(DEFAULT_MAPPING, ANA | {"locale": "en-US"}), "00uAna", "q8Zr41Vd")
    assert document == {
        "schemas": [CORE],
        "userName": "ana.reis@north.example",
        "name": {"givenName": "Ana", "familyName": "Reis"},
        "emails": [{"primary": True, "value": "ana.reis@north.example", "type": "work"}],
        "displayName": "Ana Reis",
        "locale": "en-US",
        "externalId": "00uAna",
        "groups": [],
        "password": "q8Zr41Vd",
        "active": True,
    }


def test_every_attribute_of_the_mapping_has_its_place() -> None:
    document = new_user(DEFAULT_MAPPING, app_profile(DEFAULT_MAPPING, EVERYTHING), "00uAna", "q8Zr41Vd")
    assert document["schemas"] == [CORE, ENTERPRISE]
    assert document["name"] == {
        "givenName": "Ana",
        "familyName": "Reis",
        "middleName": "middleName of Ana",
        "honorificPrefix": "honorificPrefix of Ana",
        "honorificSuffix": "honorificSuffix of Ana",
    }
    assert document["emails"] == [
        {"primary": True, "value": "ana.reis@north.example", "type": "work"},
        {"primary": False, "value": "ana@south.example"},
    ]
    assert document["phoneNumbers"] == [
        {"type": "mobile", "value": "mobilePhone of Ana"},
        {"primary": True, "value": "primaryPhone of Ana"},
    ]
    assert document["addresses"] == [
        {
            "primary": True,
            "streetAddress": "streetAddress of Ana",
            "locality": "city of Ana",
            "region": "state of Ana",
            "postalCode": "zipCode of Ana",
            "country": "countryCode of Ana",
        }
    ]
    for name in ("title", "nickName", "profileUrl", "preferredLanguage", "locale", "timezone", "userType"):
        assert document[name] == f"{name} of Ana"
    assert document[ENTERPRISE] == {
        "employeeNumber": "employeeNumber of Ana",
        "costCenter": "costCenter of Ana",
        "organization": "organization of Ana",
        "division": "division of Ana",
        "department": "department of Ana",
        "manager": {"value": "managerId of Ana", "displayName": "manager of Ana"},
    }


def test_reading_a_document_gives_back_what_was_written() -> None:
    profile = app_profile(DEFAULT_MAPPING, EVERYTHING)
    assert read(new_user(DEFAULT_MAPPING, profile, "00uAna", "q8Zr41Vd"), DEFAULT_MAPPING) == profile


def test_a_merge_keeps_what_it_does_not_know_and_writes_the_rest_over() -> None:
    returned: Document = {
        "schemas": [CORE, "urn:example:2.0:Extra"],
        "id": "7",
        "meta": {"version": 'W/"3"'},
        "userName": "old@north.example",
        "active": False,
        "name": {"givenName": "Old", "formatted": "Kept"},
        "emails": [{"value": "old@north.example", "primary": "True", "type": "home", "display": "kept"}],
        "urn:example:2.0:Extra": {"shoeSize": 43},
    }
    before = repr(returned)
    document = merged(returned, DEFAULT_MAPPING, app_profile(DEFAULT_MAPPING, ANA), "00uAna")
    assert repr(returned) == before
    assert document["id"] == "7"
    assert document["meta"] == {"version": 'W/"3"'}
    assert document["active"] is False
    assert document["externalId"] == "00uAna"
    assert document["urn:example:2.0:Extra"] == {"shoeSize": 43}
    assert document["schemas"] == [CORE, "urn:example:2.0:Extra", ENTERPRISE]
    assert document["emails"] == [
        {"value": "ana.reis@north.example", "primary": "True", "type": "work", "display": "kept"}
    ]
    assert isinstance(document["name"], dict)
    assert document["name"]["givenName"] == "Ana"
    assert document["name"]["formatted"] == "Kept"


def test_a_merge_sends_blanks_as_empty_strings_and_makes_up_no_entries() -> None:
    document = merged(
        {"schemas": [CORE], "phoneNumbers": [{"type": "mobile", "value": "+351 1"}]},
        DEFAULT_MAPPING,
        app_profile(DEFAULT_MAPPING, ANA),
        "00uAna",
    )
    assert document["title"] == document["nickName"] == document["timezone"] == ""
    assert isinstance(document["name"], dict)
    assert document["name"]["middleName"] == ""
    assert '"department":""' in orjson.dumps(document[ENTERPRISE]).decode()
    assert document["phoneNumbers"] == [{"type": "mobile", "value": ""}]
    assert "addresses" not in document


def test_a_second_email_is_not_added_once_more_by_every_push() -> None:
    profile = app_profile(DEFAULT_MAPPING, ANA | {"secondEmail": "ana@south.example"})
    returned: Document = {
        "emails": [{"value": "ana.reis@north.example", "primary": True}, {"value": "ana@south.example"}]
    }
    emails = merged(returned, DEFAULT_MAPPING, profile, "00uAna")["emails"]
    assert isinstance(emails, list)
    assert len(emails) == 2


def test_a_list_that_came_instead_of_a_user_is_echoed() -> None:
    """Wire facts 1.5: what a GET by id returned goes back, whatever it was."""
    returned: Document = {"totalResults": 1, "Resources": [{"id": "7"}]}
    document = merged(returned, DEFAULT_MAPPING, app_profile(DEFAULT_MAPPING, ANA), "00uAna")
    assert document["Resources"] == [{"id": "7"}]
    assert document["userName"] == "ana.reis@north.example"


def test_a_custom_attribute_travels_in_its_extension_and_only_with_a_namespace() -> None:
    urn = "urn:ietf:params:scim:schemas:extension:north:2.0:User"
    badge = custom_attribute({"name": "badge", "externalNamespace": urn, "type": "integer"}, DEFAULT_MAPPING)
    secret = custom_attribute({"name": "shelf", "source": '"B7"'}, DEFAULT_MAPPING)
    mapping = (*DEFAULT_MAPPING, badge, secret)
    profile = app_profile(mapping, ANA) | {"badge": typed(badge, "17")}
    document = new_user(mapping, profile, "00uAna", "q8Zr41Vd")
    assert document["schemas"] == [CORE, urn]
    assert document[urn] == {"badge": 17}
    assert "shelf" not in document
    assert profile["shelf"] == "B7"


@pytest.mark.parametrize(
    "given",
    [
        {"name": "groups"},
        {"name": "2fast"},
        {"name": "userName"},
        {"name": "x", "externalName": "a b"},
        {"name": "x", "externalNamespace": "north"},
        {"name": "x", "type": "date"},
        {"name": "x", "source": "user.shoeSize"},
    ],
)
def test_custom_attributes_that_cannot_work_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(Refusal, match=r"wanted|already has"):
        custom_attribute(given, DEFAULT_MAPPING)


@pytest.mark.parametrize(
    ("kind", "value"), [("integer", "many"), ("integer", True), ("boolean", "perhaps"), ("string", 5)]
)
def test_a_value_of_another_type_is_refused(kind: str, value: object) -> None:
    with pytest.raises(Refusal, match=f"wanted a {kind}"):
        typed(Attribute("x", "X", "x", CORE, "", kind), value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shoeSize": "43"}, "no such attribute"),
        ({"title": 5}, "wanted text, got int"),
        ({"title": "x" * 1001}, "at most 1000"),
        ({"firstName": "  "}, "cannot be left blank"),
        ({"lastName": None}, "cannot be left blank"),
        ({"login": "ana"}, "form of an email"),
        ({"secondEmail": "a b@north.example"}, "form of an email"),
    ],
)
def test_profiles_that_okta_would_refuse(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        clean_profile(change, ANA)


def test_a_blank_clears_an_attribute() -> None:
    assert clean_profile({"title": " "}, ANA | {"title": "Pilot"}) == ANA
