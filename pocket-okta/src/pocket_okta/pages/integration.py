"""Provisioning > Integration: where the SCIM service is, the credentials, and the button that tests them."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta.acts import apps as acts
from pocket_okta.acts import entitlements as governing
from pocket_okta.acts import find
from pocket_okta.desk import desk_of
from pocket_okta.engine.verifying import discovered_on_save, try_out
from pocket_okta.org import ACTIONS, App
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import Wrong, form_of, go, ticked, wrong
from pocket_okta.refusal import Refusal


async def show_provisioning(request: Request) -> Response:
    """Okta opens To App once an app is connected, and Integration before."""
    app = app_of(request)
    return go(
        request,
        f"/applications/{app.id}/provisioning/{_first(app) if app.connected else 'integration'}{_said(request)}",
    )


def _first(app: App) -> str:
    return "cycle" if app.template.cycles else "to-app"


def _said(request: Request) -> str:
    return f"?said={request.query_params['said']}" if "said" in request.query_params else ""


def _typed(app: App) -> dict[str, str]:
    """Return the saved connection as the form's fields hold it; the secret stays out."""
    return {
        "baseUrl": app.connection.base_url,
        "authScheme": app.connection.scheme.value,
        "username": app.connection.username,
        "uniqueField": app.unique_field,
        "enabled": "on" if app.connection.enabled else "",
        "importGroups": "on" if app.import_groups else "",
        **{f"action_{action}": "on" for action in app.actions},
    }


def _page(
    request: Request,
    app: App,
    values: Mapping[str, str],
    problem: Wrong,
    *,
    editing: bool,
    verdict: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    return render_tab(
        request,
        "integration.html",
        app,
        "provisioning",
        status,
        section="integration",
        editing=editing,
        values=values,
        problem=problem,
        actions=ACTIONS,
        test_button=_test_button(app),
        notice=verdict,
    )


def _test_button(app: App) -> str:
    if app.template.cycles:
        return "Test Connection"
    return "Test Connector Configuration" if app.template.wizard else "Test API Credentials"


async def show_integration(request: Request) -> Response:
    app = app_of(request)
    values = _typed(app)
    if not app.connection.base_url:
        values["enabled"] = "on"  # who presses "Configure API Integration" came to enable it
    return _page(request, app, values, Wrong(), editing="edit" in request.query_params)


def _wanted(app: App, form: Mapping[str, str], *, enabled: bool) -> App:
    """Return the app as the form would make it."""
    return acts.with_connection(
        app,
        acts.connection_from(app, form, enabled=enabled),
        unique_field=form.get("uniqueField"),
        actions=frozenset(a for a in ACTIONS if ticked(form, f"action_{a}")) if app.template.wizard else None,
        import_groups=ticked(form, "importGroups"),
    )


async def save_integration(request: Request) -> Response:
    """Test what was typed, or save it. An enabled integration is saved only if the service answers, as in Okta."""
    form = await form_of(request)
    desk = desk_of(request)
    app = app_of(request)
    enabled = ticked(form, "enabled")
    if not enabled and form.get("act") != "test":
        with desk.db.write() as tx:
            now = find.app(tx, app.id)
            acts.save_connection(tx, replace(now, connection=replace(now.connection, enabled=False)))
        path = f"/applications/{app.id}/provisioning/integration"
        return go(request, path, "API integration is off. Nothing is sent to this application.")
    try:
        wanted = _wanted(app, form, enabled=enabled)
    except Refusal as refused:
        return _page(request, app, form, wrong(refused), editing=True, status=400)
    verdict = await try_out(desk.engine, wanted)
    if form.get("act") == "test" or not verdict.verified:
        shown = ("good" if verdict.verified else "bad", verdict.message)
        return _page(request, app, form, Wrong(), editing=True, verdict=shown, status=200 if verdict.verified else 400)
    try:
        found = await discovered_on_save(desk.engine, wanted)
    except Refusal as refused:
        return _page(request, app, form, wrong(refused), editing=True, status=400)
    with desk.db.write() as tx:
        find.app(tx, app.id)
        saved = acts.save_connection(tx, wanted)
        if found:
            governing.keep(tx, saved, found)
    edit = "" if app.template.cycles else "?edit=1&propose=1"
    return go(request, f"/applications/{app.id}/provisioning/{_first(app)}{edit}", verdict.message)
