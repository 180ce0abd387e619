"""Provisioning of an identity provider: the switch and the keys."""

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.providers import provider_page
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.model import Provisioning
from vestibule.store.credentials import find_credential

_STATES: Final[dict[str, Provisioning]] = {"on": "on", "paused": "paused", "off": "off"}


async def switch(visit: Visit) -> Response:
    """Switch auto-provisioning on, pause it or switch it off. The first time on, the Key and Secret are shown, once."""
    provider_id = visit.path("provider_id")
    state = _STATES.get(visit.field("provisioning"))
    if state is None:
        came = visit.field("provisioning")[:80]
        raise WrongInput(f"Auto-provisioning should be one of {', '.join(_STATES)}; '{came}' came.")
    async with visit.context.database.write(visit.actor) as tx:
        _, pair = await configure.set_provisioning(tx, provider_id, state, visit.context.checker)
    if pair is not None:
        return await provider_page(visit, provider_id, pair=pair)
    return visit.redirect(visit.at("identity-providers", provider_id), f"provisioning-{state}")


async def make_key(visit: Visit) -> Response:
    """Make a second pair beside the first, and show it once."""
    provider_id = visit.path("provider_id")
    try:
        expires_at = _expiry(visit.field("expires"))
        async with visit.context.database.write(visit.actor) as tx:
            _, pair = await configure.create_credential(
                tx, provider_id, visit.field("label"), expires_at, visit.context.checker
            )
    except Refusal as refused:
        return await provider_page(visit, provider_id, refused=refused)
    return await provider_page(visit, provider_id, pair=pair)


def _expiry(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise WrongInput("The expiry should be a day such as 2027-03-31.", field="expires") from None
    return int(day.timestamp() * 1000)


async def retire_key(visit: Visit) -> Response:
    """Retire a key: from the next request on it is refused."""
    provider_id = visit.path("provider_id")
    async with visit.context.database.write(visit.actor) as tx:
        credential = await find_credential(tx, visit.path("credential_id"))
        if credential is None or credential.identity_provider_id != provider_id:
            raise visit.not_found()
        await configure.retire_credential(tx, credential.id)
    return visit.redirect(visit.at("identity-providers", provider_id), "key-retired")
