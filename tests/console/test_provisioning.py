"""Provisioning of an identity provider: the switch, and keys that are shown once."""

import re
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.console.conftest import Staff, in_tenant, rows, sql
from tests.console.harmless import check_headers, check_markup
from tests.console.visitor import Page, Visitor, until
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.keys import Pair, make_pair, shortened, well_formed
from vestibule.store.database import Tx, milliseconds_now


@pytest.fixture
def fresh(staff: Staff, owner: Visitor) -> Staff:
    """The tenant with an identity provider that was only just added."""
    page = owner.submit(
        owner.get(staff.at("identity-providers", "new")),
        "Add identity provider",
        {"name": "New Okta", "switch_on": None},
    )
    return fresh_of(staff, page)


def fresh_of(staff: Staff, page: Page) -> Staff:
    provider_id = page.path.partition("?")[0].rpartition("/")[2]

    async def find(tx: Tx, _: Context) -> Staff:
        provider = await configure.get_provider(tx, provider_id)
        place = type(staff.place)(staff.running, staff.place.tenant, provider, make_pair())
        return Staff(place, staff.opened, staff.people)

    return in_tenant(staff.place, find)


def switch(staff: Staff, visitor: Visitor, state: str) -> Page:
    return visitor.submit(visitor.get(f"{staff.provider}/provisioning"), "Save", {"provisioning": state})


def pair_on(page: Page) -> Pair:
    return Pair(page.copied("the Key"), page.copied("the Secret"))


def make_key(staff: Staff, visitor: Visitor, **fields: str) -> Page:
    return visitor.submit(visitor.get(f"{staff.provider}/provisioning"), "Make key", fields)


def everything_shown(staff: Staff, visitor: Visitor) -> str:
    """The source of every page that somebody can look at in the tenant."""
    pages = [visitor.get(path) for path in staff.every_page()]
    assert {page.status for page in pages} == {200}
    return "".join(page.source for page in pages)


# -- the switch and the pair -------------------------------------------------------------------------------------------


def test_key_and_secret_are_shown_once(fresh: Staff, owner: Visitor) -> None:
    page = owner.get(f"{fresh.provider}/provisioning")
    assert "No key yet. One is made when auto-provisioning is switched on." in page.text
    page = switch(fresh, owner, "on")
    check_markup(page)
    check_headers(page.answer)
    pair = pair_on(page)
    assert well_formed(pair.secret)
    assert page.copied("the token") == pair.token
    assert page.copied("the SCIM URL") == fresh.place.scim_url
    assert "The Secret is shown only now and is not stored." in page.text
    for label in ("SCIM 2.0 Base Url", "Username", "Password"):
        assert label in page.text
    assert (page.copied("SCIM 2.0 Base Url"), page.copied("Username")) == (fresh.place.scim_url, pair.key)
    assert page.source.count(pair.secret) == 1
    shown = everything_shown(fresh, owner) + everything_shown(fresh, fresh.signed_in("operator"))
    for secret in (pair.secret, pair.secret.removeprefix("vs_"), pair.token):
        assert secret not in shown
        assert secret not in fresh.running.log.read_text()
        for table in ("events", "credentials", "identity_providers", "facts"):
            assert secret not in str(rows(fresh.running, f"SELECT * FROM {table}"))
    assert pair.key in shown
    page = switch(fresh, owner, "on")
    assert not page.all("//*[contains(@class, 'secret')]"), "switching on what is on makes no other pair"
    page = switch(fresh, owner, "off")
    page = switch(fresh, owner, "on")
    assert page.notice == "Auto-provisioning is on."
    assert not page.all("//*[contains(@class, 'secret')]"), "the pair that was made still opens the door"
    with fresh.place.client(pair) as scim:
        assert scim.get("/Users").status_code == 200


def test_a_new_identity_provider_comes_switched_on_with_its_key(staff: Staff, owner: Visitor) -> None:
    """As the form proposes it: what took an Add, a switch and a Save takes one press."""
    form = owner.get(staff.at("identity-providers", "new"))
    page = owner.submit(form, "Add identity provider", {"name": "Another Okta"})
    check_markup(page)
    assert page.heading == "Another Okta"
    with staff.place.client(pair_on(page)) as scim:
        assert scim.get("/Users").status_code == 200
    told = [event["type"] for event in staff.place.events("")][-3:]
    assert told == ["identity_provider.created", "provisioning.switched_on", "credential.created"]


