"""A pushed group gives its people a role: it comes with the push, and is lost with the membership."""

import pytest

from tests.okta.okta_and_vestibule import Integration
from tests.service.test_group_roles import give, roles


@pytest.mark.parametrize("how", ["leave", "unassign", "unlink_and_delete", "push_now"])
def test_a_role_comes_and_goes_with_a_pushed_group(integration: Integration, how: str) -> None:
    okta, app, place = integration.okta, integration.app, integration.place
    ana, noor = integration.crew("Ana", "Noor")
    group = okta.group(ana)
    made = app.push(group)
    group_id = integration.pushed(made)
    ana_id, noor_id = (integration.resource(person)["id"] for person in (ana, noor))
    give(place, integration.group(group_id), "engineer")
    assert (roles(place, ana_id), roles(place, noor_id)) == (["engineer"], ["everybody"])
    okta.join(group, noor)
    integration.pushed(made)
    assert roles(place, noor_id) == ["engineer"]
    if how == "leave":
        okta.leave(group, ana)
    elif how == "unassign":
        app.settings(deprovisioning={"removeFromGroups": True})
        app.unassign(ana)
    elif how == "unlink_and_delete":
        made.unlink(delete=True)
    else:
        okta.leave(group, ana)
        okta.idle()
        members = [{"value": ana_id}, {"value": noor_id}]
        name = okta.group_name(group)
        assert integration.scim.put(f"/Groups/{group_id}", json={"displayName": name, "members": members}).is_success
        assert roles(place, ana_id) == ["engineer"]
        made.now()
    okta.idle()
    assert app.tasks() == []
    assert roles(place, ana_id) == ["everybody"]
    assert roles(place, noor_id) == (["everybody"] if how == "unlink_and_delete" else ["engineer"])
    assert place.faults() == []


def test_a_renamed_group_keeps_its_role(integration: Integration) -> None:
    (ana,) = integration.crew("Ana")
    group = integration.okta.group(ana)
    made = integration.app.push(group)
    group_id = integration.pushed(made)
    give(integration.place, integration.group(group_id), "engineer")
    integration.okta.rename(group, f"{integration.okta.group_name(group)} II")
    integration.pushed(made)
    assert roles(integration.place, integration.resource(ana)["id"]) == ["engineer"]
