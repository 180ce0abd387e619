"""Who works in the console: a fresh tenant with its administrators, and what they do in a browser without a screen."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import pytest

from tests.conftest import PLAIN, Place, Running
from tests.console.visitor import Page, Visitor
from tests.sign_in.company import Company
from vestibule.actions import administer, administrator_sign_in, passwords
from vestibule.endpoints.context import Context
from vestibule.endpoints.routes import ROUTES
from vestibule.keys import token_check
from vestibule.model import HOUSE, Actor, Administrator, AdministratorRole, new_id
from vestibule.store.administrators import insert_administrator
from vestibule.store.database import AllTenants, Tx


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """Pages run on SQLite. What asks the engine more than a page does is marked `on_both_engines`."""
    return str(getattr(request, "param", "sqlite"))


PASSWORD = "seven quiet lamps over water"
PASSWORD_HASH = passwords.hash_password(PASSWORD, "nobody@north.example")
OPERATOR = Actor(HOUSE, "operator", name="test")
Result = TypeVar("Result")


def in_house(running: Running, act: Callable[[AllTenants], Awaitable[Result]]) -> Result:
    """Do something across tenants, beside the running server."""

    async def acted(context: Context) -> Result:
        async with context.database.write_all_tenants(OPERATOR) as all_tenants:
            return await act(all_tenants)

    return running.act(acted)


def in_tenant(place: Place, act: Callable[[Tx, Context], Awaitable[Result]]) -> Result:
    """Do something within a tenant, beside the running server."""

    async def acted(context: Context) -> Result:
        async with context.database.write(place.actor) as tx:
            return await act(tx, context)

    return place.running.act(acted)


def sql(running: Running, statement: str, *values: Any) -> int:
    """Change rows, as nothing in the program would; how many there were."""

    async def act(all_tenants: AllTenants) -> int:
        return await all_tenants.run(statement, *values)

    return in_house(running, act)


def rows(running: Running, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Read rows."""

    async def read(context: Context) -> list[tuple[Any, ...]]:
        async with context.database.read_all_tenants(OPERATOR) as all_tenants:
            return [tuple(row) for row in await all_tenants.all(statement, *values)]

    return running.act(read)


def hire(running: Running, tenant_id: str, role: AdministratorRole, email: str = "", name: str = "") -> Administrator:
    """Somebody who administers, with `PASSWORD`."""
    email = email or f"{role}.{uuid4().hex[:10]}@north.example"

    async def act(all_tenants: AllTenants) -> Administrator:
        administrator = Administrator(
            tenant_id,
            new_id(all_tenants.now),
            email,
            name or f"{role.title()} Reis",
            role,
            all_tenants.now,
            None,
            None,
            True,
        )
        await insert_administrator(all_tenants, administrator, PASSWORD_HASH)
        return administrator

    return in_house(running, act)


def open_session(running: Running, administrator: Administrator) -> str:
    """The cookie of a fresh session, without the cost of a password."""

    async def act(all_tenants: AllTenants) -> str:
        return await administrator_sign_in.open_session(all_tenants, administrator, [])

    return in_house(running, act)


def setup_link(running: Running) -> str:
    """The token of the link for the first set-up."""
    return in_house(running, administer.invite_first)


def end_of_link(running: Running, token: str, expires_at: int) -> None:
    """Let a one-time link end at another instant."""
    changed = sql(
        running, "UPDATE invitations SET expires_at = $2 WHERE token_check = $1", token_check(token), expires_at
    )
    assert changed == 1


_KEYS = "SELECT identity_provider_id, id FROM credentials WHERE tenant_id = $1"


