"""`/api/v1/users`: people, as Okta's Users API has them."""

import re
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta import refusal
from pocket_okta.acts import find, groups, sessions
from pocket_okta.acts import people as acts
from pocket_okta.api import answers, shapes
from pocket_okta.desk import desk_of
from pocket_okta.org import Person, Status
from pocket_okta.store import assignments, people
from pocket_okta.store.database import Reader

_TERM = re.compile(r'\s*([\w.]+)\s+(eq|ne|sw|co|pr)\b(?:\s+"((?:[^"\\]|\\.)*)")?\s*\Z')
_NOT_GONE = tuple(status.value for status in Status if status is not Status.DEPROVISIONED)


async def list_users(request: Request) -> Response:
    """List people. Without `q`, `search` or `filter` deactivated ones are left out, as in Okta."""
    db = desk_of(request).db.read
    query = request.query_params
    limit = answers.limit_of(request)
    if search := query.get("search") or query.get("filter"):
        matches = _search(search)
        found = [person for person in _everybody(db, query.get("after", "")) if matches(person)]
    else:
        statuses = () if query.get("q") else _NOT_GONE
        found = people.page_people(
            db, starts=query.get("q", ""), statuses=statuses, after=query.get("after", ""), limit=limit + 1
        )
    base = str(request.base_url.replace(path="/"))
    cursor = found[limit - 1].id if len(found) > limit else ""
    return answers.page(request, [shapes.user(person, base) for person in found[:limit]], cursor)


def _everybody(db: Reader, after: str) -> list[Person]:
    return people.page_people(db, after=after, limit=1_000_000)


def _search(text: str) -> Callable[[Person], bool]:
    """Read a small part of Okta's search language: `attribute op "value"` joined by `and`; ops eq, ne, sw, co, pr."""
    terms = []
    for part in re.split(r"\s+and\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*\Z)", text.strip()):
        term = _TERM.match(part)
        if term is None or (term[2] != "pr" and term[3] is None):
            raise refusal.invalid(
                "search", f'search: wanted attribute eq|ne|sw|co "value" or attribute pr; got {part!r}.'
            )
        terms.append((term[1], term[2], re.sub(r"\\(.)", r"\1", term[3] or "").casefold()))

    def matches(person: Person) -> bool:
        return all(_holds(_value(person, name).casefold(), op, wanted) for name, op, wanted in terms)

    return matches


def _value(person: Person, name: str) -> str:
    if name in {"id", "status"}:
        return person.id if name == "id" else person.status.value
    if not name.startswith("profile."):
        raise refusal.invalid("search", f"search: wanted id, status or profile.<attribute>; got {name!r}.")
    return person.profile.get(name.removeprefix("profile."), "")


def _holds(value: str, op: str, wanted: str) -> bool:
    return {
        "eq": value == wanted,
        "ne": value != wanted,
        "sw": value.startswith(wanted),
        "co": wanted in value,
        "pr": bool(value),
    }[op]


def _password(body: Mapping[str, object]) -> str:
    return answers.text(answers.child(answers.child(body, "credentials"), "password"), "value")


def _answer(request: Request, person: Person) -> Response:
    return answers.JsonAnswer(shapes.user(person, str(request.base_url.replace(path="/"))))


async def create_user(request: Request) -> Response:
    body = await answers.body_of(request)
    group_ids = body.get("groupIds") or []
    if not isinstance(group_ids, list):
        raise refusal.invalid("groupIds", "groupIds: wanted a list of group ids.")
    with desk_of(request).db.write() as tx:
        person = acts.add(
            tx,
            answers.child(body, "profile"),
            activate=answers.flag(request, "activate", default=True),
            password=_password(body),
        )
        for group_id in group_ids:
            groups.join(tx, find.group(tx, str(group_id)), person)
    return _answer(request, person)


async def show_user(request: Request) -> Response:
    return _answer(request, find.person(desk_of(request).db.read, request.path_params["user"]))


async def update_user(request: Request) -> Response:
    """POST changes the given attributes; PUT replaces the whole profile. Both may set the password."""
    body = await answers.body_of(request)
    with desk_of(request).db.write() as tx:
        person = find.person(tx, request.path_params["user"])
        if "profile" in body:
            person = acts.edit(tx, person, answers.child(body, "profile"), whole=request.method == "PUT")
        if password := _password(body):
            person = acts.set_password(tx, person, password)
    return _answer(request, person)


async def delete_user(request: Request) -> Response:
    """Deactivate an active person, or delete a deactivated one, as Okta does."""
    with desk_of(request).db.write() as tx:
        person = find.person(tx, request.path_params["user"])
        if person.status is Status.DEPROVISIONED:
            acts.delete(tx, person)
        else:
            acts.change_state(tx, person, "deactivate")
    return Response(status_code=204)


async def change_state(request: Request) -> Response:
    act = request.path_params["act"]
    # Okta's "reactivate" is for people who never set a password; here it is the button that says so on the screens.
    act = "activate" if act == "reactivate" else act
    if act not in {"activate", "deactivate", "suspend", "unsuspend"}:
        raise refusal.not_found("lifecycle operation", act)
    with desk_of(request).db.write() as tx:
        acts.change_state(tx, find.person(tx, request.path_params["user"]), act)
    return answers.JsonAnswer({})


async def clear_sessions(request: Request) -> Response:
    """End a person's sessions, here and at every app with Universal Logout."""
    with desk_of(request).db.write() as tx:
        sessions.clear(tx, find.person(tx, request.path_params["user"]))
    return Response(status_code=204)


async def list_groups_of_user(request: Request) -> Response:
    db = desk_of(request).db.read
    person = find.person(db, request.path_params["user"])
    base = str(request.base_url.replace(path="/"))
    return answers.JsonAnswer([shapes.group(group, base) for group in people.groups_of(db, person.id)])


async def list_apps_of_user(request: Request) -> Response:
    db = desk_of(request).db.read
    person = find.person(db, request.path_params["user"])
    links = [(row, find.app(db, row.app_id)) for row in assignments.of_person(db, person.id)]
    return answers.JsonAnswer(
        [{"appInstanceId": app.id, "label": app.label, "credentialsSetup": False} for _row, app in links]
    )


ROUTES = [
    Route("/users", list_users, methods=["GET"]),
    Route("/users", create_user, methods=["POST"]),
    Route("/users/{user}", show_user, methods=["GET"]),
    Route("/users/{user}", update_user, methods=["POST", "PUT"]),
    Route("/users/{user}", delete_user, methods=["DELETE"]),
    Route("/users/{user}/lifecycle/{act}", change_state, methods=["POST"]),
    Route("/users/{user}/sessions", clear_sessions, methods=["DELETE"]),
    Route("/users/{user}/groups", list_groups_of_user, methods=["GET"]),
    Route("/users/{user}/appLinks", list_apps_of_user, methods=["GET"]),
]
