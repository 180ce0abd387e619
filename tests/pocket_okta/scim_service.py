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
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.conftest import HANG

USERNAME, PASSWORD, TOKEN = "vk_north", "vs_north-secret-0001", "vt_north-token-0001"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
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
    """A running service. `users` maps id to resource; `requests` has all received requests, in order."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.requests: list[Received] = []
        self.username, self.password, self.token = USERNAME, PASSWORD, TOKEN
        self.page_limit = 1000
        self.connections: list[socket.socket] = []
        self._scripts: list[Script] = []
        self._lock = threading.Lock()
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

    def add(self, user_name: str, *, active: bool = True, **more: Any) -> dict[str, Any]:
        """Add a user, as if another client had made it."""
        user = {"schemas": [CORE], "userName": user_name, "active": active, **more}
        return self._store(str(uuid.uuid4()), user)

    def named(self, user_name: str) -> dict[str, Any]:
        """Return the one user of that name."""
        (found,) = [user for user in self.users.values() if user["userName"].lower() == user_name.lower()]
        return found

    def calls(self, method: str = "") -> list[Received]:
        return [request for request in self.requests if method in ("", request.method)]

    def spoken(self) -> list[str]:
        """Return the conversation in short: GET /Users?, POST /Users, PATCH /Users/1 … with ids as 1, 2."""
        ids = {user_id: str(number) for number, user_id in enumerate(self.users, start=1)}
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

    def _store(self, user_id: str, document: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in document.items() if key not in {"password", "groups"} and value != ""}
        kept["id"] = user_id
        kept["meta"] = {
            "resourceType": "User",
            "created": "2026-11-24T00:00:00Z",
            "location": f"{self.url}/Users/{user_id}",
        }
        self.users[user_id] = kept
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

    def act(self, request: Received) -> tuple[int, dict[str, Any] | None]:
        """Carry out a request. Returns status and document."""
        if not self.allowed(request.headers.get("authorization", "")):
            return 401, _error(401, "The key or the secret is wrong.")
        with self._lock:
            return self._act(request)

    def _act(self, request: Received) -> tuple[int, dict[str, Any] | None]:
        parts = urlsplit(request.target)
        kind, _, user_id = parts.path.removeprefix("/scim/v2").strip("/").partition("/")
        if kind != "Users":
            return (200, _listing([], 1, 0)) if kind == "Groups" else (404, _error(404, "No such endpoint."))
        if not user_id:
            return self._list(parse_qs(parts.query)) if request.method == "GET" else self._create(request.json)
        user_id = unquote(user_id)
        if user_id not in self.users:
            return 404, _error(404, "No user with that id in this tenant.")
        if request.method == "GET":
            return 200, self.users[user_id]
        document = request.json
        if request.method == "PATCH":
            document = {**self.users[user_id], **document["Operations"][0]["value"]}
        if self._taken(document["userName"], user_id):
            return 409, _error(409, "userName is taken.")
        return 200, self._store(user_id, document)

    def _taken(self, user_name: str, but: str = "") -> bool:
        return any(u["userName"].lower() == user_name.lower() and i != but for i, u in self.users.items())

    def _create(self, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self._taken(document["userName"]):
            return 409, _error(409, "userName is taken.")
        return 201, self._store(str(uuid.uuid4()), document)

    def _list(self, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        found = list(self.users.values())
        if expression := query.get("filter", [""])[0]:
            name, value = re.fullmatch(r'(\w+) eq "(.*)"', expression).groups()  # type: ignore[union-attr]  # Okta sends no other
            value = re.sub(r"\\(.)", r"\1", value)
            found = [user for user in found if str(user.get(name, "")).lower() == value.lower()]
        start, count = int(query.get("startIndex", ["1"])[0]), int(query.get("count", ["100"])[0])
        page = found[start - 1 : start - 1 + min(count, self.page_limit)]
        return 200, _listing(page, start, len(found))


def _listing(page: list[dict[str, Any]], start: int, total: int) -> dict[str, Any]:
    return {
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(page),
        "Resources": page,
    }


def _error(status: int, detail: str) -> dict[str, Any]:
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
                text = json.dumps(document)
            if script is not None:
                script.reached.set()
                script.released.wait(HANG)
                status, text, more = script.status, script.body, script.headers
            with contextlib.suppress(ConnectionError):
                self._send(status, text, more)

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
