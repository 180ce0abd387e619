"""Values from an identity provider, from a form or from an address are hostile: they are shown, and never become part
of the page.
"""

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest

from tests.console.conftest import Staff, in_tenant, open_session
from tests.console.harmless import check_headers, check_markup
from tests.console.payloads import EVIDENCE, PAYLOADS, VISIBLE, described, joined
from tests.console.visitor import Page, Visitor
from vestibule.actions import configure, groups_by_hand
from vestibule.endpoints.context import Context
from vestibule.scim.text import unprintable
from vestibule.store.database import Tx

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
GROUP = 7


def grouped(payloads: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Returns the payloads joined, in groups that share a tenant."""
    texts = joined(payloads)
    return [texts[start : start + GROUP] for start in range(0, len(texts), GROUP)]


@pytest.fixture
def operator(staff: Staff) -> Visitor:
    visitor = staff.visitor()
    visitor.take(open_session(staff.running, staff.hire("operator")))
    return visitor


def check(page: Page) -> Page:
    """Hold a page to being a page of ours and nothing else."""
    assert page.status == 200, f"{page.path}: {page.status} {page.text[:300]}"
    check_headers(page.answer)
    check_markup(page)
    assert EVIDENCE not in page.source
    return page


def places(staff: Staff) -> list[str]:
    """Every page on which a value could stand."""
    return [*staff.every_page(), "/console/"]


def text_of(payload: str) -> str:
    return " ".join(payload.split())


def test_there_are_enough_of_them() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 60
    for payloads in (PAYLOADS, VISIBLE):
        assert all(any(payload in text for text in joined(payloads)) for payload in payloads)


@pytest.mark.parametrize("payloads", grouped(PAYLOADS), ids=range(len(grouped(PAYLOADS))))
def test_what_an_identity_provider_says_is_shown_and_nothing_more(
    staff: Staff, scim: httpx2.Client, operator: Visitor, payloads: tuple[str, ...]
) -> None:
    made = {payload: say(scim, payload, f"p{number}@north.example") for number, payload in enumerate(payloads)}
    for path in places(staff):
        check(operator.get(path))
    listed = operator.get(staff.at("users")).rows()
    for payload, user_id in made.items():
        person = operator.get(staff.at("users", user_id))
        if unprintable(payload) is None:
            assert f"title | {text_of(payload)} again | title" in person.rows()
            assert any(row.startswith(f"{text_of(payload)} | {text_of(payload)} | active") for row in listed)
            assert f"{text_of(payload)} | 1 member | Okta" in group_rows(operator.get(staff.at("groups"), q=payload))
            log = operator.get(staff.at("activity"), subject=user_id)
            assert log.timeline()[-1].endswith(f" created {text_of(payload)}")
        check(operator.get(staff.at("users"), q=payload))
        check(
            operator.get(
                f"{staff.provider}/mapping", person=json.loads(person.one("//details/pre").text_content())["userName"]
            )
        )


def group_rows(page: Page) -> list[str]:
    """The rows of a list of groups, without the time of their last change."""
    return [row.rpartition(" | ")[0] for row in check(page).rows()]


def say(scim: httpx2.Client, payload: str, otherwise: str) -> str:
    """Say a payload wherever an identity provider can say something; the id of the person who is called that."""
    name = payload if unprintable(payload) is None else otherwise
    agent = {b"user-agent": payload.encode("utf-8", "replace").translate(None, b"\r\n\x00\x0b\x0c\x07\x1b\x7f")}
    answer = scim.post("/Users", json=described(payload, name), headers=agent)
    assert answer.status_code == 201, answer.text
    ana = str(answer.json()["id"])
    step = {"op": "replace", "path": payload, "value": payload}
    steps: list[list[dict[str, Any]]] = [
        [step],
        [{**step, "path": f'emails[type eq "{payload}"].value'}],
        [{**step, "path": "title", "value": f"{payload} again"}],
        [{"op": payload, "path": "title", "value": payload}],
        [{"op": "replace", "value": {payload: payload, "name": {payload: payload, "givenName": payload + "!"}}}],
    ]
    for operations in steps:
        body = {"schemas": [PATCH, payload], "Operations": operations}
        assert scim.patch(f"/Users/{ana}", json=body, headers=agent).status_code < 500
    group = {"displayName": name, "externalId": payload, "members": [{"value": ana, "display": payload}]}
    assert scim.post("/Groups", json=group, headers=agent).status_code in {201, 409}
    removal = {"op": "remove", "path": f'members[value eq "{payload}"]'}
    assert scim.post("/Groups", json={"displayName": payload, payload: payload}).status_code < 500
    for operation in (removal, {"op": "add", "path": "members", "value": [{"value": payload}]}):
        body = {"schemas": [PATCH], "Operations": [operation]}
        (made,) = scim.get("/Groups", params={"filter": f'members eq "{ana}"'}).json()["Resources"]
        assert scim.patch(f"/Groups/{made['id']}", json=body, headers=agent).status_code < 500
    assert (
        scim.post("/Users", json={"userName": payload, payload: payload, "x": {payload: [payload]}}).status_code < 500
    )
    assert scim.post("/Users", json=[payload]).status_code == 400
    assert scim.get("/Users", params={"filter": payload}).status_code < 500
    assert scim.get("/Users", params={"filter": f'userName eq "{payload}"', payload[:50]: payload}).status_code < 500
    assert scim.get(f"/{quote(payload, safe='')}").status_code in {400, 404, 501}
    assert scim.get(f"/Users/{quote(payload, safe='')}").status_code == 404
    return ana


def test_every_attribute_that_can_hold_a_text_held_one(scim: httpx2.Client) -> None:
    """The test above reaches what it says it reaches."""
    mark = "north-mark"
    made = scim.post("/Users", json=described(mark, "ana@north.example")).json()
    assert str(made).count(mark) == str(described(mark, "ana@north.example")).count(mark) > 40


@pytest.mark.parametrize("payloads", grouped(VISIBLE), ids=range(len(grouped(VISIBLE))))
def test_what_administrators_type_is_shown_and_nothing_more(
    staff: Staff, operator: Visitor, payloads: tuple[str, ...]
) -> None:
    for payload in payloads:
        type_everywhere(staff, operator, payload, operator.form_token)
        page = check(operator.get(f"{staff.provider}/provisioning"))
        assert page.heading == text_of(payload)
        assert f" | {text_of(payload)} | " in page.rows()[-1]
        operator.submit(page, "Retire key", within="(//table)[1]/tbody/tr[last()]")
        tenants = check(operator.get("/console/"))
        assert any(row.startswith(f"{text_of(payload)} | h-") for row in tenants.rows())
        auditor = staff.visitor()
        auditor.take(open_session(staff.running, staff.hire("auditor", name=payload)))
        page = check(auditor.get(staff.at("")))
        assert f"{text_of(payload)}, auditor" in " ".join(page.tree.text_content().split())
    listed = operator.get(staff.at("users")).rows()
    assert sum(row.partition(" | ")[0] in set(map(text_of, payloads)) for row in listed) == len(payloads)
    for path in places(staff):
        check(operator.get(path))


def type_everywhere(staff: Staff, operator: Visitor, payload: str, form_token: str) -> None:
    """Type a payload into every form that takes a text."""
    person = {
        "user_name": payload, "given_name": payload, "family_name": payload, "display_name": payload,
        "email": payload, "title": payload, "role": payload,
    }  # fmt: skip
    rules = {"target-0": "a", "sources-0": "nickName", "default-0": payload, "joins-0": "yes", "join-0": payload[:20]}
    for path, form, status in (
        (f"{staff.provider}/settings", {"name": payload, "enabled": "yes"}, 303),
        (f"{staff.provider}/keys", {"label": payload}, 303),
        (f"{staff.provider}/mapping", {**rules, "do": "save"}, 303),
        (
            f"{staff.provider}/saml",
            {"way": "hand", **dict.fromkeys(("entity_id", "sso_url", "certificate"), payload)},
            400,
        ),
        (staff.at("users", "new"), person, 303),
        (staff.at("groups", "new"), {"name": payload, "members": payload}, 303),
        (staff.at("administrators"), {"email": f"{uuid4().hex}@north.example", "name": payload, "role": "admin"}, 303),
        ("/console/", {"title": payload, "name": f"h-{uuid4().hex[:10]}"}, 303),
    ):
        page = operator.post(path, {**form, "form_token": form_token})
        assert page.status == status, page.text
        if status != 303:
            check_markup(page)


@pytest.mark.parametrize("payloads", grouped(PAYLOADS), ids=range(len(grouped(PAYLOADS))))
def test_what_stands_in_an_address_or_a_refused_form_is_shown_and_nothing_more(
    staff: Staff, operator: Visitor, payloads: tuple[str, ...]
) -> None:
    for payload in payloads:
        ask_everywhere(staff, operator, payload)


def a_group(staff: Staff) -> str:
    """A group that was made by hand; its id."""

    async def act(tx: Tx, _: Context) -> str:
        return (await groups_by_hand.create_by_hand(tx, f"Watch {uuid4().hex}")).id

    return in_tenant(staff.place, act)


def ask_everywhere(staff: Staff, operator: Visitor, payload: str) -> None:
    """Put a payload into every address, and into forms that are refused for it."""
    made = a_group(staff)
    for path, names in (
        (staff.at("users"), ("q", "state", "provider", "after", "before", "done")),
        (staff.at("groups"), ("q", "provider", "after", "before", "done")),
        (staff.at("groups", made), ("q", "after", "before", "done")),
        (staff.at("activity"), ("what", "type", "provider", "subject", "before", "done")),
        (f"{staff.provider}/mapping", ("done",)),
    ):
        check(operator.get(path, **dict.fromkeys(names, payload)))
    nobody = staff.visitor()
    check(nobody.get("/console/sign-in", to=payload, tenant=payload, done=payload))
    page = nobody.post("/console/sign-in", {"email": payload, "tenant": payload, "to": payload, "password": payload})
    assert page.status == 401
    check_markup(page)
    token = {"form_token": operator.form_token}
    for path, form in (
        (staff.at("users", "new"), {"user_name": payload * 90, "title": payload, "role": payload * 40}),
        (staff.at("groups", "new"), {"name": payload * 90, "members": payload}),
        (staff.at("groups", made), {"name": payload * 90}),
        (staff.at("groups", made, "members"), {"members": payload}),
        (staff.at("groups", made, "members", "remove"), {"member": payload}),
        (staff.at("groups", made, "delete"), {"confirm": payload}),
        (staff.at("identity-providers", "new"), {"name": payload * 60, "vendor": payload, "metadata": payload}),
        (staff.at("administrators"), {"email": payload, "name": payload, "role": payload}),
        ("/console/", {"name": payload, "title": payload}),
        (f"{staff.provider}/keys", {"label": payload * 60, "expires": payload}),
        (f"{staff.provider}/mapping", {"target-0": payload, "sources-0": payload, "person": payload, "do": "preview"}),
        (f"{staff.provider}/mapping", {"target-0": "a", "sources-0": payload, "default-0": payload, "do": "save"}),
        (f"{staff.provider}/mapping", {"target-0": "a", "sources-0": "title", "person": payload, "do": "preview"}),
    ):
        page = operator.post(path, {**form, **token})
        assert 200 <= page.status < 500, page.text
        if page.status != 303:
            check_markup(page)
            assert EVIDENCE not in page.source


def test_a_page_stays_small_whatever_an_identity_provider_says(
    staff: Staff, scim: httpx2.Client, operator: Visitor
) -> None:
    """Under 100 KB each: a list with people whose every value is as long as it may be is still a list."""
    long = {"displayName": "n" * 60_000, "title": "t" * 60_000, "name": {"givenName": "g" * 60_000}}
    made = [staff.provision(scim, userName=f"p{number}@north.example", **long) for number in range(3)]
    scim.patch(
        f"/Users/{made[0]['id']}",
        json={"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "x" * 60_000}]},
    )
    emails = [{"value": f"{number:04}{'e' * 100}@north.example"} for number in range(499)]
    staff.provision(scim, userName="many@north.example", emails=emails)
    sizes = {path: len(check(operator.get(path)).source.encode()) for path in places(staff)}
    assert {path: size for path, size in sizes.items() if size > 100_000} == {}


def test_the_name_of_a_tenant_stands_in_addresses_as_it_is(operator: Visitor) -> None:
    """Only names that need no escaping anywhere are taken, so none is."""
    for name in ("a/b", "a%2fb", "a b", "a<b", "a'b", 'a"b', "a.b", "..", "{a}", "é", "a\u202eb", "-a", "a:b"):
        form = {"name": name, "title": "North", "form_token": operator.form_token}
        page = operator.post("/console/", form)
        assert page.status == 400
        assert page.problem("name")


def test_names_are_escaped_in_the_title_of_a_page_too(staff: Staff, operator: Visitor) -> None:
    payload = "</title><script>alert(1)</script>"

    async def rename(tx: Tx, _: Context) -> None:
        await configure.change_provider(tx, staff.place.provider.id, name=payload)
        await tx.run("UPDATE tenants SET title = $2 WHERE id = $1", tx.tenant, payload)

    in_tenant(staff.place, rename)
    page = check(operator.get(staff.provider))
    assert page.one("//title").text == f"{payload} · {payload}"
