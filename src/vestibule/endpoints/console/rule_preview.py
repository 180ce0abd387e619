"""The preview of a mapping or of role rules: what a draft would change, and the button that saves it.

The form of the rules only begins a preview. Each request for the preview's page continues it for up to `A_WHILE`; the
page reloads itself until all people were processed. Then the draft can be saved.
"""

import asyncio
import time
from typing import Any, Final

from starlette.responses import Response

from vestibule.actions.configure import check_may_give
from vestibule.actions.derive import Pace
from vestibule.actions.rule_preview import (
    PreviewRun,
    begin_preview,
    draft_of,
    get_preview,
    is_outdated,
    save_previewed,
)
from vestibule.endpoints.console.provider_frame import framed, provider_of
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotFound, Refusal, WrongInput
from vestibule.model import Event, IdentityProvider, RoleRule, RoleRules, Rule
from vestibule.store.database import Reading
from vestibule.store.events import EventQuery, find_event, page_events
from vestibule.store.identity_providers import find_derivation, roles_from_json, rule_from_json
from vestibule.store.rule_previews import RulePreview, Subject, move_rule_preview

A_WHILE: Final = 1.0
"""Seconds for which a request continues a preview."""
MOST_VERSIONS: Final = 20
"""Versions in the list on a page. The activity log has all of them."""


async def begin(visit: Visit, draft: tuple[Rule, ...] | RoleRules) -> Response:
    """Begin a preview of a draft, and send the browser to its page.

    Raises:
        Refusal: the draft is not valid.
    """
    async with visit.context.database.write(visit.actor) as tx:
        preview = await begin_preview(tx, visit.path("provider_id"), visit.who.id, draft)
    return visit.redirect(visit.at("identity-providers", preview.identity_provider_id, "previews", preview.id))


async def show_preview(visit: Visit) -> Response:
    """Continue a preview for a while, and show its result so far."""
    return await _show(visit)


async def _show(visit: Visit, refused: Refusal | None = None) -> Response:
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        try:
            preview = await _find(visit, reading)
        except NotFound as gone:
            frame = await framed(visit, reading, provider, "mapping")
            return visit.page("rule_preview_gone.html", gone.status, gone=gone, **frame)
    if preview.finished_at is None and not is_outdated(preview, provider):
        preview = await _carry_on(visit, preview, provider)
    async with visit.context.database.scan(visit.tenant.id) as reading:
        return await _page(visit, reading, provider, preview, refused)


async def draft_to_edit(visit: Visit, reading: Reading, subject: Subject) -> RulePreview | None:
    """Returns the preview in the query string, whose draft is to be edited; None if there is none or it has expired."""
    if not visit.query("draft"):
        return None
    try:
        preview = await get_preview(reading, visit.path("provider_id"), visit.query("draft"))
    except NotFound:
        return None
    return preview if preview.subject == subject else None


async def save_draft(visit: Visit) -> Response:
    """Save the draft of a preview."""
    try:
        async with visit.context.database.write(visit.actor) as tx:
            preview = await _find(visit, tx)
            saved = await save_previewed(tx, preview, visit.who.role)
    except Refusal as refused:
        return await _show(visit, refused)
    done = "same" if saved.mapping_version == preview.mapping_version else "saved"
    path = visit.at("identity-providers", saved.id, preview.subject)
    return visit.redirect(path, f"{preview.subject}-{done}")


async def _find(visit: Visit, reading: Reading) -> RulePreview:
    return await get_preview(reading, visit.path("provider_id"), visit.path("preview_id"))


async def _carry_on(visit: Visit, preview: RulePreview, provider: IdentityProvider) -> RulePreview:
    """Continue a preview for a while, in batches that do not block the event loop, and store its progress."""
    context = visit.context
    counting, pace, until = PreviewRun(preview, provider), Pace(), time.monotonic() + A_WHILE
    while counting.preview.finished_at is None and time.monotonic() < until:
        async with context.loop_share, context.database.read(visit.tenant.id) as reading:
            await counting.next_batch(reading, pace)
        await asyncio.sleep(0)
    await visit.readmit()
    async with context.database.write(visit.actor) as tx:
        await move_rule_preview(tx, counting.preview)
    return counting.preview


