"""`/api/v1/apps`: applications, their connection and features, and who is assigned, as Okta's Apps API has them."""

import re
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta import refusal
from pocket_okta.acts import apps as acts
from pocket_okta.acts import assignments as assigning
from pocket_okta.acts import entitlements as governing
from pocket_okta.acts import find
from pocket_okta.acts import group_push as pushing
from pocket_okta.api import answers, shapes
from pocket_okta.api import sign_on as signing
from pocket_okta.catalogue import template_named
from pocket_okta.desk import desk_of
from pocket_okta.engine.verifying import discovered_on_save, verify
from pocket_okta.org import App, Assignment, Features
from pocket_okta.store import apps, assignments, queue, sign_on
from pocket_okta.store.database import Reader, Tx


def _base(request: Request) -> str:
    return str(request.base_url.replace(path="/"))


def _answer(request: Request, app: App) -> Response:
    return answers.JsonAnswer(_shape(request, app, sign_on.active_kids(desk_of(request).db.read)))


def _shape(request: Request, app: App, kids: Mapping[str, str]) -> shapes.Json:
    """Return an app with its Sign On. `kids`: app id -> the id of its active key, once it has one."""
    shape = shapes.app(app, _base(request), signing.sign_on(app.sign_on), kids.get(app.id))
    return shape | {"universalLogout": signing.universal_logout(app.sign_on.universal_logout)}


async def list_apps(request: Request) -> Response:
    found = apps.all_apps(desk_of(request).db.read)
    wanted = request.query_params.get("q", "").casefold()
    kids = sign_on.active_kids(desk_of(request).db.read)
    items: list[object] = [_shape(request, app, kids) for app in found if app.label.casefold().startswith(wanted)]
    return answers.page(request, items, "")


async def create_app(request: Request) -> Response:
    """A `name` from the catalogue makes a catalogue app; without one it is made as with the wizard (AIW)."""
    body = await answers.body_of(request)
    name = answers.text(body, "name")
    template = template_named(name, desk_of(request).dialect)
    with desk_of(request).db.write() as tx:
        app = acts.add(tx, template, body.get("label") or template.title)
        app = signing.save(tx, _general(tx, app, body), body)
    return _answer(request, app)


def _general(tx: Tx, app: App, body: Mapping[str, object]) -> App:
    """Save what a body says about the General tab; what it leaves out stays."""
    pocket = answers.child(answers.child(body, "settings"), "pocket")
    template = answers.child(answers.child(body, "credentials"), "userNameTemplate")
    spelled = answers.text(template, "template", f"${{source.{app.username_format}}}")
    source = re.fullmatch(r"\$\{source\.(\w+)\}", spelled)
    provisioning = answers.text(pocket, "provisioning", "SCIM" if app.provisioning else "NONE")
    if provisioning not in {"SCIM", "NONE"}:
        raise refusal.invalid("provisioning", f"provisioning: wanted SCIM or NONE, got {provisioning!r}.")
    app = acts.edit_general(
        tx,
        app,
        label=body.get("label") or app.label,
        username_format=source.group(1) if source else spelled,
        provisioning=provisioning == "SCIM",
        withhold_after_error=answers.switch(pocket, "withholdDeactivationAfterError", default=app.withhold_after_error),
        patch_profiles=answers.switch(pocket, "patchProfiles", default=app.patch_profiles),
    )
    app = governing.save_settings(
        tx,
        app,
        entitlements=answers.switch(pocket, "entitlements", default=app.entitlements),
        import_schema=answers.switch(pocket, "importSchema", default=app.import_schema),
    )
    leaving = answers.child(pocket, "deprovisioning")
    app = acts.save_deprovisioning(
        tx,
        app,
        action=answers.text(leaving, "action", app.deprovisioning.action),
        days=answers.whole(leaving, "days", app.deprovisioning.days),
        remove_from_groups=answers.switch(leaving, "removeFromGroups", default=app.deprovisioning.remove_from_groups),
    )
    if "renameGroups" not in pocket and "groupBatch" not in pocket:
        return app
    return pushing.save_settings(
        tx,
        app,
        rename_groups=answers.switch(pocket, "renameGroups", default=app.rename_groups),
        group_batch=answers.whole(pocket, "groupBatch", app.group_batch),
    )


async def show_app(request: Request) -> Response:
    return _answer(request, find.app(desk_of(request).db.read, request.path_params["app"]))


async def update_app(request: Request) -> Response:
    body = await answers.body_of(request)
    with desk_of(request).db.write() as tx:
        app = _general(tx, find.app(tx, request.path_params["app"]), body)
        app = signing.save(tx, app, body)
    return _answer(request, app)


