"""Lists: sorted, by cursor, over all types, with the query in a body; and conditional reads."""

import contextlib
import random
from typing import Any

import httpx2
import pytest

from tests.conftest import Place
from tests.service.test_scim_groups import hire, make

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


def listed(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["Resources"]]


def refused(answer: httpx2.Response, status: int, kind: str | None = None) -> str:
    assert (answer.status_code, answer.json().get("scimType")) == (status, kind), answer.text
    return str(answer.json()["detail"])


def walk(scim: httpx2.Client, url: str, **also: Any) -> list[list[str]]:
    """The pages of a list by cursor."""
    pages, cursor = [], ""
    while True:
        answer = scim.get(url, params={"cursor": cursor, **also})
        pages.append(listed(answer))
        assert "startIndex" not in answer.json()
        cursor = answer.json().get("nextCursor", "")
        if not cursor:
            return pages


# -- sorting -----------------------------------------------------------------------------------------------------------


def test_people_are_sorted_and_paged(scim: httpx2.Client) -> None:
    cy, ana, bo = hire(scim, "cy", "ANA", "bo")
    assert listed(scim.get("/Users?sortBy=userName")) == [ana, bo, cy]
    assert listed(scim.get("/Users?sortBy=userName&sortOrder=DESCENDING")) == [cy, bo, ana]
    page = scim.get("/Users?sortBy=userName&startIndex=2&count=1")
    assert listed(page) == [bo]
    told = page.json()
    assert (told["totalResults"], told["startIndex"], told["itemsPerPage"]) == (3, 2, 1)
    assert listed(scim.get('/Users?sortBy=userName&filter=userName ge "b"')) == [bo, cy]
    assert scim.get("/ServiceProviderConfig").json()["sort"] == {"supported": True}


def test_groups_are_sorted_also_by_their_members(scim: httpx2.Client) -> None:
    ana, bo = hire(scim, "ana", "bo")
    first, second, third = make(scim, "b", bo), make(scim, "A", ana), make(scim, "c")
    assert listed(scim.get("/Groups?sortBy=displayName")) == [second["id"], first["id"], third["id"]]
    assert listed(scim.get("/Groups?sortBy=members")) == [second["id"], first["id"], third["id"]]
    assert listed(scim.get("/Users?sortBy=groups.display")) == [ana, bo]


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ("sortBy=shoeSize", "sortBy;reason=unknown"),
        ("sortBy=name", "sortBy;reason=unknown"),
        ("sortBy=shoeSize&sortOrder=sideways", "sortBy;reason=unknown, sortOrder;reason=unknown"),
        ("sortBy=userName&sortOrder=sideways", "sortOrder;reason=unknown"),
        ("sortBy=userName", None),
        ("sortOrder=descending", None),
        ("sortBy=", None),
    ],
)
def test_what_cannot_be_sorted_by_is_ignored_and_told(scim: httpx2.Client, query: str, ignored: str | None) -> None:
    people = hire(scim, "ana", "bo")
    answer = scim.get(f"/Users?{query}")
    assert listed(answer) == people
    assert answer.headers.get("vestibule-ignored") == ignored


# -- search ------------------------------------------------------------------------------------------------------------


def test_a_search_request_is_a_query_in_a_body(scim: httpx2.Client) -> None:
    ana, bo, cy = hire(scim, "ana", "bo", "cy")
    asked = {
        "schemas": [SEARCH],
        "Attributes": ["userName"],
        "filter": 'userName ne "bo"',
        "sortBy": "userName",
        "sortOrder": "descending",
        "startIndex": 1,
        "count": 5,
    }
    answer = scim.post("/Users/.search", json=asked)
    assert listed(answer) == [cy, ana]
    assert {frozenset(each) for each in answer.json()["Resources"]} == {frozenset({"schemas", "id", "userName"})}
    assert listed(scim.post("/Users/.search", json={"excludedAttributes": "emails"})) == [ana, bo, cy]
    assert listed(scim.post("/Groups/.search", json={})) == []
    refused(scim.post("/Users/.search", json=[]), 400, "invalidSyntax")
    refused(scim.post("/Users/.search", json={"count": "x"}), 400, "invalidValue")
    refused(scim.post("/Users/.search", json={"attributes": 7}), 400, "invalidValue")
    refused(scim.post("/Users/.search", json={"filter": "shoeSize pr"}), 400, "invalidFilter")
    assert scim.get("/Users/.search").headers["allow"] == "POST"


