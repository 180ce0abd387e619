"""The commands `vestibule serve` and `vestibule demo`."""

from collections.abc import Callable
from typing import Any

import click

from vestibule import demo, serve
from vestibule.log import begin_logging
from vestibule.settings import described, load, variable_of


def _settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, default, meaning in reversed(described()):
        if name in {"data", "database", "pepper"}:
            continue  # shared with the other commands, and read from the environment or the file only
        shown = f"{meaning} [{variable_of(name)}{f', default {default}' if default else ''}]"
        command = click.option(f"--{name.replace('_', '-')}", name, default=None, help=shown.replace("`", ""))(command)
    return command


@click.command("serve")
@_settings_options
def serve_command(**overrides: str | None) -> None:
    """Run the server until it is stopped by Ctrl-C or SIGTERM."""
    settings = load(overrides=overrides)
    begin_logging(settings.log_level)
    serve.run(settings)


@click.command("demo")
@_settings_options
@click.option("--pocket-okta-port", type=click.IntRange(1, 65535), default=demo.POCKET_OKTA_PORT, show_default=True)
def demo_command(pocket_okta_port: int, **overrides: str | None) -> None:
    """Run Vestibule together with a pocket Okta, to try everything. `make run` starts this."""
    settings = load(overrides=overrides)
    begin_logging(settings.log_level)
    demo.run(settings, pocket_okta_port)
