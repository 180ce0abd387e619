"""Carries out /Bulk: each operation is a request of its own, with its own authorisation, turn, transaction and event.

Nothing is shared between the operations but the ids of what was made, so whatever holds for a request holds for an
operation. Between two of them others have their turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from vestibule.endpoints.exchange import Answer, Request, refusal
from vestibule.endpoints.scim_bodies import LONG
from vestibule.scim.bulk import BULK_RESPONSE, Bulk, BulkOperation, parted, resolve, segments_of, target_of
from vestibule.scim.errors import ScimError
from vestibule.scim.filter import Document
from vestibule.scim.messages import PATCH_OP

CarryOut = Callable[[Request], Awaitable[Answer]]


class _BodyAtHand:
    """Stands for the connection of an operation: its body has arrived."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def body_at_hand(self) -> bytes | None:
        return self._body

    def answer(self, status: int, headers: bytes, body: bytes) -> bool:
        del status, headers, body
        return False

    def hold(self, size: int) -> None:
        del size


class _Run:
    """One bulk that is being carried out."""

    def __init__(self, request: Request, bulk: Bulk, endpoints: Mapping[str, Any], carry_out: CarryOut) -> None:
        self._request = request
        self._bulk = bulk
        self._endpoints = endpoints
        self._carry_out = carry_out
        self._ids: dict[str, str] = {}
        self._results: dict[int, Document] = {}
        self._errors = 0
        self._added: list[tuple[int, str, list[Document]]] = []

    async def results(self) -> list[Document]:
        """Carry out all operations. Returns what each came to, in the order of the request."""
        for at in self._bulk.order:
            operation = self._bulk.operations[at]
            try:
                answer = await self._one(operation.method, *await self._ready(at, operation), operation.version)
            except ScimError as error:
                answer = refusal(error)
            self._note(at, operation, answer)
            if answer.status == 401 or 0 < self._bulk.most_errors <= self._errors:
                break
            await asyncio.sleep(0)
        for at, path, added in self._added:
            try:
                message = {"schemas": [PATCH_OP], "Operations": resolve(added, self._ids)}
                answer = await self._one("PATCH", path, orjson.dumps(message), "")
            except ScimError as error:
                answer = refusal(error)
            self._note_added(at, answer)
        return [self._results[at] for at in sorted(self._results)]

    async def _ready(self, at: int, operation: BulkOperation) -> tuple[str, bytes]:
        """Returns the path and the body of an operation, with ids in the place of bulkIds."""
        if self._request.sent_size > LONG:  # one operation may be nearly all of it
            return await asyncio.to_thread(self._resolved, at, operation)
        return self._resolved(at, operation)

    def _resolved(self, at: int, operation: BulkOperation) -> tuple[str, bytes]:
        segments = target_of(operation, self._endpoints, self._request.base_url)
        data = operation.data
        later = self._bulk.later.get(at)
        if later is not None and isinstance(data, dict):
            data, added = parted(data, later)
            self._added.append((at, "", added))
        if operation.needs:
            segments, data = resolve([segments, data], self._ids)
        return "/" + "/".join(segments), orjson.dumps(data) if data is not None else b""

    async def _one(self, method: str, path: str, body: bytes, version: str) -> Answer:
        whole = self._request
        request = replace(
            whole,
            method=method,
            path=whole.path.rstrip("/").removesuffix("/Bulk") + path,
            segments=[part for part in path.split("/") if part],
            headers={b"if-match": version.encode("latin-1", "replace")} if version else {},
            query_string=b"",
            line=_BodyAtHand(body),
            sent=None,
            sent_size=0,
            bulk=None,
            is_part=True,
            _query=None,
        )
        return await self._carry_out(request)

    def _note(self, at: int, operation: BulkOperation, answer: Answer) -> None:
        headers = dict(answer.headers)
        result: Document = {"method": operation.method, "status": str(answer.status)}
        if operation.bulk_id:
            result["bulkId"] = operation.bulk_id
        if b"etag" in headers:
            result["version"] = headers[b"etag"].decode()
        location = headers.get(b"location", b"").decode()
        if operation.method != "POST" and not location:
            location = self._location(operation.path)
        if location:
            result["location"] = location
        self._results[at] = result
        if answer.status >= 400:
            self._errors += 1
            result["response"] = orjson.loads(answer.body)
            self._added = [each for each in self._added if each[0] != at]
        elif operation.method == "POST":
            if operation.bulk_id:
                self._ids[operation.bulk_id] = location.rpartition("/")[2]
            path = location.removeprefix(self._request.base_url)
            self._added = [(each, path if each == at else to, added) for each, to, added in self._added]

    def _location(self, path: str) -> str:
        try:
            segments = resolve(segments_of(path, self._request.base_url), self._ids)
        except ScimError:
            return ""
        return "/".join([self._request.base_url, *segments])

    def _note_added(self, at: int, answer: Answer) -> None:
        """Note what became of the references that were added later."""
        result, headers = self._results[at], dict(answer.headers)
        if answer.status >= 400:
            result |= {"status": str(answer.status), "response": orjson.loads(answer.body)}
        elif b"etag" in headers:
            result["version"] = headers[b"etag"].decode()


async def carry_out_bulk(request: Request, bulk: Bulk, endpoints: Mapping[str, Any], carry_out: CarryOut) -> Answer:
    """Carry out a bulk. `endpoints` are those whose resources it may write; `carry_out` carries out one operation.

    Returns the BulkResponse.
    """
    results = await _Run(request, bulk, endpoints, carry_out).results()
    return Answer(200, orjson.dumps({"schemas": [BULK_RESPONSE], "Operations": results}))
