"""Governance: the roles and entitlements that an application publishes, and who has them."""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta.acts import entitlements as acts
from pocket_okta.acts import find
from pocket_okta.desk import desk_of
from pocket_okta.engine.verifying import discovered
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import go
from pocket_okta.store import remote

MOMENT = 1.0  # seconds


async def show_governance(request: Request) -> Response:
    app = app_of(request)
    found = remote.entitlements(desk_of(request).db.read, app.id)
    return render_tab(request, "governance.html", app, "governance", entitlements=found)


async def refresh(request: Request) -> Response:
    """Read the discovery documents again."""
    desk = desk_of(request)
    app = app_of(request)
    found = await discovered(desk.engine, app)
    with desk.db.write() as tx:
        acts.keep(tx, find.app(tx, app.id), found)
    sentence = f"{len(found.entitlements)} entitlements and {len(found.attributes)} attributes were found."
    return go(request, f"/applications/{app.id}/governance", sentence)


async def show_grants(request: Request) -> Response:
    app = app_of(request)
    db = desk_of(request).db.read
    row = find.assignment(db, app.id, request.path_params["person"])
    return render_tab(
        request,
        "grants.html",
        app,
        "assignments",
        row=row,
        entitlements=remote.entitlements(db, app.id),
        granted={one.key for one in remote.granted(db, app.id, row.person_id)},
    )


async def grant(request: Request) -> Response:
    """Give an app user the ticked roles and entitlements."""
    form = await request.form()
    keys = [key for key in form.getlist("key") if isinstance(key, str)]
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        row = find.assignment(tx, app.id, request.path_params["person"])
        acts.grant(tx, app, row, keys)
    await desk.engine.until_line_is_free((app.id, row.person_id), MOMENT)
    return go(request, f"/applications/{app.id}/assignments", f"The entitlements of {row.person_name} were saved.")
