"""What Okta's choices of 2026 do in Vestibule: an account is deleted at once, and created anew for who returns."""

import pytest

from tests.okta.okta_and_vestibule import CREATED, Integration


@pytest.mark.parametrize("how", ["unassign", "deactivate"])
def test_an_account_is_deleted_at_once(integration: Integration, how: str) -> None:
    okta, app = integration.okta, integration.app
    app.settings(deprovisioning={"action": "DELETE"})
    ana, noor = integration.crew("Ana", "Noor")
    made = app.push(okta.group(ana, noor))
    group_id = integration.pushed(made)
    before = integration.resource(ana)["id"]
    integration.forget()
    if how == "unassign":
        app.unassign(ana)
    else:
        okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert integration.spoken() == ["DELETE /Users/1 204"]
    assert integration.scim.get(f"/Users/{before}").status_code == 404
    assert integration.members(group_id) == integration.ids(noor)
    assert integration.place.faults() == []
    integration.forget()
    if how == "deactivate":
        okta.lifecycle(ana, "activate")
    app.assign(ana)
    integration.pushed(made)
    assert integration.spoken()[:2] == CREATED
    after = integration.settled(ana)
    assert after != before
    assert integration.members(group_id) == integration.ids(ana, noor)


def test_who_leaves_leaves_the_pushed_groups(integration: Integration) -> None:
    app = integration.app
    app.settings(deprovisioning={"removeFromGroups": True})
    ana, noor = integration.crew("Ana", "Noor")
    made = app.push(integration.okta.group(ana, noor))
    group_id = integration.pushed(made)
    app.unassign(ana)
    integration.pushed(made)
    assert integration.resource(ana)["active"] is False
    assert integration.members(group_id) == integration.ids(noor)
