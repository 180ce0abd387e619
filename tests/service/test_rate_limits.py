"""Floods: of one tenant's requests, of wrong Secrets, of made-up tenants and of sign-ins that are begun. Refusals, rows
and lines of the log are counted; time stands still.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from tests.conftest import PLAIN, Place, running_server
from tests.saml.keys import pair
from tests.service.test_credentials import basic
from vestibule.actions import saml_settings
from vestibule.endpoints.context import Context
from vestibule.endpoints.scim import ScimEndpoint
from vestibule.keys import Pair, make_pair
from vestibule.limits import (
    CROWDED_REQUESTS,
    REFUSED_CLIENT_BURST,
    REFUSED_KEY_BURST,
    SIGN_IN_CLIENT_BURST,
)
from vestibule.model import SamlSettings
from vestibule.settings import Settings


class Client:
    """Requests to an endpoint in this process, from an address of choice, at one instant."""

    def __init__(self, place: Place, context: Context) -> None:
        self.place = place
        self.endpoint = ScimEndpoint(context)

    async def get(
        self, pair: Pair | None = None, address: str = "203.0.113.7", tenant: str = ""
    ) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
        """The status, headers and body of an answer."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            await asyncio.Event().wait()

        path = f"/scim/v2/{tenant or self.place.tenant.name}/Users"
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"count=1",
            "headers": [(b"authorization", basic(*(pair or self.place.pair)).encode())],
            "client": (address, 1),
        }
        await self.endpoint(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])

    async def statuses(self, times: int, pair: Pair, **options: Any) -> dict[int, int]:
        """How often each status was answered to the same request."""
        seen: dict[int, int] = {}
        for _ in range(times):
            status = (await self.get(pair, **options))[0]
            seen[status] = seen.get(status, 0) + 1
        return seen


def at_one_instant(place: Place, act: Callable[[Client], Awaitable[None]]) -> None:
    async def acted(context: Context) -> None:
        clock, now = context.database.clock, context.database.clock()
        context.database.clock = lambda: now
        try:
            await act(Client(place, context))
            await context.background.drain()
        finally:
            context.database.clock = clock

    place.running.act(acted)


def test_wrong_secrets_slow_down_that_key_and_client_only(place: Place) -> None:
    wrong = Pair(place.pair.key, make_pair().secret)

    async def act(client: Client) -> None:
        assert await client.statuses(500, wrong) == {401: REFUSED_KEY_BURST, 429: 500 - REFUSED_KEY_BURST}
        status, headers, body = await client.get(wrong)
        assert (status, headers[b"retry-after"], headers[b"content-type"]) == (429, b"1", b"application/scim+json")
        assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert (await client.get(wrong, address="203.0.113.8"))[0] == 401, "another client"
        assert (await client.get(make_pair()))[0] == 401, "another key"
        assert (await client.get())[0] == 200, "a right Secret is not held back, not even from there"

    at_one_instant(place, act)
    refused = [event for event in place.events("credential.refused") if event["data"]["reason"] == "wrong secret"]
    assert len(refused) <= 2


def test_a_key_that_there_is_and_one_that_is_made_up_are_slowed_down_alike(place: Place) -> None:
    async def act(client: Client) -> None:
        known, made_up = Pair(place.pair.key, make_pair().secret), make_pair()
        for _ in range(REFUSED_KEY_BURST + 5):
            assert await client.get(known) == await client.get(made_up)

    at_one_instant(place, act)


def test_ever_new_keys_of_one_network_are_slowed_down_together(place: Place) -> None:
    async def act(client: Client) -> None:
        addresses = [f"2001:db8::{number:x}" for number in range(REFUSED_CLIENT_BURST + 200)]
        seen = [(await client.get(make_pair(), address=address))[0] for address in addresses]
        assert seen == [401] * REFUSED_CLIENT_BURST + [429] * 200
        assert (await client.get(make_pair(), address="2001:db8:0:1::1"))[0] == 401

    at_one_instant(place, act)
    assert len(place.events("credential.refused")) <= 31


def test_made_up_tenants_are_one_line_in_the_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    async def act(client: Client) -> None:
        for number in range(300):
            assert (await client.get(make_pair(), tenant=f"nobody-{number}"))[0] == 401

    with caplog.at_level(logging.WARNING):
        at_one_instant(place, act)
    assert [record.message for record in caplog.records] == ["credential refused"]


def test_over_its_share_a_tenant_is_told_to_wait_and_the_log_has_one_line(place: Place) -> None:
    other = place.running.new_tenant()

    async def act(client: Client) -> None:
        fair = client.endpoint._fair_share
        for _ in range(CROWDED_REQUESTS):
            fair.running += 1  # others are in progress
        assert await client.statuses(300, place.pair) == {200: 200, 429: 100}
        status, headers, body = await client.get()
        assert (status, headers[b"retry-after"], headers[b"content-type"]) == (429, b"1", b"application/scim+json")
        assert body["status"] == "429"
        assert (await client.get(other.pair, tenant=other.tenant.name))[0] == 200
        fair.running -= CROWDED_REQUESTS
        assert (await client.get())[0] == 200, "when the others are gone"
        assert fair.running == 0

    at_one_instant(place, act)
    (event,) = place.events("request.refused")
    assert (event["data"]["status"], event["actor"]["kind"]) == (429, "identity_provider")
    assert other.events("request.refused") == []


def test_wrong_secrets_use_nothing_up_that_is_the_tenants(place: Place) -> None:
    async def act(client: Client) -> None:
        wrong = Pair(place.pair.key, make_pair().secret)
        await client.statuses(500, wrong)
        client.endpoint._fair_share.running += CROWDED_REQUESTS
        assert await client.statuses(200, place.pair) == {200: 200}

    at_one_instant(place, act)


def test_sign_ins_that_are_begun_keep_a_bounded_number_of_rows(new_database: Callable[[str], Settings]) -> None:
    with running_server(new_database("sqlite")) as server:
        place = server.new_tenant()
        idp = "https://idp.north.example"
        saml = SamlSettings(entity_id=idp, sso_url=f"{idp}/sso", certificates=(pair().pinned,))

        async def tie(context: Context) -> None:
            async with context.database.write(place.actor) as tx:
                await saml_settings.take_details(tx, place.provider.id, saml)

        server.act(tie)
        login = f"{server.url}/saml/{place.tenant.name}/{place.provider.id}/login"
        with httpx2.Client(**PLAIN) as client:
            answers = [client.get(login) for _ in range(2 * SIGN_IN_CLIENT_BURST)]

        async def count(context: Context) -> int:
            async with context.database.read(place.tenant.id) as reading:
                row = await reading.one("SELECT count(*) FROM saml_requests WHERE tenant_id = $1", place.tenant.id)
                return int(row[0]) if row else 0

        begun = [answer for answer in answers if answer.status_code == 303]
        late = [answer for answer in answers if answer.status_code == 429]
        assert len(begun) + len(late) == len(answers)
        assert late, "none was held back"
        assert server.act(count) == len(begun) >= SIGN_IN_CLIENT_BURST
        assert late[0].headers["retry-after"] == "1"
        assert "There are too many sign-ins at the moment. Try again in a second." in late[0].text
        assert server.log.read_text().count("sign-ins are slowed down") == 1
