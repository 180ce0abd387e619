"""The commands `vestibule migrate` and `vestibule verify`."""

import sys

import click

from vestibule.actions.verify import find_faults
from vestibule.commands.acting import AS_JSON, in_house, show
from vestibule.endpoints.context import Context
from vestibule.store.database import Damaged
from vestibule.store.migrate import current_version


@click.command("migrate")
@AS_JSON
def migrate_command(as_json: bool) -> None:
    """Migrate the database to this version. `serve` does this too."""

    async def act(context: Context) -> int:
        return await current_version(context.database)

    version = in_house(act)
    show({"version": version}, [f"The database is at version {version}."], as_json=as_json)


@click.command("verify")
@AS_JSON
def verify_command(as_json: bool) -> None:
    """Check the consistency of the whole database. The exit code is 1 if there are findings."""
    try:
        faults = in_house(lambda context: find_faults(context.database, lambda line: click.echo(line, err=True)))
    except Damaged as damaged:
        faults = [f"the database cannot be opened: {damaged}"]
    show({"findings": faults}, [*faults, f"{len(faults)} findings."], as_json=as_json)
    if faults:
        sys.exit(1)
