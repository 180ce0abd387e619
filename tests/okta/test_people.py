"""The manual plan's cases of people's lives, and the story of the CRUD test (wire facts 2), seen from both sides."""

from typing import Any

from tests.okta.okta_and_vestibule import CHANGED_ACTIVE, CORE, CREATED, ENTERPRISE, LOOK_UP, PUT, Both, changed


def test_crud_story(both: Both) -> None:
    """The CRUD test's steps: create, update, deactivate, activate and assign again, take the assignment away."""
    okta, app = both.okta, both.app
    assert okta.call("GET", app.path)["id"] == app.id
    ana = both.person("Ana", "Reis")
    mail = ana["profile"]["email"]
    app.assign(ana, familyName="Reis", givenName="Ana", emailType="work", email=mail)
    okta.idle()
    (found,) = both.found(mail)
    assert (found["userName"], found["emails"][0]["value"]) == (mail, mail)
    assert found["name"] == {"givenName": "Ana", "familyName": "Reis"}
    scim_id = found["id"]
    okta.call("PUT", f"/api/v1/users/{ana['id']}", {"profile": ana["profile"] | {"firstName": "Anouk"}})
    okta.idle()
    assert both.read(scim_id)["name"]["givenName"] == "Anouk"
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    assert both.read(scim_id)["active"] is False
    okta.lifecycle(ana, "activate")
    app.assign(ana)
    okta.idle()
    assert both.read(scim_id)["active"] is True
    assert both.settled(ana) == scim_id
    app.unassign(ana)
    okta.idle()
    assert both.read(scim_id)["active"] is False
    assert app.tasks() == []
    assert both.told(scim_id) == [
        "user.created",
        "user.changed",
        "user.deactivated",
        "user.reactivated",
        "user.unchanged",  # the push of the profile that follows a reactivation
        "user.deactivated",
    ]


def test_c9290_create_user(both: Both) -> None:
    ana = both.person("Ana", "Reis")
    both.app.assign(ana)
    both.okta.idle()
    assert both.spoken() == CREATED
    resource = both.resource(ana)
    assert both.settled(ana) == resource["id"]
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
    assert both.profile(resource["id"]) == {
        "userName": login,
        "email": login,
        "firstName": "Ana",
        "lastName": "Reis",
        "displayName": "Ana Reis",
    }
    (event,) = both.place.events("user.")
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


