"""`vestibule user`: who is there, and keeping somebody out from the command line while the server runs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Place
from tests.console.conftest import in_tenant
from tests.sign_in.company import Company, resource
from vestibule.actions import configure, people
from vestibule.endpoints.context import Context
from vestibule.keys import Pair
from vestibule.store.database import Tx

NAME = "ana.lima@north.example"


@pytest.fixture
def company(place: Place) -> Iterator[Company]:
    """The tenant's identity provider, and its people's browsers."""
    made = Company(place)
    made.tie()
    yield made
    made.close()


def names(place: Place, *options: str) -> list[str]:
    """Whom the list shows."""
    return [each["user_name"] for each in shown(place, "user", "list", place.tenant.name, *options)]


def shown(place: Place, *arguments: str) -> Any:
    """What a verb prints with --json."""
    return json.loads(place.running.verb(*arguments, "--json").stdout)


def refused(place: Place, verb: str, *arguments: str) -> tuple[int, str]:
    """A verb that is not carried out: its exit code, and its one line."""
    done = place.running.verb("user", verb, place.tenant.name, *arguments, check=False)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr.strip()


def add_by_hand(place: Place, name: str) -> str:
    """A person who belongs to nobody; their id."""

    async def add(tx: Tx, _context: Context) -> str:
        return (await people.add_by_hand(tx, {"userName": name}, "editor")).id

    return in_tenant(place, add)


def test_people_are_listed_searched_and_told_apart_by_state(place: Place, company: Company) -> None:
    assert place.running.command("user", "list", place.tenant.name).stdout == "Nobody yet.\n"
    ana, _ = company.hire(NAME, displayName="Ana Lima")
    bo, _ = company.hire("bo@north.example", active=False)
    hand = add_by_hand(place, "hand@north.example")
    place.running.verb("user", "block", place.tenant.name, bo)
    assert names(place) == ["hand@north.example", "bo@north.example", NAME]
    assert names(place, "--search", "LIMA ana") == [NAME]
    assert names(place, "--state", "active") == ["hand@north.example", NAME]
    assert names(place, "--state", "inactive") == ["bo@north.example"]
    assert names(place, "--state", "blocked") == ["bo@north.example"]
    assert names(place, "--state", "blocked", "--search", "hand") == []
    listed = shown(place, "user", "list", place.tenant.name)
    blocked_at, times = listed[1]["blocked_at"], ("created_at", "modified_at")
    assert isinstance(blocked_at, int)
    assert [{name: value for name, value in each.items() if name not in times} for each in listed] == [
        {
            "id": hand,
            "user_name": "hand@north.example",
            "name": "",
            "identity_provider": None,
            "active": True,
            "blocked_at": None,
            "roles": ["editor"],
        },
        {
            "id": bo,
            "user_name": "bo@north.example",
            "name": "Ana Reis",
            "identity_provider": "Okta",
            "active": False,
            "blocked_at": blocked_at,
            "roles": [],
        },
        {
            "id": ana,
            "user_name": NAME,
            "name": "Ana Lima",
            "identity_provider": "Okta",
            "active": True,
            "blocked_at": None,
            "roles": [],
        },
    ]
    lines = place.running.verb("user", "list", place.tenant.name).stdout.splitlines()
    assert [line.split() for line in lines] == [
        [hand, "active", "added", "by", "hand", "hand@north.example"],
        [bo, "inactive,", "blocked", "Okta", "bo@north.example"],
        [ana, "active", "Okta", NAME],
    ]
    nobody = place.running.verb("user", "list", place.tenant.name, "--search", "nobody is called this")
    assert nobody.stdout == "Nobody matches.\n"


def test_more_people_than_one_reading_takes_are_all_listed(place: Place) -> None:
    wanted = [f"p{number:04}@north.example" for number in range(1001)]

    async def add(tx: Tx, _context: Context) -> None:
        for name in wanted:
            await people.add_by_hand(tx, {"userName": name}, "")

    in_tenant(place, add)
    assert names(place) == wanted[::-1]


def test_somebody_is_kept_out_and_let_in_again(place: Place, company: Company) -> None:
    user_id, name = company.hire()
    browsers = [company.sign_in(name), company.sign_in(name)]
    said = place.running.verb("user", "block", place.tenant.name, name.upper()).stdout
    assert said == f"{name} is blocked, and their sessions have ended.\n"
    assert not any(company.is_in(each) for each in browsers)
    with place.client() as scim:
        assert scim.put(f"/Users/{user_id}", json=resource(name)).status_code == 200
    fresh = company.browser()
    assert company.post(fresh, company.response(name, company.begin(fresh))).status == 403
    (told,) = place.events("user.blocked")
    assert (told["subject"], told["actor"]["name"], told["data"]["sessions_ended"]) == (user_id, "command line", 2)

    assert shown(place, "user", "let-in", place.tenant.name, user_id)["blocked_at"] is None
    assert company.is_in(company.sign_in(name))
    assert [each["actor"]["name"] for each in place.events("user.let_in")] == ["command line"]


def test_who_is_inactive_as_well_is_not_said_to_come_in(place: Place, company: Company) -> None:
    _, name = company.hire(active=False)
    place.running.verb("user", "block", place.tenant.name, name)
    said = place.running.verb("user", "let-in", place.tenant.name, name).stdout
    assert said == f"{name} is no longer blocked; they are inactive, and cannot sign in.\n"


def test_sessions_are_ended_and_counted(place: Place, company: Company) -> None:
    _, name = company.hire()
    browsers = [company.sign_in(name), company.sign_in(name)]
    assert shown(place, "user", "end-sessions", place.tenant.name, name)["sessions_ended"] == 2
    assert not any(company.is_in(each) for each in browsers)
    company.sign_in(name)
    for said in ("Ended 1 session", "Ended 0 sessions"):
        done = place.running.verb("user", "end-sessions", place.tenant.name, name)
        assert done.stdout == f"{said} of {name}.\n"


def test_of_two_people_with_one_user_name_nobody_is_guessed(place: Place, company: Company) -> None:
    first, _ = company.hire(NAME)

    async def second(tx: Tx, context: Context) -> Pair:
        provider = await configure.create_provider(tx, "Second", "generic")
        _, pair = await configure.set_provisioning(tx, provider.id, "on", context.checker)
        assert pair is not None
        return pair

    with place.client(in_tenant(place, second)) as other:
        twin = other.post("/Users", json={"userName": NAME.title()}).json()["id"]
    for verb in ("block", "let-in", "end-sessions"):
        code, said = refused(place, verb, NAME)
        assert code == 2
        assert said.startswith(f"vestibule: 2 people of {place.tenant.name} have the user name '{NAME}': ")
        assert f"{first} (Okta)" in said
        assert f"{twin} (Second)" in said
        assert said.endswith("Give an id, or --idp NAME.")
    assert [each["type"] for each in place.events("user.")] == ["user.created", "user.created"]
    block = ("user", "block", place.tenant.name)
    assert shown(place, *block, NAME, "--idp", "Second")["id"] == twin
    assert shown(place, *block, first)["id"] == first
    assert shown(place, *block, first, "--idp", place.provider.id)["id"] == first


def test_who_or_what_there_is_not_is_said(place: Place, company: Company) -> None:
    user_id, name = company.hire()
    tenant = place.tenant.name
    code, said = refused(place, "block", "nobody@north.example")
    assert (code, said.partition(". ")[2]) == (1, f"`vestibule user list {tenant}` shows them.")
    assert f"There is nobody in {tenant} with the user name or id 'nobody@north.example'" in said
    code, said = refused(place, "end-sessions", name, "--idp", "Nothing")
    assert (code, "has no identity provider 'Nothing'" in said) == (1, True)

    async def second(tx: Tx, _context: Context) -> None:
        await configure.create_provider(tx, "Second", "generic")

    in_tenant(place, second)
    for wanted in (name, user_id):
        code, said = refused(place, "let-in", wanted, "--idp", "second")
        assert (code, f"There is nobody in Second of {tenant}" in said) == (1, True)
    elsewhere = place.running.new_tenant()
    code, said = refused(elsewhere, "block", user_id)
    assert (code, "There is nobody" in said) == (1, True), "an id of another tenant"
    done = place.running.verb("user", "list", "nowhere", "--json", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "vestibule: There is no tenant 'nowhere'. `vestibule tenant list` shows them.\n"
    assert place.running.verb("user", "list", tenant, "--state", "asleep", check=False).returncode == 2
    assert json.loads(place.running.verb("user", "list", tenant, "--json").stdout)[0]["blocked_at"] is None
