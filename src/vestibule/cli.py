"""The command line: the server, and commands for operators, which also work while the server runs.

Each command opens the database, acts in one transaction as the actor "command line" and prints the result: lines of
text, or one JSON value with `--json`. An error is one line on standard error and an exit code above 0.
"""

import importlib
import sys
from typing import Final, NoReturn

import click

from vestibule import __version__
from vestibule.errors import Refusal, Unavailable
from vestibule.store.database import Busy, Damaged

_COMMANDS: Final = {
    "serve": "serving:serve_command",
    "demo": "serving:demo_command",
    "migrate": "database:migrate_command",
    "verify": "database:verify_command",
    "tenant": "tenants:tenant_group",
    "idp": "identity_providers:idp_group",
    "credential": "credentials:credential_group",
    "user": "users:user_group",
    "group": "groups:group_group",
    "admin": "administrators:admin_group",
}
"""The module and name of each command or group, under `vestibule.commands`."""


class _Commands(click.Group):
    """Imports the module of a command only when that command is called, so that all commands start fast."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, member = _COMMANDS[name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"vestibule.commands.{module}"), member)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="vestibule")
def cli() -> None:
    """Vestibule: SCIM provisioning, an Admin Console and SAML sign-in for your application."""


def main() -> None:
    """Run the program `vestibule`, and turn errors into one line and an exit code."""
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
