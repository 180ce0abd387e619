"""Lists of SCIM resources: of one type or of several, filtered, sorted, and paged by index or by cursor.

A list in the order of creation that is paged by index is what identity providers ask for all the time; it takes the
short way. Everything else is read by `store.sorted_pages`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from vestibule.endpoints.context import Context
from vestibule.endpoints.exchange import Answer, Headers, Request, listed, told_ignored, while_connected
from vestibule.endpoints.identify import Caller
from vestibule.endpoints.scim_cursors import BEGINNING, Cursor, open_cursor, scope_of, seal_cursor
from vestibule.endpoints.scim_handlers import EVERYTHING, Handler, Pieces, Rendering
from vestibule.scim.filter import parse_filter
from vestibule.scim.messages import ListHead, Page, list_response, parse_cursor_count, parse_page
from vestibule.scim.representation import Projection, parse_projection
from vestibule.scim.resource import Ignored
from vestibule.store.credentials import note_test
from vestibule.store.database import Engine, Reading, Row, Tx
from vestibule.store.events import append_event
from vestibule.store.listing import page_rows
from vestibule.store.sorted_pages import FoundPage, Sorted, page_by_index, page_by_position
from vestibule.store.sorting import Position, SortKey, find_sort_path, no_key, sort_key
from vestibule.store.user_lists import Visibility
from vestibule.store.where import Where, where
from vestibule.vendors import VENDORS

_TEST_NOTED_EVERY: Final = 1_000
_ORDERS: Final = {"": False, "ascending": False, "descending": True}


class _Query(NamedTuple):
    """What a client asks for, in the form in which it is carried out."""

    handlers: Sequence[Handler[Any]]
    conditions: Sequence[Where | None]
    keys: Sequence[SortKey] | None
    descending: bool
    ignored: Headers

    @property
    def is_quick(self) -> bool:
        return all(condition is not None and condition.quick for condition in self.conditions)


class ScimLists:
    """Answers every request for a list of resources."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def answer(
        self, request: Request, caller: Caller, handlers: Sequence[Handler[Any]], parameters: Mapping[str, str]
    ) -> Answer:
        """Returns a list of the resources of some types, as parameters by lower-case name ask for it."""
        query = _parse_query(handlers, parameters, self._context.database.engine, request.base_url)
        if len(handlers) > 1 or query.keys is not None or "cursor" in parameters:
            return await self._sorted(request, caller, query, parameters)
        (handler,), (condition,) = handlers, query.conditions
        page, visibility = parse_page(parameters.get("startindex"), parameters.get("count")), visibility_of(caller)
        how = _rendering(request, parameters, handler)

        async def read(reading: Reading) -> tuple[int, list[Row]]:
            listing = await handler.listing(reading, visibility, condition)
            return await page_rows(reading, listing, page.start, page.count)

        total, rows = await self._read(request, query, read)
        if VENDORS[caller.presented.vendor].is_probe(parameters, total):
            await self._note_test(caller)
        resources = [handler.of_row(row) for row in rows]
        shown = [handler.render(resource, how) for resource in resources]
        whole = [each for each in shown if each is not None]
        head = ListHead(total, page.start)
        if len(whole) == len(shown):
            return Answer(200, list_response(head, whole), query.ignored)
        return listed(head, await handler.render_more(self._context.database, resources, how), query.ignored)

    async def _read(self, request: Request, query: _Query, read: Any) -> Any:
        database, tenant_id = self._context.database, request.actor.tenant_id
        if query.is_quick:
            async with database.read(tenant_id) as reading:
                return await read(reading)

        # A query that may scan all resources runs in a queue, and is stopped when the client is gone.
        async def scan() -> Any:
            has_filter = any(condition is not None for condition in query.conditions)
            async with database.scan(tenant_id, "search" if has_filter or query.keys else "list") as reading:
                return await read(reading)

        return await while_connected(request.receive, scan())

    async def _sorted(self, request: Request, caller: Caller, query: _Query, parameters: Mapping[str, str]) -> Answer:
        text = parameters.get("cursor")
        now, visibility, checker = self._context.database.clock(), visibility_of(caller), self._context.checker
        scope = _scope(caller, query, parameters)
        cursor: Cursor | None = None
        if text is None:
            page = parse_page(parameters.get("startindex"), parameters.get("count"))
        else:
            page = Page(1, parse_cursor_count(parameters.get("count")))
            cursor = open_cursor(checker, scope, text, now) if text else None
            if cursor is not None and cursor.position == BEGINNING:
                cursor = None

        async def read(reading: Reading) -> FoundPage:
            listings = [
                await handler.listing(reading, visibility, condition)
                for handler, condition in zip(query.handlers, query.conditions, strict=True)
            ]
            wanted = Sorted(listings, query.keys, query.descending)
            if cursor is None:
                return await page_by_index(reading, wanted, page.start, page.count)
            return await page_by_position(reading, wanted, cursor.position, page.count, backwards=cursor.backwards)

        found: FoundPage = await self._read(request, query, read)
        head = ListHead(found.total, page.start)
        if text is not None:
            onward, back = _ways_on(found, cursor)
            head = ListHead(
                found.total,
                None,
                seal_cursor(checker, scope, Cursor(onward, backwards=False), now) if onward else "",
                seal_cursor(checker, scope, Cursor(back, backwards=True), now) if back else "",
            )
        return listed(head, await self._render(request, query, found, parameters), query.ignored)

    async def _render(
        self, request: Request, query: _Query, page: FoundPage, parameters: Mapping[str, str]
    ) -> list[bytes | Pieces]:
        """Returns the resources of a page as JSON, in its order."""
        shown: list[bytes | Pieces] = [b""] * len(page.found)
        for number, handler in enumerate(query.handlers):
            at = [place for place, each in enumerate(page.found) if each.listing == number]
            how = _rendering(request, parameters, handler)
            resources = [handler.of_row(page.found[place].row) for place in at]
            for place, whole in zip(at, await handler.render_more(self._context.database, resources, how), strict=True):
                shown[place] = whole
        return shown

    async def _note_test(self, caller: Caller) -> None:
        """Record a connection test, before it is answered."""
        last = caller.presented.tested_at
        if last is None or self._context.database.clock() - last >= _TEST_NOTED_EVERY:

            async def note(tx: Tx) -> None:
                await note_test(tx, caller.actor.id)
                await append_event(tx, "credential.tested", {}, subject_id="")

            await self._context.database.run(caller.actor, note)


