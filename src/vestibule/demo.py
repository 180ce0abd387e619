"""`vestibule demo`: starts Vestibule and the pocket Okta, for somebody who has just cloned the repository.

The pocket Okta is a separate process that talks to Vestibule over HTTP only.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from vestibule import serve
from vestibule.actions.administer import invite_first
from vestibule.endpoints.context import Context
from vestibule.errors import Refusal
from vestibule.model import HOUSE, Actor
from vestibule.settings import Settings
from vestibule.store.administrators import any_administrator

POCKET_OKTA_PORT: Final = 8100


class PocketOktaClosed(Refusal):
    """The pocket Okta did not start. It has printed the reason itself."""

    status, code, exit_code = 503, "pocket_okta_closed", 4


class PocketOktaMissing(Refusal):
    """The pocket Okta is not installed."""

    status, code, exit_code = 503, "pocket_okta_missing", 2


@dataclass(slots=True)
class _Child:
    """The pocket Okta's process. It writes its URL to the pipe `ready` once it accepts connections."""

    process: "subprocess.Popen[bytes]"
    ready: int
    failed: bool = False

    def wait_until_open(self) -> str:
        """Wait in a thread until it accepts connections. Returns its URL; empty if it ended before that."""
        with os.fdopen(self.ready) as pipe:
            return pipe.read().strip()


def run(settings: Settings, pocket_port: int) -> None:
    """Start both, print where to go, and stop both on Ctrl-C.

    Raises:
        Refusal: one of them could not start. The message is one line.
    """
    settings = replace(settings, private_networks=settings.private_networks or "127.0.0.0/8")
    with _pocket_okta(settings.data / "pocket-okta", pocket_port) as child:
        serve.run(settings, opened=lambda context: context.background.spawn(_welcome(context, child)))
    if child.failed:
        raise PocketOktaClosed(f"The pocket Okta did not start on port {pocket_port}; the line above says why.")


async def _welcome(context: Context, child: _Child) -> None:
    """Print the first steps, once both are running."""
    okta = await asyncio.to_thread(child.wait_until_open)
    if not okta:
        child.failed = True
        signal.raise_signal(signal.SIGINT)
        return
    actor = Actor(HOUSE, "operator", name="demo")
    async with context.database.write_all_tenants(actor) as all_tenants:
        token = "" if await any_administrator(all_tenants) else await invite_first(all_tenants)
    url = context.settings.url
    first = (
        f"  1. Become the first administrator (this link works once):\n       {url}/setup/{token}"
        if token
        else f"  1. Sign in to the Admin Console:\n       {url}/console/"
    )
    serve.say(
        f"\n  Vestibule     {url}/\n  Pocket Okta   {okta}   (a practice org; nothing of Okta, Inc.)\n\n{first}\n"
        "  2. Integrations > Identity Providers > Add identity provider, as it is proposed.\n"
        "     Copy the SCIM URL, the Key and the Secret.\n"
        "  3. In the pocket Okta: Applications > SCIM 2.0 Test App (Basic Auth) > Provisioning.\n"
        "     Paste them, press Test API Credentials, Save, and enable the three actions under To App.\n"
        "  4. Assignments: assign somebody, and watch them appear under Users.\n"
        "  5. Sign On: give each side the other's metadata URL, and they can sign in, until you deactivate them.\n\n"
        f"  Everything is kept in {context.settings.data}/. Ctrl-C stops both.\n"
    )


@contextlib.contextmanager
def _pocket_okta(data: Path, port: int) -> Iterator[_Child]:
    """Run the pocket Okta as a child process during a block."""
    if find_spec("pocket_okta") is None:
        raise PocketOktaMissing(
            "The demo needs the pocket Okta, which is a separate package: install it with `pip install ./pocket-okta` "
            "in a checkout of this repository, or use `make run`, which does."
        )
    ready, tell = os.pipe()
    command = [sys.executable, "-m", "pocket_okta", "serve", "--port", str(port), "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE_")}
    process = subprocess.Popen(  # noqa: S603 -- our own program
        [*command, "--ready-fd", str(tell)], stdout=subprocess.DEVNULL, env=environment, pass_fds=(tell,)
    )
    os.close(tell)
    try:
        yield _Child(process, ready)
    finally:
        # On Ctrl-C the child got the signal too and may be gone already.
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
