"""SCIM for people over HTTP: the rows of the wire facts (1.2-1.7, 1.9, 8) that concern people, on both engines."""

from typing import Any

import httpx2
import pytest

from tests.conftest import Place

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def ana(**more: Any) -> dict[str, Any]:
    """What Okta posts for somebody (wire facts 1.4)."""
    return {
        "schemas": [USER],
        "userName": "Ana.Reis@north.example",
        "name": {"givenName": "Ana", "familyName": "Reis"},
        "emails": [{"primary": True, "value": "ana.reis@north.example", "type": "work"}],
        "displayName": "Ana Reis",
        "locale": "en-US",
        "externalId": "00uNorth0001AnaReis",
        "groups": [],
        "password": "q8Zr41Vd",
        "active": True,
    } | more


def created(scim: httpx2.Client, **more: Any) -> dict[str, Any]:
    answer = scim.post("/Users", json=ana(**more))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def find(scim: httpx2.Client, text: str, **more: Any) -> dict[str, Any]:
    answer = scim.get("/Users", params={"filter": text} | more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: httpx2.Response, status: int, kind: str | None = None) -> str:
    """The detail of a refusal, once it is seen to have the SCIM shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/scim+json"
    body = answer.json()
    assert body["schemas"] == [ERROR]
    assert body["status"] == str(status)
    assert body.get("scimType") == kind
    assert body["detail"]
    return str(body["detail"])


# -- create ------------------------------------------------------------------------------------------------------------


def test_create_answers_the_whole_resource(scim: httpx2.Client, place: Place) -> None:
    answer = scim.post("/Users", json=ana())
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/scim+json"
    assert answer.headers["location"] == body["meta"]["location"] == f"{place.scim_url}/Users/{body['id']}"
    assert answer.headers["etag"] == body["meta"]["version"] == 'W/"1"'
    assert body["meta"]["resourceType"] == "User"
    assert body["meta"]["created"] == body["meta"]["lastModified"]
    assert body["userName"] == "Ana.Reis@north.example"  # the case is kept
    assert body["emails"] == [{"primary": True, "value": "ana.reis@north.example", "type": "work"}]
    assert "password" not in body
    assert "groups" not in body
    assert scim.get(f"/Users/{body['id']}").json() == body


def test_password_is_kept_nowhere(scim: httpx2.Client, place: Place) -> None:
    user = created(scim, password="S3cret-canary-1")
    scim.put(f"/Users/{user['id']}", json=ana(password="S3cret-canary-2", title="Lead"))
    patch = {"Operations": [{"op": "replace", "value": {"password": "S3cret-canary-3"}}]}
    assert scim.patch(f"/Users/{user['id']}", json=patch).status_code == 200
    patch = {"Operations": [{"op": "replace", "path": "password", "value": "S3cret-canary-4"}]}
    assert scim.patch(f"/Users/{user['id']}", json=patch).status_code == 200
    refused(scim.post("/Users", json=ana(password="S3cret-canary-5")), 409, "uniqueness")
    assert "S3cret-canary" not in str(place.events())
    assert "S3cret-canary" not in place.running.log.read_text()
    assert "S3cret-canary" not in scim.get("/Users").text
    reasons = [part["reason"] for event in place.events("user.created") for part in event["data"]["ignored"]]
    assert reasons == ["neverKept"]


def test_duplicate_is_409_in_any_case_also_of_an_inactive_person(scim: httpx2.Client) -> None:
    user = created(scim)
    refused(scim.post("/Users", json=ana(userName="ANA.REIS@NORTH.EXAMPLE")), 409, "uniqueness")
    scim.patch(f"/Users/{user['id']}", json={"Operations": [{"op": "replace", "value": {"active": False}}]})
    detail = refused(scim.post("/Users", json=ana()), 409, "uniqueness")
    assert "inactive" in detail


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("kelvin@x.example", "\u212aelvin@x.example"),  # KELVIN SIGN
        ("straße@x.example", "STRASSE@x.example"),
        ("ａｎａ@x.example", "ana@x.example"),  # full width
        ("é@x.example", "e\u0301@x.example"),
        ("Ωmega@x.example", "ωmega@x.example"),
    ],
)
def test_names_that_fold_to_one_are_one(scim: httpx2.Client, first: str, second: str) -> None:
    created(scim, userName=first)
    refused(scim.post("/Users", json=ana(userName=second)), 409, "uniqueness")
    assert find(scim, f'userName eq "{second}"')["totalResults"] == 1


@pytest.mark.parametrize("bad", ["a\u200bb@x.example", "a\u0000b", "tab\tbed", "\u202eevil@x.example"])
def test_invisible_characters_are_refused_in_a_user_name(scim: httpx2.Client, bad: str) -> None:
    answer = scim.post("/Users", json=ana(userName=bad))
    assert answer.status_code == 400
    assert answer.json()["scimType"] in {"invalidValue", "invalidSyntax"}


def test_external_id_may_be_a_number_or_absent(scim: httpx2.Client) -> None:
    assert created(scim, externalId=701984)["externalId"] == "701984"
    assert find(scim, 'externalId eq "701984"')["totalResults"] == 1
    body = ana(userName="b@north.example")
    del body["externalId"]
    assert "externalId" not in scim.post("/Users", json=body).json()


@pytest.mark.parametrize("external", ["1", "0", "-1", "admin", "__proto__", "x" * 1000])
def test_external_id_is_never_the_id(scim: httpx2.Client, external: str) -> None:
    user = created(scim, externalId=external)
    assert user["id"] != external
    assert scim.get(f"/Users/{external}").status_code == 404


def test_active_defaults_to_true_and_takes_texts(scim: httpx2.Client) -> None:
    body = ana()
    del body["active"]
    assert scim.post("/Users", json=body).json()["active"] is True
    assert created(scim, userName="b@x.example", active="False")["active"] is False


def test_unknown_and_read_only_attributes_are_set_aside_and_counted(scim: httpx2.Client, place: Place) -> None:
    user = created(
        scim,
        id="chosen-by-client",
        meta={"created": "1999-01-01T00:00:00Z"},
        favouriteColour="teal",
        isAdmin=True,
        tenant_id="other",
        schemas=[USER, "urn:example:unknown:1.0:User"],
        **{"urn:example:unknown:1.0:User": {"x": 1}, "__class__": "x"},
    )
    assert user["id"] != "chosen-by-client"
    assert not user["meta"]["created"].startswith("1999")
    assert {"favouriteColour", "isAdmin", "tenant_id", "__class__", "urn:example:unknown:1.0:User"}.isdisjoint(user)
    ignored = {(part["path"], part["reason"]) for part in place.events("user.created")[0]["data"]["ignored"]}
    assert {("id", "readOnly"), ("meta", "readOnly"), ("favouriteColour", "unknown"), ("isAdmin", "unknown")} <= ignored
    assert ("schemas: urn:example:unknown:1.0:User", "unknown") in ignored


def test_nulls_and_empty_values_are_no_values(scim: httpx2.Client) -> None:
    user = created(
        scim, title=None, nickName="", addresses=None, phoneNumbers=[], name={"middleName": "", "givenName": "A"}
    )
    assert {"title", "nickName", "addresses", "phoneNumbers"}.isdisjoint(user)
    assert user["name"] == {"givenName": "A"}


def test_enterprise_extension(scim: httpx2.Client) -> None:
    extension = {"department": "Ops", "employeeNumber": 42, "manager": [{"$ref": None, "value": "u-77"}]}
    user = created(scim, **{ENTERPRISE: extension})
    assert user[ENTERPRISE] == {"department": "Ops", "employeeNumber": "42", "manager": {"value": "u-77"}}
    assert user["schemas"] == [USER, ENTERPRISE]
    assert find(scim, f'{ENTERPRISE}:manager eq "u-77"')["totalResults"] == 1
    body = {name: value for name, value in user.items() if name != ENTERPRISE}
    assert scim.put(f"/Users/{user['id']}", json=body).json()["schemas"] == [USER]


# -- read --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unknown",
    [
        "010101001010101011001010101011",
        "00919288221112222",
        "01a20b6a-8c9e-70f3-86ea-bd86b400e8e1",
        "01A20B6A-8C9E-70F3-86EA-BD86B400E8E1",
        "%00",
        "..%2Fx",
        "a" * 3000,
        "%F0%9F%92%A9",
        "x;y=1",
    ],
)
def test_ids_that_nobody_has_are_404(scim: httpx2.Client, unknown: str) -> None:
    refused(scim.get(f"/Users/{unknown}"), 404)
    refused(scim.put(f"/Users/{unknown}", json=ana()), 404)
    refused(scim.patch(f"/Users/{unknown}", json={"Operations": []}), 404)
    refused(scim.delete(f"/Users/{unknown}"), 404)


def test_inactive_people_are_found_by_id_and_by_filter(scim: httpx2.Client) -> None:
    user = created(scim, active=False)
    assert scim.get(f"/Users/{user['id']}").json()["active"] is False
    found = find(scim, 'userName eq "ana.reis@north.example"')
    assert [each["id"] for each in found["Resources"]] == [user["id"]]
    assert find(scim, "active eq false")["totalResults"] == 1


def test_the_plus_in_an_address_is_a_plus_and_a_plus_in_the_query_is_a_space(scim: httpx2.Client) -> None:
    created(scim, userName="ana+test@north.example")
    for query in (
        "filter=userName%20eq%20%22ana%2Btest%40north.example%22&startIndex=1&count=100",
        "filter=userName+eq+%22ana%2Btest@north.example%22",
        "Filter=userName%20EQ%20%22ANA%2BTEST%40north.example%22&STARTINDEX=1",
    ):
        assert scim.get(f"/Users?{query}").json()["totalResults"] == 1
    assert scim.get("/Users?filter=userName+eq+%22ana+test@north.example%22").json()["totalResults"] == 0


def test_base_url_is_taken_with_and_without_slashes(scim: httpx2.Client, place: Place) -> None:
    user = created(scim)
    for path in ("//Users", "/Users/", f"//Users//{user['id']}", f"/Users/{user['id']}/"):
        answer = scim.get(f"{place.scim_url}{path}")
        assert answer.status_code == 200, path
    for slashes in ("//", "///"):
        answer = scim.get(place.scim_url.replace("/scim/", f"{slashes}scim//") + "/Users")
        assert (answer.status_code, answer.json()["totalResults"]) == (200, 1)


def test_a_lone_key_in_the_url_is_passed_over(scim: httpx2.Client) -> None:
    created(scim)
    assert scim.get("/Users?aadOptscim062020&startIndex=1").json()["totalResults"] == 1


def test_paging(scim: httpx2.Client) -> None:
    ids = [created(scim, userName=f"p{number}@x.example")["id"] for number in range(7)]

    def page(**params: Any) -> tuple[list[str], int, int, int]:
        body = scim.get("/Users", params=params).json()
        numbers = (body["totalResults"], body["startIndex"], body["itemsPerPage"])
        assert all(type(number) is int for number in numbers)
        return [each["id"] for each in body["Resources"]], *numbers

    assert page() == (ids, 7, 1, 7)
    assert page(startIndex=1, count=3) == (ids[:3], 7, 1, 3)
    assert page(startIndex=4, count=3) == (ids[3:6], 7, 4, 3)
    assert page(startIndex=7, count=3) == (ids[6:], 7, 7, 1)
    assert page(startIndex=8, count=3) == ([], 7, 8, 0)
    assert page(startIndex=9999999999999999999999, count=3)[:2] == ([], 7)
    assert page(startIndex=0, count=2)[0] == ids[:2]
    assert page(startIndex=-5, count=2)[0] == ids[:2]
    assert page(count=0) == ([], 7, 1, 0)
    assert page(count=-3) == ([], 7, 1, 0)
    assert page(count=10**12)[0] == ids
    assert page(filter='userName sw "p"', startIndex=6, count=5) == (ids[5:], 7, 6, 2)
    refused(scim.get("/Users", params={"count": "many"}), 400, "invalidValue")


def test_attributes_and_excluded_attributes(scim: httpx2.Client) -> None:
    user = created(scim, **{ENTERPRISE: {"department": "Ops"}})
    one = scim.get(f"/Users/{user['id']}", params={"attributes": "userName,name.givenName,nobody"}).json()
    assert one == {
        "schemas": user["schemas"],
        "id": user["id"],
        "userName": user["userName"],
        "name": {"givenName": "Ana"},
    }
    less = scim.get("/Users", params={"excludedAttributes": f"emails,meta,{ENTERPRISE}:department,id"}).json()[
        "Resources"
    ][0]
    assert less["id"] == user["id"]
    assert {"emails", "meta"}.isdisjoint(less)
    assert less[ENTERPRISE] == {}


def test_etags(scim: httpx2.Client) -> None:
    user = created(scim)
    url = f"/Users/{user['id']}"
    assert scim.get(url, headers={"if-none-match": 'W/"1"'}).status_code == 304
    assert scim.put(url, json=ana(title="A"), headers={"if-match": 'W/"1"'}).headers["etag"] == 'W/"2"'
    refused(scim.put(url, json=ana(title="B"), headers={"if-match": 'W/"1"'}), 412)
    refused(scim.delete(url, headers={"if-match": '"1"'}), 412)
    assert scim.get(url).json()["title"] == "A"
    assert scim.delete(url, headers={"if-match": "*"}).status_code == 204


# -- replace -----------------------------------------------------------------------------------------------------------


def test_put_replaces_and_keeps_what_is_ours(scim: httpx2.Client) -> None:
    user = created(scim, title="Engineer", nickName="Annie")
    # Okta merges into what it was given and sends everything back, our own id and meta included.
    echoed = user | {
        "title": "Lead",
        "groups": [],
        "password": "fresh",
        "meta": user["meta"] | {"created": "1999-01-01T00:00:00Z"},
    }
    del echoed["nickName"]
    answer = scim.put(f"/Users/{user['id']}", json=echoed)
    body = answer.json()
    assert answer.status_code == 200
    assert body["title"] == "Lead"
    assert "nickName" not in body
    assert body["id"] == user["id"]
    assert body["meta"]["created"] == user["meta"]["created"]
    assert body["meta"]["lastModified"] >= user["meta"]["lastModified"]
    assert body["meta"]["version"] == 'W/"2"'


def test_put_without_active_changes_nothing_about_it(scim: httpx2.Client) -> None:
    user = created(scim, active=False)
    body = ana(title="Lead")
    del body["active"]
    assert scim.put(f"/Users/{user['id']}", json=body).json()["active"] is False
    assert scim.put(f"/Users/{user['id']}", json=body | {"active": None}).json()["active"] is False


def test_put_with_another_id_in_the_body_reaches_the_one_in_the_url(scim: httpx2.Client) -> None:
    user, victim = created(scim), created(scim, userName="victim@x.example")
    answer = scim.put(f"/Users/{user['id']}", json=ana(id=victim["id"], title="Lead"))
    assert answer.json()["id"] == user["id"]
    assert scim.get(f"/Users/{victim['id']}").json() == victim


def test_put_of_an_echoed_list_response_is_survived(scim: httpx2.Client) -> None:
    user = created(scim)
    echoed = {"totalResults": 1, "Resources": [user], "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]}
    assert scim.put(f"/Users/{user['id']}", json=ana() | echoed).status_code == 200


def test_put_needs_a_user_name(scim: httpx2.Client) -> None:
    user = created(scim)
    refused(scim.put(f"/Users/{user['id']}", json={"displayName": "Nobody"}), 400, "invalidValue")
    assert scim.get(f"/Users/{user['id']}").json() == user


def test_rename_keeps_the_person_and_respects_others(scim: httpx2.Client) -> None:
    user, other = created(scim), created(scim, userName="other@x.example")
    assert scim.put(f"/Users/{user['id']}", json=ana(userName="new@x.example")).json()["id"] == user["id"]
    assert find(scim, 'userName eq "ana.reis@north.example"')["totalResults"] == 0
    assert find(scim, 'userName eq "NEW@x.example"')["Resources"][0]["id"] == user["id"]
    refused(scim.put(f"/Users/{user['id']}", json=ana(userName="OTHER@x.example")), 409, "uniqueness")
    patch = {"Operations": [{"op": "replace", "path": "userName", "value": "other@x.example"}]}
    refused(scim.patch(f"/Users/{user['id']}", json=patch), 409, "uniqueness")
    assert scim.put(f"/Users/{user['id']}", json=ana(userName="NEW@X.example")).status_code == 200
    assert scim.get(f"/Users/{other['id']}").json() == other


def test_a_write_that_changes_nothing_keeps_version_and_time(scim: httpx2.Client, place: Place) -> None:
    user = created(scim)
    assert scim.put(f"/Users/{user['id']}", json=ana()).json() == user
    patch = {"Operations": [{"op": "replace", "value": {"active": True}}]}
    assert scim.patch(f"/Users/{user['id']}", json=patch).json() == user
    assert [event["type"] for event in place.events("user.")] == ["user.created", "user.unchanged", "user.unchanged"]


# -- patch -------------------------------------------------------------------------------------------------------------


def test_okta_deactivates_and_reactivates_without_a_path(scim: httpx2.Client, place: Place) -> None:
    user = created(scim)
    for active in (False, True):
        message = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": {"active": active}}],
        }
        answer = scim.patch(f"/Users/{user['id']}", json=message)
        assert answer.status_code == 200
        assert answer.json()["active"] is active
        assert answer.json()["id"] == user["id"]
    assert [event["type"] for event in place.events("user.")] == [
        "user.created",
        "user.deactivated",
        "user.reactivated",
    ]


def test_entra_older_dialect(scim: httpx2.Client) -> None:
    user = created(scim)
    operations = [
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "k.b@south.example"},
        {"op": "Replace", "path": 'emails[type eq "other"].value', "value": "o@south.example"},
        {"op": "Add", "path": "name.familyName", "value": "Boateng"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": [{"$ref": None, "value": "u-77"}]},
        {"op": "Add", "path": f"{ENTERPRISE}.department", "value": "Ops", "name": "ignored", "id": "ignored"},
    ]
    body = scim.patch(f"/Users/{user['id']}", json={"Operations": operations}).json()
    assert body["active"] is False
    assert body["emails"] == [
        {"primary": True, "value": "k.b@south.example", "type": "work"},
        {"type": "other", "value": "o@south.example"},
    ]
    assert body["name"] == {"givenName": "Ana", "familyName": "Boateng"}
    assert body[ENTERPRISE] == {"manager": {"value": "u-77"}, "department": "Ops"}


def test_entra_newer_dialect(scim: httpx2.Client) -> None:
    user = created(scim)
    value = {
        "active": False,
        "displayName": "Kofi B",
        "name.familyName": "Boateng",
        f"{ENTERPRISE}:department": "Field",
    }
    body = scim.patch(f"/Users/{user['id']}", json={"Operations": [{"op": "replace", "value": value}]}).json()
    assert (body["active"], body["displayName"], body["name"]["familyName"]) == (False, "Kofi B", "Boateng")
    assert body[ENTERPRISE] == {"department": "Field"}


def test_patch_is_all_or_nothing(scim: httpx2.Client) -> None:
    user = created(scim)
    operations = [
        {"op": "replace", "path": "displayName", "value": "Changed"},
        {"op": "replace", "path": "active", "value": "perhaps"},
    ]
    refused(scim.patch(f"/Users/{user['id']}", json={"Operations": operations}), 400, "invalidValue")
    assert scim.get(f"/Users/{user['id']}").json() == user


def test_each_operation_is_reported(scim: httpx2.Client, place: Place) -> None:
    user = created(scim)
    operations = [
        {"op": "replace", "value": {"active": False, "shoeSize": 44}},
        {"op": "add", "path": "hat.size", "value": 7},
        {"op": "replace", "path": "meta.created", "value": "1999-01-01T00:00:00Z"},
        {"op": "replace", "path": "displayName", "value": "Ana Reis"},
    ]
    scim.patch(f"/Users/{user['id']}", json={"Operations": operations})
    data = place.events("user.deactivated")[0]["data"]
    assert data["operations"] == [
        {"reached": [["active", True]], "ignored": [{"path": "shoeSize", "reason": "unknown"}]},
        {"reached": [], "ignored": [{"path": "hat.size", "reason": "unknown"}]},
        {"reached": [], "ignored": [{"path": "meta.created", "reason": "readOnly"}]},
        {"reached": [["displayName", False]], "ignored": []},
    ]
    assert data["changes"] == [{"attribute": "active", "before": True, "after": False}]
    assert data["sent"] == {"Operations": operations}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({}, "invalidSyntax"),
        ([], "invalidSyntax"),
        ({"Operations": "x"}, "invalidSyntax"),
        ({"Operations": [1]}, "invalidSyntax"),
        ({"Operations": [{"op": "move", "path": "title"}]}, "invalidSyntax"),
        ({"Operations": [{"op": "replace", "path": 7, "value": 1}]}, "invalidSyntax"),
        ({"Operations": [{"op": "replace", "path": "title"}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "value": "x"}]}, "invalidValue"),
        ({"Operations": [{"op": "remove"}]}, "noTarget"),
        ({"Operations": [{"op": "remove", "path": "userName"}]}, "mutability"),
        ({"Operations": [{"op": "replace", "path": "userName", "value": ""}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "a b", "value": "x"}]}, "invalidPath"),
        ({"Operations": [{"op": "replace", "path": "emails[type", "value": "x"}]}, "invalidPath"),
        ({"Operations": [{"op": "replace", "path": "emails[type eq]", "value": "x"}]}, "invalidFilter"),
        ({"Operations": [{"op": "replace", "path": "title[value eq 1]", "value": "x"}]}, "invalidPath"),
        ({"Operations": [{"op": "replace", "path": 'emails[type ne "work"].value', "value": "x"}]}, "noTarget"),
        ({"Operations": [{"op": "replace", "path": "title", "value": "x"}] * 1001}, "tooMany"),
        (
            {"Operations": [{"op": "add", "path": "emails", "value": [{"value": f"{n}@x"} for n in range(501)]}]},
            "tooMany",
        ),
    ],
)
def test_patches_that_make_no_sense_are_refused(scim: httpx2.Client, message: Any, kind: str) -> None:
    user = created(scim)
    refused(scim.patch(f"/Users/{user['id']}", json=message), 400, kind)
    assert scim.get(f"/Users/{user['id']}").json() == user


def test_a_thousand_operations_are_taken(scim: httpx2.Client) -> None:
    user = created(scim)
    operations = [{"op": "replace", "path": "title", "value": str(number)} for number in range(1000)]
    assert scim.patch(f"/Users/{user['id']}", json={"Operations": operations}).json()["title"] == "999"


# -- delete ------------------------------------------------------------------------------------------------------------


def test_delete_frees_the_name_and_leaves_history(scim: httpx2.Client, place: Place) -> None:
    user = created(scim)
    answer = scim.delete(f"/Users/{user['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    refused(scim.get(f"/Users/{user['id']}"), 404)
    refused(scim.delete(f"/Users/{user['id']}"), 404)
    assert find(scim, 'userName eq "ana.reis@north.example"')["totalResults"] == 0
    assert find(scim, 'emails.value eq "ana.reis@north.example"')["totalResults"] == 0
    again = created(scim)
    assert again["id"] != user["id"]
    history = [event["type"] for event in place.events("user.") if event["subject"] == user["id"]]
    assert history == ["user.created", "user.deleted"]


# -- filters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "ANA.reis@north.example"', "a"),
        ('userName ne "ana.reis@north.example"', "b"),
        ('userName sw "ANA"', "a"),
        ('userName ew "south.EXAMPLE"', "b"),
        ('userName co "."', "ab"),
        ('userName gt "b"', "b"),
        ('emails eq "ANA.REIS@north.example"', "a"),
        ('emails.value co "south"', "b"),
        ('emails[type eq "work"].value eq "kofi@south.example"', "b"),
        ('emails[type eq "home" and value co "@"]', "b"),
        ('emails[primary eq true and value sw "ana"]', "a"),
        ('emails[not (type eq "work")]', "b"),
        ("emails.primary eq false", "b"),
        ('emails.display eq "private"', "b"),
        ('emails[display eq "Private"]', "b"),
        ('name.familyName eq "REIS" or name.familyName eq "boateng"', "ab"),
        ('not (name.familyName eq "reis")', "b"),
        ("title pr", "b"),
        ("not (title pr)", "a"),
        ('title ne "boss"', "a"),
        ('title eq "BOSS" and active eq true', "b"),
        ("title eq null", "a"),
        ("active eq True", "ab"),
        ('active eq "false"', ""),
        ("active ne true", ""),
        ('externalId eq "00uB"', "b"),
        ('externalId eq "00UB"', ""),  # exact
        ("externalId pr", "ab"),
        (f'{ENTERPRISE}:department eq "Ops"', "b"),
        (f'{ENTERPRISE}:manager eq "u-1"', "b"),
        (f'{USER}:userName sw "ana"', "a"),
        ('schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"', "b"),
        ('meta.created gt "2020-01-01T00:00:00Z"', "ab"),
        ('meta.lastModified lt "2020-01-01T00:00:00Z"', ""),
        ('meta.resourceType eq "User"', "ab"),
        ('meta.version eq "W/\\"1\\""', "ab"),
        ('photos[type eq "PHOTO" and value eq "https://x.example/P.png"]', "b"),
        ('photos[value eq "https://x.example/p.png"]', ""),  # exact
        ('addresses[country eq "pt"].locality eq "LISBOA"', "b"),
        ('NAME.FamilyName EQ "reis" AND NOT (Active EQ false)', "a"),
        ('(userName sw "a" or userName sw "k") and (emails pr) and (title pr or locale pr)', "ab"),
        ('id pr and displayName ew "\\u0061"', ""),
        ('displayName eq "Кофи \\"B\\""', "b"),
        ("manager pr", "b"),
        ("nobody eq 1", None),
        ("password pr", None),
        ("userName eq", None),
        ('userName eq "x', None),
        ("userName xx 1", None),
        ('name eq "x"', None),
        ("active gt true", None),
        ("active eq 7", None),
        ('meta.created gt "yesterday"', None),
        ('userName eq "x" and', None),
        ('(userName eq "x"', None),
        ('userName[value eq "x"]', None),
        ("title gt null", None),
        ('userName eq "\\u0000"', None),
        ("not userName pr", None),
    ],
)
def test_filters(scim: httpx2.Client, text: str, expected: str | None) -> None:
    first = created(scim)
    second = created(
        scim,
        userName="kofi@south.example",
        name={"familyName": "Boateng"},
        displayName='Кофи "B"',
        title="Boss",
        externalId="00uB",
        emails=[
            {"value": "kofi@south.example", "type": "work", "primary": False},
            {"value": "k@home.example", "type": "home", "display": "Private"},
        ],
        photos=[{"type": "photo", "value": "https://x.example/P.png"}],
        addresses=[{"country": "PT", "locality": "Lisboa"}],
        **{ENTERPRISE: {"department": "ops", "manager": {"value": "u-1"}}},
    )
    if expected is None:
        refused(scim.get("/Users", params={"filter": text}), 400, "invalidFilter")
        return
    found = [each["id"] for each in find(scim, text)["Resources"]]
    assert found == [{"a": first["id"], "b": second["id"]}[letter] for letter in expected]


def test_filters_by_id_and_location(scim: httpx2.Client) -> None:
    user = created(scim)
    assert find(scim, f'id eq "{user["id"]}"')["totalResults"] == 1
    assert find(scim, f'id eq "{user["id"].upper()}"')["totalResults"] == 0
    assert find(scim, f'meta.location eq "{user["meta"]["location"]}"')["totalResults"] == 1
    stamp = user["meta"]["created"]
    assert find(scim, f'meta.created eq "{stamp}"')["totalResults"] == 1
    assert find(scim, f'meta.created gt "{stamp}"')["totalResults"] == 0
    assert find(scim, f'meta.created ge "{stamp}" and meta.created le "{stamp}"')["totalResults"] == 1
    assert find(scim, f'meta.created ne "{stamp}"')["totalResults"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000,
        "not(" * 1_500,
        " or ".join(['userName eq "x"'] * 51),
        'userName eq "' + "x" * 4096 + '"',
        "(" * 21 + "title pr" + ")" * 21,
        "emails[" * 21,
        '"' * 3000,
    ],
)
def test_filters_over_the_limits(scim: httpx2.Client, text: str) -> None:
    refused(scim.get("/Users", params={"filter": text}), 400, "invalidFilter")


def test_filters_at_the_limits(scim: httpx2.Client) -> None:
    created(scim)
    assert find(scim, "(" * 20 + "userName pr" + ")" * 20)["totalResults"] == 1
    assert find(scim, " or ".join(['userName eq "x"'] * 49 + ["active eq true"]))["totalResults"] == 1


# -- input -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "invalidSyntax"),
        (b"{", 400, "invalidSyntax"),
        (b"[]", 400, "invalidSyntax"),
        (b'"x"', 400, "invalidSyntax"),
        (b'{"userName": NaN}', 400, "invalidSyntax"),
        (b'{"userName": "x", "title": 1e999}', 400, "invalidSyntax"),
        (b'{"userName": "a\\u0000b"}', 400, "invalidSyntax"),
        (b'{"userName": "x", "a\\u0000": 1}', 400, "invalidSyntax"),
        (b'{"userName": "\\ud800"}', 400, "invalidSyntax"),
        (b'{"userName": "\xff\xfe"}', 400, "invalidSyntax"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, 400, "invalidSyntax"),
        (b"[" * 100_000, 400, "invalidSyntax"),
        (b'{"userName": {"x": 1}}', 400, "invalidValue"),
        (b'{"userName": ["x", "y"]}', 400, "invalidValue"),
        (b'{"userName": true}', 400, "invalidValue"),
        (b'{"userName": "  "}', 400, "invalidValue"),
        (b'{"userName": "x", "USERNAME": "y"}', 400, "invalidSyntax"),
        (b'{"userName": "x", "active": "perhaps"}', 400, "invalidValue"),
        (b'{"userName": "x", "name": "Ana"}', 400, "invalidValue"),
        (b'{"userName": "x", "emails": [1]}', 400, "invalidValue"),
        (b'{"userName": "' + b"x" * 1025 + b'"}', 400, "invalidValue"),
        (b'{"userName": "x", "emails": [{"value": "' + b"x" * 1025 + b'"}]}', 400, "invalidValue"),
        (b'{"userName": "x", "title": "' + b"x" * 1024 * 1024 + b'"}', 413, None),
    ],
)
def test_bodies_that_cannot_be_taken(scim: httpx2.Client, body: bytes, status: int, kind: str | None) -> None:
    refused(scim.post("/Users", content=body), status, kind)
    assert scim.get("/Users").json()["totalResults"] == 0


def test_a_large_person_is_kept_whole(scim: httpx2.Client) -> None:
    user = created(scim, title="é" * 32_000, emails=[{"value": f"{number}@x.example"} for number in range(500)])
    assert scim.get(f"/Users/{user['id']}").json() == user
    assert find(scim, 'emails.value eq "499@X.example"')["totalResults"] == 1
    assert find(scim, 'title ew "É"')["totalResults"] == 1


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("application/json", 201),
        ("application/scim+json", 201),
        ("Application/SCIM+JSON; Charset=UTF-8", 201),
        ("application/scim+json; charset=utf-8;", 201),
        ("application/scim+json; charset=utf-8; odata=verbose", 201),
        ('application/json;odata=verbose ; charset = "UTF8"', 201),
        ("", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
        ("application/scim+json;v=2;charset=latin-1", 415),
        ("application/scim+json; charset=utf-8; charset=utf-16", 415),
        ("application/scim+json; charset=", 415),
    ],
)
def test_content_types(scim: httpx2.Client, header: str, status: int) -> None:
    answer = scim.post("/Users", json=ana(), headers={"content-type": header})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/scim+json"


def test_compressed_bodies_are_refused(scim: httpx2.Client) -> None:
    refused(scim.post("/Users", content=b"x", headers={"content-encoding": "gzip"}), 415)


def test_several_primaries_become_one(scim: httpx2.Client, place: Place) -> None:
    emails = [{"value": "a@x.example", "primary": True}, {"value": "b@x.example", "primary": "true"}]
    assert [each["primary"] for each in created(scim, emails=emails)["emails"]] == [True, False]
    ignored = place.events("user.created")[0]["data"]["ignored"]
    assert {"path": "emails.primary", "reason": "secondPrimary"} in ignored


# -- discovery and what is not offered ---------------------------------------------------------------------------------


def test_discovery_tells_the_truth(scim: httpx2.Client, place: Place) -> None:
    config = scim.get("/ServiceProviderConfig").json()
    assert (config["patch"]["supported"], config["filter"]["supported"], config["etag"]["supported"]) == (
        True,
        True,
        True,
    )
    assert (config["bulk"]["supported"], config["sort"]["supported"]) == (True, True)
    assert config["filter"]["maxResults"] == 1000
    kinds = scim.get("/ResourceTypes").json()
    assert [(kind["id"], kind["name"], kind["endpoint"]) for kind in kinds["Resources"]] == [
        ("User", "User", "/Users"),
        ("Group", "Group", "/Groups"),
    ]
    assert scim.get("/ResourceTypes/User").json() == kinds["Resources"][0]
    schemas = scim.get("/Schemas").json()
    assert [schema["id"] for schema in schemas["Resources"]] == [USER, ENTERPRISE, GROUP]
    names = {attribute["name"] for attribute in schemas["Resources"][0]["attributes"]}
    assert {"userName", "groups"} <= names
    assert "password" not in names
    assert scim.get(f"/Schemas/{ENTERPRISE}").json() == schemas["Resources"][1]
    refused(scim.get("/Schemas/urn:nobody"), 404)
    refused(scim.get("/Schemas", params={"filter": 'id eq "x"'}), 403)
    assert config["meta"]["location"] == f"{place.scim_url}/ServiceProviderConfig"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/Groups/x", 404),
        ("GET", "/Nothing", 404),
        ("POST", "", 405),
        ("GET", "/.search", 405),
        ("GET", "/Users/a/b", 404),
        ("POST", "/Schemas", 405),
        ("DELETE", "/Users", 405),
        ("PUT", "/Users", 405),
        ("GET", "/Bulk", 405),
        ("GET", "/Me", 501),
        ("OPTIONS", "/Users", 405),
    ],
)
def test_what_is_not_offered_is_said_in_scim(
    scim: httpx2.Client, place: Place, method: str, path: str, status: int
) -> None:
    refused(scim.request(method, f"{place.scim_url}{path}"), status)


def test_repeated_parameters_are_refused(scim: httpx2.Client) -> None:
    refused(scim.get("/Users?count=1&count=2"), 400, "invalidValue")
    refused(scim.get("/Users?filter=%ff"), 400, "invalidValue")


def test_refusals_are_recorded_with_a_reason(scim: httpx2.Client, place: Place) -> None:
    created(scim)
    scim.post("/Users", json=ana())
    scim.get("/Users", params={"filter": "nobody eq 1"})
    events = place.events("request.refused")
    assert [(event["data"]["status"], event["data"]["scim_type"]) for event in events] == [
        (409, "uniqueness"),
        (400, "invalidFilter"),
    ]
    assert events[0]["data"]["sent"]["password"] == "•••"
    assert "nobody" in events[1]["data"]["reason"]


def test_the_list_of_groups_is_empty(scim: httpx2.Client) -> None:
    """Okta asks for it when an administrator saves with Import Groups on (wire facts 1.3)."""
    answer = scim.get("/Groups?startIndex=1&count=100")
    assert (answer.status_code, answer.json()["totalResults"], answer.json()["Resources"]) == (200, 0, [])
