"""Who is assigned: by hand, through a group, or both."""

from tests.pocket_okta.running import App, Okta
from tests.pocket_okta.scim_service import ScimService


def group_path(app: App, group: str) -> str:
    return f"{app.path}/groups/{group}"


def test_a_group_brings_its_members_and_takes_them_away(okta: Okta, scim: ScimService, app: App) -> None:
    """C9311: whoever has the app no other way is deactivated."""
    ana, noor = okta.person("Ana"), okta.person("Noor")
    group = okta.group(ana, noor)
    okta.call("PUT", group_path(app, group))
    app.assign(noor)
    okta.idle()
    assert len(scim.users) == 2
    assert app.user(ana)["scope"] == "GROUP"
    assert app.user(noor)["scope"] == "USER"
    okta.call("DELETE", group_path(app, group), status=204)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False
    assert scim.named(noor["profile"]["login"])["active"] is True
    okta.call("DELETE", group_path(app, group), status=404)


def test_members_follow_the_group(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana, noor = okta.person("Ana"), okta.person("Noor")
    group = okta.group(ana)
    okta.call("PUT", group_path(catalogue_app, group))
    okta.call("PUT", f"/api/v1/groups/{group}/users/{noor['id']}", status=204)
    okta.call("DELETE", f"/api/v1/groups/{group}/users/{ana['id']}", status=204)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False
    assert scim.named(noor["profile"]["login"])["active"] is True


def test_two_groups_hold_a_person_twice(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    first, second = okta.group(ana), okta.group(ana)
    okta.call("PUT", group_path(catalogue_app, first))
    okta.call("PUT", group_path(catalogue_app, second))
    okta.idle()
    assert len(scim.calls("POST")) == 1
    okta.call("DELETE", f"/api/v1/groups/{first}", status=204)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is True
    okta.call("DELETE", f"/api/v1/groups/{second}", status=204)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False


def test_unassigning_by_hand_leaves_what_the_group_gives(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.call("PUT", group_path(catalogue_app, okta.group(ana)))
    catalogue_app.unassign(ana)
    okta.idle()
    assert catalogue_app.user(ana)["scope"] == "GROUP"
    assert scim.named(ana["profile"]["login"])["active"] is True
    refused = okta.call("DELETE", f"{catalogue_app.path}/users/{ana['id']}", status=403)
    assert "through the group" in refused["errorSummary"]


def test_a_reactivated_person_gets_back_what_groups_give(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    okta.call("PUT", group_path(catalogue_app, okta.group(ana)))
    okta.idle()
    account = scim.named(ana["profile"]["login"])["id"]
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert scim.users[account]["active"] is False
    okta.lifecycle(ana, "activate")
    okta.idle()
    assert scim.users[account]["active"] is True
    assert catalogue_app.user(ana)["externalId"] == account


def test_assigning_twice_is_one_assignment(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    catalogue_app.assign(ana)
    okta.idle()
    assert [str(request) for request in scim.requests] == ["GET /Users", "POST /Users"]


def test_a_deactivated_person_cannot_be_assigned(okta: Okta, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    okta.lifecycle(ana, "deactivate")
    refused = okta.call("POST", f"{catalogue_app.path}/users", {"id": ana["id"]}, status=403)
    assert refused["errorCode"] == "E0000038"


def test_taken_away_and_given_back_in_one_breath_ends_active(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    for _ in range(3):
        app.unassign(ana)
        app.assign(ana)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is True
    assert len(scim.users) == 1
    assert app.user(ana)["externalId"] == scim.named(ana["profile"]["login"])["id"]
