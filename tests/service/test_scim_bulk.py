"""/Bulk: operations in any order and across types, references between them, errors, and what holds for each of them."""

import threading
from typing import Any

import httpx2
import pytest

from tests.conftest import Place
from tests.service.test_credentials import change
from tests.service.test_late_bodies import retire
from tests.service.test_pause import switch
from tests.service.test_scim_groups import hire, make, members
from vestibule.scim.schema import ENTERPRISE_USER

REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def bulk(scim: httpx2.Client, *operations: dict[str, Any], **also: Any) -> list[dict[str, Any]]:
    """Carry out a bulk. Returns what each operation came to."""
    answer = scim.post("/Bulk", json={"schemas": [REQUEST], "Operations": list(operations), **also})
    assert answer.status_code == 200, answer.text
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]
    told: list[dict[str, Any]] = answer.json()["Operations"]
    return told


def refused(answer: httpx2.Response, status: int, kind: str | None = None) -> None:
    assert (answer.status_code, answer.json().get("scimType")) == (status, kind), answer.text


def person(name: str, **also: Any) -> dict[str, Any]:
    """A POST of a person, whose bulkId is the name."""
    return {"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name, **also}}


def group(name: str, *bulk_ids: str) -> dict[str, Any]:
    """A POST of a group, whose bulkId is the name."""
    data = {"displayName": name, "members": [{"value": f"bulkId:{each}"} for each in bulk_ids]}
    return {"method": "POST", "path": "/Groups", "bulkId": name, "data": data}


def statuses(told: list[dict[str, Any]]) -> list[str]:
    return [each["status"] for each in told]


def id_of(told: dict[str, Any]) -> str:
    return str(told["location"].rpartition("/")[2])


def test_every_method_for_both_types(scim: httpx2.Client, place: Place) -> None:
    ana, bo, cy = hire(scim, "ana", "bo", "cy")
    ops = make(scim, "ops", ana)
    told = bulk(
        scim,
        person("dee"),
        {"method": "put", "path": f"/Users/{ana}", "data": {"userName": "ana", "title": "Boss"}},
        {
            "method": "PATCH",
            "path": f"Users/{bo}",
            "version": 'W/"1"',
            "data": [{"op": "add", "path": "title", "value": "X"}],
        },
        {"method": "DELETE", "path": f"{place.scim_url}/Users/{cy}"},
        {
            "Method": "PATCH",
            "Path": f"/Groups/{ops['id']}",
            "Data": {"Operations": [{"op": "add", "path": "members", "value": [{"value": bo}]}]},
        },
    )
    assert statuses(told) == ["201", "200", "200", "204", "204"]
    dee = id_of(told[0])
    assert told[0] == {
        "method": "POST",
        "bulkId": "dee",
        "status": "201",
        "version": 'W/"1"',
        "location": f"{place.scim_url}/Users/{dee}",
    }
    assert told[3] == {"method": "DELETE", "status": "204", "location": f"{place.scim_url}/Users/{cy}"}
    assert told[4]["location"] == ops["meta"]["location"]
    assert told[4]["version"] == 'W/"2"'
    assert scim.get(f"/Users/{dee}").json()["userName"] == "dee"
    assert scim.get(f"/Users/{ana}").json()["title"] == "Boss"
    assert scim.get(f"/Users/{bo}").json()["title"] == "X"
    assert scim.get(f"/Users/{cy}").status_code == 404
    assert members(scim, ops) == {ana, bo}


def test_references_are_resolved_in_any_order_and_across_types(scim: httpx2.Client) -> None:
    told = bulk(
        scim,
        group("outer", "inner", "ana"),
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:inner",
            "data": {"Operations": [{"op": "add", "path": "members", "value": [{"$ref": "/Users/bulkId:bo"}]}]},
        },
        group("inner"),
        person("ana"),
        person("bo", **{ENTERPRISE_USER: {"manager": {"value": "bulkId:ana"}}}),
    )
    assert statuses(told) == ["201", "204", "201", "201", "201"]
    outer, _, inner, ana, bo = (id_of(each) for each in told)
    assert members(scim, {"id": outer}) == {inner, ana}
    assert members(scim, {"id": inner}) == {bo}
    assert scim.get(f"/Users/{bo}").json()[ENTERPRISE_USER]["manager"]["value"] == ana


