"""`vestibule credential`: Keys and Secrets of an identity provider."""

from typing import Any, Final

import click

from vestibule.actions import configure
from vestibule.commands.acting import AS_JSON, command_line, in_house, named_provider, named_tenant, show
from vestibule.endpoints.context import Context
from vestibule.errors import NotFound
from vestibule.keys import Pair
from vestibule.model import Credential
from vestibule.store.credentials import all_credentials, credentials_of, find_credential_by_key
from vestibule.store.database import milliseconds_now

_DAY: Final = 86_400_000


@click.group("credential")
def credential_group() -> None:
    """Keys and Secrets of an identity provider."""


def credential_json(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "key": credential.key,
        "label": credential.label,
        "created_at": credential.created_at,
        "expires_at": credential.expires_at,
        "revoked_at": credential.revoked_at,
        "last_used_at": credential.last_used_at,
        "last_used_from": credential.last_used_from,
        "last_used_agent": credential.last_used_agent,
    }


def pair_json(pair: Pair) -> dict[str, str]:
    return {"key": pair.key, "secret": pair.secret, "token": pair.token}


def pair_lines(pair: Pair) -> list[str]:
    return [
        f"Key:      {pair.key}",
        f"Secret:   {pair.secret}",
        f"Token:    {pair.token}  (both in one, for Bearer)",
        "The Secret is shown only now and is not stored.",
    ]


@credential_group.command("add")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("provider_name", metavar="IDP")
@click.option("--label", default="", help="A name for the key.")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="When it stops being accepted. [default: never]")
@AS_JSON
def add_credential(
    tenant_name: str, provider_name: str, label: str, expires_in_days: int | None, as_json: bool
) -> None:
    """Make another Key and Secret for IDP."""

    async def act(context: Context) -> tuple[dict[str, Any], Pair]:
        tenant = await named_tenant(context, tenant_name)
        provider = await named_provider(context, tenant, provider_name)
        async with context.database.write(command_line(tenant.id)) as tx:
            expires_at = tx.now + expires_in_days * _DAY if expires_in_days else None
            credential, pair = await configure.create_credential(tx, provider.id, label, expires_at, context.checker)
        return credential_json(credential) | {"scim_url": context.settings.scim_url(tenant.name)}, pair

    shown, pair = in_house(act)
    show(shown | pair_json(pair), [f"SCIM URL: {shown['scim_url']}", *pair_lines(pair)], as_json=as_json)


def _life(credential: Credential) -> str:
    if credential.revoked_at is not None:
        return "retired"
    return "live" if credential.usable(milliseconds_now()) else "expired"


@credential_group.command("list")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("provider_name", metavar="[IDP]", required=False)
@AS_JSON
def list_credentials(tenant_name: str, provider_name: str | None, as_json: bool) -> None:
    """List the keys of TENANT, or of one IDP."""

    async def act(context: Context) -> list[Credential]:
        tenant = await named_tenant(context, tenant_name)
        provider = await named_provider(context, tenant, provider_name) if provider_name else None
        async with context.database.read(tenant.id) as reading:
            return await credentials_of(reading, provider.id) if provider else await all_credentials(reading)

    found = in_house(act)
    lines = [f"{each.key}  {_life(each):8} {each.label}" for each in found]
    show([credential_json(each) for each in found], lines or ["No key yet."], as_json=as_json)


@credential_group.command("revoke")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("key")
@AS_JSON
def revoke_credential(tenant_name: str, key: str, as_json: bool) -> None:
    """Retire KEY, which is refused from the next request on."""

    async def act(context: Context) -> Credential:
        tenant = await named_tenant(context, tenant_name)
        async with context.database.write(command_line(tenant.id)) as tx:
            credential = await find_credential_by_key(tx, key)
            if credential is None:
                raise NotFound(f"{tenant.name} has no key '{key[:40]}'.")
            await configure.retire_credential(tx, credential.id)
            found = await find_credential_by_key(tx, key)
            return found or credential

    credential = in_house(act)
    show(credential_json(credential), [f"Retired {credential.key}."], as_json=as_json)
