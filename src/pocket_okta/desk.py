"""What every page and every API call has at hand: the store, the engine, the token, and notices to show once more.

The rule: nothing here decides anything. It is made in `pocket_okta.app` and read from the running application's state.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.requests import Request

from pocket_okta.engine.queue import Engine
from pocket_okta.store.database import Database


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
    notices: Notices = field(default_factory=Notices)


def desk_of(request: Request) -> Desk:
    """Return the desk of the application that serves this request."""
    desk: Desk = request.app.state.desk
    return desk
