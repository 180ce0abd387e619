"""The command line: serving, and the operator's verbs. The verbs work while the server runs.

Each verb opens the house, acts in one transaction as the actor "command line", and prints what came of it: lines for a
person, or one JSON value with `--json`. A refusal is one line on standard error and an exit code above 0.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO, NoReturn, TypeVar

import click

from vestibule import __version__, demo, serve
from vestibule.actions import administer, configure, saml_settings, second_factor
from vestibule.actions.verify import find_faults
from vestibule.endpoints.context import Context
from vestibule.endpoints.fetch import fetch
from vestibule.errors import NotFound, Refusal, Unavailable, WrongInput
from vestibule.keys import Pair
from vestibule.log import begin_logging
from vestibule.model import (
    HOUSE,
    ROLES,
    Actor,
    Administrator,
    AdministratorRole,
    Credential,
    IdentityProvider,
    Tenant,
    TenantState,
)
from vestibule.saml.errors import SamlError
from vestibule.saml.metadata import read_metadata
from vestibule.saml.service_provider import ServiceProvider
from vestibule.settings import Settings, described, load, variable_of
from vestibule.store.administrators import administrators_of, find_by_email
from vestibule.store.credentials import all_credentials, credentials_of, find_credential_by_key
from vestibule.store.database import Busy, House, milliseconds_now
from vestibule.store.identity_providers import all_providers, find_provider, find_provider_by_name
from vestibule.store.migrate import current_version
from vestibule.store.tenants import all_tenants, find_tenant
from vestibule.vendors import VENDORS

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
_DAY = 86_400_000
Result = TypeVar("Result")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="vestibule")
def cli() -> None:
    """Vestibule: where an organisation's identity provider hands its people over to an application."""


