"""A request outside of SCIM: the visitor, the tenant, and methods for input and responses.

A handler takes a `Visit` and returns a response. Before it runs, the guard has checked that the visitor may call it, as
its route says.
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
    """A request, with the authenticated administrator or person, and the tenant in the URL."""

    request: Request
    context: Context
    request_id: str
    session: Session | None = None
    administrator: Administrator | None = None
    known_tenant: Tenant | None = None
    form: FormData = field(default_factory=FormData)
    person: User | None = None
    """The person who is signed in to the tenant in the URL."""
    person_session: UserSession | None = None
    received_at: int = field(default_factory=lambda: time.time_ns() // 1000)
    readmit: Callable[[], Awaitable[None]] = field(default=_nobody_asks)
    """Authenticates and authorises the visitor again. A handler calls it after something slow, before it writes.
    """

    @property
    def who(self) -> Administrator:
        """Returns the administrator who is signed in. Only for routes that need one."""
        if self.administrator is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.administrator

    @property
    def own_session(self) -> Session:
        """Returns that administrator's session."""
        if self.session is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.session

    @property
    def tenant(self) -> Tenant:
        """Returns the tenant in the URL. Only for routes with one."""
        if self.known_tenant is None:
            raise RuntimeError("this route names no tenant")
        return self.known_tenant

    @property
    def address(self) -> str:
        """Returns the client's address, if known."""
        return self.request.client.host if self.request.client else ""

    @property
    def agent(self) -> str:
        """Returns the User-Agent header."""
        return self.request.headers.get("user-agent", "")[:200]

    @property
    def actor(self) -> Actor:
        """Returns the Actor for transactions, in the tenant of the URL or across tenants."""
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
        """Returns the person who is signed in. Only for routes that need one."""
        if self.person is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.person

    @property
    def my_session(self) -> UserSession:
        """Returns that person's session."""
        if self.person_session is None:
            raise RuntimeError("this route admits visitors who are not signed in")
        return self.person_session

    @property
    def person_name(self) -> str:
        """Returns the userName of the person who is signed in; empty if there is none."""
        return str(orjson.loads(self.person.document)["userName"]) if self.person else ""

    def may(self, role: AdministratorRole) -> bool:
        """Returns whether the visitor has at least that role."""
        return self.administrator is not None and ROLES.index(self.administrator.role) >= ROLES.index(role)

    def may_change(self, provider: IdentityProvider) -> bool:
        """Returns whether the visitor may change an identity provider.

        Only owners may if its role rules make owners.
        """
        return self.may("owner" if makes_owners(provider.roles) else "admin")

    def field(self, name: str) -> str:
        """Returns a field of the form; empty if it was not sent."""
        value = self.form.get(name, "")
        return value[:LONGEST_FIELD].replace("\x00", "") if isinstance(value, str) else ""

    def decision(self, name: str) -> bool:
        """Returns a field of the form with the value yes or no.

        Raises:
            WrongInput: it has another value.
        """
        said = self.field(name)
        if said not in {"yes", "no"}:
            raise WrongInput(f"The field {name} should be yes or no; got '{said[:80]}'.")
        return said == "yes"

    def query(self, name: str) -> str:
        """Returns a query parameter; empty if it was not sent."""
        return self.request.query_params.get(name, "")[:500].replace("\x00", "")

    def path(self, name: str) -> str:
        """Returns a path parameter of the route."""
        return str(self.request.path_params[name]).replace("\x00", "")

    def at(self, *parts: str, **query: str) -> str:
        """Returns a URL path of the console within the tenant."""
        path = "/".join(("/console", self.tenant.name, *parts))
        return f"{path}?{urlencode(query)}" if query else path

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Returns a page. Templates can use the visit as `visit`."""
        notice = NOTICES.get(self.query("done"), "") if self.request.method == "GET" else ""
        return HTMLResponse(render(template, visit=self, notice=notice, **values), status)

    def json(self, value: Any, status: int = 200) -> Response:
        """Returns a JSON response."""
        return JSONResponse(value, status)

    def redirect(self, path: str, done: str = "") -> Response:
        """Returns a redirect to a page, which shows the message named `done`."""
        if done:
            path += f"{'&' if '?' in path else '?'}{urlencode({'done': done})}"
        return RedirectResponse(path, 303)

    def not_found(self) -> NotFound:
        """Returns the error for what does not exist, or not in this tenant."""
        return NotFound("There is no such page here, or you may not see it.")
