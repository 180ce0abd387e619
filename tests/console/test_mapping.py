"""The mapping of an identity provider: edited, tried on a real person, applied to everybody, whatever happens
meanwhile.
"""

import json
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.conftest import HANG, Place, Running, on_both_engines, running_server
from tests.console.conftest import Staff, in_tenant, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, until, words
from vestibule.actions import configure, provision
from vestibule.actions.scim_request import Sent
from vestibule.endpoints.context import Context
from vestibule.mapping import MAX_RULES
from vestibule.model import Derivation, RoleRule, RoleRules
from vestibule.scim.resource import clean
from vestibule.scim.schema import ENTERPRISE_USER, USER_TYPE
from vestibule.settings import Settings
from vestibule.store.database import Tx
from vestibule.store.identity_providers import find_derivation

Rules = list[dict[str, str]]
ANA = {
    "userName": "Ana.Reis@North.Example",
    "name": {"givenName": "  Ana ", "familyName": "Reis"},
    "displayName": "Ana Reis",
    "title": "Lead",
    "emails": [
        {"value": "home@south.example", "type": "home"},
        {"value": "Work@North.Example", "type": "work", "primary": True},
    ],
    "phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "mobile"}],
    ENTERPRISE_USER: {"department": "Field Operations", "manager": {"value": "m-1"}},
}


def page_of(staff: Staff, visitor: Visitor) -> Page:
    page = visitor.get(f"{staff.provider}/mapping")
    check_markup(page)
    return page


def form_of(rules: Rules) -> dict[str, str]:
    """A form of these rules and no others; a rule is told by target, sources, default, transform, join."""
    form: dict[str, str] = {}
    for number, rule in enumerate(rules):
        form |= {f"{name}-{number}": rule.get(name, "") for name in ("target", "sources", "default", "transform")}
        if "join" in rule:
            form |= {f"joins-{number}": "yes", f"join-{number}": rule["join"]}
    return form


def send(staff: Staff, visitor: Visitor, rules: Rules, do: str = "save", person: str = "") -> Page:
    """Preview a form of these rules on everybody and save it from there, or only preview or try it."""
    asked = "try" if do == "try" else "preview"
    form = {**form_of(rules), "do": asked, "person": person, "form_token": visitor.form_token}
    page = visitor.post(f"{staff.provider}/mapping", form, follow=True)
    return saved(visitor, page) if do == "save" else page


def saved(visitor: Visitor, page: Page, what: str = "mapping") -> Page:
    """Save from the page of a preview, once it has looked at everybody; any other page is handed back."""
    if "/previews/" not in page.path:
        return page
    page = until(lambda: visitor.get(page.path), lambda seen: not waits(seen))
    check_markup(page)
    return visitor.submit(page, f"Save {what}")


def waits(page: Page) -> bool:
    """Whether a preview is not finished: its page loads itself again."""
    return bool(page.all("//meta[@http-equiv='refresh']"))


def edit(staff: Staff, visitor: Visitor, button: str = "Save mapping", **fields: str) -> Page:
    """Change fields of the form that the page shows, and leave the rest of it; by default up to saving it."""
    filled = {n.replace("_", "-"): v for n, v in fields.items()}
    pressed = "Preview on everybody" if button == "Save mapping" else button
    page = visitor.submit(page_of(staff, visitor), pressed, filled)
    return saved(visitor, page) if button == "Save mapping" else page


def derivation(staff: Staff) -> Derivation:
    """Returns the latest run, read without a lock: `applied` asks again and again while the worker writes."""

    async def find(context: Context) -> Derivation | None:
        async with context.database.read(staff.place.tenant.id) as reading:
            return await find_derivation(reading, staff.place.provider.id)

    found = staff.running.act(find)
    assert found is not None
    return found


def applied(staff: Staff) -> Derivation:
    """Returns the run that applies the mapping, once it has finished."""
    run: Derivation = until(lambda: derivation(staff), lambda seen: seen.finished_at is not None)
    return run


def profiles(staff: Staff) -> dict[str, dict[str, Any]]:
    """Profiles as applications see them, by folded userName."""
    query = "SELECT user_name_key, profile FROM users WHERE tenant_id = $1"
    return {row[0]: json.loads(row[1]) for row in rows(staff.running, query, staff.place.tenant.id)}


