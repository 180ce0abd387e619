"""Integrations > Identity Providers: the list, adding one, and the tabs Overview, Activity and Settings of one."""

from starlette.responses import Response

from vestibule.actions import configure
from vestibule.endpoints.console.health import health_of
from vestibule.endpoints.console.provider_frame import framed, provider_of, setup_steps
from vestibule.endpoints.console.provisioning import show_pair
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.model import SamlSettings
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import read_metadata
from vestibule.store.credentials import credentials_of
from vestibule.store.events import EventQuery, page_events
from vestibule.store.identity_providers import all_providers, find_derivation
from vestibule.store.user_lists import count_by_provider
from vestibule.vendors import VENDORS


async def show_providers(visit: Visit) -> Response:
    """Show all identity providers of the tenant."""
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
    """Show the form to add an identity provider."""
    return visit.page("provider_new.html", values={"vendor": "okta", "switch_on": "yes"}, refused=None)


async def add_provider(visit: Visit) -> Response:
    """Add an identity provider. By default auto-provisioning is switched on, and its Key and Secret are shown once."""
    values = {name: visit.field(name) for name in ("name", "vendor", "metadata", "switch_on")}
    vendor = VENDORS.get(values["vendor"])
    name = values["name"].strip() or (vendor.title if vendor else "")
    try:
        saml = _read_metadata(values["metadata"]) if values["metadata"].strip() else None
        async with visit.context.database.write(visit.actor) as tx:
            provider = await configure.create_provider(tx, name, values["vendor"], saml)
            pair = None
            if values["switch_on"] == "yes":
                _, pair = await configure.set_provisioning(tx, provider.id, "on", visit.context.checker)
    except Refusal as refused:
        return visit.page("provider_new.html", refused.status, values=values, refused=refused)
    if pair is not None:
        return await show_pair(visit, provider.id, pair)
    return visit.redirect(visit.at("identity-providers", provider.id), "provider-added")


async def show_provider(visit: Visit) -> Response:
    """Show one identity provider: the steps of its set-up, and its state."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        keys = await credentials_of(reading, provider.id)
        return visit.page(
            "provider_overview.html",
            keys=[key for key in keys if key.usable(reading.now)],
            last_used=max(keys, key=lambda key: key.last_used_at or 0, default=None),
            derivation=await find_derivation(reading, provider.id),
            events=await page_events(reading, EventQuery(provider_id=provider.id), 5),
            **await framed(visit, reading, provider, ""),
        )


async def show_live(visit: Visit) -> Response:
    """Show the live line, as a part of the page."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        counts = await count_by_provider(reading)
        health = await health_of(reading, visit.tenant, provider, counts.get((provider.id, True), 0))
    return visit.page("live.html", health=health)


async def show_steps(visit: Visit) -> Response:
    """Show the steps of the set-up, as a part of the page that updates itself."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        counts = await count_by_provider(reading)
        people = sum(counts.get((provider.id, active), 0) for active in (True, False))
        steps = await setup_steps(reading, provider, people)
    path = visit.at("identity-providers", provider.id)
    return visit.page("provider_steps.html", setup=steps, path=path)


async def show_provider_activity(visit: Visit) -> Response:
    """Show the latest events of one identity provider."""
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        events = await page_events(reading, EventQuery(provider_id=provider.id), 50)
        return visit.page("provider_activity.html", events=events, **await framed(visit, reading, provider, "activity"))


async def show_settings(visit: Visit) -> Response:
    """Show the settings: name, vendor, whether it is enabled, and whether it may adopt people."""
    return await _settings_page(visit)


async def _settings_page(visit: Visit, refused: Refusal | None = None) -> Response:
    async with visit.context.database.scan(visit.tenant.id) as reading:
        provider = await provider_of(visit, reading)
        return visit.page(
            "provider_settings.html",
            refused.status if refused else 200,
            refused=refused,
            **await framed(visit, reading, provider, "settings"),
        )


async def change_settings(visit: Visit) -> Response:
    """Save the settings."""
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
                strict=visit.field("strict") == "yes",
            )
    except Refusal as refused:
        return await _settings_page(visit, refused)
    return visit.redirect(visit.at("identity-providers", provider_id, "settings"), "saved")


def _read_metadata(text: str) -> SamlSettings:
    try:
        return read_metadata(text.encode())
    except SamlError as error:
        raise WrongInput(str(error), field="metadata") from None
