"""What every page and every API call has at hand: the store, the engine, the token, and what waits between two
requests.

The rule: nothing here decides anything. It is made in `pocket_okta.app` and read from the running application's state.
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
    """Things that wait for one browser to come back, by an unguessable key; the oldest go, and a restart forgets."""

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
    """Somebody on their way to an app who may have to sign in first. `at` is when the app asked."""

    app_id: str
    asked: Asked
    at: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a browser is to carry: to an address, as an answer to a GET or as a form with these fields."""

    to: str
    fields: tuple[tuple[str, str], ...] = ()


class Notices:
    """Sentences that a redirect carries to the next page by a short key: no page shows text from its address."""

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
    """The working tools of the program's endpoints."""

    db: Database
    engine: Engine
    token: str
    org_url: str  # without a slash at its end
    notices: Notices = field(default_factory=Notices)
    arrivals: Waiting[Arrival] = field(default_factory=Waiting)
    farewells: Waiting[Message] = field(default_factory=Waiting)
    logouts: Waiting[str] = field(default_factory=Waiting)  # id of a LogoutRequest of ours -> the app it went to


def desk_of(request: Request) -> Desk:
    """Return the desk of the application that serves this request."""
    desk: Desk = request.app.state.desk
    return desk
