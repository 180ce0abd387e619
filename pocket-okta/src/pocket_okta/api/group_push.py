"""`/api/v1/apps/{app}/group-push/mappings`: group push, as Okta's Group Push Mappings API has it.

`/pocket/v1` has what is missing there: pushing now, the rules, and the settings of the tab.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta import refusal
from pocket_okta.acts import find, group_rules
from pocket_okta.acts import group_push as acts
from pocket_okta.api import answers
from pocket_okta.api.shapes import Json
from pocket_okta.desk import desk_of
from pocket_okta.group_push import GroupPush, PushRule
from pocket_okta.org import App
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import group_push
from pocket_okta.store.database import Reader


def _shape(request: Request, push: GroupPush) -> Json:
    base = str(request.base_url.replace(path="/"))
    links = {
        "app": {"href": f"{base}api/v1/apps/{push.app_id}"},
        "sourceGroup": {"href": f"{base}api/v1/groups/{push.group_id}"},
    }
    return {
        "id": push.id,
        "status": "ACTIVE" if push.active else "INACTIVE",
        "sourceGroupId": push.group_id,
        "targetGroupId": push.remote_id or None,
        "targetGroupName": push.target_name,
        "created": push.created,
        "lastUpdated": push.last_updated,
        "lastPush": push.last_push or None,
        "errorSummary": push.error or None,
        "_links": links,
        "_embedded": {"pocket": {"ruleId": push.rule_id or None, "pushedMembers": len(push.members)}},
    }


def _app(db: Reader, request: Request) -> App:
    return find.app(db, request.path_params["app"])


def _status(body: "dict[str, object]", default: str) -> bool:
    status = answers.text(body, "status", default)
    if status not in {"ACTIVE", "INACTIVE"}:
        raise refusal.invalid("status", f"status: wanted ACTIVE or INACTIVE, got {status!r}.")
    return status == "ACTIVE"


async def list_mappings(request: Request) -> Response:
    """List the mappings of an app; `sourceGroupId` and `status` choose among them."""
    db = desk_of(request).db.read
    group_id, status = request.query_params.get("sourceGroupId", ""), request.query_params.get("status", "")
    found = [
        push
        for push in group_push.of_app(db, _app(db, request).id)
        if group_id in {"", push.group_id} and status in {"", "ACTIVE" if push.active else "INACTIVE"}
    ]
    return answers.page(request, [_shape(request, push) for push in found], "")


async def create_mapping(request: Request) -> Response:
    """Push a group. `targetGroupId` is the id that the SCIM service gave the group that is to be linked."""
    body = await answers.body_of(request)
    remote_id, name = answers.text(body, "targetGroupId"), answers.text(body, "targetGroupName")
    if remote_id and name:
        raise refusal.invalid("targetGroupId", "targetGroupId: wanted this or targetGroupName, got both.")
    with desk_of(request).db.write() as tx:
        app = _app(tx, request)
        group = find.group(tx, answers.text(body, "sourceGroupId"))
        active = _status(body, "ACTIVE")
        push = acts.add(tx, app, group, target_name=name, remote_id=remote_id, active=active)
    return answers.JsonAnswer(_shape(request, push))


async def show_mapping(request: Request) -> Response:
    db = desk_of(request).db.read
    return answers.JsonAnswer(_shape(request, acts.find(db, _app(db, request), request.path_params["mapping"])))


async def update_mapping(request: Request) -> Response:
    """Activate or deactivate a mapping."""
    body = await answers.body_of(request)
    with desk_of(request).db.write() as tx:
        app = _app(tx, request)
        push = acts.find(tx, app, request.path_params["mapping"])
        push = acts.set_active(tx, app, push, active=_status(body, "ACTIVE" if push.active else "INACTIVE"))
    return answers.JsonAnswer(_shape(request, push))


async def delete_mapping(request: Request) -> Response:
    """Unlink a group; `deleteTargetGroup=true` deletes it at the service. The mapping must be inactive, as in Okta."""
    delete = answers.flag(request, "deleteTargetGroup", default=False)
    with desk_of(request).db.write() as tx:
        app = _app(tx, request)
        push = acts.find(tx, app, request.path_params["mapping"])
        if push.active:
            raise Refusal(Kind.WRONG_STATE, "The group push mapping must be INACTIVE before it can be deleted.")
        acts.unlink(tx, app, push, delete=delete)
    return Response(status_code=204)


async def push_now(request: Request) -> Response:
    """Press "Push now"."""
    with desk_of(request).db.write() as tx:
        app = _app(tx, request)
        acts.push_now(tx, app, acts.find(tx, app, request.path_params["mapping"]))
    return Response(status_code=204)


def _rule(rule: PushRule) -> Json:
    return {
        "id": rule.id,
        "name": rule.name,
        "status": "ACTIVE" if rule.active else "INACTIVE",
        "field": rule.field,
        "operator": rule.operator,
        "value": rule.value,
        "created": rule.created,
    }


async def list_rules(request: Request) -> Response:
    db = desk_of(request).db.read
    return answers.JsonAnswer([_rule(rule) for rule in group_push.rules(db, _app(db, request).id)])


async def create_rule(request: Request) -> Response:
    body = await answers.body_of(request)
    with desk_of(request).db.write() as tx:
        rule = group_rules.add(
            tx,
            _app(tx, request),
            name=answers.text(body, "name"),
            field=answers.text(body, "field", "NAME"),
            operator=answers.text(body, "operator", "STARTS_WITH"),
            value=answers.text(body, "value"),
        )
    return answers.JsonAnswer(_rule(rule))


async def update_rule(request: Request) -> Response:
    """Activate or deactivate a rule."""
    body = await answers.body_of(request)
    with desk_of(request).db.write() as tx:
        app = _app(tx, request)
        rule = group_rules.find_rule(tx, app, request.path_params["rule"])
        rule = group_rules.set_active(tx, app, rule, active=_status(body, "ACTIVE" if rule.active else "INACTIVE"))
    return answers.JsonAnswer(_rule(rule))


async def delete_rule(request: Request) -> Response:
    """Delete a rule and unlink what it found; `deleteTargetGroups=true` deletes those groups at the service."""
    delete = answers.flag(request, "deleteTargetGroups", default=False)
    with desk_of(request).db.write() as tx:
        app = _app(tx, request)
        rule = group_rules.find_rule(tx, app, request.path_params["rule"])
        unlinked = group_rules.delete(tx, app, rule, delete_groups=delete)
    return answers.JsonAnswer({"unlinked": unlinked})


ROUTES = [
    Route("/apps/{app}/group-push/mappings", list_mappings, methods=["GET"]),
    Route("/apps/{app}/group-push/mappings", create_mapping, methods=["POST"]),
    Route("/apps/{app}/group-push/mappings/{mapping}", show_mapping, methods=["GET"]),
    Route("/apps/{app}/group-push/mappings/{mapping}", update_mapping, methods=["PATCH"]),
    Route("/apps/{app}/group-push/mappings/{mapping}", delete_mapping, methods=["DELETE"]),
]
POCKET_ROUTES = [
    Route("/apps/{app}/group-push/mappings/{mapping}/push-now", push_now, methods=["POST"]),
    Route("/apps/{app}/group-push/rules", list_rules, methods=["GET"]),
    Route("/apps/{app}/group-push/rules", create_rule, methods=["POST"]),
    Route("/apps/{app}/group-push/rules/{rule}", update_rule, methods=["PATCH"]),
    Route("/apps/{app}/group-push/rules/{rule}", delete_rule, methods=["DELETE"]),
]
