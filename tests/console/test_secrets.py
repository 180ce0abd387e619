"""Passwords and secrets: whatever way somebody sends one, it stands in no event, on no page and in no log."""

import base64
from typing import Any

import httpx2
import pytest

from tests.conftest import PLAIN
from tests.console.conftest import PASSWORD, Staff, rows
from tests.console.visitor import Visitor, until

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
CANARY = "kanarienvogel"


def operations(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(steps)}


def test_passwords_and_secrets_never_appear(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    def canary(number: int) -> str:
        return f"{CANARY}-{number}-{staff.place.tenant.name}"

    ana = staff.provision(scim, userName="ana@north.example", password=canary(1))
    path = f"/Users/{ana['id']}"
    urn = "urn:ietf:params:scim:schemas:core:2.0:User"
    sent: list[Any] = [
        operations({"op": "replace", "path": "password", "value": canary(2)}),
        operations({"op": "replace", "value": {"password": canary(3)}}),
        operations({"op": "Add", "path": f"{urn}:PassWord", "value": canary(4)}),
        operations({"op": "replace", "value": {f"{urn}:password": canary(5)}}),
        operations({"op": "replace", "path": "password", "value": {"value": canary(6), "old": [canary(7)]}}),
        operations({"op": "replace", "path": "urn:north:2.0:User", "value": {"apiToken": canary(8)}}),
        operations(
            {"op": "replace", "path": "userName", "value": ""}, {"op": "add", "path": "password", "value": canary(9)}
        ),
        {"schemas": [PATCH], "Operations": [{"op": "replace", "path": " password ", "value": canary(11)}]},
    ]
    for body in sent:
        scim.patch(path, json=body)
    for body in (
        {"userName": "ana@north.example", "password": canary(20)},
        {"userName": "ana@north.example", "PASSWORD": canary(21)},
        {
            "userName": "ana@north.example",
            "urn:north:2.0:User": {"clientSecret": canary(22), "deep": [{"token": canary(23)}]},
        },
        {"userName": "", "password": canary(24)},
        {"userName": "ana@north.example", "password": [canary(25)]},
    ):
        scim.put(path, json=body)
    scim.post("/Users", json={"userName": "ana@north.example", "password": canary(26)})
    basic = base64.b64encode(f"{staff.place.pair.key}:{canary(30)}".encode()).decode()
    for header in (f"Basic {basic}", f"Bearer {canary(31)}", canary(32), f"Bearer vt_{canary(33)}_x"):
        httpx2.get(f"{staff.place.scim_url}/Users", headers={"authorization": header}, **PLAIN)
    staff.visitor().try_to_sign_in(staff.people["owner"].email, canary(40))
    owner.post(staff.at("users", "new"), {"user_name": "", "password": canary(41), "form_token": owner.form_token})
    until(lambda: staff.place.events("credential.refused"), lambda seen: len(seen) >= 2)
    assert_nowhere(
        staff, owner, CANARY, staff.place.pair.secret, PASSWORD, owner.cookies["vestibule"].partition(".")[2]
    )


@pytest.mark.parametrize(
    "step",
    [
        {"Op": "replace", "Path": "password", "Value": CANARY},
        {"OP": "Replace", "PATH": "PASSWORD", "VALUE": CANARY},
        {"op": "replace", "path": "password", "Value": CANARY},
        {"op": "replace", "Path": "password", "value": CANARY},
        {"op": "replace", "Value": {"PassWord": CANARY}},
    ],
    ids=str,
)
def test_a_password_never_appears_however_its_operation_is_spelt(
    staff: Staff, owner: Visitor, scim: httpx2.Client, step: dict[str, Any]
) -> None:
    """Names are found in any case (RFC 7643 §2.1), so they are hidden in any case."""
    ana = staff.provision(scim, userName="ana@north.example")
    answer = scim.patch(f"/Users/{ana['id']}", json={"schemas": [PATCH], "operations": [step]})
    assert answer.status_code == 200, answer.text
    assert_nowhere(staff, owner, CANARY)


def assert_nowhere(staff: Staff, visitor: Visitor, *secrets: str) -> None:
    """Not in an event, not in the log, not on a page."""
    kept = rows(staff.running, "SELECT id, actor, data FROM events WHERE tenant_id = $1", staff.place.tenant.id)
    pages = [visitor.get(path).source for path in staff.every_page()]
    log = staff.running.log.read_text()
    for secret in secrets:
        for place in (str(kept), "".join(pages), log):
            at = place.find(secret)
            assert at < 0, place[max(0, at - 200) : at + 60]


@pytest.mark.parametrize(
    "query",
    [
        'filter=password eq "{}"',
        'filter=userName eq "a" and password sw "{}"',
        "password={}",
        "access_token={}&startIndex=1",
        "secret={}",
    ],
)
def test_passwords_in_an_address_never_appear(staff: Staff, owner: Visitor, scim: httpx2.Client, query: str) -> None:
    """Where a path and its query are kept for a refusal, what stands there is not all harmless."""
    scim.get(f"/Users?{query.format(CANARY)}&count=nonsense")
    assert_nowhere(staff, owner, CANARY)


def test_a_password_in_the_path_of_an_operation_never_appears(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    ana = staff.provision(scim, userName="ana@north.example")
    path = f'emails[password eq "{CANARY}"].value'
    scim.patch(f"/Users/{ana['id']}", json=operations({"op": "replace", "path": path, "value": "x"}))
    assert_nowhere(staff, owner, CANARY)
