"""People > Groups: found, paged through, drawn with the groups around them, and, where made by hand, changed."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.conftest import Place, on_both_engines
from tests.console.conftest import Staff, add_by_hand, in_tenant, rows
from tests.console.harmless import check_markup
from tests.console.test_mapping import saved
from tests.console.visitor import Page, Visitor, apart
from tests.service.test_group_roles import roles
from tests.service.test_large_groups import hire_many
from tests.service.test_scim_groups import hire, make, patch
from vestibule.actions import configure, groups_by_hand
from vestibule.endpoints.console.group_tree import MOST_DRAWN
from vestibule.endpoints.console.groups import PAGE
from vestibule.endpoints.context import Context
from vestibule.keys import Pair
from vestibule.store.database import Tx
from vestibule.worker import derive_profiles


def listed(page: Page) -> list[str]:
    """The names that the first table of a page shows."""
    check_markup(page)
    return [row.split(" | ")[0] for row in page.rows()]


def to(page: Page, rel: str) -> str:
    """Where the pager leads; empty if it does not."""
    links = page.all(f"//nav[@class='pager']/a[@rel='{rel}']")
    return str(links[0].get("href")) if links else ""


def tree(page: Page, number: int = 1) -> list[str]:
    """A tree of the page: its groups with how deep each is."""
    found = page.all(f"(//ul[@class='tree'])[{number}]//a")
    return [f"{len(each.xpath('ancestor::ul')) - 1} {each.text_content()}" for each in found]


def make_by_hand(staff: Staff, visitor: Visitor, name: str, *members: str) -> Page:
    """Make a group by hand. Returns its page."""
    form = visitor.get(staff.at("groups", "new"))
    page = visitor.submit(form, "Add group", {"name": name, "members": "\n".join(members)})
    assert page.notice == "The group was added.", page.text
    return page


def group_id(page: Page) -> str:
    return page.path.partition("?")[0].rpartition("/")[2]


def second_provider(place: Place) -> Pair:
    """Make another identity provider, which may provision."""

    async def act(tx: Tx, context: Context) -> Pair:
        provider = await configure.create_provider(tx, "Second", "generic")
        _, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        assert pair is not None
        return pair

    return in_tenant(place, act)


# -- seeing ------------------------------------------------------------------------------------------------------------


def test_groups_are_listed_by_name_searched_and_filtered(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    page = owner.get(staff.at("groups"))
    assert "No group yet." in page.text
    ana, bo = hire(scim, "ana", "bo")
    make(scim, "Night Watch", ana, bo)
    make(scim, "day watch")
    make_by_hand(staff, owner, "Council", "ana")
    page = owner.get(staff.at("groups"))
    check_markup(page)
    assert page.text.count("3 groups, by name.") == 1
    assert [row.rpartition(" | ")[0] for row in page.rows()] == [
        "Council | 1 member | made by hand",
        "day watch | 0 members | Okta",
        "Night Watch | 2 members | Okta",
    ]
    assert listed(owner.submit(page, "Search", {"q": "WATCH n"})) == ["Night Watch"]
    assert listed(owner.submit(page, "Search", {"provider": "hand"})) == ["Council"]
    assert listed(owner.submit(page, "Search", {"provider": staff.place.provider.id})) == ["day watch", "Night Watch"]
    page = owner.submit(page, "Search", {"q": "100%_"})
    assert "No group matches." in page.text
    assert listed(owner.get(page.link("Show all groups"))) == ["Council", "day watch", "Night Watch"]


@on_both_engines
def test_many_groups_and_members_are_paged_both_ways(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ids = hire_many(staff.place, PAGE + 3)
    everybody = make(scim, "g000", *ids)
    names = [f"g{number:03}" for number in range(2 * PAGE + 1)]
    for name in names[1:]:
        make(scim, name)
    page = owner.get(staff.at("groups"))
    assert (listed(page), to(page, "prev")) == (names[:PAGE], "")
    page = owner.get(to(page, "next"))
    assert listed(page) == names[PAGE : 2 * PAGE]
    last = owner.get(to(page, "next"))
    assert (listed(last), to(last, "next")) == (names[-1:], "")
    assert listed(owner.get(to(last, "prev"))) == names[PAGE : 2 * PAGE]
    first = owner.get(to(page, "prev"))
    assert (listed(first), to(first, "prev")) == (names[:PAGE], "")

    path = staff.at("groups", everybody["id"])
    page = owner.get(path)
    assert f"Pushed by Okta; {PAGE + 3} members;" in page.text
    assert listed(page) == [f"p{number}" for number in range(PAGE)]
    page = owner.get(to(page, "next").partition("#")[0])
    assert (listed(page), to(page, "next")) == ([f"p{number}" for number in range(PAGE, PAGE + 3)], "")
    page = owner.get(to(page, "prev").partition("#")[0])
    assert (listed(page), to(page, "prev")) == ([f"p{number}" for number in range(PAGE)], "")
    assert listed(owner.submit(page, "Search", {"q": "P52"})) == ["p52"]
    assert "No member matches." in owner.submit(page, "Search", {"q": "nobody"}).text
    assert listed(owner.get(path, q="p")) == [f"p{number}" for number in range(PAGE)]


@on_both_engines
def test_a_pushed_group_is_seen_and_not_changed(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana, bo = hire(scim, "ana", "bo")
    inner = make(scim, "Inner", bo)
    group = make(scim, "Watch", ana, inner["id"])
    outer, top = make(scim, "Outer", group["id"]), make(scim, "Top")
    patch(scim, top, {"op": "add", "path": "members", "value": [{"value": outer["id"]}, {"value": group["id"]}]})
    patch(scim, group, {"op": "replace", "path": "displayName", "value": "Night watch"})
    path = staff.at("groups", group["id"])
    page = owner.get(path)
    check_markup(page)
    assert page.heading == "Night watch"
    assert "Okta decides who is: change the group and its members there" in page.text
    assert page.rows() == ["ana | Ana | active | Okta", "Inner | 1 member | group | Okta"]
    assert tree(page, 1) == ["1 Outer", "2 Top", "1 Top"]
    assert "drawn elsewhere too" in page.text
    assert tree(page, 2) == ["1 Inner"]
    assert page.timeline() == [
        f"{staff.place.provider.name} (key {key(page)}) changed the group Night watch: displayName",
        f"{staff.place.provider.name} (key {key(page)}) created the group Watch",
    ]
    assert page.all("//ol[@class='timeline']//span[@class='what']/a")[0].get("href") == path
    assert page.all("//main//form[@method='post']") == []
    token = {"form_token": owner.form_token}
    for address, fields in (
        ("", {"name": "x"}),
        ("/members", {"members": "bo"}),
        ("/members/remove", {"member": ana}),
        ("/delete", {"confirm": "Night watch"}),
    ):
        refused = owner.post(path + address, fields | token)
        assert (refused.status, "Change it there." in refused.text) == (403, True)
    scim.delete(f"/Groups/{group['id']}")
    gone = owner.get(path)
    check_markup(gone)
    assert (gone.status, gone.heading) == (200, "Night watch")
    assert "This group was deleted. Its history stays." in gone.text
    assert owner.get(staff.at("groups", ana)).status == 404, "a person is no group"
    assert owner.get(staff.at("users", group["id"])).status == 404, "a group is no person"
    assert staff.place.faults() == []


def key(page: Page) -> str:
    """The short name of the key that the newest entry of a timeline names."""
    return page.timeline()[0].partition("(key ")[2].partition(")")[0]


@on_both_engines
def test_a_person_shows_their_groups_and_through_which(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    (ana,) = hire(scim, "ana")
    path = staff.at("users", ana)
    assert "In no group." in owner.get(path).text
    team = make(scim, "Team", ana)
    make(scim, "Unit", team["id"])
    make_by_hand(staff, owner, "Council", "ana", "Unit")
    page = owner.get(path)
    check_markup(page)
    assert "In 2 groups directly, and through them in 1 more." in page.text
    assert tree(page) == ["1 Council", "1 Team", "2 Unit", "3 Council"]


def test_a_tree_is_small_whatever_there_is(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    (ana,) = hire(scim, "ana")
    made = [make(scim, f"g{number:03}", ana) for number in range(MOST_DRAWN + 5)]
    ring = make_by_hand(staff, owner, "Ring", *(group["displayName"] for group in made))
    page = owner.get(staff.at("users", ana))
    assert len(tree(page)) == MOST_DRAWN
    assert f"There are more; the first {MOST_DRAWN} are drawn." in page.text
    page = owner.get(ring.path.partition("?")[0])
    assert len(tree(page)) == MOST_DRAWN
    assert len(page.answer.content) < 100_000


def test_an_event_shows_who_came_and_who_went_in_pages(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ids = hire_many(staff.place, 1101)
    inner = make(scim, "Inner", *ids[:1])
    group = make(scim, "Everybody", *ids[:101], inner["id"])
    page = owner.get(owner.get(staff.at("groups", group["id"])).entry("group.created"))
    check_markup(page)
    assert "102 added." in page.text
    assert "1 to 100 of 102" in page.text
    assert page.rows()[0] == "p0 | person | added"
    page = owner.get(to(page, "next").partition("#")[0])
    assert (page.rows(), to(page, "next")) == (["p100 | person | added", "Inner | group | added"], "")
    assert page.all("(//table)[1]//a")[1].get("href") == staff.at("groups", inner["id"])
    assert page.link("Everybody", within="//dl") == staff.at("groups", group["id"])
    values = [{"value": id_} for id_ in ids[101:]]
    patch(scim, group, {"op": "replace", "path": "members", "value": values})
    page = owner.get(staff.at("groups", group["id"]))
    assert [sentence.partition(": ")[2] for sentence in page.timeline()[:2]] == [
        "102 members added (part 2 of 2)",
        "898 members added, 102 members removed (part 1 of 2)",
    ]
    page = owner.get(page.entry("group.changed"))
    assert "This is part 2 of 2 of the change; the others are in the group's activity." in page.text
    assert len(page.answer.content) < 100_000
    for odd in ("x", "-1", "99999999", "5000"):
        assert owner.get(page.path, **{"from": odd}).status == 200
    assert listed(owner.get(staff.at("activity"), what="groups")) == []


def test_a_refusal_about_a_group_leads_to_the_group(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    group = make(scim, "Watch")
    patch(scim, group, {"op": "add", "path": "members", "value": [{"value": "nobody"}]}, status=400)
    path = staff.at("groups", group["id"])
    page = owner.get(path)
    assert "was refused for Watch: There is no user or group with the id 'nobody'" in page.timeline()[0]
    page = owner.get(page.entry("request.refused"))
    assert page.link("Watch", within="//dl") == page.link("Watch", within="//h1") == path


# -- by hand -----------------------------------------------------------------------------------------------------------


@on_both_engines
def test_a_group_by_hand_from_its_beginning_to_its_end(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana, bo = hire(scim, "ana", "bo")
    make(scim, "Pushed", bo)
    add_by_hand(staff, owner, "hand@north.example")
    page = make_by_hand(staff, owner, " Council ", "ANA", "", "hand@north.example", "ana")
    check_markup(page)
    assert (page.heading, page.value("name")) == ("Council", "Council")
    assert "Made by hand; 2 members;" in page.text
    page = owner.submit(page, "Add members", {"members": f"pushed\r\n{bo}\r\nana"})
    assert page.notice == "The members were added."
    assert [row.split(" | ")[0] for row in page.rows()] == ["ana", "bo", "Pushed", "hand@north.example"]
    assert owner.submit(page, "Add members", {"members": bo}).notice == "Nothing was changed."
    page = remove(owner, page, bo)
    assert page.notice == "The member was removed from the group."
    page = owner.submit(page, "Rename group", {"name": "Works council"})
    assert page.notice == "The group was renamed."
    assert owner.submit(page, "Rename group", {"name": "Works council"}).notice == "Nothing was changed."
    page = owner.get(page.path.partition("?")[0])
    assert [sentence.removeprefix("Owner Reis ") for sentence in page.timeline()] == [
        "changed the group Works council: displayName",
        "changed the group Council: 1 member removed",
        "changed the group Council: 2 members added",
        "created the group Council",
    ]
    told = [event for event in staff.place.events("group.") if event["actor"]["kind"] == "administrator"]
    assert [event["data"]["version"] for event in told] == [1, 2, 3, 4]
    assert staff.place.faults() == []
    wrong = owner.submit(page, "Delete group", {"confirm": "Council"})
    assert (wrong.status, wrong.problem("confirm")) == (
        400,
        "To delete this group, type 'Works council'; got 'Council'.",
    )
    done = owner.submit(page, "Delete group", {"confirm": "Works council"})
    assert done.notice == "The group was deleted. Its members stay, and its history stays in the activity log."
    assert listed(done) == ["Pushed"]
    assert {scim.get(f"/Users/{each}").status_code for each in (ana, bo)} == {200}
    assert staff.place.faults() == []
    assert make_by_hand(staff, owner, "works COUNCIL").status == 200, "the name is free again"


def remove(visitor: Visitor, page: Page, member: str) -> Page:
    """Press the button that removes a member."""
    button = page.one(f"//button[@value='{member}']")
    (form,) = button.xpath("ancestor::form")
    fields = {**dict(form.form_values()), "member": member}
    return visitor.post(str(form.get("action")), fields, follow=True)


@pytest.mark.parametrize(
    ("fields", "field", "status", "sentence"),
    [
        ({"name": " "}, "name", 400, "The group should have a name; the field is empty."),
        ({"name": "n" * 201}, "name", 400, "The name of a group may have 200 characters; this one has 201."),
        ({"name": "no\u200bise"}, "name", 400, "The name should be made of visible characters; got U+200B."),
        ({"name": "taken"}, "name", 409, "There is already a group with the name 'taken' that was made by hand."),
        ({"members": "nobody\nana\nnothing"}, "members", 400, "group here has the name or id 'nobody', 'nothing'."),
        ({"members": "\n".join(map(str, range(1001)))}, "members", 400, "can be added at once; 1,001 were named."),
        ({"members": "\n".join(map(str, range(9)))}, "members", 400, "'0', '1', '2', '3', '4' and 4 more."),
    ],
)  # fmt: skip
def test_a_wrong_field_gets_its_sentence(
    staff: Staff, owner: Visitor, scim: httpx2.Client, fields: dict[str, str], field: str, status: int, sentence: str
) -> None:
    hire(scim, "ana")
    make_by_hand(staff, owner, "Taken")
    before = staff.count_events()
    page = owner.submit(owner.get(staff.at("groups", "new")), "Add group", {"name": "Fresh", "members": "", **fields})
    check_markup(page)
    assert (page.status, page.value("name")) == (status, fields.get("name", "Fresh"))
    assert sentence in page.problem(field)
    assert page.value("members") == fields.get("members", "")
    assert staff.count_events() == before


def test_all_wrong_fields_are_told_at_once(staff: Staff, owner: Visitor) -> None:
    page = owner.submit(owner.get(staff.at("groups", "new")), "Add group", {"name": " ", "members": "nobody"})
    assert "2 fields need another value." in page.text
    assert page.problem("name")
    assert page.problem("members")


@on_both_engines
def test_of_several_who_have_a_name_nobody_is_guessed(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    (ana,) = hire(scim, "ana")
    make(scim, "ANA")
    with staff.place.client(second_provider(staff.place)) as other:
        (twin,) = hire(other, "Ana")
    page = make_by_hand(staff, owner, "Council")
    wrong = owner.submit(page, "Add members", {"members": "ana"})
    assert wrong.status == 400
    said = wrong.problem("members")
    assert said.startswith("Several are called 'ana': ")
    assert f"{ana} (Okta)" in said
    assert f"{twin} (Second)" in said
    assert "(a group of Okta)" in said
    assert said.endswith(". Give an id.")
    page = owner.submit(wrong, "Add members", {"members": twin})
    assert page.rows()[0].startswith("Ana | Ana | active | Second")


@on_both_engines
def test_a_group_by_hand_never_contains_itself(staff: Staff, owner: Visitor) -> None:
    inner = make_by_hand(staff, owner, "Inner")
    make_by_hand(staff, owner, "Outer", "Inner")
    page = owner.submit(inner, "Add members", {"members": "Outer"})
    assert (page.status, page.problem("members")) == (
        400,
        "The group 'Outer' cannot be a member of 'Inner', because 'Inner' is in 'Outer': a group would contain itself.",
    )
    page = owner.submit(inner, "Add members", {"members": "inner"})
    assert page.problem("members") == "The group 'Inner' cannot be a member of itself."
    assert staff.place.faults() == []


@on_both_engines
def test_scim_clients_see_no_group_by_hand(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    (ana,) = hire(scim, "ana")
    team = make(scim, "Team", ana)
    page = make_by_hand(staff, owner, "Council", "ana", "Team")
    hidden = group_id(page)
    assert scim.get(f"/Groups/{hidden}").status_code == 404
    assert scim.put(f"/Groups/{hidden}", json={"displayName": "x"}).status_code == 404
    assert scim.delete(f"/Groups/{hidden}").status_code == 404
    assert [each["id"] for each in scim.get("/Groups").json()["Resources"]] == [team["id"]]
    assert [each["value"] for each in scim.get(f"/Users/{ana}").json()["groups"]] == [team["id"]]
    for text in (f'groups eq "{hidden}"', f'groups[value eq "{hidden}"]', 'groups.display eq "Council"'):
        assert scim.get("/Users", params={"filter": text}).json()["totalResults"] == 0, text
    assert scim.get("/Users", params={"filter": f'groups eq "{team["id"]}"'}).json()["totalResults"] == 1
    refused = patch(scim, team, {"op": "add", "path": "members", "value": [{"value": hidden}]}, status=400)
    assert hidden in refused.json()["detail"]
    assert scim.post("/Groups", json={"displayName": "council"}).status_code == 201, "its name is not taken for them"


@on_both_engines
def test_who_is_deleted_or_adopted_leaves_the_right_groups(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    hand = group_id(add_by_hand(staff, owner, "hand@north.example"))
    (ana,) = hire(scim, "ana")
    council = group_id(make_by_hand(staff, owner, "Council", "ana", "hand@north.example"))
    ours = make(scim, "Ours", hand)
    with staff.place.client(second_provider(staff.place)) as other:
        theirs = make(other, "Theirs", hand)
        assert [each["display"] for each in other.get(f"/Users/{hand}").json()["groups"]] == ["Theirs"]
        assert scim.put(f"/Users/{hand}", json={"userName": "hand@north.example"}).status_code == 200
        assert other.get(f"/Groups/{theirs['id']}").json().get("members") is None
    told = staff.place.events("group.changed")[-1]["data"]
    assert (told["subject"], told["reason"]) == ("Theirs", "another identity provider adopted the person")
    assert in_group(staff, hand) == {council, ours["id"]}
    assert staff.place.faults() == []
    assert scim.delete(f"/Users/{hand}").status_code == 204
    assert scim.delete(f"/Users/{ana}").status_code == 204
    page = owner.get(staff.at("groups", council))
    assert "Nobody is directly in it." in page.text
    assert page.timeline()[0].endswith("changed the group Council: 1 member removed")
    assert staff.place.faults() == []


def in_group(staff: Staff, member: str) -> set[str]:
    """The ids of the groups that somebody is in."""
    query = "SELECT group_id FROM group_members WHERE tenant_id = $1 AND member_id = $2"
    return {row[0] for row in rows(staff.running, query, staff.place.tenant.id, member)}


@on_both_engines
def test_people_who_are_deleted_at_the_same_moment_are_all_counted(staff: Staff) -> None:
    """The number of members is right after departures that meet."""
    ids = hire_many(staff.place, 24)
    place = staff.place

    async def act(tx: Tx, _context: Context) -> None:
        await groups_by_hand.create_by_hand(tx, "Council", ids)

    in_tenant(place, act)
    with ThreadPoolExecutor(8) as pool:

        def delete(user_id: str) -> int:
            with place.client() as scim:
                return scim.delete(f"/Users/{user_id}").status_code

        assert set(pool.map(delete, ids)) == {204}
    assert place.faults() == []


# -- roles -------------------------------------------------------------------------------------------------------------


def give(staff: Staff, group: str, role: str) -> None:
    """Save a role rule that gives a role by a group, as the form does, and apply it to everybody."""
    owner = staff.signed_in("owner")
    form = owner.get(f"{staff.provider}/roles")
    fields = {"source-0": "scim_group", "attribute-0": "", "value-0": group, "role-0": role, "default": "everybody"}
    saved(owner, owner.submit(form, "Preview on everybody", fields), "role rules")

    async def derive(context: Context) -> None:
        await derive_profiles(context, asyncio.Event())

    staff.running.act(derive)


@on_both_engines
def test_a_group_by_hand_gives_roles_as_a_pushed_one_does(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana, bo = hire(scim, "ana", "bo")
    make(scim, "Team", bo)
    page = make_by_hand(staff, owner, "Council", "ana")
    assert "No role rule names this group." in page.text
    give(staff, "council", "counsellor")
    assert [roles(staff.place, each) for each in (ana, bo)] == [["counsellor"], ["everybody"]]
    page = owner.submit(page, "Add members", {"members": "Team"})
    assert [roles(staff.place, each) for each in (ana, bo)] == [["counsellor"], ["counsellor"]]
    check_markup(page)
    assert apart(page.one("//section[@id='roles']//tbody/tr")) == "counsellor Okta this group 2"
    team = owner.get(page.link("Team", within="//section[@id='groups']"))
    assert apart(team.one("//section[@id='roles']//tbody/tr")) == "counsellor Okta Council 1"
    scim.delete(f"/Groups/{group_id(team)}")
    assert roles(staff.place, bo) == ["everybody"]
    page = remove(owner, page, ana)
    assert roles(staff.place, ana) == ["everybody"]
    assert "Nobody is directly in it." in page.text
    owner.submit(page, "Add members", {"members": "ana"})
    assert roles(staff.place, ana) == ["counsellor"]
    make(scim, "Council", bo)
    give(staff, "Council", "elder")
    assert [roles(staff.place, each) for each in (ana, bo)] == [["elder"], ["everybody"]], "a rule keeps its group"
    owner.submit(owner.get(page.path.partition("?")[0]), "Delete group", {"confirm": "Council"})
    assert roles(staff.place, ana) == ["everybody"]
    assert staff.place.faults() == []


@on_both_engines
def test_only_owners_change_who_is_in_a_group_that_makes_owners(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    (ana,) = hire(scim, "ana")
    inner = make_by_hand(staff, owner, "Inner")
    make_by_hand(staff, owner, "Outer", "Inner")
    give(staff, "Outer", "console-owner")
    path, admin = inner.path.partition("?")[0], staff.signed_in("admin")
    page = admin.get(path)
    assert "Only owners may change them, because role rules name this group and give console-owner." in page.text
    assert page.all("//main//form[@method='post']") == []
    token = {"form_token": admin.form_token}
    for address, fields in (
        ("/members", {"members": "ana"}),
        ("/members/remove", {"member": ana}),
        ("/delete", {"confirm": "Inner"}),
    ):
        refused = admin.post(path + address, fields | token)
        assert (refused.status, "Only owners may change this group" in refused.text) == (403, True)
    assert roles(staff.place, ana) == ["everybody"]
    assert owner.submit(owner.get(path), "Add members", {"members": "ana"}).status == 200
    assert roles(staff.place, ana) == ["console-owner"]
    assert staff.place.faults() == []
