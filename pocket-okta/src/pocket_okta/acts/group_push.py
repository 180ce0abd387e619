"""Push Groups: push a group to an app, pause and resume that, push it now, unlink it.

The rule: an act writes the mapping and orders a job; whether the group is created or linked the engine finds out.
Source: Okta wire facts 1.8.
"""

import sqlite3
from dataclasses import replace

from pocket_okta import refusal
from pocket_okta.group_push import GroupPush
from pocket_okta.org import GROUP_BATCH, GROUP_WORK, LARGEST_GROUP_BATCH, App, Group, JobKind, check_label, new_id
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import apps, group_push, log, people, queue
from pocket_okta.store.database import Reader, Tx

_EVENT = "application.provision.group_push"


def find(db: Reader, app: App, push_id: str) -> GroupPush:
    """Return a mapping of an app, or refuse."""
    found = group_push.get_push(db, push_id)
    if found is None or found.app_id != app.id:
        raise refusal.not_found("GroupPushMapping", push_id)
    return found


def _say(tx: Tx, app: App, event: str, message: str, group: str) -> None:
    log.append(tx, "act", event, f"{message}: {group}, {app.label}", app_id=app.id)


def _name(tx: Tx, push: GroupPush) -> str:
    group = people.get_group(tx, push.group_id)
    return group.name if group else push.target_name


def add(
    tx: Tx,
    app: App,
    group: Group,
    *,
    target_name: str = "",
    remote_id: str = "",
    active: bool = True,
    rule_id: str = "",
) -> GroupPush:
    """Push a group to an app from now on.

    A group called `target_name` (the Okta group's own name, if blank) is linked if the service has one, else the group
    is created there. With `remote_id` the group with that id is linked without a look-up.
    """
    if not app.can_push_groups:
        raise Refusal(Kind.INVALID, f"Pushing groups is not enabled for {app.label}: see Provisioning > Integration.")
    push = GroupPush(
        id=new_id("gPm"),
        app_id=app.id,
        group_id=group.id,
        active=active,
        target_name=target_name if remote_id else check_label(target_name or group.name),
        remote_id=remote_id,
        members=(),
        error="",
        rule_id=rule_id,
        created=tx.now,
        last_updated=tx.now,
        last_push="",
    )
    try:
        group_push.put_push(tx, push)
    except sqlite3.IntegrityError:
        raise refusal.invalid("sourceGroupId", f"{group.name} is pushed to {app.label} already.") from None
    _say(tx, app, f"{_EVENT}.mapping.created", "Push group", group.name)
    group_push.order_push(tx, push)
    return push


def set_active(tx: Tx, app: App, push: GroupPush, *, active: bool) -> GroupPush:
    """Resume or pause a push. Paused, nothing is sent; resumed, what has changed meanwhile is pushed."""
    if push.active is active:
        return push
    changed = replace(push, active=active, last_updated=tx.now)
    group_push.put_push(tx, changed)
    verb = "activate" if active else "deactivate"
    _say(tx, app, f"{_EVENT}.{verb}_mapping", f"{verb.capitalize()} group push", _name(tx, push))
    group_push.order_push(tx, changed)
    return changed


def push_now(tx: Tx, app: App, push: GroupPush) -> None:
    """Press "Push now": overwrite the group's name and all its members, whatever was pushed before."""
    if not push.active:
        raise Refusal(Kind.WRONG_STATE, "This group push is not active: activate it first.")
    if not app.can_push_groups:
        raise Refusal(Kind.WRONG_STATE, f"Pushing groups is off for {app.label}: see Provisioning > Integration.")
    queue.order(tx, app.id, push.id, JobKind.OVERWRITE_GROUP)
    _say(tx, app, f"{_EVENT}.push_now", "Push group now", _name(tx, push))


def unlink(tx: Tx, app: App, push: GroupPush, *, delete: bool) -> None:
    """Unlink a pushed group: delete it at the service, or leave it there with its members.

    A mapping whose group is to be deleted stays, inactive, until the service has done so.
    """
    _say(tx, app, f"{_EVENT}.{'delete_appgroup' if delete else 'unlinked'}", "Unlink pushed group", _name(tx, push))
    queue.close_tasks(tx, app.id, push.id, tuple(GROUP_WORK), "resolved")
    if delete and push.remote_id:
        group_push.put_push(tx, replace(push, active=False, last_updated=tx.now))
        queue.order(tx, app.id, push.id, JobKind.DELETE_GROUP)
    else:
        group_push.remove_push(tx, push.id)


def follow(tx: Tx, group: Group) -> None:
    """Order the push of a group whose name or members have changed, to every app that it is pushed to."""
    for push in group_push.of_group(tx, group.id):
        group_push.order_push(tx, push)


def require_unused(tx: Tx, group: Group) -> None:
    """Refuse the deletion of a group that is pushed, as Okta does."""
    for push in group_push.of_group(tx, group.id):
        app = apps.get_app(tx, push.app_id)
        if app and not app.template.cycles:
            message = f"{group.name} is pushed to {app.label}: unlink it there, on the tab Push Groups."
            raise Refusal(Kind.WRONG_STATE, message)


def save_settings(tx: Tx, app: App, *, rename_groups: bool, group_batch: int) -> App:
    """Save the settings of the tab: are groups renamed, and how many member changes go into one PATCH."""
    if not GROUP_BATCH <= group_batch <= LARGEST_GROUP_BATCH:
        raise refusal.invalid(
            "groupBatch",
            f"Member changes per PATCH: wanted {GROUP_BATCH} to {LARGEST_GROUP_BATCH}, got {group_batch}.",
        )
    changed = replace(app, rename_groups=rename_groups, group_batch=group_batch, last_updated=tx.now)
    apps.put_app(tx, changed)
    log.append(tx, "act", "application.lifecycle.update", f"Change Push Groups settings: {app.label}", app_id=app.id)
    return changed
