"""Fixtures for console tests: a new tenant with its administrators, and browsers without a screen for them."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import pytest
from argon2 import PasswordHasher

from tests.conftest import PLAIN, Place, Running
from tests.console.visitor import Page, Visitor
from tests.sign_in.company import Company
from vestibule.actions import administer, administrator_sign_in, second_factor
from vestibule.endpoints.context import Context
from vestibule.endpoints.routes import ROUTES
from vestibule.keys import token_check
from vestibule.model import HOUSE, Actor, Administrator, AdministratorRole, new_id
from vestibule.store.administrators import insert_administrator
from vestibule.store.database import AllTenants, Tx
from vestibule.store.factors import Factor, insert_factor

PASSWORD = "seven quiet lamps over water"
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""A hash that costs nothing to verify; a hash says what it costs. A real one takes as long as the rest of a test."""
APP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
"""The secret of everybody's authenticator app."""
OPERATOR = Actor(HOUSE, "operator", name="test")
Result = TypeVar("Result")


def in_house(running: Running, act: Callable[[AllTenants], Awaitable[Result]]) -> Result:
    """Run a function in a write transaction across tenants, in the running server's database."""

    async def acted(context: Context) -> Result:
        async with context.database.write_all_tenants(OPERATOR) as all_tenants:
            return await act(all_tenants)

    return running.act(acted)


def in_tenant(place: Place, act: Callable[[Tx, Context], Awaitable[Result]]) -> Result:
    """Run a function in a write transaction of a tenant, in the running server's database."""

    async def acted(context: Context) -> Result:
        async with context.database.write(place.actor) as tx:
            return await act(tx, context)

    return place.running.act(acted)


def sql(running: Running, statement: str, *values: Any) -> int:
    """Change rows directly with SQL. Returns how many there were."""

    async def act(all_tenants: AllTenants) -> int:
        return await all_tenants.run(statement, *values)

    return in_house(running, act)


