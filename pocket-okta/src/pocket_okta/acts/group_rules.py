"""Push Groups > Find groups by rule: rules that find groups to push, now and whenever a group is made or renamed."""

from dataclasses import replace

from pocket_okta import refusal
from pocket_okta.acts import find
from pocket_okta.acts import group_push as pushing
from pocket_okta.group_push import GroupPush, PushRule, check_rule
from pocket_okta.org import App, Group, new_id
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import group_push, log, people
from pocket_okta.store.database import Reader, Tx


def find_rule(db: Reader, app: App, rule_id: str) -> PushRule:
    """Return a rule of an app, or refuse."""
    found = group_push.get_rule(db, rule_id)
    if found is None or found.app_id != app.id:
        raise refusal.not_found("GroupPushRule", rule_id)
    return found


def add(tx: Tx, app: App, *, name: str, field: str, operator: str, value: str) -> PushRule:
    """Add a rule and push every group that it finds."""
    check_rule(name, field, operator, value)
    if not app.can_push_groups:
        raise Refusal(Kind.INVALID, f"Pushing groups is not enabled for {app.label}: see Provisioning > Integration.")
    rule = PushRule(
        id=new_id("gPr"),
        app_id=app.id,
        name=name.strip(),
        field=field,
        operator=operator,
        value=value.strip(),
        active=True,
        created=tx.now,
    )
    group_push.put_rule(tx, rule)
    log.append(tx, "act", "application.group_push.rule.add", f"Add group push rule: {rule.name}", app_id=app.id)
    for group in people.all_groups(tx):
        _apply(tx, app, rule, group)
    return rule


def set_active(tx: Tx, app: App, rule: PushRule, *, active: bool) -> PushRule:
    """Switch a rule on or off. Off, it finds no further groups; those it found stay pushed."""
    changed = replace(rule, active=active)
    group_push.put_rule(tx, changed)
    verb = "Activate" if active else "Deactivate"
    log.append(
        tx, "act", f"application.group_push.rule.{verb.lower()}", f"{verb} group push rule: {rule.name}", app_id=app.id
    )
    if active:
        for group in people.all_groups(tx):
            _apply(tx, app, changed, group)
    return changed


def delete(tx: Tx, app: App, rule: PushRule, *, delete_groups: bool) -> int:
    """Delete a rule and unlink the groups that it found; returns how many there were."""
    group_push.remove_rule(tx, rule.id)
    log.append(tx, "act", "application.group_push.rule.delete", f"Delete group push rule: {rule.name}", app_id=app.id)
    found = [push for push in group_push.of_app(tx, app.id) if push.rule_id == rule.id]
    for push in found:
        pushing.unlink(tx, app, push, delete=delete_groups)
    return len(found)


def apply_all(tx: Tx, group: Group) -> None:
    """Push a group that was made or renamed to every app with an active rule that finds it."""
    for rule in group_push.rules(tx):
        _apply(tx, find.app(tx, rule.app_id), rule, group)


def _apply(tx: Tx, app: App, rule: PushRule, group: Group) -> GroupPush | None:
    pushed = any(push.app_id == app.id for push in group_push.of_group(tx, group.id))
    if pushed or not rule.active or not app.can_push_groups or not rule.finds(group):
        return None
    return pushing.add(tx, app, group, rule_id=rule.id)
