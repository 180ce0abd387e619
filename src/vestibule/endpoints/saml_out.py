"""What goes out to an identity provider: requests to sign in and to sign out, and the keys they are signed with."""

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
from vestibule.saml.request import Asking, authn_request, message
from vestibule.saml.service_provider import ServiceProvider, make_signing_key
from vestibule.saml.signature import SigningKey
from vestibule.saml.xml import Element, serialise
from vestibule.store.identity_providers import find_provider
from vestibule.store.person_sessions import UserSession

log = logging.getLogger("vestibule")

_BINDING_LIFE: Final = person_sign_in.BEGUN_FOR // 1000
_TOKEN: Final = 43


def service_provider(context: Context, tenant: Tenant, provider: IdentityProvider) -> ServiceProvider:
    """This service provider as that identity provider knows it."""
    return ServiceProvider(context.settings.saml_url(tenant.name, provider.id))


async def current_key(visit: Visit, provider: IdentityProvider) -> SigningKey:
    """The key that our messages are signed with; made when it is first needed."""
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
    """What is kept of the token that binds sign-ins to this browser; None if it has none."""
    token = visit.request.cookies.get(_binding_cookie(visit.context), "")
    return hashlib.sha256(token.encode()).digest() if len(token) == _TOKEN and token.isascii() else None


def _slow_down(visit: Visit, provider: IdentityProvider) -> None:
    """Hold back whoever begins one sign-in after another: a row is kept of each.

    Raises:
        TooOften
    """
    context, network = visit.context, network_of(visit.address)
    now = context.database.clock()
    wait = context.sign_ins_of_clients.take(network, now) or context.sign_ins_of_providers.take(provider.id, now)
    if wait:
        if (more := context.slowed_sign_ins.note((provider.id,), now)) is not None:
            told = {"tenant": visit.tenant.id, "identity_provider": provider.id, "from": network, "more": more}
            log.warning("sign-ins are slowed down", extra=told)
        raise TooOften(f"Too many sign-ins are begun at once. Try again in {seconds_of(wait)}.", wait)


def seconds_of(wait: int) -> str:
    """A number of seconds in words."""
    return "a second" if wait == 1 else f"{wait} seconds"


async def send_to_sign_in(
    visit: Visit, provider: IdentityProvider, relay: str, *, purpose: str = "sign-in", force: bool = False
) -> Response:
    """Begin a sign-in and send the browser to the identity provider with it.

    Raises:
        SignInRefused: nobody can sign in there now.
        TooOften: too many sign-ins are begun by this client, or with this identity provider.
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
    asking = Asking(begun.id, ours.entity_id, ours.acs_url, saml.sso_url, force or saml.force_authn, saml.authn_context)
    request = authn_request(asking, begun.created_at)
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
    # The response comes with a POST from another site, to which only SameSite=None cookies are sent; browsers take
    # those over HTTPS only. On plain HTTP, which is for one machine, the identity provider is the same site.
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
    """Let the forms of a page go to where these URLs are, and nowhere else; `framed` in a frame of theirs, too."""
    origins = " ".join(f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, urls) if parts.netloc)
    frames = origins if framed else "'none'"
    response.headers["content-security-policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self' {origins}; frame-ancestors {frames}; base-uri 'none'"
    )


# -- signing out -------------------------------------------------------------------------------------------------------


async def leave(visit: Visit, session: UserSession) -> Response | None:
    """The page that takes a browser on to end the identity provider's session as well; None where that takes no part
    in it.
    """
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await find_provider(reading, session.identity_provider_id)
    if provider is None or not provider.saml.slo_url:
        return None
    key = await current_key(visit, provider)
    ours = service_provider(visit.context, visit.tenant, provider)
    id_ = f"id{secrets.token_hex(16)}"
    request = logout_request(
        id_,
        ours.entity_id,
        provider.saml.slo_url,
        session.name_id,
        session.name_id_format,
        session.session_index,
        visit.received_at // 1000,
    )
    if provider.saml.slo_binding == "post":
        return _signed_out_form(visit, provider.saml.slo_url, "SAMLRequest", request, "", key)
    url = redirect_url(provider.saml.slo_url, "SAMLRequest", serialise(request), "", key)
    return visit.page("leaving.html", url=url)


def answer_logout(visit: Visit, provider: IdentityProvider, answer: Element, relay: str, key: SigningKey) -> Response:
    """Carry our answer to a LogoutRequest back, by the binding that the identity provider takes."""
    to = provider.saml.slo_response_url or provider.saml.slo_url
    if provider.saml.slo_binding == "post":
        return _signed_out_form(visit, to, "SAMLResponse", answer, relay, key)
    return RedirectResponse(redirect_url(to, "SAMLResponse", serialise(answer), relay, key), 303)


def _signed_out_form(visit: Visit, to: str, field: str, root: Element, relay: str, key: SigningKey) -> Response:
    posted = encode_posted(message(root, key))
    response = visit.page("to_provider.html", url=to, field=field, message=posted, relay=relay, leaving=True)
    # An identity provider that ends its sessions tells us in a hidden frame of its own page.
    allow_form_to(response, to, framed=field == "SAMLResponse")
    return response
