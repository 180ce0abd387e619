"""The Single Logout endpoint: receives LogoutRequests, and LogoutResponses to our own requests."""

import hashlib

from starlette.responses import Response

from vestibule.actions import end_access
from vestibule.endpoints.saml.messages import (
    RESULT_LIFE,
    addressed_provider,
    as_provider,
    each_once,
    posted_fields,
    record_revocation_refusal,
)
from vestibule.endpoints.saml_out import answer_logout, current_key, service_provider
from vestibule.endpoints.saml_refresh import with_current_keys
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import SignInRefused, WrongInput
from vestibule.model import IdentityProvider
from vestibule.saml.binding import decode_posted, decode_redirected, signed_part
from vestibule.saml.errors import SamlError
from vestibule.saml.logout import is_logout_request, logout_response, read_logout_request, read_logout_response
from vestibule.saml.signature import verify_query
from vestibule.store.database import Tx
from vestibule.store.saml import see_once


async def receive_logout(visit: Visit) -> Response:
    """Receive a LogoutRequest, or a LogoutResponse to our own request, by POST or redirect."""
    provider = await addressed_provider(visit)
    try:
        return await with_current_keys(
            visit.context, visit.tenant.id, provider, lambda current: _receive_logout(visit, current)
        )
    except (SamlError, WrongInput) as refused:
        await record_revocation_refusal(visit, provider, refused)
        told = SignInRefused("Logout", "", "", message="This sign-out message could not be accepted.")
        return visit.page("not_let_in.html", 400, refused=told, provider=provider)


async def _receive_logout(visit: Visit, provider: IdentityProvider) -> Response:
    redirected = visit.request.method == "GET"
    query = visit.request.url.query
    fields = each_once(query) if redirected else await posted_fields(visit)
    field = "SAMLRequest" if "SAMLRequest" in fields else "SAMLResponse"
    if field not in fields:
        raise SamlError("a SAMLRequest or a SAMLResponse", "neither")
    xml = (decode_redirected if redirected else decode_posted)(fields[field])
    signed = redirected and "Signature" in fields
    if signed:
        part = signed_part(query, field)
        verify_query(part, fields.get("SigAlg", ""), fields["Signature"], provider.saml.certificates)
    if await visit.context.examinations.run(visit.address, is_logout_request, xml) != (field == "SAMLRequest"):
        raise SamlError(f"a message that matches the field {field}", "another message")
    if field == "SAMLResponse":
        return await _left(visit, provider, xml, query_signed=signed)
    return await _end_as_asked(visit, provider, xml, fields.get("RelayState", ""), query_signed=signed)


async def _left(visit: Visit, provider: IdentityProvider, xml: bytes, *, query_signed: bool) -> Response:
    ours = service_provider(visit.context, visit.tenant, provider)
    _, everywhere = await visit.context.examinations.run(
        visit.address,
        read_logout_response,
        xml,
        provider.saml.entity_id,
        ours.logout_url,
        provider.saml.certificates,
        visit.context.database.clock(),
        query_signed=query_signed,
    )
    return visit.redirect(f"/{visit.tenant.name}/", "signed-out-everywhere" if everywhere else "signed-out")


async def _end_as_asked(
    visit: Visit, provider: IdentityProvider, xml: bytes, relay: str, *, query_signed: bool
) -> Response:
    saml, ours = provider.saml, service_provider(visit.context, visit.tenant, provider)
    now = visit.context.database.clock()
    asked = await visit.context.examinations.run(
        visit.address,
        read_logout_request,
        xml,
        saml.entity_id,
        ours.logout_url,
        saml.certificates,
        now,
        query_signed=query_signed,
    )
    once = hashlib.sha256(f"logout\n{asked.id}".encode()).digest()
    told = {"user_name": asked.name_id, "name": provider.name, "reason": f"Single Logout from {provider.name}"}

    async def end_sessions(tx: Tx) -> bool:
        if not await see_once(tx, provider.id, once, now + RESULT_LIFE):
            raise SamlError("a LogoutRequest that was not used yet", "one that was")
        return await end_access.end_by_name(tx, provider, asked.name_id, asked.session_indexes, told)

    known = await visit.context.database.run(as_provider(visit, provider), end_sessions)
    if not (to := saml.slo_response_url or saml.slo_url):
        return visit.page("left.html", known=known)
    key = await current_key(visit, provider)
    id_ = f"id{hashlib.sha256(xml).hexdigest()[:32]}"
    answer = logout_response(id_, ours.entity_id, to, asked.id, now, known=known)
    return answer_logout(visit, provider, answer, relay[:80], key)
