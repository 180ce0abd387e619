"""Requests that say very much: their events and the pages about them stay small, and tell how much more there was."""

import json
from typing import Any

import httpx2
import pytest

from tests.conftest import Place
from tests.console.conftest import Staff
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor
from vestibule.scim.filter import Document

LARGEST_EVENT = 150_000
LARGEST_PAGE = 100_000


def patch(operations: list[Document]) -> Document:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}


def newest(place: Place) -> Document:
    """What the newest event about a person keeps, once it is seen to be small."""
    data: Document = place.events("user.")[-1]["data"]
    assert len(json.dumps(data)) < LARGEST_EVENT
    return data


def page_of_newest(staff: Staff, owner: Visitor) -> Page:
    """The page of the newest event, once it and the list are seen to be small."""
    listed = owner.get(staff.at("activity"))
    assert len(listed.answer.content) < LARGEST_PAGE
    page = owner.get(str(listed.all("//ol[@class='timeline']//a[@title]")[0].get("href")))
    assert len(page.answer.content) < LARGEST_PAGE
    check_markup(page)
    return page


@pytest.mark.parametrize("name", ["emails.display", "emails.primary"])
def test_many_operations_that_reach_many_places_each(
    staff: Staff, owner: Visitor, scim: httpx2.Client, name: str
) -> None:
    ana = staff.provision(
        scim, userName="ana@north.example", emails=[{"value": f"{number}@x.example"} for number in range(55)]
    )
    sent = [{"op": "add", "path": name, "value": str(number % 2 == 0)} for number in range(140)]
    assert scim.patch(f"/Users/{ana['id']}", json=patch(sent)).status_code == 200
    data = newest(staff.place)
    assert (len(data["operations"]), data["operations_more"]) == (100, 40)
    first = data["operations"][0]
    assert (len(first["reached"]), first["reached_more"]) == (50, 5)
    assert data["operations"][99] == {"reached": [], "reached_more": 55, "ignored": []}
    page = page_of_newest(staff, owner)
    operations = [str(row.text_content()) for row in page.all("(//table)[2]/tbody/tr")]
    assert len(operations) == 25
    assert operations[0].count("changed") + operations[0].count("no change") == 10
    assert "… and 45 more" in operations[0]
    assert "… and 55 more" in operations[24]
    assert "… and 115 more." in page.text


def test_very_many_names_that_nobody_knows(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    unknown = {f"key{number}": 1 for number in range(9_000)}
    ana = staff.provision(scim, userName="ana@north.example", **unknown)
    data = newest(staff.place)
    assert (len(data["ignored"]), data["ignored_more"]) == (50, 8_950)
    page = page_of_newest(staff, owner)
    assert "key49" in page.text
    assert "key50" not in page.text
    assert "… and 8,950 more" in page.text
    some = dict(list(unknown.items())[:400])
    sent: list[Any] = [{"op": "replace", "value": some}, {"op": "replace", "value": {"title": "Lead", "hat": 1}}]
    assert scim.patch(f"/Users/{ana['id']}", json=patch(sent)).status_code == 200
    data = newest(staff.place)
    assert data["ignored_more"] == 351
    assert [operation.get("ignored_more") for operation in data["operations"]] == [350, None]
    page = page_of_newest(staff, owner)
    assert "… and 390 more ignored" in page.text


def test_what_a_path_compares_a_password_with_is_told_nowhere(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    ana = staff.provision(scim, userName="ana@north.example", **{'password[x eq "S3cret-1"]': 1})
    sent: list[Any] = [
        {"op": "replace", "path": 'password[x eq "S3cret-2"]', "value": "S3cret-3"},
        {"op": "replace", "value": {'password[x eq "S3cret-4"].y': "S3cret-5", "title": "Lead"}},
    ]
    assert scim.patch(f"/Users/{ana['id']}", json=patch(sent)).status_code == 200
    assert [event["data"]["ignored"][0]["path"] for event in staff.place.events("user.")] == [
        'password[x eq "•••"]'
    ] * 2
    assert "S3cret" not in str(staff.place.events())
    page = page_of_newest(staff, owner)
    assert "S3cret" not in page.text
    assert "•••" in page.text
