"""Push Groups: the groups that an app gets, and the buttons that push, pause and unlink them.

The rule: after a button that pushes, the page waits a moment, so that it usually shows the result and not the wait.
"""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import find
from pocket_okta.acts import group_push as acts
from pocket_okta.desk import desk_of
from pocket_okta.group_push import GroupPush
from pocket_okta.org import App, name_key
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import Wrong, form_of, go, ticked, wrong
from pocket_okta.refusal import Refusal
from pocket_okta.store import group_push, people, queue, remote
from pocket_okta.store.database import Tx

MOMENT = 1.0  # seconds
SHOWN = 100

# What Bulk Edit can do with the chosen groups: value of the form -> the words on the screen, what is said afterwards.
BULK_ACTS = {
    "now": ("Push now", "are being pushed"),
    "activate": ("Activate group push", "were activated"),
    "deactivate": ("Deactivate group push", "were deactivated"),
    "delete": ("Unlink, and delete the group in the target app", "were unlinked and deleted in the target app"),
    "leave": ("Unlink, and leave the group in the target app", "were unlinked and left in the target app"),
}


def _state(push: GroupPush, *, busy: bool) -> tuple[str, str]:
    """Return (tone, word) of a mapping for the list."""
    if busy:
        return ("busy", "Pushing")
    if push.error:
        return ("bad", "Error")
    return ("good", "Active") if push.active else ("quiet", "Inactive")


def _page(request: Request, app: App, problem: Wrong, status: int = 200) -> Response:
    db = desk_of(request).db.read
    names = {group.id: group.name for group in people.all_groups(db)}
    busy = queue.busy_subjects(db, app.id)
    rows = [
        (push, names.get(push.group_id, push.target_name), *_state(push, busy=push.id in busy))
        for push in group_push.of_app(db, app.id)
    ]
    return render_tab(
        request,
        "push_groups.html",
        app,
        "push-groups",
        status,
        rows=sorted(rows, key=lambda row: name_key(row[1])),
        rules=group_push.rules(db, app.id),
        rule_names={rule.id: rule.name for rule in group_push.rules(db, app.id)},
        bulk="bulk" in request.query_params,
        bulk_acts=BULK_ACTS,
        problem=problem,
    )


async def show_push_groups(request: Request) -> Response:
    return _page(request, app_of(request), Wrong())


async def show_find(request: Request) -> Response:
    """Find groups by name: every group with a button, and a form for one that has another name in the app."""
    return _find(request, app_of(request), Wrong())


def _find(request: Request, app: App, problem: Wrong, status: int = 200) -> Response:
    db = desk_of(request).db.read
    query = request.query_params.get("q", "")
    taken = {push.group_id for push in group_push.of_app(db, app.id)}
    found = people.all_groups(db, query)
    return render_tab(
        request,
        "push_by_name.html",
        app,
        "push-groups",
        status,
        groups=[(group, group.id in taken) for group in found[:SHOWN]],
        free=[group for group in found if group.id not in taken][:SHOWN],
        more=max(0, len(found) - SHOWN),
        counts=people.count_members(db),
        known=remote.groups(db, app.id)[:SHOWN],
        q=query,
        problem=problem,
    )


async def push(request: Request) -> Response:
    form = await form_of(request)
    desk = desk_of(request)
    try:
        with desk.db.write() as tx:
            app, group = find.app(tx, request.path_params["app"]), find.group(tx, form.get("group", ""))
            made = acts.add(tx, app, group, target_name=form.get("target", "").strip())
    except Refusal as refused:
        return _find(request, app_of(request), wrong(refused), 400)
    return await _settled(request, app, made, f"{group.name} is pushed to {app.label}.")


async def _settled(request: Request, app: App, push: GroupPush, sentence: str) -> Response:
    """Wait a moment for the work on one group and say how it went."""
    desk = desk_of(request)
    path = f"/applications/{app.id}/push-groups"
    if not await desk.engine.until_line_is_free((app.id, push.id), MOMENT):
        return go(request, path, f"{sentence} The other side has not answered yet.")
    now = group_push.get_push(desk.db.read, push.id)
    if now and now.error:
        return go(request, path, now.error, "bad")
    return go(request, path, sentence)


