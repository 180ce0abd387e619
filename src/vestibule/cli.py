"""The command line: serving, and the operator's verbs. The verbs work while the server runs.

Each verb opens the house, acts in one transaction as the actor "command line", and prints what came of it: lines for a
person, or one JSON value with `--json`. A refusal is one line on standard error and an exit code above 0.
"""

import sys
from typing import NoReturn

import click

from vestibule import __version__
from vestibule.commands.administrators import admin_group
from vestibule.commands.credentials import credential_group
from vestibule.commands.identity_providers import idp_group
from vestibule.commands.serving import demo_command, migrate_command, serve_command, verify_command
from vestibule.commands.tenants import tenant_group
from vestibule.commands.users import user_group
from vestibule.errors import Refusal, Unavailable
from vestibule.store.database import Busy, Damaged


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="vestibule")
def cli() -> None:
    """Vestibule: where an organisation's identity provider hands its people over to an application."""


for _verb in (serve_command, demo_command, migrate_command, verify_command):
    cli.add_command(_verb)
for _family in (tenant_group, idp_group, credential_group, user_group, admin_group):
    cli.add_command(_family)


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
    except Damaged as damaged:
        _fail(Unavailable(f"The database is damaged: {damaged}. `vestibule verify` says more; restore a backup."))


def _fail(refusal: Refusal) -> NoReturn:
    click.echo(f"vestibule: {refusal.message}", err=True)
    sys.exit(refusal.exit_code)