def rows(running: Running, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Read rows directly with SQL."""

    async def read(context: Context) -> list[tuple[Any, ...]]:
        async with context.database.read_all_tenants(OPERATOR) as all_tenants:
            return [tuple(row) for row in await all_tenants.all(statement, *values)]

    return running.act(read)


def hire(running: Running, tenant_id: str, role: AdministratorRole, email: str = "", name: str = "") -> Administrator:
    """Make an administrator, with `PASSWORD`."""
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


def equip(running: Running, administrator: Administrator) -> list[str]:
    """Give somebody an authenticator app with `APP_SECRET`. Returns their recovery codes."""

    async def act(context: Context) -> list[str]:
        async with context.database.write_all_tenants(OPERATOR) as all_tenants:
            sealed = context.checker.seal(APP_SECRET.encode(), second_factor.sealed_for(administrator))
            factor = Factor(new_id(all_tenants.now), "totp", "Old phone", b"", sealed, 0, all_tenants.now, None)
            await insert_factor(all_tenants, administrator, factor)
            return await second_factor.make_codes(all_tenants, administrator, context.checker)

    return running.act(act)


def open_session(running: Running, administrator: Administrator) -> str:
    """Open a session without a password. Returns its cookie."""

    async def act(all_tenants: AllTenants) -> str:
        return await administrator_sign_in.open_session(all_tenants, administrator, [])

    return in_house(running, act)


def setup_link(running: Running) -> str:
    """Returns the token of the link for the first set-up."""
    return in_house(running, administer.invite_first)


def end_of_link(running: Running, token: str, expires_at: int) -> None:
    """Change when a one-time link expires."""
    changed = sql(
        running, "UPDATE invitations SET expires_at = $2 WHERE token_check = $1", token_check(token), expires_at
    )
    assert changed == 1


_KEYS = "SELECT identity_provider_id, id FROM credentials WHERE tenant_id = $1"


@dataclass
class Staff:
    """A tenant with an Okta identity provider that may provision, and its administrators."""

    place: Place
    opened: ExitStack
    people: dict[str, Administrator] = field(default_factory=dict)

    @property
    def running(self) -> Running:
        return self.place.running

    def at(self, *parts: str) -> str:
        """Returns a path of the console within the tenant."""
        return "/".join(("/console", self.place.tenant.name, *parts))

    @property
    def provider(self) -> str:
        """Returns the path of the identity provider's page."""
        return self.at("identity-providers", self.place.provider.id)

    def visitor(self, **options: Any) -> Visitor:
        """Returns a browser in which nobody is signed in."""
        return self.opened.enter_context(Visitor(self.running.url, **options))

    def hire(self, role: AdministratorRole, email: str = "", name: str = "") -> Administrator:
        """Make another administrator of the tenant, or an operator of the installation."""
        return hire(self.running, HOUSE if role == "operator" else self.place.tenant.id, role, email, name)

    def signed_in(self, role: AdministratorRole) -> Visitor:
        """Returns a browser in which an administrator with that role is signed in. That they came through the form is
        the subject of test_sign_in; a session costs a tenth of it.
        """
        if role not in self.people:
            self.people[role] = self.hire(role)
        visitor = self.visitor()
        visitor.take(open_session(self.running, self.people[role]))
        return visitor

    def signed_in_with_form(self, role: AdministratorRole) -> Visitor:
        """Returns a browser in which an administrator with that role has signed in with the form."""
        if role not in self.people:
            self.people[role] = self.hire(role)
        visitor = self.visitor()
        visitor.sign_in(self.people[role].email, PASSWORD)
        return visitor

    def scim(self) -> httpx2.Client:
        """Returns a SCIM client of the identity provider."""
        return self.opened.enter_context(self.place.client(**PLAIN))

    def provision(self, scim: httpx2.Client, **attributes: Any) -> dict[str, Any]:
        """Create a person as the identity provider does."""
        answer = scim.post("/Users", json=attributes)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def count_events(self) -> int:
        """Returns how many events the tenant and the installation have."""
        tenants = (self.place.tenant.id, HOUSE)
        return int(rows(self.running, "SELECT count(*) FROM events WHERE tenant_id IN ($1, $2)", *tenants)[0][0])

    def every_page(self) -> list[str]:
        """Returns the paths of all pages of the tenant, from the documented routes. A route with an unknown parameter
        fails the test.
        """
        tables = {
            "provider_id": "identity_providers",
            "user_id": "users",
            "group_id": "groups",
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
        """Returns the current text of the live line."""
        return visitor.get(f"{self.provider}/live").text


@pytest.fixture
def staff(place: Place) -> Iterator[Staff]:
    """Returns a new tenant and its administrators."""
    with ExitStack() as opened:
        yield Staff(place, opened)


@pytest.fixture
def owner(staff: Staff) -> Visitor:
    """Returns the tenant's owner, signed in."""
    return staff.signed_in("owner")


@pytest.fixture
def scim(staff: Staff) -> httpx2.Client:
    """Returns a SCIM client of the tenant's Okta identity provider."""
    return staff.scim()


@pytest.fixture
def ana(staff: Staff) -> Administrator:
    """Returns an owner, who gets an authenticator app from `codes`."""
    ana = staff.hire("owner")
    staff.people["owner"] = ana
    return ana


@pytest.fixture
def codes(staff: Staff, ana: Administrator) -> list[str]:
    """Give Ana an authenticator app. Returns her recovery codes."""
    return equip(staff.running, ana)


def add_by_hand(staff: Staff, visitor: Visitor, user_name: str, **fields: str) -> Page:
    """Add a person by hand. Returns their page."""
    page = visitor.submit(visitor.get(staff.at("users", "new")), "Add person", {"user_name": user_name, **fields})
    assert page.notice == "The person was added.", page.text
    return page


@pytest.fixture
def company(staff: Staff) -> Iterator[Company]:
    """Returns the tenant with people who can sign in."""
    made = Company(staff.place)
    made.tie()
    yield made
    made.close()
