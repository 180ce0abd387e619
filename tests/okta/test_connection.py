"""C9339 to C9341: provisioning that is off, credentials that are wrong, credentials that are new; and a pause."""

from typing import Any

from tests.okta.okta_and_vestibule import CREATED, LOOK_UP, Integration, until
from tests.service.test_credentials import awaited, change, wait_for_events
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.keys import Pair, make_pair
from vestibule.model import Credential, Provisioning
from vestibule.store.credentials import all_credentials
from vestibule.store.database import Tx

REFUSED = (
    "Unauthorized. Errors reported by remote server: The credentials were not accepted. "
    "Check the SCIM URL, the Key and the Secret."
)


def set_provisioning(integration: Integration, state: Provisioning) -> None:
    """Turn the switch under Integrations > Identity Providers > Provisioning."""
    provider_id = integration.place.provider.id
    change(integration.place, lambda tx, context: configure.set_provisioning(tx, provider_id, state, context.checker))


def press_test(integration: Integration, pair: Pair | None = None) -> Any:
    """Press Test API Credentials, with other credentials than the saved ones if they are given."""
    key, secret = pair or ("", "")
    body = {"profile": {"authScheme": "BASIC", "username": key, "password": secret}} if pair else None
    return integration.okta.call("POST", f"{integration.app.pocket}/test-credentials", body)


def test_test_api_credentials(integration: Integration) -> None:
    verdict = press_test(integration)
    assert verdict == {
        "verified": True,
        "message": f"{integration.app.label} was verified successfully!",
        "status": 200,
    }
    assert "credential.tested" in [event["type"] for event in integration.place.events()]
    tested = awaited(integration.place, lambda credential: None not in (credential.tested_at, credential.last_used_at))
    assert tested.last_used_agent == "Okta SCIM Client 1.0.0"
    assert integration.spoken() == ["GET /Users? 200"]


def test_c9339_provisioning_off_makes_no_calls(integration: Integration) -> None:
    okta, app = integration.okta, integration.app
    ana, before = integration.provisioned("Ana")
    okta.call("POST", f"{app.path}/connections/default/lifecycle/deactivate", status=204)
    events = integration.place.events()
    noor = integration.person("Noor")
    app.assign(noor)
    okta.edit(ana, firstName="Anna")
    okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": "N3w-Value!"}}})
    app.unassign(ana)
    okta.lifecycle(noor, "deactivate")
    okta.idle()
    assert integration.spoken() == []
    assert integration.place.events() == events
    assert integration.read(before["id"]) == before
    assert integration.people() == 1
    assert app.tasks() == []


def test_c9339_every_feature_off_makes_no_calls(integration: Integration) -> None:
    ana, before = integration.provisioned("Ana")
    integration.app.features(create=False, update=False, deactivate=False, password=False)
    integration.forget()
    integration.app.assign(integration.person("Noor"))
    integration.okta.edit(ana, firstName="Anna")
    integration.app.unassign(ana)
    integration.okta.idle()
    assert integration.spoken() == []
    assert integration.read(before["id"]) == before
    assert integration.people() == 1


def test_c9339_assigned_while_off_and_provisioned_when_on(integration: Integration) -> None:
    okta, app = integration.okta, integration.app
    okta.call("POST", f"{app.path}/connections/default/lifecycle/deactivate", status=204)
    ana = integration.person("Ana")
    app.assign(ana)
    okta.idle()
    okta.call("POST", f"{app.path}/connections/default/lifecycle/activate", status=204)
    integration.forget()
    okta.idle()
    assert integration.spoken() == []  # nothing until "Provision User" (wire facts 1.3)
    okta.call("POST", f"{app.pocket}/users/{ana['id']}/provision", status=204)
    okta.idle()
    assert integration.spoken() == CREATED
    assert integration.settled(ana) == integration.resource(ana)["id"]


