"""Mapping: derives a Profile (the person as an application sees them, with their roles) from a SCIM document.

A mapping is an ordered list of rules. It is compiled to a plain function once, because every write runs it. What it may
cost for one person is checked when it is saved (`check_cost`).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from vestibule.errors import WrongInput
from vestibule.limits import JOINED_CHARACTERS, MAPPING_COMPARISONS, RULE_SOURCES
from vestibule.model import AdministratorRole, RoleRule, RoleRules, Rule
from vestibule.scim.errors import ScimError
from vestibule.scim.filter import Document
from vestibule.scim.resource import MAX_VALUES
from vestibule.scim.schema import USER_TYPE
from vestibule.scim.target import Target, parse_target
from vestibule.scim.text import fold, unprintable

Profile = dict[str, Any]
Derive = Callable[[Document], Profile]
DeriveAll = Callable[[Document, str, Collection[str]], Profile]
"""A function of a document, the groups of the last assertion as JSON text, and the ids of the person's SCIM groups."""

MAX_RULES: Final = 100


def compile_mapping(rules: Sequence[Rule]) -> Derive:
    """Compile rules to the function that derives a Profile from a document. It leaves out a target without a value.

    Raises:
        WrongInput: a rule cannot be carried out; the message says which and why, `field` is its position.
    """
    if len(rules) > MAX_RULES:
        raise WrongInput(f"A mapping may have {MAX_RULES} rules; this one has {len(rules)}.")
    seen: set[str] = set()
    compiled = []
    folded: dict[str, str] = {}

    def folding(text: str) -> str:
        """Fold a text only once for each person, even if several terms compare it."""
        found = folded.get(text)
        if found is None:
            found = folded[text] = fold(text)
        return found

    for number, rule in enumerate(rules):
        _check_target(rule, number, seen)
        seen.add(rule.target)
        sources = [_source(source, number) for source in rule.sources]
        compiled.append((rule.target, _compile_rule(rule, sources, folding)))

    def derive(document: Document) -> Profile:
        profile: Profile = {}
        for name, value_of in compiled:
            value = value_of(document)
            if value is not None and value != "":
                profile[name] = value
        if folded:
            folded.clear()
        return profile

    return derive


def _check_target(rule: Rule, number: int, seen: set[str]) -> None:
    if not rule.target or not all(c.isalnum() or c in "_-." for c in rule.target) or len(rule.target) > 64:
        raise WrongInput(
            f"Rule {number + 1}: the target should be a name of letters, digits, '_', '-' and '.', "
            f"at most 64 long; got '{rule.target}'.",
            field=str(number),
        )
    if rule.target == "roles":
        raise WrongInput(f"Rule {number + 1}: 'roles' is filled by the role rules.", field=str(number))
    if rule.target in seen:
        raise WrongInput(f"Rule {number + 1}: '{rule.target}' has a rule already.", field=str(number))


def check_cost(rules: Sequence[Rule]) -> None:
    """Check that deriving a Profile is cheap in the worst case. Called before a mapping is saved.

    A source with several values costs the terms of its filter times the maximum number of values; any other source
    costs its terms. The worst case counts, because every write derives a Profile on the event loop.

    Raises:
        WrongInput: too many sources in a rule, or too many comparisons in all.
    """
    costs = []
    for number, rule in enumerate(rules):
        if len(rule.sources) > RULE_SOURCES:
            raise WrongInput(
                f"Rule {number + 1}: a rule may have {RULE_SOURCES} sources; this one has {len(rule.sources):,}.",
                field=str(number),
            )
        costs.append(sum(_cost(_source(text, number)) for text in rule.sources))
    if (cost := sum(costs)) > MAPPING_COMPARISONS:
        dearest = costs.index(max(costs))
        raise WrongInput(
            f"A mapping may make {MAPPING_COMPARISONS:,} comparisons for one person; these rules could make {cost:,}, "
            f"and rule {dearest + 1} alone {costs[dearest]:,}. Each source with several values counts "
            f"{MAX_VALUES} times the terms of its filter: use fewer terms or fewer such sources.",
            field=str(dearest),
        )


def _cost(source: Target) -> int:
    """Returns how many comparisons a source makes for one person in the worst case."""
    return source.comparisons * (MAX_VALUES if source.multi_valued else 1)


