"""Exports activity as CSV or JSON Lines. It is streamed, so its length is not limited by memory."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

import orjson
from starlette.responses import Response, StreamingResponse

from vestibule.endpoints.console.activity_search import read_search, with_person
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import WrongInput
from vestibule.model import Event
from vestibule.store.events import search_events

_PAGE: Final = 200
COLUMNS: Final = (
    "id",
    "time",
    "type",
    "actor kind",
    "actor",
    "address",
    "identity provider",
    "subject",
    "user name",
    "request",
    "data",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


async def export_activity(visit: Visit) -> Response:
    """Send all events that match the filters, the newest first.

    Raises:
        WrongInput: the format or a date is not understood.
    """
    kind = visit.query("format") or "csv"
    if kind not in _WRITERS:
        raise WrongInput(f"The format should be csv or jsonl; got '{kind[:20]}'.", field="format")
    search = read_search(visit)
    if search.problem is not None:
        raise search.problem
    head, write, media_type = _WRITERS[kind]
    name = f"activity-{visit.tenant.name}-{datetime.now(UTC):%Y-%m-%d}.{kind}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pages(visit, head, write), media_type=media_type, headers=headers)


async def _pages(visit: Visit, head: str, write: Callable[[list[Event]], bytes]) -> AsyncIterator[bytes]:
    database, tenant_id = visit.context.database, visit.tenant.id
    async with database.read(tenant_id) as reading:
        query = await with_person(reading, read_search(visit).query)
    yield head.encode()
    before_id = ""
    while True:
        # One page at a time, so that a slow download does not hold a database connection.
        async with database.scan(tenant_id) as reading:
            page = await search_events(reading, query, _PAGE, before_id=before_id)
        if page.events:
            yield write(page.events)
        if not page.before_id:
            return
        before_id = page.before_id


def neutral(cell: str) -> str:
    """Returns a cell that no spreadsheet takes for a formula (CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _csv_line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(map(neutral, cells))
    return line.getvalue()


def _time(event: Event) -> str:
    return datetime.fromtimestamp(event.at / 1000, UTC).isoformat(timespec="milliseconds")


def _as_csv(events: list[Event]) -> bytes:
    return "".join(
        _csv_line(
            (
                event.id,
                _time(event),
                event.type,
                str(event.actor.get("kind", "")),
                str(event.actor.get("name", "")),
                str(event.actor.get("address", "")),
                event.identity_provider_id,
                event.subject_id,
                str(event.data.get("user_name", "")),
                event.request_id,
                orjson.dumps(event.data).decode(),
            )
        )
        for event in events
    ).encode()


def _as_jsonl(events: list[Event]) -> bytes:
    return b"".join(
        orjson.dumps(
            {
                "id": event.id,
                "time": _time(event),
                "type": event.type,
                "actor": event.actor,
                "identity_provider_id": event.identity_provider_id,
                "subject_id": event.subject_id,
                "request_id": event.request_id,
                "data": event.data,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for event in events
    )


_WRITERS: Final[dict[str, tuple[str, Callable[[list[Event]], bytes], str]]] = {
    "csv": (_csv_line(COLUMNS), _as_csv, "text/csv"),
    "jsonl": ("", _as_jsonl, "application/jsonl"),
}
