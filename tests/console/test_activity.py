"""Activity: everything that happened, filtered, paged, and each of it in full; secrets and passwords never."""

import csv
import io
import json
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.conftest import on_both_engines
from tests.console.conftest import Staff, add_by_hand, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, until
from vestibule.endpoints.console.activity import PAGE
from vestibule.endpoints.console.activity_export import neutral
from vestibule.endpoints.console.activity_search import FAMILIES
from vestibule.endpoints.context import Context
from vestibule.events import EVENT_TYPES
from vestibule.model import first_id_of
from vestibule.scim.schema import ENTERPRISE_USER
from vestibule.store import events
from vestibule.store.events import EventQuery

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def operations(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(steps)}


def newest(staff: Staff, visitor: Visitor, event_type: str) -> Page:
    """The page of the newest event of a type."""
    entries = visitor.get(staff.at("activity"), type=event_type).all("//ol[@class='timeline']//a[@title]")
    assert entries, f"there is no {event_type}"
    page = visitor.get(str(entries[0].get("href")))
    check_markup(page)
    assert page.status == 200
    return page


def ids_on(page: Page) -> list[str]:
    return [str(each.get("href")).rpartition("/")[2] for each in page.all("//ol[@class='timeline']//a[@title]")]


def needs(page: Page) -> list[str]:
    """What stands under *What needs somebody* on Overview."""
    return [" ".join(each.text_content().split()) for each in page.all("//ul[@class='needs']/li//p[1]")]


def older(page: Page) -> str:
    links = page.all("//nav[@class='pager']/a[@rel='next']")
    return str(links[0].get("href")) if links else ""


def lived(staff: Staff, visitor: Visitor, scim: httpx2.Client) -> dict[str, Any]:
    """A tenant in which something of every family happened; the person it happened to."""
    ana = staff.provision(scim, userName="ana@north.example", title="Lead")
    scim.patch(f"/Users/{ana['id']}", json=operations({"op": "replace", "path": "title", "value": "Head"}))
    scim.patch(f"/Users/{ana['id']}", json=operations({"op": "replace", "value": {"active": False}}))
    scim.post("/Users", json={"userName": "ana@north.example"})
    scim.get("/Users", params={"startIndex": "1", "count": "2"})
    add_by_hand(staff, visitor, "hand@north.example")
    assert scim.post("/Groups", json={"displayName": "Watch", "members": [{"value": ana["id"]}]}).status_code == 201
    visitor.submit(visitor.get(f"{staff.provider}/settings"), "Save settings", {"name": "North Okta"})
    visitor.submit(visitor.get(f"{staff.provider}/provisioning"), "Make key", {"label": "Winter"})
    invited = {"email": "noor@north.example", "name": "Noor"}
    visitor.submit(visitor.get(staff.at("administrators")), "Invite administrator", invited)
    return ana


# -- the list ----------------------------------------------------------------------------------------------------------