def _ways_on(page: FoundPage, cursor: Cursor | None) -> tuple[Position | None, Position | None]:
    """Returns where the next page and the previous one begin; None where there is none."""
    if not page.found:  # all that was there is deleted meanwhile
        return (BEGINNING if cursor is not None and cursor.backwards else None), None
    first, last = page.found[0].place, page.found[-1].place
    if cursor is not None and cursor.backwards:
        return last, first if page.goes_on else None
    return last if page.goes_on else None, first if cursor is not None else None


def _rendering(request: Request, parameters: Mapping[str, str], handler: Handler[Any]) -> Rendering:
    actor, projection = request.actor, projection_of(parameters, handler)
    return Rendering(actor.tenant_id, actor.identity_provider_id, request.base_url, projection)


def visibility_of(caller: Caller) -> Visibility:
    """Returns what the caller's identity provider sees."""
    return Visibility(caller.presented.provider_id, bool(caller.presented.adopts))


def projection_of(parameters: Mapping[str, str], handler: Handler[Any]) -> Projection:
    """Returns which attributes a client wants."""
    if not parameters:
        return EVERYTHING
    return parse_projection(parameters.get("attributes"), parameters.get("excludedattributes"), handler.type)


def _parse_query(
    handlers: Sequence[Handler[Any]], parameters: Mapping[str, str], engine: Engine, base_url: str
) -> _Query:
    conditions: list[Where | None] = [None] * len(handlers)
    if (text := parameters.get("filter")) is not None:
        first = 3
        for number, handler in enumerate(handlers):
            others = tuple(each.type for each in handlers if each is not handler)
            condition = where(parse_filter(text, handler.type, others), handler.searched, engine, base_url, first)
            conditions[number] = condition
            first += len(condition.values)
    if "sortby" not in parameters and "sortorder" not in parameters:
        return _Query(handlers, conditions, None, False, ())
    name, order = parameters.get("sortby", "").strip(), parameters.get("sortorder", "").strip().lower()
    paths = [find_sort_path(name, handler.type) if name else None for handler in handlers]
    known = [sort_key(path, each.searched, engine) for path, each in zip(paths, handlers, strict=True) if path]
    ignored = (["sortBy"] if name and not known else []) + (["sortOrder"] if order not in _ORDERS else [])
    keys = None
    if known:
        keys = [
            sort_key(path, each.searched, engine) if path else no_key(known[0].kind)
            for path, each in zip(paths, handlers, strict=True)
        ]
    headers = told_ignored([Ignored(each, "unknown") for each in ignored])
    return _Query(handlers, conditions, keys, bool(known) and _ORDERS.get(order, False), headers)


def _scope(caller: Caller, query: _Query, parameters: Mapping[str, str]) -> str:
    names = [handler.type.name for handler in query.handlers]
    asked = [parameters.get(name, "") for name in ("filter", "sortby", "sortorder")]
    return scope_of(caller.actor.tenant_id, caller.presented.provider_id, names, asked)
