"""Assignments: who has the app, the state of each account, and the buttons that give and take it.

The rule: after a button that provisions, the page waits a moment, so that it usually shows the result and not the wait.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import assignments as acts
from pocket_okta.acts import find
from pocket_okta.desk import desk_of
from pocket_okta.org import App, Assignment, Group, Status
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import Wrong, form_of, go, wrong
from pocket_okta.refusal import Refusal
from pocket_okta.store import apps, assignments, people, queue

MOMENT = 1.0  # seconds
SHOWN = 100


def _state(app: App, row: Assignment, *, busy: bool) -> tuple[str, str]:
    """Return (tone, word) of an app user for the list."""
    if busy:
        return ("busy", "In progress")
    if row.error:
        return ("bad", "Error")
    if row.remote_id:
        return ("good", "Provisioned")
    return ("warn", "Not provisioned") if app.can.any else ("quiet", "Assigned")


async def show_assignments(request: Request) -> Response:
    db = desk_of(request).db.read
    app = app_of(request)
    busy = queue.busy_subjects(db, app.id)
    found = assignments.of_app(db, app.id, after=request.query_params.get("after", ""), limit=SHOWN + 1)
    rows = [(row, *_state(app, row, busy=row.person_id in busy)) for row in found[:SHOWN]]
    return render_tab(
        request,
        "assignments.html",
        app,
        "assignments",
        rows=rows,
        after=found[SHOWN - 1].person_id if len(found) > SHOWN else "",
        groups=apps.app_groups(db, app.id),
        counts=people.count_members(db),
        unprovisioned=sum(1 for _, _, word in rows if word == "Not provisioned"),
    )


async def show_assign_people(request: Request) -> Response:
    db = desk_of(request).db.read
    app = app_of(request)
    query = request.query_params.get("q", "")
    taken = {row.person_id for row in assignments.of_app(db, app.id) if row.direct}
    statuses = tuple(status.value for status in Status if status is not Status.DEPROVISIONED)
    found = people.page_people(db, starts=query, statuses=statuses, limit=SHOWN)
    return render_tab(
        request, "assign_people.html", app, "assignments", people=[(one, one.id in taken) for one in found], q=query
    )


async def assign_person(request: Request) -> Response:
    form = await form_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app, person = find.app(tx, request.path_params["app"]), find.person(tx, form.get("person", ""))
        acts.assign(tx, app, person, {})
    return await _settled(request, app, person.id, f"{person.name} was assigned to {app.label}.")


async def _settled(request: Request, app: App, person_id: str, sentence: str) -> Response:
    """Wait a moment for one person's provisioning and say how it went."""
    desk = desk_of(request)
    if not await desk.engine.until_line_is_free((app.id, person_id), MOMENT):
        return go(request, f"/applications/{app.id}/assignments", f"{sentence} The other side has not answered yet.")
    row = assignments.get_assignment(desk.db.read, app.id, person_id)
    if row and row.error:
        return go(request, f"/applications/{app.id}/assignments", row.error, "bad")
    return go(request, f"/applications/{app.id}/assignments", sentence)


async def show_assign_groups(request: Request) -> Response:
    db = desk_of(request).db.read
    app = app_of(request)
    taken = {group.id for group in apps.app_groups(db, app.id)}
    groups = [(group, group.id in taken) for group in people.all_groups(db)]
    return render_tab(request, "assign_groups.html", app, "assignments", groups=groups, counts=people.count_members(db))


async def assign_group(request: Request) -> Response:
    form = await form_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app, group = find.app(tx, request.path_params["app"]), find.group(tx, form.get("group", ""))
        acts.assign_group(tx, app, group, {})
    await desk.engine.until_idle(MOMENT)
    return go(request, f"/applications/{app.id}/assignments", f"The group {group.name} was assigned to {app.label}.")


async def show_edit_group(request: Request) -> Response:
    app = app_of(request)
    db = desk_of(request).db.read
    group = find.group(db, request.path_params["group"])
    profile = apps.app_group_profile(db, app.id, group.id)
    if profile is None:
        raise refusal.not_found("AppGroup", group.id)
    return _edit_group(request, app, group, profile, Wrong())


def _edit_group(
    request: Request, app: App, group: Group, values: Mapping[str, object], problem: Wrong, status: int = 200
) -> Response:
    attributes = [attribute for attribute in app.mapping if attribute.name != "userName"]
    return render_tab(
        request,
        "app_group.html",
        app,
        "assignments",
        status,
        group=group,
        values=values,
        attributes=attributes,
        problem=problem,
    )


async def edit_group(request: Request) -> Response:
    """Save the app attributes that a group assignment gives its members."""
    form = await form_of(request)
    desk = desk_of(request)
    app, group = app_of(request), find.group(desk.db.read, request.path_params["group"])
    given = {attribute.name: form[attribute.name] for attribute in app.mapping if attribute.name in form}
    try:
        with desk.db.write() as tx:
            acts.assign_group(tx, find.app(tx, app.id), find.group(tx, group.id), given)
    except Refusal as refused:
        return _edit_group(request, app, group, form, wrong(refused), 400)
    await desk.engine.until_idle(MOMENT)
    return go(request, f"/applications/{app.id}/assignments", f"The assignment of {group.name} was saved.")


async def unassign_group(request: Request) -> Response:
    form = await form_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app, group = find.app(tx, request.path_params["app"]), find.group(tx, form.get("group", ""))
        acts.unassign_group(tx, app, group)
    await desk.engine.until_idle(MOMENT)
    return go(request, f"/applications/{app.id}/assignments", f"The group {group.name} was unassigned.")


async def unassign_person(request: Request) -> Response:
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        row = find.assignment(tx, app.id, request.path_params["person"])
        acts.unassign(tx, app, row)
    return await _settled(request, app, row.person_id, f"{row.person_name} was unassigned from {app.label}.")


async def provision(request: Request) -> Response:
    """Provision one person, or everybody who is assigned and has no account yet."""
    form = await form_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        if person_id := form.get("person"):
            rows = [find.assignment(tx, app.id, person_id)]
        else:
            rows = [row for row in assignments.of_app(tx, app.id) if not row.remote_id]
        for row in rows:
            acts.provision(tx, app, row)
    if len(rows) == 1:
        return await _settled(request, app, rows[0].person_id, f"Provisioning of {rows[0].person_name} was asked for.")
    await desk.engine.until_idle(MOMENT)
    return go(request, f"/applications/{app.id}/assignments", f"Provisioning of {len(rows)} people was asked for.")


async def show_edit(request: Request) -> Response:
    app = app_of(request)
    row = find.assignment(desk_of(request).db.read, app.id, request.path_params["person"])
    return render_tab(request, "app_user.html", app, "assignments", row=row, values=row.profile, problem=Wrong())


async def edit(request: Request) -> Response:
    form = await form_of(request)
    app = app_of(request)
    row = find.assignment(desk_of(request).db.read, app.id, request.path_params["person"])
    names = [attribute.name for attribute in app.mapping if attribute.name in form]
    try:
        with desk_of(request).db.write() as tx:
            row = find.assignment(tx, app.id, row.person_id)
            acts.edit(tx, app, row, acts.checked_profile(app, {name: form[name] for name in names}))
    except Refusal as refused:
        return render_tab(
            request, "app_user.html", app, "assignments", 400, row=row, values=form, problem=wrong(refused)
        )
    return await _settled(request, app, row.person_id, f"The app user {row.person_name} was saved.")
