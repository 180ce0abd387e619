"""Rule previews: count what a draft of a mapping or of role rules would change, before it is saved.

A preview is a short-lived row. It runs in batches limited by `derive.Pace`, like a derivation, and changes nothing
else. A draft can only be saved from its finished preview, and only if the rules it was compared with are still current.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson

from vestibule.actions import configure
from vestibule.actions.derive import Pace
from vestibule.actions.deriving import groups_that_count
from vestibule.errors import NotFound, Taken, WrongInput
from vestibule.events import changes_between
from vestibule.limits import PREVIEW_SECONDS
from vestibule.mapping import (
    check_cost,
    check_role_rules,
    compile_profile,
    compile_source,
    console_role,
    fitting,
    given_roles,
    scim_groups_of,
)
from vestibule.model import AdministratorRole, IdentityProvider, RoleRules, Rule, User, new_id
from vestibule.scim.filter import Document
from vestibule.store.database import Reading, Tx
from vestibule.store.identity_providers import (
    find_provider,
    roles_from_json,
    roles_to_json,
    rule_from_json,
    rule_to_json,
)
from vestibule.store.rule_previews import (
    RulePreview,
    Subject,
    find_rule_preview,
    insert_rule_preview,
    remove_rule_previews,
)
from vestibule.store.user_lists import UserSelection, count_users, page_of_provider

MOST_EXAMPLES: Final = 10
MOST_CHANGES: Final = 8
"""Changed attributes in an example."""
LONGEST_SHOWN: Final = 200
"""Characters of a value in an example."""

NOT_THERE: Final = "This preview is no longer there: previews are kept for an hour. Preview the rules again."


async def begin_preview(
    tx: Tx, provider_id: str, administrator_id: str, draft: tuple[Rule, ...] | RoleRules
) -> RulePreview:
    """Start a preview of a draft, and return it.

    Raises:
        NotFound: there is no such identity provider.
        WrongInput: the draft is not valid, or its rules are too expensive.
    """
    provider = await find_provider(tx, provider_id)
    if provider is None:
        raise NotFound("There is no such identity provider in this tenant.")
    subject: Subject = "roles" if isinstance(draft, RoleRules) else "mapping"
    if isinstance(draft, RoleRules):
        check_role_rules(draft)
        rules: Any = roles_to_json(draft)
        result = _empty_result((), draft)
    else:
        compile_profile(draft, provider.roles)
        check_cost(draft)
        rules = [rule_to_json(rule) for rule in draft]
        result = _empty_result(draft, provider.roles)
    preview = RulePreview(
        id=new_id(tx.now),
        identity_provider_id=provider_id,
        administrator_id=administrator_id,
        subject=subject,
        draft={"rules": rules},
        mapping_version=provider.mapping_version,
        cursor="",
        total=await count_users(tx, UserSelection(provider_id=provider_id)),
        result=result,
        created_at=tx.now,
        finished_at=None,
        expires_at=tx.now + PREVIEW_SECONDS * 1000,
    )
    await insert_rule_preview(tx, preview)
    return preview


def draft_of(preview: RulePreview, provider: IdentityProvider) -> tuple[tuple[Rule, ...], RoleRules]:
    """Returns the mapping and role rules as they would be after saving the draft."""
    if preview.subject == "roles":
        return provider.mapping, roles_from_json(preview.draft["rules"])
    return tuple(rule_from_json(rule) for rule in preview.draft["rules"]), provider.roles


def is_outdated(preview: RulePreview, provider: IdentityProvider) -> bool:
    """Returns whether other rules were saved since the preview began."""
    return preview.mapping_version != provider.mapping_version


class PreviewRun:
    """Runs a preview batch by batch. The rules are compiled once."""

    def __init__(self, preview: RulePreview, provider: IdentityProvider) -> None:
        mapping, roles = draft_of(preview, provider)
        self.preview = preview
        self._derive = compile_profile(mapping, roles)
        self._roles = roles
        self._scim_groups = scim_groups_of(roles)
        self._by_group = any(rule.source == "group" for rule in roles.rules)
        sources = mapping if preview.subject == "mapping" else ()
        self._sources: list[tuple[str, Callable[[Document], Any]]] = [
            (text, compile_source(text)) for text in dict.fromkeys(text for rule in sources for text in rule.sources)
        ]

    async def next_batch(self, reading: Reading, pace: Pace) -> None:
        """Process the next people, until the time of the batch is used up."""
        pace.begin()
        preview, looked = self.preview, 0
        users = await page_of_provider(reading, preview.identity_provider_id, preview.cursor, pace.size)
        groups = await groups_that_count(reading, self._scim_groups, users)
        for user in users:
            self._count(user, groups.get(user.id, frozenset()))
            looked += 1
            if pace.is_over:
                break
        is_last = looked == len(users) < pace.size
        cursor = users[looked - 1].id if looked else preview.cursor
        self.preview = preview._replace(cursor=cursor, finished_at=reading.now if is_last else None)
        pace.end(looked)

    def _count(self, user: User, groups: frozenset[str]) -> None:
        result, document = self.preview.result, orjson.loads(user.document)
        before, after = orjson.loads(user.profile), self._derive(document, user.saml_groups, groups)
        result["looked"] += 1
        for text, read in self._sources:
            result["sources"][text] += read(document) is not None
        attributes = result["attributes"]
        for name in {**before, **after}:
            if name != "roles":
                had, has = name in before, name in after
                counted = attributes.setdefault(name, {"had": 0, "has": 0, "changed": 0, "lost": 0})
                counted["had"] += had
                counted["has"] += has
                counted["changed"] += before.get(name) != after.get(name)
                counted["lost"] += had and not has
        if before != after:
            result["changed"] += 1
            if len(result["examples"]) < MOST_EXAMPLES:
                result["examples"].append(_example(user, document, before, after))
        self._count_roles(user, document, before, after, groups)

    def _count_roles(
        self, user: User, document: Document, before: dict[str, Any], after: dict[str, Any], groups: frozenset[str]
    ) -> None:
        result = self.preview.result
        was, would = given_roles(before), given_roles(after)
        for at, roles in ((0, was), (1, would)):
            for role in roles or [""]:
                result["roles"].setdefault(role, [0, 0])[at] += 1
        for number, fits in enumerate(fitting(self._roles, after, orjson.loads(user.saml_groups), groups)):
            result["fits"][number] += fits
        if user.active and user.blocked_at is None:
            result["administrators"][0] += console_role(was) is not None
            result["administrators"][1] += console_role(would) is not None
        result["groups_unknown"] += self._by_group and user.saml_groups == "[]"
        if was != would:
            result["roles_changed"] += 1
            if len(result["role_examples"]) < MOST_EXAMPLES:
                result["role_examples"].append(_example(user, document, {"roles": was}, {"roles": would}))


def _empty_result(mapping: tuple[Rule, ...], roles: RoleRules) -> dict[str, Any]:
    """Returns the result of a preview before the first person."""
    return {
        "looked": 0,
        "changed": 0,
        "attributes": {},
        "sources": dict.fromkeys((text for rule in mapping for text in rule.sources), 0),
        "roles": {role: [0, 0] for role in (*(rule.role for rule in roles.rules), roles.default) if role},
        "roles_changed": 0,
        "fits": [0] * len(roles.rules),
        "administrators": [0, 0],
        "groups_unknown": 0,
        "examples": [],
        "role_examples": [],
    }


def _example(user: User, document: Document, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    all_changes = changes_between(before, after)
    changes = [
        {"attribute": each["attribute"], "before": _shortened(each["before"]), "after": _shortened(each["after"])}
        for each in all_changes[:MOST_CHANGES]
    ]
    return {
        "id": user.id,
        "user_name": _shortened(document["userName"]),
        "active": user.active,
        "changes": changes,
        "more": len(all_changes) - len(changes),
    }


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]} … ({len(value):,} characters in all)"
    return value


async def get_preview(reading: Reading, provider_id: str, preview_id: str) -> RulePreview:
    """Returns the preview with that id.

    Raises:
        NotFound: this identity provider has no such preview, or it has expired.
    """
    preview = await find_rule_preview(reading, preview_id)
    if preview is None or preview.identity_provider_id != provider_id:
        raise NotFound(NOT_THERE)
    return preview


async def save_previewed(tx: Tx, preview: RulePreview, by: AdministratorRole) -> IdentityProvider:
    """Save the draft of a finished preview, and return the identity provider.

    Raises:
        WrongInput: the preview is not finished.
        Taken: other rules were saved meanwhile.
        NotFound, NotAllowed: as `configure.change_mapping` and `configure.change_roles`.
    """
    provider = await configure.get_provider(tx, preview.identity_provider_id)
    if preview.finished_at is None:
        looked = preview.result["looked"]
        raise WrongInput(
            f"The rules can be saved once the preview is finished; it has checked {looked:,} of {preview.total:,} "
            "people. Nothing was saved."
        )
    if is_outdated(preview, provider):
        raise Taken(
            f"These rules were compared with version {preview.mapping_version}, and version "
            f"{provider.mapping_version} was saved meanwhile. Nothing was saved: preview them again."
        )
    mapping, roles = draft_of(preview, provider)
    if preview.subject == "roles":
        saved = await configure.change_roles(tx, provider.id, roles, by)
    else:
        saved = await configure.change_mapping(tx, provider.id, mapping)
    await remove_rule_previews(tx, provider.id, preview.administrator_id)
    return saved
