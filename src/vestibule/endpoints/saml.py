"""SAML over HTTP: where identity providers send people, and themselves.

The rules of this file: the tenant and the identity provider come from the URL, never from a message; what a message
says is believed once the library has examined it; and whatever is refused is told to the person in a sentence with a
reference, and to the administrators in full.
"""

import asyncio
import hashlib
import hmac
import json
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.responses import RedirectResponse, Response

from vestibule.actions import end_access, person_sign_in, saml_keys
from vestibule.actions.applications import may_be_sent_to
from vestibule.endpoints.console.sign_in_advice import mend_of_sign_in
from vestibule.endpoints.saml_out import (
    answer_logout,
    browser_check,
    current_key,
    send_to_sign_in,
    service_provider,
)
from vestibule.endpoints.saml_refresh import read_again, with_current_keys
from vestibule.endpoints.web.guard import LONGEST_FORM, cookie_name, person_cookie_name
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotFound, SignInRefused, WrongInput
from vestibule.keys import Checker, tenant_of_token, token_check
from vestibule.model import Actor, IdentityProvider
from vestibule.saml.binding import decode_posted, decode_redirected, signed_part
from vestibule.saml.errors import SamlError
from vestibule.saml.logout import is_logout_request, logout_response, read_logout_request, read_logout_response
from vestibule.saml.response import OLDEST, Examination, Expected, answered_request, examine
from vestibule.saml.revocation import Order, Revoked, read_order, read_subject
from vestibule.saml.service_provider import service_provider_metadata
from vestibule.saml.signature import verify_query
from vestibule.store.administrator_sessions import end_console_session_of_token
from vestibule.store.database import Tx
from vestibule.store.events import append_event
from vestibule.store.identity_providers import find_provider
from vestibule.store.person_sessions import end_session_of_token
from vestibule.store.saml import SignInRequest, find_request, keys_of, put_result, see_once
from vestibule.store.users import find_own_users, find_own_users_by_email

LARGEST_POST: Final = 600 * 1024
_RESULT_LIFE: Final = 3_600_000
_SEALED: Final = b"EncryptedAssertion"
_STALE: Final = (
    "This sign-in was begun in another browser, or more than ten minutes ago, or was finished already. Sign in again."
)


async def _provider(visit: Visit) -> IdentityProvider:
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await find_provider(reading, visit.path("provider_id"))
    if provider is None:
        raise NotFound("There is no such identity provider here.")
    return provider


async def _body(visit: Visit) -> bytes:
    declared = visit.request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > LARGEST_POST:
        raise WrongInput(f"A body of at most {LARGEST_POST:,} bytes, and that says how many it has, is wanted.")
    try:
        async with asyncio.timeout(LONGEST_FORM):
            return await visit.request.body()
    except TimeoutError:
        raise WrongInput(f"A body should be whole within {LONGEST_FORM} seconds; this one was not.") from None


async def _posted(visit: Visit) -> dict[str, str]:
    """The fields of a form, each once.

    Raises:
        WrongInput: no form, or a field that came twice.
    """
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise WrongInput(f"A posted form is wanted here; '{kind[:80] or 'nothing'}' came.")
    return _once((await _body(visit)).decode("latin-1"))


