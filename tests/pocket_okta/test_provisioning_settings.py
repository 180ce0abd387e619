"""What the Provisioning tab switches on and off, how it authenticates, and which attributes it sends."""

import pytest
from tests.conftest import HANG
from tests.pocket_okta.running import App, Mode, Okta
from tests.pocket_okta.scim_service import PASSWORD, TOKEN, USERNAME, ScimService


def test_a_password_is_not_pushed_without_sync(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    catalogue_app.features(create=True, update=True, deactivate=True, password=False)
    scim.forget()
    okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": "N3w-Value!"}}})
    okta.idle()
    assert scim.requests == []


def test_linking_does_not_write_when_updates_are_off(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    catalogue_app.features(create=True, update=False, deactivate=True)
    ana = okta.person("Ana")
    scim.add(ana["profile"]["login"])
    scim.forget()
    catalogue_app.assign(ana)
    okta.idle()
    assert scim.spoken() == ["GET /Users?"]


def test_with_create_off_nobody_is_created(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    catalogue_app.features(create=False, update=True, deactivate=True)
    scim.forget()
    ana = okta.person("Ana", "Reis")
    catalogue_app.assign(ana)
    okta.idle()
    assert scim.spoken() == ["GET /Users?"]
    assert catalogue_app.error(ana) == (
        f"Automatic provisioning of user Ana Reis to app {catalogue_app.label} failed: Matching user not found."
    )


def test_with_update_off_a_change_stays_in_okta(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    catalogue_app.features(create=True, update=False, deactivate=True)
    scim.forget()
    okta.edit(ana, firstName="Anna")
    okta.idle()
    assert scim.requests == []


def test_provisioning_off_means_no_calls(okta: Okta, scim: ScimService, app: App) -> None:
    """C9339."""
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    okta.call("POST", f"{app.path}/connections/default/lifecycle/deactivate", status=204)
    scim.forget()
    okta.edit(ana, firstName="Anna")
    app.assign(okta.person("Noor"))
    app.unassign(ana)
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert scim.requests == []


def test_work_in_the_queue_is_dropped_when_provisioning_goes_off(
    okta: Okta, scim: ScimService, catalogue_app: App
) -> None:
    with scim.held("GET") as held:
        catalogue_app.assign(okta.person("Noor"))
        assert held.reached.wait(HANG)
        ana = okta.person("Ana")
        with scim.held("GET") as second:
            catalogue_app.assign(ana)
            assert second.reached.wait(HANG)
            okta.edit(ana, firstName="Anna")
            catalogue_app.unassign(ana)
            okta.call("POST", f"{catalogue_app.path}/connections/default/lifecycle/deactivate", status=204)
    okta.idle()
    assert {request.method for request in scim.requests} == {"GET"}


def test_assigned_before_provisioning_was_on_waits_for_the_button(okta: Okta, scim: ScimService, mode: Mode) -> None:
    app = okta.app(mode)
    ana = okta.person("Ana")
    app.assign(ana)
    app.connect(scim.url, USERNAME, PASSWORD)
    app.features(create=True, update=True, deactivate=True)
    scim.forget()
    okta.edit(ana, firstName="Anna")
    okta.call("POST", f"{app.pocket}/force-sync")
    okta.idle()
    assert scim.requests == []
    assert app.user(ana)["syncState"] == "OUT_OF_SYNC"
    okta.call("POST", f"{app.pocket}/users/{ana['id']}/provision", status=204)
    okta.idle()
    assert scim.spoken() == ["GET /Users?", "POST /Users"]
    assert scim.requests[1].json["name"]["givenName"] == "Anna"


def test_every_save_asks_the_service_first(okta: Okta, scim: ScimService, mode: Mode) -> None:
    app = okta.app(mode)
    app.connect(scim.url, USERNAME, PASSWORD)
    app.features(create=True, update=True, deactivate=True)
    assert [request.target for request in scim.requests] == ["/scim/v2/Users?startIndex=1&count=2"] * 2


def test_import_groups_makes_a_save_read_groups(okta: Okta, scim: ScimService) -> None:
    okta.app().connect(scim.url, USERNAME, PASSWORD, importGroups=True)
    assert [request.target for request in scim.requests] == [
        "/scim/v2/Users?startIndex=1&count=2",
        "/scim/v2/Groups?startIndex=1&count=100",
    ]


@pytest.mark.parametrize(
    ("kind", "scheme", "header"),
    [
        ("header", "HEADER", TOKEN),
        ("header", "TOKEN", TOKEN),
        ("bearer", "TOKEN", f"Bearer {TOKEN}"),
        ("wizard", "BEARER", f"Bearer {TOKEN}"),
        ("wizard", "TOKEN", f"Bearer {TOKEN}"),
        ("wizard", "HEADER", TOKEN),
    ],
)
def test_header_authentication(okta: Okta, scim: ScimService, kind: str, scheme: str, header: str) -> None:
    app = okta.app(kind)
    body = {"baseUrl": scim.url, "profile": {"authScheme": scheme, "token": TOKEN}}
    okta.call("POST", f"{app.path}/connections/default?activate=true", body)
    assert scim.requests[0].headers["authorization"] == header
    assert TOKEN not in str(app.exchanges())


def test_the_wizards_unique_field_is_looked_up(okta: Okta, scim: ScimService) -> None:
    app = okta.app("wizard")
    app.connect(scim.url, USERNAME, PASSWORD, uniqueField="employeeNumber")
    app.features(create=True, update=True, deactivate=True)
    scim.forget()
    app.assign(okta.person("Ana", employeeNumber="NE-1"))
    okta.idle()
    assert "filter=employeeNumber%20eq%20%22NE-1%22&" in scim.requests[0].target


def test_the_wizards_actions_limit_what_is_pushed(okta: Okta, scim: ScimService) -> None:
    app = okta.app("wizard")
    app.connect(scim.url, USERNAME, PASSWORD, actions=["PUSH_NEW_USERS"])
    app.features(create=True, update=True, deactivate=True)
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    scim.forget()
    okta.edit(ana, firstName="Anna")
    app.unassign(ana)
    okta.idle()
    assert scim.requests == []


def test_the_user_name_can_be_the_email(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    template = {"template": "${source.email}"}
    okta.call("PUT", catalogue_app.path, {"credentials": {"userNameTemplate": template}})
    ana = okta.person("Ana", email="ana@south.example")
    catalogue_app.assign(ana)
    okta.idle()
    assert scim.requests[-1].json["userName"] == "ana@south.example"


def test_custom_attributes(okta: Okta, scim: ScimService, app: App) -> None:
    urn = "urn:ietf:params:scim:schemas:extension:north:2.0:User"
    for body in (
        {"name": "badge", "externalNamespace": urn, "type": "integer"},
        {"name": "crew", "externalNamespace": urn, "source": "user.department"},
        {"name": "inner", "source": '"kept here"'},
    ):
        okta.call("POST", f"{app.pocket}/attributes", body)
    ana = okta.person("Ana", department="Flight")
    app.assign(ana, badge=17)
    okta.idle()
    body = scim.requests[-1].json
    assert body[urn] == {"badge": 17, "crew": "Flight"}
    assert urn in body["schemas"]
    assert "kept here" not in scim.requests[-1].body
    okta.call("POST", f"{app.path}/users/{ana['id']}", {"profile": {"badge": 18}})
    okta.idle()
    assert scim.requests[-1].json[urn] == {"badge": 18, "crew": "Flight"}
    okta.call("DELETE", f"{app.pocket}/attributes/badge", status=204)


def test_profiles_can_be_pushed_as_a_patch(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    """Wire facts 9.1: sources contradict each other, so both can be rehearsed."""
    okta.call("PUT", catalogue_app.path, {"settings": {"pocket": {"patchProfiles": True}}})
    ana = okta.person("Ana", "Reis", department="Flight")
    catalogue_app.assign(ana)
    okta.idle()
    scim.forget()
    okta.edit(ana, firstName="Anna")
    okta.idle()
    assert scim.spoken() == ["PATCH /Users/1"]
    (operation,) = scim.requests[0].json["Operations"]
    assert operation["op"] == "replace"
    assert "path" not in operation
    assert operation["value"]["name"]["givenName"] == "Anna"
    assert operation["value"]["title"] == ""
    assert operation["value"]["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"] == "Flight"
    assert not {"schemas", "active", "password", "id"} & operation["value"].keys()
