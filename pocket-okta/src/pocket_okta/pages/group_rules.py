"""Push Groups > Find groups by rule: add a rule, switch it on and off, delete it."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import find
from pocket_okta.acts import group_rules as acts
from pocket_okta.desk import desk_of
from pocket_okta.group_push import FIELDS, OPERATORS
from pocket_okta.org import App
from pocket_okta.pages.applications import app_of, render_tab
from pocket_okta.pages.frame import Wrong, form_of, go, wrong
from pocket_okta.pages.group_push import MOMENT
from pocket_okta.refusal import Refusal
from pocket_okta.store import group_push


def _form(request: Request, app: App, values: Mapping[str, str], problem: Wrong, status: int = 200) -> Response:
    return render_tab(
        request,
        "push_rule.html",
        app,
        "push-groups",
        status,
        values=values,
        problem=problem,
        fields=FIELDS,
        operators=OPERATORS,
    )


async def show_new(request: Request) -> Response:
    return _form(request, app_of(request), {}, Wrong())


async def add(request: Request) -> Response:
    form = await form_of(request)
    desk = desk_of(request)
    try:
        with desk.db.write() as tx:
            app = find.app(tx, request.path_params["app"])
            rule = acts.add(
                tx,
                app,
                name=form.get("name", ""),
                field=form.get("field", ""),
                operator=form.get("operator", ""),
                value=form.get("value", ""),
            )
    except Refusal as refused:
        return _form(request, app_of(request), form, wrong(refused), 400)
    await desk.engine.until_idle(MOMENT)
    found = sum(1 for push in group_push.of_app(desk.db.read, app.id) if push.rule_id == rule.id)
    number = "1 group" if found == 1 else f"{found} groups"
    return go(request, f"/applications/{app.id}/push-groups", f"The rule {rule.name} was added and found {number}.")


async def switch(request: Request) -> Response:
    """Activate or deactivate a rule."""
    act = request.path_params["act"]
    if act not in {"activate", "deactivate"}:
        raise refusal.not_found("act", act)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        rule = acts.find_rule(tx, app, request.path_params["rule"])
        acts.set_active(tx, app, rule, active=act == "activate")
    await desk.engine.until_idle(MOMENT)
    return go(request, f"/applications/{app.id}/push-groups", f"The rule {rule.name} was {act}d.")


async def show_delete(request: Request) -> Response:
    app = app_of(request)
    db = desk_of(request).db.read
    rule = acts.find_rule(db, app, request.path_params["rule"])
    found = sum(1 for push in group_push.of_app(db, app.id) if push.rule_id == rule.id)
    return render_tab(request, "push_rule_delete.html", app, "push-groups", rule=rule, found=found)


async def delete(request: Request) -> Response:
    delete_groups = (await form_of(request)).get("how") != "leave"
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        rule = acts.find_rule(tx, app, request.path_params["rule"])
        unlinked = acts.delete(tx, app, rule, delete_groups=delete_groups)
    await desk.engine.until_idle(MOMENT)
    number = "1 group" if unlinked == 1 else f"{unlinked} groups"
    return go(request, f"/applications/{app.id}/push-groups", f"The rule {rule.name} was deleted; {number} unlinked.")
