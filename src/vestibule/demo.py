"""`vestibule demo`: Vestibule and the pocket Okta beside each other, for somebody who has just cloned the repository.

The pocket Okta is a program of its own that speaks to Vestibule over HTTP alone; here it is only started and stopped.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from vestibule import serve
from vestibule.actions.administer import invite_first
from vestibule.endpoints.context import Context
from vestibule.model import HOUSE, Actor
from vestibule.settings import Settings
from vestibule.store.administrators import any_administrator

POCKET_OKTA_PORT = 8100


def run(settings: Settings, pocket_port: int) -> None:
    """Start both, tell where to go, and stop both on Ctrl-C.

    Raises:
        Refusal: the start is stopped, with one clear line.
    """
    with _pocket_okta(settings.data / "pocket-okta", pocket_port):
        serve.run(settings, opened=lambda context: _welcome(context, pocket_port))


def _welcome(context: Context, pocket_port: int) -> None:
    context.background.spawn(_tell(context, pocket_port))


async def _tell(context: Context, pocket_port: int) -> None:
    """What a newcomer needs to know, once the server answers."""
    actor = Actor(HOUSE, "operator", name="demo")
    async with context.database.house_write(actor) as house:
        token = "" if await any_administrator(house) else await invite_first(house)
    await asyncio.sleep(0)
    url, okta = context.settings.url, f"http://127.0.0.1:{pocket_port}/"
    first = (
        f"  1. Become the first administrator (this link works once):\n       {url}/setup/{token}"
        if token
        else f"  1. Sign in to the Admin Console:\n       {url}/console/"
    )
    serve.say(
        f"\n  Vestibule     {url}/\n  Pocket Okta   {okta}   (a practice org; nothing of Okta, Inc.)\n\n{first}\n"
        "  2. Integrations > Identity Providers: add Okta, switch on auto-provisioning and Save.\n"
        "     Copy the SCIM URL, the Key and the Secret.\n"
        f"  3. In the pocket Okta ({okta}): Applications > SCIM 2.0 Test App (Basic Auth) > Provisioning.\n"
        "     Paste them, press Test API Credentials, Save, and enable the three actions under To App.\n"
        "  4. Assignments: assign somebody, and watch them appear under Users.\n\n"
        f"  Everything is kept in {context.settings.data}/. Ctrl-C stops both.\n"
    )


@contextlib.contextmanager
def _pocket_okta(data: Path, port: int) -> Iterator[None]:
    """The pocket Okta as a child, for the length of a block."""
    command = [sys.executable, "-m", "pocket_okta", "serve", "--port", str(port), "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE_")}
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603 -- our own program
    try:
        yield
    finally:
        # On Ctrl-C the child had the signal too; a child that is gone already is what is wanted.
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
