"""Provisioning > To App: what is pushed, the attribute mappings, and Force Sync."""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import apps as acts
from pocket_okta.acts import assignments as assigning
from pocket_okta.acts import find
from pocket_okta.attributes import PERSON_ATTRIBUTES, Attribute
from pocket_okta.desk import desk_of
from pocket_okta.engine.verifying import verify
from pocket_okta.org import DEPROVISIONING, App, Features
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import Wrong, form_of, go, ticked, wrong
from pocket_okta.refusal import Refusal

# name of the box, Okta's heading, and what it does in our words; the last is the wizard's action it needs.
FEATURES = (
    ("create", "Create Users", "Creates or links a user when the app is assigned to somebody.", "PUSH_NEW_USERS"),
    (
        "update",
        "Update User Attributes",
        "Pushes a person's whole profile whenever it changes in Okta.",
        "PUSH_PROFILE_UPDATES",
    ),
    (
        "deactivate",
        "Deactivate Users",
        "Deactivates the account when the app is unassigned or the Okta user is deactivated.",
        "PUSH_PROFILE_UPDATES",
    ),
    ("password", "Sync Password", "Pushes the password when it is set in Okta.", "PUSH_PROFILE_UPDATES"),
)


def _by_namespace(mapping: tuple[Attribute, ...]) -> dict[str, list[Attribute]]:
    grouped: dict[str, list[Attribute]] = {}
    for attribute in mapping:
        grouped.setdefault(attribute.external_namespace, []).append(attribute)
    return grouped


def _page(request: Request, app: App, problem: Wrong, status: int = 200) -> Response:
    offered = [row for row in FEATURES if not app.template.wizard or row[3] in app.actions]
    return render_tab(
        request,
        "to_app.html",
        app,
        "provisioning",
        status,
        section="to-app",
        editing="edit" in request.query_params,
        propose="edit" in request.query_params and "propose" in request.query_params and app.features == Features(),
        features=offered,
        problem=problem,
        deprovisioning=DEPROVISIONING,
        sources=PERSON_ATTRIBUTES,
        namespaces=_by_namespace(app.mapping),
    )


async def show_to_app(request: Request) -> Response:
    return _page(request, app_of(request), Wrong())


async def save_to_app(request: Request) -> Response:
    """Save the boxes. Okta asks the service once more before it saves any of this tab (wire facts 1.3)."""
    form = await form_of(request)
    app = app_of(request)
    features = Features(**{name: ticked(form, name) for name, _, _, _ in FEATURES})
    if app.connected:
        await verify(desk_of(request).engine, app)
    with desk_of(request).db.write() as tx:
        acts.save_features(tx, find.app(tx, app.id), features)
    return go(request, f"/applications/{app.id}/provisioning/to-app", "Provisioning to app was saved.")


async def save_deprovisioning(request: Request) -> Response:
    """Save what happens to accounts of people who are deprovisioned."""
    form = await form_of(request)
    app = app_of(request)
    typed = form.get("days", "").strip()
    try:
        if not typed.isascii() or not typed.isdigit() or len(typed) > 4:
            raise refusal.invalid("days", f"days: wanted a whole number, got {typed!r}.")
        with desk_of(request).db.write() as tx:
            acts.save_deprovisioning(
                tx,
                find.app(tx, app.id),
                action=form.get("action", ""),
                days=int(typed),
                remove_from_groups=ticked(form, "removeFromGroups"),
            )
    except Refusal as refused:
        return _page(request, app, wrong(refused), 400)
    return go(request, f"/applications/{app.id}/provisioning/to-app", "Deprovisioning was saved.")


async def force_sync(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        pushed = assigning.force_sync(tx, app)
    return go(
        request, f"/applications/{app.id}/provisioning/to-app", f"The profiles of {pushed} people are being pushed."
    )


async def add_attribute(request: Request) -> Response:
    form = await form_of(request)
    app = app_of(request)
    try:
        with desk_of(request).db.write() as tx:
            acts.add_attribute(tx, find.app(tx, app.id), form)
    except Refusal as refused:
        return _page(request, app, wrong(refused), 400)
    path = f"/applications/{app.id}/provisioning/to-app"
    return go(request, path, f"The attribute {form.get('name', '')} was added to the app user.")


async def remove_attribute(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        app = acts.remove_attribute(tx, find.app(tx, request.path_params["app"]), form.get("name", ""))
    return go(request, f"/applications/{app.id}/provisioning/to-app", "The attribute was removed from the app user.")
