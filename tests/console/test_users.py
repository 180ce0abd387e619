"""People > Users: found, paged through, seen in full, and, where they belong to nobody, changed."""

from typing import Any

import httpx2
import pytest

from tests.conftest import on_both_engines
from tests.console.conftest import Staff, add_by_hand, in_tenant, rows
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor
from vestibule.actions import configure
from vestibule.endpoints.console.users import PAGE
from vestibule.endpoints.context import Context
from vestibule.keys import Pair
from vestibule.scim.schema import ENTERPRISE_USER
from vestibule.store.database import Tx

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def operations(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(steps)}


def found(staff: Staff, visitor: Visitor, text: str = "", **filters: str) -> list[str]:
    """User names that the list shows for a search, as somebody types it."""
    page = visitor.submit(visitor.get(staff.at("users")), "Search", {"q": text, **filters})
    check_markup(page)
    assert page.status == 200
    assert page.value("q") == text.strip()
    return [row.split(" | ")[0] for row in page.rows()]


def ids_on(page: Page) -> list[str]:
    return [str(each.get("href")).rpartition("/")[2] for each in page.all("//tbody//a[@class='row']")]


def to(page: Page, rel: str) -> str:
    """Where the pager leads; empty if it does not."""
    links = page.all(f"//nav[@class='pager']/a[@rel='{rel}']")
    return str(links[0].get("href")) if links else ""


# -- adding and changing by hand ---------------------------------------------------------------------------------------

HAND = {
    "user_name": "Noor@north.example",
    "given_name": "Noor",
    "family_name": "Haddad",
    "display_name": "Noor H.",
    "email": "noor@south.example",
    "title": "Engineer",
    "role": "editor",
}


@on_both_engines
def test_somebody_is_added_changed_and_deleted_by_hand(staff: Staff, owner: Visitor) -> None:
    page = add_by_hand(staff, owner, HAND["user_name"], **{k: v for k, v in HAND.items() if k != "user_name"})
    check_markup(page)
    assert page.heading == "Noor H."
    assert "Added by hand" in page.text
    assert [row.split(" | ") for row in page.rows()] == [
        ["userName", "Noor@north.example", "userName"],
        ["email", "noor@south.example", "emails[primary eq true].value"],
        ["firstName", "Noor", "name.givenName"],
        ["lastName", "Haddad", "name.familyName"],
        ["displayName", "Noor H.", "displayName"],
        ["title", "Engineer", "title"],
    ]
    assert "Role in the platform editor" in " ".join(part.text_content() for part in page.all("//dl/*"))
    assert {name: page.value(name) for name in HAND} == HAND
    page = owner.submit(page, "Save person", {"user_name": "noor.h@north.example", "title": "", "role": ""})
    assert (page.notice, page.value("title"), page.value("email")) == ("The person was changed.", "", HAND["email"])
    page = owner.submit(page, "Deactivate person")
    assert page.one("//div[@class='head']//span[contains(@class, 'pill')]").text == "inactive"
    page = owner.submit(page, "Reactivate person")
    assert page.one("//div[@class='head']//span[contains(@class, 'pill')]").text == "active"
    told = page.timeline()
    assert [sentence.removeprefix("Owner Reis ") for sentence in told] == [
        "reactivated noor.h@north.example",
        "deactivated noor.h@north.example",
        "changed noor.h@north.example: userName, title, role in the platform",
        "created Noor@north.example",
    ]
    address = page.path.partition("?")[0]
    page = delete(owner, page, "noor.h@north.example")
    assert page.notice == "The person was deleted. Their history stays in the activity log."
    page = owner.get(address)
    check_markup(page)
    assert (page.status, page.heading) == (200, "noor.h@north.example")
    assert "This person was deleted. Their history stays." in page.text
    assert page.timeline()[0] == "Owner Reis deleted noor.h@north.example"
    assert add_by_hand(staff, owner, "noor.h@north.example").status == 200, "the user name is free again"


def delete(visitor: Visitor, page: Page, typed: str) -> Page:
    """Delete the person of a page, with what the form wants typed."""
    form = page.form("Delete person")
    fields = dict.fromkeys(form.xpath(".//input[@type='text']/@name"), typed)
    return visitor.submit(page, "Delete person", fields)