def test_everything_that_happened_is_told_newest_first(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    lived(staff, owner, scim)
    page = owner.get(staff.at("activity"))
    check_markup(page)
    query = "SELECT id FROM events WHERE tenant_id = $1 ORDER BY id DESC"
    assert ids_on(page) == [row[0] for row in rows(staff.running, query, staff.place.tenant.id)]
    told = page.timeline()
    for sentence in (
        "Owner Reis invited noor@north.example as admin",
        "Owner Reis changed North Okta: name",
        "Owner Reis created hand@north.example",
        "test switched on auto-provisioning for Okta",
    ):
        assert sentence in told
    assert any(each.endswith(" deactivated ana@north.example") for each in told)
    assert any(
        " was refused for ana@north.example: A user with the userName 'ana@north.example' already exists." in each
        for each in told
    )


@on_both_engines
def test_filters_narrow_the_log(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = lived(staff, owner, scim)
    acs = f"/saml/{staff.place.tenant.name}/{staff.place.provider.id}/acs"
    assert staff.visitor().post(acs, {"SAMLResponse": "x"}).status == 403
    page = owner.get(staff.at("activity"))
    types = {
        event_id: str(a.get("title")) for event_id, a in zip(ids_on(page), page.all("//ol//a[@title]"), strict=True)
    }
    for family, (title, prefixes) in FAMILIES.items():
        page = owner.submit(owner.get(staff.at("activity")), "Filter", {"what": family})
        wanted = [event_id for event_id, name in types.items() if name.startswith(prefixes)]
        assert (ids_on(page), bool(wanted)) == (wanted, True), title
        assert page.value("what") == family
    for event_type in set(types.values()):
        page = owner.submit(owner.get(staff.at("activity")), "Filter", {"type": event_type})
        assert ids_on(page) == [event_id for event_id, name in types.items() if name == event_type]
    page = owner.submit(
        owner.get(staff.at("activity")), "Filter", {"provider": staff.place.provider.id, "what": "people"}
    )
    assert [each.partition(") ")[2] for each in page.timeline()] == [
        "deactivated ana@north.example",
        "changed ana@north.example: title",
        "created ana@north.example",
    ]
    page = owner.get(staff.at("activity"), subject=ana["id"])
    assert len(page.timeline()) == 3
    page = owner.submit(page, "Filter", {"type": "user.changed"})
    assert len(page.timeline()) == 1, "the person stays chosen while something else is"
    assert len(owner.get(page.link("Clear")).timeline()) == len(types)
    page = owner.get(staff.at("activity"), type="mapping.applied")
    assert "Nothing of that kind." in page.text
    assert [option.get("value", option.text) for option in page.all("//select[@name='type']/option")][1:] == [
        each.name for each in EVENT_TYPES
    ]


def test_a_family_and_a_kind_that_exclude_each_other_show_nothing(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    lived(staff, owner, scim)
    page = owner.submit(owner.get(staff.at("activity")), "Filter", {"what": "administrators", "type": "user.created"})
    assert page.timeline() == []


def test_a_filter_that_is_none_shows_something_in_200(staff: Staff, owner: Visitor) -> None:
    for query in (
        "what=x",
        "type=x",
        "provider=x",
        "before=x",
        "before=%00",
        "subject=%27",
        "type=%ff",
        "what=a&what=b",
    ):
        page = owner.get(f"{staff.at('activity')}?{query}")
        assert page.status == 200
        check_markup(page)


@on_both_engines
@pytest.mark.parametrize("filters", [{}, {"what": "people"}, {"type": "user.changed"}], ids=str)
def test_paging_loses_and_repeats_nothing(
    staff: Staff, owner: Visitor, scim: httpx2.Client, filters: dict[str, str]
) -> None:
    ana = staff.provision(scim, userName="ana@north.example")
    for number in range(2 * PAGE + 25):
        body = operations({"op": "replace", "path": "title", "value": f"Title {number}"})
        assert scim.patch(f"/Users/{ana['id']}", json=body).status_code == 200
    query = "SELECT id, type FROM events WHERE tenant_id = $1 ORDER BY id DESC"
    prefix = filters.get("type", "user." if filters else "")
    wanted = [row[0] for row in rows(staff.running, query, staff.place.tenant.id) if row[1].startswith(prefix)]
    page = owner.get(staff.at("activity"), **filters)
    seen = ids_on(page)
    while address := older(page):
        scim.patch(f"/Users/{ana['id']}", json=operations({"op": "replace", "path": "title", "value": address}))
        page = owner.get(address)
        assert 0 < len(ids_on(page)) <= PAGE
        seen += ids_on(page)
    assert seen == wanted
    newer = owner.get(page.link("Newest"))
    assert len(ids_on(newer)) == PAGE
    assert newer.value("what") == filters.get("what", ""), "the filter stays"


@on_both_engines
def test_new_events_are_counted(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    page = owner.get(staff.at("activity"))
    address = str(page.one("//*[@data-fresh]").get("data-fresh"))
    assert owner.get(address).answer.json() == {"new": 0}
    staff.provision(scim, userName="ana@north.example")
    assert owner.get(address).answer.json() == {"new": 1}


# -- one event in full -------------------------------------------------------------------------------------------------


@on_both_engines
def test_a_patch_tells_what_was_sent_understood_and_changed(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, userName="ana@north.example", title="Lead", emails=[{"value": "a@x.example"}])
    body = operations(
        {"op": "Replace", "path": "title", "value": "Head"},
        {"op": "add", "path": "emails", "value": [{"value": "b@x.example", "type": "work"}]},
        {"op": "replace", "value": {"displayName": "Ana", "shoeSize": 38, "id": "x"}},
        {"op": "remove", "path": f"{ENTERPRISE_USER}:department"},
    )
    assert scim.patch(f"/Users/{ana['id']}", json=body).status_code == 200
    page = newest(staff, owner, "user.changed")
    assert page.heading.endswith("changed ana@north.example: title, emails, displayName")
    changed = [row.split(" | ") for row in page.rows()]
    assert ["title", "Lead", "Head"] in changed
    assert ["displayName", "", "Ana"] in changed
    assert ["emails", "a@x.example", "a@x.exampleb@x.example (work)"] in changed
    understood = [" ".join(str(cell.text_content()).split()) for cell in page.all("(//table)[2]/tbody/tr/td")]
    assert understood[0] == '{ "op": "Replace", "path": "title", "value": "Head" }'
    assert understood[1:3] == ["set title", "changed"]
    assert understood[7:9] == [
        "set displayName",
        "changedshoeSize: no such attribute hereid: only this service sets it",
    ]
    assert understood[10].startswith(("remove department", "nothing to do"))
    assert f"PATCH /scim/v2/{staff.place.tenant.name}/Users/{ana['id']}" in page.text
    assert '"shoeSize": 38' in page.text
    assert page.link("Okta") == staff.provider
    for fact in ("Request id", "Event id", "from 127.0.0.1, Okta SCIM Client 1.0.0"):
        assert fact in page.text


def test_a_put_tells_what_was_sent_and_changed(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, userName="ana@north.example", title="Lead", name={"givenName": "Ana"})
    body = {"userName": "anna@north.example", "name": {"givenName": "Anna"}, "shoeSize": 38}
    scim.put(f"/Users/{ana['id']}", json=body)
    page = newest(staff, owner, "user.changed")
    assert [row.split(" | ") for row in page.rows()] == [
        ["userName", "ana@north.example", "anna@north.example"],
        ["name.givenName", "Ana", "Anna"],
        ["title", "Lead", ""],
    ]
    assert "Ignored Sent, but not stored." in " ".join(page.text.split()).replace("IgnoredSent", "Ignored Sent")
    assert "shoeSize no such attribute here" in page.text
    scim.put(f"/Users/{ana['id']}", json=body)
    page = newest(staff, owner, "user.unchanged")
    assert "Nothing: the person already had all values that were sent." in page.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason", "mend"),
    [
        (
            "POST",
            "/Users",
            {"userName": "ana@north.example"},
            "409 uniqueness",
            "already exists.",
            "Somebody has this userName already",
        ),
        (
            "POST",
            "/Users",
            {"userName": ""},
            "400 invalidValue",
            "'userName' is required",
            "In Okta: check the mapping of the attribute",
        ),
        ("GET", "/Users?filter=userName+is+1", None, "400 invalidFilter", "", "In Okta: check the expression"),
        (
            "PATCH",
            "",
            operations({"op": "remove", "path": "userName"}),
            "400 mutability",
            "",
            "userName cannot be removed.",
        ),
        (
            "PATCH",
            "",
            operations({"op": "add", "path": "a b", "value": 1}),
            "400 invalidPath",
            "",
            "A path names no attribute.",
        ),
        (
            "PATCH",
            "",
            operations({"op": "replace", "path": 'emails[value co "fax"].value', "value": "x"}),
            "400 noTarget",
            "",
            "The operation selects a value that is not there.",
        ),
        (
            "GET",
            "/Users/00000000-0000-7000-8000-000000000000",
            None,
            "404",
            "no user with that id",
            "unassign the person",
        ),
        (
            "PATCH",
            "",
            operations(*[{"op": "replace", "path": "title", "value": "x"}] * 1001),
            "400 tooMany",
            "",
            "batches smaller",
        ),
    ],
)
def test_a_refusal_tells_its_reason_and_where_to_mend_it(
    staff: Staff,
    owner: Visitor,
    scim: httpx2.Client,
    method: str,
    path: str,
    body: Any,
    status: str,
    reason: str,
    mend: str,
) -> None:
    ana = staff.provision(scim, userName="ana@north.example")
    answer = scim.request(method, path or f"/Users/{ana['id']}", json=body)
    assert answer.status_code == int(status[:3]), answer.text
    page = newest(staff, owner, "request.refused")
    assert answer.json()["detail"] in page.notice
    assert reason in page.notice
    assert mend in page.notice
    assert f"Answer{status}" in page.text.replace("Answer ", "Answer")
    assert "the identity provider" not in page.notice.partition(mend)[2], "it is called by its name"
    told = answer.json()["detail"].rstrip(".")
    assert any(f"1 request from Okta was refused: {told}." in each for each in needs(owner.get(staff.at(""))))


def test_a_refused_credential_tells_who_came_with_what(staff: Staff, owner: Visitor) -> None:
    key, secret = staff.place.pair
    with staff.place.client(type(staff.place.pair)(key, secret[:-1] + "x")) as wrong:
        wrong.get("/Users", headers={"user-agent": "Elsewhere/1"})
        wrong.get("/Users", headers={"user-agent": "Elsewhere/1"})
    until(lambda: staff.place.events("credential.refused"))
    page = newest(staff, owner, "credential.refused")
    assert page.heading.startswith("A request with the key vk_")
    assert page.heading.endswith(" was refused: incomplete secret")
    assert f"/scim/v2/{staff.place.tenant.name}/Users" in page.text
    assert "Elsewhere/1" in page.text
    assert secret not in page.source


# -- dates, people and attributes --------------------------------------------------------------------------------------


def put_event(staff: Staff, at: str, event_type: str, data: dict[str, Any]) -> str:
    """An event of another day; its id."""
    instant = int(datetime.fromisoformat(at).timestamp() * 1000)
    event_id = first_id_of(instant)[:-12] + uuid4().hex[:12]
    sql(
        staff.running,
        "INSERT INTO events (tenant_id, id, at, type, actor, identity_provider_id, subject_id, request_id, data) "
        "VALUES ($1, $2, $3, $4, $5, '', '', '', $6)",
        staff.place.tenant.id,
        event_id,
        instant,
        event_type,
        '{"kind":"worker"}',
        json.dumps(data),
    )
    return event_id


@on_both_engines
def test_dates_are_whole_days_in_utc(staff: Staff, owner: Visitor) -> None:
    first = put_event(staff, "2026-03-01T00:00:00+00:00", "tenant.resumed", {"title": "North"})
    last = put_event(staff, "2026-03-01T23:59:59.999+00:00", "tenant.resumed", {"title": "North"})
    put_event(staff, "2026-02-28T23:59:59.999+00:00", "tenant.resumed", {"title": "North"})
    next_day = put_event(staff, "2026-03-02T00:00:00+00:00", "tenant.resumed", {"title": "North"})
    page = owner.submit(owner.get(staff.at("activity")), "Filter", {"from": "2026-03-01", "to": "2026-03-01"})
    assert ids_on(page) == [last, first]
    assert (page.value("from"), page.value("to")) == ("2026-03-01", "2026-03-01")
    page = owner.get(staff.at("activity"), **{"from": "2026-03-01", "to": "2026-03-02"})
    assert ids_on(page) == [next_day, last, first]


@pytest.mark.parametrize("date", ["1 March", "2026-02-30", "9999-12-31x", "0", "\u0661"])
def test_a_date_that_is_none_is_told(staff: Staff, owner: Visitor, date: str) -> None:
    page = owner.get(staff.at("activity"), **{"from": date})
    assert page.status == 200
    assert f"A date should be written as 2026-11-28; got '{date}'." in page.text
    assert owner.get(staff.at("activity", "export"), **{"from": date}).status == 400


@on_both_engines
def test_a_person_is_found_by_name_in_any_case_and_after_their_end(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    ana = lived(staff, owner, scim)
    kit = staff.provision(scim, userName="kit@north.example")
    renamed = {"op": "replace", "path": "userName", "value": "kit.holm@north.example"}
    assert scim.patch(f"/Users/{kit['id']}", json=operations(renamed)).status_code == 200
    page = owner.submit(owner.get(staff.at("activity")), "Filter", {"person": "ANA@north.example"})
    told = page.timeline()
    assert len(told) == 4, "created, changed, deactivated, and the refused second creation"
    assert all("ana@north.example" in each for each in told)
    assert len(owner.get(staff.at("activity"), person="kit.holm@north.example").timeline()) == 2
    assert scim.delete(f"/Users/{ana['id']}").status_code == 204
    page = owner.get(staff.at("activity"), person="ana@north.example")
    assert len(page.timeline()) == 5
    assert "Nothing of that kind." in owner.get(staff.at("activity"), person="nobody@north.example").text


@on_both_engines
def test_an_attribute_finds_what_changed_it(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = lived(staff, owner, scim)
    path = f"{ENTERPRISE_USER}:department"
    for value in ("Sales", "Finance"):
        change = {"op": "replace", "path": path, "value": value}
        assert scim.patch(f"/Users/{ana['id']}", json=operations(change)).status_code == 200
    given = {"op": "replace", "path": "name.givenName", "value": "Ana"}
    assert scim.patch(f"/Users/{ana['id']}", json=operations(given)).status_code == 200
    found = {
        attribute: len(owner.get(staff.at("activity"), subject=ana["id"], attribute=attribute).timeline())
        for attribute in ("title", "TITLE", "department", path, "name", "name.givenName", "givenName", "active", "tit")
    }
    assert found == {
        "title": 2, "TITLE": 2, "department": 2, path: 2, "name": 1, "name.givenName": 1, "givenName": 0,
        "active": 2, "tit": 0,
    }  # fmt: skip


@on_both_engines
def test_a_search_that_finds_little_goes_on_by_the_page(
    staff: Staff, owner: Visitor, scim: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, with small pages: what is looked at is bounded, and nothing is lost on the way."""
    ana = staff.provision(scim, userName="ana@north.example", title="Lead")
    for number in range(12):
        path = "title" if number % 4 == 0 else "nickName"
        change = {"op": "replace", "path": path, "value": str(number)}
        assert scim.patch(f"/Users/{ana['id']}", json=operations(change)).status_code == 200
    monkeypatch.setattr(events, "_LOOKED_AT", 4)
    monkeypatch.setattr(events, "_BATCH", 2)

    async def act(context: Context) -> tuple[list[int], int]:
        sizes, found, before = list[int](), 0, ""
        while True:
            async with context.database.scan(staff.place.tenant.id) as reading:
                page = await events.search_events(reading, EventQuery(attribute="title"), 50, before_id=before)
            sizes.append(len(page.events))
            found += len(page.events)
            if not page.before_id:
                return sizes, found
            before = page.before_id

    sizes, found = staff.running.act(act)
    assert found == 4
    assert len(sizes) > 3
    assert owner.get(staff.at("activity"), attribute="title").status == 200


# -- export ------------------------------------------------------------------------------------------------------------


@on_both_engines
def test_an_export_holds_what_the_filters_find(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    lived(staff, owner, scim)
    for number in range(260):
        put_event(staff, "2026-03-01T12:00:00+00:00", "tenant.resumed", {"title": f"North {number}"})
    page = owner.get(staff.at("activity"))
    answer = owner.client.get(page.link("JSON Lines"))
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.headers["content-disposition"].endswith('.jsonl"')
    told = [json.loads(line) for line in answer.text.splitlines()]
    query = "SELECT id FROM events WHERE tenant_id = $1 ORDER BY id DESC"
    assert [each["id"] for each in told] == [row[0] for row in rows(staff.running, query, staff.place.tenant.id)]
    assert len(told) > 260
    changed = next(each for each in told if each["type"] == "user.changed")
    assert changed["data"]["changes"] == [{"attribute": "title", "before": "Lead", "after": "Head"}]
    page = owner.get(staff.at("activity"), what="people", person="ana@north.example")
    answer = owner.client.get(page.link("CSV"))
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [each["type"] for each in lines] == ["user.deactivated", "user.changed", "user.created"]
    assert {each["user name"] for each in lines} == {"ana@north.example"}
    assert owner.get(staff.at("activity", "export"), format="xlsx").status == 400


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(staff: Staff, owner: Visitor, scim: httpx2.Client, name: str) -> None:
    staff.provision(scim, userName=name)
    answer = owner.client.get(staff.at("activity", "export"), params={"type": "user.created"})
    (line,) = csv.DictReader(io.StringIO(answer.text))
    assert line["user name"] == f"'{name}"


@pytest.mark.usefixtures("engine")
def test_a_cell_that_is_no_formula_stays() -> None:
    assert [neutral(cell) for cell in ("a=b", "", "1", "\t=1", "\r=1")] == ["a=b", "", "1", "'\t=1", "'\r=1"]


@on_both_engines
def test_a_row_says_how_long_an_end_took(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    lived(staff, owner, scim)

    def row() -> str:
        page = owner.get(staff.at("activity"), type="user.deactivated")
        return " ".join(page.all("//ol[@class='timeline']/li")[0].text_content().split())

    until(row, lambda told: " ms" in told and "access ended in" in told)
