"""Sends SAML requests to identity providers, for sign-in and Single Logout, and has the keys that sign them."""

import asyncio
import hashlib
import logging
import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from vestibule.actions import person_sign_in, saml_keys
from vestibule.endpoints.context import Context
from vestibule.endpoints.rate_limit import network_of
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import TooOften
from vestibule.model import IdentityProvider, Tenant
from vestibule.saml.binding import encode_posted, redirect_url
from vestibule.saml.logout import logout_request
from vestibule.saml.request import AuthnRequest, authn_request, message
from vestibule.saml.service_provider import ServiceProvider, make_signing_key
from vestibule.saml.signature import SigningKey
from vestibule.saml.xml import Element, serialise
from vestibule.store.identity_providers import find_provider
from vestibule.store.person_sessions import UserSession

log = logging.getLogger("vestibule")

_BINDING_LIFE: Final = person_sign_in.BEGUN_FOR // 1000
_TOKEN: Final = 43


def service_provider(context: Context, tenant: Tenant, provider: IdentityProvider) -> ServiceProvider:
    """Returns our URLs for one identity provider."""
    return ServiceProvider(context.settings.saml_url(tenant.name, provider.id))


async def current_key(visit: Visit, provider: IdentityProvider) -> SigningKey:
    """Returns the key that signs our messages. It is made when it is first needed."""
    checker = visit.context.checker
    async with visit.context.database.read(visit.tenant.id) as reading:
        key = await saml_keys.current_key(reading, provider.id, checker)
    if key is not None:
        return key
    made = await asyncio.to_thread(make_signing_key, f"Vestibule {visit.tenant.name}", visit.received_at // 1000)
    itself = visit.actor._replace(kind="worker", id="", name="Vestibule")
    return await visit.context.database.run(itself, lambda tx: saml_keys.keep_first_key(tx, provider, made, checker))


# -- signing in --------------------------------------------------------------------------------------------------------


def _binding_cookie(context: Context) -> str:
    return "__Host-vestibule-begun" if context.settings.url.startswith("https:") else "vestibule-begun"


def browser_check(visit: Visit) -> bytes | None:
    """Returns the hash of the cookie that ties a sign-in to this browser; None if it has no such cookie."""
    token = visit.request.cookies.get(_binding_cookie(visit.context), "")
    return hashlib.sha256(token.encode()).digest() if len(token) == _TOKEN and token.isascii() else None


def _slow_down(visit: Visit, provider: IdentityProvider) -> None:
    """Limit the rate of new sign-ins for each client and identity provider, because each one adds a row.

    Raises:
        TooOften: there are too many.
    """
    context, network = visit.context, network_of(visit.address)
    now = context.database.clock()
    wait = context.sign_ins_of_clients.take(network, now) or context.sign_ins_of_providers.take(provider.id, now)
    if wait:
        if (more := context.slowed_sign_ins.note((provider.id,), now)) is not None:
            told = {"tenant": visit.tenant.id, "identity_provider": provider.id, "from": network, "more": more}
            log.warning("sign-ins are slowed down", extra=told)
        raise TooOften(f"There are too many sign-ins at the moment. Try again in {seconds_of(wait)}.", wait)


def seconds_of(wait: int) -> str:
    """Returns a number of seconds in words."""
    return "a second" if wait == 1 else f"{wait} seconds"


async def send_to_sign_in(
    visit: Visit, provider: IdentityProvider, relay: str, *, purpose: str = "sign-in", force: bool = False
) -> Response:
    """Begin a sign-in, and send the browser to the identity provider with an AuthnRequest.

    Raises:
        SignInRefused: the identity provider is disabled or not set up.
        TooOften: this client, or all clients of this identity provider, begin too many sign-ins.
    """
    person_sign_in.check_usable(provider, testing=purpose == "test")
    if purpose != "test":
        _slow_down(visit, provider)
    saml = provider.saml
    key = await current_key(visit, provider) if saml.sign_requests else None
    token = visit.request.cookies.get(_binding_cookie(visit.context), "")
    if len(token) != _TOKEN or not token.isascii():
        token = secrets.token_urlsafe(32)
    check = hashlib.sha256(token.encode()).digest()
    who = visit.administrator.id if visit.administrator and purpose == "test" else ""
    begun = await visit.context.database.run(
        visit.actor,
        lambda tx: person_sign_in.begin(tx, provider, relay, check, purpose=purpose, administrator_id=who),
    )
    ours = service_provider(visit.context, visit.tenant, provider)
    asked = AuthnRequest(
        id=begun.id,
        entity_id=ours.entity_id,
        acs_url=ours.acs_url,
        destination=saml.sso_url,
        force_authn=force or saml.force_authn,
        authn_context=saml.authn_context,
    )
    request = authn_request(asked, begun.created_at)
    if saml.sso_binding == "post":
        posted = encode_posted(message(request, key))
        response = visit.page(
            "to_provider.html", url=saml.sso_url, field="SAMLRequest", message=posted, relay=begun.id, leaving=False
        )
        allow_form_to(response, saml.sso_url)
    else:
        url = redirect_url(saml.sso_url, "SAMLRequest", serialise(request), begun.id, key)
        response = RedirectResponse(url, 303)
    secure = visit.context.settings.url.startswith("https:")
    # The response is a POST from another site, with which browsers send only SameSite=None cookies, which need HTTPS.
    # Plain HTTP is for use on one machine, where the identity provider is the same site.
    response.set_cookie(
        _binding_cookie(visit.context),
        token,
        max_age=_BINDING_LIFE,
        path="/",
        secure=secure,
        httponly=True,
        samesite="none" if secure else "lax",
    )
    return response


def allow_form_to(response: Response, *urls: str, framed: bool = False) -> None:
    """Set a Content-Security-Policy that lets the page's forms be sent to the origins of these URLs.

    With `framed` the page may also be shown in a frame of theirs.
    """
    origins = " ".join(f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, urls) if parts.netloc)
    frames = origins if framed else "'none'"
    response.headers["content-security-policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self' {origins}; frame-ancestors {frames}; base-uri 'none'"
    )