@pytest.mark.parametrize(
    ("fields", "field", "status", "sentence"),
    [
        ({"user_name": ""}, "user_name", 400, "'userName' is required and has no value."),
        ({"user_name": "no\u200bor"}, "user_name", 400, "visible characters; got U+200B."),
        ({"user_name": "n" * 3000}, "user_name", 400, "bytes; this one takes 3,000."),
        ({"user_name": "TAKEN@north.example"}, "user_name", 409, "There is already a person with the user name"),
        ({"user_name": "okta@north.example"}, "user_name", 409, "There is already a person with the user name"),
        ({"role": "r" * 101}, "role", 400, "A role may have 100 characters."),
        ({"email": "e" * 3000}, "email", 400, "bytes; this one takes 3,000."),
    ],
)
def test_a_wrong_field_gets_its_sentence(
    staff: Staff,
    owner: Visitor,
    scim: httpx2.Client,
    fields: dict[str, str],
    field: str,
    status: int,
    sentence: str,
) -> None:
    add_by_hand(staff, owner, "taken@north.example")
    staff.provision(scim, userName="Okta@north.example")
    noor = add_by_hand(staff, owner, "noor@north.example")
    before = staff.count_events()
    new = {"user_name": "fresh@north.example", "title": "Engineer", **fields}
    for page in (
        owner.submit(owner.get(staff.at("users", "new")), "Add person", new),
        owner.submit(noor, "Save person", new),
    ):
        check_markup(page)
        assert page.status == status
        assert sentence in page.problem(field), page.text[:600]
        for name, value in new.items():
            assert page.value(name) == value, "what was typed stays"
    assert staff.count_events() == before


def test_who_is_provisioned_is_not_changed_here(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, userName="ana@north.example")
    page = owner.get(staff.at("users", ana["id"]))
    assert "Okta decides about this person: change them there, and the change arrives here." in page.text
    assert page.all("//main//form") == []
    assert page.all(f"//main//a[@href='{staff.at('users', ana['id'], 'blocked')}']")
    before = (staff.count_events(), scim.get(f"/Users/{ana['id']}").text)
    for verb, form in (("", HAND), ("/active", {"active": "no"}), ("/delete", {})):
        page = owner.post(page.path.partition("?")[0] + verb, {**form, "form_token": owner.form_token})
        assert page.status == 403
        assert "This person is provisioned by an identity provider" in page.text
        page = owner.get(staff.at("users", ana["id"]))
    assert (staff.count_events(), scim.get(f"/Users/{ana['id']}").text) == before


def test_a_form_that_says_nothing_deactivates_nobody(staff: Staff, owner: Visitor) -> None:
    page = add_by_hand(staff, owner, "noor@north.example")
    address = page.path.partition("?")[0]
    for form in ({}, {"active": ""}, {"active": "maybe"}):
        assert owner.post(f"{address}/active", {**form, "form_token": owner.form_token}).status == 400
    assert owner.get(address).one("//div[@class='head']//span[contains(@class, 'pill')]").text == "active"


def test_what_cannot_be_undone_wants_the_name_typed(staff: Staff, owner: Visitor) -> None:
    """CONSOLE.md: "confirm (types the name for what cannot be undone)"; and every page works without a script."""
    page = add_by_hand(staff, owner, "noor@north.example")
    assert delete(owner, page, "somebody.else@north.example").status == 400
    assert owner.get(page.path.partition("?")[0]).heading == "noor@north.example"


# -- a person ----------------------------------------------------------------------------------------------------------


