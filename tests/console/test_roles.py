"""The role rules of an identity provider: edited, tried on everybody, applied, and never used to hand out more than the
one who edits them holds.
"""

from typing import Any

import httpx2
import pytest

from tests.console.conftest import Staff, in_tenant, open_session, rows
from tests.console.harmless import check_markup
from tests.console.payloads import MARKUP
from tests.console.test_mapping import applied, populate, profiles, saved, waits
from tests.console.visitor import Page, Visitor, until, words
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.endpoints.routes import ROUTES
from vestibule.errors import NotAllowed
from vestibule.mapping import MAX_ROLE_RULES
from vestibule.model import Administrator, RoleRules, new_id
from vestibule.scim.schema import ENTERPRISE_USER
from vestibule.store.administrators import put_linked_administrator
from vestibule.store.database import Tx
from vestibule.store.identity_providers import find_provider
from vestibule.store.users import find_users_by_name, set_groups

Rules = list[tuple[str, str, str, str]]
SELLERS: Rules = [("profile", "department", "sales", "seller")]


def path_of(staff: Staff) -> str:
    return f"{staff.provider}/roles"


def send(staff: Staff, visitor: Visitor, given: Rules, default: str = "", do: str = "save") -> Page:
    """Send a form of these rules and no others."""
    form = {"do": "preview", "default": default, "form_token": visitor.form_token}
    for number, rule in enumerate(given):
        names = ("source", "attribute", "value", "role")
        form |= {f"{name}-{number}": text for name, text in zip(names, rule, strict=True)}
    page = visitor.post(path_of(staff), form, follow=True)
    if do == "save":
        page = saved(visitor, page, "role rules")
    check_markup(page)
    return page


def kept(staff: Staff) -> RoleRules:
    async def find(tx: Tx, _: Context) -> RoleRules:
        provider = await find_provider(tx, staff.place.provider.id)
        assert provider is not None
        return provider.roles

    return in_tenant(staff.place, find)


def add(staff: Staff, scim: httpx2.Client, name: str, department: str, **more: Any) -> str:
    """Somebody of a department; their id."""
    person = {"userName": f"{name}@north.example", ENTERPRISE_USER: {"department": department}, **more}
    return str(staff.provision(scim, **person)["id"])


def table(page: Page, head: str) -> list[list[str]]:
    """The cells of the table whose first heading is this."""
    found = page.all(f"//table[thead/tr/th[1]='{head}']/tbody/tr")
    return [[words(cell) for cell in row.xpath("./td")] for row in found]


# -- pushed groups -----------------------------------------------------------------------------------------------------


