"""The ASGI application, which puts settings, database, endpoints and worker together."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Final

from vestibule.endpoints.context import Context
from vestibule.endpoints.exchange import FAST_PATH, FastPath, Receive, Scope, Send
from vestibule.endpoints.request_checks import find_fault, meant_for_scim, refuse_malformed
from vestibule.endpoints.routes import console
from vestibule.endpoints.scim import ScimEndpoint
from vestibule.errors import Refusal
from vestibule.log import begin_logging
from vestibule.settings import Settings, load
from vestibule.worker import work

log = logging.getLogger("vestibule")

_SCIM: Final = "/scim/"


class Vestibule:
    """The ASGI application. It opens the database when the server starts and closes it when the server stops."""

    def __init__(self, settings: Settings, tell: Callable[[str], None], opened: Callable[[Context], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._opened = opened
        self.failure: BaseException | None = None
        """Why the application could not start, if so."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        line: FastPath | None = scope.pop(FAST_PATH, None)
        path: str = scope["path"]
        is_scim = path.startswith(_SCIM) or meant_for_scim(scope)
        if (fault := find_fault(scope)) is not None:
            await refuse_malformed(fault, send, self._settings, as_scim=is_scim)
        elif is_scim:
            await self._scim(scope, receive, send, line)
        else:
            await self._console(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            context = await Context.open(self._settings, self._tell)
        except Exception as error:
            self.failure = error
            reason = error.message if isinstance(error, Refusal) else type(error).__name__
            log.exception("the application could not start", extra={"reason": reason})
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await context.remember_url()
        self._scim = ScimEndpoint(context)
        self._console = console(context)
        stop = asyncio.Event()
        worker = asyncio.create_task(work(context, stop))
        self._opened(context)
        await send({"type": "lifespan.startup.complete"})
        with contextlib.suppress(asyncio.CancelledError):  # after a second signal, everything is closed all the same
            await receive()
        stop.set()
        await asyncio.wait([worker])
        await context.close()
        await send({"type": "lifespan.shutdown.complete"})


def from_environment() -> Vestibule:
    """Returns the application for one of several worker processes. Its settings come from the environment."""
    settings = load()
    begin_logging(settings.log_level)
    return Vestibule(settings, lambda line: print(line, file=sys.stderr, flush=True), lambda _context: None)  # noqa: T201 -- progress for the operator
