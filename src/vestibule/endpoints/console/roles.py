"""The role rules of an identity provider. They are saved from their preview (`rule_preview`), not from the form.

Errors name rules by their number, so after an error the rules are shown without empty rows.
"""

from dataclasses import replace
from typing import Final, get_args

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.actions.rule_preview import draft_of
from vestibule.endpoints.console import rule_preview
from vestibule.endpoints.console.provider_frame import framed, provider_of
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.mapping import CONSOLE_ROLES, MAX_ROLE_RULES, check_role_rules
from vestibule.model import IdentityProvider, RoleRule, RoleRules, RoleSource
from vestibule.scim.text import fold
from vestibule.store.database import Reading
from vestibule.store.groups import display_name, find_group, find_group_by_name
from vestibule.store.identity_providers import find_derivation

SPARE_ROWS: Final = 3
MOST_ROWS: Final = 2 * MAX_ROLE_RULES


async def show_roles(visit: Visit) -> Response:
    """Show the rules, or those of a draft that was previewed, ready to be edited."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        rules = provider.roles
        if draft := await rule_preview.draft_to_edit(visit, reading, "roles"):
            _, rules = draft_of(draft, provider)
        rules = await _with_group_names(reading, rules)
        return await _page(visit, reading, provider, rules)


async def change_roles(visit: Visit) -> Response:
    """Begin the preview of the rules of the form on everybody, from which they are saved."""
    rules = _typed(visit)
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        try:
            rules = await _with_group_ids(reading, provider, rules)
            _check(visit, rules)
        except Refusal as refused:
            return await _page(visit, reading, provider, rules, refused=refused)
    if rules == provider.roles:
        return visit.redirect(visit.at("identity-providers", provider.id, "roles"), "roles-same")
    return await rule_preview.begin(visit, rules)


def _check(visit: Visit, rules: RoleRules) -> None:
    """Check that the rules are valid and the visitor may save them, before a preview begins.

    Raises:
        WrongInput, NotAllowed: they cannot be saved.
    """
    for number, rule in enumerate(rules.rules):
        if rule.source not in get_args(RoleSource):
            raise WrongInput(
                f"Rule {number + 1}: it should look at the Profile or at a group ({', '.join(get_args(RoleSource))}); "
                f"got '{rule.source[:40]}'.",
                field=str(number),
            )
    check_role_rules(rules)
    configure.check_may_give(rules, visit.who.role)


async def _with_group_ids(reading: Reading, provider: IdentityProvider, rules: RoleRules) -> RoleRules:
    """Returns rules in which SCIM groups are named by their ids, where names were typed.

    Raises:
        WrongInput: the identity provider pushed no group of that name, and none was made by hand.
    """
    found = []
    saved = await _with_group_names(reading, provider.roles)
    known = {fold(rule.attribute): rule.value for rule in saved.rules if rule.source == "scim_group"}
    for number, rule in enumerate(rules.rules):
        if rule.source != "scim_group" or not rule.value:
            found.append(rule)
            continue
        # A saved rule keeps its group, even if another one has got the same name.
        group = await find_group(reading, known.get(fold(rule.value), ""))
        for owner in (provider.id, ""):
            group = group or await find_group_by_name(reading, owner, rule.value)
        if group is None:
            raise WrongInput(
                f"Rule {number + 1}: {provider.name} should have pushed a group with the name "
                f"'{rule.value[:100]}', or one should have been made by hand; there is none. Groups are under People > "
                "Groups.",
                field=str(number),
            )
        found.append(replace(rule, attribute=display_name(group), value=group.id))
    return replace(rules, rules=tuple(found))


async def _with_group_names(reading: Reading, rules: RoleRules) -> RoleRules:
    """Returns rules with the names that SCIM groups have now. A group that is gone keeps the name it had."""
    found = []
    for rule in rules.rules:
        group = await find_group(reading, rule.value) if rule.source == "scim_group" else None
        name = display_name(group) if group else rule.attribute
        found.append(replace(rule, attribute=name))
    return replace(rules, rules=tuple(found))


async def _page(
    visit: Visit,
    reading: Reading,
    provider: IdentityProvider,
    rules: RoleRules,
    *,
    refused: Refusal | None = None,
) -> Response:
    spare = max(0, min(SPARE_ROWS, MAX_ROLE_RULES - len(rules.rules)))
    used = [*(rule.role for rule in rules.rules), rules.default]
    return visit.page(
        "roles.html",
        refused.status if refused else 200,
        rules=rules,
        rows=[*rules.rules, *[RoleRule("profile", "", "", "")] * spare],
        targets=[rule.target for rule in provider.mapping],
        known_roles=list(dict.fromkeys([*filter(None, used), *CONSOLE_ROLES])),
        console_roles=CONSOLE_ROLES,
        versions=await rule_preview.versions_of(reading, provider, "roles"),
        derivation=await find_derivation(reading, provider.id),
        refused=refused,
        **await framed(visit, reading, provider, "roles"),
    )


def _typed(visit: Visit) -> RoleRules:
    """Returns the rules of the form in their order, without empty rows."""
    rules = []
    for number in range(MOST_ROWS):
        if f"role-{number}" not in visit.form:
            break
        source, attribute, value, role = (
            visit.field(f"{name}-{number}").strip() for name in ("source", "attribute", "value", "role")
        )
        if attribute or value or role:
            # `_check` checks the source before it is used. For a SCIM group its name is typed.
            named = {"group": "", "scim_group": value}.get(source, attribute)
            rules.append(RoleRule(source, named, value, role))  # type: ignore[arg-type]
    return RoleRules(tuple(rules), visit.field("default").strip())
