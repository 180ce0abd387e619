"""Single sign-on: where an application sends people to, the sign-in that may come between, and the way back.

The rule: what an application asked is held against its settings before anybody is asked who they are, and the answer
leaves as a form that a script submits and a button submits without one.
"""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.acts import find, sessions, sign_on
from pocket_okta.acts import single_sign_on as acts
from pocket_okta.desk import Arrival, Message, desk_of
from pocket_okta.org import App, Person
from pocket_okta.pages.frame import form_of, go, render
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.saml.bindings import post_value
from pocket_okta.saml.request import Asked, BadRequest, Incoming, read_authn
from pocket_okta.store import sessions as rows

COOKIE = "pocket_okta_sid"
# A form that leaves for an application. Where the application sends the browser next is not ours to limit.
LEAVING = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action http: https:; "
        "frame-ancestors 'self'; base-uri 'none'"
    ),
    "x-frame-options": "SAMEORIGIN",
    # An application may have opened this page in a window of its own, and wait for it.
    "cross-origin-opener-policy": "unsafe-none",
}


def base_of(request: Request) -> str:
    """Return the org's address as this browser knows it."""
    return str(request.base_url.replace(path="/"))


def app_of(request: Request) -> App:
    """Return the app that a SAML address is about."""
    key: str = request.path_params["key"]
    if not key.startswith("exk"):
        raise refusal.not_found("AppInstance", key)
    return find.app(desk_of(request).db.read, f"0oa{key[3:]}")


def person_of(request: Request) -> tuple[rows.Session, Person] | None:
    """Return the person who is signed in to the org in this browser."""
    return sessions.current(desk_of(request).db.read, request.cookies.get(COOKIE, ""))


async def incoming(request: Request, parameter: str) -> Incoming | None:
    """Return a message of this name in a form or in the address; None if there is none."""
    given = await form_of(request) if request.method == "POST" else dict(request.query_params)
    if not given.get(parameter):
        return None
    raw_query = "" if request.method == "POST" else request.url.query
    return Incoming(parameter, given[parameter], given.get("RelayState", ""), raw_query)


async def show_metadata(request: Request) -> Response:
    """Metadata is nobody's secret: no sign-in, no token."""
    app = app_of(request)
    with desk_of(request).db.write() as tx:
        document = sign_on.metadata_of(app, base_of(request), sign_on.published(tx, app))
    return Response(document, media_type="application/xml")


async def start(request: Request) -> Response:
    """Begin a sign-in: with an AuthnRequest by Redirect or POST, or without one from a tile of the dashboard."""
    app = app_of(request)
    if not app.sign_on.ready:
        raise Refusal(
            Kind.INVALID,
            f"Sign-on to {app.label} is not set up: its Sign On tab wants a Single sign-on URL and an Audience URI.",
        )
    message = await incoming(request, "SAMLRequest")
    if message is None:
        relay_state = request.query_params.get("RelayState", app.sign_on.default_relay_state)
        asked = Asked(acs_url=app.sign_on.acs_url, relay_state=relay_state)
    else:
        try:
            asked = read_authn(message, app.sign_on, (sign_on.endpoints(base_of(request), app).sso,))
        except BadRequest as problem:
            raise Refusal(Kind.INVALID, f"The sign-in request of {app.label} was refused. {problem}") from None
    desk = desk_of(request)
    arrival = Arrival(app.id, asked, desk.db.now)
    if request.method == "POST":
        # A form from another site comes without the cookie; the GET that follows has it.
        return go(request, f"/login/continue/{desk.arrivals.keep(arrival)}")
    return proceed(request, arrival)


async def resume(request: Request) -> Response:
    arrival = desk_of(request).arrivals.take(request.path_params["key"])
    if arrival is None:
        raise Refusal(
            Kind.INVALID, "This sign-in is not known here any more. Begin again at the application you came from."
        )
    return proceed(request, arrival)


def proceed(request: Request, arrival: Arrival) -> Response:
    """Ask who somebody is, or let them in, or say why not."""
    desk = desk_of(request)
    app, asked = find.app(desk.db.read, arrival.app_id), arrival.asked
    here = person_of(request)
    if here is None or (asked.force and here[0].authenticated < arrival.at):
        if asked.passive:
            with desk.db.write() as tx:
                return deliver(request, asked.acs_url, post_value(acts.refuse(tx, app, asked)), asked.relay_state)
        return go(request, f"/login?to={desk.arrivals.keep(arrival)}")
    session, person = here
    with desk.db.write() as tx:
        row = acts.may_enter(tx, app, person)
        if row is None:
            return render(request, "not_assigned.html", 403, app=app, person=person)
        response = acts.enter(tx, app, session, person, row, asked)
    return deliver(request, asked.acs_url, post_value(response), asked.relay_state)


def deliver(request: Request, address: str, value: str, relay_state: str, parameter: str = "SAMLResponse") -> Response:
    """Return the page that carries a message to an application by POST."""
    fields = [(parameter, value), *([("RelayState", relay_state)] if relay_state else [])]
    return carry(request, Message(address, tuple(fields)))


def carry(request: Request, message: Message) -> Response:
    """Return the page whose form carries a message away."""
    page = render(request, "post.html", to=message.to, fields=message.fields)
    page.headers.update(LEAVING)
    return page
