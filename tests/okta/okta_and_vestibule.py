"""The two sides of an integration: an app of the pocket Okta, and the tenant of Vestibule that it is connected to.

The rule: what a test asserts it reads from both sides, over the ways that an administrator has: Okta's API and log on
the one, SCIM, the activity log and the Profile on the other.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.conftest import Place
from tests.pocket_okta.running import App, Mode, Okta
from vestibule.endpoints.context import Context
from vestibule.store.users import find_user

Person = dict[str, Any]
Resource = dict[str, Any]

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

LOOK_UP = "GET /Users? 200"
CREATED = [LOOK_UP, "POST /Users 201"]
PUT = ["GET /Users/1 200", "PUT /Users/1 200"]
CHANGED_ACTIVE = {"catalogue": ["PATCH /Users/1 200"], "wizard": PUT}
"""How a kind of app tells a change of `active` or of a password (wire facts 1.1)."""


@dataclass
class Both:
    """An app of either kind with everything enabled, and the fresh tenant behind it."""

    okta: Okta
    app: App
    mode: Mode
    place: Place
    scim: httpx2.Client
    _seen: int = field(default=0)

    # -- the side of Okta

    def person(self, first: str = "Ana", last: str = "Reis", **profile: Any) -> Person:
        """Somebody new under Directory > People."""
        return self.okta.person(first, last, **profile)

    def provisioned(self, first: str = "Ana", last: str = "Reis", **profile: Any) -> tuple[Person, Resource]:
        """Somebody assigned to the app, with what Vestibule made of it; the conversation so far is forgotten."""
        person = self.person(first, last, **profile)
        self.app.assign(person)
        self.okta.idle()
        self.settled(person)
        self.forget()
        return person, self.resource(person)

    def settled(self, person: Person) -> str:
        """See that Okta believes a person to be provisioned, without a red mark or a task; their id at Vestibule."""
        row = self.app.user(person)
        assert (row["status"], row["syncState"]) == ("PROVISIONED", "SYNCHRONIZED"), row
        assert row["_embedded"]["pocket"]["error"] is None
        assert self.app.tasks() == []
        return str(row["externalId"])

    def forget(self) -> None:
        """Begin to listen: `spoken` tells what is said from now on."""
        self._seen = max((exchange["seq"] for exchange in self.exchanges()), default=self._seen)

    def exchanges(self) -> list[dict[str, Any]]:
        """Requests and answers since `forget`."""
        found: list[dict[str, Any]] = self.okta.call(
            "GET", f"/pocket/v1/exchanges?appId={self.app.id}&after={self._seen}"
        )
        return found

    def spoken(self) -> list[str]:
        """The conversation in short, ids as 1, 2: `GET /Users? 200`, `POST /Users 201`, `PUT /Users/1 200`."""
        numbers: dict[str, int] = {}
        lines = []
        for exchange in self.exchanges():
            path, question, _ = exchange["url"].removeprefix(self.place.scim_url).partition("?")
            collection, _, user_id = path.removeprefix("/").partition("/")
            if user_id:
                path = f"/{collection}/{numbers.setdefault(user_id, len(numbers) + 1)}"
            lines.append(f"{exchange['method']} {path}{question} {exchange['status']}")
        return lines

    # -- the side of Vestibule

    def found(self, user_name: str) -> list[Resource]:
        """Whom Vestibule shows this identity provider under a userName."""
        answer = self.scim.get("/Users", params={"filter": f"userName eq {json.dumps(user_name)}"})
        assert answer.status_code == 200, answer.text
        resources: list[Resource] = answer.json()["Resources"]
        return resources

    def resource(self, person: Person) -> Resource:
        """The one resource of a person, found by their login."""
        (resource,) = self.found(person["profile"]["login"])
        return resource

    def read(self, user_id: str) -> Resource:
        """A resource by its id, which must be there."""
        answer = self.scim.get(f"/Users/{user_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def people(self) -> int:
        """How many people this identity provider sees."""
        return int(self.scim.get("/Users?count=0").json()["totalResults"])

    def profile(self, user_id: str) -> dict[str, Any]:
        """A person as the application sees them."""

        async def look(context: Context) -> dict[str, Any]:
            async with context.database.read(self.place.tenant.id) as reading:
                user = await find_user(reading, user_id)
            assert user is not None
            return dict(json.loads(user.profile))

        return self.place.running.act(look)

    def told(self, user_id: str = "") -> list[str]:
        """The types of the events about people, or about one of them, oldest first."""
        return [event["type"] for event in self.place.events("user.") if user_id in ("", event["subject"])]

    def last_event(self, user_id: str) -> dict[str, Any]:
        """The latest event about a person."""
        return [event for event in self.place.events("user.") if event["subject"] == user_id][-1]


def connected(okta: Okta, place: Place, mode: Mode, scim: httpx2.Client, **pocket: Any) -> Both:
    """A new app on one side and a tenant on the other, connected with the tenant's own Key and Secret."""
    app = okta.app(mode)
    app.connect(place.scim_url, *place.pair, **pocket)
    app.features(create=True, update=True, deactivate=True, password=True)
    both = Both(okta, app, mode, place, scim)
    both.forget()
    return both


def changed(event: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What an event says has changed: attribute -> (before, after)."""
    return {each["attribute"]: (each["before"], each["after"]) for each in event["data"]["changes"]}


def until(reached: Callable[[], bool], what: str) -> None:
    """Ask again until it is so. Each question is a request that waits for its answer, so this neither sleeps nor spins;
    the test's own time limit ends it.
    """
    for _ in range(5000):
        if reached():
            return
    raise AssertionError(f"it never came to this: {what}")
