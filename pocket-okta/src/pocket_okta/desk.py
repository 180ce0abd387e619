"""What pages and API calls share: the store, the engine, the token, and values kept between two requests.

The rule: there are no decisions here. The object is made in `pocket_okta.app` and read from the running application's
state.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.requests import Request

from pocket_okta.engine.queue import Engine
from pocket_okta.saml.request import Asked
from pocket_okta.store.database import Database

T = TypeVar("T")


class Waiting(Generic[T]):
    """Values kept for a browser that will come back, by an unguessable key. The oldest are dropped; a restart drops
    all.
    """

    KEPT = 1000

    def __init__(self) -> None:
        self._things: OrderedDict[str, T] = OrderedDict()

    def keep(self, thing: T, key: str = "") -> str:
        key = key or secrets.token_urlsafe(24)
        self._things[key] = thing
        while len(self._things) > self.KEPT:
            self._things.popitem(last=False)
        return key

    def find(self, key: str) -> T | None:
        return self._things.get(key)

    def take(self, key: str) -> T | None:
        return self._things.pop(key, None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request to sign in to an app, kept while the person signs in first. `at` is when the app asked."""

    app_id: str
    asked: Asked
    at: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a browser delivers to a URL, as a redirect or as a form with these fields."""

    to: str
    fields: tuple[tuple[str, str], ...] = ()


class Notices:
    """Notices for the page after a redirect, by a short key, so that no page shows text from its URL."""

    KEPT = 200

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def keep(self, tone: str, sentence: str) -> str:
        """Keep a sentence in a tone (good or bad); returns its key."""
        key = secrets.token_urlsafe(6)
        self._said[key] = (tone, sentence)
        while len(self._said) > self.KEPT:
            self._said.popitem(last=False)
        return key

    def find(self, key: str) -> tuple[str, str] | None:
        return self._said.get(key)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the program's endpoints share."""

    db: Database
    engine: Engine
    token: str
    org_url: str  # without a slash at its end
    dialect: str  # okta or entra: what the catalogue offers
    notices: Notices = field(default_factory=Notices)
    arrivals: Waiting[Arrival] = field(default_factory=Waiting)
    farewells: Waiting[Message] = field(default_factory=Waiting)
    logouts: Waiting[str] = field(default_factory=Waiting)  # id of a LogoutRequest of ours -> the app it went to


def desk_of(request: Request) -> Desk:
    """Return the desk of the application that serves this request."""
    desk: Desk = request.app.state.desk
    return desk
