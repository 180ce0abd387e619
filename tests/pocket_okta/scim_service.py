"""A small SCIM service for the tests: real HTTP, real behaviour in memory, recorded requests, scriptable responses.

The rule: by default it behaves correctly, so that failures come from the pocket Okta; errors are scripted.
"""

import base64
import contextlib
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.conftest import HANG
from tests.pocket_okta.scim_patch import Resource, patched

USERNAME, PASSWORD, TOKEN = "vk_north", "vs_north-secret-0001", "vt_north-token-0001"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True)
class Received:
    """A received request. `target` is the path with its query, undecoded."""

    method: str
    target: str
    headers: dict[str, str]
    body: str
    at: float

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path.removeprefix('/scim/v2')}"


@dataclass
class Script:
    """A response to give to the next matching requests, instead of the service's own."""

    method: str
    path: str
    status: int
    body: str
    headers: dict[str, str]
    times: int
    done_first: bool = False  # do what was asked, then give this answer
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # eight requests at once must not wait for a lost SYN


class ScimService:
    """A running service. `users` and `groups` map id to resource; `requests` has all received requests, in order."""

    def __init__(self) -> None:
        self.users: dict[str, Resource] = {}
        self.groups: dict[str, Resource] = {}
        self.published: dict[str, list[Resource]] = {}  # what further collections hold: ResourceTypes, Roles …
        self.requests: list[Received] = []
        self.username, self.password, self.token = USERNAME, PASSWORD, TOKEN
        self.page_limit = 1000
        self.connections: list[socket.socket] = []
        self._scripts: list[Script] = []
        self._lock = threading.Lock()
        self._served = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/scim/v2"

    def close(self) -> None:
        for script in self._scripts:
            script.released.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # For tests

    def answer(
        self,
        method: str,
        path: str = "",
        *,
        status: int,
        body: str | dict[str, Any] = "",
        headers: dict[str, str] | None = None,
        times: int = 1,
        done_first: bool = False,
    ) -> Script:
        """Answer the next `times` requests whose path ends in the pattern `path` like this."""
        text = body if isinstance(body, str) else json.dumps(body)
        script = Script(method, path, status, text, headers or {}, times, done_first)
        script.released.set()
        with self._lock:
            self._scripts.append(script)
        return script

    def refuse(self, method: str, path: str = "", *, status: int, detail: str, times: int = 1) -> Script:
        """Answer with a SCIM Error."""
        body = {"schemas": [ERROR], "status": str(status), "detail": detail}
        return self.answer(method, path, status=status, body=body, times=times)

    @contextlib.contextmanager
    def held(self, method: str, path: str = "") -> Iterator[Script]:
        """Hold the next matching request until the block ends; `reached` is set when it has arrived."""
        script = self.answer(method, path, status=503)
        script.released.clear()
        try:
            yield script
        finally:
            script.released.set()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait until a request has led to this; it is looked at after each request."""
        with self._served:
            assert self._served.wait_for(reached, HANG)

    def served(self) -> None:
        with self._served:
            self._served.notify_all()

    def add(self, user_name: str, *, active: bool = True, **more: Any) -> Resource:
        """Add a user, as if another client had made it."""
        user = {"schemas": [CORE], "userName": user_name, "active": active, **more}
        return self._store("Users", str(uuid.uuid4()), user)

    def add_group(self, name: str, *members: str) -> Resource:
        """Add a group with members by their ids, as if another client had made it."""
        listed = [{"value": member} for member in members]
        return self._store("Groups", str(uuid.uuid4()), {"schemas": [GROUP], "displayName": name, "members": listed})

    def group_named(self, name: str) -> Resource:
        """Return the one group of that name."""
        (found,) = [group for group in self.groups.values() if group["displayName"] == name]
        return found

    def members_of(self, name: str) -> set[str]:
        """Return the userNames of a group's members."""
        return {self.users[member["value"]]["userName"] for member in self.group_named(name)["members"]}

    def named(self, user_name: str) -> Resource:
        """Return the one user of that name."""
        (found,) = [user for user in self.users.values() if user["userName"].lower() == user_name.lower()]
        return found

    def calls(self, method: str = "") -> list[Received]:
        return [request for request in self.requests if method in ("", request.method)]

    def spoken(self) -> list[str]:
        """Return the conversation in short: GET /Users?, POST /Users, PATCH /Groups/1 … with ids as 1, 2."""
        ids = {
            resource_id: str(number)
            for collection in (self.users, self.groups)
            for number, resource_id in enumerate(collection, start=1)
        }
        lines = []
        for request in self.requests:
            path = request.path.removeprefix("/scim/v2")
            for user_id, number in ids.items():
                path = path.replace(user_id, number)
            lines.append(f"{request.method} {path}{'?' if '?' in request.target else ''}")
        return lines

    def forget(self) -> None:
        """Forget all requests so far."""
        self.requests.clear()

    # The service itself

    def _kept(self, kind: str) -> dict[str, Resource]:
        return self.users if kind == "Users" else self.groups

    def _store(self, kind: str, resource_id: str, document: Resource) -> Resource:
        kept = {key: value for key, value in document.items() if key not in {"password", "groups"} and value != ""}
        kept["id"] = resource_id
        kept["meta"] = {
            "resourceType": kind.removesuffix("s"),
            "created": "2026-11-24T00:00:00Z",
            "location": f"{self.url}/{kind}/{resource_id}",
        }
        self._kept(kind)[resource_id] = kept
        return kept

    def take_script(self, method: str, path: str) -> Script | None:
        with self._lock:
            for script in self._scripts:
                if script.times and script.method == method and re.search(f"{script.path}$", path):
                    script.times -= 1
                    return script
        return None

    def allowed(self, authorization: str) -> bool:
        basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return authorization in {f"Basic {basic}", f"Bearer {self.token}", self.token}

    def act(self, request: Received) -> tuple[int, Resource | None]:
        """Carry out a request. Returns status and document."""
        if not self.allowed(request.headers.get("authorization", "")):
            return 401, _error(401, "The key or the secret is wrong.")
        with self._lock:
            return self._act(request)

    def _act(self, request: Received) -> tuple[int, Resource | None]:
        parts = urlsplit(request.target)
        kind, _, resource_id = parts.path.removeprefix("/scim/v2").strip("/").partition("/")
        query = parse_qs(parts.query)
        if kind in self.published:
            return 200, self._page(self.published[kind], query)
        if kind not in {"Users", "Groups"}:
            return 404, _error(404, "No such endpoint.")
        if not resource_id:
            return self._list(kind, query) if request.method == "GET" else self._create(kind, request.json)
        resource_id, kept = unquote(resource_id), self._kept(kind)
        if resource_id not in kept:
            return 404, _error(404, f"No {kind.removesuffix('s').lower()} with that id in this tenant.")
        if request.method == "GET":
            return 200, _shown(kept[resource_id], query)
        if request.method == "DELETE":
            del kept[resource_id]
            return 204, None
        document = request.json
        if request.method == "PATCH":
            document = patched(kept[resource_id], document)
        if refused := self._refusal(kind, document, resource_id):
            return refused
        changed = self._store(kind, resource_id, document)
        return (200, changed) if kind == "Users" or request.method == "PUT" else (204, None)

    def _refusal(self, kind: str, document: Resource, but: str = "") -> tuple[int, Resource] | None:
        """Return the refusal of a name that is taken, or of a member whom nobody knows."""
        name = "userName" if kind == "Users" else "displayName"
        wanted = document[name].lower()
        if any(kept[name].lower() == wanted and kept_id != but for kept_id, kept in self._kept(kind).items()):
            return 409, _error(409, f"{name} is taken.")
        for member in document.get("members") or []:
            if kind == "Groups" and member["value"] not in self.users:
                return 400, _error(400, f"members: nobody has the id {member['value']}.")
        return None

    def _create(self, kind: str, document: Resource) -> tuple[int, Resource]:
        return self._refusal(kind, document) or (201, self._store(kind, str(uuid.uuid4()), document))

    def _list(self, kind: str, query: dict[str, list[str]]) -> tuple[int, Resource]:
        found = list(self._kept(kind).values())
        if expression := query.get("filter", [""])[0]:
            found = [one for one in found if _matches(one, expression)]
        return 200, self._page(found, query)

    def _page(self, found: list[Resource], query: dict[str, list[str]]) -> Resource:
        start, count = int(query.get("startIndex", ["1"])[0]), int(query.get("count", ["100"])[0])
        page = found[start - 1 : start - 1 + min(count, self.page_limit)]
        return _listing([_shown(one, query) for one in page], start, len(found))