def test_a_pushed_group_is_named_in_a_rule_and_kept_by_its_id(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    ana = add(staff, scim, "ana", "Sales")
    add(staff, scim, "ben", "Legal")
    group = scim.post("/Groups", json={"displayName": "Field Ops", "members": [{"value": ana}]}).json()["id"]
    page = send(staff, owner, [("scim_group", "", "field ops", "field")], "member", do="preview")
    assert ["field", "", "1"] in [row[:3] for row in table(page, "Role")]
    saved(owner, page, "role rules")
    assert [(each.source, each.attribute, each.value) for each in kept(staff).rules] == [
        ("scim_group", "Field Ops", group)
    ]
    applied(staff)
    assert profiles(staff)["ana@north.example"]["roles"] == ["field"]
    assert profiles(staff)["ben@north.example"]["roles"] == ["member"]
    scim.put(f"/Groups/{group}", json={"displayName": "Field <b>", "members": [{"value": ana}]})
    page = owner.get(path_of(staff))
    check_markup(page)
    assert (page.value("source-0"), page.value("value-0")) == ("scim_group", "Field <b>")


def test_a_group_that_is_not_there_is_told_by_its_row(staff: Staff, owner: Visitor) -> None:
    page = send(staff, owner, [("profile", "title", "x", "y"), ("scim_group", "", "Nobody's", "field")], do="preview")
    assert "Rule 2: Okta should have pushed a group with the name 'Nobody's', or one should have been" in page.text


# -- editing -----------------------------------------------------------------------------------------------------------


def test_rules_are_saved_in_their_order_and_reach_the_people(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = add(staff, scim, "ana", "Sales", title="Lead")
    add(staff, scim, "ben", "Legal")
    page = owner.submit(
        owner.get(path_of(staff)),
        "Preview on everybody",
        {
            "attribute-0": "department",
            "value-0": "sALES",
            "role-0": "seller",
            "attribute-2": " title ",
            "value-2": "LEAD",
            "role-2": "leader",
            "source-1": "group",
            "attribute-1": "x",
            "value-1": "Admins",
            "role-1": "console-admin",
            "default": "member",
        },
    )
    check_markup(page)
    page = saved(owner, page, "role rules")
    assert page.notice == "The role rules are saved. All Profiles are being derived again."
    assert [(each.source, each.attribute, each.value, each.role) for each in kept(staff).rules] == [
        ("profile", "department", "sALES", "seller"),
        ("group", "", "Admins", "console-admin"),
        ("profile", "title", "LEAD", "leader"),
    ]
    run = applied(staff)
    assert (run.mapping_version, run.done, run.changed) == (2, 2, 2)
    assert profiles(staff)["ana@north.example"]["roles"] == ["seller", "leader"]
    assert profiles(staff)["ben@north.example"]["roles"] == ["member"]
    person = owner.get(staff.at("users", ana))
    assert "roles | seller, leader | role rules" in person.rows()
    assert person.timeline()[0] == "New rules changed the Profile of ana@north.example: roles"
    assert "The mapping and role rules were applied to 2 people" in owner.get(path_of(staff)).text
    add(staff, scim, "cid", "Sales")
    assert profiles(staff)["cid@north.example"]["roles"] == ["seller"], "and so it is for who comes later"
    again = owner.submit(owner.get(path_of(staff)), "Preview on everybody")
    assert again.notice == "Nothing was changed."
    (told,) = staff.place.events("roles.changed")
    assert (told["data"]["version"], told["data"]["before"]) == (2, {"rules": [], "default": ""})
    assert [each["role"] for each in told["data"]["after"]["rules"]] == ["seller", "console-admin", "leader"]
    event = owner.get(owner.get(staff.at("activity")).entry("roles.changed"))
    check_markup(event)
    assert "No rules. Default role: none" in event.text
    assert [words(each) for each in event.all("//ol/li/ins")][1] == "group of the assertion is Admins: console-admin"


def test_a_row_is_changed_and_removed_and_the_page_of_the_provider_tells_how_many_there_are(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    add(staff, scim, "ana", "Sales")
    assert "No role rules" in owner.get(staff.provider).text
    send(staff, owner, [*SELLERS, ("profile", "title", "Lead", "leader")], "member")
    assert "2 role rules, default role member" in owner.get(staff.provider).text
    assert owner.get(f"{staff.provider}/mapping").link("role rules") == path_of(staff)
    cleared = {"attribute-0": "", "value-0": "", "role-0": "", "role-1": "head", "default": ""}
    saved(owner, owner.submit(owner.get(path_of(staff)), "Preview on everybody", cleared), "role rules")
    assert [each.role for each in kept(staff).rules] == ["head"]
    applied(staff)
    assert "roles" not in profiles(staff)["ana@north.example"]
    page = owner.get(path_of(staff))
    assert [page.value(f"role-{number}") for number in range(2)] == ["head", ""]


@pytest.mark.parametrize(
    ("given", "default", "row", "sentence"),
    [
        ([*SELLERS, ("profile", "title", "", "x")], "", 2, "Rule 2: the value is missing."),
        ([("profile", "", "x", "x")], "", 1, "Rule 1: the attribute is missing."),
        ([*SELLERS, ("profile", "", "", ""), ("group", "", "x", "")], "", 2, "Rule 2: the role is missing"),
        ([("assertion", "a", "b", "c")], "", 1, "Rule 1: it should look at the Profile or at a group"),
        ([("group", "", "b", "c" * 101)], "", 1, "Rule 1: a role should have at most 100 characters; got 101."),
        (SELLERS * (MAX_ROLE_RULES + 1), "", 0, "There may be 200 rules; got 201."),
        (SELLERS, "c" * 101, 0, ""),
    ],
)
def test_a_wrong_rule_is_told_by_its_row(
    staff: Staff, owner: Visitor, given: Rules, default: str, row: int, sentence: str
) -> None:
    before = staff.count_events()
    shown = [rule for rule in given if any(rule[1:])]
    for do in ("preview", "save"):
        page = send(staff, owner, given, default, do)
        assert page.status == 400
        assert page.notice.startswith(sentence)
        assert [words(each.xpath("./td")[0]) for each in page.all("//tr[@class='wrong']")] == [str(row)] * bool(row)
        told = "The default role should have at most 100 characters; got 101." if default else ""
        assert (page.problem("default"), page.value("default")) == (told, default)
        assert [page.value(f"value-{number}") for number in range(len(shown))] == [rule[2] for rule in shown]
        assert page.value("role-0") == given[0][3], "what was typed stays"
    assert (staff.count_events(), kept(staff)) == (before, RoleRules())


def test_an_attribute_that_the_mapping_does_not_fill_is_pointed_out(staff: Staff, owner: Visitor) -> None:
    page = send(staff, owner, [*SELLERS, ("profile", "shoeSize", "44", "giant")], do="preview")
    assert "Role rule 2 fits nobody" not in page.text, "as long as nobody is there, that says nothing"
    page = saved(owner, page, "role rules")
    assert page.status == 200
    assert [words(each) for each in page.all("//td[@data-label='Attribute']/span[normalize-space()]")] == [
        "not in the mapping: matches nobody"
    ]
    assert page.all("//datalist[@id='targets']/option[@value='department']")
    assert [each.get("value") for each in page.all("//datalist[@id='roles']/option")] == [
        *("seller", "giant"),
        *("console-owner", "console-admin", "console-auditor"),
    ]


def test_an_auditor_reads_the_rules(staff: Staff, owner: Visitor) -> None:
    auditor = staff.signed_in("auditor")
    assert "No role rules yet. Nobody of Okta has a role." in auditor.get(path_of(staff)).text
    send(staff, owner, [*SELLERS, ("group", "", "Admins", "console-admin")])
    page = auditor.get(path_of(staff))
    check_markup(page)
    assert page.all("//main//form") == []
    assert page.rows() == [
        "1 | department is sales | seller",
        "2 | group of the assertion is Admins | console-admin",
        "Default | no rule fits | no role",
    ]
    assert "2 role rules" in auditor.get(staff.provider).text


# -- who would get what ------------------------------------------------------------------------------------------------


def test_a_preview_tells_who_would_get_what_and_changes_nothing(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    ana = add(staff, scim, "ana", "Sales", displayName="Ana Reis")
    add(staff, scim, "ben", "Sales", active=False)
    add(staff, scim, "cid", "Legal")
    send(staff, owner, SELLERS, "member")
    applied(staff)
    before = (staff.count_events(), profiles(staff), kept(staff))
    given: Rules = [*SELLERS, ("profile", "userName", "ANA@north.example", "console-admin")]
    page = send(staff, owner, given, "", "preview")
    assert "Nothing is saved yet. All people were checked: 3 people." in page.text
    assert [[row[0], *row[2:]] for row in table(page, "Role")] == [
        ["seller", "2", "2"],
        ["console-admin", "1", "0"],
        ["member", "0", "1"],
        ["no role", "1", "0"],
    ]
    assert [each.get("aria-label") for each in page.all("//svg")] == ["2 of 3", "1 of 3", "0 of 3", "1 of 3"]
    assert [each.get("width") for each in page.all("//svg[1]/rect")][:2] == ["280", "186.7"]
    assert "2 Profiles change, 1 stays as it is. 2 people would get other roles." in page.text
    assert table(page, "Person") == [
        ["ana@north.example", "roles", "seller", "seller, console-admin"],
        ["cid@north.example", "roles", "member", "none"],
    ]
    assert page.link("ana@north.example") == staff.at("users", ana)
    assert "By these rules 1 person could administer this tenant" in page.notice
    draft = owner.get(page.link("Change the draft"))
    assert (draft.value("value-1"), draft.value("default")) == ("ANA@north.example", ""), "what is being tried stays"
    assert (staff.count_events(), profiles(staff), kept(staff)) == before
    page = send(staff, owner, [*SELLERS, ("profile", "title", "Lead", "x")], "member", "preview")
    assert "No Profile changes. Nobody's roles would change." in page.text
    assert "Role rule 2 fits nobody: title is Lead." in page.text
    assert page.notice == ""


def test_a_preview_counts_as_administrators_only_who_may_sign_in(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    add(staff, scim, "ana", "Sales", active=False)
    page = send(staff, owner, [("profile", "department", "Sales", "console-admin")], "", "preview")
    assert table(page, "Person") == [["ana@north.example inactive", "roles", "none", "console-admin"]]
    assert page.notice == ""


def test_a_preview_knows_the_groups_of_the_last_sign_in_and_says_of_whom_it_knows_none(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    add(staff, scim, "ana", "Sales")
    add(staff, scim, "ben", "Sales")

    async def sign_in(tx: Tx, _: Context) -> None:
        (ana,) = await find_users_by_name(tx, "ana@north.example")
        await set_groups(tx, ana.id, '["Admins"]', ana.profile)

    in_tenant(staff.place, sign_in)
    page = send(staff, owner, [("group", "", "ADMINS", "desk")], "", "preview")
    assert table(page, "Person") == [["ana@north.example", "roles", "none", "desk"]]
    assert "Of 1 person no group is known." in page.text
    assert "no group is known" not in send(staff, owner, SELLERS, "", "preview").text


def test_a_preview_over_nobody_says_so(staff: Staff, owner: Visitor) -> None:
    page = send(staff, owner, SELLERS, "", "preview")
    assert "Okta has no people yet, so nothing changes for anybody." in page.text
    assert saved(owner, page, "role rules").notice.startswith("The role rules are saved.")


def test_a_preview_looks_at_everybody(staff: Staff, owner: Visitor) -> None:
    populate(staff.place, 2_100)
    page = send(staff, owner, [("profile", "lastName", "7", "lucky")], "member", "preview")
    path = page.path
    page = until(lambda: owner.get(path), lambda seen: not waits(seen))
    assert "All people were checked: 2,100 people." in page.text
    assert [[row[0], *row[2:]] for row in table(page, "Role")] == [
        ["lucky", "1", "0"],
        ["member", "2,099", "0"],
        ["no role", "0", "2,100"],
    ]
    assert "2,100 people would get other roles." in page.text
    assert "The first 10 of 2,100 are shown." in page.text
    assert len(page.source) < 100_000


def test_earlier_role_rules_are_restored_through_their_preview(staff: Staff, owner: Visitor) -> None:
    send(staff, owner, SELLERS, "member")
    send(staff, owner, [("profile", "title", "Lead", "leader")], "member")
    page = owner.get(path_of(staff))
    assert [row[3] for row in table(page, "Version")] == [
        "1 rule added, 1 rule removed",
        "1 rule added, default role changed",
        "as it was before the first change",
    ]
    form = page.one("//form[.//button[@aria-label='Restore version 2']]")
    fields = {each.get("name"): each.get("value") for each in form.xpath(".//input")}
    assert saved(owner, owner.post(str(form.get("action")), fields, follow=True), "role rules").status == 200
    assert [rule.role for rule in kept(staff).rules] == ["seller"]


# -- nobody hands out more than they hold ------------------------------------------------------------------------------


OWNERS: Rules = [("profile", "title", "Lead", "console-owner")]


@pytest.mark.parametrize(("after", "default"), [(OWNERS, ""), ([*SELLERS, *OWNERS], ""), (SELLERS, "console-owner")])
def test_an_admin_makes_nobody_an_owner(staff: Staff, owner: Visitor, after: Rules, default: str) -> None:
    admin = staff.signed_in("admin")
    events, rules = staff.count_events(), kept(staff)
    for do in ("preview", "save"):
        page = send(staff, admin, after, default, do)
        assert page.status == 403
        assert page.notice.startswith("Only owners may change an identity provider whose role rules give console-owner")
        assert page.notice.endswith("Your role is admin; ask an owner of this tenant.")
        assert page.value("default") == default, "what was typed stays"
    assert (staff.count_events(), kept(staff)) == (events, rules)
    assert send(staff, owner, after, default).notice.startswith("The role rules are saved.")


def test_the_rule_about_owners_is_judged_by_what_is_kept_when_it_is_saved(staff: Staff) -> None:
    """Not by what the page saw: an owner may have saved something between."""

    async def save(tx: Tx, _: Context) -> None:
        with pytest.raises(NotAllowed):
            await configure.change_roles(tx, staff.place.provider.id, RoleRules((), "console-owner"), "admin")
        await configure.change_roles(tx, staff.place.provider.id, RoleRules((), "console-owner"), "owner")
        with pytest.raises(NotAllowed):
            await configure.change_roles(tx, staff.place.provider.id, RoleRules((), "member"), "admin")

    in_tenant(staff.place, save)
    assert kept(staff).default == "console-owner"


def test_an_identity_provider_that_makes_owners_is_changed_by_owners_alone(staff: Staff, owner: Visitor) -> None:
    """Mapping, certificates and keys decide whom the rules fit: every form of the identity provider is an owner's."""
    admin = staff.signed_in("admin")
    assert admin.get(f"{staff.provider}/settings").all("//main//form")
    send(staff, owner, OWNERS)
    applied(staff)  # so that nothing else is told meanwhile
    before = staff.count_events()
    forms = [route.path for route in ROUTES if route.method == "POST" and "{provider_id}" in route.path]
    forms = [path for path in forms if path.startswith("/console/")]
    assert len(forms) >= 9
    for path in forms:
        page = admin.post(
            path.format(
                tenant=staff.place.tenant.name,
                provider_id=staff.place.provider.id,
                credential_id="x",
                request_id="x",
                preview_id="x",
            ),
            {"form_token": admin.form_token, "do": "preview"},
        )
        assert page.status == 403, path
        assert "can make somebody an owner. Your role is admin" in page.text
    assert staff.count_events() == before
    for tab in ("provisioning", "sign-in", "mapping", "roles", "settings"):
        path = f"{staff.provider}/{tab}"
        assert admin.get(path).all("//main//form[@method='post']//button") == []
        assert owner.get(path).all("//main//form[@method='post']//button")


def test_losing_the_role_ends_the_way_into_the_console(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """By an attribute of the person, and by the rules: with the change, and not with the next sign-in."""
    desk: Rules = [("profile", "title", "Lead", "console-admin")]
    send(staff, owner, desk)
    applied(staff)
    for change in ("title", "rules"):
        user_id = add(staff, scim, f"ana-{change}", "Sales", title="Lead")
        visitor = staff.visitor()
        visitor.take(linked_session(staff, user_id))
        assert visitor.get(staff.at("users"), False).status == 200
        scim.patch(f"/Users/{user_id}", json={"Operations": [{"op": "replace", "path": "nickName", "value": "A"}]})
        assert visitor.get(staff.at("users"), False).status == 200, "another attribute changes nothing"
        if change == "title":
            scim.patch(
                f"/Users/{user_id}", json={"Operations": [{"op": "replace", "path": "title", "value": "Member"}]}
            )
        else:
            send(staff, owner, [])
            applied(staff)
        assert visitor.get(staff.at("users"), False).status == 303, change


def linked_session(staff: Staff, user_id: str) -> str:
    """The cookie of the console for a person who signed in and has the role admin by a rule."""

    async def link(tx: Tx, _: Context) -> Administrator:
        administrator = Administrator(
            tx.tenant,
            new_id(tx.now),
            "ana",
            "Ana",
            "admin",
            tx.now,
            None,
            tx.now,
            False,
            staff.place.provider.id,
            user_id,
        )
        await put_linked_administrator(tx, administrator)
        return administrator

    return open_session(staff.running, in_tenant(staff.place, link))


# -- hostile text ------------------------------------------------------------------------------------------------------


def test_hostile_text_is_shown_and_never_part_of_the_page(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    payloads = MARKUP[:1] if staff.running.settings.on_postgres else MARKUP
    given: Rules = [("profile", each[:500], each, each[:100]) for each in payloads]
    add(staff, scim, "ana", payloads[0], displayName=payloads[0])
    page = send(staff, owner, [*given, ("profile", "department", payloads[0], payloads[0])], payloads[-1], "preview")
    assert page.status == 200
    assert table(page, "Person") == [["ana@north.example", "roles", "none", words_of(payloads[0])]]
    draft = owner.get(page.link("Change the draft"))
    check_markup(draft)
    assert [draft.value(f"value-{number}") for number in range(len(given))] == list(payloads)
    saved = send(staff, owner, given, payloads[-1])
    assert saved.notice.startswith("The role rules are saved.")
    for visitor in (owner, staff.signed_in("auditor")):
        for path in (path_of(staff), staff.provider, visitor.get(staff.at("activity")).entry("roles.changed")):
            shown = visitor.get(path)
            assert shown.status == 200
            check_markup(shown)
    assert staff.signed_in("auditor").get(path_of(staff)).rows()[0].endswith(f"| {words_of(payloads[0])}")
    refused = send(staff, owner, [(payloads[0], "a", "b", "c")])
    assert payloads[0][:40] in refused.notice


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_rules_of_another_identity_provider_stay(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    add(staff, scim, "ana", "Sales")
    owner.submit(
        owner.get(staff.at("identity-providers", "new")), "Add identity provider", {"name": "Second", "vendor": "entra"}
    )
    send(staff, owner, SELLERS)
    query = "SELECT name, mapping_version FROM identity_providers WHERE tenant_id = $1 ORDER BY name"
    assert rows(staff.running, query, staff.place.tenant.id) == [("Okta", 2), ("Second", 1)]
