"""The command line: the list of verbs.

The rule: a verb's code is imported when the verb is used. The server must answer in half a second, and
`--help` needs neither a web framework nor an HTTP client.
"""

import importlib

import click

from pocket_okta import __version__

# verb -> (where its command is, the line that --help shows)
VERBS = {
    "serve": ("pocket_okta.serving:serve", "Start the org: screens and API on one port."),
    "people": ("pocket_okta.verbs:people", "Directory > People of a running org."),
    "groups": ("pocket_okta.verbs_groups:groups", "Directory > Groups of a running org."),
    "app": ("pocket_okta.verbs_app:app", "Applications of a running org."),
    "log": ("pocket_okta.verbs:log", "Every SCIM request and its answer."),
    "tasks": ("pocket_okta.verbs:tasks", "Dashboard > Tasks: what failed and waits for somebody."),
    "idle": ("pocket_okta.verbs:idle", "Wait until no provisioning is queued or running."),
}


class Verbs(click.Group):
    """A group that imports a verb when it is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{name} is no command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in VERBS.items()])


@click.group(cls=Verbs)
@click.version_option(__version__, prog_name="pocket-okta")
def main() -> None:
    """A small Okta org for practice and tests. Not affiliated with Okta, Inc."""
