"""Groups with thousands of members: bodies in segments, answers in pieces, and changes of many at once."""

import contextlib
import threading
from typing import Any

import httpx2
import orjson
import pytest

from tests.conftest import Place
from tests.service.test_scim_groups import PATCH_OP, hire, make, members
from vestibule.actions.provision import create_user
from vestibule.actions.scim_request import Sent
from vestibule.endpoints import scim_group_body
from vestibule.endpoints.context import Context
from vestibule.endpoints.scim_group_body import GroupBody
from vestibule.scim.body import decode
from vestibule.scim.errors import InvalidSyntax, ScimError
from vestibule.scim.resource import clean
from vestibule.scim.schema import USER_TYPE

MANY = 3_000


def hire_many(place: Place, count: int) -> list[str]:
    """Create people in one transaction. Returns their ids."""
    actor = place.actor._replace(kind="identity_provider", identity_provider_id=place.provider.id)

    async def act(context: Context) -> list[str]:
        ids = []
        async with context.database.write(actor) as tx:
            for number in range(count):
                document, _ = clean({"userName": f"p{number}"}, USER_TYPE)
                ids.append((await create_user(tx, Sent("POST", "/Users"), document, [])).id)
        return ids

    return place.running.act(act)


def sent(ids: list[str]) -> list[dict[str, str]]:
    return [{"value": id_, "display": f"somebody with the id {id_}"} for id_ in ids]


def test_a_large_group_is_written_read_and_changed(scim: httpx2.Client, place: Place) -> None:
    ids = hire_many(place, MANY)
    group = scim.post("/Groups", content=orjson.dumps({"displayName": "All", "members": sent(ids)}))
    assert group.status_code == 201, group.text
    assert {member["value"] for member in group.json()["members"]} == set(ids)
    assert members(scim, group.json()) == set(ids)
    listed = scim.get("/Groups").json()
    assert (listed["itemsPerPage"], len(listed["Resources"][0]["members"])) == (1, MANY)
    operations = [{"op": "remove", "path": f'members[value eq "{id_}"]'} for id_ in ids[:2000]]
    body = {"schemas": [PATCH_OP], "Operations": operations}
    assert scim.patch(f"/Groups/{group.json()['id']}", json=body).status_code == 204
    assert members(scim, group.json()) == set(ids[2000:])
    told = [event["data"] for event in place.events("group.changed")]
    assert [(len(each["removed"]), each["part"], each["parts"]) for each in told] == [(1000, 1, 2), (1000, 2, 2)]
    whole = orjson.dumps({"members": sent(ids[1000:]), "displayName": "All", "externalId": "e"})
    assert scim.put(f"/Groups/{group.json()['id']}", content=whole).json()["externalId"] == "e"
    assert members(scim, group.json()) == set(ids[1000:])
    assert scim.delete(f"/Groups/{group.json()['id']}").status_code == 204
    assert place.faults() == []


def test_two_who_change_different_members_both_win(place: Place) -> None:
    with place.client() as scim:
        ids = hire(scim, *(f"p{number}" for number in range(64)))
        group = make(scim, "Busy", *ids[:32])
    failures: list[str] = []

    def change(mine: int) -> None:
        with place.client() as client:
            for at in range(mine, 32, 8):
                for operation in (
                    {"op": "remove", "path": f'members[value eq "{ids[at]}"]'},
                    {"op": "add", "path": "members", "value": [{"value": ids[32 + at]}]},
                ):
                    body = {"schemas": [PATCH_OP], "Operations": [operation]}
                    answer = client.patch(f"/Groups/{group['id']}", json=body)
                    if answer.status_code != 204:
                        failures.append(answer.text)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with place.client() as scim:
        assert members(scim, group) == set(ids[32:])
        assert scim.get(f"/Groups/{group['id']}").json()["meta"]["version"] == 'W/"65"'
    assert place.faults() == []


# -- reading bodies in segments ----------------------------------------------------------------------------------------

AWKWARD: list[dict[str, Any]] = [
    {"value": "a},{b", "display": '"},{"members":[{'},
    {"value": "c]", "display": '\\"]},', "more": [{"x": 1}, {"y": [2]}]},
    {"value": "d\u00e9", "$ref": "https://x.example/scim/v2/t/Users/d"},
]


