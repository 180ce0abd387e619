"""Composition: joins store, engine, API and pages to an application, and lists every route.

The rule: this file only connects parts and makes no other decisions.
"""

import contextlib
import os
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from pocket_okta import pages, seed
from pocket_okta.api import answers, apps, cycles, entitlements, group_push, groups, pocket, sign_on, users
from pocket_okta.catalogue import OKTA, offered
from pocket_okta.desk import Desk
from pocket_okta.engine.queue import Cycles, Engine
from pocket_okta.engine.scim_client import Network, Timing
from pocket_okta.guard import Guard
from pocket_okta.refusal import Refusal
from pocket_okta.store.database import Database


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings with which the program is started."""

    data: Path
    empty: bool = False
    timing: Timing = field(default_factory=Timing)
    ca_file: str = ""
    host_names: tuple[str, ...] = ()
    token: str = ""
    org_url: str = ""
    dialect: str = OKTA
    cycles: Cycles = field(default_factory=Cycles)


class Org:
    """A running pocket Okta: its application, its engine and its file."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = Database(settings.data / "org.sqlite3")
        for file in settings.data.glob("org.sqlite3*"):
            file.chmod(0o600)
        if self._db.fresh and not settings.empty:
            with self._db.write() as tx:
                seed.fill(tx, offered(settings.dialect)[0])
        network = Network(settings.timing, lambda: tls(settings.ca_file))
        self.engine = Engine(self._db, network, settings.org_url, settings.cycles)
        token = settings.token or token_in(settings.data)
        self.asgi = _application(
            Desk(self._db, self.engine, token, settings.org_url, settings.dialect), settings.host_names, self._lifespan
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.engine.start()
        yield
        await self.engine.stop()
        self._db.close()


def token_in(data: Path) -> str:
    """Return the API token kept in the data folder, made at the first start; the file is its owner's alone."""
    file = data / "api-token"
    with contextlib.suppress(FileNotFoundError):
        return file.read_text().strip()
    token = "00" + secrets.token_urlsafe(30)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(f"{token}\n")
    return token


def tls(ca_file: str) -> ssl.SSLContext:
    """Return how https is checked: against the system's authorities, or the ones in a file alone."""
    return ssl.create_default_context(cafile=ca_file or None)


def _application(
    desk: Desk,
    host_names: tuple[str, ...],
    lifespan: Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]],
) -> Starlette:
    api_v1 = _api([*users.ROUTES, *groups.ROUTES, *apps.ROUTES, *group_push.ROUTES, *sign_on.ROUTES], desk)
    pocket_v1 = _api(
        [*pocket.ROUTES, *group_push.POCKET_ROUTES, *cycles.POCKET_ROUTES, *entitlements.POCKET_ROUTES],
        desk,
        free=frozenset({"/pocket/v1/health"}),
    )
    application = Starlette(
        routes=[
            Mount("/api/v1", app=api_v1),
            Mount("/pocket/v1", app=pocket_v1),
            Mount("/static", app=StaticFiles(directory=Path(__file__).parent / "static")),
            *pages.ROUTES,
        ],
        exception_handlers=pages.EXCEPTION_HANDLERS,
        middleware=[Middleware(Guard, hosts=host_names)],
        lifespan=lifespan,
    )
    application.state.desk = desk
    return application


def _api(routes: Sequence[BaseRoute], desk: Desk, free: frozenset[str] = frozenset()) -> Starlette:
    application = Starlette(
        routes=routes,
        exception_handlers={Refusal: answers.refused, HTTPException: answers.not_served, Exception: answers.broken},
        middleware=[Middleware(answers.TokenGate, token=desk.token, free=free)],
    )
    application.state.desk = desk
    return application
