"""The verbs that call the HTTP API of a running org, for people at a terminal and for scripts (`--json`).

The rule: a verb can do nothing that the API cannot. Address and token come from options, the environment,
or the data folder of the org.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click
import httpx2

DEFAULT_DATA = Path("var/pocket-okta")

Command = TypeVar("Command", bound=Callable[..., Any])


class Remote:
    """The API of a running org."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx2.Client(
            base_url=url, headers={"Authorization": f"SSWS {token}"}, timeout=660.0, trust_env=False
        )
        self._url = url
        click.get_current_context().call_on_close(self._client.close)

    def call(self, method: str, path: str, body: object = None, *, accept: tuple[int, ...] = ()) -> Any:
        """Return the JSON of an answer; a refusal ends the program with its sentence. `accept`: refusals to return."""
        answer = self._ask(method, path, body, accept)
        return answer.json() if answer.content else {}

    def text(self, path: str) -> str:
        """Return an answer that is no JSON."""
        return self._ask("GET", path).text

    def pages(self, path: str) -> list[Any]:
        """Return every item of a paged listing."""
        items: list[Any] = []
        url: str | None = path
        while url:
            answer = self._ask("GET", url)
            items += answer.json()
            url = next((link["url"] for link in answer.links.values() if link.get("rel") == "next"), None)
        return items

    def _ask(self, method: str, path: str, body: object = None, accept: tuple[int, ...] = ()) -> httpx2.Response:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx2.HTTPError as problem:
            raise click.ClickException(
                f"No pocket Okta answers at {self._url} ({problem}). Start one with: serve"
            ) from None
        if answer.is_success or answer.status_code in accept:
            return answer
        try:
            document = answer.json()
        except ValueError:
            raise click.ClickException(f"{self._url} is no pocket Okta: it answered {answer.status_code}.") from None
        causes = [cause["errorSummary"] for cause in document.get("errorCauses", [])]
        raise click.ClickException(" ".join(causes) or document.get("errorSummary", f"HTTP {answer.status_code}"))

    def app_id(self, name: str) -> str:
        """Return the id of the app that an id or a label names."""
        found = self.call("GET", "/api/v1/apps")
        ids = [app["id"] for app in found if name in {app["id"], app["label"]}]
        if len(ids) != 1:
            labels = ", ".join(repr(app["label"]) for app in found) or "none"
            raise click.ClickException(
                f"{len(ids)} apps are named {name!r}; there are: {labels}. Give the id or the exact label."
            )
        return str(ids[0])


def reaching(command: Command) -> Command:
    """Give a command the options --url, --token, --data and --json."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts."),
        click.option(
            "--data",
            default=DEFAULT_DATA,
            envvar="POCKET_OKTA_DATA",
            type=click.Path(path_type=Path),
            help="The org's folder, where the token is.",
        ),
        click.option("--token", envvar="POCKET_OKTA_API_TOKEN", default="", help="API token, if not from --data."),
        click.option("--url", envvar="POCKET_OKTA_URL", default="http://127.0.0.1:8100/", show_default=True),
    )
    for option in options:
        command = option(command)
    return command


def remote(url: str, token: str, data: Path) -> Remote:
    if not token:
        try:
            token = (data / "api-token").read_text().strip()
        except OSError as problem:
            raise click.ClickException(
                f"No API token: {problem}. Give --token, or --data with the org's folder."
            ) from None
    return Remote(url, token)


def show(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Callable[[Any], object]]) -> None:
    """Print rows as a table; a column is its heading and how to get at the value."""
    cells = [[str(get(row)) for get in columns.values()] for row in rows]
    widths = [max(len(heading), *(len(line[i]) for line in cells), 0) for i, heading in enumerate(columns)]
    for line in [list(columns), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def finish(document: object, as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(document) if as_json else sentence)


def settings_in(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=VALUE pairs."""
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"wanted NAME=VALUE, got {pair!r}", param_hint="--set")
    return dict(pair.split("=", 1) for pair in pairs)


@click.group()
def people() -> None:
    """Directory > People of a running org."""


