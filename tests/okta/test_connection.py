"""C9339 to C9341: provisioning that is off, credentials that are wrong, credentials that are new; and a pause."""

from typing import Any

from tests.okta.okta_and_vestibule import CREATED, LOOK_UP, Both, until
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


def set_provisioning(both: Both, state: Provisioning) -> None:
    """Turn the switch under Integrations > Identity Providers > Provisioning."""
    provider_id = both.place.provider.id
    change(both.place, lambda tx, context: configure.set_provisioning(tx, provider_id, state, context.checker))


def press_test(both: Both, pair: Pair | None = None) -> Any:
    """Press Test API Credentials, with other credentials than the saved ones if they are given."""
    key, secret = pair or ("", "")
    body = {"profile": {"authScheme": "BASIC", "username": key, "password": secret}} if pair else None
    return both.okta.call("POST", f"{both.app.pocket}/test-credentials", body)


def test_test_api_credentials(both: Both) -> None:
    verdict = press_test(both)
    assert verdict == {"verified": True, "message": f"{both.app.label} was verified successfully!", "status": 200}
    assert "credential.tested" in [event["type"] for event in both.place.events()]
    tested = awaited(both.place, lambda credential: None not in (credential.tested_at, credential.last_used_at))
    assert tested.last_used_agent == "Okta SCIM Client 1.0.0"
    assert both.spoken() == ["GET /Users? 200"]


def test_c9339_provisioning_off_makes_no_calls(both: Both) -> None:
    okta, app = both.okta, both.app
    ana, before = both.provisioned("Ana")
    okta.call("POST", f"{app.path}/connections/default/lifecycle/deactivate", status=204)
    events = both.place.events()
    noor = both.person("Noor")
    app.assign(noor)
    okta.edit(ana, firstName="Anna")
    okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": "N3w-Value!"}}})
    app.unassign(ana)
    okta.lifecycle(noor, "deactivate")
    okta.idle()
    assert both.spoken() == []
    assert both.place.events() == events
    assert both.read(before["id"]) == before
    assert both.people() == 1
    assert app.tasks() == []


def test_c9339_every_feature_off_makes_no_calls(both: Both) -> None:
    ana, before = both.provisioned("Ana")
    both.app.features(create=False, update=False, deactivate=False, password=False)
    both.forget()
    both.app.assign(both.person("Noor"))
    both.okta.edit(ana, firstName="Anna")
    both.app.unassign(ana)
    both.okta.idle()
    assert both.spoken() == []
    assert both.read(before["id"]) == before
    assert both.people() == 1


def test_c9339_assigned_while_off_and_provisioned_when_on(both: Both) -> None:
    okta, app = both.okta, both.app
    okta.call("POST", f"{app.path}/connections/default/lifecycle/deactivate", status=204)
    ana = both.person("Ana")
    app.assign(ana)
    okta.idle()
    okta.call("POST", f"{app.path}/connections/default/lifecycle/activate", status=204)
    both.forget()
    okta.idle()
    assert both.spoken() == []  # nothing until "Provision User" (wire facts 1.3)
    okta.call("POST", f"{app.pocket}/users/{ana['id']}/provision", status=204)
    okta.idle()
    assert both.spoken() == CREATED
    assert both.settled(ana) == both.resource(ana)["id"]


def test_switched_off_in_vestibule_says_where_to_mend_it(both: Both) -> None:
    set_provisioning(both, "off")
    verdict = press_test(both)
    assert (verdict["verified"], verdict["status"]) == (False, 403)
    ana = both.person("Ana")
    both.app.assign(ana)
    both.okta.idle()
    assert "Auto-provisioning is switched off for this identity provider" in str(both.app.error(ana))
    set_provisioning(both, "on")
    assert both.people() == 0
    both.okta.call("POST", f"/pocket/v1/tasks/{both.app.tasks()[0]['id']}/retry", status=204)
    both.okta.idle()
    assert both.settled(ana) == both.resource(ana)["id"]


# -- credentials -------------------------------------------------------------------------------------------------------


def credentials(both: Both) -> list[Credential]:
    return list(change(both.place, lambda tx, _: all_credentials(tx)))


def rotate(both: Both) -> Pair:
    """Make a second pair and retire the first; Okta knows nothing of it yet."""
    (first,) = credentials(both)

    async def act(tx: Tx, context: Context) -> Pair:
        _, pair = await configure.create_credential(tx, both.place.provider.id, "second", None, context.checker)
        await configure.retire_credential(tx, first.id)
        return pair

    return Pair(*change(both.place, act))


def test_c9340_bad_credentials_are_an_error(both: Both) -> None:
    key, secret = both.place.pair
    reasons = {
        "wrong secret": Pair(key, make_pair().secret),
        "incomplete secret": Pair(key, secret[:-3]),
        "unknown key": Pair(make_pair().key, secret),
    }
    for wrong in reasons.values():
        verdict = press_test(both, wrong)
        assert (verdict["verified"], verdict["status"]) == (False, 401)
        assert verdict["message"].startswith(f"Error authenticating: {REFUSED}")
        profile = {"authScheme": "BASIC", "username": wrong.key, "password": wrong.secret}
        path = f"{both.app.path}/connections/default?activate=true"
        saved = both.okta.call("POST", path, {"baseUrl": both.place.scim_url, "profile": profile}, status=400)
        assert saved["errorCauses"][0]["errorSummary"] == verdict["message"]
    wait_for_events(both.place, "credential.refused", len(reasons))
    told = [event["data"]["reason"] for event in both.place.events("credential.refused")]
    assert sorted(told) == sorted(reasons)
    ana = both.person("Ana")  # the saved credentials are still the right ones
    both.app.assign(ana)
    both.okta.idle()
    assert both.settled(ana) == both.resource(ana)["id"]


