"""Tells a browser why its session ended: only with the session's cookie, and only for a day."""

from typing import Final, NamedTuple

from vestibule.endpoints.web.guard import console_token, person_token
from vestibule.endpoints.web.visit import Visit
from vestibule.keys import tenant_of_token, token_check
from vestibule.store.ended_sessions import SignOutReason, find_ended_session


class SignedOut(NamedTuple):
    """When a session ended (milliseconds), why, and what the person can do."""

    at: int
    because: str
    advice: str


WORDS: Final[dict[SignOutReason, tuple[str, str]]] = {
    "deactivated": (
        "your account here was deactivated",
        "If that is not right, ask your administrator to assign you again.",
    ),
    "deleted": ("your account here was deleted", "If that is not right, ask your administrator to assign you again."),
    "blocked": (
        "an administrator blocked your sign-in here",
        "If that is not right, ask them to choose Let in again on your page under Users.",
    ),
    "by_administrator": ("an administrator ended your sessions", "You can sign in again."),
    "by_hand": (
        "you ended this session from another browser",
        "You can sign in again. If it was not you who ended it, tell your administrator.",
    ),
    "universal_logout": (
        "your identity provider ended all of your sessions",
        "You can sign in again. If you did not expect that, ask your administrator.",
    ),
    "single_logout": ("you signed out at your identity provider", "You can sign in again."),
    "provider_disabled": (
        "sign-in with your identity provider was switched off here",
        "Ask your administrator to enable it again.",
    ),
    "tenant_suspended": (
        "sign-in was suspended for your whole organisation",
        "Your administrator can ask the operator of this service for the reason.",
    ),
    "console_role_changed": ("your role in this console was changed", "You can sign in again if you still have one."),
    "console_locked_out": (
        "your access to this console was removed",
        "If that is not right, ask an owner to choose Let in again under Settings > Administrators.",
    ),
    "password_changed": (
        "your password was changed",
        "Sign in with the new one. If you did not change it, tell an owner at once.",
    ),
    "factors_reset": (
        "your second factors were removed",
        "Sign in with your password, and add a second factor again under My account.",
    ),
}


async def why_person_signed_out(visit: Visit) -> SignedOut | None:
    """Returns why the session of the person's cookie ended; None if that is not known."""
    return await _find(visit, visit.tenant.id, person_token(visit))


async def why_administrator_signed_out(visit: Visit) -> SignedOut | None:
    """Returns why the session of the console's cookie ended; None if that is not known."""
    token = console_token(visit)
    return await _find(visit, tenant_of_token(token), token)


async def _find(visit: Visit, tenant_id: str, token: str) -> SignedOut | None:
    if not token:
        return None
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        ended = await find_ended_session(all_tenants, tenant_id, token_check(token))
    return SignedOut(ended.ended_at, *WORDS[ended.reason]) if ended else None
