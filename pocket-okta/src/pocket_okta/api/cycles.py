"""`/pocket/v1/apps/{app}/synchronization`: the provisioning job of an application that is provisioned in cycles."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta import refusal
from pocket_okta.acts import cycles as acts
from pocket_okta.acts import find
from pocket_okta.api import answers
from pocket_okta.api.shapes import Json
from pocket_okta.desk import desk_of
from pocket_okta.entra.state import Standing
from pocket_okta.org import App
from pocket_okta.store import assignments, cycles, group_push
from pocket_okta.store.database import Reader, Tx

LONGEST_WAIT = 600  # seconds

ACTS: dict[str, Callable[[Tx, App], None]] = {
    "start": acts.start,
    "stop": acts.stop,
    "restart": acts.restart,
    "cycle": acts.run_now,
}


def _shape(db: Reader, standing: Standing) -> Json:
    quarantine: Json | None = None
    if standing.state in {"Quarantine", "Disabled"}:
        quarantine = {"reason": standing.reason, "since": standing.quarantined, "attempts": standing.attempts}
    groups = [
        {"groupId": copy.group_id, "remoteId": copy.remote_id or None, "error": copy.error or None}
        for copy in group_push.of_app(db, standing.app_id)
    ]
    return {
        "started": standing.started,
        "status": standing.state,
        "lastCycle": standing.last_cycle or None,
        "message": standing.message,
        "counts": dict(standing.counts),
        "quarantine": quarantine,
        "groups": groups,
    }


async def show(request: Request) -> Response:
    db = desk_of(request).db.read
    app = find.app(db, request.path_params["app"])
    return answers.JsonAnswer(_shape(db, cycles.get(db, app.id)))


async def act(request: Request) -> Response:
    """Start, stop or restart the job, or run a cycle; answers when no cycle runs any more, or after `timeout`."""
    name = request.path_params["act"]
    if name not in ACTS:
        raise refusal.not_found("act", name)
    timeout = answers.number(request, "timeout", 60, LONGEST_WAIT)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        ACTS[name](tx, app)
    desk.engine.clockwork.wake()
    await desk.engine.until_line_is_free((app.id, ""), timeout)
    return answers.JsonAnswer(_shape(desk.db.read, cycles.get(desk.db.read, app.id)))


async def provision_on_demand(request: Request) -> Response:
    """Provision one person: `{"userId": …}`. Returns their id at the service, and the error if there was one."""
    body = await answers.body_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        row = acts.on_demand(tx, app, find.person(tx, answers.text(body, "userId")))
    await desk.engine.until_line_is_free((app.id, row.person_id), LONGEST_WAIT)
    now = assignments.get_assignment(desk.db.read, app.id, row.person_id) or row
    return answers.JsonAnswer({"remoteId": now.remote_id or None, "error": now.error or None})


POCKET_ROUTES = [
    Route("/apps/{app}/synchronization", show, methods=["GET"]),
    Route("/apps/{app}/synchronization/provision-on-demand", provision_on_demand, methods=["POST"]),
    Route("/apps/{app}/synchronization/{act}", act, methods=["POST"]),
]