def profile(staff: Staff) -> dict[str, Any]:
    return profiles(staff)["ana.reis@north.example"]


# -- rules -------------------------------------------------------------------------------------------------------------


GIVES: list[tuple[dict[str, str], object]] = [
    ({"sources": "userName"}, "Ana.Reis@North.Example"),
    ({"sources": "userName", "transform": "lower"}, "ana.reis@north.example"),
    ({"sources": "name.givenName"}, "  Ana "),
    ({"sources": "name.givenName", "transform": "trim"}, "Ana"),
    ({"sources": "name.givenName", "transform": "trim-lower"}, "ana"),
    ({"sources": 'emails[type eq "work"].value', "transform": "lower"}, "work@north.example"),
    ({"sources": 'emails[type eq "other"].value'}, None),
    ({"sources": 'emails[type eq "other"].value\nemails[type eq "home"].value\nuserName'}, "home@south.example"),
    ({"sources": "emails.value"}, "Work@North.Example"),
    ({"sources": "emails.value", "join": ", "}, "Work@North.Example, home@south.example"),
    ({"sources": "title\nname.familyName", "join": " · "}, "Lead · Reis"),
    ({"sources": "title\nnickName\nname.familyName", "join": ""}, "LeadReis"),
    ({"sources": "nickName", "default": "nobody"}, "nobody"),
    ({"sources": "nickName", "default": " NOBODY ", "transform": "trim-lower"}, "nobody"),
    ({"sources": "", "default": "North"}, "North"),
    ({"sources": "title", "default": "nobody"}, "Lead"),
    ({"sources": f"{ENTERPRISE_USER}:department"}, "Field Operations"),
    ({"sources": f"{ENTERPRISE_USER}:manager.value"}, "m-1"),
    ({"sources": "active"}, True),
    ({"sources": "USERNAME", "transform": "lower"}, "ana.reis@north.example"),
    ({"sources": 'phoneNumbers[type eq "mobile" or type eq "fax"].value'}, "2"),
]


@on_both_engines
def test_every_kind_of_rule_gives_its_value(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, **ANA)
    page = send(staff, owner, [{"target": f"t{number}", **rule} for number, (rule, _) in enumerate(GIVES)])
    assert page.notice.startswith("The mapping is saved."), page.text
    applied(staff)
    wanted = {f"t{number}": value for number, (_, value) in enumerate(GIVES) if value is not None}
    assert profile(staff) == wanted
    shown = owner.get(staff.at("users", ana["id"]))
    check_markup(shown)
    assert [row.split(" | ")[0] for row in shown.rows()] == list(wanted)
    assert shown.rows()[1] == "t1 | ana.reis@north.example | userName"
    assert shown.rows()[9] == "t10 | Lead · Reis | title, name.familyName", "of what is joined, every source is named"
    assert shown.rows()[11] == "t12 | nobody | default of the rule"
    staff.provision(scim, **{**ANA, "userName": "Ana.Reis@South.Example"})
    assert profiles(staff)["ana.reis@south.example"]["t4"] == "ana", "and so it is for who comes later"