@dataclass
class Staff:
    """A tenant with an Okta that may provision, and people who administer it."""

    place: Place
    opened: ExitStack
    people: dict[str, Administrator] = field(default_factory=dict)

    @property
    def running(self) -> Running:
        return self.place.running

    def at(self, *parts: str) -> str:
        """A path of the console within the tenant."""
        return "/".join(("/console", self.place.tenant.name, *parts))

    @property
    def provider(self) -> str:
        """The path of the identity provider's page."""
        return self.at("identity-providers", self.place.provider.id)

    def visitor(self, **options: Any) -> Visitor:
        """Somebody who is not signed in."""
        return self.opened.enter_context(Visitor(self.running.url, **options))

    def hire(self, role: AdministratorRole, email: str = "", name: str = "") -> Administrator:
        """One more administrator of the tenant; an operator belongs to the house."""
        return hire(self.running, HOUSE if role == "operator" else self.place.tenant.id, role, email, name)

    def signed_in(self, role: AdministratorRole) -> Visitor:
        """Somebody of that role, signed in through the form."""
        if role not in self.people:
            self.people[role] = self.hire(role)
        visitor = self.visitor()
        visitor.sign_in(self.people[role].email, PASSWORD)
        return visitor

    def scim(self) -> httpx2.Client:
        """The identity provider."""
        return self.opened.enter_context(self.place.client(**PLAIN))

    def provision(self, scim: httpx2.Client, **attributes: Any) -> dict[str, Any]:
        """Somebody whom the identity provider creates."""
        answer = scim.post("/Users", json=attributes)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def count_events(self) -> int:
        """How many events the tenant and the house have."""
        tenants = (self.place.tenant.id, HOUSE)
        return int(rows(self.running, "SELECT count(*) FROM events WHERE tenant_id IN ($1, $2)", *tenants)[0][0])

    def every_page(self) -> list[str]:
        """Every page of the tenant with everything that it can be about, as the page of routes has them. A route whose
        parameter nobody knows here fails the test.
        """
        tables = {
            "provider_id": "identity_providers",
            "user_id": "users",
            "event_id": "events",
            "request_id": "saml_requests",
            "application_id": "applications",
            "administrator_id": "administrators",
            "preview_id": "rule_previews",
        }
        ids = {"tenant": [self.place.tenant.name]}
        for name, table in tables.items():
            query = f"SELECT id FROM {table} WHERE tenant_id = $1"
            ids[name] = [row[0] for row in rows(self.running, query, self.place.tenant.id)]
        paths = []
        for route in ROUTES:
            if route.method == "GET" and route.shape == "page" and route.path.startswith("/console/{tenant}"):
                if route.path.endswith(("/sign-in-test", "/export")):
                    continue  # the one leads to the identity provider, the other is a file
                names = re.findall(r"{(\w+)}", route.path)
                if "credential_id" in names:
                    paths += [
                        route.path.format(tenant=self.place.tenant.name, provider_id=row[0], credential_id=row[1])
                        for row in rows(self.running, _KEYS, self.place.tenant.id)
                    ]
                    continue
                paths += [
                    route.path.format(**dict(zip(names, values, strict=True)))
                    for values in product(*(ids[name] for name in names))
                ]
        return paths

    def live(self, visitor: Visitor) -> str:
        """The line that lives, as it is right now."""
        return visitor.get(f"{self.provider}/live").text


@pytest.fixture
def staff(place: Place) -> Iterator[Staff]:
    """A fresh tenant and those who administer it."""
    with ExitStack() as opened:
        yield Staff(place, opened)


@pytest.fixture
def owner(staff: Staff) -> Visitor:
    """The tenant's owner, signed in."""
    return staff.signed_in("owner")


@pytest.fixture
def scim(staff: Staff) -> httpx2.Client:
    """The tenant's Okta, ready to speak SCIM."""
    return staff.scim()


def add_by_hand(staff: Staff, visitor: Visitor, user_name: str, **fields: str) -> Page:
    """The page of a person whom an administrator added."""
    page = visitor.submit(visitor.get(staff.at("users", "new")), "Add person", {"user_name": user_name, **fields})
    assert page.notice == "The person was added.", page.text
    return page


@pytest.fixture
def company(staff: Staff) -> Iterator[Company]:
    """The tenant's people, who can sign in."""
    made = Company(staff.place)
    made.tie()
    yield made
    made.close()
