"""`vestibule user`: list the people of a tenant, block and unblock them, and end their sessions.

People are created, changed, deactivated and deleted by their identity provider only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import click
import orjson

from vestibule.actions import people
from vestibule.commands.acting import (
    AS_JSON,
    Kind,
    command_line,
    in_house,
    named_tenant,
    provider_names,
    show,
    the_one_meant,
)
from vestibule.endpoints.console.users import display_name
from vestibule.endpoints.context import Context
from vestibule.endpoints.person.home import roles_of_person
from vestibule.model import Tenant, User
from vestibule.store.database import Reading, Tx
from vestibule.store.user_lists import UserSelection, list_users
from vestibule.store.users import find_user, find_users_by_name

_BATCH: Final = 1000
_STATES: Final = {
    "active": UserSelection(active=True),
    "inactive": UserSelection(active=False),
    "blocked": UserSelection(blocked=True),
}
_BY_HAND: Final = "added by hand"
_KIND: Final = Kind("nobody", "people", "user name", "user", _BY_HAND)
_WHOM = click.argument("wanted", metavar="USER")
_IDP = click.option("--idp", "provider_name", metavar="NAME", help="The identity provider whose USER is meant.")


@click.group("user")
def user_group() -> None:
    """People of a tenant."""


def user_json(user: User, provider_name: str | None) -> dict[str, Any]:
    """Returns a person in the form that the commands print."""
    document = orjson.loads(user.document)
    return {
        "id": user.id,
        "user_name": document["userName"],
        "name": display_name(document),
        "identity_provider": provider_name,
        "active": user.active,
        "blocked_at": user.blocked_at,
        "roles": roles_of_person(user),
        "created_at": user.created_at,
        "modified_at": user.modified_at,
    }


@user_group.command("list")
@click.argument("tenant_name", metavar="TENANT")
@click.option("--search", default="", help="Words in user names, names, e-mail addresses and external ids.")
@click.option("--state", type=click.Choice(list(_STATES)), help="Only people in that state.")
@AS_JSON
def list_people(tenant_name: str, search: str, state: str | None, as_json: bool) -> None:
    """List the people of TENANT, the newest first."""

    async def act(context: Context) -> list[dict[str, Any]]:
        tenant = await named_tenant(context, tenant_name)
        chosen = replace(_STATES[state] if state else UserSelection(), search=search)
        found = list[dict[str, Any]]()
        async with context.database.scan(tenant.id, "sweep") as reading:
            names = await provider_names(reading)
            users = await list_users(reading, chosen, _BATCH)
            while users:
                found += [user_json(each, names.get(each.identity_provider_id)) for each in users]
                users = await list_users(reading, chosen, _BATCH, beyond=users[-1].id) if len(users) == _BATCH else []
        return found

    found = in_house(act)
    lines = [_line(each) for each in found]
    show(found, lines or ["Nobody matches." if search or state else "Nobody yet."], as_json=as_json)


def _line(shown: dict[str, Any]) -> str:
    state = "active" if shown["active"] else "inactive"
    if shown["blocked_at"] is not None:
        state += ", blocked"
    return f"{shown['id']}  {state:17}  {shown['identity_provider'] or _BY_HAND:16}  {shown['user_name']}"


async def _person(context: Context, tenant: Tenant, wanted: str, provider_name: str | None) -> User:
    """Returns the person with that id or userName, of the named identity provider if there is one.

    Raises:
        NotFound, WrongInput: there is none, or there are several.
    """
    return await the_one_meant(context, tenant, wanted, provider_name, _KIND, _find)


async def _find(reading: Reading, wanted: str) -> list[User]:
    by_id = await find_user(reading, wanted)
    return [by_id] if by_id else await find_users_by_name(reading, wanted)


def _change(
    tenant_name: str, wanted: str, provider_name: str | None, change: Callable[[Tx, str], Awaitable[int | None]]
) -> dict[str, Any]:
    """Change one person. Returns the person afterwards, and how many sessions ended, if any."""

    async def act(context: Context) -> dict[str, Any]:
        tenant = await named_tenant(context, tenant_name)
        person = await _person(context, tenant, wanted, provider_name)
        async with context.database.write(command_line(tenant.id)) as tx:
            ended = await change(tx, person.id)
            names = await provider_names(tx)
            shown = user_json(await find_user(tx, person.id) or person, names.get(person.identity_provider_id))
        return shown if ended is None else shown | {"sessions_ended": ended}

    return in_house(act)


@user_group.command("block")
@click.argument("tenant_name", metavar="TENANT")
@_WHOM
@_IDP
@AS_JSON
def block_person(tenant_name: str, wanted: str, provider_name: str | None, as_json: bool) -> None:
    """Block USER of TENANT until let in again.

    USER is a user name or an id. Their sessions end at once, and no identity provider can lift it.
    """
    shown = _change(tenant_name, wanted, provider_name, people.block)
    show(shown, [f"{shown['user_name']} is blocked, and their sessions have ended."], as_json=as_json)


@user_group.command("let-in")
@click.argument("tenant_name", metavar="TENANT")
@_WHOM
@_IDP
@AS_JSON
def let_person_in(tenant_name: str, wanted: str, provider_name: str | None, as_json: bool) -> None:
    """Let USER of TENANT sign in again.

    USER is a user name or an id. Sessions that were ended do not come back.
    """
    shown = _change(tenant_name, wanted, provider_name, people.let_in)
    said = "may sign in again" if shown["active"] else "is no longer blocked; they are inactive, and cannot sign in"
    show(shown, [f"{shown['user_name']} {said}."], as_json=as_json)


@user_group.command("end-sessions")
@click.argument("tenant_name", metavar="TENANT")
@_WHOM
@_IDP
@AS_JSON
def end_sessions_of_person(tenant_name: str, wanted: str, provider_name: str | None, as_json: bool) -> None:
    """End all sessions of USER of TENANT.

    USER is a user name or an id. They may sign in again at once.
    """
    shown = _change(tenant_name, wanted, provider_name, people.end_sessions)
    ended = shown["sessions_ended"]
    show(shown, [f"Ended {ended} {'session' if ended == 1 else 'sessions'} of {shown['user_name']}."], as_json=as_json)
