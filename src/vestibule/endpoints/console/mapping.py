"""The mapping of an identity provider: its rules, a trial on one person, and the progress of applying it.

Rules are saved from their preview (`rule_preview`), not from the form.
"""

from typing import Any, Final

import orjson
from starlette.responses import Response

from vestibule.actions.deriving import groups_that_count
from vestibule.actions.rule_preview import draft_of
from vestibule.endpoints.console import filled, rule_preview
from vestibule.endpoints.console.provider_frame import framed, provider_of
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.events import changes_between
from vestibule.mapping import MAX_RULES, check_cost, compile_profile, scim_groups_of, trace
from vestibule.model import IdentityProvider, Rule, User
from vestibule.scim.schema import USER_TYPE
from vestibule.store.database import Reading
from vestibule.store.identity_providers import find_derivation
from vestibule.store.user_lists import page_of_provider
from vestibule.store.users import find_users_by_name

SPARE_ROWS: Final = 3
_COLUMN: Final = 46
"""Characters in a line of the column of sources."""
MOST_ROWS: Final = 2 * MAX_RULES
_TRANSFORMS: Final = {"": ("", False), "trim": ("", True), "lower": ("lower", False), "trim-lower": ("lower", True)}


async def show_mapping(visit: Visit) -> Response:
    """Show the rules, or those of a draft that was previewed, ready to be edited."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        person = await _example(reading, provider, visit.query("person"))
        rules = provider.mapping
        if draft := await rule_preview.draft_to_edit(visit, reading, "mapping"):
            rules, _ = draft_of(draft, provider)
        return await _page(visit, reading, provider, rules, person)


async def change_mapping(visit: Visit) -> Response:
    """Try the rules of the form on one person, or begin the preview on everybody, from which they are saved."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        try:
            rules = _read_rules(visit)
            compile_profile(rules, provider.roles)
            check_cost(rules)
            person = await _example(reading, provider, visit.field("person"))
            if visit.field("do") == "try":
                return await _page(visit, reading, provider, rules, person, previewed=True)
        except Refusal as refused:
            return await _page(visit, reading, provider, _typed(visit), None, refused=refused)
    if rules == provider.mapping:
        return visit.redirect(visit.at("identity-providers", provider.id, "mapping"), "mapping-same")
    return await rule_preview.begin(visit, rules)


async def show_progress(visit: Visit) -> Response:
    """Show the progress of the run that applies the mapping, as a part of the page."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        derivation = await find_derivation(reading, provider.id)
    return visit.page("derivation.html", derivation=derivation)


async def _example(reading: Reading, provider: IdentityProvider, user_name: str) -> User | None:
    """Returns the person to try rules on: the requested one, or else the first one."""
    if user_name.strip():
        found = [
            user for user in await find_users_by_name(reading, user_name) if user.identity_provider_id == provider.id
        ]
        if not found:
            raise WrongInput(f"{provider.name} has no person with the user name '{user_name[:100]}'.", field="person")
        return found[0]
    users = await page_of_provider(reading, provider.id, "", 1)
    return users[0] if users else None


async def _page(
    visit: Visit,
    reading: Reading,
    provider: IdentityProvider,
    rules: tuple[Rule, ...],
    person: User | None,
    *,
    previewed: bool = False,
    refused: Refusal | None = None,
) -> Response:
    document = orjson.loads(person.document) if person else None
    preview: dict[str, Any] | None = None
    if document is not None and person is not None and refused is None:
        scim_groups = await groups_that_count(reading, scim_groups_of(provider.roles), (person,))
        derive = compile_profile(rules, provider.roles)
        before, after = (
            orjson.loads(person.profile),
            derive(document, person.saml_groups, scim_groups.get(person.id, ())),
        )
        preview = {
            "user": person,
            "user_name": document["userName"],
            "origins": trace(rules, document),
            "changes": {change["attribute"]: change for change in changes_between(before, after)},
        }
    spare = max(0, min(SPARE_ROWS, MAX_RULES - len(rules)))
    return visit.page(
        "mapping.html",
        refused.status if refused else 200,
        rules=[*map(_row, rules), *[_row(Rule("", ()))] * spare],
        paths=filled.source_paths(USER_TYPE.root),
        preview=preview,
        previewed=previewed,
        wanted=visit.field("person"),
        versions=await rule_preview.versions_of(reading, provider, "mapping"),
        derivation=await find_derivation(reading, provider.id),
        refused=refused,
        **await framed(visit, reading, provider, "mapping"),
    )


def _row(rule: Rule) -> dict[str, str]:
    transform = next(name for name, kept in _TRANSFORMS.items() if kept == (rule.case, rule.trim))
    return {
        "target": rule.target,
        "sources": "\n".join(rule.sources),
        "rows": str(sum(1 + len(source) // _COLUMN for source in rule.sources) or 1),
        "default": rule.default,
        "transform": transform,
        "joins": "yes" if rule.join is not None else "",
        "join": rule.join or "",
    }


def _read_rules(visit: Visit) -> tuple[Rule, ...]:
    """Returns the rules of the form in their order, without rows that have no target.

    Raises:
        WrongInput: a row has a source and no target, or a text is too long.
    """
    for number, rule in enumerate(_typed(visit)):
        if rule.sources and not rule.target:
            raise WrongInput(f"Row {number + 1} has a source and no target.", field=str(number))
        for what, text, longest in (("default", rule.default, 500), ("text between", rule.join or "", 20)):
            if len(text) > longest:
                raise WrongInput(
                    f"Rule {number + 1}: the {what} may have {longest} characters; got {len(text)}.",
                    field=str(number),
                )
    return tuple(rule for rule in _typed(visit) if rule.target)


def _typed(visit: Visit) -> tuple[Rule, ...]:
    """Returns all rows of the form as they were typed."""
    rules = []
    for number in range(MOST_ROWS):
        if f"target-{number}" not in visit.form:
            break
        target = visit.field(f"target-{number}").strip()
        sources = tuple(filter(None, (line.strip() for line in visit.field(f"sources-{number}").splitlines())))
        case, trim = _TRANSFORMS.get(visit.field(f"transform-{number}"), ("", False))
        join = visit.field(f"join-{number}") if visit.field(f"joins-{number}") == "yes" else None
        rules.append(
            Rule(target, sources, visit.field(f"default-{number}").strip(), "lower" if case else "", trim, join)
        )
    return tuple(rules)
