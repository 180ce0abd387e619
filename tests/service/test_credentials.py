"""Who may speak SCIM: keys and secrets, their life, and the one answer for everybody else."""

import asyncio
import base64
import http.client
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.conftest import HANG, PLAIN, Place, Running, on_loop, on_sqlite, running_server
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.endpoints.routes import SCIM_ROUTES
from vestibule.keys import Pair, make_pair, pair_of_token, well_formed
from vestibule.settings import Settings
from vestibule.store.credentials import all_credentials
from vestibule.store.database import Tx

PERSON = {"userName": "ana@north.example"}


def raw(
    url: str, method: str, target: str, headers: list[tuple[str, str]], body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """A request as it is written here: no client mends its path or its headers on the way."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=HANG)
    connection.putrequest(
        method, target, skip_host=any(name == "host" for name, _ in headers), skip_accept_encoding=True
    )
    for name, value in [*headers, ("content-length", str(len(body)))]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    said = {name.lower(): value for name, value in answer.getheaders()}
    content = answer.read()
    connection.close()
    return answer.status, said, content


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def change(place: Place, act: Callable[[Tx, Context], Awaitable[Any]]) -> Any:
    """Do something to a tenant beside the running server, as the command line does."""

    async def acted(context: Context) -> Any:
        async with context.database.write(place.actor) as tx:
            return await act(tx, context)

    return place.running.act(acted)


def test_basic_bearer_and_bare_token(place: Place) -> None:
    for header in (
        basic(*place.pair),
        basic(*place.pair).replace("Basic", "bAsIc"),
        f"Bearer {place.pair.token}",
        f"bearer {place.pair.token}",
        place.pair.token,
    ):
        answer = httpx2.get(f"{place.scim_url}/Users", headers={"authorization": header}, **PLAIN)
        assert answer.status_code == 200, header


def test_every_failure_is_one_answer(place: Place) -> None:
    """Byte for byte, whatever is wrong: nothing tells a stranger what exists."""
    other = place.running.new_tenant()
    key, secret = place.pair
    revoked, expired = make_revoked(place), make_expired(place)
    suspended = place.running.new_tenant()
    disabled = place.running.new_tenant()
    suspend(suspended)
    change(disabled, lambda tx, _: configure.change_provider(tx, disabled.provider.id, enabled=False))
    url, tenant = place.running.url, place.tenant.name
    wrong: list[tuple[str, list[str]]] = [
        (tenant, []),
        (tenant, ["Basic"]),
        (tenant, ["Basic "]),
        (tenant, ["Basic Og=="]),
        (tenant, ["Basic !!!!"]),
        (tenant, ["Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode() + "!"]),
        (tenant, ["Bearer"]),
        (tenant, ["Bearer "]),
        (tenant, ["non-token"]),
        (tenant, [f"Bearer {secret}"]),
        (tenant, [basic(key, "")]),
        (tenant, [basic("", secret)]),
        (tenant, [basic(key, secret[:-1])]),
        (tenant, [basic(key, secret + "x")]),
        (tenant, [basic(key, make_pair().secret)]),
        (tenant, [basic(make_pair().key, secret)]),
        (tenant, [basic(key.upper(), secret)]),
        (tenant, [basic(f"{key}\x00", secret)]),
        (tenant, [basic(*place.pair), basic(*place.pair)]),
        (tenant, ["Basic " + "A" * 20_000]),
        (tenant, [basic(*revoked)]),
        (tenant, [basic(*expired)]),
        (tenant, [basic(*other.pair)]),
        (other.tenant.name, [basic(*place.pair)]),
        ("nobody", [basic(*place.pair)]),
        (tenant.upper(), [basic(*place.pair)]),
        ("%00", [basic(*place.pair)]),
        (suspended.tenant.name, [basic(*suspended.pair)]),
        (disabled.tenant.name, [basic(*disabled.pair)]),
    ]
    answers = set()
    for name, headers in wrong:
        sent = [("authorization", header) for header in headers]
        status, said, body = raw(url, "GET", f"/scim/v2/{name}/Users", sent)
        assert status == 401, (name, headers)
        del said["date"]
        answers.add((json.dumps(said, sort_keys=True), body))
    assert len(answers) == 1
    told, body = answers.pop()
    assert json.loads(told)["www-authenticate"] == 'Basic realm="SCIM", charset="UTF-8"'
    assert json.loads(told)["content-type"] == "application/scim+json"
    assert json.loads(body)["status"] == "401"


def make_revoked(place: Place) -> Pair:
    async def act(tx: Tx, context: Context) -> Pair:
        credential, pair = await configure.create_credential(tx, place.provider.id, "gone", None, context.checker)
        await configure.retire_credential(tx, credential.id)
        return pair

    return Pair(*change(place, act))


def make_expired(place: Place) -> Pair:
    async def act(tx: Tx, context: Context) -> Pair:
        credential, pair = await configure.create_credential(
            tx, place.provider.id, "old", tx.now + 1000, context.checker
        )
        sql = "UPDATE credentials SET expires_at = $3 WHERE tenant_id = $1 AND id = $2"
        await tx.run(sql, tx.tenant, credential.id, tx.now - 1)
        return pair

    return Pair(*change(place, act))


def suspend(place: Place) -> None:
    async def act(context: Context) -> None:
        async with context.database.write_all_tenants(place.actor) as all_tenants:
            await all_tenants.run("UPDATE tenants SET state = 'suspended' WHERE id = $1", place.tenant.id)

    place.running.act(act)


SPELLINGS = (
    "{path}",
    "/{path}",
    "{path}/",
    "//scim//v2/{rest}",
    "/scim%2Fv2/{rest}",
    "/scim/./v2/{rest}",
    "/scim/x/../v2/{rest}",
    "/SCIM/V2/{rest}",
    "{path};x=1",
    "{path}%00",
    "/%73cim/v2/{rest}",
    "/scim/v2/%252E%252E/{rest}",
    "{path}?access_token=x",
)


@on_sqlite
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("method", "path"), SCIM_ROUTES)
def test_no_spelling_of_a_path_is_answered_without_credentials(
    place: Place, method: str, path: str, spelling: str
) -> None:
    with place.client() as scim:
        user = scim.post("/Users", json=PERSON).json()
    concrete = path.replace("{tenant}", place.tenant.name).replace("{id}", user["id"])
    target = spelling.replace("{path}", concrete).replace("{rest}", concrete.removeprefix("/scim/v2/"))
    status, _, content = raw(
        place.running.url, method, target, [("content-type", "application/json")], json.dumps(PERSON).encode()
    )
    assert status in {400, 401, 404, 405}, content
    assert user["id"].encode() not in content
    assert b"ana@north.example" not in content


def test_a_retired_key_is_refused_from_the_next_request_on(place: Place) -> None:
    with place.client() as scim:
        assert scim.get("/Users").status_code == 200
        credential = change(place, lambda tx, _: all_credentials(tx))[0]
        change(place, lambda tx, _: configure.retire_credential(tx, credential.id))
        assert scim.get("/Users").status_code == 401


def test_two_pairs_live_side_by_side(place: Place) -> None:
    """A rotation without a failed request: make, change over, retire."""
    _, second = change(
        place, lambda tx, context: configure.create_credential(tx, place.provider.id, "second", None, context.checker)
    )
    with place.client() as old, place.client(Pair(*second)) as new:
        assert [client.get("/Users").status_code for client in (old, new)] == [200, 200]
        first = change(place, lambda tx, _: all_credentials(tx))[0]
        change(place, lambda tx, _: configure.retire_credential(tx, first.id))
        assert [client.get("/Users").status_code for client in (old, new)] == [401, 200]


def test_use_is_noted_once_a_minute(place: Place) -> None:
    with place.client() as scim:
        for _ in range(5):
            scim.get("/Users")
    noted = awaited(place, lambda credential: credential.last_used_at is not None)
    assert noted.last_used_from == "127.0.0.1"
    assert noted.last_used_agent == "Okta SCIM Client 1.0.0"
    with place.client() as scim:
        scim.get("/Users")
    assert change(place, lambda tx, _: all_credentials(tx))[0].last_used_at == noted.last_used_at


def awaited(place: Place, wanted: Callable[[Any], bool]) -> Any:
    """The tenant's first credential once it is as wanted: what is noted in the background is awaited, not slept for."""

    async def look(context: Context) -> Any:
        async with asyncio.timeout(HANG):
            while True:
                async with context.database.read(place.tenant.id) as reading:
                    credential = (await all_credentials(reading))[0]
                if wanted(credential):
                    return credential
                await asyncio.sleep(0.01)

    return place.running.act(look)


def test_the_probe_of_okta_is_noted(place: Place) -> None:
    with place.client() as scim:
        assert scim.get("/Users?startIndex=1&count=2").status_code == 200
    assert change(place, lambda tx, _: all_credentials(tx))[0].tested_at is not None
    assert len(place.events("credential.tested")) == 1


def test_refused_credentials_are_told_to_the_administrators(place: Place) -> None:
    key, secret = place.pair
    reasons = {
        "wrong secret": basic(key, make_pair().secret),
        "incomplete secret": basic(key, secret[:-4]),
        "unknown key": basic(make_pair().key, secret),
        "no credential": "",
    }
    for header in reasons.values():
        for _ in range(3):
            httpx2.get(f"{place.scim_url}/Users", headers={"authorization": header} if header else {}, **PLAIN)
    wait_for_events(place, "credential.refused", len(reasons))
    events = place.events("credential.refused")
    # Three of a kind within a minute are recorded once.
    assert sorted(event["data"]["reason"] for event in events) == sorted(reasons)
    assert secret not in json.dumps(events)
    assert secret not in place.running.log.read_text()


def wait_for_events(place: Place, prefix: str, count: int) -> None:
    """Until so many events of a kind are there."""

    async def look(context: Context) -> None:
        sql = "SELECT count(*) FROM events WHERE tenant_id = $1 AND substr(type, 1, $2) = $3"
        async with asyncio.timeout(HANG):
            while True:
                async with context.database.read(place.tenant.id) as reading:
                    row = await reading.one(sql, place.tenant.id, len(prefix), prefix)
                if row and row[0] >= count:
                    return
                await asyncio.sleep(0.01)

    place.running.act(look)


def test_provisioning_switched_off_is_403(place: Place) -> None:
    with place.client() as scim:
        user = scim.post("/Users", json=PERSON).json()
        change(place, lambda tx, context: configure.set_provisioning(tx, place.provider.id, "off", context.checker))
        off = scim.get("/Users")
        assert off.status_code == 403
        assert "Auto-provisioning" in off.json()["detail"]
        change(place, lambda tx, context: configure.set_provisioning(tx, place.provider.id, "on", context.checker))
        assert scim.get(f"/Users/{user['id']}").json()["active"] is True


def test_the_tenant_as_a_host_name(engine: str, new_database: Callable[[str], Settings]) -> None:
    with running_server(new_database(engine), VESTIBULE_WILDCARD_HOST="vestibule.test") as server:
        place = server.new_tenant()
        host = {"host": f"{place.tenant.name}.vestibule.test"}
        with httpx2.Client(
            base_url=f"{server.url}/scim/v2", auth=(place.pair.key, place.pair.secret), headers=host, **PLAIN
        ) as scim:
            answer = scim.post("/Users", json=PERSON)
            assert answer.status_code == 201
            location = f"http://{place.tenant.name}.vestibule.test/scim/v2/Users/{answer.json()['id']}"
            assert answer.headers["location"] == answer.json()["meta"]["location"] == location
            assert scim.get("/Users").json()["totalResults"] == 1
        other = server.new_tenant()
        strange = {"host": f"{other.tenant.name}.vestibule.test"}
        answer = httpx2.get(
            f"{server.url}/scim/v2/Users", auth=(place.pair.key, place.pair.secret), headers=strange, **PLAIN
        )
        assert answer.status_code == 401


def test_two_host_headers_and_odd_methods_are_refused_in_scim(place: Place) -> None:
    path = f"/scim/v2/{place.tenant.name}/Users"
    two_hosts, large = [("host", "a"), ("host", "b")], [("x", "y" * 40_000)]
    for method, headers, expected in (("TRACE", [], 405), ("GET", two_hosts, 400), ("GET", large, 431)):
        status, said, body = raw(place.running.url, method, path, headers)
        assert (status, said["content-type"]) == (expected, "application/scim+json")
        assert json.loads(body)["status"] == str(expected)


def test_secrets_have_the_promised_form() -> None:
    pairs = [make_pair() for _ in range(200)]
    assert len({pair.secret for pair in pairs}) == len({pair.key for pair in pairs}) == 200
    for pair in pairs:
        assert pair.secret.startswith("vs_")
        assert pair.key.startswith("vk_")
        assert well_formed(pair.secret)
        assert pair_of_token(pair.token) == pair
        assert not well_formed(pair.secret[:-1])
        assert not well_formed(pair.secret[:10] + ("A" if pair.secret[10] != "A" else "B") + pair.secret[11:])


def test_no_secret_is_in_the_database(running: Running) -> None:
    place = running.new_tenant()

    async def dump(context: Context) -> str:
        async with context.database.read(place.tenant.id) as reading:
            rows = await reading.all("SELECT * FROM credentials WHERE tenant_id = $1", place.tenant.id)
            rows += await reading.all("SELECT * FROM events WHERE tenant_id = $1", place.tenant.id)
        return repr([tuple(row) for row in rows])

    kept = running.act(dump)
    assert place.pair.key in kept
    assert place.pair.secret not in kept
    assert place.pair.secret.removeprefix("vs_") not in kept
    assert place.pair.token not in kept


def test_another_pepper_stops_the_start(running: Running) -> None:
    settings = replace(running.settings, pepper="another pepper, of more than 32 characters")

    async def open_it() -> None:
        await Context.open(settings, lambda _line: None)

    with pytest.raises(Exception, match="made with another pepper"):
        on_loop(open_it())
