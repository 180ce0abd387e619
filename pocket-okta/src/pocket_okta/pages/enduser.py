"""What a person of the org sees: the sign-in page, the dashboard with its tiles, and sign-out.

The rule: nobody has a password here and the page says so; a session is a person who was chosen.
"""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta.acts import find, sessions
from pocket_okta.acts import single_sign_on as acts
from pocket_okta.desk import desk_of
from pocket_okta.org import Status
from pocket_okta.pages import slo
from pocket_okta.pages.frame import Wrong, form_of, go, render, wrong
from pocket_okta.pages.sso import COOKIE, person_of
from pocket_okta.refusal import Refusal
from pocket_okta.store import apps, assignments, people

SHOWN = 50  # people to choose from


def _page(request: Request, to: str, problem: Wrong, username: str = "", status: int = 200) -> Response:
    desk = desk_of(request)
    arrival = desk.arrivals.find(to)
    page = render(
        request,
        "sign_in.html",
        status,
        people=people.page_people(desk.db.read, statuses=(Status.ACTIVE.value,), limit=SHOWN),
        app=apps.get_app(desk.db.read, arrival.app_id) if arrival else None,
        to=to,
        username=username,
        problem=problem,
    )
    page.headers["cross-origin-opener-policy"] = "unsafe-none"  # an application's window may have been opened for this
    return page


async def show_sign_in(request: Request) -> Response:
    return _page(request, request.query_params.get("to", ""), Wrong())


async def sign_in(request: Request) -> Response:
    """Begin a session in the place of one that was there; then go on to where the person was going."""
    form = await form_of(request)
    desk = desk_of(request)
    to, username = form.get("to", ""), form.get("username", "")
    before = person_of(request)
    try:
        with desk.db.write() as tx:
            token = sessions.sign_in(tx, username, before[0] if before else None)
    except Refusal as refused:
        return _page(request, to, wrong(refused), username, 400)
    answer = go(request, f"/login/continue/{to}" if desk.arrivals.find(to) else "/app/UserHome")
    answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", path="/")
    return answer


async def show_home(request: Request) -> Response:
    """The dashboard: a tile for each application the person is assigned to."""
    here = person_of(request)
    if here is None:
        return go(request, "/login")
    db = desk_of(request).db.read
    mine = [find.app(db, row.app_id) for row in assignments.of_person(db, here[1].id)]
    return render(request, "user_home.html", person=here[1], apps=mine)


async def sign_out(request: Request) -> Response:
    """End the session, and tell the applications that want to hear of it."""
    here = person_of(request)
    told = []
    if here:
        with desk_of(request).db.write() as tx:
            told = slo.farewells(request, acts.leave(tx, here[0].id), tx.now)
    page = slo.show_farewells(request, told)
    page.delete_cookie(COOKIE, path="/")
    return page