def test_what_names_each_other_is_made_first_and_joined_then(scim: httpx2.Client) -> None:
    def managed(by: str) -> dict[str, Any]:
        return {ENTERPRISE_USER: {"department": "Ops", "manager": {"value": f"bulkId:{by}"}}}

    told = bulk(scim, person("ana", **managed("bo")), person("bo", **managed("cy")), person("cy", **managed("ana")))
    assert statuses(told) == ["201"] * 3
    ids = [id_of(each) for each in told]
    shown = [scim.get(f"/Users/{each}") for each in ids]
    extensions = [each.json()[ENTERPRISE_USER] for each in shown]
    assert [each["manager"]["value"] for each in extensions] == [*ids[1:], ids[0]]
    assert [each["department"] for each in extensions] == ["Ops"] * 3
    assert [each["version"] for each in told] == [each.headers["etag"] for each in shown]


def test_a_circle_of_groups_is_refused_as_it_is_in_a_request(scim: httpx2.Client) -> None:
    """Two groups cannot be in each other: the resources are made, and the one that would close the circle says so."""
    told = bulk(scim, group("a", "b", "ana"), group("b", "a"), person("ana"))
    assert sorted(statuses(told)) == ["201", "201", "400"]
    wrong = next(each for each in told if each["status"] == "400")
    assert {"location", "response"} <= wrong.keys()
    assert len(members(scim, {"id": id_of(told[0])})) == 2


def test_a_member_of_itself_names_its_own_bulk_id(scim: httpx2.Client) -> None:
    told = bulk(scim, person("ana", **{ENTERPRISE_USER: {"manager": {"value": "bulkId:ana"}}}))
    assert statuses(told) == ["201"]
    ana = id_of(told[0])
    assert scim.get(f"/Users/{ana}").json()[ENTERPRISE_USER]["manager"]["value"] == ana


def test_each_operation_fails_alone(scim: httpx2.Client, place: Place) -> None:
    (ana,) = hire(scim, "ana")
    unknown = "00000000-0000-7000-8000-000000000000"
    told = bulk(
        scim,
        person("ANA"),
        group("ops", "ANA"),
        group("all", "nobody"),
        {"method": "PUT", "path": f"/Users/{unknown}", "data": {"userName": "x"}},
        {"method": "PATCH", "path": f"/Users/{ana}", "version": 'W/"9"', "data": {"Operations": []}},
        {"method": "GET", "path": "/Users"},
        {"method": "POST", "path": "/Bulk", "data": {}},
        {"method": "POST", "path": "/Users/.search", "data": {}},
        {"method": "POST", "path": "/Users"},
        {"method": "DELETE", "path": "/Users"},
        person("bo"),
    )
    kinds = [(each["status"], each.get("response", {}).get("scimType")) for each in told]
    assert kinds == [
        ("409", "uniqueness"),
        ("400", "invalidValue"),
        ("400", "invalidValue"),
        ("404", None),
        ("412", None),
        *[("400", "invalidSyntax")] * 5,
        ("201", None),
    ]
    assert "location" not in told[0]
    assert told[3]["location"] == f"{place.scim_url}/Users/{unknown}"
    assert told[0]["response"]["status"] == "409"
    assert scim.get("/Groups").json()["totalResults"] == 0


@pytest.mark.parametrize(("most", "done"), [(1, 2), (2, 4), (3, 5)])
def test_it_ends_after_as_many_errors_as_asked(scim: httpx2.Client, most: int, done: int) -> None:
    wrong = {"method": "POST", "path": "/Users", "data": {}}
    assert len(bulk(scim, person("a"), wrong, person("b"), wrong, person("c"), failOnErrors=most)) == done


