"""An identity provider's tab Provisioning: the switch, the SCIM URL, the keys, and the steps in the other product."""

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.confirm import Confirmation, confirm_page, not_confirmed
from vestibule.endpoints.console.provider_frame import framed
from vestibule.endpoints.console.reauthentication import proven_for_settings
from vestibule.endpoints.console.shown_once import NOTHING, ShownOnce, show_once, take_once
from vestibule.endpoints.console.vendor_steps import fill_steps
from vestibule.endpoints.web.rendering import exact
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.keys import Pair, shortened
from vestibule.model import Provisioning
from vestibule.store.credentials import credentials_of, find_credential
from vestibule.store.database import Reading
from vestibule.store.identity_providers import find_provider
from vestibule.vendors import VENDORS

_STATES: Final[dict[str, Provisioning]] = {"on": "on", "paused": "paused", "off": "off"}


async def show_provisioning(visit: Visit) -> Response:
    """Show the tab Provisioning."""
    return await provisioning_page(visit, visit.path("provider_id"), once=await take_once(visit))


async def provisioning_page(
    visit: Visit, provider_id: str, *, once: ShownOnce = NOTHING, refused: Refusal | None = None
) -> Response:
    """Returns the tab Provisioning, with a new Key and Secret if there is one to be shown."""
    pair = Pair(*once.secrets) if once.secrets else None
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
            steps=fill_steps(VENDORS[provider.vendor].steps, {"scim_url": scim_url, "key": newest}),
            pair=pair,
            once=once,
            refused=refused,
            values={name: visit.field(name) for name in ("label", "expires")},
            **await framed(visit, reading, provider, "provisioning"),
        )


async def show_pair(visit: Visit, provider_id: str, pair: Pair) -> Response:
    """Returns a redirect to the page that shows a new Key and Secret once."""
    return await show_once(visit, visit.at("identity-providers", provider_id, "provisioning"), *pair)


@proven_for_settings
async def switch(visit: Visit) -> Response:
    """Switch auto-provisioning on, pause it or switch it off. A new Key and Secret are shown once."""
    provider_id = visit.path("provider_id")
    state = _STATES.get(visit.field("provisioning"))
    if state is None:
        came = visit.field("provisioning")[:80]
        raise WrongInput(f"Auto-provisioning should be one of {', '.join(_STATES)}; got '{came}'.")
    async with visit.context.database.write(visit.actor) as tx:
        _, pair = await configure.set_provisioning(tx, provider_id, state, visit.context.checker)
    if pair is not None:
        return await show_pair(visit, provider_id, pair)
    return visit.redirect(visit.at("identity-providers", provider_id, "provisioning"), f"provisioning-{state}")


@proven_for_settings
async def make_key(visit: Visit) -> Response:
    """Make another Key and Secret, and show them once."""
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


@proven_for_settings
async def confirm_retiring(visit: Visit) -> Response:
    """Show what retiring a key will do, and ask for confirmation."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        return confirm_page(visit, await _retiring(visit, reading))


async def _retiring(visit: Visit, reading: Reading) -> Confirmation:
    provider = await find_provider(reading, visit.path("provider_id"))
    credential = await find_credential(reading, visit.path("credential_id"))
    if provider is None or credential is None or credential.identity_provider_id != provider.id:
        raise visit.not_found()
    others = [
        each for each in await credentials_of(reading, provider.id) if each.usable(reading.now) and each != credential
    ]
    newer = any(each.last_used_at and each.last_used_at > (credential.last_used_at or 0) for each in others)
    in_use = credential.usable(reading.now) and credential.last_used_at is not None and not newer
    consequences = [f"From the next request on, the Key {credential.key} is refused. This cannot be undone."]
    if in_use and others:
        consequences.append(
            f"This key is in use. Provisioning stops until {provider.name} is given another pair: "
            f"{len(others)} other {'pair is' if len(others) == 1 else 'pairs are'} usable here."
        )
    elif in_use:
        consequences.append(
            f"This key is in use, and the only one: {provider.name} cannot create, change or deactivate anybody here "
            "until a new pair is made and entered there."
        )
    elif newer:
        consequences.append(f"{provider.name} uses a newer pair, so provisioning continues.")
    path = visit.at("identity-providers", provider.id, "provisioning")
    return Confirmation(
        heading=f"Retire the key {shortened(credential.key)}",
        button="Retire key",
        action=visit.at("identity-providers", provider.id, "keys", credential.id, "retire"),
        back=path,
        consequences=consequences,
        typed=provider.name if in_use else "",
        what="the name of the identity provider",
        facts=[
            ("Label", credential.label or "—"),
            ("Made", exact(credential.created_at)),
            ("Last used", exact(credential.last_used_at) if credential.last_used_at else "never"),
            ("From", credential.last_used_from or "—"),
        ],
    )


@proven_for_settings
async def retire_key(visit: Visit) -> Response:
    """Retire a key, which is refused from the next request on. For the key in use a name must be typed."""
    provider_id = visit.path("provider_id")
    async with visit.context.database.write(visit.actor) as tx:
        confirmation = await _retiring(visit, tx)
        refused = not_confirmed(visit, confirmation)
        if refused is None:
            await configure.retire_credential(tx, visit.path("credential_id"))
    if refused is not None:
        return confirm_page(visit, confirmation, refused)
    return visit.redirect(visit.at("identity-providers", provider_id, "provisioning"), "key-retired")