async def delete_app(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        acts.delete(tx, find.app(tx, request.path_params["app"]))
    return Response(status_code=204)


async def show_connection(request: Request) -> Response:
    app = find.app(desk_of(request).db.read, request.path_params["app"])
    return answers.JsonAnswer(shapes.connection(app, _base(request)))


def connection_body(app: App, body: Mapping[str, object], *, enabled: bool) -> App:
    """Return the app as a connection body would make it. Used for saving and for testing what is not saved yet."""
    profile = answers.child(body, "profile")
    pocket = answers.child(body, "pocket")
    given = {name: answers.text(profile, name) for name in ("authScheme", "username", "password", "token")}
    given["baseUrl"] = answers.text(body, "baseUrl")
    actions = pocket.get("actions")
    if actions is not None and not isinstance(actions, list):
        raise refusal.invalid("actions", "actions: wanted a list.")
    return acts.with_connection(
        app,
        acts.connection_from(app, given, enabled=enabled),
        unique_field=answers.text(pocket, "uniqueField") or None,
        actions=None if actions is None else frozenset(str(action) for action in actions),
        import_groups=answers.switch(pocket, "importGroups", default=app.import_groups),
    )


async def save_connection(request: Request) -> Response:
    """Save the connection; with `activate=true`, or when it is enabled already, only if the service answers."""
    body = await answers.body_of(request)
    desk = desk_of(request)
    app = find.app(desk.db.read, request.path_params["app"])
    enabled = app.connection.enabled or answers.flag(request, "activate", default=False)
    wanted = connection_body(app, body, enabled=enabled)
    if enabled:
        await verify(desk.engine, wanted)
    found = await discovered_on_save(desk.engine, wanted)
    with desk.db.write() as tx:
        find.app(tx, app.id)
        saved = acts.save_connection(tx, wanted)
        if found:
            saved = governing.keep(tx, saved, found)
    return answers.JsonAnswer(shapes.connection(saved, _base(request)))


async def switch_connection(request: Request) -> Response:
    """Activate or deactivate the saved connection. Deactivated, provisioning makes no call (test plan C9339)."""
    act = request.path_params["act"]
    if act not in {"activate", "deactivate"}:
        raise refusal.not_found("lifecycle operation", act)
    desk = desk_of(request)
    app = find.app(desk.db.read, request.path_params["app"])
    wanted = replace(app, connection=replace(app.connection, enabled=act == "activate"))
    if act == "activate":
        await verify(desk.engine, acts.with_connection(wanted, wanted.connection))
    with desk.db.write() as tx:
        find.app(tx, app.id)
        acts.save_connection(tx, wanted)
    return Response(status_code=204)


async def list_features(request: Request) -> Response:
    app = find.app(desk_of(request).db.read, request.path_params["app"])
    return answers.JsonAnswer([shapes.feature(app, _base(request))])


async def show_feature(request: Request) -> Response:
    _require_feature(request)
    app = find.app(desk_of(request).db.read, request.path_params["app"])
    return answers.JsonAnswer(shapes.feature(app, _base(request)))


async def save_feature(request: Request) -> Response:
    """Save To App; what the body leaves out stays. The service is asked once more first (wire facts 1.3)."""
    _require_feature(request)
    body = await answers.body_of(request)
    desk = desk_of(request)
    app = find.app(desk.db.read, request.path_params["app"])
    update = answers.child(body, "update")
    features = Features(
        create=_enabled(answers.child(answers.child(body, "create"), "lifecycleCreate"), app.features.create),
        update=_enabled(answers.child(update, "profile"), app.features.update),
        deactivate=_enabled(answers.child(update, "lifecycleDeactivate"), app.features.deactivate),
        password=_enabled(answers.child(update, "password"), app.features.password),
    )
    if app.connected:
        await verify(desk.engine, app)
    with desk.db.write() as tx:
        saved = acts.save_features(tx, find.app(tx, app.id), features)
    return answers.JsonAnswer(shapes.feature(saved, _base(request)))


def _require_feature(request: Request) -> None:
    if request.path_params["feature"] != "USER_PROVISIONING":
        raise refusal.not_found("Feature", request.path_params["feature"])


def _enabled(setting: Mapping[str, object], current: bool) -> bool:
    status = answers.text(setting, "status", "ENABLED" if current else "DISABLED")
    if status not in {"ENABLED", "DISABLED"}:
        raise refusal.invalid("status", f"status: wanted ENABLED or DISABLED, got {status!r}.")
    return status == "ENABLED"


def _app_user(request: Request, db: Reader, app: App, row: Assignment) -> shapes.Json:
    busy = row.person_id in queue.busy_subjects(db, app.id)
    return shapes.app_user(row, _base(request), can_provision=app.can.any, busy=busy)


async def list_app_users(request: Request) -> Response:
    db = desk_of(request).db.read
    app = find.app(db, request.path_params["app"])
    limit = answers.limit_of(request, 50)
    found = assignments.of_app(db, app.id, after=request.query_params.get("after", ""), limit=limit + 1)
    cursor = found[limit - 1].person_id if len(found) > limit else ""
    return answers.page(request, [_app_user(request, db, app, row) for row in found[:limit]], cursor)


def _given_profile(app: App, body: Mapping[str, object]) -> dict[str, object]:
    given = dict(answers.child(body, "profile"))
    if user_name := answers.text(answers.child(body, "credentials"), "userName"):
        given["userName"] = user_name
    return assigning.checked_profile(app, given)


async def assign_user(request: Request) -> Response:
    body = await answers.body_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        person = find.person(tx, answers.text(body, "id"))
        row = assigning.assign(tx, app, person, _given_profile(app, body))
    return answers.JsonAnswer(_app_user(request, desk.db.read, app, row))


async def show_app_user(request: Request) -> Response:
    db = desk_of(request).db.read
    app = find.app(db, request.path_params["app"])
    row = find.assignment(db, app.id, _person_id(db, request))
    return answers.JsonAnswer(_app_user(request, db, app, row))


def _person_id(db: Reader, request: Request) -> str:
    return find.person(db, request.path_params["user"]).id


async def update_app_user(request: Request) -> Response:
    body = await answers.body_of(request)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        row = find.assignment(tx, app.id, _person_id(tx, request))
        row = assigning.edit(tx, app, row, _given_profile(app, body))
    return answers.JsonAnswer(_app_user(request, desk.db.read, app, row))


async def unassign_user(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        assigning.unassign(tx, app, find.assignment(tx, app.id, _person_id(tx, request)))
    return Response(status_code=204)


def _app_group(request: Request, app_id: str, group_id: str) -> shapes.Json:
    profile = apps.app_group_profile(desk_of(request).db.read, app_id, group_id)
    links = {"app": {"href": f"{_base(request)}api/v1/apps/{app_id}"}}
    return {"id": group_id, "priority": 0, "profile": profile or {}, "_links": links}


async def list_app_groups(request: Request) -> Response:
    db = desk_of(request).db.read
    app = find.app(db, request.path_params["app"])
    return answers.page(request, [_app_group(request, app.id, group.id) for group in apps.app_groups(db, app.id)], "")


async def show_app_group(request: Request) -> Response:
    db = desk_of(request).db.read
    app, group = find.app(db, request.path_params["app"]), find.group(db, request.path_params["group"])
    if app.id not in apps.apps_of_group(db, group.id):
        raise refusal.not_found("AppGroup", group.id)
    return answers.JsonAnswer(_app_group(request, app.id, group.id))


async def assign_group(request: Request) -> Response:
    """Assign a group, or give its assignment a new `profile`: app attributes for all members."""
    given = answers.child(await answers.body_of(request), "profile")
    with desk_of(request).db.write() as tx:
        app, group = find.app(tx, request.path_params["app"]), find.group(tx, request.path_params["group"])
        assigning.assign_group(tx, app, group, given)
    return answers.JsonAnswer(_app_group(request, app.id, group.id))


async def unassign_group(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        app, group = find.app(tx, request.path_params["app"]), find.group(tx, request.path_params["group"])
        assigning.unassign_group(tx, app, group)
    return Response(status_code=204)


ROUTES = [
    Route("/apps", list_apps, methods=["GET"]),
    Route("/apps", create_app, methods=["POST"]),
    Route("/apps/{app}", show_app, methods=["GET"]),
    Route("/apps/{app}", update_app, methods=["PUT"]),
    Route("/apps/{app}", delete_app, methods=["DELETE"]),
    Route("/apps/{app}/connections/default", show_connection, methods=["GET"]),
    Route("/apps/{app}/connections/default", save_connection, methods=["POST"]),
    Route("/apps/{app}/connections/default/lifecycle/{act}", switch_connection, methods=["POST"]),
    Route("/apps/{app}/features", list_features, methods=["GET"]),
    Route("/apps/{app}/features/{feature}", show_feature, methods=["GET"]),
    Route("/apps/{app}/features/{feature}", save_feature, methods=["PUT"]),
    Route("/apps/{app}/users", list_app_users, methods=["GET"]),
    Route("/apps/{app}/users", assign_user, methods=["POST"]),
    Route("/apps/{app}/users/{user}", show_app_user, methods=["GET"]),
    Route("/apps/{app}/users/{user}", update_app_user, methods=["POST"]),
    Route("/apps/{app}/users/{user}", unassign_user, methods=["DELETE"]),
    Route("/apps/{app}/groups", list_app_groups, methods=["GET"]),
    Route("/apps/{app}/groups/{group}", show_app_group, methods=["GET"]),
    Route("/apps/{app}/groups/{group}", assign_group, methods=["PUT"]),
    Route("/apps/{app}/groups/{group}", unassign_group, methods=["DELETE"]),
]