def _matches(resource: Resource, expression: str) -> bool:
    """Tell whether a resource fulfils a filter: `a eq "x"`, joined by `and`. Neither Okta nor Entra sends any other."""
    for term in re.split(r' and (?=\w+ eq ")', expression):
        name, value = re.fullmatch(r'(\w+) eq "(.*)"', term).groups()  # type: ignore[union-attr]  # see above
        value = re.sub(r"\\(.)", r"\1", value).lower()
        if name == "members":
            held = any(member["value"].lower() == value for member in resource["members"])
        else:
            held = str(resource.get(name, "")).lower() == value
        if not held:
            return False
    return True


def _shown(resource: Resource, query: dict[str, list[str]]) -> Resource:
    """Return a resource without what the request excludes."""
    excluded = query.get("excludedAttributes", [""])[0].split(",")
    return {name: value for name, value in resource.items() if name not in excluded}


def _listing(page: list[Resource], start: int, total: int) -> Resource:
    return {
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(page),
        "Resources": page,
    }


def _error(status: int, detail: str) -> Resource:
    return {"schemas": [ERROR], "status": str(status), "detail": detail}


def _handler_for(service: ScimService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            service.connections.append(self.connection)

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.command, self.path, headers, body, time.monotonic())
            service.requests.append(request)
            script = service.take_script(request.method, request.path)
            status, text = 0, ""
            more = {"Content-Type": "application/scim+json"}
            if script is None or script.done_first:
                status, document = service.act(request)
                text = "" if document is None else json.dumps(document)
            if script is not None:
                script.reached.set()
                script.released.wait(HANG)
                status, text, more = script.status, script.body, script.headers
            with contextlib.suppress(ConnectionError):
                self._send(status, text, more)
            service.served()

        def _send(self, status: int, text: str, headers: dict[str, str]) -> None:
            data = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  (http.server's own names)

        def log_message(self, *_args: Any) -> None:
            """Log nothing, because the test's own output is enough."""

    return Handler