def test_c9334_create_with_all_attributes(both: Both) -> None:
    second = "noor.private@south.example"
    noor, resource = both.provisioned("Noor", "Adeyemi", secondEmail=second, **WHOLE)
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
    assert both.profile(resource["id"]) == {
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
    ignored = {part["path"]: part["reason"] for part in both.last_event(resource["id"])["data"]["ignored"]}
    assert ignored == {"password": "neverKept"}


def test_c9291_update_attributes(both: Both) -> None:
    ana, before = both.provisioned("Ana", "Reis", title="Mate", department="Deck")
    both.okta.edit(ana, firstName="Anna", title="Pilot", department="Bridge", nickName="Nan")
    both.okta.idle()
    assert both.spoken() == PUT
    assert both.settled(ana) == before["id"]
    after = both.read(before["id"])
    assert after == before | {
        "name": {"givenName": "Anna", "familyName": "Reis"},
        "displayName": "Anna Reis",
        "title": "Pilot",
        "nickName": "Nan",
        ENTERPRISE: {"department": "Bridge"},
        "meta": before["meta"] | {"lastModified": after["meta"]["lastModified"], "version": 'W/"2"'},
    }
    profile = both.profile(before["id"])
    assert (profile["firstName"], profile["title"], profile["department"]) == ("Anna", "Pilot", "Bridge")
    event = both.last_event(before["id"])
    assert event["type"] == "user.changed"
    assert changed(event) == {
        "name.givenName": ("Ana", "Anna"),
        "displayName": ("Ana Reis", "Anna Reis"),
        "title": ("Mate", "Pilot"),
        "nickName": (None, "Nan"),
        f"{ENTERPRISE}:department": ("Deck", "Bridge"),
    }


def test_c9291_a_new_user_name_reaches_the_same_id(both: Both) -> None:
    ana, before = both.provisioned()
    old, new = ana["profile"]["login"], f"new.{ana['profile']['login']}"
    both.okta.edit(ana, login=new, email=new)
    both.okta.idle()
    assert both.spoken() == PUT
    assert both.found(old) == []
    assert [each["id"] for each in both.found(new)] == [before["id"]] == [both.settled(ana)]
    assert both.profile(before["id"])["email"] == new
    assert both.people() == 1


def test_c9337_blank_values(both: Both) -> None:
    noor, before = both.provisioned("Noor", "Adeyemi", secondEmail="noor.private@south.example", **WHOLE)
    both.okta.edit(noor, **dict.fromkeys((*WHOLE, "secondEmail"), ""))
    both.okta.idle()
    assert both.spoken() == PUT
    assert both.settled(noor) == before["id"]
    after = both.read(before["id"])
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
    assert set(both.profile(before["id"])) == {"userName", "email", "firstName", "lastName", "displayName"}
    told = changed(both.last_event(before["id"]))
    assert told["title"] == ("Harbour Pilot", None)
    assert told["displayName"] == ("Noor A.", "Noor Adeyemi")
    both.forget()
    both.okta.edit(noor, title="Captain")  # and back again: nothing is stuck
    both.okta.idle()
    assert both.read(before["id"])["title"] == "Captain"


def test_c9292_deactivate(both: Both) -> None:
    ana, before = both.provisioned(title="Pilot")
    both.okta.lifecycle(ana, "deactivate")
    both.okta.idle()
    assert both.spoken() == CHANGED_ACTIVE[both.mode]
    both.okta.call("GET", f"{both.app.path}/users/{ana['id']}", status=404)
    assert both.app.tasks() == []
    after = both.read(before["id"])
    assert after == before | {"active": False, "meta": after["meta"]}
    assert both.resource(ana)["id"] == before["id"]  # found by filter all the same
    assert both.told(before["id"]) == ["user.created", "user.deactivated"]
    assert changed(both.last_event(before["id"])) == {"active": (True, False)}
    assert both.profile(before["id"])["title"] == "Pilot"


def test_c9293_reactivate_same_id_and_data(both: Both) -> None:
    ana, before = both.provisioned(title="Pilot", department="Bridge", mobilePhone="+46 70 555 04 17")
    both.okta.lifecycle(ana, "deactivate")
    both.okta.lifecycle(ana, "activate")
    both.okta.idle()
    assert both.read(before["id"])["active"] is False  # activated in Okta, and not assigned again yet
    both.forget()
    both.app.assign(ana)
    both.okta.idle()
    assert both.spoken() == [LOOK_UP, *CHANGED_ACTIVE[both.mode], *PUT]
    assert both.settled(ana) == before["id"]
    after = both.read(before["id"])
    assert after == before | {"meta": after["meta"]}
    assert after["meta"]["created"] == before["meta"]["created"]
    assert both.people() == 1
    types = both.told(before["id"])
    assert types == ["user.created", "user.deactivated", "user.reactivated", "user.unchanged"]


def test_c9294_unassign_person(both: Both) -> None:
    ana, before = both.provisioned()
    noor, other = both.provisioned("Noor")
    both.app.unassign(ana)
    both.okta.idle()
    assert both.spoken() == CHANGED_ACTIVE[both.mode]
    assert both.read(before["id"])["active"] is False
    assert both.told(before["id"]) == ["user.created", "user.deactivated"]
    assert both.read(other["id"]) == other
    assert both.settled(noor) == other["id"]
    assert both.okta.call("GET", f"/api/v1/users/{ana['id']}")["status"] == "ACTIVE"


def test_c9294_a_deleted_okta_user_stays_disabled(both: Both) -> None:
    ana, before = both.provisioned()
    both.okta.lifecycle(ana, "deactivate")
    both.okta.idle()
    both.forget()
    both.okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    both.okta.idle()
    assert both.spoken() == []
    assert both.read(before["id"])["active"] is False


def test_c9311_unassign_group(both: Both) -> None:
    okta, app = both.okta, both.app
    ana, noor, mei = both.person("Ana"), both.person("Noor"), both.person("Mei")
    group = okta.group(ana, noor, mei)
    app.assign(mei)  # by hand as well: she keeps the app
    okta.call("PUT", f"{app.path}/groups/{group}")
    okta.idle()
    ids = {person["id"]: both.settled(person) for person in (ana, noor, mei)}
    assert len(set(ids.values())) == 3
    assert both.people() == 3
    okta.call("DELETE", f"{app.path}/groups/{group}", status=204)
    okta.idle()
    assert [both.read(ids[person["id"]])["active"] for person in (ana, noor, mei)] == [False, False, True]
    assert both.settled(mei) == ids[mei["id"]]
    assert both.told(ids[ana["id"]]) == ["user.created", "user.deactivated"]
    assert "user.deactivated" not in both.told(ids[mei["id"]])
    okta.call("PUT", f"{app.path}/groups/{group}")  # and assigned again: the same people, awake
    okta.idle()
    assert {person["id"]: both.settled(person) for person in (ana, noor, mei)} == ids
    assert all(both.read(user_id)["active"] for user_id in ids.values())


def test_c9295_suspend_changes_nothing(both: Both) -> None:
    ana, before = both.provisioned()
    events = both.place.events()
    both.okta.lifecycle(ana, "suspend")
    both.okta.idle()
    assert both.spoken() == []
    assert both.read(before["id"]) == before
    assert both.place.events() == events
    assert both.settled(ana) == before["id"]


def test_c9300_unsuspend_changes_nothing(both: Both) -> None:
    ana, before = both.provisioned()
    both.okta.lifecycle(ana, "suspend")
    events = both.place.events()
    both.okta.lifecycle(ana, "unsuspend")
    both.okta.idle()
    assert both.spoken() == []
    assert both.read(before["id"]) == before
    assert both.place.events() == events
    assert both.okta.call("GET", f"/api/v1/users/{ana['id']}")["status"] == "ACTIVE"
