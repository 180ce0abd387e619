"""Validates a SAML Response in a thread, with the current certificates of the identity provider."""

from typing import Final

from vestibule.actions import saml_keys
from vestibule.endpoints.saml_out import service_provider
from vestibule.endpoints.saml_refresh import read_again
from vestibule.endpoints.web.visit import Visit
from vestibule.keys import Checker
from vestibule.model import IdentityProvider
from vestibule.saml.response import OLDEST, Examination, Expected, examine
from vestibule.store.saml import SignInRequest

_SEALED: Final = b"EncryptedAssertion"


async def examine_with_current_keys(
    visit: Visit, provider: IdentityProvider, xml: bytes, begun: SignInRequest | None
) -> tuple[IdentityProvider, Examination]:
    """Examine a response. If an unknown key signed it, read the metadata again and examine it once more.

    Returns the identity provider with the certificates that were used, and the result.
    """
    examined = await examine_response(visit, provider, xml, begun)
    if examined.unknown_key is None:
        return provider, examined
    current = await read_again(visit.context, visit.tenant.id, provider)
    if current is None:
        return provider, examined
    return current, await examine_response(visit, current, xml, begun)


async def examine_response(
    visit: Visit, provider: IdentityProvider, xml: bytes, begun: SignInRequest | None
) -> Examination:
    """Returns the result of examining a response with the certificates in `provider`."""
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
        issuer=saml.entity_id,
        certificates=saml.certificates + (saml.candidates if testing else ()),
        audience=ours.entity_id,
        acs_url=ours.acs_url,
        request_id=begun.id if begun else "",
        private_keys=keys,
        authn_context=saml.authn_context,
        authenticated_after=(begun.created_at if begun else now - OLDEST) if saml.force_authn else None,
    )
    return await visit.context.examinations.run(visit.address, examine, xml, expected, now)
