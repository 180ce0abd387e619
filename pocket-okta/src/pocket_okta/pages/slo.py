"""Single logout, both ways: an application's LogoutRequest, and ours to the applications a session was taken to.

The rule: a session here has ended before anybody is told. Ours go through hidden frames, one for each application, and
an application's answer to them is only written down. Source: Okta wire facts 7.5.
"""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pocket_okta import refusal
from pocket_okta.acts import sign_on
from pocket_okta.acts import single_sign_on as acts
from pocket_okta.acts.single_sign_on import Farewell
from pocket_okta.desk import Message, desk_of
from pocket_okta.org import App
from pocket_okta.pages.frame import render
from pocket_okta.pages.sso import COOKIE, LEAVING, app_of, base_of, carry, incoming, person_of
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.saml import logout
from pocket_okta.saml.bindings import post_value, redirect_url
from pocket_okta.saml.metadata import issuer_of
from pocket_okta.saml.request import BadRequest, Incoming
from pocket_okta.saml.signing import sign
from pocket_okta.store import log

# A page with frames in which applications are told; each frame ends on our own page of the answer.
_FRAMES = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action http: https:; "
        "frame-src http: https:; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "unsafe-none",
}


def farewells(request: Request, leaving: list[Farewell], now: str) -> list[tuple[App, str]]:
    """Write a LogoutRequest for each app; returns the apps with the key under which its frame finds it."""
    desk = desk_of(request)
    told = []
    for it in leaving:
        settings, issuer = it.app.sign_on, issuer_of(it.app.external_key)
        address = settings.logout_request_url
        message = logout.write_request(
            settings, address, issuer, it.visit.name_id, it.visit.session_index, datetime.fromisoformat(now)
        )
        desk.logouts.keep(it.app.id, message.get("ID", ""))
        if settings.participation.binding == "POST":
            carried = Message(address, (("SAMLRequest", post_value(sign(message, it.key))),))
        else:
            carried = Message(redirect_url(address, "SAMLRequest", message, "", it.key))
        told.append((it.app, desk.farewells.keep(carried)))
    return told


def show_farewells(request: Request, told: list[tuple[App, str]], back: Message | None = None) -> Response:
    """Return the page that tells the applications, then carries `back` an answer or says that all is done."""
    page = render(request, "signed_out.html", told=told, back=back)
    page.headers.update(_FRAMES)
    return page


async def show_farewell(request: Request) -> Response:
    """What a frame shows first: the form, or the redirect, that tells one application."""
    message = desk_of(request).farewells.take(request.path_params["key"])
    if message is None:
        raise refusal.not_found("LogoutRequest", request.path_params["key"])
    if not message.fields:
        return RedirectResponse(message.to, 303)
    return carry(request, message)


async def take(request: Request) -> Response:
    """Take an application's LogoutRequest, or its answer to one of ours."""
    app = app_of(request)
    try:
        if answer := await incoming(request, "SAMLResponse"):
            return _answered(request, app, answer)
        if asked := await incoming(request, "SAMLRequest"):
            return _asked(request, app, asked)
    except BadRequest as problem:
        _note(request, app, f"Single logout message of app was refused: {app.label}. {problem}", "FAILURE")
        raise Refusal(Kind.INVALID, f"The logout message of {app.label} was refused. {problem}") from None
    raise refusal.invalid("SAMLRequest", "SAMLRequest: wanted a LogoutRequest or a LogoutResponse, got neither.")


def _note(request: Request, app: App, message: str, outcome: str = "SUCCESS") -> None:
    with desk_of(request).db.write() as tx:
        log.append(tx, "act", "user.authentication.slo", message, app_id=app.id, outcome=outcome)


def _asked(request: Request, app: App, message: Incoming) -> Response:
    """End what the application names, tell the others, and answer by POST to its Single Logout URL."""
    settings = app.sign_on
    if not settings.slo.enabled:
        raise BadRequest("Enable Single Logout is off on the application's Sign On tab.")
    desk = desk_of(request)
    with desk.db.write() as tx:
        now = datetime.fromisoformat(tx.now)
        asked = logout.read_request(message, settings, (sign_on.endpoints(base_of(request), app).slo,), now)
        codes, others = acts.leave_as_asked(tx, app, asked)
        key = sign_on.active_key(tx, app)
        told = farewells(request, others, tx.now)
    issuer = issuer_of(app.external_key)
    response = sign(logout.write_response(settings.slo.logout_url, issuer, asked.request_id, now, *codes), key)
    relay = (("RelayState", asked.relay_state),) if asked.relay_state else ()
    back = Message(settings.slo.logout_url, (("SAMLResponse", post_value(response)), *relay))
    _note(request, app, f"Single logout asked by app: {app.label}")
    page = show_farewells(request, told, back) if told else carry(request, back)
    if person_of(request) is None:
        page.delete_cookie(COOKIE, path="/")
    return page


def _answered(request: Request, app: App, message: Incoming) -> Response:
    ends = sign_on.endpoints(base_of(request), app)
    answer = logout.read_response(message, app.sign_on, (f"{ends.slo}/callback", ends.slo))
    if desk_of(request).logouts.take(answer.in_response_to) != app.id:
        raise BadRequest(f"InResponseTo: wanted the ID of a LogoutRequest that waits, got {answer.in_response_to!r}.")
    unverified = "" if answer.verified else ", not verified: no Signature Certificate is set"
    outcome = "SUCCESS" if answer.done else "FAILURE"
    _note(request, app, f"Single logout answered by app: {app.label}, {answer.status}{unverified}", outcome)
    page = render(request, "farewell.html", app=app, done=answer.done)
    page.headers.update(LEAVING)
    return page
