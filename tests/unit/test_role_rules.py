"""Role rules as a function: what fits whom, in which order, and what decides who becomes an owner."""

from typing import Any

import pytest

from vestibule.actions.configure import check_may_give
from vestibule.errors import NotAllowed, WrongInput
from vestibule.mapping import (
    LONGEST_ROLE,
    LONGEST_WANTED,
    MAX_ROLE_RULES,
    check_role_rules,
    compile_profile,
    console_role,
    given_roles,
    makes_owners,
    roles_of,
)
from vestibule.model import AdministratorRole, RoleRule, RoleRules, Rule


def when(attribute: str, value: str, role: str) -> RoleRule:
    return RoleRule("profile", attribute, value, role)


def group(value: str, role: str) -> RoleRule:
    return RoleRule("group", "", value, role)


def rules(*each: RoleRule, default: str = "") -> RoleRules:
    return RoleRules(each, default)


SALES, LEADS = when("department", "Sales", "seller"), when("title", "Lead", "leader")
OWNER, ADMIN = when("title", "Lead", "console-owner"), group("Admins", "console-admin")
AUDITOR = when("department", "Audit", "console-auditor")


@pytest.mark.parametrize(
    ("given", "profile", "groups", "roles"),
    [
        (rules(), {"department": "Sales"}, [], []),
        (rules(default="member"), {}, [], ["member"]),
        (rules(SALES, LEADS), {"department": "Sales", "title": "Lead"}, [], ["seller", "leader"]),
        (rules(LEADS, SALES), {"department": "Sales", "title": "Lead"}, [], ["leader", "seller"]),
        (rules(SALES, default="member"), {"department": "Sales"}, [], ["seller"]),
        (rules(SALES, default="member"), {"department": "Legal"}, [], ["member"]),
        (rules(SALES), {"department": "sALES"}, [], ["seller"]),
        (rules(when("city", "STRASSE", "near")), {"city": "Straße"}, [], ["near"]),
        (rules(SALES), {"department": "Sales EMEA"}, [], []),
        (rules(SALES), {"department": ""}, [], []),
        (rules(SALES), {}, ["Sales"], []),
        (rules(when("active", "true", "present")), {"active": True}, [], ["present"]),
        (rules(when("level", "3", "third")), {"level": 3}, [], ["third"]),
        (rules(SALES, when("title", "Lead", "seller")), {"department": "Sales", "title": "Lead"}, [], ["seller"]),
        (rules(ADMIN), {}, ["Everyone", "admins"], ["console-admin"]),
        (rules(ADMIN), {"Admins": "Admins"}, ["Everyone"], []),
    ],
)
def test_who_gets_which_roles(given: RoleRules, profile: dict[str, Any], groups: list[str], roles: list[str]) -> None:
    assert roles_of(given, profile, groups) == roles


def test_roles_stand_in_the_profile_only_where_there_are_any() -> None:
    mapping = (Rule("department", ("title",)),)
    derive = compile_profile(mapping, rules(SALES, ADMIN))
    assert derive({"title": "sales"}, '["Admins"]', ()) == {"department": "sales", "roles": ["seller", "console-admin"]}
    assert derive({"title": "Legal"}, "[]", ()) == {"department": "Legal"}
    assert given_roles(derive({"title": "sales"}, "[]", ())) == ["seller"]
    assert given_roles({"roles": "seller"}) == given_roles({}) == []


def test_of_several_roles_for_the_console_the_first_counts() -> None:
    assert console_role(["seller", "console-auditor", "console-owner"]) == "auditor"
    assert console_role(["Console-Owner", "seller"]) is None


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        (rules(SALES, when("title", "", "x")), "1", "Rule 2: the value is missing."),
        (rules(when("", "x", "x")), "0", "Rule 1: the attribute is missing."),
        (rules(SALES, SALES, group("x", "")), "2", "Rule 3: the role is missing."),
        (
            rules(when("a", "v" * (LONGEST_WANTED + 1), "x")),
            "0",
            "Rule 1: the value may have 500 characters; got 501.",
        ),
        (rules(when("a" * (LONGEST_WANTED + 1), "v", "x")), "0", "Rule 1: the attribute may have 500 characters"),
        (
            rules(SALES, group("x", "r" * (LONGEST_ROLE + 1))),
            "1",
            "Rule 2: a role should have at most 100 characters; got 101.",
        ),
        (rules(group("x", "console\u200b-owner")), "0", "Rule 1: a role should be made of visible characters"),
        (rules(SALES, default="r" * 101), "default", "The default role should have at most 100 characters; got 101."),
        (rules(*[SALES] * (MAX_ROLE_RULES + 1)), "", "There may be 200 rules; got 201."),
    ],
)
def test_a_rule_that_cannot_be_carried_out_is_told_by_its_number(given: RoleRules, field: str, sentence: str) -> None:
    with pytest.raises(WrongInput) as refused:
        check_role_rules(given)
    assert refused.value.message.startswith(sentence)
    assert refused.value.field == field


def test_rules_that_can_be_carried_out_pass() -> None:
    check_role_rules(rules(SALES, ADMIN, when("a", "v" * LONGEST_WANTED, "r" * LONGEST_ROLE), default="member"))
    check_role_rules(rules(*[SALES] * MAX_ROLE_RULES))


@pytest.mark.parametrize(
    "given", [rules(OWNER), rules(SALES, AUDITOR, OWNER), rules(default="console-owner"), rules(group("x", OWNER.role))]
)
def test_who_becomes_an_owner_is_for_owners_to_say(given: RoleRules) -> None:
    assert makes_owners(given)
    by: AdministratorRole
    for by in ("auditor", "admin"):
        with pytest.raises(NotAllowed) as refused:
            check_may_give(given, by)
        assert "console-owner" in refused.value.message
        assert f"Your role is {by}" in refused.value.message
    check_may_give(given, "owner")
    check_may_give(given, "operator")


@pytest.mark.parametrize("given", [rules(), rules(ADMIN, AUDITOR, SALES, default="console-admin")])
def test_what_makes_nobody_an_owner_is_an_admins_to_change(given: RoleRules) -> None:
    assert not makes_owners(given)
    check_may_give(given, "admin")