# -- signing out -------------------------------------------------------------------------------------------------------


async def leave(visit: Visit, session: UserSession) -> Response | None:
    """Returns the page that sends the browser to the identity provider with a LogoutRequest.

    Returns None if the identity provider has no Single Logout URL.
    """
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await find_provider(reading, session.identity_provider_id)
    if provider is None or not provider.saml.slo_url:
        return None
    key = await current_key(visit, provider)
    ours = service_provider(visit.context, visit.tenant, provider)
    id_ = f"id{secrets.token_hex(16)}"
    request = logout_request(
        id_=id_,
        entity_id=ours.entity_id,
        destination=provider.saml.slo_url,
        name_id=session.name_id,
        name_id_format=session.name_id_format,
        session_index=session.session_index,
        now=visit.received_at // 1000,
    )
    if provider.saml.slo_binding == "post":
        return _signed_out_form(visit, provider.saml.slo_url, "SAMLRequest", request, "", key)
    url = redirect_url(provider.saml.slo_url, "SAMLRequest", serialise(request), "", key)
    return visit.page("leaving.html", url=url)


def answer_logout(visit: Visit, provider: IdentityProvider, answer: Element, relay: str, key: SigningKey) -> Response:
    """Send our LogoutResponse, by the binding that the identity provider uses."""
    to = provider.saml.slo_response_url or provider.saml.slo_url
    if provider.saml.slo_binding == "post":
        return _signed_out_form(visit, to, "SAMLResponse", answer, relay, key)
    return RedirectResponse(redirect_url(to, "SAMLResponse", serialise(answer), relay, key), 303)


def _signed_out_form(visit: Visit, to: str, field: str, root: Element, relay: str, key: SigningKey) -> Response:
    posted = encode_posted(message(root, key))
    response = visit.page("to_provider.html", url=to, field=field, message=posted, relay=relay, leaving=True)
    # An identity provider may send its LogoutRequest from a hidden frame of its own page.
    allow_form_to(response, to, framed=field == "SAMLResponse")
    return response