def test_the_root_lists_people_and_groups(scim: httpx2.Client, place: Place) -> None:
    ana, bo = hire(scim, "ana", "bo")
    group = make(scim, "Ana", ana)["id"]

    def root(**query: str) -> list[str]:
        found = listed(scim.get(place.scim_url, params=query))
        assert listed(scim.post("/.search", json=query)) == found
        return found

    assert root() == [ana, bo, group]
    assert root(filter='userName eq "ana"') == [ana]
    assert root(filter='displayName eq "ana"') == [ana, group]
    assert root(filter='not (userName eq "ana")') == [bo, group]
    assert root(filter='userName ne "ana"') == [bo, group]
    assert root(filter=f'members[value eq "{ana}"] or userName eq "bo"') == [bo, group]
    assert root(filter='meta.resourceType eq "Group"') == [group]
    assert root(filter="userName eq null") == [group]
    assert root(sortBy="userName", sortOrder="descending") == [group, bo, ana]
    assert root(sortBy="active") == [ana, bo, group]
    assert root(sortBy="meta.lastModified", count="2", startIndex="2")[-1:] == [group]
    assert walk(scim, place.scim_url, count=1, sortBy="id") == [[ana], [bo], [group]]
    assert scim.get(place.scim_url, params={"attributes": "userName"}).json()["Resources"][0].keys() == {
        "schemas",
        "id",
        "userName",
    }
    refused(scim.get(place.scim_url, params={"filter": "shoeSize pr"}), 400, "invalidFilter")
    refused(scim.get(place.scim_url, params={"filter": "members["}), 400, "invalidFilter")


def test_nobody_is_me(scim: httpx2.Client) -> None:
    assert "nobody" in refused(scim.get("/Me"), 501)


# -- cursors -----------------------------------------------------------------------------------------------------------


def test_a_cursor_leads_forward_and_back(scim: httpx2.Client) -> None:
    people = hire(scim, *[f"p{number}" for number in range(5)])
    first = scim.get("/Users?cursor=&count=2").json()
    assert "previousCursor" not in first
    assert (first["totalResults"], first["itemsPerPage"]) == (5, 2)
    second = scim.get("/Users", params={"cursor": first["nextCursor"], "count": 2}).json()
    third = scim.get("/Users", params={"cursor": second["nextCursor"], "count": 2}).json()
    assert "nextCursor" not in third
    back = scim.get("/Users", params={"cursor": third["previousCursor"], "count": 2}).json()
    assert [each["id"] for each in back["Resources"]] == people[2:4]
    start = scim.get("/Users", params={"cursor": back["previousCursor"], "count": 2}).json()
    assert [each["id"] for each in start["Resources"]] == people[:2]
    assert "previousCursor" not in start
    again = scim.post("/Users/.search", json={"cursor": start["nextCursor"], "count": 9})
    assert listed(again) == people[2:]


def test_all_that_was_behind_a_cursor_may_be_deleted(scim: httpx2.Client) -> None:
    people = hire(scim, "ana", "bo", "cy")
    first = scim.get("/Users?cursor&count=2").json()
    scim.delete(f"/Users/{people[2]}")
    end = scim.get("/Users", params={"cursor": first["nextCursor"], "count": 2})
    assert (listed(end), end.json().keys() & {"nextCursor", "previousCursor"}) == ([], set())
    last = scim.get("/Users?cursor=&count=1").json()
    last = scim.get("/Users", params={"cursor": last["nextCursor"], "count": 1}).json()
    scim.delete(f"/Users/{people[0]}")
    before = scim.get("/Users", params={"cursor": last["previousCursor"], "count": 1})
    assert listed(before) == []
    assert listed(scim.get("/Users", params={"cursor": before.json()["nextCursor"]})) == [people[1]]


def test_a_wrong_cursor_is_refused(scim: httpx2.Client) -> None:
    hire(scim, "ana", "bo")
    cursor = scim.get("/Users?cursor=&count=1").json()["nextCursor"]
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    changed = cursor[:20] + ("A" if cursor[20] != "A" else "B") + cursor[21:]
    for wrong in ("x", "é", "A" * 60, changed, cursor + "AAAA"):
        refused(scim.get("/Users", params={"cursor": wrong}), 400, "invalidCursor")
    for other in ({"filter": "active eq true"}, {"sortBy": "title"}):
        refused(scim.get("/Users", params={"cursor": cursor, **other}), 400, "invalidCursor")
    refused(scim.get("/Groups", params={"cursor": cursor}), 400, "invalidCursor")
    for count in ("0", "-1", "x"):
        refused(scim.get(f"/Users?cursor=&count={count}"), 400, "invalidCount")
    pagination = scim.get("/ServiceProviderConfig").json()["pagination"]
    assert pagination == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 1000,
        "cursorTimeout": 86400,
    }