def _chosen(tx: Tx, request: Request) -> tuple[App, GroupPush, str]:
    """Return the app, the mapping and the group's name that a button is about."""
    app = find.app(tx, request.path_params["app"])
    push = acts.find(tx, app, request.path_params["push"])
    group = people.get_group(tx, push.group_id)
    return app, push, group.name if group else push.target_name


async def push_now(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        app, push, name = _chosen(tx, request)
        acts.push_now(tx, app, push)
    return await _settled(request, app, push, f"{name} was pushed whole.")


async def switch(request: Request) -> Response:
    """Activate or deactivate a push."""
    act = request.path_params["act"]
    if act not in {"activate", "deactivate"}:
        raise refusal.not_found("act", act)
    with desk_of(request).db.write() as tx:
        app, push, name = _chosen(tx, request)
        acts.set_active(tx, app, push, active=act == "activate")
    said = "is pushed again" if act == "activate" else "is no longer pushed, and stays in the target app"
    return await _settled(request, app, push, f"{name} {said}.")


async def show_unlink(request: Request) -> Response:
    app = app_of(request)
    push = acts.find(desk_of(request).db.read, app, request.path_params["push"])
    group = people.get_group(desk_of(request).db.read, push.group_id)
    return render_tab(
        request, "push_unlink.html", app, "push-groups", push=push, name=group.name if group else push.target_name
    )


async def unlink(request: Request) -> Response:
    delete = (await form_of(request)).get("how") != "leave"
    with desk_of(request).db.write() as tx:
        app, push, name = _chosen(tx, request)
        acts.unlink(tx, app, push, delete=delete)
    left = "It is deleted in the target app." if delete else "It is left in the target app."
    return await _settled(request, app, push, f"{name} was unlinked. {left}")


async def bulk_edit(request: Request) -> Response:
    """Do one thing with every chosen group."""
    form = await request.form()
    act, chosen = form.get("act"), [value for value in form.getlist("push") if isinstance(value, str)]
    if not isinstance(act, str) or act not in BULK_ACTS:
        raise refusal.invalid("act", f"Bulk Edit: wanted one of {', '.join(BULK_ACTS)}; got {act!r}.")
    if not chosen:
        raise refusal.invalid("push", "Bulk Edit: wanted at least one group.")
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        for push_id in chosen:
            _do(tx, app, acts.find(tx, app, push_id), act)
    await desk.engine.until_idle(MOMENT)
    number = "1 group" if len(chosen) == 1 else f"{len(chosen)} groups"
    return go(request, f"/applications/{app.id}/push-groups", f"Bulk Edit: {number} {BULK_ACTS[act][1]}.")


def _do(tx: Tx, app: App, push: GroupPush, act: str) -> None:
    if act in {"activate", "deactivate"}:
        acts.set_active(tx, app, push, active=act == "activate")
    elif act == "now":
        acts.push_now(tx, app, push)
    else:
        acts.unlink(tx, app, push, delete=act == "delete")


async def save_settings(request: Request) -> Response:
    form = await form_of(request)
    app = app_of(request)
    try:
        typed = form.get("groupBatch", "").strip()
        if not typed.isascii() or not typed.isdigit() or len(typed) > 6:
            raise refusal.invalid("groupBatch", f"Member changes per PATCH: wanted a whole number, got {typed!r}.")
        with desk_of(request).db.write() as tx:
            now = find.app(tx, app.id)
            acts.save_settings(tx, now, rename_groups=ticked(form, "renameGroups"), group_batch=int(typed))
    except Refusal as refused:
        return _page(request, app, wrong(refused), 400)
    return go(request, f"/applications/{app.id}/push-groups", "The settings were saved.")