def test_no_cache_keeps_the_secret(fresh: Staff, owner: Visitor) -> None:
    page = switch(fresh, owner, "on")
    assert page.answer.headers["cache-control"] == "no-store"
    address = page.path
    again = owner.get(address)
    assert "The Secret was shown once, just now, and is not shown again." in again.notice
    assert not again.all("//*[contains(@class, 'secret')]")
    assert len(again.rows()) == 1, "loading the page again makes no other pair"
    assert fresh.signed_in("admin").get(address).all("//*[contains(@class, 'secret')]") == [], "nor in another session"
    kept = rows(fresh.running, "SELECT sealed FROM sealed_notes WHERE tenant_id = $1", fresh.place.tenant.id)
    assert [bytes(row[0]) for row in kept] == [b""]


def test_only_the_session_that_made_a_secret_is_shown_it(fresh: Staff, owner: Visitor) -> None:
    page = owner.post(f"{fresh.provider}/provisioning", {"provisioning": "on", "form_token": owner.form_token})
    assert page.status == 303
    address = page.answer.headers["location"]
    for other in (fresh.signed_in("admin"), fresh.signed_in("owner"), fresh.signed_in("operator")):
        page = other.get(address)
        assert "The Secret was shown once, and is not shown again." in page.notice
        assert not page.all("//*[contains(@class, 'secret')]")
    check_markup(owner.get(address))
    assert owner.get(address).all("//*[contains(@class, 'secret')]") == []