@pytest.mark.parametrize("sort", [{}, {"sortBy": "title"}, {"sortBy": "externalId", "sortOrder": "descending"}])
def test_a_walk_by_cursor_misses_nobody_while_people_come_go_and_change(
    scim: httpx2.Client, sort: dict[str, str]
) -> None:
    dice = random.Random(5)
    stay = []
    for number in range(40):
        person = {"userName": f"p{number}", **({"title": f"t{dice.randrange(9)}"} if dice.random() < 0.7 else {})}
        stay.append(scim.post("/Users", json=person).json()["id"])
    leave = hire(scim, *[f"q{number}" for number in range(20)])
    dice.shuffle(leave)
    seen: list[str] = []
    cursor = ""
    for step in range(100):
        page = scim.get("/Users", params={"cursor": cursor, "count": 5, **sort})
        seen += listed(page)
        cursor = page.json().get("nextCursor", "")
        if not cursor:
            break
        hire(scim, f"new{step}")
        change = {"Operations": [{"op": "replace", "value": {"userName": f"renamed{step}", "nickName": "N"}}]}
        assert scim.patch(f"/Users/{dice.choice(stay)}", json=change).status_code == 200
        with contextlib.suppress(IndexError):
            assert scim.delete(f"/Users/{leave.pop()}").status_code == 204
    assert len(set(seen)) == len(seen)
    assert set(seen) >= set(stay)


def test_a_walk_by_index_misses_nobody_while_people_come_and_change(scim: httpx2.Client) -> None:
    dice = random.Random(6)
    stay = hire(scim, *[f"p{number}" for number in range(30)])
    seen: list[str] = []
    for step in range(100):
        page = listed(scim.get(f"/Users?startIndex={len(seen) + 1}&count=4"))
        seen += page
        if step < 10:
            hire(scim, f"a{step}", f"b{step}")
        elif not page:
            break
        change = {"Operations": [{"op": "replace", "value": {"userName": f"renamed{step}", "active": step % 2 == 0}}]}
        assert scim.patch(f"/Users/{dice.choice(stay)}", json=change).status_code == 200
    assert len(set(seen)) == len(seen) == 50
    assert seen[:30] == stay


# -- conditional reads, and older versions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "status"),
    [('W/"1"', 304), ('"1"', 304), ('W/"7", W/"1"', 304), ("*", 304), ('W/"11"', 200), ('W/"2", "x"', 200)],
)
def test_a_read_is_spared_if_the_version_is_known(scim: httpx2.Client, tags: str, status: int) -> None:
    (ana,) = hire(scim, "ana")
    for url in (f"/Users/{ana}", f"/Groups/{make(scim, 'g', ana)['id']}"):
        answer = scim.get(url, headers={"if-none-match": tags})
        assert (answer.status_code, answer.headers["etag"]) == (status, 'W/"1"')
        assert bool(answer.content) == (status == 200)


def test_calls_of_scim_1_are_told_where_to_go(scim: httpx2.Client, place: Place) -> None:
    old = place.scim_url.replace("/v2/", "/v1/")
    for url in (f"{old}/Users", f"{old}/ServiceProviderConfigs", old):
        assert place.scim_url in refused(scim.get(url), 404)
    body = {"schemas": ["urn:scim:schemas:core:1.0"], "userName": "ana", "displayName": "Ana"}
    (bo,) = hire(scim, "bo")
    assert place.scim_url in refused(scim.post("/Users", json=body), 400, "invalidSyntax")
    assert place.scim_url in refused(scim.post("/Groups", json=body), 400, "invalidSyntax")
    assert place.scim_url in refused(scim.put(f"/Users/{bo}", json=body), 400, "invalidSyntax")
    assert place.scim_url in refused(scim.patch(f"/Users/{bo}", json=body), 400, "invalidSyntax")
    assert scim.get(f"{old}/Users", auth=("nobody", "x")).status_code == 401


# -- the attributes of an answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("attributes=userName,name.givenName", {"schemas", "id", "userName", "name"}),
        ("excludedAttributes=emails,meta,name,id,active,schemas", {"schemas", "id", "userName"}),
    ],
)
def test_every_answer_with_a_resource_has_the_attributes_that_were_asked_for(
    scim: httpx2.Client, place: Place, query: str, shown: set[str]
) -> None:
    body = {"userName": "ana", "name": {"givenName": "Ana", "familyName": "Reis"}, "emails": [{"value": "a@x.example"}]}
    made = scim.post(f"/Users?{query}", json=body)
    url = f"/Users/{made.json()['id']}?{query}"
    answers = [made, scim.get(url), scim.put(url, json=body), scim.patch(url, json={"Operations": []})]
    lists = [scim.get(f"/Users?{query}"), scim.get(f"{place.scim_url}?{query}"), scim.get(f"/Users?{query}&cursor")]
    name, _, value = query.partition("=")
    lists.append(scim.post("/.search", json={name: value.split(",")}))
    resources = [each.json() for each in answers] + [each.json()["Resources"][0] for each in lists]
    assert [set(each) for each in resources] == [shown] * len(resources)
