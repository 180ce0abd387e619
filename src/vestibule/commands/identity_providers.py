"""`vestibule idp`: identity providers of a tenant."""

from typing import Any, BinaryIO

import click

from vestibule.actions import configure, saml_settings
from vestibule.commands.acting import AS_JSON, command_line, in_house, named_provider, named_tenant, show
from vestibule.commands.credentials import pair_json, pair_lines
from vestibule.endpoints.context import Context
from vestibule.endpoints.fetch import fetch
from vestibule.errors import WrongInput
from vestibule.keys import Pair
from vestibule.model import IdentityProvider, Tenant
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import read_metadata
from vestibule.saml.service_provider import ServiceProvider
from vestibule.settings import Settings
from vestibule.store.identity_providers import all_providers
from vestibule.vendors import VENDORS


@click.group("idp")
def idp_group() -> None:
    """Identity providers of a tenant."""


def provider_json(settings: Settings, tenant: Tenant, provider: IdentityProvider) -> dict[str, Any]:
    ours = ServiceProvider(settings.saml_url(tenant.name, provider.id))
    return {
        "id": provider.id,
        "tenant": tenant.name,
        "name": provider.name,
        "vendor": provider.vendor,
        "enabled": provider.enabled,
        "provisioning": provider.provisioning,
        "adopts": provider.adopts,
        "strict": provider.strict,
        "scim_url": settings.scim_url(tenant.name),
        "acs_url": ours.acs_url,
        "entity_id": ours.entity_id,
        "metadata_url": ours.metadata_url,
        "login_url": ours.login_url,
        "logout_url": ours.logout_url,
        "revocation_url": ours.revocation_url,
    }


@idp_group.command("add")
@click.argument("tenant_name", metavar="TENANT")
@click.option("--name", required=True, help="Its name, such as Okta.")
@click.option("--vendor", type=click.Choice(list(VENDORS)), default="okta", show_default=True)
@click.option("--auto-provisioning", is_flag=True, help="Switch SCIM on and make a Key and Secret.")
@click.option("--no-adopt", is_flag=True, help="Do not let it find and adopt people who were added by hand.")
@AS_JSON
def add_provider(
    tenant_name: str, name: str, vendor: str, auto_provisioning: bool, no_adopt: bool, as_json: bool
) -> None:
    """Add an identity provider to TENANT."""

    async def act(context: Context) -> tuple[dict[str, Any], Pair | None]:
        tenant = await named_tenant(context, tenant_name)
        pair = None
        async with context.database.write(command_line(tenant.id)) as tx:
            provider = await configure.create_provider(tx, name, vendor)
            if no_adopt:
                provider = await configure.change_provider(tx, provider.id, adopts=False)
            if auto_provisioning:
                provider, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        return provider_json(context.settings, tenant, provider), pair

    shown, pair = in_house(act)
    lines = [f"Added {shown['name']} to {shown['tenant']}.", f"SCIM URL: {shown['scim_url']}"]
    if pair:
        lines += pair_lines(pair)
        shown |= pair_json(pair)
    show(shown, lines, as_json=as_json)


@idp_group.command("set")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("provider_name", metavar="IDP")
@click.option("--metadata", type=click.File("rb"), default=None, help="File with the identity provider's metadata XML.")
@click.option("--metadata-url", default=None, help="URL at which the metadata is read now and every hour.")
@click.option(
    "--unsolicited",
    type=click.Choice(["refuse", "restart", "accept"]),
    default=None,
    help="What happens with a sign-in that begins at the identity provider.",
)
@click.option("--name-id", type=click.Choice(["userName", "externalId"]), default=None, help="What the NameID is.")
@click.option("--just-in-time/--no-just-in-time", default=None, help="Create people at their first sign-in.")
@click.option(
    "--strict/--tolerant",
    default=None,
    help="Whether SCIM requests are refused where the RFCs want that, or corrected.",
)
@click.option("--enable/--disable", "enabled", default=None, help="Whether it is used at all.")
@AS_JSON
def set_provider(
    tenant_name: str,
    provider_name: str,
    metadata: BinaryIO | None,
    metadata_url: str | None,
    unsolicited: str | None,
    name_id: str | None,
    just_in_time: bool | None,
    strict: bool | None,
    enabled: bool | None,
    as_json: bool,
) -> None:
    """Change settings of IDP (name or id) of TENANT, and print what to enter in the identity provider."""

    async def act(context: Context) -> dict[str, Any]:
        tenant = await named_tenant(context, tenant_name)
        provider = await named_provider(context, tenant, provider_name)
        text = metadata.read() if metadata else b""
        if metadata_url and not text:
            text = await fetch(metadata_url, context.settings.private_networks)
        try:
            read = read_metadata(text) if text else None
        except SamlError as error:
            raise WrongInput(str(error), field="metadata") from None
        switches = {
            "metadata_url": metadata_url,
            "unsolicited": unsolicited,
            "name_id_is": name_id,
            "just_in_time": just_in_time,
        }
        changed = {name: value for name, value in switches.items() if value is not None}
        async with context.database.write(command_line(tenant.id)) as tx:
            if read is not None:
                await saml_settings.take_details(tx, provider.id, read)
            if changed:
                await saml_settings.change_sign_on(tx, provider.id, **changed)
            provider = await configure.change_provider(tx, provider.id, enabled=enabled, strict=strict)
        return provider_json(context.settings, tenant, provider)

    shown = in_house(act)
    lines = [
        f"Single sign-on URL (ACS):     {shown['acs_url']}",
        f"Audience URI (SP Entity ID):  {shown['entity_id']}",
        f"Metadata:                     {shown['metadata_url']}",
        f"Sign-in begins at:            {shown['login_url']}",
    ]
    show(shown, lines, as_json=as_json)


@idp_group.command("list")
@click.argument("tenant_name", metavar="TENANT")
@AS_JSON
def list_providers(tenant_name: str, as_json: bool) -> None:
    """List the identity providers of TENANT."""

    async def act(context: Context) -> list[dict[str, Any]]:
        tenant = await named_tenant(context, tenant_name)
        async with context.database.read(tenant.id) as reading:
            providers = await all_providers(reading)
        return [provider_json(context.settings, tenant, each) for each in providers]

    shown = in_house(act)
    lines = [f"{each['name']:24} {each['vendor']:9} provisioning {each['provisioning']}" for each in shown]
    show(shown, lines or ["No identity provider yet."], as_json=as_json)
