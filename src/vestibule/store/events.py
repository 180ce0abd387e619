"""Rows of events. They are appended, and read; nothing changes them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from vestibule.events import whole_changes
from vestibule.model import Actor, Event, new_id
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
    """Record what happened, in the transaction in which it happens; the event's id.

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
    """Record what an operator did to a whole tenant; the event's id."""
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
    """The actor as an event keeps them."""
    return _actor_json(actor.kind, actor.id, actor.name, actor.address, actor.agent)


@lru_cache(maxsize=1024)
def _actor_json(kind: str, id_: str, name: str, address: str, agent: str) -> str:
    kept = {"kind": kind, "id": id_, "name": name, "address": address, "agent": agent}
    return orjson.dumps({part: text for part, text in kept.items() if text}).decode()


def _event(row: Row) -> Event:
    id_, at, type_, actor, provider, subject, request_id, data = row
    return Event(id_, at, type_, orjson.loads(actor), provider, subject, request_id, event_data(data))


def event_data(text: str) -> dict[str, Any]:
    """The data of an event from its stored JSON, with its changes in full."""
    data: dict[str, Any] = orjson.loads(text)
    if "sent" in data and isinstance(data.get("changes"), list):
        data["changes"] = whole_changes(data["changes"], data["sent"])
    return data


async def find_event(reading: Reading, event_id: str) -> Event | None:
    """The event of that id."""
    row = await reading.one(_GET, reading.tenant, event_id)
    return _event(row) if row else None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events to show; empty means any."""

    types: tuple[str, ...] = ()
    provider_id: str = ""
    subject_id: str = ""
    since: int | None = None
    until: int | None = None


async def page_events(reading: Reading, asked: EventQuery, limit: int, *, before_id: str = "") -> list[Event]:
    """Events newest first, from before one of them."""
    parts, values = ["tenant_id = $1"], [reading.tenant]

    def require(condition: str, value: Any) -> None:
        values.append(value)
        parts.append(condition.replace("?", f"${len(values)}"))

    if asked.subject_id:
        require("subject_id = ?", asked.subject_id)
    if asked.provider_id:
        require("identity_provider_id = ?", asked.provider_id)
    if asked.types:
        marks = []
        for name in asked.types:
            values.append(name)
            marks.append(f"${len(values)}")
        parts.append(f"type IN ({', '.join(marks)})")
    if asked.since is not None:
        require("at >= ?", asked.since)
    if asked.until is not None:
        require("at < ?", asked.until)
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
    """People created, deactivated, reactivated and deleted since an id, counted by (day since 1970 in UTC, type)."""
    return {(row[0], row[1]): row[2] for row in await reading.all(_DAILY, reading.tenant, from_id)}


async def latest_event(reading: Reading, provider_id: str, event_type: str) -> Event | None:
    """An identity provider's latest event of a type."""
    row = await reading.one(_LATEST_OF, reading.tenant, provider_id, event_type)
    return _event(row) if row else None
