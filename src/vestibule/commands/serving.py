"""Running the house: serving, the demo, and the two verbs that look after the database."""

import sys
from collections.abc import Callable
from typing import Any

import click

from vestibule import demo, serve
from vestibule.actions.verify import find_faults
from vestibule.commands.acting import AS_JSON, in_house, show
from vestibule.endpoints.context import Context
from vestibule.log import begin_logging
from vestibule.settings import described, load, variable_of
from vestibule.store.database import Damaged
from vestibule.store.migrate import current_version


def _settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, default, meaning in reversed(described()):
        if name in {"data", "database", "pepper"}:
            continue  # shared with every other verb, and read from the environment or the file only
        shown = f"{meaning} [{variable_of(name)}{f', default {default}' if default else ''}]"
        command = click.option(f"--{name.replace('_', '-')}", name, default=None, help=shown.replace("`", ""))(command)
    return command


@click.command("serve")
@_settings_options
def serve_command(**overrides: str | None) -> None:
    """Answer requests until stopped by Ctrl-C or SIGTERM."""
    settings = load(overrides=overrides)
    begin_logging(settings.log_level)
    serve.run(settings)


@click.command("demo")
@_settings_options
@click.option("--pocket-okta-port", type=click.IntRange(1, 65535), default=demo.POCKET_OKTA_PORT, show_default=True)
def demo_command(pocket_okta_port: int, **overrides: str | None) -> None:
    """Vestibule and a pocket Okta beside each other, to try the whole way: what `make run` starts."""
    settings = load(overrides=overrides)
    begin_logging(settings.log_level)
    demo.run(settings, pocket_okta_port)


@click.command("migrate")
@AS_JSON
def migrate_command(as_json: bool) -> None:
    """Bring the database up to date. `serve` does it as well."""

    async def act(context: Context) -> int:
        return await current_version(context.database)

    version = in_house(act)
    show({"version": version}, [f"The database is at version {version}."], as_json=as_json)


@click.command("verify")
@AS_JSON
def verify_command(as_json: bool) -> None:
    """Check the whole database against itself: 0 findings, or exit code 1."""
    try:
        faults = in_house(lambda context: find_faults(context.database, lambda line: click.echo(line, err=True)))
    except Damaged as damaged:
        faults = [f"the database cannot be opened: {damaged}"]
    show({"findings": faults}, [*faults, f"{len(faults)} findings."], as_json=as_json)
    if faults:
        sys.exit(1)