def test_c9340_a_retired_key_fails_at_once(both: Both) -> None:
    ana, before = both.provisioned("Ana", "Reis")
    pair = rotate(both)
    both.okta.edit(ana, firstName="Anna")
    noor = both.person("Noor", "Adeyemi")
    both.app.assign(noor)
    both.okta.idle()
    assert sorted(both.spoken()) == ["GET /Users/1 401", "GET /Users? 401"]
    assert str(both.app.error(ana)).endswith(REFUSED)
    assert str(both.app.error(noor)).endswith(REFUSED)
    assert len(both.app.tasks()) == 2
    wait_for_events(both.place, "credential.refused", 1)
    (told,) = both.place.events("credential.refused")
    assert told["data"]["reason"] == "retired key"
    with both.place.client(pair) as scim:
        assert scim.get(f"/Users/{before['id']}").json() == before
        assert scim.get("/Users").json()["totalResults"] == 1


def test_c9341_new_credentials_work_and_nothing_is_lost(both: Both) -> None:
    ana, before = both.provisioned("Ana", "Reis")
    pair = rotate(both)
    both.okta.edit(ana, firstName="Anna")
    noor = both.person("Noor", "Adeyemi")
    both.app.assign(noor)
    both.okta.idle()
    both.app.connect(both.place.scim_url, *pair)
    for task in both.app.tasks():
        both.okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    both.okta.idle()
    assert both.settled(ana) == before["id"]
    with both.place.client(pair) as scim:
        assert scim.get(f"/Users/{before['id']}").json()["name"]["givenName"] == "Anna"
        assert scim.get(f"/Users/{both.settled(noor)}").json()["active"] is True
    used = {each.label: each for each in credentials(both)}
    assert used["second"].tested_at is not None  # connecting tests them
    assert used["First key"].revoked_at is not None
    actors = {event["actor"]["id"] for event in both.place.events("user.changed")}
    assert actors == {used["second"].id}


def test_c9341_two_pairs_live_side_by_side(both: Both) -> None:
    """A rotation in which no request fails: the second pair is there before the first is retired."""
    ana, before = both.provisioned("Ana", "Reis")

    async def make(tx: Tx, context: Context) -> Pair:
        return (await configure.create_credential(tx, both.place.provider.id, "second", None, context.checker))[1]

    pair = Pair(*change(both.place, make))
    both.okta.edit(ana, firstName="Anna")
    both.okta.idle()
    both.app.connect(both.place.scim_url, *pair)
    first = next(each for each in credentials(both) if each.label == "First key")
    change(both.place, lambda tx, _: configure.retire_credential(tx, first.id))
    both.okta.edit(ana, firstName="Anne")
    both.okta.idle()
    assert both.settled(ana) == before["id"]
    assert all(line.endswith(" 200") for line in both.spoken())
    with both.place.client(pair) as scim:
        assert scim.get(f"/Users/{before['id']}").json()["name"]["givenName"] == "Anne"


# -- a pause -----------------------------------------------------------------------------------------------------------


def test_paused_in_vestibule_okta_waits_and_nothing_is_lost(both: Both) -> None:
    okta, app = both.okta, both.app
    ana, before = both.provisioned("Ana", "Reis")
    mei, leaving = both.provisioned("Mei", "Tan")
    set_provisioning(both, "paused")
    noor = both.person("Noor", "Adeyemi")
    app.assign(noor)
    okta.edit(ana, firstName="Anna")
    app.unassign(mei)
    until(lambda: sum(each["status"] == 429 for each in both.exchanges()) >= 2, "two writes were told to wait")
    assert both.read(before["id"]) == before  # reading goes on
    until(lambda: both.read(leaving["id"])["active"] is False, "a leaver does not wait")
    assert both.people() == 2
    assert app.user(ana)["syncState"] == "SYNCING"
    assert app.tasks() == []
    set_provisioning(both, "on")
    okta.idle()
    assert app.tasks() == []
    assert both.settled(ana) == before["id"]
    assert both.read(before["id"])["name"]["givenName"] == "Anna"
    assert both.read(leaving["id"])["active"] is False
    assert both.settled(noor) == both.resource(noor)["id"]
    waited = [each for each in both.exchanges() if each["status"] == 429]
    assert {dict(each["responseHeaders"])["retry-after"] for each in waited} == {"60"}
    writes = [each for each in both.exchanges() if each["method"] != "GET"]
    assert sorted(each["status"] for each in writes if each["status"] != 429) == [200, 200, 201]
    assert max(each["attempt"] for each in writes) > 1
    assert LOOK_UP in both.spoken()
    told = both.told()
    assert (told.count("user.created"), told.count("user.changed"), told.count("user.deactivated")) == (3, 1, 1)
    assert {event["data"]["status"] for event in both.place.events("request.refused")} == {429}


def test_changes_of_one_person_during_a_pause_arrive_in_their_order(both: Both) -> None:
    ana, before = both.provisioned("Ana", "Reis")
    set_provisioning(both, "paused")
    both.okta.edit(ana, firstName="Anna", title="Mate")
    until(lambda: any(each["status"] == 429 for each in both.exchanges()), "a write was told to wait")
    both.okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": "N3w-Value!"}}})
    both.okta.edit(ana, firstName="Anne", title="Captain")
    set_provisioning(both, "on")
    both.okta.idle()
    assert both.settled(ana) == before["id"]
    after = both.read(before["id"])
    assert (after["active"], after["name"]["givenName"], after["title"]) == (True, "Anne", "Captain")
    both.app.unassign(ana)
    both.okta.idle()
    assert both.read(before["id"])["active"] is False
    assert both.told(before["id"])[-1] == "user.deactivated"
    assert both.people() == 1
