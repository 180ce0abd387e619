"""Integrations > Identity Providers: the list, adding one, and the page that is the heart of the console."""

from typing import Any

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.health import health_of
from vestibule.endpoints.saml_out import service_provider
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.keys import Pair
from vestibule.model import IdentityProvider, SamlSettings
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import read_metadata
from vestibule.store.credentials import credentials_of
from vestibule.store.events import EventQuery, page_events
from vestibule.store.identity_providers import all_providers, find_derivation, find_provider
from vestibule.store.saml import keys_of
from vestibule.store.users import count_by_provider
from vestibule.vendors import VENDORS

_TYPED = ("metadata", "metadata_url", "entity_id", "sso_url", "certificate", "label", "expires", "candidate")


async def show_providers(visit: Visit) -> Response:
    """Every identity provider of the tenant."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        providers = await all_providers(reading)
        counts = await count_by_provider(reading)
        people = {provider.id: counts.get((provider.id, True), 0) for provider in providers}
        entries = [
            (provider, await health_of(reading, visit.tenant, provider, people[provider.id]), people[provider.id])
            for provider in providers
        ]
    return visit.page("providers.html", entries=entries)


async def show_new_provider(visit: Visit) -> Response:
    """The form to add one."""
    return visit.page("provider_new.html", values={"name": "Okta", "vendor": "okta"}, refused=None)


async def add_provider(visit: Visit) -> Response:
    """Add one."""
    values = {name: visit.field(name) for name in ("name", "vendor", "metadata")}
    try:
        saml = _read_metadata(values["metadata"]) if values["metadata"].strip() else None
        async with visit.context.database.write(visit.actor) as tx:
            provider = await configure.create_provider(tx, values["name"], values["vendor"], saml)
    except Refusal as refused:
        return visit.page("provider_new.html", refused.status, values=values, refused=refused)
    return visit.redirect(visit.at("identity-providers", provider.id), "provider-added")


async def show_provider(visit: Visit) -> Response:
    """One identity provider: how it does, SAML, provisioning, mapping, activity."""
    return await provider_page(visit, visit.path("provider_id"))


async def provider_page(
    visit: Visit,
    provider_id: str,
    *,
    pair: Pair | None = None,
    refused: Refusal | None = None,
    told: SamlSettings | None = None,
) -> Response:
    """The page of an identity provider. `pair` is shown this once; `told` is SAML that was just read, in words."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await find_provider(reading, provider_id)
        if provider is None:
            raise visit.not_found()
        counts = await count_by_provider(reading)
        keys = await credentials_of(reading, provider_id)
        settings = visit.context.settings
        scim_url = settings.scim_url(visit.tenant.name)
        newest = pair.key if pair else next((key.key for key in reversed(keys) if key.usable(reading.now)), "")
        return visit.page(
            "provider.html",
            refused.status if refused else 200,
            provider=provider,
            vendor=VENDORS[provider.vendor],
            health=await health_of(reading, visit.tenant, provider, counts.get((provider_id, True), 0)),
            active=counts.get((provider_id, True), 0),
            inactive=counts.get((provider_id, False), 0),
            live=[key for key in keys if key.usable(reading.now)],
            ended=[key for key in keys if not key.usable(reading.now)],
            derivation=await find_derivation(reading, provider_id),
            events=await page_events(reading, EventQuery(provider_id=provider_id), 12),
            scim_url=scim_url,
            scim_host_url=settings.scim_host_url(visit.tenant.name),
            steps=_steps(provider, scim_url, newest),
            pair=pair,
            refused=refused,
            told=told,
            ours=service_provider(visit.context, visit.tenant, provider),
            saml_keys=await keys_of(reading, provider_id),
            values={name: visit.field(name) for name in _TYPED},
        )


def _steps(provider: IdentityProvider, scim_url: str, key: str) -> list[dict[str, Any]]:
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


async def show_live(visit: Visit) -> Response:
    """The line that lives, as a piece of the page."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await find_provider(reading, visit.path("provider_id"))
        if provider is None:
            raise visit.not_found()
        counts = await count_by_provider(reading)
        health = await health_of(reading, visit.tenant, provider, counts.get((provider.id, True), 0))
    return visit.page("live.html", health=health)


async def change_settings(visit: Visit) -> Response:
    """Name, whether it is enabled, and whether it adopts people who were added by hand."""
    provider_id = visit.path("provider_id")
    try:
        async with visit.context.database.write(visit.actor) as tx:
            await configure.change_provider(
                tx,
                provider_id,
                name=visit.field("name"),
                vendor=visit.field("vendor") or None,
                enabled=visit.field("enabled") == "yes",
                adopts=visit.field("adopts") == "yes",
            )
    except Refusal as refused:
        return await provider_page(visit, provider_id, refused=refused)
    return visit.redirect(visit.at("identity-providers", provider_id), "saved")


def _read_metadata(text: str) -> SamlSettings:
    try:
        return read_metadata(text.encode())
    except SamlError as error:
        raise WrongInput(str(error), field="metadata") from None
