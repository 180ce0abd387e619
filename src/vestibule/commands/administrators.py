"""`vestibule admin`: people who work in the Admin Console."""

from typing import Any

import click

from vestibule.actions import administer, second_factor
from vestibule.commands.acting import AS_JSON, command_line, in_house, named_tenant, show
from vestibule.endpoints.context import Context
from vestibule.errors import NotFound, WrongInput
from vestibule.model import HOUSE, ROLES, Administrator, AdministratorRole
from vestibule.store.administrators import administrators_of, find_by_email
from vestibule.store.database import AllTenants


@click.group("admin")
def admin_group() -> None:
    """People who work in the Admin Console."""


_WHOSE = click.option("--tenant", "tenant_name", help="The administrator's tenant.")
_OPERATOR = click.option("--operator", is_flag=True, help="An operator, who sees all tenants.")


async def _administered(context: Context, tenant_name: str | None, *, operator: bool) -> str:
    """Returns the id of the named tenant, or `HOUSE` for operators."""
    if operator == bool(tenant_name):
        raise WrongInput("Give --tenant NAME for an administrator of a tenant, or --operator for one of all tenants.")
    return HOUSE if operator else (await named_tenant(context, tenant_name or "")).id


async def _administrator(all_tenants: AllTenants, tenant_id: str, email: str) -> Administrator | None:
    return next((each for each, _ in await find_by_email(all_tenants, email) if each.tenant_id == tenant_id), None)


def administrator_json(administrator: Administrator, tenant_name: str | None) -> dict[str, Any]:
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

    For an existing administrator a new link is made, for example because the password is lost.
    """

    async def act(context: Context) -> dict[str, Any]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        if operator and role:
            raise WrongInput("An operator has no role in a tenant: leave --role out.")
        async with context.database.write_all_tenants(command_line()) as all_tenants:
            known = await _administrator(all_tenants, tenant_id, email)
            if known is None:
                wanted: AdministratorRole = "operator" if operator else role or "owner"
                administrator, token = await administer.invite(all_tenants, tenant_id, email, name, wanted)
            elif role not in {None, known.role}:
                raise WrongInput(f"{known.email} is {known.role} there. Roles are changed in the console, by an owner.")
            else:
                administrator, token = known, await administer.renew_link(all_tenants, known)
        return administrator_json(administrator, tenant_name) | {"link": f"{context.settings.url}/setup/{token}"}

    shown = in_house(act)
    lines = [f"{shown['email']} is {shown['role']}. This link works once, within 24 hours:", shown["link"]]
    show(shown, lines, as_json=as_json)


@admin_group.command("list")
@_WHOSE
@_OPERATOR
@AS_JSON
def list_administrators(tenant_name: str | None, operator: bool, as_json: bool) -> None:
    """List the administrators of a tenant, or the operators."""

    async def act(context: Context) -> list[dict[str, Any]]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        async with context.database.read_all_tenants(command_line()) as all_tenants:
            return [administrator_json(each, tenant_name) for each in await administrators_of(all_tenants, tenant_id)]

    found = in_house(act)
    lines = [f"{each['email']:32} {each['role']:8} {'locked out' if each['locked_out'] else ''}" for each in found]
    show(found, lines or ["None yet."], as_json=as_json)


def _set_enabled(email: str, tenant_name: str | None, *, operator: bool, enabled: bool, as_json: bool) -> None:
    async def act(context: Context) -> dict[str, Any]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        async with context.database.write_all_tenants(command_line()) as all_tenants:
            administrator = await _administrator(all_tenants, tenant_id, email)
            if administrator is None:
                raise NotFound(f"There is no administrator {email} there. `vestibule admin list` shows them.")
            await (administer.enable if enabled else administer.disable)(all_tenants, administrator)
            found = await _administrator(all_tenants, tenant_id, email)
        return administrator_json(found or administrator, tenant_name)

    shown = in_house(act)
    said = "may sign in again" if enabled else "is locked out, and their sessions have ended"
    show(shown, [f"{shown['email']} {said}."], as_json=as_json)


@admin_group.command("disable")
@click.argument("email")
@_WHOSE
@_OPERATOR
@AS_JSON
def disable_administrator(email: str, tenant_name: str | None, operator: bool, as_json: bool) -> None:
    """Lock EMAIL out at once. The last owner of a tenant and the last operator cannot be locked out."""
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
    """Remove all second factors and recovery codes of EMAIL, and end their sessions."""

    async def act(context: Context) -> dict[str, Any]:
        tenant_id = await _administered(context, tenant_name, operator=operator)
        async with context.database.write_all_tenants(command_line()) as all_tenants:
            administrator = await _administrator(all_tenants, tenant_id, email)
            if administrator is None:
                raise NotFound(f"There is no administrator {email} there. `vestibule admin list` shows them.")
            removed = await second_factor.reset_factors(all_tenants, administrator)
        return administrator_json(administrator, tenant_name) | {"factors_removed": removed}

    shown = in_house(act)
    told = f"{shown['email']} signs in with the password only until they add a factor; their sessions have ended."
    show(shown, [f"Removed {shown['factors_removed']} second factors.", told], as_json=as_json)
