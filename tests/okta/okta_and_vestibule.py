"""An app of the pocket Okta, and the tenant of Vestibule that it is connected to.

The rule: tests read what they assert from both sides, with the tools of an administrator: Okta's API and log on one
side, SCIM, the activity log and the Profile on the other.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.conftest import Place
from tests.pocket_okta.running import App, Mode, Okta, Push
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
class Integration:
    """An app of either kind with all features enabled, connected to a new tenant."""

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
        """Assign a new person and wait; returns the person and the resource in Vestibule. Earlier requests are
        forgotten.
        """
        person = self.person(first, last, **profile)
        self.app.assign(person)
        self.okta.idle()
        self.settled(person)
        self.forget()
        return person, self.resource(person)

    def settled(self, person: Person) -> str:
        """Check that Okta shows a person as provisioned, without error or task. Returns their id in Vestibule."""
        row = self.app.user(person)
        assert (row["status"], row["syncState"]) == ("PROVISIONED", "SYNCHRONIZED"), row
        assert row["_embedded"]["pocket"]["error"] is None
        assert self.app.tasks() == []
        return str(row["externalId"])

    def forget(self) -> None:
        """Forget earlier requests: `spoken` returns only those from now on."""
        self._seen = max((exchange["seq"] for exchange in self.exchanges()), default=self._seen)

    def exchanges(self) -> list[dict[str, Any]]:
        """Returns requests and responses since `forget`."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["seq"] if found else self._seen
            page = self.okta.call("GET", f"/pocket/v1/exchanges?appId={self.app.id}&after={after}")
            if not page:
                return found
            found += page

    def spoken(self) -> list[str]:
        """Returns the requests in short form, ids as 1, 2: `GET /Users? 200`, `POST /Users 201`, `PUT /Users/1 200`."""
        numbers: dict[str, int] = {}
        lines = []
        for exchange in self.exchanges():
            path, question, _ = exchange["url"].removeprefix(self.place.scim_url).partition("?")
            collection, _, user_id = path.removeprefix("/").partition("/")
            if user_id:
                path = f"/{collection}/{numbers.setdefault(user_id, len(numbers) + 1)}"
            lines.append(f"{exchange['method']} {path}{question} {exchange['status']}")
        return lines

    def crew(self, *first_names: str) -> list[Person]:
        """People who are assigned and have accounts. Earlier requests are forgotten."""
        people = [self.person(first, "Reis") for first in first_names]
        for person in people:
            self.app.assign(person)
        self.okta.idle()
        self.forget()
        return people

    def pushed(self, push: Push) -> str:
        """Wait, and check that Okta shows a group as pushed, without error or task. Returns its id in Vestibule."""
        self.okta.idle()
        shown = push.show()
        assert shown["errorSummary"] is None, shown
        assert self.app.tasks() == []
        return str(shown["targetGroupId"])

    # -- the side of Vestibule

    def groups(self, name: str) -> list[Resource]:
        """Returns the groups that this identity provider finds by a name, without their members."""
        wanted = {"filter": f"displayName eq {json.dumps(name)}", "excludedAttributes": "members"}
        answer = self.scim.get("/Groups", params=wanted)
        assert answer.status_code == 200, answer.text
        found: list[Resource] = answer.json()["Resources"]
        return found

    def group(self, group_id: str) -> Resource:
        """Returns a group by its id; it must exist."""
        answer = self.scim.get(f"/Groups/{group_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def members(self, group_id: str) -> set[str]:
        """Returns the ids of a group's members."""
        return {member["value"] for member in self.group(group_id).get("members", [])}

    def ids(self, *people: Person) -> set[str]:
        """Returns the ids of people in Vestibule."""
        return {self.resource(person)["id"] for person in people}

    def found(self, user_name: str) -> list[Resource]:
        """Returns the resources that this identity provider finds by a userName."""
        answer = self.scim.get("/Users", params={"filter": f"userName eq {json.dumps(user_name)}"})
        assert answer.status_code == 200, answer.text
        resources: list[Resource] = answer.json()["Resources"]
        return resources

    def resource(self, person: Person) -> Resource:
        """Returns the only resource of a person, found by their login."""
        (resource,) = self.found(person["profile"]["login"])
        return resource

    def read(self, user_id: str) -> Resource:
        """Returns a resource by its id; it must exist."""
        answer = self.scim.get(f"/Users/{user_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def people(self) -> int:
        """Returns how many people this identity provider sees."""
        return int(self.scim.get("/Users?count=0").json()["totalResults"])

    def profile(self, user_id: str) -> dict[str, Any]:
        """Returns the Profile of a person."""

        async def look(context: Context) -> dict[str, Any]:
            async with context.database.read(self.place.tenant.id) as reading:
                user = await find_user(reading, user_id)
            assert user is not None
            return dict(json.loads(user.profile))

        return self.place.running.act(look)

    def told(self, user_id: str = "") -> list[str]:
        """Returns the types of the events about people, or about one of them, oldest first."""
        return [event["type"] for event in self.place.events("user.") if user_id in ("", event["subject"])]

    def last_event(self, user_id: str) -> dict[str, Any]:
        """Returns the latest event about a person."""
        return [event for event in self.place.events("user.") if event["subject"] == user_id][-1]


def connected(okta: Okta, place: Place, mode: Mode, scim: httpx2.Client, **pocket: Any) -> Integration:
    """Connect a new app and a tenant with the tenant's Key and Secret."""
    app = okta.app(mode)
    app.connect(place.scim_url, *place.pair, **pocket)
    app.features(create=True, update=True, deactivate=True, password=True)
    integration = Integration(okta, app, mode, place, scim)
    integration.forget()
    return integration


def changed(event: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns the changes of an event: attribute -> (before, after)."""
    return {each["attribute"]: (each["before"], each["after"]) for each in event["data"]["changes"]}


def until(reached: Callable[[], bool], what: str) -> None:
    """Repeat a check until it holds. Each check is a request that waits for its response, so this neither sleeps nor
    spins; the test's own time limit ends it.
    """
    for _ in range(5000):
        if reached():
            return
    raise AssertionError(f"it never came to this: {what}")