def main() -> None:
    """The program `vestibule`."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except Refusal as refusal:
        _fail(refusal)
    except Busy as busy:
        _fail(Unavailable(f"The database does not answer: {busy}."))


def _fail(refusal: Refusal) -> NoReturn:
    click.echo(f"vestibule: {refusal.message}", err=True)
    sys.exit(refusal.exit_code)


def _print(value: Any, lines: list[str], *, as_json: bool) -> None:
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else "\n".join(lines))


def _act(act: Callable[[Context], Awaitable[Result]]) -> Result:
    """Open the house, do one thing, close it."""
    settings = load()

    async def opened() -> Result:
        context = await Context.open(settings, lambda line: click.echo(line, err=True))
        try:
            return await act(await context.as_it_is_served())
        finally:
            await context.close()

    return asyncio.run(opened())


def _operator(tenant_id: str = HOUSE) -> Actor:
    return Actor(tenant_id, "operator", name="command line")


async def _tenant(context: Context, name: str) -> Tenant:
    async with context.database.house_read(_operator()) as house:
        tenant = await find_tenant(house, name)
    if tenant is None:
        raise NotFound(f"There is no tenant '{name}'. `vestibule tenant list` shows them.")
    return tenant


async def _provider(context: Context, tenant: Tenant, wanted: str) -> IdentityProvider:
    async with context.database.read(tenant.id) as reading:
        provider = await find_provider_by_name(reading, wanted) or await find_provider(reading, wanted)
    if provider is None:
        raise NotFound(
            f"{tenant.name} has no identity provider '{wanted}'. `vestibule idp list {tenant.name}` shows them."
        )
    return provider


# -- serving -----------------------------------------------------------------------------------------------------------


def _settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, default, meaning in reversed(described()):
        if name in {"data", "database", "pepper"}:
            continue  # shared with every other verb, and read from the environment or the file only
        shown = f"{meaning} [{variable_of(name)}{f', default {default}' if default else ''}]"
        command = click.option(f"--{name.replace('_', '-')}", name, default=None, help=shown.replace("`", ""))(command)
    return command


@cli.command("serve")
@_settings_options
def serve_command(**overrides: str | None) -> None:
    """Answer requests until stopped by Ctrl-C or SIGTERM."""
    settings = load(overrides=overrides)
    begin_logging(settings.log_level)
    serve.run(settings)


@cli.command("demo")
@_settings_options
@click.option("--pocket-okta-port", type=click.IntRange(1, 65535), default=demo.POCKET_OKTA_PORT, show_default=True)
def demo_command(pocket_okta_port: int, **overrides: str | None) -> None:
    """Vestibule and a pocket Okta beside each other, to try the whole way: what `make run` starts."""
    settings = load(overrides=overrides)
    begin_logging(settings.log_level)
    demo.run(settings, pocket_okta_port)


@cli.command("migrate")
@AS_JSON
def migrate_command(as_json: bool) -> None:
    """Bring the database up to date. `serve` does it as well."""

    async def act(context: Context) -> int:
        return await current_version(context.database)

    version = _act(act)
    _print({"version": version}, [f"The database is at version {version}."], as_json=as_json)


@cli.command("verify")
@AS_JSON
def verify_command(as_json: bool) -> None:
    """Check the whole database against itself: 0 findings, or exit code 1."""
    faults = _act(lambda context: find_faults(context.database, lambda line: click.echo(line, err=True)))
    _print({"findings": faults}, [*faults, f"{len(faults)} findings."], as_json=as_json)
    if faults:
        sys.exit(1)


# -- tenants -----------------------------------------------------------------------------------------------------------


@cli.group("tenant")
def tenant_group() -> None:
    """Organisations."""


def _tenant_json(settings: Settings, tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "title": tenant.title,
        "state": tenant.state,
        "id": tenant.id,
        "scim_url": settings.scim_url(tenant.name),
    }


@tenant_group.command("add")
@click.argument("name")
@click.option("--title", help="The organisation's name, for people to read. [default: the tenant name]")
@AS_JSON
def add_tenant(name: str, title: str | None, as_json: bool) -> None:
    """Make room for an organisation. NAME stands in its SCIM URL."""

    async def act(context: Context) -> tuple[Settings, Tenant]:
        async with context.database.house_write(_operator()) as house:
            return context.settings, await configure.create_tenant(house, name, title or name)

    settings, tenant = _act(act)
    lines = [f"Added the tenant {tenant.name} ({tenant.title}).", f"SCIM URL: {settings.scim_url(tenant.name)}"]
    _print(_tenant_json(settings, tenant), lines, as_json=as_json)


@tenant_group.command("list")
@AS_JSON
def list_tenants(as_json: bool) -> None:
    """Every tenant."""

    async def act(context: Context) -> tuple[Settings, list[Tenant]]:
        async with context.database.house_read(_operator()) as house:
            return context.settings, await all_tenants(house)

    settings, tenants = _act(act)
    lines = [f"{each.name:20} {each.state:10} {each.title}" for each in tenants] or ["No tenant yet."]
    _print([_tenant_json(settings, each) for each in tenants], lines, as_json=as_json)


def _set_tenant_state(name: str, state: TenantState, *, as_json: bool) -> None:
    async def act(context: Context) -> tuple[Settings, Tenant]:
        tenant = await _tenant(context, name)
        async with context.database.house_write(_operator()) as house:
            return context.settings, await configure.set_tenant_state(house, tenant, state)

    settings, tenant = _act(act)
    _print(_tenant_json(settings, tenant), [f"The tenant {tenant.name} is {tenant.state}."], as_json=as_json)


@tenant_group.command("suspend")
@click.argument("name")
@AS_JSON
def suspend_tenant(name: str, as_json: bool) -> None:
    """Refuse NAME's keys like unknown ones, until it is resumed."""
    _set_tenant_state(name, "suspended", as_json=as_json)


@tenant_group.command("resume")
@click.argument("name")
@AS_JSON
def resume_tenant(name: str, as_json: bool) -> None:
    """Let NAME in again."""
    _set_tenant_state(name, "active", as_json=as_json)


# -- identity providers ------------------------------------------------------------------------------------------------


@cli.group("idp")
def idp_group() -> None:
    """Identity providers of a tenant."""


def _provider_json(settings: Settings, tenant: Tenant, provider: IdentityProvider) -> dict[str, Any]:
    ours = ServiceProvider(settings.saml_url(tenant.name, provider.id))
    return {
        "id": provider.id,
        "tenant": tenant.name,
        "name": provider.name,
        "vendor": provider.vendor,
        "enabled": provider.enabled,
        "provisioning": provider.provisioning,
        "adopts": provider.adopts,
        "scim_url": settings.scim_url(tenant.name),
        "acs_url": ours.acs_url,
        "entity_id": ours.entity_id,
        "metadata_url": ours.metadata_url,
        "login_url": ours.login_url,
        "logout_url": ours.logout_url,
        "revocation_url": ours.revocation_url,
    }


