"""Provisioning of an application in Entra's dialect: the state of the job, its buttons, provisioning on demand."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import cycles as acts
from pocket_okta.acts import find
from pocket_okta.desk import desk_of
from pocket_okta.entra.mapping import ATTRIBUTES, MANAGER
from pocket_okta.org import App
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import form_of, go
from pocket_okta.store import assignments, cycles, group_push, people
from pocket_okta.store.database import Tx

MOMENT = 3.0  # seconds
SHOWN = 200

# act -> (what it does, what is said afterwards)
ACTS: dict[str, tuple[Callable[[Tx, App], None], str]] = {
    "start": (acts.start, "Provisioning was started."),
    "stop": (acts.stop, "Provisioning was stopped."),
    "restart": (acts.restart, "Provisioning was restarted: everybody is compared anew."),
    "now": (acts.run_now, "A cycle was run."),
}


async def show_cycle(request: Request) -> Response:
    app = app_of(request)
    db = desk_of(request).db.read
    names = {group.id: group.name for group in people.all_groups(db)}
    return render_tab(
        request,
        "cycle.html",
        app,
        "provisioning",
        section="cycle",
        job=cycles.get(db, app.id),
        rows=assignments.of_app(db, app.id, limit=SHOWN),
        groups=[(copy, names.get(copy.group_id, copy.target_name)) for copy in group_push.of_app(db, app.id)],
        attributes={**ATTRIBUTES, "externalId": "the login, up to the @", MANAGER: "managerId"},
    )


async def act(request: Request) -> Response:
    name = request.path_params["act"]
    if name not in ACTS:
        raise refusal.not_found("act", name)
    do, sentence = ACTS[name]
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        do(tx, app)
    desk.engine.clockwork.wake()
    await desk.engine.until_line_is_free((app.id, ""), MOMENT)
    return go(request, f"/applications/{app.id}/provisioning/cycle", sentence)


async def on_demand(request: Request) -> Response:
    """Provision one person now."""
    form = await form_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        person = find.person(tx, form.get("person", ""))
        row = acts.on_demand(tx, app, person)
    path = f"/applications/{app.id}/provisioning/cycle"
    if not await desk.engine.until_line_is_free((app.id, row.person_id), MOMENT):
        return go(request, path, "The other side has not answered yet.")
    now = assignments.get_assignment(desk.db.read, app.id, row.person_id)
    if now and now.error:
        return go(request, path, now.error, "bad")
    return go(request, path, f"{person.name} was provisioned on demand.")
