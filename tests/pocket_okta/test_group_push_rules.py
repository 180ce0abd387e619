"""Push Groups > Find groups by rule: C9323 to C9326."""

import uuid
from typing import Any

import pytest
from tests.pocket_okta.running import App, Okta
from tests.pocket_okta.scim_service import ScimService


def rule(okta: Okta, app: App, **fields: str) -> dict[str, Any]:
    made: dict[str, Any] = okta.call("POST", f"{app.pocket}/group-push/rules", {"name": "Rule", **fields})
    return made


def names(scim: ScimService) -> set[str]:
    return {group["displayName"] for group in scim.groups.values()}


@pytest.mark.parametrize(
    ("field", "operator", "words"),
    [
        ("NAME", "STARTS_WITH", "{0} at"),
        ("NAME", "ENDS_WITH", "At SEA {0}"),
        ("NAME", "CONTAINS", "{0} at sea"),
        ("DESCRIPTION", "CONTAINS", "sailing"),
    ],
)
def test_a_rule_pushes_what_it_finds(
    okta: Okta, scim: ScimService, app: App, field: str, operator: str, words: str
) -> None:
    """C9323: groups that are there, that come later, and that are renamed so that the rule finds them."""
    key = uuid.uuid4().hex[:8]
    name, about = f"{key} at sea {key}", f"Sailing {key}"
    okta.group(name=name, description=about)
    other = okta.group(name=f"Ashore {key}")
    value = f"{words.format(key)} {key}" if words.startswith(("sailing", "{0} at sea")) else words.format(key)
    made = rule(okta, app, field=field, operator=operator, value=value)
    okta.idle()
    assert names(scim) == {name}
    (mapping,) = app.pushes()
    assert mapping["_embedded"]["pocket"]["ruleId"] == made["id"]
    okta.call(
        "PUT", f"/api/v1/groups/{other}", {"profile": {"name": f"{name.upper()}", "description": about}}, status=400
    )
    later = f"{key} at seaside {key}" if operator == "STARTS_WITH" else f"More {name}"
    okta.call("PUT", f"/api/v1/groups/{other}", {"profile": {"name": later, "description": about}})
    okta.idle()
    assert names(scim) == {name, later}


def test_an_inactive_rule_finds_nothing_more(okta: Okta, scim: ScimService, app: App) -> None:
    """C9324 and C9325."""
    key = uuid.uuid4().hex[:8]
    made = rule(okta, app, value=key)
    path = f"{app.pocket}/group-push/rules/{made['id']}"
    okta.group(name=f"{key} one")
    assert okta.call("PATCH", path, {"status": "INACTIVE"})["status"] == "INACTIVE"
    okta.group(name=f"{key} two")
    okta.idle()
    assert names(scim) == {f"{key} one"}
    okta.call("PATCH", path, {"status": "ACTIVE"})
    okta.idle()
    assert names(scim) == {f"{key} one", f"{key} two"}


@pytest.mark.parametrize("delete", [True, False])
def test_a_deleted_rule_unlinks_what_it_found(okta: Okta, scim: ScimService, app: App, delete: bool) -> None:
    """C9326."""
    key = uuid.uuid4().hex[:8]
    made = rule(okta, app, value=key)
    okta.group(name=f"{key} one")
    by_hand = app.push(okta.group())
    okta.idle()
    path = f"{app.pocket}/group-push/rules/{made['id']}?deleteTargetGroups={str(delete).lower()}"
    assert okta.call("DELETE", path) == {"unlinked": 1}
    okta.idle()
    assert [mapping["id"] for mapping in app.pushes()] == [by_hand.id]
    assert len(scim.groups) == (1 if delete else 2)
    assert okta.call("GET", f"{app.pocket}/group-push/rules") == []


@pytest.mark.parametrize(
    "fields",
    [{"name": "", "value": "x"}, {"value": ""}, {"value": "x", "operator": "LIKE"}, {"value": "x", "field": "ID"}],
)
def test_a_rule_that_cannot_be_is_refused(okta: Okta, app: App, fields: dict[str, str]) -> None:
    refused = okta.call("POST", f"{app.pocket}/group-push/rules", {"name": "Rule", **fields}, status=400)
    assert "wanted" in refused["errorCauses"][0]["errorSummary"]
