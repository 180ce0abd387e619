"""Re-authentication before sensitive changes, so that somebody who finds an open browser cannot make them.

The password and second factors can be changed within five minutes of a sign-in; keys, SAML details and administrators
within fifteen. Later, `/console/account/again` asks for the password and the second factor, and leads back. The form
that was sent waits meanwhile (`kept_form`).
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlencode

from starlette.responses import Response

from vestibule.endpoints.console.kept_form import keep_form
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotAllowed
from vestibule.limits import RECENT_ACCOUNT_SECONDS, RECENT_SETTINGS_SECONDS

Handler = Callable[[Visit], Awaitable[Response]]
AGAIN = "/console/account/again"


def proven_for_account(handler: Handler) -> Handler:
    """Wrap a handler that changes how the administrator signs in: it needs a very recent sign-in."""
    return _proven(handler, RECENT_ACCOUNT_SECONDS)


def proven_for_settings(handler: Handler) -> Handler:
    """Wrap a handler that decides who has access: it needs a recent sign-in."""
    return _proven(handler, RECENT_SETTINGS_SECONDS)


def _proven(handler: Handler, seconds: int) -> Handler:
    @wraps(handler)
    async def answer(visit: Visit) -> Response:
        if visit.received_at // 1000 - visit.own_session.created_at <= seconds * 1000:
            return await handler(visit)
        if visit.who.user_id:
            raise NotAllowed(
                f"You signed in more than {seconds // 60} minutes ago. Sign out, sign in again with your identity "
                "provider, and send this again."
            )
        back = came_from(visit)
        kept = await keep_form(visit, back) if visit.request.method == "POST" else ""
        return visit.redirect(f"{AGAIN}?{urlencode({'to': back, **({'form': kept} if kept else {})})}")

    return answer


def came_from(visit: Visit) -> str:
    """Returns the page that a form was sent from, by the Referer header; for a GET the page itself."""
    if visit.request.method == "GET":
        return visit.request.url.path
    site, referer = visit.context.settings.url, visit.request.headers.get("referer", "")
    path = referer.removeprefix(site) if referer.startswith(f"{site}/console/") else ""
    return path.partition("?")[0].partition("#")[0] or "/console/account"
