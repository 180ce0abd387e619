"""Provisioning > To Okta, and the Import tab: bring people from the other side into Okta."""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta.acts import apps as acts
from pocket_okta.acts import find, people
from pocket_okta.desk import desk_of
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import form_of, go
from pocket_okta.store import apps, remote

SHOWN_GROUPS = 200
MOMENT = 5.0  # seconds the page waits for an import before it shows that one is running


async def show_to_okta(request: Request) -> Response:
    return render_tab(request, "to_okta.html", app_of(request), "provisioning", section="to-okta")


async def show_import(request: Request) -> Response:
    db = desk_of(request).db.read
    app = app_of(request)
    return render_tab(
        request,
        "import.html",
        app,
        "import",
        run=apps.get_import(db, app.id),
        candidates=apps.all_candidates(db, app.id),
        groups=remote.groups(db, app.id)[:SHOWN_GROUPS],
    )


async def import_now(request: Request) -> Response:
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        acts.order_import(tx, app)
    await desk.engine.until_line_is_free((app.id, ""), MOMENT)
    return go(request, f"/applications/{app.id}/import")


async def confirm(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        candidate = acts.get_candidate(tx, app, form.get("remote", ""))
        person = people.add(tx, acts.person_profile(candidate))
        acts.confirm_candidate(tx, app, candidate, person)
    return go(request, f"/applications/{app.id}/import", f"{person.name} is a new Okta person, linked to {app.label}.")
