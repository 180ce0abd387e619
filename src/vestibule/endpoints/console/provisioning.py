"""An identity provider's tab Provisioning: the switch, the SCIM URL, the keys, and the steps in the other product."""

from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.provider_frame import framed
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.keys import Pair
from vestibule.model import IdentityProvider, Provisioning
from vestibule.store.credentials import credentials_of, find_credential
from vestibule.store.identity_providers import find_provider
from vestibule.vendors import VENDORS

_STATES: Final[dict[str, Provisioning]] = {"on": "on", "paused": "paused", "off": "off"}


async def show_provisioning(visit: Visit) -> Response:
    """The tab Provisioning."""
    return await provisioning_page(visit, visit.path("provider_id"))


async def provisioning_page(
    visit: Visit, provider_id: str, *, pair: Pair | None = None, refused: Refusal | None = None
) -> Response:
    """Returns the tab Provisioning. `pair` is a Key and Secret that were just made and are shown this once."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await find_provider(reading, provider_id)
        if provider is None:
            raise visit.not_found()
        keys = await credentials_of(reading, provider_id)
        settings = visit.context.settings
        scim_url = settings.scim_url(visit.tenant.name)
        newest = pair.key if pair else next((key.key for key in reversed(keys) if key.usable(reading.now)), "")
        return visit.page(
            "provider_provisioning.html",
            refused.status if refused else 200,
            live=[key for key in keys if key.usable(reading.now)],
            ended=[key for key in keys if not key.usable(reading.now)],
            scim_url=scim_url,
            scim_host_url=settings.scim_host_url(visit.tenant.name),
            steps=_vendor_steps(provider, scim_url, newest),
            pair=pair,
            refused=refused,
            values={name: visit.field(name) for name in ("label", "expires")},
            **await framed(visit, reading, provider, "provisioning"),
        )


async def show_pair(visit: Visit, provider_id: str, pair: Pair) -> Response:
    """Answer with a Key and Secret that were just made. The Secret is shown this once."""
    return await provisioning_page(visit, provider_id, pair=pair)


def _vendor_steps(provider: IdentityProvider, scim_url: str, key: str) -> list[dict[str, Any]]:
    """The vendor's steps with the real values filled in."""
    return [
        {
            "where": step.where,
            "what": step.what,
            "fields": [(label, *_filled(value, scim_url, key)) for label, value in step.fields],
        }
        for step in VENDORS[provider.vendor].steps
    ]


def _filled(value: str, scim_url: str, key: str) -> tuple[str, bool]:
    """What to fill in, and whether it can be copied from here."""
    match value:
        case "{scim_url}":
            return scim_url, True
        case "{key}":
            return (key, True) if key else ("the Key, made when auto-provisioning is switched on", False)
        case _:
            return f"{value}, shown once when the key was made", False


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
        return await show_pair(visit, provider_id, pair)
    return visit.redirect(visit.at("identity-providers", provider_id, "provisioning"), f"provisioning-{state}")


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
        return await provisioning_page(visit, provider_id, refused=refused)
    return await show_pair(visit, provider_id, pair)


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
    return visit.redirect(visit.at("identity-providers", provider_id, "provisioning"), "key-retired")