def _pair_json(pair: Pair) -> dict[str, str]:
    return {"key": pair.key, "secret": pair.secret, "token": pair.token}


def _pair_lines(pair: Pair) -> list[str]:
    return [
        f"Key:      {pair.key}",
        f"Secret:   {pair.secret}",
        f"Token:    {pair.token}  (both in one, for Bearer)",
        "The Secret is shown this once and kept nowhere.",
    ]


@idp_group.command("add")
@click.argument("tenant_name", metavar="TENANT")
@click.option("--name", required=True, help="What people call it, such as Okta.")
@click.option("--vendor", type=click.Choice(list(VENDORS)), default="okta", show_default=True)
@click.option("--auto-provisioning", is_flag=True, help="Switch SCIM on and make a Key and Secret.")
@click.option("--no-adopt", is_flag=True, help="Do not let it find and adopt people who were added by hand.")
@AS_JSON
def add_provider(
    tenant_name: str, name: str, vendor: str, auto_provisioning: bool, no_adopt: bool, as_json: bool
) -> None:
    """Tie TENANT to an identity provider."""

    async def act(context: Context) -> tuple[dict[str, Any], Pair | None]:
        tenant = await _tenant(context, tenant_name)
        pair = None
        async with context.database.write(_operator(tenant.id)) as tx:
            provider = await configure.create_provider(tx, name, vendor)
            if no_adopt:
                provider = await configure.change_provider(tx, provider.id, adopts=False)
            if auto_provisioning:
                provider, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        return _provider_json(context.settings, tenant, provider), pair

    shown, pair = _act(act)
    lines = [f"Added {shown['name']} to {shown['tenant']}.", f"SCIM URL: {shown['scim_url']}"]
    if pair:
        lines += _pair_lines(pair)
        shown |= _pair_json(pair)
    _print(shown, lines, as_json=as_json)


@idp_group.command("set")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("provider_name", metavar="IDP")
@click.option("--metadata", type=click.File("rb"), default=None, help="File with the identity provider's metadata XML.")
@click.option("--metadata-url", default=None, help="URL at which the metadata is read now and every hour.")
@click.option(
    "--unsolicited",
    type=click.Choice(["refuse", "restart", "accept"]),
    default=None,
    help="What becomes of a sign-in that begins at the identity provider.",
)
@click.option("--name-id", type=click.Choice(["userName", "externalId"]), default=None, help="What the NameID is.")
@click.option("--just-in-time/--no-just-in-time", default=None, help="Create people at their first sign-in.")
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
    enabled: bool | None,
    as_json: bool,
) -> None:
    """Change SAML settings of IDP (name or id) of TENANT, and tell what the identity provider needs to know."""

    async def act(context: Context) -> dict[str, Any]:
        tenant = await _tenant(context, tenant_name)
        provider = await _provider(context, tenant, provider_name)
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
        async with context.database.write(_operator(tenant.id)) as tx:
            if read is not None:
                await saml_settings.take_details(tx, provider.id, read)
            if changed:
                await saml_settings.change_sign_on(tx, provider.id, **changed)
            provider = await configure.change_provider(tx, provider.id, enabled=enabled)
        return _provider_json(context.settings, tenant, provider)

    shown = _act(act)
    lines = [
        f"Single sign-on URL (ACS):     {shown['acs_url']}",
        f"Audience URI (SP Entity ID):  {shown['entity_id']}",
        f"Metadata:                     {shown['metadata_url']}",
        f"Sign-in begins at:            {shown['login_url']}",
    ]
    _print(shown, lines, as_json=as_json)


@idp_group.command("list")
@click.argument("tenant_name", metavar="TENANT")
@AS_JSON
def list_providers(tenant_name: str, as_json: bool) -> None:
    """Identity providers of TENANT."""

    async def act(context: Context) -> list[dict[str, Any]]:
        tenant = await _tenant(context, tenant_name)
        async with context.database.read(tenant.id) as reading:
            providers = await all_providers(reading)
        return [_provider_json(context.settings, tenant, each) for each in providers]

    shown = _act(act)
    lines = [f"{each['name']:24} {each['vendor']:8} provisioning {each['provisioning']}" for each in shown]
    _print(shown, lines or ["No identity provider yet."], as_json=as_json)


# -- credentials -------------------------------------------------------------------------------------------------------


