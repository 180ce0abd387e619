"""Requests that are odd in form: each is understood or refused, and nothing that matters is passed over."""

import json
from typing import Any

import httpx2
import pytest

from tests.conftest import Place
from tests.service.test_scim_users import ana, created, find, refused

USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.mark.parametrize(
    "text",
    [
        "title eq 007",
        f"externalId eq {'9' * 400}",
        f"externalId eq {'1' * 30}",
        "title eq 1e999",
        "active eq 00",
        "title eq -01",
        "",
        "  ",
    ],
)
def test_a_filter_that_compares_with_no_number_and_an_empty_one_are_refused(scim: httpx2.Client, text: str) -> None:
    refused(scim.get("/Users", params={"filter": text}), 400, "invalidFilter")


@pytest.mark.parametrize("with_path", [True, False])
def test_a_selector_that_compares_with_no_number_is_refused(scim: httpx2.Client, with_path: bool) -> None:
    user = created(scim)
    path = "emails[value eq 007].type"
    operation = {"path": path, "value": "x"} if with_path else {"value": {path: "x"}}
    answer = scim.patch(f"/Users/{user['id']}", json={"Operations": [{"op": "replace", **operation}]})
    refused(answer, 400, "invalidFilter")


@pytest.mark.parametrize("urn", [USER, USER.upper()])
def test_a_deactivation_below_the_urn_of_the_schema_is_one(scim: httpx2.Client, place: Place, urn: str) -> None:
    user = created(scim)
    patch = {"Operations": [{"op": "replace", "value": {urn: {"active": False}}}]}
    assert scim.patch(f"/Users/{user['id']}", json=patch).json()["active"] is False
    assert [event["type"] for event in place.events("user.")] == ["user.created", "user.deactivated"]
    put = {"userName": user["userName"], urn: {"active": True, "title": "Lead"}}
    answer = scim.put(f"/Users/{user['id']}", json=put).json()
    assert (answer["active"], answer["title"]) == (True, "Lead")
    posted = scim.post("/Users", json={urn: {"userName": "below@north.example", "active": False}})
    assert (posted.status_code, posted.json()["active"]) == (201, False)


@pytest.mark.parametrize("name", ["@odata.type", "odd key!", "2fa", ""])
def test_an_odd_name_in_a_value_without_a_path_hinders_nothing(scim: httpx2.Client, place: Place, name: str) -> None:
    user = created(scim)
    patch = {"Operations": [{"op": "replace", "value": {name: "x", "active": False}}]}
    assert scim.patch(f"/Users/{user['id']}", json=patch).json()["active"] is False
    assert place.events("user.deactivated")[0]["data"]["ignored"] == [{"path": name, "reason": "unknown"}]
    with_path = {"Operations": [{"op": "replace", "path": name or "!", "value": "x"}]}
    refused(scim.patch(f"/Users/{user['id']}", json=with_path), 400, "invalidPath")


def test_a_number_is_kept_digit_by_digit_or_refused(scim: httpx2.Client) -> None:
    def posted(number: str) -> httpx2.Response:
        body: dict[str, Any] = ana(externalId="@", userName=f"{number}@north.example")
        return scim.post("/Users", content=json.dumps(body).replace('"@"', number).encode())

    assert posted(str(2**64 - 1)).json()["externalId"] == str(2**64 - 1)
    assert find(scim, f"externalId eq {2**64 - 1}")["totalResults"] == 1
    refused(posted("123456789012345678901234567890"), 400, "invalidValue")


def test_a_byte_order_mark_in_front_of_a_body_is_passed_over(scim: httpx2.Client) -> None:
    body = json.dumps({"schemas": [USER], "userName": "kit@north.example"}).encode()
    answer = scim.post("/Users", content=b"\xef\xbb\xbf" + body)
    assert (answer.status_code, answer.json()["userName"]) == (201, "kit@north.example")


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH"])
def test_a_name_that_comes_twice_is_refused_and_changes_nothing(scim: httpx2.Client, verb: str) -> None:
    user = created(scim)
    twice = b'"active":false,"active":true'
    body = b'{"Operations":[{"op":"replace","value":{%b}}]}' if verb == "PATCH" else b'{"userName":"kit@x",%b}'
    path = "/Users" if verb == "POST" else f"/Users/{user['id']}"
    detail = refused(scim.request(verb, path, content=body % twice), 400, "invalidSyntax")
    assert "'active' was sent twice" in detail
    assert find(scim, "userName pr")["Resources"] == [user]


def test_a_patch_that_asks_for_too_much_is_refused_whole(scim: httpx2.Client) -> None:
    user = created(scim, emails=[{"value": f"{number}@x.example"} for number in range(500)])
    operations = [{"op": "replace", "path": "emails.display", "value": str(number)} for number in range(1000)]
    detail = refused(scim.patch(f"/Users/{user['id']}", json={"Operations": operations}), 400, "tooMany")
    assert "20,000 steps" in detail
    assert scim.get(f"/Users/{user['id']}").json() == user


def test_marks_that_took_minutes_to_fold_are_taken_at_once(scim: httpx2.Client) -> None:
    title = "a" + "\u0301\u0327" * 16_000
    refused(scim.post("/Users", json=ana(title=title)), 400, "invalidValue")
    text = "a" + "\u0301\u0327" * 300
    assert find(scim, f'title eq "{text}"')["totalResults"] == 0
