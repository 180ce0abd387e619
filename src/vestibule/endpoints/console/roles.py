"""The role rules of an identity provider. They are saved from their preview (`rule_preview`), not from the form.

Errors name rules by their number, so after an error the rules are shown without empty rows.
"""

from typing import Final

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.actions.rule_preview import draft_of
from vestibule.endpoints.console import rule_preview
from vestibule.endpoints.console.provider_frame import framed, provider_of
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.mapping import CONSOLE_ROLES, MAX_ROLE_RULES, check_role_rules
from vestibule.model import IdentityProvider, RoleRule, RoleRules
from vestibule.store.database import Reading
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
        return await _page(visit, reading, provider, rules)


async def change_roles(visit: Visit) -> Response:
    """Begin the preview of the rules of the form on everybody, from which they are saved."""
    rules = _typed(visit)
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        try:
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
        if rule.source not in {"profile", "group"}:
            raise WrongInput(
                f"Rule {number + 1}: it should look at the Profile or at a group (profile, group); "
                f"got '{rule.source[:40]}'.",
                field=str(number),
            )
    check_role_rules(rules)
    configure.check_may_give(rules, visit.who.role)


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
            # `_check` checks the source before it is used.
            rules.append(RoleRule(source, "" if source == "group" else attribute, value, role))  # type: ignore[arg-type]
    return RoleRules(tuple(rules), visit.field("default").strip())