@cli.group("credential")
def credential_group() -> None:
    """Keys and Secrets of an identity provider."""


def _credential_json(credential: Credential) -> dict[str, Any]:
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


@credential_group.command("add")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("provider_name", metavar="IDP")
@click.option("--label", default="", help="What tells it from the others.")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="When it stops being accepted. [default: never]")
@AS_JSON
def add_credential(
    tenant_name: str, provider_name: str, label: str, expires_in_days: int | None, as_json: bool
) -> None:
    """Make a Key and Secret for IDP, beside those that live already."""

    async def act(context: Context) -> tuple[dict[str, Any], Pair]:
        tenant = await _tenant(context, tenant_name)
        provider = await _provider(context, tenant, provider_name)
        async with context.database.write(_operator(tenant.id)) as tx:
            expires_at = tx.now + expires_in_days * _DAY if expires_in_days else None
            credential, pair = await configure.create_credential(tx, provider.id, label, expires_at, context.checker)
        return _credential_json(credential) | {"scim_url": context.settings.scim_url(tenant.name)}, pair

    shown, pair = _act(act)
    _print(shown | _pair_json(pair), [f"SCIM URL: {shown['scim_url']}", *_pair_lines(pair)], as_json=as_json)


def _life(credential: Credential) -> str:
    if credential.revoked_at is not None:
        return "retired"
    return "live" if credential.usable(milliseconds_now()) else "expired"


@credential_group.command("list")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("provider_name", metavar="[IDP]", required=False)
@AS_JSON
def list_credentials(tenant_name: str, provider_name: str | None, as_json: bool) -> None:
    """Keys of TENANT, or of one IDP of it."""

    async def act(context: Context) -> list[Credential]:
        tenant = await _tenant(context, tenant_name)
        provider = await _provider(context, tenant, provider_name) if provider_name else None
        async with context.database.read(tenant.id) as reading:
            return await credentials_of(reading, provider.id) if provider else await all_credentials(reading)

    found = _act(act)
    lines = [f"{each.key}  {_life(each):8} {each.label}" for each in found]
    _print([_credential_json(each) for each in found], lines or ["No key yet."], as_json=as_json)


@credential_group.command("revoke")
@click.argument("tenant_name", metavar="TENANT")
@click.argument("key")
@AS_JSON
def revoke_credential(tenant_name: str, key: str, as_json: bool) -> None:
    """Retire KEY: from the next request on it is refused."""

    async def act(context: Context) -> Credential:
        tenant = await _tenant(context, tenant_name)
        async with context.database.write(_operator(tenant.id)) as tx:
            credential = await find_credential_by_key(tx, key)
            if credential is None:
                raise NotFound(f"{tenant.name} has no key '{key[:40]}'.")
            await configure.retire_credential(tx, credential.id)
            found = await find_credential_by_key(tx, key)
            return found or credential

    credential = _act(act)
    _print(_credential_json(credential), [f"Retired {credential.key}."], as_json=as_json)


# -- administrators ----------------------------------------------------------------------------------------------------


@cli.group("admin")
def admin_group() -> None:
    """People who work in the Admin Console."""


_WHOSE = click.option("--tenant", "tenant_name", help="The tenant that they administer.")
_OPERATOR = click.option("--operator", is_flag=True, help="An operator, who sees all tenants.")


async def _administered(context: Context, tenant_name: str | None, *, operator: bool) -> str:
    """The id of the tenant that was named, or the house for operators."""
    if operator == bool(tenant_name):
        raise WrongInput(
            "Say whom: --tenant NAME for an administrator of a tenant, or --operator for one of all tenants."
        )
    return HOUSE if operator else (await _tenant(context, tenant_name or "")).id


async def _administrator(house: House, tenant_id: str, email: str) -> Administrator | None:
    return next((each for each, _ in await find_by_email(house, email) if each.tenant_id == tenant_id), None)


def _administrator_json(administrator: Administrator, tenant_name: str | None) -> dict[str, Any]:
    return {
        "id": administrator.id,
        "email": administrator.email,
        "name": administrator.name,
        "role": administrator.role,
        "tenant": tenant_name,
        "locked_out": administrator.disabled_at is not None,
    }