def test_a_persons_page_tells_profile_origins_document_and_timeline(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    ana = staff.provision(
        scim,
        userName="Ana@north.example",
        externalId="00u1",
        displayName="Ana Reis",
        emails=[{"value": "h@x.example", "type": "home"}, {"value": "w@x.example", "type": "work"}],
        **{ENTERPRISE_USER: {"department": "Field"}},
    )
    scim.patch(f"/Users/{ana['id']}", json=operations({"op": "replace", "path": "title", "value": "Lead"}))
    page = owner.get(staff.at("users", ana["id"]))
    check_markup(page)
    assert page.heading == "Ana Reis"
    assert [row.split(" | ") for row in page.rows()] == [
        ["userName", "Ana@north.example", "userName"],
        ["email", "w@x.example", 'emails[type eq "work"].value'],
        ["displayName", "Ana Reis", "displayName"],
        ["title", "Lead", "title"],
        ["department", "Field", "department"],
    ]
    facts = " ".join(" ".join(page.one("//dl[@class='facts']").text_content().split()).split())
    for text in ("Ana@north.example", ana["id"], "00u1", "Version2"):
        assert text in facts
    document = page.one("//details/pre").text_content()
    for text in ('"externalId": "00u1"', '"title": "Lead"', '"type": "home"', ana["meta"]["location"]):
        assert text in document
    assert [each.partition(") ")[2] for each in page.timeline()] == [
        "changed Ana@north.example: title",
        "created Ana@north.example",
    ]
    assert page.link("Okta") == staff.provider
    assert "Ana@north.example" in owner.get(page.link("The mapping on this person")).text
    assert owner.get(page.link("All of it")).timeline() == page.timeline()


@on_both_engines
def test_a_possible_duplicate_is_shown_and_nothing_is_merged(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, userName="Ana@north.example", displayName="Ana of Okta")

    async def second(tx: Tx, context: Context) -> Pair:
        provider = await configure.create_provider(tx, "Second", "generic")
        _, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        assert pair is not None
        return pair

    with staff.place.client(in_tenant(staff.place, second)) as other:
        twin = other.post("/Users", json={"userName": "ANA@north.example", "displayName": "Ana of Second"}).json()
    page = owner.get(staff.at("users", ana["id"]))
    assert page.notice == (
        "Possible duplicate: another person with the same user name is provisioned by Second. They stay separate; "
        "nothing is merged."
    )
    assert page.link("another person") == staff.at("users", twin["id"])
    assert "is provisioned by Okta" in owner.get(page.link("another person")).notice
    overview = owner.get(staff.at(""))
    check_markup(overview)
    assert "Possible duplicates: ana@north.example." in overview.text
    twins = owner.get(overview.link("Compare")).rows()
    assert sorted(row.partition(" | ")[0] for row in twins) == ["ANA@north.example", "Ana@north.example"]


# -- searching ---------------------------------------------------------------------------------------------------------


@on_both_engines
def test_people_are_found_by_what_they_are_called(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(
        scim,
        userName="ana.reis@north.example",
        externalId="00uAbC",
        displayName="Ana Reis",
        name={"givenName": "Aninha", "familyName": "Reis-Silva", "formatted": "Dr. Ana"},
        emails=[{"value": "work@x.example", "type": "work"}, {"value": "Home@y.example", "type": "home"}],
        nickName="Nina",
    )
    staff.provision(scim, userName="noor@north.example", displayName="Noor Reis")
    for text in (
        "ana.reis@north.example", "ANA.REIS", "Ana Reis", "reis ana", "  reis   ana  ", "aninha", "reis-silva", "Dr.",
        "00uabc", "work@x.example", "home@Y", "reis aninha 00uabc",
    ):  # fmt: skip
        assert found(staff, owner, text) == ["ana.reis@north.example"], text
    assert found(staff, owner, "reis") == ["noor@north.example", "ana.reis@north.example"], "the newest first"
    for text in ("nina", "reis nobody", "ana.reis@north.example2"):
        assert found(staff, owner, text) == []
    assert "Nobody matches." in owner.get(staff.at("users"), q="nobody").text


@on_both_engines
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("100%", ["100%", "%", "0%"]),
        ("under_score", ["r_s", "_", "under_score"]),
        ("back\\slash", ["k\\s", "\\", "back\\slash"]),
        ("quo'te", ["'", "o't"]),
        ('double"quote', ['"']),
        ("semi;colon", [";", "i;c"]),
        ("do-uble--dash", ["--"]),
        ("Straße", ["STRASSE", "strasse", "straße", "STRAẞE"]),
        ("İstanbul", ["İSTANBUL", "i̇stanbul"]),
        ("ΣΊΣΥΦΟΣ", ["σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφοσ"]),
        ("Ａｎａ", ["ana", "ANA", "ａｎａ"]),
        ("Zoë", ["zoë", "ZOË", "zoe\u0308"]),
        ("ﬁona", ["fiona", "FIONA"]),
        ("名前", ["名", "名前"]),
        ("Ⅳ", ["iv"]),
        ("🦊fox", ["🦊", "fox"]),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_search_is_a_text_and_not_a_pattern(
    staff: Staff, owner: Visitor, scim: httpx2.Client, name: str, texts: list[str]
) -> None:
    staff.provision(scim, userName="a@b.example", displayName=name)
    staff.provision(scim, userName="x@y.example", displayName="Xyzzy under-score back/slash 100 percent")
    for text in texts:
        assert found(staff, owner, text) == ["a@b.example"], text


@on_both_engines
def test_a_search_never_fails(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(scim, userName="a@b.example")
    for text in ("x" * 600, "a " * 300, "\u202e", "\ud7ff", "%%%%", "\\" * 99, "\u0000", "a\tb", "$1 $2 ?", "{}"):
        page = owner.get(staff.at("users"), q=text)
        assert page.status == 200
        check_markup(page)
    for query in ("q=%ff%fe", "after=x", "before=%27", "state=maybe", "provider=%00", "after=x&before=y", "q=a&q=b"):
        assert owner.get(f"{staff.at('users')}?{query}").status == 200


@on_both_engines
def test_a_name_is_found_however_much_stands_before_it(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """What a person is searched by is not cut where somebody could still type it."""
    long = "Wolfeschlegelsteinhausenbergerdorff"
    staff.provision(
        scim,
        userName=f"{long.lower()}.hubert.blaine@subsidiary.of.a.long.company.north.example",
        displayName=f"Hubert Blaine {long} (Field Operations, Lisbon)",
        name={"givenName": "Hubert Blaine", "familyName": long, "formatted": f"Hubert Blaine {long}"},
        externalId="00u" + "7" * 33,
        emails=[{"value": "hubert@south.example", "type": "work", "primary": True}],
    )
    assert len(found(staff, owner, "hubert@south.example")) == 1


@on_both_engines
def test_filters_narrow_the_list(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    add_by_hand(staff, owner, "hand@north.example", role="editor")
    for name in ("one", "two"):
        made = staff.provision(scim, userName=f"{name}@north.example")
        if name == "two":
            scim.patch(f"/Users/{made['id']}", json=operations({"op": "replace", "value": {"active": False}}))
    provider = staff.place.provider.id
    assert found(staff, owner) == ["two@north.example", "one@north.example", "hand@north.example"]
    assert found(staff, owner, state="inactive") == ["two@north.example"]
    assert found(staff, owner, state="active") == ["one@north.example", "hand@north.example"]
    assert found(staff, owner, provider="hand") == ["hand@north.example"]
    assert found(staff, owner, provider=provider) == ["two@north.example", "one@north.example"]
    assert found(staff, owner, "north", provider=provider, state="active") == ["one@north.example"]
    page = owner.get(staff.at("users"), provider=provider, state="inactive")
    assert page.text.split("Clear ")[1].startswith("1 person found, the newest first.")
    assert (page.value("provider"), page.value("state")) == (provider, "inactive")
    assert owner.get(page.link("Clear")).rows() == owner.get(staff.at("users")).rows()
    assert "added by hand, editor" in owner.get(staff.at("users")).rows()[2]


# -- paging ------------------------------------------------------------------------------------------------------------


@on_both_engines
@pytest.mark.parametrize("filtered", [False, True], ids=["all", "searched"])
def test_paging_loses_and_repeats_nobody(staff: Staff, owner: Visitor, scim: httpx2.Client, filtered: bool) -> None:
    """In both directions, while people come and go on the pages behind and ahead."""
    for number in range(2 * PAGE + 23):
        staff.provision(scim, userName=f"p{number:03}@north.example", active=number % 2 == 0 or not filtered)
    query = {"state": "active", "q": "NORTH"} if filtered else {}
    sql = "SELECT id FROM users WHERE tenant_id = $1 AND active = $2 ORDER BY id DESC"
    wanted = [row[0] for row in rows(staff.running, sql, staff.place.tenant.id, True)]
    page = owner.get(staff.at("users"), **query)
    assert f"{len(wanted)} people" in page.text
    assert to(page, "prev") == ""
    seen, pages = ids_on(page), [ids_on(page)]
    while address := to(page, "next"):
        staff.provision(scim, userName=f"new{len(seen)}@north.example")
        page = owner.get(address)
        seen += ids_on(page)
        pages.append(ids_on(page))
    assert seen == wanted
    assert [len(each) for each in pages[:-1]] == [PAGE] * (len(pages) - 1)
    back = [ids_on(page)]
    while address := to(page, "prev"):
        page = owner.get(address)
        back.insert(0, ids_on(page))
    returned = [each for ids in back for each in ids]
    assert len(set(returned)) == len(returned)
    assert [each for each in returned if each in wanted] == wanted
    assert len(returned) == len(wanted) + len(pages) - 1, "who came meanwhile is on the first page"


@on_both_engines
def test_a_full_last_page_leads_nowhere(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    for number in range(PAGE):
        staff.provision(scim, userName=f"p{number}@north.example")
    page = owner.get(staff.at("users"))
    assert (len(page.rows()), to(page, "next"), to(page, "prev")) == (PAGE, "", "")
    staff.provision(scim, userName="one.more@north.example")
    page = owner.get(staff.at("users"))
    last = owner.get(to(page, "next"))
    assert (len(last.rows()), to(last, "next")) == (1, "")
    first = owner.get(to(last, "prev"))
    assert (ids_on(first), to(first, "prev")) == (ids_on(page), "")
