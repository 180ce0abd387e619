"""The assertion consumer service: receives SAML Responses and signs people in.

Nothing in a Response is used before it was validated. If it is refused, the person sees a sentence and a reference, and
administrators see all details.
"""

import hmac
from typing import Final

from starlette.responses import RedirectResponse, Response

from vestibule.actions import person_sign_in
from vestibule.actions.applications import may_be_sent_to
from vestibule.endpoints.console.sign_in_advice import mend_of_sign_in
from vestibule.endpoints.saml.examining import examine_with_current_keys
from vestibule.endpoints.saml.messages import addressed_provider, as_stranger, posted_fields, refuse_sign_in
from vestibule.endpoints.saml.sign_in_test import keep_test
from vestibule.endpoints.saml_out import browser_check, send_to_sign_in
from vestibule.endpoints.web.guard import cookie_name, person_cookie_name
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import SignInRefused, WrongInput
from vestibule.keys import tenant_of_token, token_check
from vestibule.model import IdentityProvider
from vestibule.saml.binding import decode_posted
from vestibule.saml.errors import SamlError
from vestibule.saml.response import answered_request
from vestibule.store.administrator_sessions import end_console_session_of_token
from vestibule.store.database import Tx
from vestibule.store.person_sessions import end_session_of_token
from vestibule.store.saml import SignInRequest, find_request

_STALE: Final = (
    "This sign-in was started in another browser or more than ten minutes ago, or it is already done. Sign in again."
)


async def receive(visit: Visit) -> Response:
    """Receive a Response, and sign the person in or refuse it."""
    provider = await addressed_provider(visit)
    named: list[str] = []
    try:
        return await _receive(visit, provider, named)
    except (SignInRefused, WrongInput, SamlError) as refused:
        return await refuse_sign_in(visit, provider, refused, named[0] if named else "")


async def _receive(visit: Visit, provider: IdentityProvider, named: list[str]) -> Response:
    """Receive a Response. Once it is valid, its NameID is appended to `named`, for the log.

    Raises:
        SignInRefused, WrongInput, SamlError: it is refused.
    """
    fields = await posted_fields(visit)
    if "SAMLResponse" not in fields:
        raise SamlError("a SAMLResponse", "none")
    xml = decode_posted(fields["SAMLResponse"])
    begun = await _begun(visit, provider, await visit.context.examinations.run(visit.address, answered_request, xml))
    if begun is None and provider.saml.unsolicited == "restart":
        return await send_to_sign_in(visit, provider, fields.get("RelayState", ""))
    provider, examined = await examine_with_current_keys(visit, provider, xml, begun)
    if begun is not None and begun.purpose == "test":
        return await keep_test(visit, provider, begun, examined)
    if (failed := examined.failed) is not None:
        raise SignInRefused(failed.name, failed.wanted, failed.came, message=_message_about(failed.name, provider))
    if examined.assertion is None:
        raise SignInRefused("Contents", "an assertion", "none")
    named.append(examined.assertion.name_id)
    assertion = examined.assertion

    async def accept(tx: Tx) -> person_sign_in.Opened:
        opened = await person_sign_in.accept(tx, visit.tenant, provider.id, provider.saml, assertion, begun)
        await _end_replaced(tx, visit, opened)
        return opened

    opened = await visit.context.database.run(as_stranger(visit), accept)
    return await _signed_in(visit, provider, opened, begun.relay if begun else fields.get("RelayState", ""))


def _message_about(check: str, provider: IdentityProvider) -> str:
    """Returns what the person is told about a failed check; empty for the usual message."""
    if check == "Signed":
        return (
            f"{provider.name} sent a response that is not signed. Ask your administrator to change that: "
            f"{mend_of_sign_in('Signed', provider.vendor)}"
        )
    return ""


async def _end_replaced(tx: Tx, visit: Visit, opened: person_sign_in.Opened) -> None:
    """End the sessions whose cookies are about to be replaced in this browser, of any person."""
    cookies = visit.request.cookies
    if token := cookies.get(person_cookie_name(visit.context, visit.tenant), ""):
        await end_session_of_token(tx, token_check(token))
    if opened.console_token and (token := cookies.get(cookie_name(visit.context), "")):
        await end_console_session_of_token(tx, tenant_of_token(token), token_check(token))


async def _begun(visit: Visit, provider: IdentityProvider, answered: str) -> SignInRequest | None:
    """Returns the sign-in that a response answers; None if it answers none (IdP-initiated) and that is allowed.

    Raises:
        SignInRefused: it is not allowed, or the sign-in is over or belongs to another browser.
    """
    if not answered:
        if provider.saml.unsolicited == "refuse":
            raise SignInRefused(
                "Begun here",
                "a sign-in that began here, because sign-in from the identity provider's own pages is switched off",
                "a response without a request",
                message="Sign in from this page instead of from your dashboard.",
            )
        return None
    async with visit.context.database.read(visit.tenant.id) as reading:
        begun = await find_request(reading, answered[:200])
        now = reading.now
    check = browser_check(visit)
    usable = begun is not None and begun.identity_provider_id == provider.id and now < begun.expires_at
    if provider.saml.unsolicited == "restart" and (begun is None or (not usable and begun.result is None)):
        return None  # treated like an IdP-initiated response: a new sign-in begins
    if begun is None or not usable or begun.result is not None:
        raise SignInRefused("Begun here", "a sign-in in progress", "one that is over or unknown", message=_STALE)
    if check is None or not hmac.compare_digest(check, begun.browser_check):
        raise SignInRefused("Begun here", "the browser that began this sign-in", "another one", message=_STALE)
    return begun


async def _signed_in(visit: Visit, provider: IdentityProvider, opened: person_sign_in.Opened, relay: str) -> Response:
    home = f"/{visit.tenant.name}/"
    response = RedirectResponse(await _destination(visit, provider, relay) or home, 303)
    secure = visit.context.settings.url.startswith("https:")
    cookies = {person_cookie_name(visit.context, visit.tenant): opened.token}
    if opened.console_token:
        cookies[cookie_name(visit.context)] = opened.console_token
    for name, token in cookies.items():
        response.set_cookie(name, token, path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def _destination(visit: Visit, provider: IdentityProvider, relay: str) -> str:
    """Returns where to send the person: a path here or one of the tenant's applications; empty for the home page."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        for wanted in (relay, provider.saml.default_relay):
            if wanted and await may_be_sent_to(reading, wanted):
                return wanted
    return ""