def test_what_is_no_bulk_is_refused(scim: httpx2.Client) -> None:
    wrong: list[Any] = [[], {}, {"Operations": {}}, {"Operations": [7]}, {"Operations": [{"method": 7}]}]
    for body in wrong:
        refused(scim.post("/Bulk", json=body), 400, "invalidSyntax")
    for most in (0, "1", True):
        refused(scim.post("/Bulk", json={"Operations": [], "failOnErrors": most}), 400, "invalidValue")
    refused(scim.post("/Bulk", json={"Operations": [person("a"), person("a")]}), 400, "invalidValue")
    refused(scim.post("/Bulk", json={"Operations": [{}] * 1001}), 413)
    refused(scim.post("/Bulk", content=b" " * (8 * 1024 * 1024 + 1)), 413)
    config = scim.get("/ServiceProviderConfig").json()["bulk"]
    assert config == {"supported": True, "maxOperations": 1000, "maxPayloadSize": 8 * 1024 * 1024}
    assert bulk(scim) == []


def test_a_limit_of_one_body_holds_for_each_operation(scim: httpx2.Client) -> None:
    large = person("a", title="x" * 70_000)
    told = bulk(scim, large, person("b", emails=[{"value": f"{n}@north.example"} for n in range(501)]), person("c"))
    assert [each.get("response", {}).get("scimType") for each in told] == ["invalidValue", "tooMany", None]


def test_a_large_bulk_with_references_is_carried_out(scim: httpx2.Client) -> None:
    """Large ones are prepared in a thread."""
    people = [person(f"p{number}", title="x" * 2000) for number in range(200)]
    told = bulk(scim, group("all", *[f"p{number}" for number in range(200)]), *people)
    assert set(statuses(told)) == {"201"}
    assert members(scim, {"id": id_of(told[0])}) == {id_of(each) for each in told[1:]}


def test_a_pause_holds_for_each_operation(scim: httpx2.Client, place: Place) -> None:
    (ana,) = hire(scim, "ana")
    switch(place, "paused")
    off = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
    told = bulk(scim, person("bo"), {"method": "PATCH", "path": f"/Users/{ana}", "data": off})
    assert statuses(told) == ["429", "200"]
    assert scim.get(f"/Users/{ana}").json()["active"] is False


def test_others_are_answered_between_a_thousand_operations(scim: httpx2.Client, place: Place) -> None:
    """Each operation is stored by itself, and the server does something else in between."""
    with place.client() as other:
        busy = threading.Thread(target=bulk, args=(scim, *[person(f"p{number}") for number in range(1000)]))
        busy.start()
        seen = set()
        while busy.is_alive():
            seen.add(other.get("/Users?count=0").json()["totalResults"])
        busy.join()
    assert seen & set(range(1, 1000))
    assert scim.get("/Users?count=0").json()["totalResults"] == 1000


def test_a_key_that_is_retired_meanwhile_ends_a_bulk(scim: httpx2.Client, place: Place) -> None:
    """Each operation is authenticated: the first one that is refused is the last one that is answered."""
    told: list[dict[str, Any]] = []
    operations = [person(f"p{number}", title="x") for number in range(1000)]
    busy = threading.Thread(target=lambda: told.extend(bulk(scim, *operations)))
    with place.client() as other:
        busy.start()
        while not other.get("/Users?count=0").json()["totalResults"]:
            assert busy.is_alive()
    change(place, retire)
    busy.join()
    assert set(statuses(told[:-1])) == {"201"}
    assert told[-1]["status"] == "401"
    assert 1 < len(told) < 1000


def test_every_operation_has_its_own_event(scim: httpx2.Client, place: Place) -> None:
    (ana,) = hire(scim, "ana")
    gone = {"method": "DELETE", "path": f"/Users/{ana}"}
    bulk(scim, person("bo"), gone, person("bo2", title="x"), group("more", "bo"))
    bulk(scim, person("bo"))
    told = [event for event in place.events() if event["type"] in {"user.created", "group.created", "request.refused"}]
    assert [event["type"] for event in told][1:] == ["user.created", "user.created", "group.created", "request.refused"]
    path = place.scim_url[place.scim_url.index("/scim/") :] + "/Users"
    assert told[1]["data"]["request"] == {"method": "POST", "path": path}
    assert told[1]["data"]["sent"] == {"userName": "bo"}
    assert (told[-1]["data"]["status"], told[-1]["data"]["request"]["path"]) == (409, path)
    assert told[-1]["data"]["sent"] == {"userName": "bo"}
