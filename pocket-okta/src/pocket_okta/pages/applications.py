"""Applications: the list, the two ways to add one, and the General tab."""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta.acts import apps as acts
from pocket_okta.acts import entitlements as governing
from pocket_okta.acts import find
from pocket_okta.catalogue import offered, template_named
from pocket_okta.desk import desk_of
from pocket_okta.org import USERNAME_FORMATS, App
from pocket_okta.pages.frame import Wrong, form_of, go, render, ticked, wrong
from pocket_okta.refusal import Refusal
from pocket_okta.store import apps, assignments

# The tabs of an application, in Okta's order.
TABS = (
    ("General", "general"),
    ("Sign On", "sign-on"),
    ("Provisioning", "provisioning"),
    ("Import", "import"),
    ("Assignments", "assignments"),
    ("Push Groups", "push-groups"),
    ("Governance", "governance"),
)


def render_tab(request: Request, template: str, app: App, tab: str, status: int = 200, **context: object) -> Response:
    """Return one tab of an application inside the frame that all of them share."""
    shown = {name for _, name in TABS} if app.provisioning else {"general", "sign-on", "assignments"}
    if app.template.cycles:
        shown -= {"import", "push-groups"}
    if not app.entitlements:
        shown -= {"governance"}
    tabs = [(label, name) for label, name in TABS if name in shown]
    return render(request, template, status, app=app, tab=tab, tabs=tabs, **context)


def app_of(request: Request) -> App:
    return find.app(desk_of(request).db.read, request.path_params["app"])


async def show_applications(request: Request) -> Response:
    db = desk_of(request).db.read
    assigned = assignments.count_assigned(db)
    found = [(app, assigned.get(app.id, (0, 0))[0]) for app in apps.all_apps(db)]
    return render(request, "applications.html", apps=found)


async def show_catalog(request: Request) -> Response:
    return render(request, "catalog.html", templates=offered(desk_of(request).dialect), problem=Wrong(), label="")


async def show_wizard(request: Request) -> Response:
    return render(request, "wizard.html", problem=Wrong(), label="")


async def add(request: Request) -> Response:
    form = await form_of(request)
    template = template_named(form.get("template", ""), desk_of(request).dialect)
    try:
        with desk_of(request).db.write() as tx:
            app = acts.add(tx, template, form.get("label", ""), provisioning=form.get("provisioning") != "none")
    except Refusal as refused:
        page = "wizard.html" if template.wizard else "catalog.html"
        templates = offered(desk_of(request).dialect)
        return render(request, page, 400, templates=templates, problem=wrong(refused), label=form.get("label", ""))
    where = "provisioning" if app.provisioning else "general"
    return go(request, f"/applications/{app.id}/{where}", f"{app.label} was added.")


async def show_application(request: Request) -> Response:
    app = app_of(request)
    return go(request, f"/applications/{app.id}/{'assignments' if app.connected else 'general'}")


def _general(request: Request, app: App, problem: Wrong, status: int = 200) -> Response:
    editing = "edit" in request.query_params or bool(problem.sentence)
    return render_tab(
        request, "general.html", app, "general", status, editing=editing, problem=problem, formats=USERNAME_FORMATS
    )


async def show_general(request: Request) -> Response:
    return _general(request, app_of(request), Wrong())


async def save_general(request: Request) -> Response:
    form = await form_of(request)
    app = app_of(request)
    try:
        with desk_of(request).db.write() as tx:
            acts.edit_general(
                tx,
                find.app(tx, app.id),
                label=form.get("label", ""),
                username_format=form.get("usernameFormat", app.username_format),
                provisioning=form.get("provisioning") != "none",
                withhold_after_error=ticked(form, "withhold"),
                patch_profiles=ticked(form, "patchProfiles"),
            )
            governing.save_settings(
                tx,
                find.app(tx, app.id),
                entitlements=ticked(form, "entitlements"),
                import_schema=ticked(form, "importSchema"),
            )
    except Refusal as refused:
        return _general(request, app, wrong(refused), 400)
    return go(request, f"/applications/{app.id}/general", "The settings were saved.")


async def delete(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        acts.delete(tx, app)
    return go(request, "/applications", f"{app.label} was deleted. The other side heard nothing of it.")
