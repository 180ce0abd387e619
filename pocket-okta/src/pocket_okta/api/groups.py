"""`/api/v1/groups`: groups and their members, as Okta's Groups API has them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta.acts import find
from pocket_okta.acts import groups as acts
from pocket_okta.api import answers, shapes
from pocket_okta.desk import desk_of
from pocket_okta.org import Group
from pocket_okta.store import people


def _answer(request: Request, group: Group) -> Response:
    return answers.JsonAnswer(shapes.group(group, str(request.base_url.replace(path="/"))))


async def list_groups(request: Request) -> Response:
    db = desk_of(request).db.read
    base = str(request.base_url.replace(path="/"))
    found = people.all_groups(db, request.query_params.get("q", ""))
    return answers.page(request, [shapes.group(group, base) for group in found], "")


async def create_group(request: Request) -> Response:
    profile = answers.child(await answers.body_of(request), "profile")
    with desk_of(request).db.write() as tx:
        group = acts.add(tx, profile.get("name"), answers.text(profile, "description"))
    return _answer(request, group)


async def show_group(request: Request) -> Response:
    return _answer(request, find.group(desk_of(request).db.read, request.path_params["group"]))


async def update_group(request: Request) -> Response:
    profile = answers.child(await answers.body_of(request), "profile")
    with desk_of(request).db.write() as tx:
        group = find.group(tx, request.path_params["group"])
        group = acts.rename(tx, group, profile.get("name"), answers.text(profile, "description"))
    return _answer(request, group)


async def delete_group(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        acts.delete(tx, find.group(tx, request.path_params["group"]))
    return Response(status_code=204)


async def list_members(request: Request) -> Response:
    db = desk_of(request).db.read
    group = find.group(db, request.path_params["group"])
    base = str(request.base_url.replace(path="/"))
    return answers.page(request, [shapes.user(person, base) for person in people.members(db, group.id)], "")


async def change_member(request: Request) -> Response:
    """PUT adds a person to a group, DELETE takes them out."""
    act = acts.join if request.method == "PUT" else acts.leave
    with desk_of(request).db.write() as tx:
        act(tx, find.group(tx, request.path_params["group"]), find.person(tx, request.path_params["user"]))
    return Response(status_code=204)


ROUTES = [
    Route("/groups", list_groups, methods=["GET"]),
    Route("/groups", create_group, methods=["POST"]),
    Route("/groups/{group}", show_group, methods=["GET"]),
    Route("/groups/{group}", update_group, methods=["PUT"]),
    Route("/groups/{group}", delete_group, methods=["DELETE"]),
    Route("/groups/{group}/users", list_members, methods=["GET"]),
    Route("/groups/{group}/users/{user}", change_member, methods=["PUT", "DELETE"]),
]
