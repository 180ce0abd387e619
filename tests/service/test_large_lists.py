"""Lists that would be large, on a running server."""

from typing import Any

import httpx2

from vestibule.limits import LIST_BYTES
from vestibule.scim.resource import MAX_TEXT

LARGE: dict[str, Any] = {"nickName": "é" * (MAX_TEXT // 2), "title": "x" * MAX_TEXT}
LARGE |= {"addresses": [{"streetAddress": "z" * MAX_TEXT, "type": f"t{number}"} for number in range(4)]}


def test_a_page_ends_early_where_it_would_be_large_and_the_next_goes_on(scim: httpx2.Client) -> None:
    for number in range(26):
        assert scim.post("/Users", json={"userName": f"p{number}@north.example", **LARGE}).status_code == 201
    found: list[str] = []
    pages = 0
    for filtered in ({}, {"filter": 'title sw "x"'}, {"filter": 'externalId eq "none" or userName sw "p"'}):
        found.clear()
        pages = 0
        while True:
            answer = scim.get("/Users", params={"startIndex": len(found) + 1, "count": 1000, **filtered})
            assert answer.status_code == 200
            assert len(answer.content) < LIST_BYTES + 1024 * 1024
            page = answer.json()
            assert page["totalResults"] == 26
            assert page["itemsPerPage"] == len(page["Resources"])
            if not page["Resources"]:
                break
            assert page["startIndex"] == len(found) + 1
            found += [each["userName"] for each in page["Resources"]]
            pages += 1
        assert found == [f"p{number}@north.example" for number in range(26)]
        assert pages == 2


def test_a_list_of_many_is_whole_and_in_order(scim: httpx2.Client) -> None:
    for number in range(30):
        assert scim.post("/Users", json={"userName": f"p{number}"}).status_code == 201
    for filtered in ({}, {"filter": 'userName co "p"'}):
        for start, count in ((1, 1000), (1, 8), (1, 9), (5, 20), (29, 8), (30, 8), (31, 8)):
            page = scim.get("/Users", params={"startIndex": start, "count": count, **filtered}).json()
            wanted = [f"p{number}" for number in range(30)][start - 1 : start - 1 + count]
            assert [each["userName"] for each in page["Resources"]] == wanted
            assert page["totalResults"] == 30
