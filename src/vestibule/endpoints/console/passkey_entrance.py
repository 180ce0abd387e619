"""The page on which an administrator signs in with a passkey alone.

The challenge is kept in an encrypted cookie, so that opening the page stores nothing on the server.
"""

import asyncio
from typing import Final

import orjson
from starlette.responses import Response

from vestibule.actions import proofs
from vestibule.actions.passkey_sign_in import CHALLENGE_LIFE, sign_in_with_passkey
from vestibule.endpoints.console.browser_cookie import known_tokens
from vestibule.endpoints.console.second_step import entered, local_path
from vestibule.endpoints.web.guard import cookie_name
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput, WrongSetting
from vestibule.store.administrator_sessions import end_session

_PURPOSE: Final = "the challenge of a sign-in with a passkey"
_LONGEST_COOKIE: Final = 500
_WRONG: Final = "That passkey cannot sign in here. Try another one, or sign in with your e-mail and password."
_LATE: Final = "This page was open for longer than five minutes, or was used already. Try again."


async def show_passkey(visit: Visit) -> Response:
    """Show the page with the button that asks for a passkey. Redirects to the console if already signed in."""
    if visit.administrator is not None:
        return visit.redirect(local_path(visit.query("to")))
    return await _page(visit, visit.query("to"))


async def sign_in(visit: Visit) -> Response:
    """Verify the passkey's signature, and begin a session."""
    answer, party = visit.field("answer"), proofs.relying_party(visit.context.settings.url)
    if not answer or party is None:
        return await _page(visit, visit.field("to"))
    waiting = _waiting(visit)
    if waiting is None:
        return await _page(visit, visit.field("to"), WrongInput(_LATE))
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        entry = await sign_in_with_passkey(all_tenants, party, *waiting, answer, known_tokens(visit))
        if entry is not None and visit.session is not None:
            await end_session(all_tenants, visit.session)  # the browser loses its cookie
    if entry is None:
        return await _page(visit, visit.field("to"), WrongInput(_WRONG))
    response = entered(visit, entry, local_path(visit.field("to")))
    response.delete_cookie(_cookie(visit), path="/", secure=_https(visit), httponly=True, samesite="strict")
    return response


async def _page(visit: Visit, to: str, refused: Refusal | None = None) -> Response:
    party, challenge = proofs.relying_party(visit.context.settings.url), proofs.make_challenge()
    options = ""
    if party:  # in a thread, because the first call imports the library
        options = await asyncio.to_thread(proofs.request_options, party, challenge, [], owner_checked=True)
    status = 401 if refused else 200
    response = visit.page("passkey.html", status, options=options, to=local_path(to), refused=refused)
    kept = orjson.dumps((challenge.hex(), visit.context.database.clock() + CHALLENGE_LIFE))
    response.set_cookie(
        _cookie(visit),
        visit.context.checker.seal(kept, _PURPOSE).hex(),
        max_age=CHALLENGE_LIFE // 1000,
        path="/",
        secure=_https(visit),
        httponly=True,
        samesite="strict",
    )
    return response


def _waiting(visit: Visit) -> tuple[bytes, int] | None:
    """Returns the challenge from this browser's cookie and when it expires; None if there is none or it has expired."""
    text = visit.request.cookies.get(_cookie(visit), "")
    if not text or len(text) > _LONGEST_COOKIE:
        return None
    try:
        challenge, expires_at = orjson.loads(visit.context.checker.unseal(bytes.fromhex(text), _PURPOSE))
    except (ValueError, WrongSetting):
        return None
    return (bytes.fromhex(challenge), expires_at) if visit.context.database.clock() < expires_at else None


def _cookie(visit: Visit) -> str:
    return f"{cookie_name(visit.context)}-passkey"


def _https(visit: Visit) -> bool:
    return visit.context.settings.url.startswith("https:")
