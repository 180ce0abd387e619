"""The line that lives: what an identity provider did last, told while somebody sets it up, and what to do about it."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2
import pytest

from tests.conftest import PLAIN
from tests.console.conftest import Staff, in_tenant, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, until
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.keys import Pair, make_pair, shortened
from vestibule.store.database import Tx, milliseconds_now

TEST = {"startIndex": "1", "count": "2"}
"""What Okta sends for Test API Credentials (wire facts 1.3)."""
MEND = (
    "Nothing was changed. In Okta: Applications > your application > Provisioning > Integration > Edit: paste the "
    "Secret again and press Test API Credentials."
)


def switch(staff: Staff, visitor: Visitor, state: str) -> Page:
    return visitor.submit(visitor.get(f"{staff.provider}/provisioning"), "Save", {"provisioning": state})


def test_it_waits_and_then_tells_of_the_test(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    assert staff.live(owner) == "Waiting for Okta: press Test API Credentials there."
    assert owner.get(f"{staff.provider}/live").all("//*[contains(@class, 'waiting')]")
    assert scim.get("/Users", params=TEST).status_code == 200
    page = owner.get(f"{staff.provider}/live")
    assert re.fullmatch(r"Okta tested these credentials at \d\d:\d\d:\d\d ✓", page.text)
    tested = rows(staff.running, "SELECT tested_at FROM credentials WHERE key = $1", staff.place.pair.key)[0][0]
    instant = datetime.fromtimestamp(tested / 1000, UTC)
    assert page.one("//time").get("datetime") == instant.isoformat(timespec="milliseconds")
    assert page.one("//time").text == instant.strftime("%H:%M:%S")
    assert page.text in owner.get(staff.provider).text
    assert "Okta tested these credentials" in " ".join(owner.get(staff.at("identity-providers")).rows())
    assert "Okta tested these credentials" in owner.get(staff.at("")).text
    assert staff.place.events("credential.tested")


def basic(staff: Staff, key: str, secret: str) -> httpx2.Response:
    """What an identity provider sends with these credentials."""
    token = base64.b64encode(f"{key}:{secret}".encode()).decode()
    headers = {"authorization": f"Basic {token}"} if key else {}
    return httpx2.get(f"{staff.place.scim_url}/Users", params=TEST, headers=headers, **PLAIN)


def retired(staff: Staff) -> Pair:
    async def act(tx: Tx, context: Context) -> Pair:
        credential, pair = await configure.create_credential(tx, staff.place.provider.id, "Old", None, context.checker)
        await configure.retire_credential(tx, credential.id)
        return pair

    return in_tenant(staff.place, act)


def expired(staff: Staff) -> Pair:
    async def act(tx: Tx, context: Context) -> Pair:
        expires_at = tx.now + 1000
        credential, pair = await configure.create_credential(
            tx, staff.place.provider.id, "Old", expires_at, context.checker
        )
        await tx.run("UPDATE credentials SET expires_at = 1 WHERE id = $1", credential.id)
        return pair

    return in_tenant(staff.place, act)


def test_it_tells_of_a_wrong_secret_and_which_key_and_when(staff: Staff, owner: Visitor) -> None:
    key = shortened(staff.place.pair.key)
    assert basic(staff, staff.place.pair.key, make_pair().secret).status_code == 401
    page = until(lambda: owner.get(f"{staff.provider}/live"), lambda seen: "Waiting" not in seen.text)
    check_markup(page)
    assert re.fullmatch(
        re.escape(f"Okta sent a wrong Secret for the key {key} at ") + r"\d\d:\d\d:\d\d\. ?" + re.escape(MEND),
        page.text,
    )
    assert page.all("//div[contains(@class, 'bad')]")
    event = staff.place.events("credential.refused")[-1]
    assert event["data"]["reason"] == "wrong secret"
    basic(staff, *staff.place.pair)
    until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta tested these credentials at"))


@pytest.mark.parametrize("cut", [3, 10, 40, 51])
def test_it_tells_of_a_secret_that_was_cut_short(staff: Staff, owner: Visitor, cut: int) -> None:
    key, secret = staff.place.pair
    basic(staff, key, secret[:cut])
    seen = until(lambda: staff.live(owner), lambda seen: "Waiting" not in seen)
    assert seen.startswith(f"Okta sent a Secret for the key {shortened(key)} that was mistyped or cut short at ")
    assert MEND in seen


def test_it_tells_of_a_key_that_nobody_has(staff: Staff, owner: Visitor) -> None:
    stranger = make_pair()
    basic(staff, *stranger)
    seen = until(lambda: staff.live(owner), lambda seen: "Waiting" not in seen)
    begins = f"Nothing from Okta yet, but a request came with the key {shortened(stranger.key)}, which nobody here has,"
    assert re.fullmatch(
        re.escape(begins) + r" at \d\d:\d\d:\d\d\. ?Nothing was changed\. If it was yours: In Okta: .*",
        seen,
    ), seen


@pytest.mark.parametrize(
    ("make", "what"), [(retired, "which was retired,"), (expired, "which has expired,")], ids=["retired", "expired"]
)
def test_it_tells_of_a_key_that_was_retired_or_has_expired(
    staff: Staff, owner: Visitor, make: Callable[[Staff], Pair], what: str
) -> None:
    pair = make(staff)
    basic(staff, *pair)
    begins = f"Okta sent the key {shortened(pair.key)}, {what} at "
    seen = until(lambda: staff.live(owner), lambda seen: seen.startswith(begins))
    assert "Use the Key and Secret of a live pair on this identity provider's page, or make a new one." in seen


def test_a_stranger_does_not_decide_what_it_says(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """While Okta provisions well, a request of nobody's is told in the activity log and is not Okta's illness."""
    staff.provision(scim, userName="ana@north.example")
    until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta is provisioning 1 person"))
    basic(staff, "", "")
    basic(staff, *make_pair())
    until(lambda: staff.place.events("credential.refused"), lambda seen: len(seen) == 2)
    assert staff.live(owner).startswith("Okta is provisioning 1 person")


def test_it_recovers_with_the_next_request_that_is_right(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """Within the minute in which uses are noted once, too: a person who was just created proves that it works."""
    scim.get("/Users", params={"count": "1"})
    until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta is provisioning 0 people"))
    basic(staff, staff.place.pair.key, make_pair().secret)
    until(lambda: staff.live(owner), lambda seen: "wrong Secret" in seen)
    staff.provision(scim, userName="ana@north.example")
    assert staff.live(owner).startswith("Okta is provisioning 1 person; its last request came ")


def test_it_tells_how_many_are_provisioned(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    basic(staff, *staff.place.pair)
    people = [staff.provision(scim, userName=f"p{number}@north.example") for number in range(3)]
    seen = until(lambda: staff.live(owner), lambda seen: "provisioning" in seen)
    assert re.fullmatch(r"Okta is provisioning 3 people; its last request came (just now|\d+ s ago)\.", seen)
    scim.patch(f"/Users/{people[0]['id']}", json=deactivate())
    assert staff.live(owner).startswith("Okta is provisioning 2 people")
    assert "Okta, provisioning: 2 active and 1 inactive people." in owner.get(staff.provider).text


def deactivate() -> dict[str, object]:
    urn = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    return {"schemas": [urn], "Operations": [{"op": "replace", "value": {"active": False}}]}


def test_it_tells_that_it_is_off_or_paused(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    scim.get("/Users", params=TEST)
    switch(staff, owner, "off")
    assert staff.live(owner) == "Auto-provisioning is switched off: whatever arrives is refused with 403."
    switch(staff, owner, "paused")
    assert staff.live(owner) == (
        "Provisioning is paused. Okta is told to wait with new people and changes, keeps them and tries again by "
        "itself. People whom it deactivates or deletes lose access at once."
    )


def test_it_tells_that_something_arrived_while_it_was_off(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """Issue 2: the line tells what is wrong, "provisioning switched off" among it."""
    switch(staff, owner, "off")
    assert scim.get("/Users", params=TEST).status_code == 403
    assert "refused with 403" in staff.live(owner)
    page = owner.get(staff.at("activity"), what="refused")
    assert "Auto-provisioning is switched off" in page.timeline()[0]


def test_it_tells_what_to_check_when_nothing_arrives(staff: Staff, owner: Visitor) -> None:
    statement = "UPDATE credentials SET created_at = $2 WHERE key = $1"
    sql(staff.running, statement, staff.place.pair.key, milliseconds_now() - 119_000)
    assert staff.live(owner).startswith("Waiting for Okta")
    sql(staff.running, statement, staff.place.pair.key, milliseconds_now() - 240_000)
    page = owner.get(f"{staff.provider}/live")
    assert page.text.startswith("Nothing has arrived from Okta since the key was made 4 min ago.")
    checks = [" ".join(str(each.text_content()).split()) for each in page.all("//li")]
    assert [check.partition("?")[0] for check in checks] == [
        "Is the SCIM URL in the other product, letter for letter, the one on the tab Provisioning",
        "Can the other product reach this server",
        "Was Test API Credentials pressed, and what did it say",
    ]


def test_an_auditor_sees_it_and_changes_nothing(staff: Staff, scim: httpx2.Client) -> None:
    scim.get("/Users", params=TEST)
    auditor = staff.signed_in("auditor")
    page = auditor.get(staff.provider)
    check_markup(page)
    assert "Okta tested these credentials at" in page.text
    assert page.all("//main//form") == []
