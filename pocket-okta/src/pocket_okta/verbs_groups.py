"""`groups`, and the verbs of `app` that push them: what is done under Directory > Groups and Push Groups."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from pocket_okta.verbs import Remote, finish, reaching, remote, show


def group_id(api: Remote, name: str) -> str:
    """Return the id of the group that an id or an exact name names."""
    found = api.call("GET", "/api/v1/groups")
    ids = [group["id"] for group in found if name in {group["id"], group["profile"]["name"]}]
    if len(ids) != 1:
        raise click.ClickException(f"No group is named {name!r}. Give the id or the exact name; see: groups list")
    return str(ids[0])


@click.group()
def groups() -> None:
    """Directory > Groups of a running org. GROUP is an id or the exact name."""


@groups.command("list")
@reaching
def list_groups(url: str, token: str, data: Path, as_json: bool) -> None:
    """List the groups."""
    found = remote(url, token, data).call("GET", "/api/v1/groups")
    if as_json:
        click.echo(json.dumps(found))
        return
    show(found, {"ID": lambda row: row["id"], "NAME": lambda row: row["profile"]["name"]})


@groups.command("add")
@click.argument("name")
@click.option("--description", default="")
@reaching
def add_group(name: str, description: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """Add a group called NAME."""
    body = {"profile": {"name": name, "description": description}}
    made = remote(url, token, data).call("POST", "/api/v1/groups", body)
    finish(made, as_json, f"Added {name}, {made['id']}.")


@groups.command("join")
@click.argument("group")
@click.argument("who", nargs=-1, required=True)
@reaching
def join(group: str, who: tuple[str, ...], url: str, token: str, data: Path, as_json: bool) -> None:
    """Add WHO (ids or logins) to GROUP."""
    _change_members("PUT", remote(url, token, data), group, who)
    finish({"joined": list(who)}, as_json, f"Added {', '.join(who)} to {group}.")


@groups.command("leave")
@click.argument("group")
@click.argument("who", nargs=-1, required=True)
@reaching
def leave(group: str, who: tuple[str, ...], url: str, token: str, data: Path, as_json: bool) -> None:
    """Remove WHO (ids or logins) from GROUP."""
    _change_members("DELETE", remote(url, token, data), group, who)
    finish({"left": list(who)}, as_json, f"Removed {', '.join(who)} from {group}.")


def _change_members(method: str, api: Remote, group: str, who: tuple[str, ...]) -> None:
    found = group_id(api, group)
    for one in who:
        api.call(method, f"/api/v1/groups/{found}/users/{quote(one)}")


def _mapping(api: Remote, name: str, group: str) -> tuple[str, Any]:
    """Return the path of an app's mappings, and the mapping of a group."""
    path = f"/api/v1/apps/{api.app_id(name)}/group-push/mappings"
    found = api.call("GET", f"{path}?sourceGroupId={group_id(api, group)}")
    if not found:
        raise click.ClickException(f"{group} is not pushed to {name}. Push it with: app push-group")
    return path, found[0]


@click.command("push-group")
@click.argument("name", metavar="APP")
@click.argument("group")
@click.option("--target", default="", help="The group's name at the service, to link it, if it has another one there.")
@reaching
def push_group(name: str, group: str, target: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """Push GROUP to APP from now on: link it there, or create it."""
    api = remote(url, token, data)
    body = {"sourceGroupId": group_id(api, group)} | ({"targetGroupName": target} if target else {})
    made = api.call("POST", f"/api/v1/apps/{api.app_id(name)}/group-push/mappings", body)
    finish(made, as_json, f"{group} is pushed to {name}, {made['id']}.")


@click.command("push-now")
@click.argument("name", metavar="APP")
@click.argument("group")
@reaching
def push_now(name: str, group: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """Press "Push now" for GROUP: overwrite its name and all its members at APP."""
    api = remote(url, token, data)
    path, found = _mapping(api, name, group)
    api.call("POST", f"{path.replace('/api/', '/pocket/', 1)}/{found['id']}/push-now")
    finish(found, as_json, f"{group} is being pushed whole.")


@click.command("unlink-group")
@click.argument("name", metavar="APP")
@click.argument("group")
@click.option("--delete/--leave", default=True, show_default=True, help="What becomes of the group at the service.")
@reaching
def unlink_group(name: str, group: str, delete: bool, url: str, token: str, data: Path, as_json: bool) -> None:
    """Push GROUP to APP no longer."""
    api = remote(url, token, data)
    path, found = _mapping(api, name, group)
    api.call("PATCH", f"{path}/{found['id']}", {"status": "INACTIVE"})
    api.call("DELETE", f"{path}/{found['id']}?deleteTargetGroup={'true' if delete else 'false'}")
    finish(found, as_json, f"{group} was unlinked.")


@click.command("pushed-groups")
@click.argument("name", metavar="APP")
@reaching
def pushed_groups(name: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """List the groups that are pushed to APP."""
    api = remote(url, token, data)
    found = api.call("GET", f"/api/v1/apps/{api.app_id(name)}/group-push/mappings")
    if as_json:
        click.echo(json.dumps(found))
        return
    columns = {
        "ID": lambda row: row["id"],
        "STATUS": lambda row: row["status"],
        "GROUP": lambda row: row["targetGroupName"],
        "MEMBERS": lambda row: row["_embedded"]["pocket"]["pushedMembers"],
        "ERROR": lambda row: row["errorSummary"] or "",
    }
    show(found, columns)


@click.command("cycle")
@click.argument("name", metavar="APP")
@reaching
def run_cycle(name: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """Run a cycle of APP in an org in Entra's dialect; exit code 1 if it ends in quarantine."""
    api = remote(url, token, data)
    state = api.call("POST", f"/pocket/v1/apps/{api.app_id(name)}/synchronization/cycle?timeout=600")
    finish(state, as_json, f"{state['status']}: {state['message']}")
    if state["quarantine"]:
        raise click.exceptions.Exit(1)
