"""`vestibule group`: which groups there are and who is in them, from the command line while the server runs."""

import json
from typing import Any

import httpx2

from tests.conftest import Place
from tests.console.conftest import in_tenant
from tests.service.test_scim_groups import hire, make
from vestibule.actions import groups_by_hand
from vestibule.endpoints.context import Context
from vestibule.store.database import Tx


def shown(place: Place, verb: str, *arguments: str) -> Any:
    """What a verb prints with --json."""
    return json.loads(place.running.verb("group", verb, place.tenant.name, *arguments, "--json").stdout)


def said(place: Place, verb: str, *arguments: str) -> list[str]:
    """The lines that a verb prints."""
    return place.running.verb("group", verb, place.tenant.name, *arguments).stdout.splitlines()


def refused(place: Place, verb: str, *arguments: str) -> tuple[int, str]:
    """A verb that is not carried out: its exit code, and its one line."""
    done = place.running.verb("group", verb, place.tenant.name, *arguments, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr.strip()


def make_by_hand(place: Place, name: str, *members: str) -> str:
    """A group that was made by hand; its id."""

    async def act(tx: Tx, _context: Context) -> str:
        return (await groups_by_hand.create_by_hand(tx, name, members)).id

    return in_tenant(place, act)


def test_groups_are_listed_and_one_is_shown(place: Place, scim: httpx2.Client) -> None:
    assert said(place, "list") == ["No group yet."]
    ana, bo = hire(scim, "ana", "bo")
    watch = scim.post("/Groups", json={"displayName": "Watch", "externalId": "w1", "members": [{"value": ana}]}).json()
    unit = make(scim, "Unit", watch["id"], bo)
    hand = make_by_hand(place, "Council", "Unit")
    assert [each["name"] for each in shown(place, "list")] == ["Council", "Unit", "Watch"]
    assert [each["name"] for each in shown(place, "list", "--search", "WA")] == ["Watch"]
    assert [each["name"] for each in shown(place, "list", "--by-hand")] == ["Council"]
    assert [each["name"] for each in shown(place, "list", "--idp", "okta")] == ["Unit", "Watch"]
    assert said(place, "list", "--search", "nothing") == ["No group matches."]
    assert [line.split() for line in said(place, "list")] == [
        [hand, "1", "made", "by", "hand", "Council"],
        [unit["id"], "2", "Okta", "Unit"],
        [watch["id"], "1", "Okta", "Watch"],
    ]
    found = shown(place, "show", "unit")
    assert {name: value for name, value in found.items() if not name.endswith("_at")} == {
        "id": unit["id"],
        "name": "Unit",
        "external_id": None,
        "identity_provider": "Okta",
        "member_count": 2,
        "in_groups": [{"id": hand, "name": "Council", "identity_provider": None, "member_count": 1}],
        "groups": [{"id": watch["id"], "name": "Watch", "identity_provider": "Okta", "member_count": 1}],
    }
    assert [line.split() for line in said(place, "show", unit["id"])] == [
        ["Unit:", "2", "members,", "Okta,", unit["id"]],
        ["It", "is", "in:"],
        [hand, "1", "made", "by", "hand", "Council"],
        ["In", "it", "are:"],
        [watch["id"], "1", "Okta", "Watch"],
    ]
    assert shown(place, "show", "Watch")["external_id"] == "w1"


def test_more_groups_than_one_reading_takes_are_all_listed(place: Place) -> None:
    wanted = [f"g{number:04}" for number in range(1001)]

    async def act(tx: Tx, _context: Context) -> None:
        for name in wanted:
            await groups_by_hand.create_by_hand(tx, name)

    in_tenant(place, act)
    assert [each["name"] for each in shown(place, "list")] == wanted


def test_members_are_paged(place: Place, scim: httpx2.Client) -> None:
    ids = hire(scim, "ana", "bo", "cy")
    inner = make(scim, "Inner")
    group = make(scim, "Watch", *ids, inner["id"])
    scim.patch(f"/Users/{ids[1]}", json={"Operations": [{"op": "replace", "value": {"active": False}}]})
    page = shown(place, "members", "Watch", "--limit", "2")
    assert page == {
        "group": group["id"],
        "member_count": 4,
        "members": [
            {
                "id": id_,
                "type": "User",
                "name": name,
                "display_name": name.title(),
                "identity_provider": "Okta",
                "active": name == "ana",
            }
            for id_, name in zip(ids, ("ana", "bo"), strict=False)
        ],
        "next": ids[1],
    }
    last = shown(place, "members", "Watch", "--limit", "2", "--after", page["next"])
    assert [each["name"] for each in last["members"]] == ["cy", "Inner"]
    assert (last["members"][1]["type"], last["members"][1]["active"], last["next"]) == ("Group", None, None)
    assert [line.split() for line in said(place, "members", "Watch", "--limit", "2")] == [
        [ids[0], "active", "Okta", "ana"],
        [ids[1], "inactive", "Okta", "bo"],
        ["2", "of", "4", "members.", "The", "next", "page:", "--after", ids[1]],
    ]
    assert said(place, "members", "Watch")[3].split() == [inner["id"], "group", "Okta", "Inner"]
    assert said(place, "members", "Inner") == ["No members."]
    assert said(place, "members", "Watch", "--after", inner["id"]) == ["No more members."]


def test_which_group_is_meant_is_never_guessed(place: Place, scim: httpx2.Client) -> None:
    pushed = make(scim, "Watch")["id"]
    hand = make_by_hand(place, "watch")
    for verb in ("show", "members"):
        code, line = refused(place, verb, "WATCH")
        assert code == 2
        assert line.startswith(f"vestibule: 2 groups of {place.tenant.name} have the name 'WATCH': ")
        assert f"{pushed} (Okta)" in line
        assert f"{hand} (made by hand)" in line
    assert shown(place, "show", "watch", "--idp", "Okta")["id"] == pushed
    assert shown(place, "show", hand)["id"] == hand
    code, line = refused(place, "show", "Nothing")
    assert (code, line.partition(". ")[2]) == (1, f"`vestibule group list {place.tenant.name}` shows them.")
    assert f"There is no group in {place.tenant.name} with the name or id 'Nothing'." in line
    assert refused(place, "list", "--idp", "Okta", "--by-hand")[0] == 2
    elsewhere = place.running.new_tenant()
    assert refused(elsewhere, "show", pushed)[0] == 1, "an id of another tenant"