@people.command("list")
@click.option("--q", default="", help="Beginning of a name, login or e-mail.")
@reaching
def list_people(q: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """List everybody, deactivated people too."""
    query = f"q={quote(q)}" if q else "search=id%20pr"
    found = remote(url, token, data).pages(f"/api/v1/users?{query}")
    if as_json:
        click.echo(json.dumps(found))
        return
    columns = {
        "ID": lambda row: row["id"],
        "STATUS": lambda row: row["status"],
        "LOGIN": lambda row: row["profile"]["login"],
        "NAME": lambda row: f"{row['profile']['firstName']} {row['profile']['lastName']}",
    }
    show(found, columns)


@people.command("add")
@click.option("--login", required=True)
@click.option("--email", default="", help="If it is not the login.")
@click.option("--first", "first_name", required=True)
@click.option("--last", "last_name", required=True)
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A further Okta attribute; may be repeated.")
@click.option("--staged", is_flag=True, help="Do not activate.")
@reaching
def add_person(
    login: str,
    email: str,
    first_name: str,
    last_name: str,
    pairs: tuple[str, ...],
    staged: bool,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """Add a person."""
    profile = {"login": login, "email": email or login, "firstName": first_name, "lastName": last_name}
    body = {"profile": profile | settings_in(pairs)}
    made = remote(url, token, data).call("POST", f"/api/v1/users?activate={'false' if staged else 'true'}", body)
    finish(made, as_json, f"Added {first_name} {last_name}, {made['id']}, {made['status']}.")


@people.command("edit")
@click.argument("who")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="An Okta attribute; blank clears it.")
@click.option("--password", default="", help="Set a password; pushed to apps with Sync Password.")
@reaching
def edit_person(
    who: str,
    pairs: tuple[str, ...],
    password: str,
    url: str,
    token: str,
    data: Path,
    as_json: bool,
) -> None:
    """Change attributes of WHO (id or login)."""
    body: dict[str, object] = {"profile": settings_in(pairs)} if pairs else {}
    if password:
        body["credentials"] = {"password": {"value": password}}
    edited = remote(url, token, data).call("POST", f"/api/v1/users/{quote(who)}", body)
    finish(edited, as_json, f"Saved {edited['profile']['login']}.")


def _life_cycle(act: str) -> click.Command:
    @click.command(act, help=f"{act.capitalize()} WHO (id or login).")
    @click.argument("who")
    @reaching
    def change(who: str, url: str, token: str, data: Path, as_json: bool) -> None:
        api = remote(url, token, data)
        api.call("POST", f"/api/v1/users/{quote(who)}/lifecycle/{act}")
        person = api.call("GET", f"/api/v1/users/{quote(who)}")
        finish(person, as_json, f"{person['profile']['login']} is {person['status']}.")

    return change


for _act in ("deactivate", "activate", "suspend", "unsuspend"):
    people.add_command(_life_cycle(_act))


@people.command("clear-sessions")
@click.argument("who")
@reaching
def clear_sessions(who: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """End the sessions of WHO (id or login), here and by Universal Logout."""
    remote(url, token, data).call("DELETE", f"/api/v1/users/{quote(who)}/sessions")
    finish({"cleared": who}, as_json, f"The sessions of {who} were ended.")


@click.command("log")
@click.option("--app", "app_name", default="", help="Id or label of an app.")
@click.option("--after", default=0, help="Only exchanges after this number.")
@reaching
def log(app_name: str, after: int, url: str, token: str, data: Path, as_json: bool) -> None:
    """Print every SCIM request and its answer, oldest first."""
    api = remote(url, token, data)
    app_id = api.app_id(app_name) if app_name else ""
    found = api.pages(f"/pocket/v1/exchanges?after={after}&appId={app_id}")
    if as_json:
        click.echo(json.dumps(found))
        return
    columns = {
        "NO": lambda row: row["seq"],
        "AT": lambda row: row["at"],
        "REQUEST": lambda row: f"{row['method']} {row['url']}",
        "STATUS": lambda row: row["status"] or "none",
        "MS": lambda row: row["milliseconds"],
        "WHY": lambda row: row["trigger"],
    }
    show(found, columns)


@click.group("tasks", invoke_without_command=True)
@click.option("--state", default="open", type=click.Choice(["open", "retried", "dismissed", "resolved", "all"]))
@reaching
@click.pass_context
def tasks(ctx: click.Context, state: str, url: str, token: str, data: Path, as_json: bool) -> None:
    """List what failed and waits for somebody."""
    ctx.obj = remote(url, token, data)
    if ctx.invoked_subcommand:
        return
    found = ctx.obj.call("GET", f"/pocket/v1/tasks?state={state}")
    if as_json:
        click.echo(json.dumps(found))
    elif found:
        columns = {"NO": lambda row: row["id"], "STATE": lambda row: row["state"], "TASK": lambda row: row["message"]}
        show(found, columns)
    else:
        click.echo("No tasks.")


@tasks.command("retry")
@click.argument("task", type=int)
@click.pass_obj
def retry_task(api: Remote, task: int) -> None:
    """Try the failed work of TASK again."""
    api.call("POST", f"/pocket/v1/tasks/{task}/retry")
    click.echo(f"Task {task} is being retried.")


@click.command("idle")
@click.option("--timeout", default=60, show_default=True, help="Seconds to wait at most.")
@reaching
def idle(timeout: int, url: str, token: str, data: Path, as_json: bool) -> None:
    """Wait until no provisioning is queued or running; exit code 1 if that took too long."""
    answer = remote(url, token, data).call("GET", f"/pocket/v1/idle?timeout={timeout}", accept=(408,))
    finish(answer, as_json, "Idle." if answer["idle"] else f"Still busy after {timeout} seconds.")
    if not answer["idle"]:
        raise click.exceptions.Exit(1)