def reads_active(rules: Sequence[Rule]) -> bool:
    """Returns whether a Profile depends on `active`. If not, deactivating a person does not change their Profile."""
    sources = [_source(text, number) for number, rule in enumerate(rules) for text in rule.sources]
    return any(source.steps[0].name == "active" for source in sources)


def compile_source(text: str) -> Callable[[Document], Any]:
    """Compile a source to a function that returns its first value in a document, or None.

    Raises:
        WrongInput: it cannot be read.
    """
    return _source(text, 0).first_reader()


def _source(text: str, number: int) -> Target:
    try:
        target = parse_target(text, USER_TYPE)
    except ScimError as error:
        raise WrongInput(f"Rule {number + 1}: {error.detail}", field=str(number)) from None
    if target is not None and target.steps[0].in_rows:
        raise WrongInput(
            f"Rule {number + 1}: the source '{text}' cannot be read: groups give roles by role rules.",
            field=str(number),
        )
    if target is None or target.steps[-1].type == "complex":
        hint = (
            "it is made of parts; name one of them, such as name.givenName" if target else "there is no such attribute"
        )
        raise WrongInput(f"Rule {number + 1}: the source '{text}' cannot be read: {hint}.", field=str(number))
    return target


def _compile_rule(rule: Rule, sources: list[Target], folding: Callable[[str], str] = fold) -> Callable[[Document], Any]:
    """Compile one rule to the function that returns its value, or its default if no source has a value."""
    if rule.join is None:
        choose = _chooser([source.first_reader(folding) for source in sources])
    else:
        choose = _joiner(rule.join, [source.reader(folding) for source in sources])
    if not rule.default and not rule.trim and not rule.case:
        return choose

    def value(document: Document) -> Any:
        value = choose(document)
        if value is None:
            value = rule.default
        if isinstance(value, str):
            if rule.trim:
                value = value.strip()
            if rule.case == "lower":
                value = value.lower()
        return value

    return value


def _chooser(reads: list[Callable[[Document], Any]]) -> Callable[[Document], Any]:
    """Returns a function that gives the value of the first source that has one."""
    if len(reads) == 1:
        return reads[0]

    def choose(document: Document) -> Any:
        for read in reads:
            value = read(document)
            if value is not None:
                return value
        return None

    return choose


def _joiner(joint: str, reads: list[Callable[[Document], list[Any]]]) -> Callable[[Document], str | None]:
    """Returns a function that joins the values of all sources, leaving out those that exceed `JOINED_CHARACTERS`."""

    def join(document: Document) -> str | None:
        parts: list[str] = []
        left = JOINED_CHARACTERS
        for read in reads:
            for value in read(document):
                text = str(value)
                length = len(text) + (len(joint) if parts else 0)
                if length <= left:
                    parts.append(text)
                    left -= length
        return joint.join(parts) if parts else None

    return join


# -- roles -------------------------------------------------------------------------------------------------------------

MAX_ROLE_RULES: Final = 200
"""Each makes one comparison for a person."""
LONGEST_ROLE: Final = 100
LONGEST_WANTED: Final = 500
"""Characters of the value or the attribute that a rule compares."""
CONSOLE_ROLES: dict[str, AdministratorRole] = {
    "console-owner": "owner",
    "console-admin": "admin",
    "console-auditor": "auditor",
}
"""Roles that make a person an administrator of their tenant when they sign in."""


def check_role_rules(rules: RoleRules) -> None:
    """Check that role rules can be carried out.

    Raises:
        WrongInput: the message says which rule cannot and why, `field` is its position, or `default`.
    """
    if len(rules.rules) > MAX_ROLE_RULES:
        raise WrongInput(f"There may be {MAX_ROLE_RULES} rules; got {len(rules.rules)}.")
    for number, rule in enumerate(rules.rules):
        missing = [
            what
            for what, text in (("role", rule.role), ("value", rule.value), ("attribute", rule.attribute))
            if not text and not (what == "attribute" and rule.source != "profile")
        ]
        if missing:
            raise WrongInput(f"Rule {number + 1}: the {missing[0]} is missing.", field=str(number))
        for what, text in (("value", rule.value), ("attribute", rule.attribute)):
            if len(text) > LONGEST_WANTED:
                raise WrongInput(
                    f"Rule {number + 1}: the {what} may have {LONGEST_WANTED} characters; got {len(text)}.",
                    field=str(number),
                )
        _check_role(rule.role, f"Rule {number + 1}: a role", str(number))
    _check_role(rules.default, "The default role", "default")