def _once(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise WrongInput("At most 20 fields are wanted; more came.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise WrongInput("Each field is wanted once; one came twice.")
    return fields


# -- metadata, and beginning -------------------------------------------------------------------------------------------


async def show_metadata(visit: Visit) -> Response:
    """This service provider's metadata for one identity provider."""
    provider = await _provider(visit)
    async with visit.context.database.read(visit.tenant.id) as reading:
        certificates = [key.certificate for key in await keys_of(reading, provider.id)]
    if not certificates:
        certificates = [(await current_key(visit, provider)).certificate]
    ours = service_provider(visit.context, visit.tenant, provider)
    xml = service_provider_metadata(ours, certificates, signs=provider.saml.sign_requests)
    return Response(xml, media_type="application/samlmetadata+xml")


async def begin_login(visit: Visit) -> Response:
    """Send a person to their identity provider."""
    provider = await _provider(visit)
    try:
        return await send_to_sign_in(visit, provider, visit.query("to"))
    except SignInRefused as refused:
        return await _refuse(visit, provider, refused, "")


# -- responses ---------------------------------------------------------------------------------------------------------


async def receive(visit: Visit) -> Response:
    """A Response (the assertion consumer service)."""
    provider = await _provider(visit)
    named: list[str] = []
    try:
        return await _receive(visit, provider, named)
    except (SignInRefused, WrongInput, SamlError) as refused:
        return await _refuse(visit, provider, refused, named[0] if named else "")


async def _receive(visit: Visit, provider: IdentityProvider, named: list[str]) -> Response:
    """The same without the refusals. `named` comes to hold whom an examined assertion means, for the log."""
    fields = await _posted(visit)
    if "SAMLResponse" not in fields:
        raise SamlError("A SAMLResponse is wanted", "none")
    xml = decode_posted(fields["SAMLResponse"])
    begun = await _begun(visit, provider, answered_request(xml))
    if begun is None and provider.saml.unsolicited == "restart":
        return await send_to_sign_in(visit, provider, fields.get("RelayState", ""))
    provider, examined = await _examine_with_current_keys(visit, provider, xml, begun)
    if begun is not None and begun.purpose == "test":
        return await _keep_test(visit, provider, begun, examined)
    if (failed := examined.failed) is not None:
        raise SignInRefused(failed.name, failed.wanted, failed.came, told=_told_of(failed.name, provider))
    if examined.assertion is None:
        raise SignInRefused("Contents", "an assertion", "none")
    named.append(examined.assertion.name_id)
    async with visit.context.database.write(_stranger(visit)) as tx:
        opened = await person_sign_in.accept(tx, visit.tenant, provider.id, provider.saml, examined.assertion, begun)
        await _end_replaced(tx, visit, opened)
    return await _signed_in(visit, provider, opened, begun.relay if begun else fields.get("RelayState", ""))


async def _examine_with_current_keys(
    visit: Visit, provider: IdentityProvider, xml: bytes, begun: SignInRequest | None
) -> tuple[IdentityProvider, Examination]:
    """A response as it was examined, and the identity provider with the certificates it was examined with: those of its
    metadata as it is now, if a signature is by a key that was not known.
    """
    examined = await _examine(visit, provider, xml, begun)
    if examined.unknown_key is None:
        return provider, examined
    current = await read_again(visit.context, visit.tenant.id, provider)
    if current is None:
        return provider, examined
    return current, await _examine(visit, current, xml, begun)


def _told_of(check: str, provider: IdentityProvider) -> str:
    """What a person is told about a check that did not pass, where there is more to say than that it did not."""
    if check == "Signed":
        return (
            f"{provider.name} sent an answer that is not signed. Ask your administrator to have it signed: "
            f"{mend_of_sign_in('Signed', provider.vendor)}"
        )
    return ""


async def _end_replaced(tx: Tx, visit: Visit, opened: person_sign_in.Opened) -> None:
    """End the sessions whose cookies this browser is about to lose, whosever they are."""
    cookies = visit.request.cookies
    if token := cookies.get(person_cookie_name(visit.context, visit.tenant), ""):
        await end_session_of_token(tx, token_check(token))
    if opened.console_token and (token := cookies.get(cookie_name(visit.context), "")):
        await end_console_session_of_token(tx, tenant_of_token(token), token_check(token))


def _stranger(visit: Visit) -> Actor:
    """Who brings a message is not whom it is about: whoever's cookies came with it did nothing."""
    return visit.actor._replace(kind="nobody", id="", name="")


async def _begun(visit: Visit, provider: IdentityProvider, answered: str) -> SignInRequest | None:
    """The sign-in that a response answers; None if nobody asked for it and that may be.

    Raises:
        SignInRefused
    """
    if not answered:
        if provider.saml.unsolicited == "refuse":
            raise SignInRefused(
                "Begun here",
                "a sign-in that began here, because sign-in from the identity provider's own pages is switched off",
                "a response that nobody asked for",
                told="Sign in from this page instead of from your dashboard.",
            )
        return None
    async with visit.context.database.read(visit.tenant.id) as reading:
        begun = await find_request(reading, answered[:200])
        now = reading.now
    check = browser_check(visit)
    usable = begun is not None and begun.identity_provider_id == provider.id and now < begun.expires_at
    if provider.saml.unsolicited == "restart" and (begun is None or (not usable and begun.result is None)):
        return None  # as if nobody had asked for it: a fresh sign-in begins
    if begun is None or not usable or begun.result is not None:
        raise SignInRefused("Begun here", "a sign-in that is under way", "one that is over or unknown", told=_STALE)
    if check is None or not hmac.compare_digest(check, begun.browser_check):
        raise SignInRefused("Begun here", "the browser that began this sign-in", "another one", told=_STALE)
    return begun


async def _examine(visit: Visit, provider: IdentityProvider, xml: bytes, begun: SignInRequest | None) -> Examination:
    keys: tuple[bytes, ...] = ()
    if _SEALED in xml:
        checker: Checker = visit.context.checker
        async with visit.context.database.read(visit.tenant.id) as reading:
            keys = await saml_keys.private_keys(reading, provider.id, checker)
    ours = service_provider(visit.context, visit.tenant, provider)
    saml = provider.saml
    testing = begun is not None and begun.purpose == "test"
    now = visit.context.database.clock()
    expected = Expected(
        saml.entity_id,
        saml.certificates + (saml.candidates if testing else ()),
        ours.entity_id,
        ours.acs_url,
        begun.id if begun else "",
        keys,
        saml.authn_context,
        (begun.created_at if begun else now - OLDEST) if saml.force_authn else None,
    )
    # Signatures take milliseconds of computing: in a thread, nobody else waits for them.
    return await asyncio.to_thread(examine, xml, expected, now)


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
    """Where somebody wanted to go: a path of ours, or one of the tenant's applications; nowhere else."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        for wanted in (relay, provider.saml.default_relay):
            if wanted and await may_be_sent_to(reading, wanted):
                return wanted
    return ""


async def _refuse(
    visit: Visit, provider: IdentityProvider, refused: SignInRefused | WrongInput | SamlError, name_id: str
) -> Response:
    """Record a refusal, and tell the person a sentence and a reference. Of messages that nobody signed a flood is only
    counted.
    """
    if isinstance(refused, SamlError):
        refused = SignInRefused("Shape", refused.wanted, refused.came)
    elif isinstance(refused, WrongInput):
        refused = SignInRefused("Shape", "one posted SAMLResponse", refused.message)
    more = 0 if name_id else _count(visit, provider, "sign-in")
    if more is not None:
        async with visit.context.database.write(_stranger(visit)) as tx:
            await person_sign_in.record_refusal(tx, provider, refused, name_id, more)
    return visit.page("not_let_in.html", refused.status, refused=refused, provider=provider)


def _count(visit: Visit, provider: IdentityProvider, what: str) -> int | None:
    kind = (provider.id, visit.address, what)
    return visit.context.refused_sign_ins.note(kind, visit.context.database.clock())


# -- the sign-in test --------------------------------------------------------------------------------------------------


async def _keep_test(visit: Visit, provider: IdentityProvider, begun: SignInRequest, examined: Examination) -> Response:
    """Keep what a sign-in test found, and send the administrator back to where it is shown."""
    who, why_not = None, ""
    if examined.assertion is not None:
        async with visit.context.database.read(visit.tenant.id) as reading:
            try:
                person = await person_sign_in.find_person(reading, provider, examined.assertion)
                who = person.id if person else None
                if person is not None:
                    why_not = person_sign_in.why_not(person)
                elif not provider.saml.just_in_time:
                    why_not = "nobody here"
            except SignInRefused as refused:
                why_not = refused.reason
    assertion = examined.assertion
    result: dict[str, Any] = {
        "checks": [[check.name, check.wanted, check.came, check.passed] for check in examined.checks],
        "xml": examined.xml,
        "name_id": assertion.name_id if assertion else "",
        "attributes": {name: list(values) for name, values in assertion.attributes.items()} if assertion else {},
        "candidate": assertion is not None and assertion.certificate not in provider.saml.certificates,
        "person": who,
        "why_not": why_not,
    }
    async with visit.context.database.write(_stranger(visit)) as tx:
        await put_result(tx, begun.id, result, tx.now + _RESULT_LIFE)
    return RedirectResponse(
        f"/console/{visit.tenant.name}/identity-providers/{provider.id}/sign-in-test/{begun.id}", 303
    )


# -- single logout -----------------------------------------------------------------------------------------------------


async def receive_logout(visit: Visit) -> Response:
    """A LogoutRequest of the identity provider, or its answer to one of ours; by POST or by redirect."""
    provider = await _provider(visit)
    try:
        return await with_current_keys(
            visit.context, visit.tenant.id, provider, lambda current: _receive_logout(visit, current)
        )
    except (SamlError, WrongInput) as refused:
        await _record_revocation_refusal(visit, provider, refused)
        told = SignInRefused("Logout", "", "", told="This sign-out message could not be accepted.")
        return visit.page("not_let_in.html", 400, refused=told, provider=provider)


async def _receive_logout(visit: Visit, provider: IdentityProvider) -> Response:
    redirected = visit.request.method == "GET"
    query = visit.request.url.query
    fields = _once(query) if redirected else await _posted(visit)
    field = "SAMLRequest" if "SAMLRequest" in fields else "SAMLResponse"
    if field not in fields:
        raise SamlError("A SAMLRequest or a SAMLResponse is wanted", "neither")
    xml = (decode_redirected if redirected else decode_posted)(fields[field])
    signed = redirected and "Signature" in fields
    if signed:
        part = signed_part(query, field)
        verify_query(part, fields.get("SigAlg", ""), fields["Signature"], provider.saml.certificates)
    if is_logout_request(xml) != (field == "SAMLRequest"):
        raise SamlError(f"A message that fits {field} is wanted", "another")
    if field == "SAMLResponse":
        return _left(visit, provider, xml, query_signed=signed)
    return await _end_as_asked(visit, provider, xml, fields.get("RelayState", ""), query_signed=signed)


def _left(visit: Visit, provider: IdentityProvider, xml: bytes, *, query_signed: bool) -> Response:
    ours = service_provider(visit.context, visit.tenant, provider)
    _, everywhere = read_logout_response(
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
    asked = read_logout_request(xml, saml.entity_id, ours.logout_url, saml.certificates, now, query_signed=query_signed)
    once = hashlib.sha256(f"logout\n{asked.id}".encode()).digest()
    told = {"user_name": asked.name_id, "name": provider.name, "reason": f"single logout from {provider.name}"}
    async with visit.context.database.write(_as_provider(visit, provider)) as tx:
        if not await see_once(tx, provider.id, once, now + _RESULT_LIFE):
            raise SamlError("A LogoutRequest that was not used yet is wanted", "one that was")
        known = await end_access.end_by_name(tx, provider, asked.name_id, asked.session_indexes, told)
    if not (to := saml.slo_response_url or saml.slo_url):
        return visit.page("left.html", known=known)
    key = await current_key(visit, provider)
    id_ = f"id{hashlib.sha256(xml).hexdigest()[:32]}"
    answer = logout_response(id_, ours.entity_id, to, asked.id, now, known=known)
    return answer_logout(visit, provider, answer, relay[:80], key)


def _as_provider(visit: Visit, provider: IdentityProvider) -> Actor:
    return visit.actor._replace(kind="identity_provider", id="", name=provider.name, identity_provider_id=provider.id)


async def _record_revocation_refusal(visit: Visit, provider: IdentityProvider, refused: SamlError | WrongInput) -> None:
    more = _count(visit, provider, "revocation")
    if more is None:
        return
    reason = refused.message if isinstance(refused, WrongInput) else f"{refused.wanted}; {refused.came} came"
    async with visit.context.database.write(_stranger(visit)) as tx:
        told = {"name": provider.name, "reason": reason, "more": more}
        await append_event(tx, "revocation.refused", told, provider_id=provider.id)


# -- Universal Logout --------------------------------------------------------------------------------------------------


async def revoke(visit: Visit) -> Response:
    """Okta's Universal Logout: end everything that somebody has open (wire facts 7.6)."""
    provider = await _provider(visit)
    try:
        order = await with_current_keys(
            visit.context, visit.tenant.id, provider, lambda current: _order(visit, current)
        )
    except SamlError as refused:
        await _record_revocation_refusal(visit, provider, refused)
        return visit.json({"error": "unauthorized", "message": f"{refused.wanted}; {refused.came} came."}, 401)
    try:
        named = read_subject(json.loads(await _body(visit)), order.issuer, provider.saml.entity_id)
    except (ValueError, RecursionError, SamlError, WrongInput) as error:
        wanted = error if isinstance(error, SamlError) else SamlError("A JSON body with a sub_id is wanted", "another")
        await _record_revocation_refusal(visit, provider, wanted)
        return visit.json({"error": "wrong_input", "message": f"{wanted.wanted}; {wanted.came} came."}, 400)
    once = hashlib.sha256(f"revocation\n{order.token_id}".encode()).digest()
    async with visit.context.database.write(_as_provider(visit, provider)) as tx:
        first = await see_once(tx, provider.id, once, order.usable_until)
        found = first and await _revoke(tx, provider, named)
    if not first:
        used = SamlError("A token that was not used yet is wanted", "one that was")
        await _record_revocation_refusal(visit, provider, used)
        return visit.json({"error": "unauthorized", "message": f"{used.wanted}; {used.came} came."}, 401)
    if not found:
        return visit.json({"error": "not_found", "message": "Nobody of this identity provider is meant by it."}, 404)
    return Response(status_code=204)


async def _order(visit: Visit, provider: IdentityProvider) -> Order:
    saml, ours = provider.saml, service_provider(visit.context, visit.tenant, provider)
    scheme, _, token = visit.request.headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    order = read_order(token, ours.revocation_url, saml.sso_url, saml.certificates, visit.context.database.clock())
    if not provider.enabled:
        raise SamlError("An identity provider that is enabled is wanted", "one that is switched off")
    return order


async def _revoke(tx: Tx, provider: IdentityProvider, named: Revoked) -> bool:
    if named.subject or (named.name_id and provider.saml.name_id_is == "externalId"):
        found = await find_own_users(tx, provider.id, external_id=named.subject or named.name_id)
    else:
        found = await find_own_users(tx, provider.id, user_name=named.email or named.name_id)
        if not found and named.email:
            found = await find_own_users_by_email(tx, provider.id, named.email)
    for user in found:
        told = {"user_name": json.loads(user.document)["userName"], "reason": f"Universal Logout from {provider.name}"}
        await end_access.take_access(tx, "session.revoked", user.id, told, provider.id)
    return bool(found)
