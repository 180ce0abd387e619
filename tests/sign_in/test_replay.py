"""One valid response, posted a hundred times at once: on PostgreSQL at two nodes, on SQLite at the one there is. It
opens one session; the others are refused in words.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.conftest import PLAIN, Running, on_loop, running_server
from tests.console.conftest import rows
from tests.sign_in.company import FROM_ELSEWHERE, Company
from vestibule.actions import saml_settings
from vestibule.endpoints.context import Context

TIMES = 100


@pytest.fixture(scope="module")
def nodes(engine: str, running: Running) -> Iterator[list[Running]]:
    """Everything that answers for this database."""
    with contextlib.ExitStack() as stack:
        found = [running]
        if engine == "postgres":
            found.append(stack.enter_context(running_server(running.settings, VESTIBULE_BASE_URL=running.url)))
        yield found


def post_at_once(company: Company, nodes: list[Running], message: str, cookies: dict[str, str]) -> list[Any]:
    """Post a response a hundred times without waiting for an answer; the answers."""
    path = company.stem.removeprefix(company.place.running.url)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())

    async def post() -> list[Any]:
        limits = httpx2.Limits(max_connections=TIMES // len(nodes))
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(httpx2.AsyncClient(base_url=node.url, limits=limits, **PLAIN))
                for node in nodes
            ]
            return await asyncio.gather(
                *(
                    clients[number % len(clients)].post(
                        f"{path}/acs",
                        data={"SAMLResponse": message, "RelayState": ""},
                        headers={**FROM_ELSEWHERE, "cookie": cookie},
                    )
                    for number in range(TIMES)
                )
            )

    return on_loop(post())


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "unsolicited"])
def test_a_response_opens_one_session_whoever_posts_it_how_often(
    company: Company, nodes: list[Running], *, asked: bool
) -> None:
    """With the request that it answers, which is there once; and without, so that the assertion alone tells."""
    user_id, name = company.hire()
    browser = company.browser()
    request_id = company.begin(browser) if asked else ""
    if not asked:
        accept_unsolicited(company)
    answers = post_at_once(company, nodes, company.response(name, request_id), browser.cookies)

    assert Counter(each.status_code for each in answers) == {303: 1, 403: TIMES - 1}
    (opened,) = [each for each in answers if each.status_code == 303]
    for refused in (each for each in answers if each is not opened):
        assert refused.headers["content-type"].startswith("text/html")
        assert "You are not signed in" in refused.text
        assert company.place.tenant.name not in refused.headers.get("set-cookie", ""), "and no session's cookie"
    tenant = company.place.tenant.id
    assert rows(company.place.running, "SELECT user_id FROM user_sessions WHERE tenant_id = $1", tenant) == [(user_id,)]
    told = Counter(each["type"] for each in company.place.events() if "sign" in each["type"] or "login" in each["type"])
    assert told.pop("user.signed_in") == 1
    # Where nothing signed was read, a flood is counted: twenty of each address on each node are written out.
    assert told.pop("login.refused") in (range(20, TIMES) if asked else {TIMES - 1})
    assert not told
    assert {each["data"]["check"] for each in company.place.events("login.refused")} <= {"Used once", "Begun here"}
    for node in nodes:
        with httpx2.Client(base_url=node.url, cookies=opened.cookies, **PLAIN) as client:
            assert client.get(f"{company.home}me").json()["userName"] == name


def accept_unsolicited(company: Company) -> None:
    async def change(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await saml_settings.change_sign_on(tx, company.place.provider.id, unsolicited="accept")

    company.place.running.act(change)
