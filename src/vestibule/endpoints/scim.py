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
from typing import Any, Final
from urllib.parse import unquote

import orjson

from vestibule.actions import provision
from vestibule.actions.provision import check_provisioning
from vestibule.endpoints.body_timeout import BodyTimeout
from vestibule.endpoints.context import Context
from vestibule.endpoints.exchange import (
    Answer,
    ClientGone,
    FastPath,
    Receive,
    Request,
    Scope,
    Send,
    refusal,
    while_connected,
)
from vestibule.endpoints.failures import BUSY_FOR, scim_error
from vestibule.endpoints.fair_share import FairShare
from vestibule.endpoints.identify import Caller, Lookups, RefusedCredential, identify
from vestibule.endpoints.key_usage import KeyUsage
from vestibule.endpoints.refused_credentials import RefusedCredentials
from vestibule.endpoints.scim_refusals import USER_ID, ScimRefusals
from vestibule.model import HOUSE, Actor, User
from vestibule.scim import discovery
from vestibule.scim.errors import (
    Forbidden,
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
from vestibule.scim.filter import Document, parse_filter
from vestibule.scim.messages import list_response, parse_page, parse_patch
from vestibule.scim.representation import Projection, etag, expand, location, parse_projection, present
from vestibule.scim.resource import clean
from vestibule.scim.schema import USER_TYPE
from vestibule.settings import Settings
from vestibule.store.credentials import note_test
from vestibule.store.database import Busy, Damaged, Tx
from vestibule.store.events import append_event
from vestibule.store.user_lists import Visibility, page_users
from vestibule.store.where import where
from vestibule.vendors import VENDORS

log = logging.getLogger("vestibule.scim")

ENDPOINTS: Final = frozenset({"Users", "Groups", "ServiceProviderConfig", "ResourceTypes", "Schemas"})
"""The first segment of a path below a tenant's base URL. If two follow each other, the base URL is too long."""
_TEST_NOTED_EVERY: Final = 1_000
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
        if segments[:2] != ["scim", "v2"]:
            return "", self._base_url, ["?"]
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
            request.actor = caller.actor
            answer = await self._carry_out_in_turn(request, caller, now)
        except RefusedCredential as refused:
            return self._refuse(request, refused)
        except TooManyRequests as too_many:
            self._refusals.note_rate_limited(request, too_many, now)
            return refusal(too_many)
        if not request.questions_connection:
            at_once = self._refused_credentials.was_refused_before(caller.presented)
            self._key_usage.note(caller, now, at_once=at_once)
        return answer

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
        try:
            request.check_body()
            body = request.body_at_hand()
            if body is None:
                body = await self._body_timeout.wait(request.receive_body())
            request.parse_body(body)
        except RequestTimeout:
            raise
        except ScimError:
            log.debug("a refused body could not be read", extra={"request": request.actor.request_id})

    async def _body(self, request: Request) -> Any:
        """Returns the body as JSON.

        After a slow body the request is authenticated again, as the key may have been retired.
        """
        request.check_body()
        body = request.body_at_hand()
        if body is None:
            known_at = time.monotonic()
            body = await self._body_timeout.wait(request.receive_body())
            if time.monotonic() - known_at > _KNOWN_FOR:
                caller = await self._identify(request)
                check_provisioning(caller.presented.provisioning)
        return request.parse_body(body)

    async def _route(self, request: Request, caller: Caller) -> Answer:
        match request.segments:
            case ["Users"]:
                allow = "GET, POST"
                if request.method == "GET":
                    return await self._list(request, caller)
                if request.method == "POST":
                    return await self._create(request)
            case ["Users", user_id] if user_id != ".search":
                allow = "GET, PUT, PATCH, DELETE"
                if request.method in {"GET", "PUT", "PATCH", "DELETE"}:
                    if user_id in ENDPOINTS:
                        raise _no_endpoint(request)
                    if USER_ID.match(user_id) is None:
                        raise NotFound(provision.NOBODY_HERE)
                    return await self._one(request, caller, user_id)
            case [kind, *rest] if kind in {"ServiceProviderConfig", "ResourceTypes", "Schemas"} and len(rest) <= 1:
                allow = "GET"
                if request.method == "GET":
                    return _discover(request, kind, rest)
            case ["Groups"] if request.method == "GET":
                # Okta requests the groups if Import Groups is on, and cannot save its settings without a list.
                return Answer(200, list_response(0, 1, ()))
            case ["Me"] | ["Bulk"] | ["Groups"] | [".search"] | ["Users", ".search"]:
                raise NotImplementedHere(f"/{'/'.join(request.segments)} is not offered; see /ServiceProviderConfig.")
            case _:
                raise _no_endpoint(request)
        raise MethodNotAllowed(f"This endpoint does not answer {excerpt(request.method, 20)}.", allow=allow)

    # -- users ---------------------------------------------------------------------------------------------------------

    async def _one(self, request: Request, caller: Caller, user_id: str) -> Answer:
        match request.method:
            case "GET":
                return await self._get(request, caller, user_id)
            case "PUT":
                return await self._replace(request, user_id)
            case "PATCH":
                return await self._patch(request, user_id)
            case _:
                await self._context.database.run(
                    request.actor,
                    lambda tx: provision.delete_user(tx, request.told(), user_id, request.if_match),
                )
                return Answer(204)

    async def _get(self, request: Request, caller: Caller, user_id: str) -> Answer:
        projection = _projection(request)
        async with self._context.database.read(request.actor.tenant_id) as reading:
            user = await provision.see_user(reading, _visibility(caller), user_id)
        tag = etag(user.version).encode()
        if tag in request.headers.get(b"if-none-match", b""):
            return Answer(304, headers=((b"etag", tag),))
        return _resource(request, user, 200, projection)

    async def _list(self, request: Request, caller: Caller) -> Answer:
        query = request.query
        page, projection = parse_page(query.get("startindex"), query.get("count")), _projection(request)
        condition = None
        if (text := query.get("filter")) is not None:
            tree = parse_filter(text, USER_TYPE)
            prefix = location("", USER_TYPE, request.base_url)
            condition = where(tree, USER_TYPE, self._context.database.engine, prefix, first=3)
        database, tenant_id, visibility = self._context.database, request.actor.tenant_id, _visibility(caller)
        if condition is not None and condition.quick:
            async with database.read(tenant_id) as reading:
                total, users = await page_users(reading, visibility, condition, page.start, page.count)
        else:
            # A query that may scan all people runs in a queue, and is stopped when the client is gone.
            async def scan() -> tuple[int, list[User]]:
                async with database.scan(tenant_id, "search" if condition else "list") as reading:
                    return await page_users(reading, visibility, condition, page.start, page.count)

            total, users = await while_connected(request.receive, scan())
        if VENDORS[caller.presented.vendor].is_probe(query, total):
            await self._note_test(caller)
        return Answer(200, list_response(total, page.start, (_render(request, user, projection) for user in users)))

    async def _note_test(self, caller: Caller) -> None:
        """Record a connection test, before it is answered."""
        last = caller.presented.tested_at
        if last is None or self._context.database.clock() - last >= _TEST_NOTED_EVERY:

            async def note(tx: Tx) -> None:
                await note_test(tx, caller.actor.id)
                await append_event(tx, "credential.tested", {}, subject_id="")

            await self._context.database.run(caller.actor, note)

    async def _create(self, request: Request) -> Answer:
        projection = _projection(request)
        document, ignored = clean(await self._body(request), USER_TYPE)
        user = await self._context.database.run(
            request.actor, lambda tx: provision.create_user(tx, request.told(), document, ignored)
        )
        return _resource(request, user, 201, projection)

    async def _replace(self, request: Request, user_id: str) -> Answer:
        projection = _projection(request)
        document, ignored = clean(await self._body(request), USER_TYPE)
        user = await self._context.database.run(
            request.actor,
            lambda tx: provision.replace_user(tx, request.told(), user_id, document, ignored, request.if_match),
        )
        return _resource(request, user, 200, projection)

    async def _patch(self, request: Request, user_id: str) -> Answer:
        projection = _projection(request)
        operations = parse_patch(await self._body(request))
        user = await self._context.database.run(
            request.actor,
            lambda tx: provision.patch_user(tx, request.told(), user_id, operations, request.if_match),
        )
        return _resource(request, user, 200, projection)


# -- helpers -----------------------------------------------------------------------------------------------------------


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


def _visibility(caller: Caller) -> Visibility:
    return Visibility(caller.presented.provider_id, bool(caller.presented.adopts))


def _projection(request: Request) -> Projection:
    if not request.query_string:
        return _EVERYTHING
    query = request.query
    return parse_projection(query.get("attributes"), query.get("excludedattributes"), USER_TYPE)


_EVERYTHING: Final = Projection()


def _render(request: Request, user: User, projection: Projection) -> bytes:
    if projection.whole:
        return present(user.kept, USER_TYPE, request.base_url)
    return orjson.dumps(projection.of(expand(user.kept, USER_TYPE, request.base_url)))


def _resource(request: Request, user: User, status: int, projection: Projection) -> Answer:
    where_it_is = location(user.id, USER_TYPE, request.base_url).encode()
    headers = ((b"etag", etag(user.version).encode()), (b"location", where_it_is))
    return Answer(status, _render(request, user, projection), headers)


def _discover(request: Request, kind: str, rest: list[str]) -> Answer:
    if kind == "ServiceProviderConfig":
        if rest:
            raise NotFound("There is one ServiceProviderConfig, at /ServiceProviderConfig.")
        return Answer(200, orjson.dumps(discovery.service_provider_config(request.base_url)))
    if "filter" in request.query:
        # RFC 7644 §4: a filter must be refused, so that no client believes it was applied.
        raise Forbidden(f"/{kind} takes no filter.")
    offered: list[Document] = (
        discovery.schemas(request.base_url) if kind == "Schemas" else discovery.resource_types(request.base_url)
    )
    if not rest:
        return Answer(200, list_response(len(offered), 1, map(orjson.dumps, offered)))
    wanted = rest[0].lower()
    found = next((each for each in offered if each["id"].lower() == wanted), None)
    if found is None:
        raise NotFound(f"There is no such resource under /{kind}.")
    return Answer(200, orjson.dumps(found))
