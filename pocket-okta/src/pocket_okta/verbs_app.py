"""`app`: the verbs for applications, from adding one to assigning people."""

import json
from pathlib import Path
from urllib.parse import quote

import click

from pocket_okta.verbs import finish, reaching, remote, show
from pocket_okta.verbs_groups import push_group, push_now, pushed_groups, run_cycle, unlink_group
from pocket_okta.verbs_sign_on import certificates, print_metadata, set_sign_on


@click.group()
def app() -> None:
    """Applications of a running org. APP is an id or the exact label."""


_COMMANDS = (
    set_sign_on,
    print_metadata,
    certificates,
    push_group,
    push_now,
    unlink_group,
    pushed_groups,
    run_cycle,
)
for _command in _COMMANDS:
    app.add_command(_command)


@app.command("list")
@reaching
def list_apps(url: str, token: str, data: Path, as_json: bool) -> None:
    """List the applications."""
    found = remote(url, token, data).call("GET", "/api/v1/apps")
    if as_json:
        click.echo(json.dumps(found))
        return
    columns = {
        "ID": lambda row: row["id"],
        "LABEL": lambda row: row["label"],
        "MADE": lambda row: row["settings"]["pocket"]["mode"],
        "PROVISIONING": lambda row: ", ".join(row["features"]) or "not configured",
    }
    show(found, columns)


@app.command("add")
@click.argument("label")
@click.option("--template", default="scim2basicauth", show_default=True, help="Which kind from the catalogue.")
@click.option("--wizard", is_flag=True, help="Make it as with Create App Integration (AIW) instead.")
@reaching
def add_app(
    label: str,
    template: str,
    wizard: bool,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """Add an application."""
    made = remote(url, token, data).call(
        "POST", "/api/v1/apps", {"label": label} | ({} if wizard else {"name": template})
    )
    finish(made, as_json, f"Added {label}, {made['id']}.")


@app.command("connect")
@click.argument("name", metavar="APP")
@click.option("--base-url", required=True, help="SCIM 2.0 Base Url.")
@click.option("--username", default="", help="For Basic: the Key.")
@click.option("--password", default="", help="For Basic: the Secret.")
@click.option("--bearer", default="", help="For header authentication: the token.")
@click.option("--scheme", type=click.Choice(["BASIC", "HEADER", "BEARER"]), help="If the app knows several.")
@reaching
def connect_app(
    name: str,
    base_url: str,
    username: str,
    password: str,
    bearer: str,
    scheme: str | None,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """Configure and enable the API integration of APP."""
    api = remote(url, token, data)
    chosen = scheme or ("TOKEN" if bearer else "BASIC")
    profile = {"authScheme": chosen, "username": username, "password": password, "token": bearer}
    body = {"baseUrl": base_url, "profile": profile}
    made = api.call("POST", f"/api/v1/apps/{api.app_id(name)}/connections/default?activate=true", body)
    finish(made, as_json, f"{name} was verified successfully! Provisioning is enabled; choose with: app features")


@app.command("test")
@click.argument("name", metavar="APP")
@reaching
def test_app(name: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """Press "Test API Credentials" for APP; exit code 1 if they are refused."""
    api = remote(url, token, data)
    verdict = api.call("POST", f"/pocket/v1/apps/{api.app_id(name)}/test-credentials")
    finish(verdict, as_json, verdict["message"])
    if not verdict["verified"]:
        raise click.exceptions.Exit(1)


@app.command("features")
@click.argument("name", metavar="APP")
@click.option("--create/--no-create", default=None, help="Create Users.")
@click.option("--update/--no-update", default=None, help="Update User Attributes.")
@click.option("--deactivate/--no-deactivate", default=None, help="Deactivate Users.")
@click.option("--sync-password/--no-sync-password", default=None, help="Sync Password.")
@reaching
def set_features(
    name: str,
    create: bool | None,
    update: bool | None,
    deactivate: bool | None,
    sync_password: bool | None,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """Provisioning > To App of APP: enable or disable; what is not named stays."""

    def status(on: bool | None) -> dict[str, str]:
        return {} if on is None else {"status": "ENABLED" if on else "DISABLED"}

    api = remote(url, token, data)
    body = {
        "create": {"lifecycleCreate": status(create)},
        "update": {
            "profile": status(update),
            "lifecycleDeactivate": status(deactivate),
            "password": status(sync_password),
        },
    }
    made = api.call("PUT", f"/api/v1/apps/{api.app_id(name)}/features/USER_PROVISIONING", body)
    now = made["capabilities"]["update"] | {"lifecycleCreate": made["capabilities"]["create"]["lifecycleCreate"]}
    finish(made, as_json, ", ".join(f"{key} {value['status']}" for key, value in now.items()))


@app.command("assign")
@click.argument("name", metavar="APP")
@click.argument("who", nargs=-1, required=True)
@click.option("--group", "is_group", is_flag=True, help="WHO are ids of groups.")
@reaching
def assign(
    name: str,
    who: tuple[str, ...],
    is_group: bool,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """Assign APP to WHO (ids or logins)."""
    api = remote(url, token, data)
    app_id = api.app_id(name)
    if is_group:
        made = [api.call("PUT", f"/api/v1/apps/{app_id}/groups/{quote(group)}") for group in who]
    else:
        made = [api.call("POST", f"/api/v1/apps/{app_id}/users", {"id": person}) for person in who]
    finish(made, as_json, f"Assigned {', '.join(who)}.")


@app.command("unassign")
@click.argument("name", metavar="APP")
@click.argument("who", nargs=-1, required=True)
@click.option("--group", "is_group", is_flag=True, help="WHO are ids of groups.")
@reaching
def unassign(
    name: str,
    who: tuple[str, ...],
    is_group: bool,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """Take APP from WHO (ids or logins)."""
    api = remote(url, token, data)
    app_id = api.app_id(name)
    for one in who:
        api.call("DELETE", f"/api/v1/apps/{app_id}/{'groups' if is_group else 'users'}/{quote(one)}")
    finish({"unassigned": list(who)}, as_json, f"Unassigned {', '.join(who)}.")


@app.command("import")
@click.argument("name", metavar="APP")
@reaching
def import_users(name: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """Press "Import Now" for APP; exit code 1 if the import failed."""
    api = remote(url, token, data)
    run = api.call("POST", f"/pocket/v1/apps/{api.app_id(name)}/import")
    finish(run, as_json, run["message"])
    if run["state"] == "failed":
        raise click.exceptions.Exit(1)