def test_a_profile_that_says_who_is_on_follows_the_switch(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, **ANA)
    before = profile(staff)
    switched_off = {"Operations": [{"op": "replace", "value": {"active": False}}]}
    assert scim.patch(f"/Users/{ana['id']}", json=switched_off).status_code == 200
    assert profile(staff) == before, "which says nothing of it"
    send(
        staff,
        owner,
        [{"target": "on", "sources": "active"}, {"target": "both", "sources": "active\nuserName", "join": " "}],
    )
    applied(staff)
    for on in (True, False):
        switch = {"Operations": [{"op": "replace", "path": "active", "value": on}]}
        assert scim.patch(f"/Users/{ana['id']}", json=switch).status_code == 200
        assert profile(staff) == {"on": on, "both": f"{on} Ana.Reis@North.Example"}


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([{"target": "a b", "sources": "userName"}], "Rule 1: the target should be a name of letters, digits"),
        ([{"target": "{{7*7}}", "sources": "userName"}], "got '{{7*7}}'."),
        ([{"target": "t" * 65, "sources": "userName"}], "at most 64 long"),
        ([{"target": "a", "sources": "title"}, {"target": "a"}], "Rule 2: 'a' has a rule already."),
        ([{"target": "a", "sources": "shoeSize"}], "Rule 1: the source 'shoeSize' cannot be read: there is no such"),
        ([{"target": "a", "sources": "name"}], "it is made of parts; name one of them, such as name.givenName"),
        ([{"target": "a", "sources": "emails"}], "it is made of parts"),
        ([{"target": "a", "sources": "userName\nname..x"}], "Rule 1: 'name..x' is not an attribute path"),
        ([{"target": "a", "sources": "user name"}], "is not an attribute path such as name.familyName."),
        ([{"target": "a", "sources": 'emails[type eq "work"'}], "Rule 1:"),
        ([{"target": "a", "sources": "emails[type eq].value"}], "Rule 1:"),
        ([{"target": "a", "sources": 'title[type eq "work"]'}], "a simple attribute, which '[' cannot follow."),
        ([{"target": "a", "sources": "password"}], "there is no such attribute"),
        ([{"target": "a", "sources": "urn:north:2.0:User:x"}], "there is no such attribute"),
        ([{"target": "a", "sources": "userName", "default": "d" * 501}], "default"),
        ([{"target": "a", "sources": "userName", "join": "j" * 21}], "Rule 1:"),
        (
            [{"target": f"a{number}", "sources": "userName"} for number in range(MAX_RULES + 1)],
            "100 rules; this one has 101",
        ),
    ],
    ids=lambda part: part[:40] if isinstance(part, str) else "",
)
def test_a_wrong_rule_gets_its_sentence(
    staff: Staff, owner: Visitor, scim: httpx2.Client, rules: Rules, sentence: str
) -> None:
    staff.provision(scim, **ANA)
    before = (staff.count_events(), profiles(staff))
    for do in ("try", "preview", "save"):
        page = send(staff, owner, rules, do)
        check_markup(page)
        assert page.status == 400
        assert sentence in page.notice, page.notice
        assert page.value("target-0") == rules[0]["target"], "what was typed stays"
        assert page.value("sources-0") == rules[0]["sources"]
    assert (staff.count_events(), profiles(staff)) == before


def test_a_source_without_a_target_is_asked_about_and_what_was_typed_stays(staff: Staff, owner: Visitor) -> None:
    page = send(staff, owner, [{"target": "a", "sources": "title"}, {"target": "", "sources": "userName"}])
    assert (page.status, page.notice) == (400, "Row 2 has a source and no target.")
    assert [page.value(f"sources-{number}") for number in range(2)] == ["title", "userName"]


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_form_shows_the_rules_and_saving_it_changes_nothing(staff: Staff, owner: Visitor) -> None:
    page = page_of(staff, owner)
    assert [page.value("target-0"), page.value("sources-0"), page.value("transform-0")] == [
        "userName",
        "userName",
        "trim",
    ]
    assert page.value("sources-1") == 'emails[primary eq true].value\nemails[type eq "work"].value\nemails.value'
    assert "Target attribute" in page.text
    assert f"{ENTERPRISE_USER}:department" in page.text
    before = staff.count_events()
    assert edit(staff, owner).notice == "Nothing was changed."
    assert staff.count_events() == before


