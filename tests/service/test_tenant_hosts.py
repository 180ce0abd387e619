"""Where a wildcard host is set: which hosts are tenants, and that this server's own is none of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Place, running_server
from tests.service.test_credentials import basic
from vestibule.endpoints.context import Context
from vestibule.endpoints.scim import ScimEndpoint
from vestibule.settings import Settings

DOMAIN = "vestibule.test"


def asked(place: Place, base_url: str, wildcard: str, host: str, path: str) -> tuple[int, str]:
    """The status of a request for a page of people with that Host, and where the page says that people are."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def nothing() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def act(context: Context) -> None:
        settings = replace(context.settings, base_url=base_url, wildcard_host=wildcard)
        headers = [(b"host", host.encode()), (b"authorization", basic(*place.pair).encode())]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
        await ScimEndpoint(replace(context, settings=settings))(scope, nothing, send)

    place.running.act(act)
    start, body = sent
    return start["status"], json.loads(body["body"]).get("meta", {}).get("location", "")


@pytest.mark.parametrize("wildcard", [DOMAIN, f"{DOMAIN}:8443"])
def test_the_host_of_a_tenant_is_found_in_any_case_and_at_any_port(place: Place, wildcard: str) -> None:
    name = place.tenant.name
    for host in (f"{name}.{DOMAIN}", f"{name}.{DOMAIN}:8222", f"{name.upper()}.Vestibule.TEST", f"{name}.{DOMAIN}:1"):
        status, location = asked(place, f"https://idp.{DOMAIN}", wildcard, host, "/scim/v2/ServiceProviderConfig")
        assert (status, location) == (200, f"https://{host.lower()}/scim/v2/ServiceProviderConfig")


def test_the_servers_own_host_is_no_tenant(place: Place) -> None:
    path = f"/scim/v2/{place.tenant.name}/ServiceProviderConfig"
    for host in (f"idp.{DOMAIN}", f"idp.{DOMAIN}:8443", f"login.eu.{DOMAIN}", f"IDP.{DOMAIN}"):
        assert asked(place, f"https://{host}", DOMAIN, host, path) == (200, f"https://{host}{path}")


def test_nothing_but_a_port_follows_the_domain(place: Place) -> None:
    """What stands in Host is written into every answer, so what is no host name is not one of a tenant."""
    for tail in (':80","x":"', ".", ":", ":808080", "/", "@x", ".vestibule.test"):
        host = f"{place.tenant.name}.{DOMAIN}{tail}"
        assert asked(place, "https://x.test", DOMAIN, host, "/scim/v2/ServiceProviderConfig")[0] == 401, tail


def test_no_tenant_takes_the_name_of_the_server(engine: str, new_database: Callable[[str], Settings]) -> None:
    given = {"VESTIBULE_BASE_URL": f"https://idp.{DOMAIN}", "VESTIBULE_WILDCARD_HOST": DOMAIN}
    with running_server(new_database(engine), **given) as server:
        refused = server.verb("tenant", "add", "idp", check=False)
        assert (refused.returncode, "the host name of this server itself" in refused.stderr) == (1, True)
        assert server.verb("tenant", "add", "idp2").returncode == 0
