"""Identity providers that write in parallel and record it (`ledger`).

The rule: every write changes many attributes together, so that a partial write would be noticed.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import httpx2

from tests.conftest import PLAIN, Place
from tests.crash.ledger import GONE, Ledger, Resource, said

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WRITERS = 8
SLOTS = 5


def described(name: str, stamp: int, *, active: bool = True) -> Resource:
    """Returns a person whose attributes all contain the same stamp."""
    return {
        "schemas": [CORE, ENTERPRISE],
        "userName": f"{name}.{stamp}@north.example",
        "name": {"givenName": f"Given {stamp}", "familyName": f"Family {stamp}"},
        "emails": [
            {"value": f"{name}.{stamp}@north.example", "type": "work", "primary": True},
            {"value": f"{name}.{stamp}@south.example", "type": "home"},
        ],
        "displayName": f"Display {stamp}",
        "title": f"Title {stamp}",
        "externalId": name,
        "active": active,
        ENTERPRISE: {"department": f"Department {stamp}"},
    }


def patch_to(resource: Resource) -> dict[str, Any]:
    """Returns a PATCH that turns a person of the same slot into this one, attribute by attribute."""
    changes = {name: value for name, value in resource.items() if name not in {"schemas", "externalId", ENTERPRISE}}
    operations: list[dict[str, Any]] = [
        {"op": "replace", "path": name, "value": value} for name, value in changes.items() if name != "active"
    ]
    operations.append({"op": "replace", "value": {"active": resource["active"]}})
    operations.append({"op": "add", "path": f"{ENTERPRISE}:department", "value": resource[ENTERPRISE]["department"]})
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}


async def write_at_once(place: Place, ledger: Ledger, random: Random, after: int, strike: Callable[[], None]) -> int:
    """Write with several clients until the server is gone; `strike` is called once `after` writes were answered.

    Returns how many writes were under way at the end. An answer that refuses a write, and a connection that breaks
    before the strike, fail the test.
    """
    stop_at, struck = ledger.answered + after, False
    seeds = [random.getrandbits(32) for _ in range(WRITERS)]

    async def write(number: int) -> None:
        nonlocal struck
        chance = Random(seeds[number])
        async with httpx2.AsyncClient(
            base_url=place.scim_url, auth=(place.pair.key, place.pair.secret), **PLAIN
        ) as client:
            while True:
                name = f"w{number}s{chance.randrange(SLOTS)}"
                try:
                    await _write_once(client, ledger, name, chance)
                except httpx2.TransportError:
                    assert struck, "a connection broke before the server was struck"
                    return
                if ledger.answered >= stop_at and not struck:
                    struck = True
                    strike()

    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    assert struck, "the load ended before its time"
    return sum(slot.under_way is not None for slot in ledger.slots.values())


async def _write_once(client: httpx2.AsyncClient, ledger: Ledger, name: str, chance: Random) -> None:
    kept = ledger.slots[name].kept
    wanted = described(name, chance.getrandbits(40), active=chance.random() < 0.7)
    if not kept:
        ledger.begin(name, wanted)
        answer, status = await client.post("/Users", json=wanted | {"password": "never kept"}), 201
    else:
        url = f"/Users/{kept['id']}"
        match chance.choices(("put", "patch", "active", "delete"), (4, 4, 3, 1))[0]:
            case "put":
                ledger.begin(name, wanted)
                answer, status = await client.put(url, json=wanted), 200
            case "patch":
                ledger.begin(name, wanted)
                answer, status = await client.patch(url, json=patch_to(wanted)), 200
            case "active":
                turned = said(kept) | {"active": not kept["active"]}
                ledger.begin(name, turned)
                body = {"Operations": [{"op": "replace", "value": {"active": turned["active"]}}]}
                answer, status = await client.patch(url, json=body), 200
            case _:
                ledger.begin(name, GONE)
                answer, status = await client.delete(url), 204
    assert answer.status_code == status, answer.text
    shown = answer.json() if answer.content else GONE
    assert said(shown) == ledger.slots[name].under_way
    ledger.answer(name, shown)


def people_in(place: Place) -> dict[str, Resource]:
    """Returns all people by slot, as SCIM shows them."""
    with place.client() as scim:
        listed = scim.get("/Users", params={"startIndex": 1, "count": 1000}).json()
    assert listed["totalResults"] == len(listed["Resources"])
    by_slot = {resource["externalId"]: resource for resource in listed["Resources"]}
    assert len(by_slot) == len(listed["Resources"]), "two people in one slot"
    return by_slot


def told_in(place: Place) -> list[tuple[str, int]]:
    """Returns (id, version) of every event about a write of a person, oldest first."""
    return [(event["subject"], event["data"]["version"]) for event in place.events("user.")]