def test_a_row_is_added_changed_and_removed(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(scim, **ANA)
    rules = len(staff.place.provider.mapping)
    edit(staff, owner, **{f"target_{rules}": "login", f"sources_{rules}": "userName", f"transform_{rules}": "lower"})
    applied(staff)
    assert profile(staff)["login"] == "ana.reis@north.example"
    page = edit(staff, owner, target_2="", sources_2="", target_3="surname")
    applied(staff)
    assert "firstName" not in profile(staff)
    assert (profile(staff)["surname"], "lastName" in profile(staff)) == ("Reis", False)
    assert f"{rules} rules, version 3" in owner.get(staff.provider).text
    told = staff.place.events("mapping.changed")[-1]["data"]
    assert (told["version"], len(told["before"]), len(told["after"])) == (3, rules + 1, rules)
    event = owner.get(owner.get(staff.at("activity")).entry("mapping.changed"))
    check_markup(event)
    assert '"target": "surname"' in event.text
    assert page.status == 200


def test_a_preview_on_a_real_person_changes_nothing(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(scim, userName="first@north.example")
    staff.provision(scim, **ANA)
    before = (staff.count_events(), profiles(staff))
    page = edit(
        staff,
        owner,
        "Try on this person",
        person="ANA.REIS@north.example",
        transform_0="lower",
        target_6="",
        sources_6="",
    )
    check_markup(page)
    assert page.status == 200
    assert page.rows()[0].split(" | ")[-1] == "Ana.Reis@North.Example ana.reis@north.exampleuserName"
    assert [words(each) for each in page.all("//tbody/tr[1]//del | //tbody/tr[1]//ins")] == [
        "Ana.Reis@North.Example",
        "ana.reis@north.example",
    ]
    assert page.all("//tr[@class='changed']//input[@name='target-0']")
    assert page.value("transform-0") == "lower", "the form keeps what is being tried"
    assert page.value("person") == "Ana.Reis@North.Example"
    page = edit(staff, owner, "Try on this person", target_5="position")
    assert "first@north.example" in page.text, "without a name the first person there is"
    one = {"target": "userName", "sources": "userName", "transform": "trim"}
    page = send(staff, owner, [one], "try", str(ANA["userName"]))
    for gone in ("email", "firstName", "department"):
        assert f"Would go: {gone}" in page.text
    assert (staff.count_events(), profiles(staff)) == before
    assert rows(staff.running, "SELECT * FROM derivations WHERE tenant_id = $1", staff.place.tenant.id) == []
    page = edit(staff, owner, "Try on this person", person="Ana.Reis@North.Example")
    assert "For Ana.Reis@North.Example these rules change nothing." in page.text


def test_a_preview_on_nobody_says_so(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    page = edit(staff, owner, "Try on this person", target_0="login")
    assert page.status == 200, "with nobody there the rules are still checked"
    staff.provision(scim, **ANA)
    page = edit(staff, owner, "Try on this person", person="nobody@north.example", target_0="login")
    assert (page.status, page.notice) == (400, "Okta has no person with the user name 'nobody@north.example'.")
    assert (page.value("target-0"), page.value("person")) == ("login", "nobody@north.example"), "what was typed stays"


def test_an_auditor_reads_the_mapping(staff: Staff) -> None:
    page = page_of(staff, staff.signed_in("auditor"))
    assert page.all("//main//button") == []
    assert all("readonly" in field.attrib for field in page.all("//main//input[@type='text'] | //main//textarea"))


# -- the preview on everybody ------------------------------------------------------------------------------------------


def table(page: Page, section: str) -> list[list[str]]:
    """The cells of the table in a section of a preview."""
    return [[words(cell) for cell in row.xpath("./td")] for row in page.all(f"//section[@id='{section}']//tbody/tr")]


def test_nothing_is_saved_before_everybody_was_looked_at(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """What a form can say of saving is not heard: the rules are saved from their preview alone."""
    staff.provision(scim, **ANA)
    form = {**form_of([{"target": "login", "sources": "userName"}]), "do": "save", "form_token": owner.form_token}
    before = (staff.count_events(), profiles(staff))
    page = owner.post(f"{staff.provider}/mapping", form, follow=True)
    check_markup(page)
    assert re.search(r"/previews/[0-9a-f-]{36}$", page.path)
    assert "Nothing is saved yet. All people were checked: 1 person." in page.text
    assert (staff.count_events(), profiles(staff)) == before
    sql(staff.running, "UPDATE rule_previews SET finished_at = NULL WHERE tenant_id = $1", staff.place.tenant.id)
    refused = owner.post(page.path, {"form_token": owner.form_token})
    assert refused.status == 400
    assert refused.notice.startswith(
        "The rules can be saved once the preview is finished; it has checked 1 of 1 people. Nothing was saved."
    )
    assert (staff.count_events(), profiles(staff)) == before


@on_both_engines
def test_a_preview_tells_what_changes_for_whom(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ids = [staff.provision(scim, userName=f"P{n:02}@north.example", title="Lead")["id"] for n in range(12)]
    staff.provision(scim, **ANA)
    page = edit(
        staff, owner, "Preview on everybody", transform_0="trim-lower", target_5="position", target_6="", sources_6=""
    )
    check_markup(page)
    assert "All people were checked: 13 people." in page.text
    assert "13 Profiles change" in page.text
    assert table(page, "attributes") == [
        ["title", "13", "13", "0", "13"],
        ["mobilePhone", "1", "1", "0", "1"],
        ["position", "13", "0", "13", "0"],
        ["userName", "13", "0", "13", "13"],
    ]
    examples = table(page, "examples")
    assert examples[0] == ["P00@north.example", "userName", "P00@north.example", "p00@north.example"]
    assert ["P00@north.example", "title", "Lead", "none"] in examples
    assert ["P00@north.example", "position", "none", "Lead"] in examples
    assert {row[0] for row in examples} == {f"P{n:02}@north.example" for n in range(10)}, "ten of them"
    assert "The first 10 of 13 are shown." in page.text
    assert page.link("P00@north.example") == staff.at("users", ids[0])
    assert page.notice == "Lost by everybody who has it: title (13 people), mobilePhone (1 person)."
    nobody = [words(each) for each in page.all("//section[@id='empty']/p")]
    assert nobody[0].startswith("Nobody would have: ")
    assert "division, organization," in nobody[0]
    assert nobody[1].startswith("Nobody has a value for: ")
    assert "employeeNumber, division, organization," in nobody[1]
    back = owner.get(page.link("Change the draft"))
    assert (back.value("target-5"), back.value("transform-0")) == ("position", "trim-lower"), "the draft is kept"
    saved_page = owner.submit(page, "Save mapping")
    assert saved_page.notice.startswith("The mapping is saved.")
    run = applied(staff)
    assert (run.done, run.changed) == (13, 13), "as many as the preview said"


def test_a_preview_tells_which_roles_follow(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(scim, **ANA)

    async def give(tx: Tx, _: Context) -> None:
        rule = RoleRule("profile", "title", "Lead", "leader")
        await configure.change_roles(tx, staff.place.provider.id, RoleRules((rule,), "member"), "owner")

    in_tenant(staff.place, give)
    applied(staff)
    page = edit(staff, owner, "Preview on everybody", target_5="position")
    assert "1 person would get other roles." in page.text
    assert [[row[0], *row[2:]] for row in table(page, "who")[:2]] == [["leader", "0", "1"], ["member", "1", "0"]]
    assert "Role rule 1 fits nobody: title is Lead." in page.text


def test_a_draft_is_not_saved_over_rules_that_its_preview_did_not_see(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    staff.provision(scim, **ANA)
    second = staff.signed_in("admin")
    mine = send(staff, owner, [{"target": "mine", "sources": "userName"}], "preview")
    theirs = send(staff, second, [{"target": "theirs", "sources": "userName"}])
    assert theirs.notice.startswith("The mapping is saved.")
    refused = owner.submit(mine, "Save mapping")
    assert refused.status == 409
    assert "compared with version 1, and version 2 was saved meanwhile. Nothing was saved" in refused.text
    assert owner.get(f"{staff.provider}/mapping").value("target-0") == "theirs"
    assert "it compares with version 1, but version 2 is in use now" in owner.get(mine.path).text
    mine = send(staff, owner, [{"target": "mine", "sources": "userName"}], "preview")
    sql(staff.running, "UPDATE rule_previews SET expires_at = 1 WHERE tenant_id = $1", staff.place.tenant.id)
    page = owner.post(mine.path, {"form_token": owner.form_token})
    assert page.status == 404
    assert "This preview is no longer there: previews are kept for an hour." in page.text
    assert [each["data"]["version"] for each in staff.place.events("mapping.changed")] == [2]


@on_both_engines
def test_a_large_preview_is_carried_on_by_its_page(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """A preview that is not finished says how far it is, loads itself again, and goes on where it stood."""
    for number in range(3):
        staff.provision(scim, userName=f"p{number}@north.example")
    page = send(staff, owner, [{"target": "login", "sources": "userName"}], "preview")
    # As after the first batch of a preview of many.
    first = rows(staff.running, "SELECT min(id) FROM users WHERE tenant_id = $1", staff.place.tenant.id)[0][0]
    result = json.loads(
        rows(staff.running, "SELECT result FROM rule_previews WHERE tenant_id = $1", staff.place.tenant.id)[0][0]
    )
    stand = "UPDATE rule_previews SET finished_at = NULL, cursor_id = $2, result = $3 WHERE tenant_id = $1"
    sql(staff.running, stand, staff.place.tenant.id, first, json.dumps({**result, "looked": 1, "changed": 1}))
    page = owner.get(page.path)
    assert "All people were checked: 3 people." in page.text
    assert "3 Profiles change" in page.text


def test_a_mapping_that_costs_too_much_is_refused_before_anybody_is_looked_at(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    staff.provision(scim, **ANA)
    terms = " or ".join(f'value eq "a{number}@north.example"' for number in range(50))
    before = staff.count_events()
    for do in ("try", "preview"):
        page = send(staff, owner, [{"target": "a", "sources": f"emails[{terms}].value"}], do)
        assert page.status == 400
        assert page.notice.startswith("A mapping may make 15,000 comparisons for one person; these rules could make")
    assert staff.count_events() == before


# -- versions ----------------------------------------------------------------------------------------------------------


@on_both_engines
def test_an_earlier_version_is_restored_through_its_preview(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(scim, **ANA)
    assert "The mapping was never changed." in page_of(staff, owner).text
    edit(staff, owner, target_5="position", target_6="", sources_6="")
    applied(staff)
    send(staff, owner, [{"target": "login", "sources": "userName"}])
    applied(staff)
    page = page_of(staff, owner)
    listed = [[words(cell) for cell in row.xpath("./td")] for row in page.all("//section[@id='versions']//tbody/tr")]
    me = staff.people["owner"].name
    assert [(row[0], row[2]) for row in listed] == [("3", me), ("2", me), ("1", "—")]
    assert listed[1][3] == "added position; removed title, mobilePhone"
    assert [row[4] for row in listed] == ["in force", "Restore this version", "Restore this version"]
    restore = page.one("//form[.//button[@aria-label='Restore version 1']]")
    fields = {each.get("name"): each.get("value") for each in restore.xpath(".//input")}
    preview = owner.post(str(restore.get("action")), fields, follow=True)
    check_markup(preview)
    assert "Nothing is saved yet." in preview.text
    assert profile(staff) == {"login": "Ana.Reis@North.Example"}
    assert saved(owner, preview).notice.startswith("The mapping is saved.")
    applied(staff)
    assert profile(staff)["title"] == "Lead"
    assert page_of(staff, owner).value("target-5") == "title"
    for wrong in ({"event": "x", "side": "after"}, {**fields, "side": "between"}):
        assert owner.post(str(restore.get("action")), {**fields, **wrong}).status in {400, 404}
    assert staff.signed_in("auditor").get(f"{staff.provider}/mapping").all("//section[@id='versions']//button") == []


@on_both_engines
def test_the_events_of_a_derivation_lead_to_who_saved_the_rules(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    staff.provision(scim, **ANA)
    send(staff, owner, [{"target": "login", "sources": "userName"}])
    applied(staff)
    activity = owner.get(staff.at("activity"))
    for kind in ("mapping.applied", "user.profile_derived"):
        page = owner.get(activity.entry(kind))
        check_markup(page)
        assert f"Mapping, version 2, saved by {staff.people['owner'].name}" in page.text
        assert page.link("See what changed") == activity.entry("mapping.changed")


# -- what nobody fills -------------------------------------------------------------------------------------------------


def test_a_form_can_ask_what_people_have(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    staff.provision(scim, **ANA)
    staff.provision(scim, userName="ben@north.example", title="Lead")
    answer = owner.get(f"{staff.provider}/mapping/filled").answer.json()
    assert answer["looked"] == 2
    told = answer["sources"]
    assert (told["userName"], told["title"], told["emails.value"], told["nickName"]) == (2, 2, 1, 0)
    assert (told[f"{ENTERPRISE_USER}:department"], told[f"{ENTERPRISE_USER}:manager.value"]) == (1, 1)
    assert (answer["targets"]["title"], answer["targets"].get("division", 0)) == (2, 0)
    assert "password" not in told


# -- applying it -------------------------------------------------------------------------------------------------------


def populate(place: Place, count: int, first: int = 0) -> None:
    """So many people whom the identity provider created."""

    async def act(context: Context) -> None:
        actor = place.actor._replace(kind="identity_provider", identity_provider_id=place.provider.id)
        for start in range(first, first + count, 500):
            async with context.database.write(actor) as tx:
                for number in range(start, min(start + 500, first + count)):
                    body = {
                        "userName": f"P{number:05}@north.example",
                        "name": {"givenName": "Person", "familyName": str(number)},
                        "displayName": f"Person {number}",
                        "emails": [{"value": f"p{number}@north.example", "type": "work", "primary": True}],
                    }
                    document, _ = clean(body, USER_TYPE)
                    await provision.create_user(tx, Sent("POST", "/Users", body), document, [])

    place.running.act(act)


@on_both_engines
def test_saving_derives_every_profile_anew(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    populate(staff.place, 1_200)
    by_hand = owner.submit(owner.get(staff.at("users", "new")), "Add person", {"user_name": "Hand@north.example"})
    assert by_hand.status == 200
    page = edit(staff, owner, transform_0="trim-lower")
    assert page.notice.startswith("The mapping is saved. All Profiles are being derived again.")
    staff.provision(scim, userName="LATE@north.example")
    run = applied(staff)
    # Who comes while it runs is counted or not, as it happens.
    assert run.done in {1_200, 1_201}
    assert (run.changed, run.total) == (1_200, run.done)
    kept = profiles(staff)
    assert all(user["userName"] == key for key, user in kept.items() if key != "hand@north.example")
    assert kept["hand@north.example"]["userName"] == "Hand@north.example", "who belongs to nobody is not touched"
    page = page_of(staff, owner)
    assert re.search(
        r"The mapping and role rules were applied to 1,20\d people (just now|\d+ s ago); 1,200 Profiles changed.",
        page.text,
    )
    assert len(staff.place.events("user.profile_derived")) == 1_200
    (told,) = staff.place.events("mapping.applied")
    assert (told["data"]["changed"], told["actor"]["kind"]) == (1_200, "worker")
    assert (
        owner.get(staff.at("activity"), type="user.profile_derived")
        .timeline()[0]
        .startswith("New rules changed the Profile of P")
    )


@on_both_engines
def test_a_crash_in_the_middle_is_carried_on(engine: str, new_database: Callable[[str], Settings]) -> None:
    """kill -9 after the first batch: the run is carried on where it stood, and nobody is derived twice or left out."""
    people, settings = 2_500, new_database(engine)
    with ExitStack() as opened:
        with running_server(settings) as server:
            staff = Staff(server.new_tenant(), opened)
            populate(staff.place, people)
            owner = staff.signed_in("owner")
            target, shown = kill_amid(server, staff, owner)
        run = derivation(staff)
        assert run.finished_at is None
        assert 0 < run.done < people
        assert re.search(
            r"Applying the mapping and role rules: [\d,]+ of 2,500 people, [\d,]+ Profiles changed so far\.", shown
        )
        with running_server(settings) as server:
            staff = Staff(
                Place(server, staff.place.tenant, staff.place.provider, staff.place.pair), opened, staff.people
            )
            run = applied(staff)
            assert run.done == run.total == run.changed == people
            assert {target} == {next(iter(each)) for each in profiles(staff).values()}
            verified = server.verb("verify", check=False)
            assert verified.returncode == 0, verified.stdout
            query = (
                "SELECT count(*), count(DISTINCT subject_id) FROM events WHERE tenant_id = $1 "
                "AND type = 'user.profile_derived' AND id > "
                "(SELECT max(id) FROM events WHERE tenant_id = $1 AND type = 'mapping.changed')"
            )
            assert rows(server, query, staff.place.tenant.id) == [(people, people)]
            assert staff.signed_in("owner").get(f"{staff.provider}/mapping").status == 200


def kill_amid(server: Running, staff: Staff, owner: Visitor) -> tuple[str, str]:
    """Save a mapping and kill the server once a batch of its run is done and before it is through; the target of the
    mapping and the line that told how far it was. A machine that was too quick for that is given another mapping.
    """
    for attempt in range(20):
        target = f"login{attempt}"
        send(staff, owner, [{"target": target, "sources": "userName"}])
        line = until(
            lambda: owner.get(f"{staff.provider}/mapping/progress").text,
            lambda seen: not seen.startswith("Applying the mapping and role rules: 0 of"),
        )
        told = re.match(r"Applying the mapping and role rules: ([\d,]+) of", line)
        if told and int(told[1].replace(",", "")) <= 2_000:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(HANG)
            return target, line
        applied(staff)
    raise AssertionError("the run was never seen in its first half")


@on_both_engines
def test_another_mapping_meanwhile_begins_the_run_anew(staff: Staff, owner: Visitor) -> None:
    populate(staff.place, 1_200)
    for target in ("first", "second", "third"):
        send(staff, owner, [{"target": target, "sources": "userName"}])
    run = applied(staff)
    assert (run.mapping_version, run.done) == (4, 1_200)
    assert {next(iter(each)) for each in profiles(staff).values()} == {"third"}
