"""The manual plan's cases of people's lives, and the story of the CRUD test (wire facts 2), seen from both sides."""

from typing import Any

from tests.okta.okta_and_vestibule import CHANGED_ACTIVE, CORE, CREATED, ENTERPRISE, LOOK_UP, PUT, Integration, changed


def test_crud_story(integration: Integration) -> None:
    """The CRUD test's steps: create, update, deactivate, activate and assign again, take the assignment away."""
    okta, app = integration.okta, integration.app
    assert okta.call("GET", app.path)["id"] == app.id
    ana = integration.person("Ana", "Reis")
    mail = ana["profile"]["email"]
    app.assign(ana, familyName="Reis", givenName="Ana", emailType="work", email=mail)
    okta.idle()
    (found,) = integration.found(mail)
    assert (found["userName"], found["emails"][0]["value"]) == (mail, mail)
    assert found["name"] == {"givenName": "Ana", "familyName": "Reis"}
    scim_id = found["id"]
    okta.call("PUT", f"/api/v1/users/{ana['id']}", {"profile": ana["profile"] | {"firstName": "Anouk"}})
    okta.idle()
    assert integration.read(scim_id)["name"]["givenName"] == "Anouk"
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert integration.read(scim_id)["active"] is False
    okta.lifecycle(ana, "activate")
    app.assign(ana)
    okta.idle()
    assert integration.read(scim_id)["active"] is True
    assert integration.settled(ana) == scim_id
    app.unassign(ana)
    okta.idle()
    assert integration.read(scim_id)["active"] is False
    assert app.tasks() == []
    assert integration.told(scim_id) == [
        "user.created",
        "user.changed",
        "user.deactivated",
        "user.reactivated",
        "user.unchanged",  # the push of the profile that follows a reactivation
        "user.deactivated",
    ]


def test_c9290_create_user(integration: Integration) -> None:
    ana = integration.person("Ana", "Reis")
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.spoken() == CREATED
    resource = integration.resource(ana)
    assert integration.settled(ana) == resource["id"]
    login = ana["profile"]["login"]
    assert {name: value for name, value in resource.items() if name not in {"id", "meta"}} == {
        "schemas": [CORE],
        "userName": login,
        "name": {"givenName": "Ana", "familyName": "Reis"},
        "emails": [{"primary": True, "value": login, "type": "work"}],
        "displayName": "Ana Reis",
        "externalId": ana["id"],
        "active": True,
    }
    assert integration.profile(resource["id"]) == {
        "userName": login,
        "email": login,
        "firstName": "Ana",
        "lastName": "Reis",
        "displayName": "Ana Reis",
    }
    (event,) = integration.place.events("user.")
    assert (event["type"], event["subject"]) == ("user.created", resource["id"])
    assert event["actor"]["kind"] == "identity_provider"
    assert event["data"]["request"]["method"] == "POST"


WHOLE = {
    "middleName": "Ife",
    "honorificPrefix": "Dr.",
    "honorificSuffix": "PhD",
    "title": "Harbour Pilot",
    "displayName": "Noor A.",
    "nickName": "Noo",
    "profileUrl": "https://north.example/people/noor",
    "mobilePhone": "+46 70 555 04 17",
    "primaryPhone": "+46 8 555 05 02",
    "streetAddress": "1 Quay Road",
    "city": "Northport",
    "state": "N1",
    "zipCode": "417 05",
    "countryCode": "SE",
    "postalAddress": "Box 5, Northport",
    "preferredLanguage": "sv",
    "locale": "sv-SE",
    "timezone": "Europe/Stockholm",
    "userType": "Employee",
    "employeeNumber": "N-0417",
    "costCenter": "CC-9",
    "organization": "North Harbours",
    "division": "Pilotage",
    "department": "Bridge",
    "managerId": "00uNorthManager1",
    "manager": "Li Wei",
}


