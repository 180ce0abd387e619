"""What the SAML endpoints share: the identity provider in the URL, size-limited bodies, and refusals.

The tenant and the identity provider come from the URL, never from a message.
"""

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response

from vestibule.actions import person_sign_in
from vestibule.endpoints.web.guard import LONGEST_FORM
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotFound, SignInRefused, WrongInput
from vestibule.model import Actor, IdentityProvider
from vestibule.saml.errors import SamlError
from vestibule.store.events import append_event
from vestibule.store.identity_providers import find_provider

LARGEST_POST: Final = 600 * 1024
RESULT_LIFE: Final = 3_600_000
"""Milliseconds for which the result of a sign-in test is kept, and a used LogoutRequest is remembered."""


async def addressed_provider(visit: Visit) -> IdentityProvider:
    """Returns the identity provider of the URL.

    Raises:
        NotFound
    """
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await find_provider(reading, visit.path("provider_id"))
    if provider is None:
        raise NotFound("There is no such identity provider here.")
    return provider


async def read_body(visit: Visit) -> bytes:
    """Returns the body of a request, which must have a Content-Length.

    Raises:
        WrongInput: it is too long, has no Content-Length, or is too slow.
    """
    declared = visit.request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > LARGEST_POST:
        raise WrongInput(f"Expected a body of at most {LARGEST_POST:,} bytes with a Content-Length.")
    try:
        async with asyncio.timeout(LONGEST_FORM):
            return await visit.request.body()
    except TimeoutError:
        raise WrongInput(f"The body should arrive within {LONGEST_FORM} seconds; this one did not.") from None


async def posted_fields(visit: Visit) -> dict[str, str]:
    """Returns the fields of a form.

    Raises:
        WrongInput: it is no form, or a field is in it twice.
    """
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise WrongInput(f"Expected a form in the body; got '{kind[:80] or 'nothing'}'.")
    return each_once((await read_body(visit)).decode("latin-1"))


def each_once(query: str) -> dict[str, str]:
    """Returns the fields of a query.

    Raises:
        WrongInput: there are too many, or one is in it twice.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise WrongInput("Expected at most 20 fields; got more.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise WrongInput("Expected each field once; got one twice.")
    return fields


def count_refusal(visit: Visit, provider: IdentityProvider, what: str) -> int | None:
    """Returns how many refusals went unrecorded since the last recorded one; None if this one is only counted."""
    kind = (provider.id, visit.address, what)
    return visit.context.refused_sign_ins.note(kind, visit.context.database.clock())


def as_stranger(visit: Visit) -> Actor:
    """Returns an anonymous Actor: the browser that delivers a message is not necessarily the person it is about."""
    return visit.actor._replace(kind="nobody", id="", name="")


def as_provider(visit: Visit, provider: IdentityProvider) -> Actor:
    """Returns the identity provider as the Actor, for what its own message asks for."""
    return visit.actor._replace(kind="identity_provider", id="", name=provider.name, identity_provider_id=provider.id)


async def record_revocation_refusal(visit: Visit, provider: IdentityProvider, refused: SamlError | WrongInput) -> None:
    """Record that a logout message was refused. If there are too many, they are only counted."""
    more = count_refusal(visit, provider, "revocation")
    if more is None:
        return
    reason = refused.message if isinstance(refused, WrongInput) else refused.reason
    told = {"name": provider.name, "reason": reason, "more": more}
    await visit.context.database.run(
        as_stranger(visit), lambda tx: append_event(tx, "revocation.refused", told, provider_id=provider.id)
    )


async def refuse_sign_in(
    visit: Visit, provider: IdentityProvider, refused: SignInRefused | WrongInput | SamlError, name_id: str
) -> Response:
    """Record a refusal, and show the person a sentence and a reference.

    If there are too many messages without a valid signature, they are only counted.
    """
    if isinstance(refused, SamlError):
        refused = SignInRefused("Shape", refused.wanted, refused.came)
    elif isinstance(refused, WrongInput):
        refused = SignInRefused("Shape", "one SAMLResponse in a form", refused.message, reason=refused.message)
    more = 0 if name_id else count_refusal(visit, provider, "sign-in")
    if more is not None:
        known, unrecorded = refused, more  # as they are from here on
        await visit.context.database.run(
            as_stranger(visit), lambda tx: person_sign_in.record_refusal(tx, provider, known, name_id, unrecorded)
        )
    return visit.page("not_let_in.html", refused.status, refused=refused, provider=provider)
