"""`/pocket/v1`: what an application says about itself, and the roles and entitlements of its users."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta import refusal
from pocket_okta.acts import entitlements as acts
from pocket_okta.acts import find
from pocket_okta.api import answers
from pocket_okta.api.shapes import Json
from pocket_okta.desk import desk_of
from pocket_okta.engine.verifying import discovered
from pocket_okta.entitlements import Entitlement
from pocket_okta.store import remote


def _shape(one: Entitlement) -> Json:
    return {
        "key": one.key,
        "resourceType": one.resource_type,
        "role": one.role,
        "value": one.value,
        "display": one.display,
        "description": one.description or None,
    }


async def discover(request: Request) -> Response:
    """Read /ResourceTypes, /Schemas and the declared endpoints; returns how much was found."""
    desk = desk_of(request)
    app = find.app(desk.db.read, request.path_params["app"])
    found = await discovered(desk.engine, app)
    with desk.db.write() as tx:
        acts.keep(tx, find.app(tx, app.id), found)
    return answers.JsonAnswer({"entitlements": len(found.entitlements), "attributes": len(found.attributes)})


async def list_entitlements(request: Request) -> Response:
    db = desk_of(request).db.read
    app = find.app(db, request.path_params["app"])
    return answers.JsonAnswer([_shape(one) for one in remote.entitlements(db, app.id)])


async def list_granted(request: Request) -> Response:
    db = desk_of(request).db.read
    app, person = find.app(db, request.path_params["app"]), find.person(db, request.path_params["user"])
    return answers.JsonAnswer([_shape(one) for one in remote.granted(db, app.id, person.id)])


async def grant(request: Request) -> Response:
    """Give an app user exactly the roles and entitlements in `keys`, each `ResourceType/id`."""
    keys = (await answers.body_of(request)).get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise refusal.invalid("keys", "keys: wanted a list of texts such as Role/42.")
    with desk_of(request).db.write() as tx:
        app, person = find.app(tx, request.path_params["app"]), find.person(tx, request.path_params["user"])
        given = acts.grant(tx, app, find.assignment(tx, app.id, person.id), keys)
    return answers.JsonAnswer([_shape(one) for one in given])


async def list_groups(request: Request) -> Response:
    """List the groups of the application that the last import found, with the ids of their members."""
    db = desk_of(request).db.read
    app = find.app(db, request.path_params["app"])
    found = [
        {"remoteId": group.remote_id, "name": group.name, "members": list(group.members)}
        for group in remote.groups(db, app.id)
    ]
    return answers.JsonAnswer(found)


POCKET_ROUTES = [
    Route("/apps/{app}/discover", discover, methods=["POST"]),
    Route("/apps/{app}/entitlements", list_entitlements, methods=["GET"]),
    Route("/apps/{app}/users/{user}/entitlements", list_granted, methods=["GET"]),
    Route("/apps/{app}/users/{user}/entitlements", grant, methods=["PUT"]),
    Route("/apps/{app}/import/groups", list_groups, methods=["GET"]),
]