def test_c9334_create_with_all_attributes(integration: Integration) -> None:
    second = "noor.private@south.example"
    noor, resource = integration.provisioned("Noor", "Adeyemi", secondEmail=second, **WHOLE)
    login = noor["profile"]["login"]
    wanted: dict[str, Any] = {
        "schemas": [CORE, ENTERPRISE],
        "userName": login,
        "name": {
            "givenName": "Noor",
            "familyName": "Adeyemi",
            "middleName": "Ife",
            "honorificPrefix": "Dr.",
            "honorificSuffix": "PhD",
        },
        "emails": [{"primary": True, "value": login, "type": "work"}, {"primary": False, "value": second}],
        "displayName": "Noor A.",
        "title": "Harbour Pilot",
        "nickName": "Noo",
        "profileUrl": "https://north.example/people/noor",
        "phoneNumbers": [
            {"type": "mobile", "value": "+46 70 555 04 17"},
            {"primary": True, "value": "+46 8 555 05 02"},
        ],
        "addresses": [
            {
                "primary": True,
                "streetAddress": "1 Quay Road",
                "locality": "Northport",
                "region": "N1",
                "postalCode": "417 05",
                "country": "SE",
            }
        ],
        "preferredLanguage": "sv",
        "locale": "sv-SE",
        "timezone": "Europe/Stockholm",
        "userType": "Employee",
        "externalId": noor["id"],
        "active": True,
        ENTERPRISE: {
            "employeeNumber": "N-0417",
            "costCenter": "CC-9",
            "organization": "North Harbours",
            "division": "Pilotage",
            "department": "Bridge",
            "manager": {"value": "00uNorthManager1", "displayName": "Li Wei"},
        },
    }
    assert {name: value for name, value in resource.items() if name not in {"id", "meta"}} == wanted
    assert integration.profile(resource["id"]) == {
        "userName": login,
        "email": login,
        "firstName": "Noor",
        "lastName": "Adeyemi",
        "displayName": "Noor A.",
        "title": "Harbour Pilot",
        "mobilePhone": "+46 70 555 04 17",
        "phone": "+46 8 555 05 02",
        "language": "sv",
        "timeZone": "Europe/Stockholm",
        "userType": "Employee",
        "employeeNumber": "N-0417",
        "department": "Bridge",
        "division": "Pilotage",
        "organization": "North Harbours",
        "costCenter": "CC-9",
        "manager": "Li Wei",
    }
    ignored = {part["path"]: part["reason"] for part in integration.last_event(resource["id"])["data"]["ignored"]}
    assert ignored == {"password": "neverKept"}


def test_c9291_update_attributes(integration: Integration) -> None:
    ana, before = integration.provisioned("Ana", "Reis", title="Mate", department="Deck")
    integration.okta.edit(ana, firstName="Anna", title="Pilot", department="Bridge", nickName="Nan")
    integration.okta.idle()
    assert integration.spoken() == PUT
    assert integration.settled(ana) == before["id"]
    after = integration.read(before["id"])
    assert after == before | {
        "name": {"givenName": "Anna", "familyName": "Reis"},
        "displayName": "Anna Reis",
        "title": "Pilot",
        "nickName": "Nan",
        ENTERPRISE: {"department": "Bridge"},
        "meta": before["meta"] | {"lastModified": after["meta"]["lastModified"], "version": 'W/"2"'},
    }
    profile = integration.profile(before["id"])
    assert (profile["firstName"], profile["title"], profile["department"]) == ("Anna", "Pilot", "Bridge")
    event = integration.last_event(before["id"])
    assert event["type"] == "user.changed"
    assert changed(event) == {
        "name.givenName": ("Ana", "Anna"),
        "displayName": ("Ana Reis", "Anna Reis"),
        "title": ("Mate", "Pilot"),
        "nickName": (None, "Nan"),
        f"{ENTERPRISE}:department": ("Deck", "Bridge"),
    }


def test_c9291_a_new_user_name_reaches_the_same_id(integration: Integration) -> None:
    ana, before = integration.provisioned()
    old, new = ana["profile"]["login"], f"new.{ana['profile']['login']}"
    integration.okta.edit(ana, login=new, email=new)
    integration.okta.idle()
    assert integration.spoken() == PUT
    assert integration.found(old) == []
    assert [each["id"] for each in integration.found(new)] == [before["id"]] == [integration.settled(ana)]
    assert integration.profile(before["id"])["email"] == new
    assert integration.people() == 1


def test_c9337_blank_values(integration: Integration) -> None:
    noor, before = integration.provisioned("Noor", "Adeyemi", secondEmail="noor.private@south.example", **WHOLE)
    integration.okta.edit(noor, **dict.fromkeys((*WHOLE, "secondEmail"), ""))
    integration.okta.idle()
    assert integration.spoken() == PUT
    assert integration.settled(noor) == before["id"]
    after = integration.read(before["id"])
    login = noor["profile"]["login"]
    assert {name: value for name, value in after.items() if name != "meta"} == {
        "id": before["id"],
        "schemas": [CORE],
        "userName": login,
        "name": {"givenName": "Noor", "familyName": "Adeyemi"},
        "emails": [{"primary": True, "value": login, "type": "work"}],
        "displayName": "Noor Adeyemi",
        "externalId": noor["id"],
        "active": True,
    }
    assert set(integration.profile(before["id"])) == {"userName", "email", "firstName", "lastName", "displayName"}
    told = changed(integration.last_event(before["id"]))
    assert told["title"] == ("Harbour Pilot", None)
    assert told["displayName"] == ("Noor A.", "Noor Adeyemi")
    integration.forget()
    integration.okta.edit(noor, title="Captain")  # and back again: nothing is stuck
    integration.okta.idle()
    assert integration.read(before["id"])["title"] == "Captain"


