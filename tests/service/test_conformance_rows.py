"""Rows of docs/conformance.md that no other test proves."""

import re
from typing import Any

import httpx2
import pytest

from tests.conftest import Place
from tests.service.test_scim_groups import hire, make
from tests.service.test_scim_users import ENTERPRISE, GROUP, USER, ana, created, refused
from vestibule.scim.messages import MAX_PAGE, parse_cursor_count

DISCOVERY = ("/ServiceProviderConfig", "/ResourceTypes", "/Schemas")
TYPES = {"string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.mark.parametrize("accept", ["application/scim+json", "application/json", "*/*", "text/html", ""])
def test_every_answer_is_scim_json_in_utf_8_whatever_is_accepted(scim: httpx2.Client, accept: str) -> None:
    user = created(scim, displayName="Ána Réis")
    headers = {"accept": accept} if accept else {}
    found = scim.get(f"/Users/{user['id']}", headers=headers)
    missing = scim.get("/Users/nobody", headers=headers)
    assert (found.status_code, missing.status_code) == (200, 404)
    for answer in (found, missing):
        assert answer.headers["content-type"] == "application/scim+json"
    assert "Ána Réis".encode() in found.content


# -- discovery ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DISCOVERY)
def test_discovery_is_answered_whole_and_never_filtered(scim: httpx2.Client, path: str) -> None:
    whole = scim.get(path).json()
    asked = scim.get(path, params={"startIndex": "2", "count": "1", "sortBy": "id", "attributes": "id"})
    assert (asked.status_code, asked.json()) == (200, whole)
    refused(scim.get(path, params={"filter": 'id eq "x"'}), 403)


def test_every_discovery_document_names_its_schema_and_its_place(scim: httpx2.Client, place: Place) -> None:
    documents = [
        scim.get("/ServiceProviderConfig").json(),
        *scim.get("/ResourceTypes").json()["Resources"],
        *scim.get("/Schemas").json()["Resources"],
    ]
    for document in documents:
        kind = document["meta"]["resourceType"]
        assert document["schemas"] == [f"urn:ietf:params:scim:schemas:core:2.0:{kind}"]
        location = document["meta"]["location"]
        assert location.startswith(place.scim_url)
        assert scim.get(location).json() == document


def test_the_configuration_has_every_required_part(scim: httpx2.Client) -> None:
    config = scim.get("/ServiceProviderConfig").json()
    for feature in ("patch", "bulk", "filter", "changePassword", "sort", "etag"):
        assert isinstance(config[feature]["supported"], bool), feature
    assert config["changePassword"]["supported"] is False
    for number in (config["bulk"]["maxOperations"], config["bulk"]["maxPayloadSize"], config["filter"]["maxResults"]):
        assert isinstance(number, int)
    schemes = config["authenticationSchemes"]
    assert {scheme["type"] for scheme in schemes} == {"httpbasic", "oauthbearertoken"}
    assert all(scheme["name"] and scheme["description"] for scheme in schemes)
    assert [scheme.get("primary", False) for scheme in schemes].count(True) == 1


def test_resource_types_name_their_schemas_and_extensions(scim: httpx2.Client) -> None:
    told = [
        (each["name"], each["endpoint"], each["schema"], each["schemaExtensions"])
        for each in scim.get("/ResourceTypes").json()["Resources"]
    ]
    assert told == [
        ("User", "/Users", USER, [{"schema": ENTERPRISE, "required": False}]),
        ("Group", "/Groups", GROUP, []),
    ]


def attributes_of(attributes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns attributes with those below them."""
    return [each for one in attributes for each in (one, *attributes_of(one.get("subAttributes", [])))]


def test_every_attribute_has_its_characteristics(scim: httpx2.Client) -> None:
    for schema in scim.get("/Schemas").json()["Resources"]:
        for attribute in schema["attributes"]:
            assert all(sub["type"] != "complex" for sub in attribute.get("subAttributes", [])), attribute["name"]
        for attribute in attributes_of(schema["attributes"]):
            name = attribute["name"]
            assert re.fullmatch(r"\$ref|[A-Za-z][A-Za-z0-9_-]*", name)
            assert attribute["type"] in TYPES, name
            assert {"multiValued", "required"} <= {key for key, value in attribute.items() if isinstance(value, bool)}
            assert attribute["mutability"] in {"readOnly", "readWrite", "immutable", "writeOnly"}, name
            assert attribute["returned"] in {"always", "never", "default", "request"}, name
            assert attribute["description"], name
            if attribute["type"] == "complex":
                assert attribute["subAttributes"], name
            if attribute["type"] == "reference":
                assert attribute["referenceTypes"], name
            if attribute["type"] in {"reference", "binary"}:
                assert attribute["caseExact"] is True, name


def test_a_plural_attribute_has_the_usual_parts(scim: httpx2.Client) -> None:
    user = scim.get(f"/Schemas/{USER}").json()
    others = {"addresses", "groups"}
    plural = [each for each in user["attributes"] if each["multiValued"] and each["name"] not in others]
    assert len(plural) == 7
    for attribute in plural:
        assert [sub["name"] for sub in attribute["subAttributes"]] == ["value", "display", "type", "primary"]


# -- resources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Users", "Groups"])
def test_meta_is_that_of_this_service_and_true(scim: httpx2.Client, place: Place, kind: str) -> None:
    made = scim.post(f"/{kind}", json={"userName": "ana", "displayName": "Ana", "meta": {"resourceType": "Hat"}})
    body, meta = made.json(), made.json()["meta"]
    assert meta.keys() == {"resourceType", "created", "lastModified", "location", "version"}
    assert meta["resourceType"] == kind.removesuffix("s")
    assert INSTANT.fullmatch(meta["created"])
    assert INSTANT.fullmatch(meta["lastModified"])
    assert meta["location"] == f"{place.scim_url}/{kind}/{body['id']}" == made.headers["location"]
    shown = scim.get(meta["location"])
    assert shown.headers["etag"] == meta["version"] == shown.json()["meta"]["version"]
    changed = scim.put(f"/{kind}/{body['id']}", json={"userName": "ana", "displayName": "Other"})
    assert changed.headers["etag"] == changed.json()["meta"]["version"] != meta["version"]
    assert changed.json()["meta"]["lastModified"] >= meta["lastModified"]


def test_names_are_taken_in_any_case_and_shown_as_the_schema_has_them(scim: httpx2.Client) -> None:
    body = {"USERNAME": "ana", "Name": {"GIVENNAME": "Ana"}, ENTERPRISE.upper(): {"Department": "Ops"}}
    shown = scim.post("/Users", json=body).json()
    assert (shown["userName"], shown["name"], shown[ENTERPRISE]) == ("ana", {"givenName": "Ana"}, {"department": "Ops"})


@pytest.mark.parametrize("query", ["attributes=title,meta.version", "excludedAttributes=userName,emails,name"])
def test_parts_are_chosen_in_the_answer_to_every_operation(scim: httpx2.Client, query: str) -> None:
    made = scim.post(f"/Users?{query}", json=ana(title="A"))
    path = f"/Users/{made.json()['id']}?{query}"
    patch = {"Operations": [{"op": "replace", "path": "title", "value": "C"}]}
    answers = [made, scim.get(path), scim.put(path, json=ana(title="B")), scim.patch(path, json=patch)]
    bodies = [answer.json() for answer in answers] + scim.get(f"/Users?{query}").json()["Resources"]
    assert [body["title"] for body in bodies] == ["A", "A", "B", "C", "C"]
    for body in bodies:
        assert {"id", "schemas"} <= body.keys()
        assert {"userName", "emails", "name"}.isdisjoint(body)


def test_members_and_groups_refer_to_each_other_by_url(scim: httpx2.Client) -> None:
    (person,) = hire(scim, "ana")
    group = make(scim, "Ops", person)
    member = scim.get(f"/Groups/{group['id']}").json()["members"][0]
    assert scim.get(member["$ref"]).json()["id"] == member["value"] == person
    of = scim.get(f"/Users/{person}").json()["groups"][0]
    assert scim.get(of["$ref"]).json()["id"] == of["value"] == group["id"]


def test_a_group_needs_a_name(scim: httpx2.Client) -> None:
    refused(scim.post("/Groups", json={"members": []}), 400, "invalidValue")
    group = make(scim, "Ops")
    refused(scim.put(f"/Groups/{group['id']}", json={"members": []}), 400, "invalidValue")
    patch = {"Operations": [{"op": "remove", "path": "displayName"}]}
    refused(scim.patch(f"/Groups/{group['id']}", json=patch), 400, "mutability")


def test_a_group_that_is_not_there_is_never_made_by_put(scim: httpx2.Client) -> None:
    unknown = "00000000-0000-7000-8000-000000000000"
    bodies: dict[str, Any] = {"GET": None, "PUT": {"displayName": "Ops"}, "PATCH": {"Operations": []}, "DELETE": None}
    for method, body in bodies.items():
        refused(scim.request(method, f"/Groups/{unknown}", json=body), 404)
    assert scim.get("/Groups").json()["totalResults"] == 0


def test_a_group_is_changed_only_in_the_version_that_is_named(scim: httpx2.Client) -> None:
    group = make(scim, "Ops")
    path, old = f"/Groups/{group['id']}", {"if-match": 'W/"1"'}
    assert scim.put(path, json={"displayName": "Ops 2"}, headers=old).headers["etag"] == 'W/"2"'
    patch = {"Operations": [{"op": "replace", "path": "displayName", "value": "Ops 3"}]}
    for method, body in (("PUT", {"displayName": "Ops 3"}), ("PATCH", patch), ("DELETE", None)):
        refused(scim.request(method, path, json=body, headers=old), 412)
    assert scim.get(path).json()["displayName"] == "Ops 2"
    changed = scim.patch(path, json=patch, headers={"if-match": 'W/"2"'})
    assert (changed.status_code, changed.headers["etag"]) == (204, 'W/"3"')


def test_operations_are_applied_in_their_order(scim: httpx2.Client) -> None:
    user = created(scim)
    operations = [
        {"op": "add", "path": "title", "value": "A"},
        {"op": "remove", "path": "title"},
        {"op": "add", "value": {"title": "B", "nickName": "An"}},
        {"op": "replace", "path": "nickName", "value": "Annie"},
    ]
    shown = scim.patch(f"/Users/{user['id']}", json={"Operations": operations}).json()
    assert (shown["title"], shown["nickName"]) == ("B", "Annie")


def test_an_address_without_a_version_has_no_resources(scim: httpx2.Client, place: Place) -> None:
    created(scim)
    for version in ("", "v3/"):
        answer = scim.get(place.scim_url.replace("/v2/", f"/{version}") + "/Users")
        assert answer.status_code in {401, 404}
        assert answer.headers["content-type"] == "application/scim+json"


def test_a_method_that_is_not_offered_is_told_with_those_that_are(scim: httpx2.Client) -> None:
    for method, path, allow in (
        ("DELETE", "/Users", "GET, POST"),
        ("POST", "/Users/x", "GET, PUT, PATCH, DELETE"),
        ("PUT", "/Schemas", "GET"),
    ):
        answer = scim.request(method, path)
        refused(answer, 405)
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize("text", ['x509Certificates gt "AA=="', "active ge true", 'meta.created co "2026"'])
def test_values_without_an_order_are_not_compared_by_it(scim: httpx2.Client, text: str) -> None:
    refused(scim.get("/Users", params={"filter": text}), 400, "invalidFilter")


# -- cursors -----------------------------------------------------------------------------------------------------------


def test_a_cursor_decides_over_an_index_and_neither_is_the_index(scim: httpx2.Client) -> None:
    people = hire(scim, "ana", "bo", "cy")
    both = scim.get("/Users?cursor=&startIndex=3&count=2").json()
    assert [each["id"] for each in both["Resources"]] == people[:2]
    assert "startIndex" not in both
    neither = scim.get("/Users?count=2").json()
    assert (neither["startIndex"], neither.keys() & {"nextCursor", "previousCursor"}) == (1, set())


def test_a_cursor_of_another_identity_provider_opens_nothing(scim: httpx2.Client, place: Place) -> None:
    hire(scim, "ana", "bo")
    cursor = scim.get("/Users?cursor=&count=1").json()["nextCursor"]
    with place.running.new_tenant().client() as stranger:
        theirs = refused(stranger.get("/Users", params={"cursor": cursor}), 400, "invalidCursor")
    assert theirs == refused(scim.get("/Users", params={"cursor": "made-up"}), 400, "invalidCursor")


def test_a_page_by_cursor_is_no_larger_than_the_largest() -> None:
    assert [parse_cursor_count(count) for count in (None, "7", str(MAX_PAGE), str(MAX_PAGE + 1))] == [
        100,
        7,
        MAX_PAGE,
        MAX_PAGE,
    ]
