"""The SCIM 2.0 endpoint, a plain ASGI application: the hot path of the program.

It does not use Starlette, whose request and response objects would cost a quarter of the throughput. Every error is a
SCIM Error as `application/scim+json`.

A request is authenticated, routed, parsed (outside of a transaction), carried out in one transaction, and answered. A
refusal of an authenticated request is recorded in a separate transaction.
"""

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from vestibule.actions.groups import NO_GROUP_HERE
from vestibule.actions.provision import NOBODY_HERE
from vestibule.actions.scim_request import Sent, check_provisioning, is_named
from vestibule.endpoints.body_timeout import BodyTimeout
from vestibule.endpoints.context import Context
from vestibule.endpoints.exchange import (
    Answer,
    ClientGone,
    FastPath,
    Headers,
    Receive,
    Request,
    Scope,
    Send,
    refusal,
    told_ignored,
)
from vestibule.endpoints.failures import BUSY_FOR, scim_error
from vestibule.endpoints.fair_share import FairShare
from vestibule.endpoints.identify import Caller, Lookups, RefusedCredential, identify
from vestibule.endpoints.key_usage import KeyUsage
from vestibule.endpoints.refused_credentials import RefusedCredentials
from vestibule.endpoints.scim_bodies import LONG, BodyReader, JsonBody
from vestibule.endpoints.scim_bulk import carry_out_bulk
from vestibule.endpoints.scim_discovery import discover
from vestibule.endpoints.scim_groups import Groups
from vestibule.endpoints.scim_handlers import EVERYTHING, Handler, Pieces, Rendering
from vestibule.endpoints.scim_lists import ScimLists, projection_of, visibility_of
from vestibule.endpoints.scim_refusals import RESOURCE_ID, ScimRefusals
from vestibule.endpoints.scim_users import Users
from vestibule.endpoints.scim_writes import understood, write
from vestibule.model import HOUSE, Actor
from vestibule.scim.bulk import BULK_PARTS, BULK_REQUEST, LARGEST_BULK, parse_bulk
from vestibule.scim.errors import (
    MethodNotAllowed,
    NoEndpoint,
    NotFound,
    NotImplementedHere,
    RequestTimeout,
    ScimError,
    TooManyRequests,
    UnsupportedMediaType,
    excerpt,
)
from vestibule.scim.messages import SEARCH_REQUEST, parse_search
from vestibule.scim.representation import Projection, etag, location
from vestibule.scim.strict import check_message
from vestibule.settings import Settings
from vestibule.store.database import Busy, Damaged

log = logging.getLogger("vestibule.scim")

HANDLERS: Final[dict[str, Handler[Any]]] = {"Users": Users(), "Groups": Groups()}
"""The resource types, by the endpoint of each."""
_ALL: Final = tuple(HANDLERS.values())
_NOT_HERE: Final = {"Users": NOBODY_HERE, "Groups": NO_GROUP_HERE}
ENDPOINTS: Final = frozenset({"Users", "Groups", "ServiceProviderConfig", "ResourceTypes", "Schemas"})
"""The first segment of a path below a tenant's base URL. If two follow each other, the base URL is too long."""
_OLD_VERSION: Final = "/scim/v1"
"""Stands for the path of a request of SCIM 1.1; no segment has a slash."""
_KNOWN_FOR: Final = 0.02
"""Seconds after which a request is authenticated again before it is carried out."""