def test_c9292_deactivate(integration: Integration) -> None:
    ana, before = integration.provisioned(title="Pilot")
    integration.okta.lifecycle(ana, "deactivate")
    integration.okta.idle()
    assert integration.spoken() == CHANGED_ACTIVE[integration.mode]
    integration.okta.call("GET", f"{integration.app.path}/users/{ana['id']}", status=404)
    assert integration.app.tasks() == []
    after = integration.read(before["id"])
    assert after == before | {"active": False, "meta": after["meta"]}
    assert integration.resource(ana)["id"] == before["id"]  # found by filter all the same
    assert integration.told(before["id"]) == ["user.created", "user.deactivated"]
    assert changed(integration.last_event(before["id"])) == {"active": (True, False)}
    assert integration.profile(before["id"])["title"] == "Pilot"


def test_c9293_reactivate_same_id_and_data(integration: Integration) -> None:
    ana, before = integration.provisioned(title="Pilot", department="Bridge", mobilePhone="+46 70 555 04 17")
    integration.okta.lifecycle(ana, "deactivate")
    integration.okta.lifecycle(ana, "activate")
    integration.okta.idle()
    assert integration.read(before["id"])["active"] is False  # activated in Okta, and not assigned again yet
    integration.forget()
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.spoken() == [LOOK_UP, *CHANGED_ACTIVE[integration.mode], *PUT]
    assert integration.settled(ana) == before["id"]
    after = integration.read(before["id"])
    assert after == before | {"meta": after["meta"]}
    assert after["meta"]["created"] == before["meta"]["created"]
    assert integration.people() == 1
    types = integration.told(before["id"])
    assert types == ["user.created", "user.deactivated", "user.reactivated", "user.unchanged"]


def test_c9294_unassign_person(integration: Integration) -> None:
    ana, before = integration.provisioned()
    noor, other = integration.provisioned("Noor")
    integration.app.unassign(ana)
    integration.okta.idle()
    assert integration.spoken() == CHANGED_ACTIVE[integration.mode]
    assert integration.read(before["id"])["active"] is False
    assert integration.told(before["id"]) == ["user.created", "user.deactivated"]
    assert integration.read(other["id"]) == other
    assert integration.settled(noor) == other["id"]
    assert integration.okta.call("GET", f"/api/v1/users/{ana['id']}")["status"] == "ACTIVE"


def test_c9294_a_deleted_okta_user_stays_disabled(integration: Integration) -> None:
    ana, before = integration.provisioned()
    integration.okta.lifecycle(ana, "deactivate")
    integration.okta.idle()
    integration.forget()
    integration.okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    integration.okta.idle()
    assert integration.spoken() == []
    assert integration.read(before["id"])["active"] is False


def test_c9311_unassign_group(integration: Integration) -> None:
    okta, app = integration.okta, integration.app
    ana, noor, mei = integration.person("Ana"), integration.person("Noor"), integration.person("Mei")
    group = okta.group(ana, noor, mei)
    app.assign(mei)  # by hand as well: she keeps the app
    okta.call("PUT", f"{app.path}/groups/{group}")
    okta.idle()
    ids = {person["id"]: integration.settled(person) for person in (ana, noor, mei)}
    assert len(set(ids.values())) == 3
    assert integration.people() == 3
    okta.call("DELETE", f"{app.path}/groups/{group}", status=204)
    okta.idle()
    assert [integration.read(ids[person["id"]])["active"] for person in (ana, noor, mei)] == [False, False, True]
    assert integration.settled(mei) == ids[mei["id"]]
    assert integration.told(ids[ana["id"]]) == ["user.created", "user.deactivated"]
    assert "user.deactivated" not in integration.told(ids[mei["id"]])
    okta.call("PUT", f"{app.path}/groups/{group}")  # and assigned again: the same people, awake
    okta.idle()
    assert {person["id"]: integration.settled(person) for person in (ana, noor, mei)} == ids
    assert all(integration.read(user_id)["active"] for user_id in ids.values())


def test_c9295_suspend_changes_nothing(integration: Integration) -> None:
    ana, before = integration.provisioned()
    events = integration.place.events()
    integration.okta.lifecycle(ana, "suspend")
    integration.okta.idle()
    assert integration.spoken() == []
    assert integration.read(before["id"]) == before
    assert integration.place.events() == events
    assert integration.settled(ana) == before["id"]


def test_c9300_unsuspend_changes_nothing(integration: Integration) -> None:
    ana, before = integration.provisioned()
    integration.okta.lifecycle(ana, "suspend")
    events = integration.place.events()
    integration.okta.lifecycle(ana, "unsuspend")
    integration.okta.idle()
    assert integration.spoken() == []
    assert integration.read(before["id"]) == before
    assert integration.place.events() == events
    assert integration.okta.call("GET", f"/api/v1/users/{ana['id']}")["status"] == "ACTIVE"
