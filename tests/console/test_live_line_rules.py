"""What the line that lives tells first, and whose successes end whose failures."""

import re
from collections.abc import Callable

import httpx2
import pytest

from tests.conftest import PLAIN, Place
from tests.console.conftest import Staff, in_house, in_tenant
from tests.console.visitor import Visitor, until
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.keys import Pair, make_pair
from vestibule.model import IdentityProvider, TenantState
from vestibule.store.database import AllTenants, Tx

TEST = {"startIndex": "1", "count": "2"}


def set_state(staff: Staff, state: TenantState) -> None:
    """Suspend the tenant or let it in again, as the command line does."""

    async def act(all_tenants: AllTenants) -> None:
        staff.place.tenant = await configure.set_tenant_state(all_tenants, staff.place.tenant, state)

    in_house(staff.running, act)


def second_provider(staff: Staff) -> Place:
    """Another identity provider of the tenant."""

    async def act(tx: Tx, context: Context) -> tuple[IdentityProvider, Pair | None]:
        provider = await configure.create_provider(tx, "Second", "okta")
        return await configure.set_provisioning(tx, provider.id, "on", context.checker)

    provider, pair = in_tenant(staff.place, act)
    assert pair is not None
    return Place(staff.running, staff.place.tenant, provider, pair)


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic Og=="}, {"authorization": "Bearer x"}], ids=["none", "empty", "no token"]
)
def test_a_request_without_a_key_is_told_with_its_time(staff: Staff, owner: Visitor, headers: dict[str, str]) -> None:
    httpx2.get(f"{staff.place.scim_url}/Users", params=TEST, headers=headers, **PLAIN)
    seen = until(lambda: staff.live(owner), lambda seen: "Waiting" not in seen)
    assert re.fullmatch(
        r"Nothing from Okta yet, but a request came with neither Key nor Secret at \d\d:\d\d:\d\d\. ?"
        r"Nothing was changed\. If it was yours: In Okta: .* > Edit: fill in Username and Password\. Then press "
        r"Test API Credentials\.",
        seen,
    ), seen


def test_that_the_tenant_is_suspended_is_told_before_anything_else(staff: Staff, scim: httpx2.Client) -> None:
    """Also where all was well before. The sessions of its administrators are over; operators look on."""
    owner = staff.signed_in("operator")
    scim.get("/Users", params=TEST)
    set_state(staff, "suspended")
    told = "This tenant is suspended: whatever Okta sends is refused. ?Ask the operator of this Vestibule to resume it."
    page = owner.get(f"{staff.provider}/live")
    assert re.fullmatch(told, page.text), page.text
    assert page.all("//div[contains(@class, 'warn')]")
    assert not page.all("//div[contains(@class, 'good')]")
    for path in (staff.provider, staff.at("identity-providers"), staff.at("")):
        assert "This tenant is suspended: whatever Okta sends is refused." in owner.get(path).text
    assert scim.get("/Users", params=TEST).status_code == 401
    until(lambda: staff.place.events("credential.refused"))
    assert re.fullmatch(told, staff.live(owner))
    set_state(staff, "active")
    assert re.fullmatch(
        r"Okta was refused while this tenant was suspended at \d\d:\d\d:\d\d\. ?"
        r"Nothing was changed\. It was resumed since\.",
        staff.live(owner),
    )
    scim.get("/Users", params=TEST)
    until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta tested these credentials at"))


def new_pair(staff: Staff) -> Pair:
    async def act(tx: Tx, context: Context) -> Pair:
        return (await configure.create_credential(tx, staff.place.provider.id, "New", None, context.checker))[1]

    return in_tenant(staff.place, act)


@pytest.mark.parametrize("ends", [lambda staff: staff.place.pair, new_pair], ids=["same", "new"])
def test_another_providers_success_does_not_use_up_what_ends_a_failure(
    staff: Staff, owner: Visitor, ends: Callable[[Staff], Pair]
) -> None:
    """Uses are noted once a minute, and the first one after a failure at once: with whichever key of the same one."""
    second = second_provider(staff)
    pair = ends(staff)
    with (
        staff.place.client(pair) as okta,
        second.client() as other,
        staff.place.client(Pair(staff.place.pair.key, make_pair().secret)) as wrong,
    ):
        for client in (okta, other):
            assert client.get("/Users").status_code == 200
        until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta is provisioning"))
        assert wrong.get("/Users").status_code == 401
        until(lambda: staff.live(owner), lambda seen: "wrong Secret" in seen)
        assert other.get("/Users").status_code == 200
        assert okta.get("/Users").status_code == 200
    until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta is provisioning"))
