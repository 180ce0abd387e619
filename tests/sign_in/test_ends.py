"""Tests of the nine ways to end a person's access. Each ends their session and their console session with the next
request, on every node. Giving the access back does not restore a session.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from tests.conftest import Running, running_server
from tests.console.visitor import Visitor
from tests.saml.keys import pair
from tests.sign_in.company import ORG, Company, instant, resource

PATCHED = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
Ending = Callable[[Company, str, str], None]


@pytest.fixture(scope="session")
def other_node(engine: str, running: Running) -> Iterator[Running | None]:
    """A second server on the same PostgreSQL; SQLite has one."""
    with contextlib.ExitStack() as stack:
        node = None
        if engine == "postgres":
            node = stack.enter_context(running_server(running.settings, VESTIBULE_BASE_URL=running.url))
        yield node


# -- how access ends ---------------------------------------------------------------------------------------------------


def scim(company: Company, method: str, user_id: str, body: Any = None) -> None:
    with company.place.client() as client:
        answer = client.request(method, f"/Users/{user_id}", json=body)
    assert answer.status_code in {200, 204}, answer.text


def patch(company: Company, user_id: str, name: str, *, active: bool = False) -> None:
    del name
    operations = [{"op": "replace", "value": {"active": active}}]
    scim(company, "PATCH", user_id, {"schemas": [PATCHED], "Operations": operations})


def put(company: Company, user_id: str, name: str, *, active: bool = False) -> None:
    scim(company, "PUT", user_id, resource(name, active=active))


def delete(company: Company, user_id: str, name: str) -> None:
    del name
    scim(company, "DELETE", user_id)


def console(company: Company, user_id: str, name: str, *, button: str = "Block sign-in") -> None:
    del name
    colleague = company.sign_in(company.hire()[1])
    page = colleague.get(f"/console/{company.place.tenant.name}/users/{user_id}")
    assert colleague.submit(page, button).status == 200


def command_line(company: Company, user_id: str, name: str, *, verb: str = "block") -> None:
    del user_id
    company.place.running.verb("user", verb, company.place.tenant.name, name)


def universal_logout(company: Company, user_id: str, name: str) -> None:
    audience = f"{company.stem}/global-token-revocation"
    claims = {"iss": ORG, "aud": audience, "exp": int(time.time()) + 300, "jti": user_id}
    token = jwt.encode(claims, pair().private_pem, "RS256", headers={"typ": "global-token-revocation+jwt"})
    body = {"sub_id": {"format": "email", "email": name}}
    answer = company.browser().client.post(audience, json=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 204, answer.text


def single_logout(company: Company, user_id: str, name: str) -> None:
    del user_id
    assert company.log_out(company.browser(), name).status == 200


def disable_provider(company: Company, user_id: str, name: str) -> None:
    del user_id, name
    company.place.running.verb("idp", "set", company.place.tenant.name, company.place.provider.name, "--disable")


def suspend_tenant(company: Company, user_id: str, name: str) -> None:
    del user_id, name
    company.place.running.verb("tenant", "suspend", company.place.tenant.name)


def give_back(ending: str, company: Company, user_id: str, name: str) -> None:
    """Undo what can be undone."""
    tenant, provider = company.place.tenant.name, company.place.provider.name
    undo: dict[str, Callable[[], object]] = {
        "PATCH": lambda: patch(company, user_id, name, active=True),
        "PUT": lambda: put(company, user_id, name, active=True),
        "console": lambda: console(company, user_id, name, button="Let in again"),
        "command line": lambda: command_line(company, user_id, name, verb="let-in"),
        "identity provider disabled": lambda: company.place.running.verb("idp", "set", tenant, provider, "--enable"),
        "tenant suspended": lambda: company.place.running.verb("tenant", "resume", tenant),
    }
    undo.get(ending, lambda: None)()


ENDINGS: dict[str, Ending] = {
    "PATCH": patch,
    "PUT": put,
    "DELETE": delete,
    "console": console,
    "command line": command_line,
    "Universal Logout": universal_logout,
    "single logout": single_logout,
    "identity provider disabled": disable_provider,
    "tenant suspended": suspend_tenant,
}
EVENTS = {
    "PATCH": "user.deactivated",
    "PUT": "user.deactivated",
    "DELETE": "user.deleted",
    "console": "user.blocked",
    "command line": "user.blocked",
    "Universal Logout": "session.revoked",
    "single logout": "session.revoked",
    "identity provider disabled": "identity_provider.changed",
    "tenant suspended": "tenant.suspended",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_way_ends_every_session_on_every_node(staff: Company, ending: str, other_node: Running | None) -> None:
    user_id, name = staff.hire()
    bystander = staff.sign_in(staff.hire()[1])
    browsers = [staff.sign_in(name), staff.sign_in(name)]
    nodes = [None, *([other_node] if other_node else [])]
    for node in nodes:
        assert all(staff.is_in(each, node) and staff.is_in_console(each, node) for each in browsers)

    ENDINGS[ending](staff, user_id, name)

    everybody = ending in {"identity provider disabled", "tenant suspended"}
    for node in nodes:
        assert not any(staff.is_in(each, node) or staff.is_in_console(each, node) for each in browsers), node
        assert staff.is_in(bystander, node) is not everybody
        assert staff.is_in_console(bystander, node) is not everybody
    with staff.place.client() as client:
        assert client.get("/Users?count=1").status_code == (401 if everybody else 200), (
            "the identity provider's own key"
        )
    told = staff.place.events(EVENTS[ending])[-1]
    assert told["data"]["sessions_ended"] == (6 if everybody else 4)

    give_back(ending, staff, user_id, name)
    for node in nodes:
        assert not any(staff.is_in(each, node) or staff.is_in_console(each, node) for each in browsers), "resurrected"
    if ending != "DELETE":
        assert staff.is_in(staff.sign_in(name))
    assert staff.place.faults() == []


def test_who_may_not_sign_in_gets_no_session(staff: Company) -> None:
    """The door is shut as well, not only the room emptied."""
    for ending in ("PATCH", "PUT", "DELETE", "console", "command line"):
        user_id, name = staff.hire()
        ENDINGS[ending](staff, user_id, name)
        browser = staff.browser()
        assert staff.post(browser, staff.response(name, staff.begin(browser))).status == 403, ending
        assert not staff.is_in(browser)


def test_a_sign_in_that_is_under_way_does_not_outrun_it(staff: Company) -> None:
    """The response was made before the deactivation and comes after it."""
    user_id, name = staff.hire()
    browser = staff.browser()
    message = staff.response(name, staff.begin(browser))
    patch(staff, user_id, name)
    assert staff.post(browser, message).status == 403
    assert not staff.is_in(browser)


def test_the_identity_providers_own_end_of_a_session_is_kept(company: Company) -> None:
    _, name = company.hire()
    browser = company.sign_in(name, session=f'SessionIndex="_1" SessionNotOnOrAfter="{instant(600)}"')
    ends = browser.get(f"{company.home}me").answer.json()["sessionExpires"]
    long = company.sign_in(name).get(f"{company.home}me").answer.json()["sessionExpires"]
    assert ends < long


def test_single_logout_of_one_session_leaves_the_others(company: Company) -> None:
    _, name = company.hire()
    one: Visitor = company.sign_in(name, session='SessionIndex="_one"')
    two = company.sign_in(name, session='SessionIndex="_two"')
    more = "<samlp:SessionIndex>_one</samlp:SessionIndex>"
    assert company.log_out(company.browser(), name, more).status == 200
    assert (company.is_in(one), company.is_in(two)) == (False, True)