class ScimEndpoint:
    """The ASGI application for everything below `/scim` and on the wildcard host."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._refused_credentials = RefusedCredentials(context)
        self._key_usage = KeyUsage(context)
        limits = context.settings
        self._fair_share = FairShare(limits.tenant_rate, limits.tenant_ceiling, limits.tenant_requests)
        self._refusals = ScimRefusals(context)
        self._lookups = Lookups(context.database, context.checker)
        self._body_timeout = BodyTimeout()
        self._lists = ScimLists(context)
        settings = context.settings
        self._base_url = settings.url
        self._tenant_hosts = _tenant_hosts(settings)
        self._scheme = self._base_url.partition("://")[0]
        self._prefix = f"req_{secrets.token_hex(4)}_"
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, line: FastPath | None = None) -> None:
        request = self._open(scope, receive, line)
        try:
            answer = await self._answer(request)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 -- clients get a SCIM Error for any exception
            answer = refusal(scim_error(error, request.actor.request_id))
        except asyncio.CancelledError:  # after a second signal to stop, requests are cancelled
            answer = refusal(TooManyRequests("The service is stopping; try again.", retry_after=BUSY_FOR))
        await answer.send(send, line)

    def _open(self, scope: Scope, receive: Receive, line: FastPath | None) -> Request:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        authorization = [value for name, value in scope["headers"] if name == b"authorization"]
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw_path.decode("latin-1")
        segments = [part for part in path.split("/") if part]
        if "%" in path:
            segments = [unquote(part, errors="replace") for part in segments]
        tenant_name, base_url, rest = self._place(headers.get(b"host", b""), segments)
        client = scope.get("client")
        actor = Actor(
            HOUSE,
            "nobody",
            "",
            "",
            "",
            client[0] if client else "",
            headers.get(b"user-agent", b"").decode("latin-1")[:200],
            f"{self._prefix}{next(self._numbers):x}",
            time.time_ns() // 1000,
        )
        return Request(
            scope["method"],
            path,
            tenant_name,
            rest,
            headers,
            authorization,
            scope["query_string"],
            receive,
            line,
            base_url,
            actor,
            actor,
        )

    def _place(self, host: bytes, segments: list[str]) -> tuple[str, str, list[str]]:
        """Returns the tenant name in a URL, the base URL as the client wrote it, and the segments after it."""
        if segments[:2] != ["scim", "v2"] and segments[:2] != ["scim", "v1"]:
            return "", self._base_url, ["?"]
        if segments[1] == "v1":
            name, base_url, _ = self._place(host, ["scim", "v2", *segments[2:]])
            return name, base_url, [_OLD_VERSION]
        if name := self._tenant_of_host(host):
            return name, f"{self._scheme}://{host.decode('latin-1').lower()}/scim/v2", segments[2:]
        name = segments[2] if len(segments) > 2 else ""
        return name, f"{self._base_url}/scim/v2/{name}", segments[3:]

    def _tenant_of_host(self, host: bytes) -> str:
        """Returns the tenant name in a host name below the wildcard host; empty if there is none."""
        match = self._tenant_hosts.match(host.decode("latin-1").lower()) if self._tenant_hosts else None
        return match[1] if match else ""

    async def _answer(self, request: Request) -> Answer:
        now = self._context.database.clock()
        try:
            caller = await self._identify(request)
            request.actor, request.strict = caller.actor, bool(caller.presented.strict)
            answer = await self._carry_out_in_turn(request, caller, now)
            if request.bulk is not None:
                answer = await carry_out_bulk(request, request.bulk, HANDLERS, self._operate)
        except RefusedCredential as refused:
            return self._refuse(request, refused)
        except TooManyRequests as too_many:
            self._refusals.note_rate_limited(request, too_many, now)
            return refusal(too_many)
        if not request.questions_connection:
            at_once = self._refused_credentials.was_refused_before(caller.presented)
            self._key_usage.note(caller, now, at_once=at_once)
        return answer

    async def _operate(self, request: Request) -> Answer:
        """Carry out one operation of a bulk, as a request of its own."""
        now = self._context.database.clock()
        try:
            return await self._carry_out_in_turn(request, await self._identify(request), now)
        except RefusedCredential as refused:
            return refusal(refused)
        except TooManyRequests as too_many:
            self._refusals.note_rate_limited(request, too_many, now)
            return refusal(too_many)

    def _refuse(self, request: Request, refused: RefusedCredential) -> Answer:
        """Returns the response to a refused credential: always the same 401, or 429 if there are too many."""
        stranger = request.stranger
        names = [request.tenant_name, self._tenant_of_host(request.headers.get(b"host", b"")), *request.path.split("/")]
        try:
            self._refused_credentials.note(refused, names, stranger, request.method, excerpt(request.path, 300))
        except TooManyRequests as too_many:
            return refusal(too_many)
        return refusal(refused)

    async def _identify(self, request: Request) -> Caller:
        now, name = self._context.database.clock(), request.tenant_name
        return await identify(self._lookups, now, name, request.authorization, request.stranger)

    async def _carry_out_in_turn(self, request: Request, caller: Caller, now: int) -> Answer:
        """Carry out a request once its tenant's queue allows it.

        Raises:
            TooManyRequests: the tenant sends more than its share.
            RefusedCredential: the credential was retired while the request waited.
        """
        share, turn = self._fair_share.enter(caller.actor.tenant_id, now)
        if turn is not None:
            await self._fair_share.wait_for_turn(share, turn)
        try:
            if turn is not None:
                caller = await self._identify(request)
            return await self._carry_out(request, caller)
        finally:
            self._fair_share.leave(share)

    async def _carry_out(self, request: Request, caller: Caller) -> Answer:
        try:
            if caller.presented.provisioning == "off":
                await self._read_for_the_log(request)
            check_provisioning(caller.presented.provisioning)
            return await self._route(request, caller)
        except RefusedCredential:
            raise
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 -- becomes the SCIM Error that is recorded and sent
            told = scim_error(error, request.actor.request_id)
            request.questions_connection = isinstance(told, NoEndpoint | UnsupportedMediaType)
            if not isinstance(error, Busy | Damaged):  # a failing database cannot store the event either
                await self._refusals.record(request, told)
            return refusal(told)

    async def _read_for_the_log(self, request: Request) -> None:
        """Read the body of a refused write, so that the event can name the person.

        Raises:
            RequestTimeout: the body took too long.
        """
        if request.method not in {"POST", "PUT", "PATCH"}:
            return
        reader = JsonBody()
        try:
            await self._receive(request, reader)
            reader.finish()
            request.note_body(reader)
        except RequestTimeout:
            raise
        except ScimError:
            log.debug("a refused body could not be read", extra={"request": request.actor.request_id})

    async def _receive(self, request: Request, reader: BodyReader) -> bool:
        """Pass the body to a reader. Returns whether it had to be awaited.

        Raises:
            ScimError: it cannot be accepted, or took too long.
        """
        request.check_body(reader.largest)
        body = request.body_at_hand()
        if body is not None:
            reader.feed(body)
            return False
        await self._body_timeout.wait(request.receive_body(reader))
        return True

    async def _sent(self, request: Request, reader: BodyReader, parse: Callable[[Any], Any]) -> Any:
        """Returns what the body says, parsed. A long body is read and parsed in a thread.

        After a slow body the request is authenticated again, as the key may have been retired.
        """
        known_at = time.monotonic()
        if await self._receive(request, reader) and time.monotonic() - known_at > _KNOWN_FOR:
            caller = await self._identify(request)
            check_provisioning(caller.presented.provisioning)

        def read() -> Any:
            said = reader.finish()
            request.note_body(reader)
            return parse(said)

        return read() if reader.size <= LONG else await asyncio.to_thread(read)

    async def _route(self, request: Request, caller: Caller) -> Answer:
        match request.segments:
            case [endpoint] if (handler := HANDLERS.get(endpoint)) is not None:
                allow = "GET, POST"
                if request.method == "GET":
                    return await self._lists.answer(request, caller, (handler,), request.query)
                if request.method == "POST":
                    return await self._write(request, handler, "")
            case [endpoint, resource_id] if resource_id != ".search" and endpoint in HANDLERS:
                allow = "GET, PUT, PATCH, DELETE"
                if request.method in {"GET", "PUT", "PATCH", "DELETE"}:
                    if resource_id in ENDPOINTS:
                        raise _no_endpoint(request)
                    handler = HANDLERS[endpoint]
                    if RESOURCE_ID.match(resource_id) is None:
                        raise NotFound(_NOT_HERE[endpoint])
                    if request.method == "GET":
                        return await self._get(request, caller, handler, resource_id)
                    return await self._write(request, handler, resource_id)
            case [kind, *rest] if kind in {"ServiceProviderConfig", "ResourceTypes", "Schemas"} and len(rest) <= 1:
                allow = "GET"
                if request.method == "GET":
                    return discover(request, kind, rest)
            case _:
                return await self._route_rest(request, caller)
        raise _no_method(request, allow)

    async def _route_rest(self, request: Request, caller: Caller) -> Answer:
        """Route what identity providers seldom ask for."""
        match request.segments:
            case []:
                if request.method != "GET":
                    raise _no_method(request, "GET")
                return await self._lists.answer(request, caller, _ALL, request.query)
            case [*kinds, ".search"] if not kinds or (len(kinds) == 1 and kinds[0] in HANDLERS):
                if request.method != "POST":
                    raise _no_method(request, "POST")
                handlers = (HANDLERS[kinds[0]],) if kinds else _ALL
                asked = await self._sent(request, JsonBody(), _message(request, SEARCH_REQUEST, parse_search))
                return await self._lists.answer(request, caller, handlers, asked)
            case ["Me"]:
                raise NotImplementedHere(
                    "/Me is the resource of whoever sends the request. An identity provider's credential is nobody: "
                    "ask for /Users with a filter."
                )
            case ["Bulk"]:
                if request.method != "POST":
                    raise _no_method(request, "POST")
                request.bulk = await self._sent(
                    request, JsonBody(LARGEST_BULK, BULK_PARTS), _message(request, BULK_REQUEST, parse_bulk)
                )
                return Answer(200)  # its operations take their turns one by one
            case [first] if first is _OLD_VERSION:
                raise NoEndpoint(f"This is SCIM 2.0, not 1.1; its base URL is {request.base_url}.")
            case _:
                raise _no_endpoint(request)

    # -- resources -----------------------------------------------------------------------------------------------------

    async def _get(self, request: Request, caller: Caller, handler: Handler[Any], resource_id: str) -> Answer:
        projection = _projection(request, handler)
        async with self._context.database.read(request.actor.tenant_id) as reading:
            resource = await handler.see(reading, visibility_of(caller), resource_id)
        known = request.headers.get(b"if-none-match")
        if known is not None and is_named(known.decode("latin-1"), resource.version):
            return Answer(304, headers=((b"etag", etag(resource.version).encode()),))
        return await self._resource(request, handler, resource, 200, projection)

    async def _write(self, request: Request, handler: Handler[Any], resource_id: str) -> Answer:
        """Carry out a POST, PUT, PATCH or DELETE."""
        method, database = request.method, self._context.database
        if method == "DELETE":
            await write(database, request, handler, resource_id, None, request.told())
            return Answer(204)
        projection = _projection(request, handler)
        parse = partial(understood, method, handler, base_url=request.base_url, strict=request.strict)
        given = await self._sent(request, handler.body(method), parse)
        sent = request.told()
        resource = await write(database, request, handler, resource_id, given, sent)
        if method != "PATCH" or handler.answers_patch or not projection.whole:
            status = 201 if method == "POST" else 200
            return await self._resource(request, handler, resource, status, projection, sent)
        return Answer(204, headers=((b"etag", etag(resource.version).encode()), *told_ignored(sent.ignored)))

    async def _resource(
        self,
        request: Request,
        handler: Handler[Any],
        resource: Any,
        status: int,
        projection: Projection,
        sent: Sent | None = None,
    ) -> Answer:
        where_it_is = location(resource.id, handler.type, request.base_url).encode()
        headers: Headers = ((b"etag", etag(resource.version).encode()), (b"location", where_it_is))
        if sent is not None and sent.ignored:
            headers += told_ignored(sent.ignored)
        if request.is_part:
            return Answer(status, headers=headers)
        actor = request.actor
        how = Rendering(actor.tenant_id, actor.identity_provider_id, request.base_url, projection)
        shown: bytes | Pieces | None = handler.render(resource, how)
        if shown is None:
            (shown,) = await handler.render_more(self._context.database, [resource], how)
        if isinstance(shown, bytes):
            return Answer(status, shown, headers)
        return Answer(status, headers=headers, pieces=shown)


# -- helpers -----------------------------------------------------------------------------------------------------------


def _message(request: Request, schema: str, parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a parser of a message, which checks its schema first if the identity provider is strict."""

    def read(body: Any) -> Any:
        if request.strict:
            check_message(body, schema)
        return parse(body)

    return read


def _no_method(request: Request, allow: str) -> MethodNotAllowed:
    return MethodNotAllowed(f"This endpoint does not answer {excerpt(request.method, 20)}.", allow=allow)


def _no_endpoint(request: Request) -> NoEndpoint:
    path = excerpt("/" + "/".join(request.segments))
    return NoEndpoint(f"There is no endpoint {path} here; the SCIM base URL is {request.base_url}.")


def _tenant_hosts(settings: Settings) -> re.Pattern[str] | None:
    """Returns a pattern of the host names of tenants: all below the wildcard host but the server's own."""
    if not settings.wildcard_host:
        return None
    domain = re.escape(settings.wildcard_host.partition(":")[0])
    own = f"(?!{re.escape(settings.own_label)}\\.)" if settings.own_label else ""
    return re.compile(rf"{own}([a-z0-9-]+)\.{domain}(?::\d{{1,5}})?\Z", re.ASCII)


def _projection(request: Request, handler: Handler[Any]) -> Projection:
    return projection_of(request.query, handler) if request.query_string else EVERYTHING
