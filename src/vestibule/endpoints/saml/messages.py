"""What the SAML pages have in common: the identity provider of the URL, bounded bodies, and refusals.

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
"""Milliseconds for which a sign-in test is shown, and a used LogoutRequest remembered."""


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
    """Returns the body of a request, which has to say how long it is.

    Raises:
        WrongInput: too long, of no stated length, or too slow.
    """
    declared = visit.request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > LARGEST_POST:
        raise WrongInput(f"a body of at most {LARGEST_POST:,} bytes, and that says how many it has.")
    try:
        async with asyncio.timeout(LONGEST_FORM):
            return await visit.request.body()
    except TimeoutError:
        raise WrongInput(f"A body should be whole within {LONGEST_FORM} seconds; this one was not.") from None


async def posted_fields(visit: Visit) -> dict[str, str]:
    """Returns the fields of a form, each of which has to come once.

    Raises:
        WrongInput: no form, or a field that came twice.
    """
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise WrongInput(f"Expected a posted form here; got '{kind[:80] or 'nothing'}'.")
    return each_once((await read_body(visit)).decode("latin-1"))


def each_once(query: str) -> dict[str, str]:
    """Returns the fields of a query, each of which has to come once.

    Raises:
        WrongInput
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise WrongInput("Expected at most 20 fields; got more.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise WrongInput("Each field is wanted once; one came twice.")
    return fields


def count_refusal(visit: Visit, provider: IdentityProvider, what: str) -> int | None:
    """Returns how many refusals went unrecorded since the last recorded one; None if this one is only counted."""
    kind = (provider.id, visit.address, what)
    return visit.context.refused_sign_ins.note(kind, visit.context.database.clock())


def as_stranger(visit: Visit) -> Actor:
    """Returns an Actor without a name: who brings a message, by whatever cookies, is not whom it is about."""
    return visit.actor._replace(kind="nobody", id="", name="")


def as_provider(visit: Visit, provider: IdentityProvider) -> Actor:
    """Returns the identity provider as the Actor of what its own message asks for."""
    return visit.actor._replace(kind="identity_provider", id="", name=provider.name, identity_provider_id=provider.id)


async def record_revocation_refusal(visit: Visit, provider: IdentityProvider, refused: SamlError | WrongInput) -> None:
    """Record that a message which should end sessions was refused. A flood of them is only counted."""
    more = count_refusal(visit, provider, "revocation")
    if more is None:
        return
    reason = refused.message if isinstance(refused, WrongInput) else f"{refused.wanted}; got {refused.came}"
    async with visit.context.database.write(as_stranger(visit)) as tx:
        told = {"name": provider.name, "reason": reason, "more": more}
        await append_event(tx, "revocation.refused", told, provider_id=provider.id)


async def refuse_sign_in(
    visit: Visit, provider: IdentityProvider, refused: SignInRefused | WrongInput | SamlError, name_id: str
) -> Response:
    """Record a refusal, and tell the person a sentence and a reference. Of messages that nobody signed a flood is only
    counted.
    """
    if isinstance(refused, SamlError):
        refused = SignInRefused("Shape", refused.wanted, refused.came)
    elif isinstance(refused, WrongInput):
        refused = SignInRefused("Shape", "one posted SAMLResponse", refused.message)
    more = 0 if name_id else count_refusal(visit, provider, "sign-in")
    if more is not None:
        async with visit.context.database.write(as_stranger(visit)) as tx:
            await person_sign_in.record_refusal(tx, provider, refused, name_id, more)
    return visit.page("not_let_in.html", refused.status, refused=refused, provider=provider)
