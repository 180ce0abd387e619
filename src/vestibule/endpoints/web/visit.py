"""One request to the console: who is asking, in which tenant, and the ways to answer.

A handler takes a `Visit` and returns a response. By the time it runs, the guard has seen to it that the visitor may
call it; what a handler may assume is what its route says on the page of routes.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import orjson
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from vestibule.endpoints.context import Context
from vestibule.endpoints.web.rendering import NOTICES, render
from vestibule.errors import NotFound, WrongInput
from vestibule.mapping import makes_owners
from vestibule.model import HOUSE, ROLES, Actor, Administrator, AdministratorRole, IdentityProvider, Tenant, User
from vestibule.store.administrator_sessions import Session
from vestibule.store.person_sessions import UserSession

LONGEST_FIELD = 2 * 1024 * 1024


async def _nobody_asks() -> None:
    raise RuntimeError("this visit passed no guard")


@dataclass(slots=True)
class Visit:
    """A request, with the administrator and the tenant that it comes from and goes to."""

    request: Request
    context: Context
    request_id: str
    session: Session | None = None
    administrator: Administrator | None = None
    known_tenant: Tenant | None = None
    form: FormData = field(default_factory=FormData)
    person: User | None = None
    """Who is signed in with an identity provider, in the tenant of the URL; their session beside it."""
    person_session: UserSession | None = None
    received_at: int = field(default_factory=lambda: time.time_ns() // 1000)
    readmit: Callable[[], Awaitable[None]] = field(default=_nobody_asks)
    """Asks anew who is visiting and what they may: for a handler to call after something that took long, before it
    writes.
    """

    @property
    def who(self) -> Administrator:
        """The administrator who is signed in; only for routes that need one."""
        if self.administrator is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.administrator

    @property
    def own_session(self) -> Session:
        """That administrator's session."""
        if self.session is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.session

    @property
    def tenant(self) -> Tenant:
        """The tenant in the URL; only for routes that name one."""
        if self.known_tenant is None:
            raise RuntimeError("this route names no tenant")
        return self.known_tenant

    @property
    def address(self) -> str:
        """Where the request comes from, as far as that is known."""
        return self.request.client.host if self.request.client else ""

    @property
    def agent(self) -> str:
        """The browser, as it calls itself."""
        return self.request.headers.get("user-agent", "")[:200]

    @property
    def actor(self) -> Actor:
        """Who acts, in the tenant of the URL or across tenants."""
        tenant_id = self.known_tenant.id if self.known_tenant else HOUSE
        kind, id_, name = self._identity()
        return Actor(
            tenant_id,
            kind,
            id_,
            name,
            address=self.address,
            agent=self.agent,
            request_id=self.request_id,
            received_at=self.received_at,
        )

    def _identity(self) -> tuple[Literal["administrator", "person", "nobody"], str, str]:
        if self.administrator is not None:
            return "administrator", self.administrator.id, self.administrator.name
        if self.person is not None:
            return "person", self.person.id, self.person_name
        return "nobody", "", ""

    @property
    def me(self) -> User:
        """The person who is signed in; only for routes that need one."""
        if self.person is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.person

    @property
    def my_session(self) -> UserSession:
        """That person's session."""
        if self.person_session is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.person_session

    @property
    def person_name(self) -> str:
        """The userName of the person who is signed in; empty for nobody."""
        return str(orjson.loads(self.person.document)["userName"]) if self.person else ""

    def may(self, role: AdministratorRole) -> bool:
        """Whether the visitor has at least that role."""
        return self.administrator is not None and ROLES.index(self.administrator.role) >= ROLES.index(role)

    def may_change(self, provider: IdentityProvider) -> bool:
        """Whether the visitor may change an identity provider: one that makes owners is for owners."""
        return self.may("owner" if makes_owners(provider.roles) else "admin")

    def field(self, name: str) -> str:
        """A field of the form, empty if it was not sent."""
        value = self.form.get(name, "")
        return value[:LONGEST_FIELD].replace("\x00", "") if isinstance(value, str) else ""

    def decision(self, name: str) -> bool:
        """A field of the form that says yes or no.

        Raises:
            WrongInput: it says neither, and nothing is guessed.
        """
        said = self.field(name)
        if said not in {"yes", "no"}:
            raise WrongInput(f"The field {name} should be yes or no; got '{said[:80]}'.")
        return said == "yes"

    def query(self, name: str) -> str:
        """A parameter of the query, empty if it was not sent."""
        return self.request.query_params.get(name, "")[:500].replace("\x00", "")

    def path(self, name: str) -> str:
        """A part of the path that the route names."""
        return str(self.request.path_params[name]).replace("\x00", "")

    def at(self, *parts: str, **query: str) -> str:
        """A path of the console within the tenant of this visit."""
        path = "/".join(("/console", self.tenant.name, *parts))
        return f"{path}?{urlencode(query)}" if query else path

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page. Templates know the visit as `visit`."""
        notice = NOTICES.get(self.query("done"), "") if self.request.method == "GET" else ""
        return HTMLResponse(render(template, visit=self, notice=notice, **values), status)

    def json(self, value: Any, status: int = 200) -> Response:
        """A JSON answer."""
        return JSONResponse(value, status)

    def redirect(self, path: str, done: str = "") -> Response:
        """Send the browser to a page of the console, which then says what was done."""
        if done:
            path += f"{'&' if '?' in path else '?'}{urlencode({'done': done})}"
        return RedirectResponse(path, 303)

    def not_found(self) -> NotFound:
        """What is raised for what is not there, or not in this tenant."""
        return NotFound("There is no such page here, or you may not see it.")
