"""A strict identity provider is refused what the RFCs answer with an error; all others are understood, and told so."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.conftest import Place
from vestibule.actions import configure
from vestibule.endpoints.context import Context

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WORK = 'emails[type eq "work"]'


@pytest.fixture
def strict(place: Place) -> Iterator[httpx2.Client]:
    """Returns a client of an identity provider that is strict."""

    async def act(context: Context) -> None:
        async with context.database.write(place.actor) as tx:
            await configure.change_provider(tx, place.provider.id, strict=True)

    place.running.act(act)
    with place.client() as client:
        yield client


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no schemas": ({"userName": "x"}, "invalidSyntax"),
    "another schema": ({"schemas": [GROUP], "userName": "x"}, "invalidSyntax"),
    "an extension that is not listed": ({"schemas": [USER], "userName": "x", ENTERPRISE: {}}, "invalidSyntax"),
    "an unknown attribute": ({"schemas": [USER], "userName": "x", "hat": 1}, "invalidSyntax"),
    "an unknown part": ({"schemas": [USER], "userName": "x", "name": {"hat": "y"}}, "invalidSyntax"),
    "a number for a text": ({"schemas": [USER], "userName": "x", "externalId": 7}, "invalidValue"),
    "a text for a boolean": ({"schemas": [USER], "userName": "x", "active": "true"}, "invalidValue"),
    "an object for a list": ({"schemas": [USER], "userName": "x", "emails": {"value": "a@b"}}, "invalidValue"),
    "a text for an object": ({"schemas": [USER], "userName": "x", "name": "y"}, "invalidValue"),
}
WRONG_PATCHES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no operation": ([], "invalidSyntax"),
    "an unknown path": ([{"op": "replace", "path": "hat", "value": "x"}], "invalidPath"),
    "an unknown name": ([{"op": "replace", "value": {"hat": "x"}}], "invalidPath"),
    "a read-only path": ([{"op": "replace", "path": "meta.created", "value": "x"}], "mutability"),
    "the groups of a person": ([{"op": "add", "path": "groups", "value": [{"value": "x"}]}], "mutability"),
    "active removed": ([{"op": "remove", "path": "active"}], "mutability"),
    "nothing to replace": ([{"op": "replace", "path": f"{WORK}.value", "value": "a@b"}], "noTarget"),
    "no value to replace": ([{"op": "replace", "path": WORK, "value": {"value": "a@b"}}], "noTarget"),
    "a number": ([{"op": "replace", "path": "title", "value": 7}], "invalidValue"),
    "a text in a value": ([{"op": "replace", "value": {"active": "False"}}], "invalidValue"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_resource_that_is_not_right_is_refused(strict: httpx2.Client, what: str) -> None:
    body, scim_type = WRONG[what]
    for answer in (strict.post("/Users", json=body),):
        assert (answer.status_code, answer.json()["scimType"]) == (400, scim_type), answer.text
    assert strict.get("/Users").json()["totalResults"] == 0


@pytest.mark.parametrize("what", WRONG_PATCHES)
def test_a_patch_that_is_not_right_is_refused(strict: httpx2.Client, what: str) -> None:
    operations, scim_type = WRONG_PATCHES[what]
    made = strict.post("/Users", json={"schemas": [USER], "userName": "ana"}).json()
    body = {"schemas": [PATCH_OP], "Operations": operations}
    answer = strict.patch(f"/Users/{made['id']}", json=body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, scim_type), answer.text
    unnamed = strict.patch(f"/Users/{made['id']}", json={"Operations": [{"op": "add", "path": "title", "value": "x"}]})
    assert (unnamed.status_code, unnamed.json()["scimType"]) == (400, "invalidSyntax")
    assert strict.get(f"/Users/{made['id']}").json() == made


def test_what_is_right_is_taken(strict: httpx2.Client) -> None:
    person = {
        "schemas": [USER, ENTERPRISE],
        "id": "x",
        "meta": {"created": "x"},
        "groups": [],
        "password": "p",
        "userName": "ana",
        "name": {"familyName": "Reis"},
        "title": None,
        "emails": [{"value": "a@b.example", "type": "work", "primary": True}],
        ENTERPRISE: {"department": "Ops", "manager": {"value": "m"}},
    }
    made = strict.post("/Users", json=person)
    assert made.status_code == 201, made.text
    operations = [
        {"op": "replace", "path": f"{WORK}.value", "value": "c@d.example"},
        {"op": "replace", "path": "active", "value": False},
        {"op": "remove", "path": "title"},
        {"op": "add", "path": "phoneNumbers", "value": [{"value": "1", "type": "work"}]},
        {"op": "add", "value": {"nickName": "An", "name": {"givenName": "Ana"}, f"{ENTERPRISE}:division": "N"}},
    ]
    body = {"schemas": [PATCH_OP], "Operations": operations}
    changed = strict.patch(f"/Users/{made.json()['id']}", json=body)
    assert changed.status_code == 200, changed.text
    assert strict.put(f"/Users/{made.json()['id']}", json=changed.json()).status_code == 200
    whole = {"schemas": [GROUP], "displayName": "G", "members": [{"value": made.json()["id"]}]}
    group = strict.post("/Groups", json=whole)
    assert group.status_code == 201, group.text
    removal = {"op": "remove", "path": f'members[value eq "{made.json()["id"]}"]'}
    answer = strict.patch(f"/Groups/{group.json()['id']}", json={"schemas": [PATCH_OP], "Operations": [removal]})
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize(
    ("path", "body", "schema"),
    [
        ("/Users/.search", {"count": 1}, "SearchRequest"),
        ("/.search", {"count": 1}, "SearchRequest"),
        ("/Bulk", {"Operations": []}, "BulkRequest"),
    ],
)
def test_a_message_says_what_it_is(strict: httpx2.Client, path: str, body: dict[str, Any], schema: str) -> None:
    urn = f"urn:ietf:params:scim:api:messages:2.0:{schema}"
    for wrong in (body, body | {"schemas": [PATCH_OP]}, body | {"schemas": urn}):
        answer = strict.post(path, json=wrong)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")
        assert urn in answer.json()["detail"]
    assert strict.post(path, json=body | {"schemas": [urn]}).status_code == 200


def test_a_change_in_a_bulk_is_taken_as_in_a_request(strict: httpx2.Client) -> None:
    made = strict.post("/Users", json={"schemas": [USER], "userName": "ana"}).json()
    change = [{"op": "replace", "path": "title", "value": "X"}]
    operations = [
        {"method": "PATCH", "path": f"/Users/{made['id']}", "data": {"schemas": [PATCH_OP], "Operations": change}},
        {"method": "PATCH", "path": f"/Users/{made['id']}", "data": change},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bo"}},
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    told = strict.post("/Bulk", json=body).json()["Operations"]
    assert [each["status"] for each in told] == ["200", "200", "400"]


def test_others_are_understood_and_told_what_was_ignored(scim: httpx2.Client) -> None:
    made = scim.post("/Users", json={"userName": "ana", "externalId": 7, "password": "p", "h\u00fct": 1})
    assert made.status_code == 201
    assert made.headers["vestibule-ignored"] == "password;reason=neverKept, h%C3%BCt;reason=unknown"
    path = f"/Users/{made.json()['id']}"
    changed = scim.patch(path, json={"Operations": [{"op": "replace", "path": "meta.created", "value": "x"}]})
    assert changed.headers["vestibule-ignored"] == "meta.created;reason=readOnly"
    many = scim.put(path, json={"userName": "ana"} | {f"x{number}": 1 for number in range(30)})
    assert many.headers["vestibule-ignored"].endswith("x19;reason=unknown, more=10")
    assert "vestibule-ignored" not in scim.put(path, json={"userName": "ana"}).headers
    group = scim.post("/Groups", json={"displayName": "G"}).json()
    body = {"Operations": [{"op": "add", "path": "hat", "value": "x"}]}
    assert scim.patch(f"/Groups/{group['id']}", json=body).headers["vestibule-ignored"] == "hat;reason=unknown"