def read(body: bytes, size: int) -> Any:
    reader = GroupBody()
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    return reader.finish()


@pytest.mark.parametrize("size", [1 << 30, 65_536, 777])
@pytest.mark.parametrize("indent", [False, True])
def test_a_body_in_segments_says_what_it_says_as_a_whole(size: int, indent: bool) -> None:
    listed = [*AWKWARD, *sent([f"m-{number}" for number in range(4000)]), *AWKWARD]
    group: dict[str, Any] = {
        "note": '"members":[{"value":"no"}]',
        "below": {"members": [{"value": "no"}]},
        "members": listed,
    }
    group |= {"displayName": "x", "externalId": "y"}
    body = orjson.dumps(group, option=orjson.OPT_INDENT_2 if indent else 0)
    found = read(body, size)
    assert found.rest == {name: value for name, value in group.items() if name != "members"}
    assert found.member_ids == tuple(dict.fromkeys(each["value"] for each in listed))


@pytest.mark.parametrize(
    "body",
    [
        b'{"members":[' + b'{"value":"a"},' * 20_000,
        b'{"members":[' + b'{"value":"a"},' * 20_000 + b"]}",
        b'{"members":[' + b",".join([b'{"value":"a"}'] * 20_000) + b'],"displayName":"x"',
        b'{"members":[' + b",".join([b'{"value":"a"}'] * 20_000) + b'],"members":[]}',
        b'{"members":[' + b",".join([b'{"value":"a","value":"b"}'] * 20_000) + b"]}",
    ],
    ids=["no end", "a comma too many", "no brace", "twice", "a name twice"],
)
def test_a_large_body_that_is_not_right_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidSyntax):
        read(body, 10_000)


@pytest.mark.parametrize(
    ("before", "repeated", "after"),
    [
        (b'{"members":[{"value":"', b"},", b'"}]}'),
        (b'{"members":[{"value":"', b"]", b'"}]}'),
        (b'{"members":[{"value":"', b"],[{", b'"}]}'),
        (b'{"members":[{"value":"a', b'\\"', b'"}]}'),
        (b'{"members":[{"value":"a","x":[', b"{},", b"0]}]}"),
        (b'{"a":[', b'{"members":[1]},', b"0]}"),
        (b'{"members":[', b'{"value":"a"},', b"0]}"),
        (b'{"members":[{"a":', b'"x","a":', b"0}]}"),
    ],
)
def test_what_is_repeated_in_a_body_costs_in_proportion_to_its_length(
    before: bytes, repeated: bytes, after: bytes
) -> None:
    """Counted in bytes that are handed to the parser and to the tokeniser, whatever they say."""

    def cost(times: int) -> int:
        body = before + repeated * (times // len(repeated)) + after
        looked_at = 0
        tokens = scim_group_body._TOKEN

        def counting(sent: bytes, *limits: int) -> Any:
            nonlocal looked_at
            looked_at += len(sent)
            return decode(sent, *limits)

        class Tokens:
            @staticmethod
            def finditer(text: bytes, start: int) -> Any:
                nonlocal looked_at
                looked_at += len(text) - start
                return tokens.finditer(text, start)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scim_group_body, "decode", counting)
            patch.setattr(scim_group_body, "_TOKEN", Tokens)
            with contextlib.suppress(ScimError):
                read(body, 4096)
        return looked_at

    assert cost(800_000) <= 20 * cost(80_000)


def test_a_body_that_is_refused_early_is_answered_to_a_client_that_still_sends(scim: httpx2.Client) -> None:
    body = b'{"displayName":"x","members":[{"display":"nobody"},' + b",".join([b'{"value":"a"}'] * 500_000) + b"]}"
    answer = scim.post("/Groups", content=body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "Member 1 has no 'value'" in answer.json()["detail"]


def test_a_large_body_keeps_little() -> None:
    """Of a megabyte of members, the reader holds the ids and less than a segment."""
    reader = GroupBody()
    reader.feed(b'{"displayName":"x","members":[')
    for number in range(20_000):
        reader.feed(orjson.dumps(sent([f"{number:036}"])[0]) + b",")
        assert reader._held < 70_000
    with pytest.raises(ScimError):
        reader.finish()