def test_switched_off_in_vestibule_says_where_to_mend_it(integration: Integration) -> None:
    set_provisioning(integration, "off")
    verdict = press_test(integration)
    assert (verdict["verified"], verdict["status"]) == (False, 403)
    ana = integration.person("Ana")
    integration.app.assign(ana)
    integration.okta.idle()
    assert "Auto-provisioning is switched off for this identity provider" in str(integration.app.error(ana))
    set_provisioning(integration, "on")
    assert integration.people() == 0
    integration.okta.call("POST", f"/pocket/v1/tasks/{integration.app.tasks()[0]['id']}/retry", status=204)
    integration.okta.idle()
    assert integration.settled(ana) == integration.resource(ana)["id"]


# -- credentials -------------------------------------------------------------------------------------------------------


def credentials(integration: Integration) -> list[Credential]:
    return list(change(integration.place, lambda tx, _: all_credentials(tx)))


def rotate(integration: Integration) -> Pair:
    """Make a second pair and retire the first; Okta knows nothing of it yet."""
    (first,) = credentials(integration)

    async def act(tx: Tx, context: Context) -> Pair:
        _, pair = await configure.create_credential(tx, integration.place.provider.id, "second", None, context.checker)
        await configure.retire_credential(tx, first.id)
        return pair

    return Pair(*change(integration.place, act))


def test_c9340_bad_credentials_are_an_error(integration: Integration) -> None:
    key, secret = integration.place.pair
    reasons = {
        "wrong secret": Pair(key, make_pair().secret),
        "incomplete secret": Pair(key, secret[:-3]),
        "unknown key": Pair(make_pair().key, secret),
    }
    for wrong in reasons.values():
        verdict = press_test(integration, wrong)
        assert (verdict["verified"], verdict["status"]) == (False, 401)
        assert verdict["message"].startswith(f"Error authenticating: {REFUSED}")
        profile = {"authScheme": "BASIC", "username": wrong.key, "password": wrong.secret}
        path = f"{integration.app.path}/connections/default?activate=true"
        saved = integration.okta.call(
            "POST", path, {"baseUrl": integration.place.scim_url, "profile": profile}, status=400
        )
        assert saved["errorCauses"][0]["errorSummary"] == verdict["message"]
    wait_for_events(integration.place, "credential.refused", len(reasons))
    told = [event["data"]["reason"] for event in integration.place.events("credential.refused")]
    assert sorted(told) == sorted(reasons)
    ana = integration.person("Ana")  # the saved credentials are still the right ones
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.settled(ana) == integration.resource(ana)["id"]


def test_c9340_a_retired_key_fails_at_once(integration: Integration) -> None:
    ana, before = integration.provisioned("Ana", "Reis")
    pair = rotate(integration)
    integration.okta.edit(ana, firstName="Anna")
    noor = integration.person("Noor", "Adeyemi")
    integration.app.assign(noor)
    integration.okta.idle()
    assert sorted(integration.spoken()) == ["GET /Users/1 401", "GET /Users? 401"]
    assert str(integration.app.error(ana)).endswith(REFUSED)
    assert str(integration.app.error(noor)).endswith(REFUSED)
    assert len(integration.app.tasks()) == 2
    wait_for_events(integration.place, "credential.refused", 1)
    (told,) = integration.place.events("credential.refused")
    assert told["data"]["reason"] == "retired key"
    with integration.place.client(pair) as scim:
        assert scim.get(f"/Users/{before['id']}").json() == before
        assert scim.get("/Users").json()["totalResults"] == 1


def test_c9341_new_credentials_work_and_nothing_is_lost(integration: Integration) -> None:
    ana, before = integration.provisioned("Ana", "Reis")
    pair = rotate(integration)
    integration.okta.edit(ana, firstName="Anna")
    noor = integration.person("Noor", "Adeyemi")
    integration.app.assign(noor)
    integration.okta.idle()
    integration.app.connect(integration.place.scim_url, *pair)
    for task in integration.app.tasks():
        integration.okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    integration.okta.idle()
    assert integration.settled(ana) == before["id"]
    with integration.place.client(pair) as scim:
        assert scim.get(f"/Users/{before['id']}").json()["name"]["givenName"] == "Anna"
        assert scim.get(f"/Users/{integration.settled(noor)}").json()["active"] is True
    used = {each.label: each for each in credentials(integration)}
    assert used["second"].tested_at is not None  # connecting tests them
    assert used["First key"].revoked_at is not None
    actors = {event["actor"]["id"] for event in integration.place.events("user.changed")}
    assert actors == {used["second"].id}


