"""Directory > People: the list, a person's page, the forms, and the buttons of the life cycle."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import find, sessions
from pocket_okta.acts import people as acts
from pocket_okta.attributes import PERSON_ATTRIBUTES, REQUIRED
from pocket_okta.desk import desk_of
from pocket_okta.org import LIFECYCLE, Person, Status
from pocket_okta.pages.frame import Wrong, back, form_of, go, render, wrong
from pocket_okta.refusal import Refusal
from pocket_okta.store import apps, assignments, log, people
from pocket_okta.store import sessions as session_rows

SHOWN = 100  # people on one page

_SAID = {
    "activate": "{name} is active.",
    "deactivate": "{name} was deactivated and is assigned to nothing. Apps with Deactivate Users enabled are told.",
    "suspend": "{name} was suspended. Okta sends nothing to apps for that.",
    "unsuspend": "{name} is active again. Okta sends nothing to apps for that.",
}


async def show_people(request: Request) -> Response:
    db = desk_of(request).db.read
    query = request.query_params
    status = query.get("status", "")
    found = people.page_people(
        db,
        starts=query.get("q", ""),
        statuses=(status,) if status in Status.__members__ else (),
        after=query.get("after", ""),
        limit=SHOWN + 1,
    )
    return render(
        request,
        "people.html",
        people=found[:SHOWN],
        after=found[SHOWN - 1].id if len(found) > SHOWN else "",
        counts=people.count_people(db),
        statuses=Status,
        q=query.get("q", ""),
        chosen=status,
    )


def _form(
    request: Request, values: Mapping[str, str], person: Person | None, problem: Wrong, status: int = 200
) -> Response:
    return render(
        request,
        "person_form.html",
        status,
        person=person,
        values=values,
        problem=problem,
        attributes=PERSON_ATTRIBUTES,
        required=REQUIRED,
    )


async def show_new(request: Request) -> Response:
    return _form(request, {}, None, Wrong())


async def add(request: Request) -> Response:
    form = await form_of(request)
    profile = {name: form.get(name, "") for name in PERSON_ATTRIBUTES}
    profile["email"] = profile["email"] or profile["login"]
    try:
        with desk_of(request).db.write() as tx:
            person = acts.add(tx, profile, activate=form.get("activate") != "later")
    except Refusal as refused:
        return _form(request, form, None, wrong(refused), 400)
    return go(request, f"/directory/people/{person.id}", f"{person.name} was added.")


async def show_person(request: Request) -> Response:
    db = desk_of(request).db.read
    person = find.person(db, request.path_params["person"])
    return render(
        request,
        "person.html",
        person=person,
        attributes=PERSON_ATTRIBUTES,
        acts=[act for act, (starts, _, _) in LIFECYCLE.items() if person.status in starts],
        groups=people.groups_of(db, person.id),
        rows=assignments.of_person(db, person.id),
        apps={app.id: app for app in apps.all_apps(db)},
        entries=log.page_log(db, person_id=person.id, limit=15),
        sessions=len(session_rows.of_person(db, person.id)),
        gone=person.status is Status.DEPROVISIONED,
    )


async def show_edit(request: Request) -> Response:
    person = find.person(desk_of(request).db.read, request.path_params["person"])
    return _form(request, person.profile, person, Wrong())


async def edit(request: Request) -> Response:
    form = await form_of(request)
    person = find.person(desk_of(request).db.read, request.path_params["person"])
    try:
        with desk_of(request).db.write() as tx:
            person = find.person(tx, person.id)
            person = acts.edit(tx, person, {name: form[name] for name in PERSON_ATTRIBUTES if name in form})
    except Refusal as refused:
        return _form(request, form, person, wrong(refused), 400)
    return go(request, f"/directory/people/{person.id}", "The profile was saved.")


async def set_password(request: Request) -> Response:
    form = await form_of(request)
    with desk_of(request).db.write() as tx:
        person = find.person(tx, request.path_params["person"])
        acts.set_password(tx, person, form.get("password", ""))
    return go(
        request, f"/directory/people/{person.id}", "The password was set. Apps with Sync Password are being told."
    )


async def clear_sessions(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        person = find.person(tx, request.path_params["person"])
        sessions.clear(tx, person)
    return go(
        request, f"/directory/people/{person.id}", "The sessions were ended. Apps with Universal Logout are being told."
    )


async def change_state(request: Request) -> Response:
    act = request.path_params["act"]
    if act not in LIFECYCLE:
        raise refusal.not_found("button", act)
    with desk_of(request).db.write() as tx:
        person = acts.change_state(tx, find.person(tx, request.path_params["person"]), act)
    return back(request, f"/directory/people/{person.id}", _SAID[act].format(name=person.name))


async def delete(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        person = find.person(tx, request.path_params["person"])
        acts.delete(tx, person)
    return go(request, "/directory/people", f"{person.name} was deleted. Okta sends nothing to apps for that.")
