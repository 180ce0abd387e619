"""What happens to the account of somebody who is deprovisioned: deactivated, deleted at once, or deleted later."""

from pathlib import Path

import pytest
from tests.pocket_okta.running import App, Okta, connected, running
from tests.pocket_okta.scim_service import ScimService
from tests.pocket_okta.test_pages import submit


def set_up(app: App, action: str, **more: object) -> None:
    app.settings(deprovisioning={"action": action, **more})


@pytest.mark.parametrize("how", ["unassign", "deactivate"])
def test_an_account_is_deleted_at_once(okta: Okta, scim: ScimService, app: App, how: str) -> None:
    set_up(app, "DELETE")
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    scim.forget()
    if how == "unassign":
        app.unassign(ana)
    else:
        okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert [request.method for request in scim.requests] == ["DELETE"]
    assert scim.users == {}
    if how == "deactivate":
        okta.lifecycle(ana, "activate")
    app.assign(ana)
    okta.idle()
    assert scim.spoken()[-2:] == ["GET /Users?", "POST /Users"]


def test_a_deletion_that_fails_is_a_task(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    set_up(catalogue_app, "DELETE")
    ana, noor = okta.person("Ana", "Reis"), okta.person("Noor")
    for person in (ana, noor):
        catalogue_app.assign(person)
    okta.idle()
    scim.refuse("DELETE", status=500, detail="Out of order.")
    catalogue_app.unassign(ana)
    okta.idle()
    (task,) = catalogue_app.tasks()
    assert "Error while deleting user" in task["message"]
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert len(scim.users) == 1
    scim.users.clear()
    catalogue_app.unassign(noor)
    okta.idle()
    assert catalogue_app.tasks() == []  # an account that has gone needs no deletion


def test_without_deactivate_users_nothing_is_deleted(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    set_up(catalogue_app, "DELETE")
    catalogue_app.features(create=True, update=True, deactivate=False)
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    scim.forget()
    catalogue_app.unassign(ana)
    okta.idle()
    assert scim.requests == []


def test_an_account_is_deleted_after_a_delay(tmp_path: Path, scim: ScimService) -> None:
    """A day lasts 0.3 seconds here. Whoever is assigned again in time keeps the account."""
    data = tmp_path / "data"
    with running(data, "--empty", "--time-scale", "0.0000035") as okta:
        app = connected(okta, scim, "catalogue")
        ana, noor = okta.person("Ana"), okta.person("Noor")
        for person in (ana, noor):
            app.assign(person)
        okta.idle()
        set_up(app, "DELETE_LATER", days=365)
        app.unassign(noor)
        okta.idle()
        assert scim.named(noor["profile"]["login"])["active"] is False
        app.assign(noor)
        set_up(app, "DELETE_LATER", days=1)
        app.unassign(ana)
        scim.until(lambda: len(scim.users) == 1)
        assert scim.named(noor["profile"]["login"])["active"] is True
        assert [request.method for request in scim.calls("DELETE")] == ["DELETE"]


def test_a_deletion_to_come_survives_a_restart(tmp_path: Path, scim: ScimService) -> None:
    data = tmp_path / "data"
    with running(data, "--empty") as okta:
        app = connected(okta, scim, "catalogue")
        ana = okta.person("Ana")
        app.assign(ana)
        okta.idle()
        set_up(app, "DELETE_LATER", days=30)
        app.unassign(ana)
        okta.idle()
        assert scim.named(ana["profile"]["login"])["active"] is False
    with running(data, "--time-scale", "0"):
        scim.until(lambda: scim.users == {})


@pytest.mark.parametrize("remove", [True, False])
def test_pushed_groups_are_left(okta: Okta, scim: ScimService, app: App, remove: bool) -> None:
    set_up(app, "DEACTIVATE", removeFromGroups=remove)
    ana, noor = okta.person("Ana"), okta.person("Noor")
    for person in (ana, noor):
        app.assign(person)
        okta.idle()
    group = okta.group(ana, noor)
    app.push(group)
    okta.idle()
    app.unassign(ana)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False
    left = {noor["profile"]["login"]} if remove else {ana["profile"]["login"], noor["profile"]["login"]}
    assert scim.members_of(okta.group_name(group)) == left


def test_the_choice_is_kept_and_checked(okta: Okta, catalogue_app: App) -> None:
    set_up(catalogue_app, "DELETE_LATER", days=7, removeFromGroups=True)
    kept = {"action": "DELETE_LATER", "days": 7, "removeFromGroups": True}
    assert okta.call("GET", catalogue_app.path)["settings"]["pocket"]["deprovisioning"] == kept
    for wrong in ({"action": "BURN"}, {"days": 0}, {"days": "many"}):
        body = {"settings": {"pocket": {"deprovisioning": wrong}}}
        assert "wanted" in str(okta.call("PUT", catalogue_app.path, body, status=400)["errorCauses"])
    path = f"/applications/{catalogue_app.id}/provisioning/deprovisioning"
    assert "wanted a whole number" in submit(okta, path, action="DELETE", days="soon")
    assert "wanted 1 to 365" in submit(okta, path, action="DELETE", days="999")
    assert "Deprovisioning was saved." in submit(okta, path, action="DELETE", days="30")
    assert okta.call("GET", catalogue_app.path)["settings"]["pocket"]["deprovisioning"]["action"] == "DELETE"