@admin_group.command("add")
@click.argument("email")
@_WHOSE
@_OPERATOR
@click.option("--role", type=click.Choice(ROLES[:-1]), help="Their role in the tenant. [default: owner]")
@click.option("--name", default="", help="What to call them.")
@AS_JSON
def add_administrator(
    email: str, tenant_name: str | None, operator: bool, role: AdministratorRole | None, name: str, as_json: bool
) -> None:
    """Make EMAIL an administrator and print the one-time link with which they choose a password.

    For somebody who is one already, a fresh link is made: this is the way back in when a password is lost.
    """

    async def act(context: Context) -> dict[str, Any]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        if operator and role:
            raise WrongInput("An operator has no role in a tenant: leave --role out.")
        async with context.database.house_write(_operator()) as house:
            known = await _administrator(house, tenant_id, email)
            if known is None:
                wanted: AdministratorRole = "operator" if operator else role or "owner"
                administrator, token = await administer.invite(house, tenant_id, email, name, wanted)
            elif role not in {None, known.role}:
                raise WrongInput(f"{known.email} is {known.role} there. Roles are changed in the console, by an owner.")
            else:
                administrator, token = known, await administer.renew_link(house, known)
        return _administrator_json(administrator, tenant_name) | {"link": f"{context.settings.url}/setup/{token}"}

    shown = _act(act)
    lines = [f"{shown['email']} is {shown['role']}. Within 24 hours, once:", shown["link"]]
    _print(shown, lines, as_json=as_json)


@admin_group.command("list")
@_WHOSE
@_OPERATOR
@AS_JSON
def list_administrators(tenant_name: str | None, operator: bool, as_json: bool) -> None:
    """Administrators of a tenant, or the operators."""

    async def act(context: Context) -> list[dict[str, Any]]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        async with context.database.house_read(_operator()) as house:
            return [_administrator_json(each, tenant_name) for each in await administrators_of(house, tenant_id)]

    found = _act(act)
    lines = [f"{each['email']:32} {each['role']:8} {'locked out' if each['locked_out'] else ''}" for each in found]
    _print(found, lines or ["None yet."], as_json=as_json)


def _set_enabled(email: str, tenant_name: str | None, *, operator: bool, enabled: bool, as_json: bool) -> None:
    async def act(context: Context) -> dict[str, Any]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        async with context.database.house_write(_operator()) as house:
            administrator = await _administrator(house, tenant_id, email)
            if administrator is None:
                raise NotFound(f"There is no administrator {email} there. `vestibule admin list` shows them.")
            await (administer.enable if enabled else administer.disable)(house, administrator)
            found = await _administrator(house, tenant_id, email)
        return _administrator_json(found or administrator, tenant_name)

    shown = _act(act)
    said = "may sign in again" if enabled else "is locked out, and their sessions are over"
    _print(shown, [f"{shown['email']} {said}."], as_json=as_json)


@admin_group.command("disable")
@click.argument("email")
@_WHOSE
@_OPERATOR
@AS_JSON
def disable_administrator(email: str, tenant_name: str | None, operator: bool, as_json: bool) -> None:
    """Lock EMAIL out at once. The last owner of a tenant, and the last operator, stay."""
    _set_enabled(email, tenant_name, operator=operator, enabled=False, as_json=as_json)


@admin_group.command("enable")
@click.argument("email")
@_WHOSE
@_OPERATOR
@AS_JSON
def enable_administrator(email: str, tenant_name: str | None, operator: bool, as_json: bool) -> None:
    """Let EMAIL in again."""
    _set_enabled(email, tenant_name, operator=operator, enabled=True, as_json=as_json)


@admin_group.command("reset-factors")
@click.argument("email")
@_WHOSE
@_OPERATOR
@AS_JSON
def reset_factors(email: str, tenant_name: str | None, operator: bool, as_json: bool) -> None:
    """Remove every second factor and recovery code of EMAIL, who lost all of them, and end their sessions."""

    async def act(context: Context) -> dict[str, Any]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        async with context.database.house_write(_operator()) as house:
            administrator = await _administrator(house, tenant_id, email)
            if administrator is None:
                raise NotFound(f"There is no administrator {email} there. `vestibule admin list` shows them.")
            removed = await second_factor.reset_factors(house, administrator)
        return _administrator_json(administrator, tenant_name) | {"factors_removed": removed}

    shown = _act(act)
    told = f"{shown['email']} signs in with the password alone until they add a factor; their sessions are over."
    _print(shown, [f"Removed {shown['factors_removed']} second factors.", told], as_json=as_json)