def _check_role(role: str, what: str, field: str) -> None:
    if len(role) > LONGEST_ROLE:
        raise WrongInput(f"{what} should have at most {LONGEST_ROLE} characters; got {len(role)}.", field=field)
    if (bad := unprintable(role)) is not None:
        raise WrongInput(f"{what} should be made of visible characters; got U+{ord(bad):04X}.", field=field)


def roles_of(rules: RoleRules, profile: Profile, groups: Sequence[str], scim_groups: Collection[str] = ()) -> list[str]:
    """Returns the roles that rules give for a Profile and groups, in the rules' order; the default if none matches."""
    fits = fitting(rules, profile, groups, scim_groups)
    found = [rule.role for rule, does_fit in zip(rules.rules, fits, strict=True) if does_fit]
    return list(dict.fromkeys(found)) or ([rules.default] if rules.default else [])


def fitting(rules: RoleRules, profile: Profile, groups: Sequence[str], scim_groups: Collection[str] = ()) -> list[bool]:
    """Returns for each rule whether it matches a Profile, names of an assertion's groups, and ids of SCIM groups.

    Each value is folded only once.
    """
    known = {fold(group) for group in groups}
    values = {rule.attribute: profile.get(rule.attribute) for rule in rules.rules if rule.source == "profile"}
    had = {name: fold(str(value)) for name, value in values.items() if value is not None}

    def fits(rule: RoleRule) -> bool:
        match rule.source:
            case "profile":
                return had.get(rule.attribute) == _folded(rule.value)
            case "group":
                return _folded(rule.value) in known
            case "scim_group":
                return rule.value in scim_groups

    return list(map(fits, rules.rules))


_folded = lru_cache(maxsize=1024)(fold)
"""`fold` with a cache, for the values of rules, which are short and the same for every person."""


def scim_groups_of(rules: RoleRules) -> frozenset[str]:
    """Returns the ids of the SCIM groups that rules name."""
    return frozenset(rule.value for rule in rules.rules if rule.source == "scim_group")


def given_roles(profile: Profile) -> list[str]:
    """Returns the roles in a Profile; none if an old mapping filled `roles` with something else."""
    kept = profile.get("roles")
    return kept if isinstance(kept, list) else []


def console_role(roles: Sequence[str]) -> AdministratorRole | None:
    """Returns the console role of a person with these roles: that of the first one for the console, or None."""
    return next((CONSOLE_ROLES[role] for role in roles if role in CONSOLE_ROLES), None)


def makes_owners(rules: RoleRules) -> bool:
    """Returns whether these rules can make somebody an owner in the console."""
    return any(CONSOLE_ROLES.get(role) == "owner" for role in (*(rule.role for rule in rules.rules), rules.default))


def compile_profile(rules: Sequence[Rule], roles: RoleRules) -> DeriveAll:
    """Compile a mapping and role rules to one function that derives the whole Profile, roles included.

    Raises:
        WrongInput: as `compile_mapping` and `check_role_rules` do.
    """
    derive = compile_mapping(rules)
    check_role_rules(roles)
    if not roles.rules and not roles.default:
        return lambda document, _groups, _scim_groups: derive(document)

    def derive_all(document: Document, groups: str, scim_groups: Collection[str]) -> Profile:
        profile = derive(document)
        given = roles_of(roles, profile, orjson.loads(groups), scim_groups)
        return {**profile, "roles": given} if given else profile

    return derive_all


# -- where values came from --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value of a Profile came from: the source that had it, or an empty text for the rule's default."""

    rule: Rule
    value: Any
    source: str


def trace(rules: Sequence[Rule], document: Document) -> list[Origin]:
    """Returns for each rule, in their order, the value that it gives for a document and where the value came from."""
    origins = []
    for number, rule in enumerate(rules):
        sources = [_source(text, number) for text in rule.sources]
        value = _compile_rule(rule, sources)(document)
        had = [text for text, source in zip(rule.sources, sources, strict=True) if source.reader()(document)]
        origins.append(Origin(rule, value, ", ".join(had if rule.join is not None else had[:1])))
    return origins
