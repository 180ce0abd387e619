"""The command line: serving, and the operator's verbs. The verbs work while the server runs.

Each verb opens the house, acts in one transaction as the actor "command line", and prints what came of it: lines for a
person, or one JSON value with `--json`. A refusal is one line on standard error and an exit code above 0.
"""

import importlib
import sys
from typing import Final, NoReturn

import click

from vestibule import __version__
from vestibule.errors import Refusal, Unavailable
from vestibule.store.database import Busy, Damaged

_VERBS: Final = {
    "serve": "serving:serve_command",
    "demo": "serving:demo_command",
    "migrate": "database:migrate_command",
    "verify": "database:verify_command",
    "tenant": "tenants:tenant_group",
    "idp": "identity_providers:idp_group",
    "credential": "credentials:credential_group",
    "user": "users:user_group",
    "admin": "administrators:admin_group",
}
"""Where each verb or family of verbs is, under `vestibule.commands`."""


class _Verbs(click.Group):
    """Loads a family when one of its verbs is called, so that nobody waits for what other verbs need."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_VERBS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        module, _, member = _VERBS[name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"vestibule.commands.{module}"), member)
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
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
    except Damaged as damaged:
        _fail(Unavailable(f"The database is damaged: {damaged}. `vestibule verify` says more; restore a backup."))


def _fail(refusal: Refusal) -> NoReturn:
    click.echo(f"vestibule: {refusal.message}", err=True)
    sys.exit(refusal.exit_code)
