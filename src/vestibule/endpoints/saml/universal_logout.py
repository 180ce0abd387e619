"""The endpoint for Okta's Universal Logout, which ends all sessions of a person (global token revocation)."""

import hashlib
import json

from starlette.responses import Response

from vestibule.actions import end_access
from vestibule.endpoints.saml.messages import addressed_provider, as_provider, read_body, record_revocation_refusal
from vestibule.endpoints.saml_out import service_provider
from vestibule.endpoints.saml_refresh import with_current_keys
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import WrongInput
from vestibule.model import IdentityProvider
from vestibule.saml.errors import SamlError
from vestibule.saml.revocation import RevocationSubject, RevocationToken, read_subject, read_token
from vestibule.store.database import Tx
from vestibule.store.saml import see_once
from vestibule.store.users import find_own_users, find_own_users_by_email


async def revoke(visit: Visit) -> Response:
    """End all sessions of the person whom Okta names."""
    provider = await addressed_provider(visit)
    try:
        token = await with_current_keys(
            visit.context, visit.tenant.id, provider, lambda current: _token(visit, current)
        )
    except SamlError as refused:
        await record_revocation_refusal(visit, provider, refused)
        return visit.json({"error": "unauthorized", "message": str(refused)}, 401)
    try:
        named = read_subject(json.loads(await read_body(visit)), token.issuer, provider.saml.entity_id)
    except (ValueError, RecursionError, SamlError, WrongInput) as error:
        wanted = error if isinstance(error, SamlError) else SamlError("a JSON body with a sub_id", "something else")
        await record_revocation_refusal(visit, provider, wanted)
        return visit.json({"error": "wrong_input", "message": str(wanted)}, 400)
    once = hashlib.sha256(f"revocation\n{token.token_id}".encode()).digest()

    async def revoke(tx: Tx) -> tuple[bool, bool]:
        first = await see_once(tx, provider.id, once, token.usable_until)
        return first, first and await _revoke(tx, provider, named)

    first, found = await visit.context.database.run(as_provider(visit, provider), revoke)
    if not first:
        used = SamlError("a token that was not used yet", "one that was")
        await record_revocation_refusal(visit, provider, used)
        return visit.json({"error": "unauthorized", "message": str(used)}, 401)
    if not found:
        return visit.json({"error": "not_found", "message": "No person of this identity provider matches sub_id."}, 404)
    return Response(status_code=204)


async def _token(visit: Visit, provider: IdentityProvider) -> RevocationToken:
    saml, ours = provider.saml, service_provider(visit.context, visit.tenant, provider)
    scheme, _, text = visit.request.headers.get("authorization", "").partition(" ")
    text = text.strip() if scheme.lower() == "bearer" else ""
    token = read_token(text, ours.revocation_url, saml.sso_url, saml.certificates, visit.context.database.clock())
    if not provider.enabled:
        raise SamlError("an identity provider that is enabled", "one that is switched off")
    return token


async def _revoke(tx: Tx, provider: IdentityProvider, named: RevocationSubject) -> bool:
    if named.subject or (named.name_id and provider.saml.name_id_is == "externalId"):
        found = await find_own_users(tx, provider.id, external_id=named.subject or named.name_id)
    else:
        found = await find_own_users(tx, provider.id, user_name=named.email or named.name_id)
        if not found and named.email:
            found = await find_own_users_by_email(tx, provider.id, named.email)
    for user in found:
        told = {"user_name": json.loads(user.document)["userName"], "reason": f"Universal Logout from {provider.name}"}
        await end_access.take_access(tx, "session.revoked", user.id, told, provider.id, reason="universal_logout")
    return bool(found)
