"""Rows of events. They are appended and read, never changed."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from vestibule.events import whole_changes
from vestibule.model import Actor, Event, first_id_of, new_id
from vestibule.scim.text import fold
from vestibule.store.database import AllTenants, Reading, Row, Tx

_INSERT: Final = """
INSERT INTO events (tenant_id, id, at, type, actor, identity_provider_id, subject_id, request_id, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_COLUMNS: Final = "id, at, type, actor, identity_provider_id, subject_id, request_id, data"
_GET: Final = f"SELECT {_COLUMNS} FROM events WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant


async def append_event(
    tx: Tx, event_type: str, data: dict[str, Any], *, subject_id: str = "", provider_id: str | None = None
) -> str:
    """Record what happened, in the transaction in which it happens. Returns the event's id.

    It belongs to the actor's identity provider unless another is named.
    """
    event_id = new_id(tx.now)
    await tx.run(
        _INSERT,
        tx.tenant,
        event_id,
        tx.now,
        event_type,
        actor_json(tx.actor),
        tx.actor.identity_provider_id if provider_id is None else provider_id,
        subject_id,
        tx.actor.request_id,
        orjson.dumps(data).decode(),
    )
    return event_id


async def append_events(tx: Tx, event_type: str, provider_id: str, events: list[tuple[str, dict[str, Any]]]) -> None:
    """Record the same kind of event for many subjects, given as (subject's id, data)."""
    actor = actor_json(tx.actor)
    await tx.many(
        _INSERT,
        [
            (
                tx.tenant,
                new_id(tx.now),
                tx.now,
                event_type,
                actor,
                provider_id,
                subject_id,
                tx.actor.request_id,
                orjson.dumps(data).decode(),
            )
            for subject_id, data in events
        ],
    )


async def append_house_event(all_tenants: AllTenants, tenant_id: str, event_type: str, data: dict[str, Any]) -> str:
    """Record what an operator did to a whole tenant. Returns the event's id."""
    event_id = new_id(all_tenants.now)
    await all_tenants.run(
        _INSERT,
        tenant_id,
        event_id,
        all_tenants.now,
        event_type,
        actor_json(all_tenants.actor),
        "",
        "",
        all_tenants.actor.request_id,
        orjson.dumps(data).decode(),
    )
    return event_id


def actor_json(actor: Actor) -> str:
    """Returns the actor as an event keeps them."""
    return _actor_json(actor.kind, actor.id, actor.name, actor.address, actor.agent)


@lru_cache(maxsize=1024)
def _actor_json(kind: str, id_: str, name: str, address: str, agent: str) -> str:
    kept = {"kind": kind, "id": id_, "name": name, "address": address, "agent": agent}
    return orjson.dumps({part: text for part, text in kept.items() if text}).decode()


def _event(row: Row) -> Event:
    id_, at, type_, actor, provider, subject, request_id, data = row
    return Event(id_, at, type_, orjson.loads(actor), provider, subject, request_id, event_data(data))


def event_data(text: str) -> dict[str, Any]:
    """Returns the data of an event from its stored JSON, with its changes in full."""
    data: dict[str, Any] = orjson.loads(text)
    if "sent" in data and isinstance(data.get("changes"), list):
        data["changes"] = whole_changes(data["changes"], data["sent"])
    return data


async def find_event(reading: Reading, event_id: str) -> Event | None:
    """Returns the event with that id."""
    row = await reading.one(_GET, reading.tenant, event_id)
    return _event(row) if row else None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events to show; empty means any.

    `since` and `until` are milliseconds since 1970; `until` itself is not included. `person` is a userName in any case,
    `person_ids` whose it is or was, if that is known. `attribute` is the path of an attribute that changed, or of what
    it is a part of.
    """

    types: tuple[str, ...] = ()
    provider_id: str = ""
    subject_id: str = ""
    since: int | None = None
    until: int | None = None
    person: str = ""
    person_ids: tuple[str, ...] = ()
    attribute: str = ""

    def matches(self, event: Event) -> bool:
        """Returns whether an event passes what SQL cannot decide exactly: the person and the attribute."""
        is_about = not self.person or event.subject_id in self.person_ids or _names(event, self.person)
        changes = event.data.get("changes", [])
        return is_about and (not self.attribute or any(_is_within(each, self.attribute) for each in changes))


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, newest first, and the id before which the next page begins; empty if there is none."""

    events: list[Event]
    before_id: str


_LOOKED_AT: Final = 10_000
"""Events that one page of a search reads. A search that found less than a page goes on with the next page."""
_BATCH: Final = 500


async def search_events(reading: Reading, query: EventQuery, limit: int, *, before_id: str = "") -> EventPage:
    """Returns the events before an id that satisfy a query, newest first. Reads a bounded number of rows."""
    found: list[Event] = []
    for _ in range(_LOOKED_AT // _BATCH):
        size = _BATCH if query.person or query.attribute else limit + 1
        events = await page_events(reading, query, size, before_id=before_id)
        for event in events:
            if len(found) == limit:
                return EventPage(found, found[-1].id)
            if query.matches(event):
                found.append(event)
            before_id = event.id
        if len(events) < size:
            return EventPage(found, "")
    return EventPage(found, before_id)


def _names(event: Event, user_name: str) -> bool:
    return fold(str(event.data.get("user_name", ""))) == fold(user_name)


def _is_within(change: Any, attribute: str) -> bool:
    """Returns whether a change is of that attribute or of a part of it, with or without the URN of an extension."""
    path, wanted = str(change.get("attribute", "")).lower(), attribute.lower()
    paths = (path, path.rpartition(":")[2])
    return any(each == wanted or each.startswith((f"{wanted}.", f"{wanted}:")) for each in paths)


async def page_events(reading: Reading, asked: EventQuery, limit: int, *, before_id: str = "") -> list[Event]:
    """Returns the events before an id, newest first.

    For `person` and `attribute` it is a first sieve: `search_events` looks closer.
    """
    parts, values = ["tenant_id = $1"], [reading.tenant]

    def require(condition: str, value: Any) -> None:
        values.append(value)
        parts.append(condition.replace("?", f"${len(values)}"))

    if asked.subject_id:
        require("subject_id = ?", asked.subject_id)
    if asked.person_ids:
        # A refused request may name somebody who is not there, and then has no subject.
        values += asked.person_ids
        persons = ", ".join(f"${number}" for number in range(len(values) - len(asked.person_ids) + 1, len(values) + 1))
        parts.append(f"subject_id IN ('', {persons})")
    if asked.provider_id:
        require("identity_provider_id = ?", asked.provider_id)
    if asked.types:
        marks = []
        for name in asked.types:
            values.append(name)
            marks.append(f"${len(values)}")
        parts.append(f"type IN ({', '.join(marks)})")
    if asked.since is not None:
        require("id >= ?", first_id_of(asked.since))
    if asked.until is not None:
        require("id < ?", first_id_of(asked.until))
    if asked.attribute:
        require("CAST(data AS TEXT) LIKE ?", '%"changes":[%')
    if before_id:
        require("id < ?", before_id)
    values.append(limit)  # type: ignore[arg-type]  # the list holds whatever a parameter can be
    sql = f"SELECT {_COLUMNS} FROM events WHERE {' AND '.join(parts)} ORDER BY id DESC LIMIT ${len(values)}"  # noqa: S608 -- made of constants
    return [_event(row) for row in await reading.all(sql, *values)]


_DAILY: Final = """
SELECT at / 86400000, type, count(*) FROM events
WHERE tenant_id = $1 AND type IN ('user.created', 'user.deactivated', 'user.reactivated', 'user.deleted') AND id >= $2
GROUP BY at / 86400000, type
"""
_LATEST_OF: Final = f"""
SELECT {_COLUMNS} FROM events WHERE tenant_id = $1 AND identity_provider_id = $2 AND type = $3 ORDER BY id DESC LIMIT 1
"""  # noqa: S608 -- a constant


async def count_daily(reading: Reading, from_id: str) -> dict[tuple[int, str], int]:
    """Returns how many people were created, deactivated, reactivated and deleted since an id, by (day since 1970 in
    UTC, type).
    """
    return {(row[0], row[1]): row[2] for row in await reading.all(_DAILY, reading.tenant, from_id)}


async def latest_event(reading: Reading, provider_id: str, event_type: str) -> Event | None:
    """Returns an identity provider's latest event of a type."""
    row = await reading.one(_LATEST_OF, reading.tenant, provider_id, event_type)
    return _event(row) if row else None