def test_switching_off_refuses_and_pausing_lets_wait(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    ana = staff.provision(scim, userName="ana@north.example")
    page = switch(staff, owner, "paused")
    assert page.notice == (
        "Provisioning is paused. New people and changes wait at the identity provider. People who are "
        "deactivated or deleted there lose access at once."
    )
    assert scim.get(f"/Users/{ana['id']}").status_code == 200
    answer = scim.put(f"/Users/{ana['id']}", json={"userName": "anna@north.example"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    page = switch(staff, owner, "off")
    assert page.notice == "Auto-provisioning is off: requests are refused."
    assert scim.get(f"/Users/{ana['id']}").status_code == 403
    page = switch(staff, owner, "on")
    assert scim.put(f"/Users/{ana['id']}", json={"userName": "anna@north.example"}).status_code == 200
    told = [event["type"].partition(".")[2] for event in staff.place.events("provisioning.")]
    assert told == ["switched_on", "paused", "switched_off", "switched_on"]


def test_a_form_that_says_nothing_switches_nothing(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    for fields in ({}, {"provisioning": ""}, {"provisioning": "maybe"}):
        page = owner.post(f"{staff.provider}/provisioning", {**fields, "form_token": owner.form_token})
        assert page.status == 400
    assert scim.get("/Users").status_code == 200


# -- a second pair -----------------------------------------------------------------------------------------------------


def test_a_second_pair_lives_beside_the_first(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    scim.get("/Users")
    page = make_key(staff, owner, label="Winter")
    check_markup(page)
    second = pair_on(page)
    assert second.key != staff.place.pair.key
    assert second.secret not in everything_shown(staff, owner)
    assert [row.split(" | ")[:2] for row in page.rows()] == [
        [shortened(staff.place.pair.key), "First key"],
        [shortened(second.key), "Winter"],
    ]
    assert page.copied("Username") == second.key, "the steps name the pair that is to be entered now"
    with staff.place.client(second) as newer:
        assert newer.get("/Users").status_code == scim.get("/Users").status_code == 200
    # Uses are noted once a minute, so only an older pair whose last noted use is a while ago has fallen silent.
    path = f"{staff.provider}/provisioning"
    until(lambda: owner.get(path).rows(), lambda seen: all("127.0.0.1" in row for row in seen))
    silent_for(staff, staff.place.pair.key, 5 * 60_000)
    page = until(lambda: owner.get(path), lambda seen: "safe to retire" in seen.text)
    assert "The newest pair is in use: it is safe to retire the older one." in page.text
    assert "a newer pair is in use: safe to retire" in page.rows()[0]
    assert "127.0.0.1, Okta SCIM Client 1.0.0" in page.rows()[1]
    page = owner.submit(page, "Retire key", within="(//table)[1]/tbody/tr[1]")
    assert page.notice == "The key is retired, and refused from now on."
    assert scim.get("/Users").status_code == 401
    with staff.place.client(second) as newer:
        assert newer.get("/Users").status_code == 200
    assert [row.split(" | ")[1] for row in page.rows()] == ["Winter"]
    assert "1 retired or expired" in page.text
    told = [event["type"] for event in staff.place.events("credential.")]
    assert told.count("credential.created") == 2
    assert told.count("credential.revoked") == 1


def silent_for(staff: Staff, key: str, duration: int) -> None:
    """Let a key have been used last so many milliseconds ago."""
    statement = "UPDATE credentials SET last_used_at = $2 WHERE key = $1"
    assert sql(staff.running, statement, key, milliseconds_now() - duration) == 1


def test_a_pair_that_is_still_in_use_is_not_called_safe_to_retire(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    """Uses are noted once a minute: within that minute nobody knows yet whether the older pair has fallen silent."""
    scim.get("/Users")
    second = pair_on(make_key(staff, owner, label="Winter"))
    with staff.place.client(second) as newer:
        for client in (newer, scim, newer, scim):
            assert client.get("/Users").status_code == 200
    until(lambda: owner.get(f"{staff.provider}/provisioning").rows(), lambda seen: "never | never" not in seen[1])
    assert "safe to retire" not in owner.get(f"{staff.provider}/provisioning").text


def test_every_pair_can_be_retired_and_on_makes_another(staff: Staff, owner: Visitor) -> None:
    page = owner.submit(owner.get(f"{staff.provider}/provisioning"), "Retire key")
    assert "No key yet." in page.text
    assert "There is no key that works." in page.text
    page = switch(staff, owner, "on")
    with staff.place.client(pair_on(page)) as scim:
        assert scim.get("/Users").status_code == 200


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"expires": "31.12.2040"}, "expires", "The expiry should be a day such as 2027-03-31."),
        ({"expires": "2040-02-30"}, "expires", "a day such as"),
        ({"expires": day(-1)}, "expires", "The expiry should be in the future."),
        ({"label": "l" * 101}, "label", "The label should have 1 to 100 characters; got 101."),
        ({"label": "Win\u200bter"}, "label", "got U+200B."),
    ],
)
def test_a_wrong_key_gets_its_sentence(
    staff: Staff, owner: Visitor, fields: dict[str, str], field: str, sentence: str
) -> None:
    page = make_key(staff, owner, **fields)
    check_markup(page)
    assert page.status == 400
    assert sentence in page.problem(field)
    assert page.value(field) == fields[field]
    assert page.all(f"//details[@open]//*[@id='{field}']"), "the form with the mistake is open"
    assert len(page.rows()) == 1


def test_a_key_can_expire(staff: Staff, owner: Visitor) -> None:
    page = make_key(staff, owner, label="Winter", expires=day(30))
    pair = pair_on(page)
    assert re.search(r"in (29|30) days", page.rows()[1])
    with staff.place.client(pair) as scim:
        assert scim.get("/Users").status_code == 200
        sql(staff.running, "UPDATE credentials SET expires_at = $2 WHERE key = $1", pair.key, milliseconds_now() - 1)
        assert scim.get("/Users").status_code == 401
    assert "Winter, expired" in owner.get(f"{staff.provider}/provisioning").text


def test_there_is_an_end_to_pairs(staff: Staff, owner: Visitor) -> None:
    for _ in range(9):
        assert make_key(staff, owner).status == 200
    page = make_key(staff, owner)
    assert page.status == 400
    assert "has 10 usable keys; retire one before making another" in page.notice
    assert len(page.rows()) == 10


def test_a_key_of_another_identity_provider_is_not_retired_here(staff: Staff, fresh: Staff, owner: Visitor) -> None:
    page = owner.get(f"{staff.provider}/provisioning")
    action = page.link("Retire key")
    elsewhere = action.replace(staff.place.provider.id, fresh.place.provider.id)
    assert owner.get(elsewhere).status == 404
    assert owner.post(elsewhere, {"form_token": owner.form_token}).status == 404
    assert len(owner.get(f"{staff.provider}/provisioning").rows()) == 1
