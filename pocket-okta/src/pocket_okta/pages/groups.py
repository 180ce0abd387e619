"""Directory > Groups: the list, a group's page with its members and apps."""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta.acts import find
from pocket_okta.acts import groups as acts
from pocket_okta.desk import desk_of
from pocket_okta.org import Status
from pocket_okta.pages.frame import back, form_of, go, render
from pocket_okta.store import apps, group_push, people


async def show_groups(request: Request) -> Response:
    db = desk_of(request).db.read
    return render(request, "groups.html", groups=people.all_groups(db), counts=people.count_members(db))


async def add(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        group = acts.add(tx, form.get("name", ""), form.get("description", ""))
    return go(request, f"/directory/groups/{group.id}", f"The group {group.name} was added.")


async def show_group(request: Request) -> Response:
    db = desk_of(request).db.read
    group = find.group(db, request.path_params["group"])
    members = people.members(db, group.id)
    inside = {person.id for person in members}
    everybody = people.page_people(db, limit=1000)
    return render(
        request,
        "group.html",
        group=group,
        members=members,
        others=[
            person for person in everybody if person.id not in inside and person.status is not Status.DEPROVISIONED
        ],
        apps=[find.app(db, app_id) for app_id in apps.apps_of_group(db, group.id)],
        pushes=[(find.app(db, push.app_id), push) for push in group_push.of_group(db, group.id)],
    )


async def edit(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        group = find.group(tx, request.path_params["group"])
        group = acts.rename(tx, group, form.get("name", ""), form.get("description", ""))
    return go(request, f"/directory/groups/{group.id}", "The group was saved.")


async def delete(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        group = find.group(tx, request.path_params["group"])
        acts.delete(tx, group)
    return go(request, "/directory/groups", f"The group {group.name} was deleted.")


async def join(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        group, person = find.group(tx, request.path_params["group"]), find.person(tx, form.get("person", ""))
        acts.join(tx, group, person)
    return back(request, f"/directory/groups/{group.id}", f"{person.name} was added to {group.name}.")


async def leave(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        group, person = find.group(tx, request.path_params["group"]), find.person(tx, form.get("person", ""))
        acts.leave(tx, group, person)
    return back(request, f"/directory/groups/{group.id}", f"{person.name} was taken out of {group.name}.")