async def _page(
    visit: Visit, reading: Reading, provider: IdentityProvider, preview: RulePreview, refused: Refusal | None
) -> Response:
    outdated, result = is_outdated(preview, provider), preview.result
    mapping, roles = draft_of(preview, provider)
    attributes = sorted(result["attributes"].items(), key=lambda each: (-each[1]["lost"], -each[1]["changed"], each[0]))
    filled = {name for name, counted in result["attributes"].items() if counted["has"]}
    return visit.page(
        "rule_preview.html",
        refused.status if refused else 200,
        preview=preview,
        result=result,
        attributes=[(name, counted) for name, counted in attributes if counted["changed"]],
        lost=[(name, counted) for name, counted in attributes if counted["lost"] and not counted["has"]],
        empty_targets=[rule.target for rule in mapping if preview.subject == "mapping" and rule.target not in filled],
        empty_sources=[text for text, count in result["sources"].items() if not count],
        unfit_rules=[] if outdated else _unfit(roles, result["fits"]),
        outdated=outdated,
        unchanged=(mapping, roles) == (provider.mapping, provider.roles),
        derivation=await find_derivation(reading, provider.id),
        refused=refused,
        **await framed(visit, reading, provider, preview.subject),
    )


def _unfit(roles: RoleRules, fits: list[int]) -> list[tuple[int, RoleRule]]:
    """Returns the role rules that match nobody, with their numbers."""
    return [(number, rule) for number, (rule, count) in enumerate(zip(roles.rules, fits, strict=True), 1) if not count]


# -- versions ----------------------------------------------------------------------------------------------------------

_EVENTS: Final[dict[Subject, str]] = {"mapping": "mapping.changed", "roles": "roles.changed"}


async def versions_of(reading: Reading, provider: IdentityProvider, subject: Subject) -> list[dict[str, Any]]:
    """Returns the versions of a mapping or of role rules, the newest first: who saved them, when, and what changed.

    They are read from the events. The last entry is the version before the first change, unless there are more changes
    than the list shows.
    """
    query = EventQuery(types=(_EVENTS[subject],), subject_id=provider.id)
    events = await page_events(reading, query, MOST_VERSIONS + 1)
    versions = [
        {
            "version": event.data["version"],
            "at": event.at,
            "by": event.actor.get("name", ""),
            "event": event.id,
            "side": "after",
            "what": _changed_parts(event, subject),
        }
        for event in events[:MOST_VERSIONS]
    ]
    if len(events) <= MOST_VERSIONS and events:
        first = {"version": 1, "at": provider.created_at, "by": "—", "what": ""}
        versions.append({**first, "event": events[-1].id, "side": "before"})
    return versions


def _changed_parts(event: Event, subject: Subject) -> str:
    """Returns a short description of a change."""
    before, after = event.data["before"], event.data["after"]
    if subject == "roles":
        was, now = before["rules"], after["rules"]
        parts = [
            ("added", sum(rule not in was for rule in now)),
            ("removed", sum(rule not in now for rule in was)),
        ]
        told = [f"{count} {'rule' if count == 1 else 'rules'} {word}" for word, count in parts if count]
        if before["default"] != after["default"]:
            told.append("default role changed")
        return ", ".join(told) or "order changed"
    was, now = ({rule["target"]: rule for rule in rules} for rules in (before, after))
    named = [
        ("added", [name for name in now if name not in was]),
        ("removed", [name for name in was if name not in now]),
        ("changed", [name for name in now if name in was and now[name] != was[name]]),
    ]
    return "; ".join(f"{word} {_listed(names)}" for word, names in named if names) or "order changed"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


async def restore_version(visit: Visit) -> Response:
    """Begin the preview of an earlier version. The form has the event of a change, and `before` or `after`.

    Raises:
        NotFound, WrongInput: there is no such version of this identity provider.
        NotAllowed: as `configure.check_may_give`.
    """
    provider_id, side = visit.path("provider_id"), visit.field("side")
    async with visit.context.database.read(visit.tenant.id) as reading:
        event = await find_event(reading, visit.field("event"))
    if event is None or event.type not in _EVENTS.values() or event.subject_id != provider_id:
        raise visit.not_found()
    if side not in {"before", "after"}:
        raise WrongInput(f"The field side should be before or after; got '{side[:40]}'.")
    kept = event.data[side]
    if event.type == "mapping.changed":
        return await begin(visit, tuple(rule_from_json(rule) for rule in kept))
    roles = roles_from_json(kept)
    check_may_give(roles, visit.who.role)
    return await begin(visit, roles)
