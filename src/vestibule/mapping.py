"""From a SCIM document to a Profile: the person as the application sees them, with the roles that rules give them.

A mapping is an ordered list of rules. It is compiled once and then is a plain function, because every write runs it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from vestibule.errors import WrongInput
from vestibule.model import AdministratorRole, RoleRule, RoleRules, Rule
from vestibule.scim.errors import ScimError
from vestibule.scim.filter import Document
from vestibule.scim.schema import USER_TYPE
from vestibule.scim.target import Target, parse_target
from vestibule.scim.text import fold, unprintable

Profile = dict[str, Any]
Derive = Callable[[Document], Profile]
DeriveAll = Callable[[Document, str], Profile]

MAX_RULES = 100


def compile_mapping(rules: Sequence[Rule]) -> Derive:
    """The function that derives a Profile by these rules. A target without a value is left out.

    Raises:
        WrongInput: a rule that cannot be carried out; the message says which and why, `field` is its position.
    """
    if len(rules) > MAX_RULES:
        raise WrongInput(f"A mapping may have {MAX_RULES} rules; this one has {len(rules)}.")
    seen: set[str] = set()
    compiled = []
    for number, rule in enumerate(rules):
        if not rule.target or not all(c.isalnum() or c in "_-." for c in rule.target) or len(rule.target) > 64:
            raise WrongInput(
                f"Rule {number + 1}: the target should be a name of letters, digits, '_', '-' and '.', "
                f"at most 64 long; '{rule.target}' came.",
                field=str(number),
            )
        if rule.target == "roles":
            raise WrongInput(f"Rule {number + 1}: 'roles' is filled by the role rules.", field=str(number))
        if rule.target in seen:
            raise WrongInput(f"Rule {number + 1}: '{rule.target}' has a rule already.", field=str(number))
        seen.add(rule.target)
        compiled.append((rule.target, _compile_rule(rule, [_source(source, number) for source in rule.sources])))

    def derive(document: Document) -> Profile:
        profile: Profile = {}
        for name, value_of in compiled:
            value = value_of(document)
            if value is not None and value != "":
                profile[name] = value
        return profile

    return derive


def reads_active(rules: Sequence[Rule]) -> bool:
    """Whether a Profile says of somebody that they are switched on: if not, the switch changes nothing in it."""
    sources = [_source(text, number) for number, rule in enumerate(rules) for text in rule.sources]
    return any(source.steps[0].name == "active" for source in sources)


def _source(text: str, number: int) -> Target:
    try:
        target = parse_target(text, USER_TYPE)
    except ScimError as error:
        raise WrongInput(f"Rule {number + 1}: {error.detail}", field=str(number)) from None
    if target is None or target.steps[-1].type == "complex":
        hint = (
            "it is made of parts; name one of them, such as name.givenName" if target else "there is no such attribute"
        )
        raise WrongInput(f"Rule {number + 1}: the source '{text}' cannot be read: {hint}.", field=str(number))
    return target


def _compile_rule(rule: Rule, sources: list[Target]) -> Callable[[Document], Any]:
    """The function that gives the value of one rule, the default if no source has one."""
    choose = _chooser([source.first_reader() for source in sources]) if rule.join is None else _joiner(rule, sources)
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
    """The value of the first source that has one."""
    if len(reads) == 1:
        return reads[0]

    def choose(document: Document) -> Any:
        for read in reads:
            value = read(document)
            if value is not None:
                return value
        return None

    return choose


def _joiner(rule: Rule, sources: list[Target]) -> Callable[[Document], Any]:
    """All values of all sources in one text."""
    reads, joint = [source.reader() for source in sources], rule.join or ""

    def join(document: Document) -> str | None:
        found = [value for read in reads for value in read(document)]
        return joint.join(map(str, found)) if found else None

    return join


# -- roles -------------------------------------------------------------------------------------------------------------

MAX_ROLE_RULES = 200
LONGEST_ROLE = 100
LONGEST_WANTED = 500
"""Characters of the value or the attribute that a rule compares."""
CONSOLE_ROLES: dict[str, AdministratorRole] = {
    "console-owner": "owner",
    "console-admin": "admin",
    "console-auditor": "auditor",
}
"""Roles that make a person an administrator of their tenant when they sign in."""


def check_role_rules(rules: RoleRules) -> None:
    """See that rules can be carried out.

    Raises:
        WrongInput: the message says which rule cannot and why, `field` is its position, or `default`.
    """
    if len(rules.rules) > MAX_ROLE_RULES:
        raise WrongInput(f"There may be {MAX_ROLE_RULES} rules; {len(rules.rules)} came.")
    for number, rule in enumerate(rules.rules):
        missing = [
            what
            for what, text in (("role", rule.role), ("value", rule.value), ("attribute", rule.attribute))
            if not text and not (what == "attribute" and rule.source == "group")
        ]
        if missing:
            raise WrongInput(f"Rule {number + 1}: the {missing[0]} is wanted; nothing came.", field=str(number))
        for what, text in (("value", rule.value), ("attribute", rule.attribute)):
            if len(text) > LONGEST_WANTED:
                raise WrongInput(
                    f"Rule {number + 1}: the {what} may have {LONGEST_WANTED} characters; {len(text)} came.",
                    field=str(number),
                )
        _check_role(rule.role, f"Rule {number + 1}: a role", str(number))
    _check_role(rules.default, "The default role", "default")


def _check_role(role: str, what: str, field: str) -> None:
    if len(role) > LONGEST_ROLE:
        raise WrongInput(f"{what} should have at most {LONGEST_ROLE} characters; {len(role)} came.", field=field)
    if (bad := unprintable(role)) is not None:
        raise WrongInput(f"{what} should be made of visible characters; U+{ord(bad):04X} came.", field=field)


def roles_of(rules: RoleRules, profile: Profile, groups: Sequence[str]) -> list[str]:
    """The roles that rules give to a Profile and groups, in the order of the rules; the default if none fits."""
    known = {fold(group) for group in groups}
    found = [rule.role for rule in rules.rules if _role_fits(rule, profile, known)]
    return list(dict.fromkeys(found)) or ([rules.default] if rules.default else [])


def _role_fits(rule: RoleRule, profile: Profile, groups: set[str]) -> bool:
    if rule.source == "group":
        return fold(rule.value) in groups
    value = profile.get(rule.attribute)
    return value is not None and fold(str(value)) == fold(rule.value)


def given_roles(profile: Profile) -> list[str]:
    """The roles in a Profile; a mapping may have put something else under that name."""
    kept = profile.get("roles")
    return kept if isinstance(kept, list) else []


def console_role(roles: Sequence[str]) -> AdministratorRole | None:
    """What somebody with these roles is in the console: by the first that says so."""
    return next((CONSOLE_ROLES[role] for role in roles if role in CONSOLE_ROLES), None)


def makes_owners(rules: RoleRules) -> bool:
    """Whether somebody can become an owner of the console by these rules."""
    return any(CONSOLE_ROLES.get(role) == "owner" for role in (*(rule.role for rule in rules.rules), rules.default))


def compile_profile(rules: Sequence[Rule], roles: RoleRules) -> DeriveAll:
    """The function from a document and the groups of the last assertion (JSON text) to the whole Profile, roles
    included.

    Raises:
        WrongInput: as `compile_mapping` and `check_role_rules` do.
    """
    derive = compile_mapping(rules)
    check_role_rules(roles)
    if not roles.rules and not roles.default:
        return lambda document, _groups: derive(document)

    def derive_all(document: Document, groups: str) -> Profile:
        profile = derive(document)
        given = roles_of(roles, profile, orjson.loads(groups))
        return {**profile, "roles": given} if given else profile

    return derive_all


# -- where values came from --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value of a Profile came from: the source that had it, or none for the rule's default."""

    rule: Rule
    value: Any
    source: str


def trace(rules: Sequence[Rule], document: Document) -> list[Origin]:
    """For every rule what it gives for a document, and from where; in the order of the rules."""
    origins = []
    for number, rule in enumerate(rules):
        sources = [_source(text, number) for text in rule.sources]
        value = _compile_rule(rule, sources)(document)
        had = [text for text, source in zip(rule.sources, sources, strict=True) if source.reader()(document)]
        origins.append(Origin(rule, value, ", ".join(had if rule.join is not None else had[:1])))
    return origins
