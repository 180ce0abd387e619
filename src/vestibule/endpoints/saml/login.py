"""The endpoints for our SAML metadata and for the start of a sign-in."""

from starlette.responses import Response

from vestibule.endpoints.saml.messages import addressed_provider, refuse_sign_in
from vestibule.endpoints.saml_out import current_key, send_to_sign_in, service_provider
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import SignInRefused
from vestibule.saml.service_provider import service_provider_metadata
from vestibule.store.saml import keys_of


async def show_metadata(visit: Visit) -> Response:
    """Show our SAML metadata for one identity provider."""
    provider = await addressed_provider(visit)
    async with visit.context.database.read(visit.tenant.id) as reading:
        certificates = [key.certificate for key in await keys_of(reading, provider.id)]
    if not certificates:
        certificates = [(await current_key(visit, provider)).certificate]
    ours = service_provider(visit.context, visit.tenant, provider)
    xml = service_provider_metadata(ours, certificates, signs=provider.saml.sign_requests)
    return Response(xml, media_type="application/samlmetadata+xml")


async def begin_login(visit: Visit) -> Response:
    """Begin a sign-in: redirect a person to their identity provider."""
    provider = await addressed_provider(visit)
    try:
        return await send_to_sign_in(visit, provider, visit.query("to"))
    except SignInRefused as refused:
        return await refuse_sign_in(visit, provider, refused, "")