def test_c9341_two_pairs_live_side_by_side(integration: Integration) -> None:
    """A rotation in which no request fails: the second pair is there before the first is retired."""
    ana, before = integration.provisioned("Ana", "Reis")

    async def make(tx: Tx, context: Context) -> Pair:
        return (await configure.create_credential(tx, integration.place.provider.id, "second", None, context.checker))[
            1
        ]

    pair = Pair(*change(integration.place, make))
    integration.okta.edit(ana, firstName="Anna")
    integration.okta.idle()
    integration.app.connect(integration.place.scim_url, *pair)
    first = next(each for each in credentials(integration) if each.label == "First key")
    change(integration.place, lambda tx, _: configure.retire_credential(tx, first.id))
    integration.okta.edit(ana, firstName="Anne")
    integration.okta.idle()
    assert integration.settled(ana) == before["id"]
    assert all(line.endswith(" 200") for line in integration.spoken())
    with integration.place.client(pair) as scim:
        assert scim.get(f"/Users/{before['id']}").json()["name"]["givenName"] == "Anne"


# -- a pause -----------------------------------------------------------------------------------------------------------


def test_paused_in_vestibule_okta_waits_and_nothing_is_lost(integration: Integration) -> None:
    okta, app = integration.okta, integration.app
    ana, before = integration.provisioned("Ana", "Reis")
    mei, leaving = integration.provisioned("Mei", "Tan")
    set_provisioning(integration, "paused")
    noor = integration.person("Noor", "Adeyemi")
    app.assign(noor)
    okta.edit(ana, firstName="Anna")
    app.unassign(mei)
    until(lambda: sum(each["status"] == 429 for each in integration.exchanges()) >= 2, "two writes were told to wait")
    assert integration.read(before["id"]) == before  # reading goes on
    until(lambda: integration.read(leaving["id"])["active"] is False, "a leaver does not wait")
    assert integration.people() == 2
    assert app.user(ana)["syncState"] == "SYNCING"
    assert app.tasks() == []
    set_provisioning(integration, "on")
    okta.idle()
    assert app.tasks() == []
    assert integration.settled(ana) == before["id"]
    assert integration.read(before["id"])["name"]["givenName"] == "Anna"
    assert integration.read(leaving["id"])["active"] is False
    assert integration.settled(noor) == integration.resource(noor)["id"]
    waited = [each for each in integration.exchanges() if each["status"] == 429]
    assert {dict(each["responseHeaders"])["retry-after"] for each in waited} == {"60"}
    writes = [each for each in integration.exchanges() if each["method"] != "GET"]
    assert sorted(each["status"] for each in writes if each["status"] != 429) == [200, 200, 201]
    assert max(each["attempt"] for each in writes) > 1
    assert LOOK_UP in integration.spoken()
    told = integration.told()
    assert (told.count("user.created"), told.count("user.changed"), told.count("user.deactivated")) == (3, 1, 1)
    assert {event["data"]["status"] for event in integration.place.events("request.refused")} == {429}


def test_changes_of_one_person_during_a_pause_arrive_in_their_order(integration: Integration) -> None:
    ana, before = integration.provisioned("Ana", "Reis")
    set_provisioning(integration, "paused")
    integration.okta.edit(ana, firstName="Anna", title="Mate")
    until(lambda: any(each["status"] == 429 for each in integration.exchanges()), "a write was told to wait")
    integration.okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": "N3w-Value!"}}})
    integration.okta.edit(ana, firstName="Anne", title="Captain")
    set_provisioning(integration, "on")
    integration.okta.idle()
    assert integration.settled(ana) == before["id"]
    after = integration.read(before["id"])
    assert (after["active"], after["name"]["givenName"], after["title"]) == (True, "Anne", "Captain")
    integration.app.unassign(ana)
    integration.okta.idle()
    assert integration.read(before["id"])["active"] is False
    assert integration.told(before["id"])[-1] == "user.deactivated"
    assert integration.people() == 1
