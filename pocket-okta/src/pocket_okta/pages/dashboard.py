"""Dashboard: what is there and what to do next; the tasks that wait. Security > API: the token."""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta.acts import find, tasks
from pocket_okta.desk import desk_of
from pocket_okta.org import App, Status
from pocket_okta.pages.frame import back, render
from pocket_okta.store import apps, assignments, log, people, queue

SHOWN = 50  # tasks on the page


async def show_overview(request: Request) -> Response:
    db = desk_of(request).db.read
    found = apps.all_apps(db)
    counts = people.count_people(db)
    assigned = assignments.count_assigned(db)
    return render(
        request,
        "overview.html",
        active_people=counts.get(Status.ACTIVE.value, 0),
        all_people=sum(counts.values()),
        apps=len(found),
        accounts=sum(provisioned for _, provisioned in assigned.values()),
        steps=_steps(found[0], *assigned.get(found[0].id, (0, 0))) if found else [],
        first=found[0] if found else None,
        exchanges=log.page_log(db, kind="exchange", limit=6),
    )


def _steps(app: App, assigned: int, provisioned: int) -> list[tuple[str, str, str, bool]]:
    """Return the way from a fresh org to a provisioned person: (what, how, where, done), in Okta's own words."""
    provisioning = f"/applications/{app.id}/provisioning"
    return [
        (
            "Connect the application",
            "Provisioning > Configure API Integration: fill in the SCIM URL and the credentials, test them, save.",
            f"{provisioning}/integration?edit=1",
            app.connected,
        ),
        (
            "Start provisioning",
            "Provisioning > Overview > Start provisioning: the first cycle begins at once.",
            f"{provisioning}/cycle",
            provisioned > 0,
        )
        if app.template.cycles
        else (
            "Choose what is pushed",
            "Provisioning > To App > Edit: enable Create Users, Update User Attributes and Deactivate Users.",
            f"{provisioning}/to-app?edit=1",
            app.can.create,
        ),
        (
            "Assign somebody",
            "Assignments > Assign to People: pick a person. They appear on the other side within a moment.",
            f"/applications/{app.id}/assignments/people",
            provisioned > 0 or (assigned > 0 and not app.can.any),
        ),
        (
            "Watch the conversation",
            "System Log: every request that was sent and what came back.",
            f"/reports/system-log?app={app.id}",
            provisioned > 0,
        ),
    ]


async def show_tasks(request: Request) -> Response:
    db = desk_of(request).db.read
    names = {app.id: app.label for app in apps.all_apps(db)}
    return render(
        request,
        "tasks.html",
        tasks=queue.all_tasks(db, limit=SHOWN),
        more=max(0, queue.count_open_tasks(db) - SHOWN),
        closed=queue.all_tasks(db, state="retried", limit=10) + queue.all_tasks(db, state="dismissed", limit=10),
        labels=names,
        jobs=queue.all_jobs(db, "running")[:50],
        queued=len(queue.all_jobs(db, "queued")),
        waiting=frozenset(desk_of(request).engine.waiting),
    )


async def retry(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        tasks.retry(tx, find.task(tx, request.path_params["task"]))
    await desk_of(request).engine.until_idle(1)
    return back(request, "/dashboard/tasks", "Retried. If it fails again it comes back here.")


async def dismiss(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        tasks.dismiss(tx, find.task(tx, request.path_params["task"]))
    return back(request, "/dashboard/tasks", "The task was put aside. Nothing was sent.")


async def show_tokens(request: Request) -> Response:
    return render(request, "tokens.html", token=desk_of(request).token, origin=str(request.base_url).rstrip("/"))
