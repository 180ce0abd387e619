"""The ceiling: how fast any SCIM service on this HTTP server and this storage could possibly be.

A bare ASGI application under the uvicorn, uvloop and httptools that Vestibule runs on. It answers Okta's cycle and does
nothing else: no credential, no validation, no tenant, no event; one SQLite statement for each request. Its writes are
as durable as Vestibule's (WAL, synchronous=FULL) and share a flush in the same way: those that arrive during a flush
are written together by the next, in a thread, and each is answered once it is on the disk.
"""

import asyncio
import os
import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import unquote

import orjson

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEAD: Final = "/scim/v2/Users"
CREATE: Final = "INSERT INTO users (id, user_name, document) VALUES (?, ?, ?) RETURNING document"
READ: Final = "SELECT document FROM users WHERE id = ?"
FIND: Final = "SELECT document FROM users WHERE user_name = ?"
UPDATE: Final = "UPDATE users SET document = ? WHERE id = ? RETURNING document"
DEACTIVATE: Final = (
    "UPDATE users SET document = json_set(document, '$.active', json('false')) WHERE id = ? RETURNING document"
)


class Store:
    """One file, one connection to read with and one to write with."""

    def __init__(self, file: str) -> None:
        self.writer = _connect(file)
        self.writer.execute(
            "CREATE TABLE IF NOT EXISTS users"
            " (id TEXT PRIMARY KEY, user_name TEXT NOT NULL UNIQUE, document TEXT NOT NULL) WITHOUT ROWID"
        )
        self.reader = _connect(file)
        self.waiting: list[tuple[str, tuple[str, ...], asyncio.Future[str]]] = []
        self.flushing: asyncio.Task[None] | None = None

    def read(self, statement: str, key: str) -> str | None:
        row = self.reader.execute(statement, (key,)).fetchone()
        return None if row is None else row[0]

    async def write(self, statement: str, *values: str) -> str:
        """Run a statement that returns one document; come back when it is durable."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiting.append((statement, values, done))
        if self.flushing is None:
            self.flushing = asyncio.create_task(self.flush())
        return await done

    async def flush(self) -> None:
        """Write all waiting statements, one transaction after the other, until none waits."""
        loop = asyncio.get_running_loop()
        while self.waiting:
            group, self.waiting = self.waiting, []
            self.writer.execute("BEGIN IMMEDIATE")
            rows = [self.writer.execute(statement, values).fetchone() for statement, values, _ in group]
            await loop.run_in_executor(None, self.writer.execute, "COMMIT")
            for (_, _, done), row in zip(group, rows, strict=True):
                done.set_result(row[0])
        self.flushing = None


def _connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class Ceiling:
    """The application. The store opens with the first request."""

    def __init__(self) -> None:
        self.store: Store | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        store = self.store = self.store or Store(os.environ["BENCH_CEILING_FILE"])
        status, document = await answer(store, scope["method"], scope["path"], scope["query_string"], receive)
        body = document.encode()
        headers = [(b"content-type", b"application/scim+json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def answer(store: Store, method: str, path: str, query: bytes, receive: Receive) -> tuple[int, str]:
    """One request, one statement."""
    id_ = path[len(HEAD) + 1 :]
    if method == "GET":
        if id_:
            found = store.read(READ, id_)
            return (404, "{}") if found is None else (200, found)
        quoted = unquote(query.decode()).split('"')
        found = store.read(FIND, quoted[1]) if len(quoted) > 1 else None
        return 200, '{"totalResults":0}' if found is None else f'{{"totalResults":1,"Resources":[{found}]}}'
    if method == "PATCH":
        return 200, await store.write(DEACTIVATE, id_)
    document = orjson.loads((await receive())["body"])
    document.pop("password", None)
    if method == "PUT":
        return 200, await store.write(UPDATE, orjson.dumps(document).decode(), id_)
    document["id"] = str(uuid.uuid4())
    text = orjson.dumps(document).decode()
    return 201, await store.write(CREATE, document["id"], document["userName"], text)


app = Ceiling()
