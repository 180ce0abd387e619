"""What an event keeps of a change beside the body: nothing twice, and nothing lost."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.events import changes_between, creation_changes, redacted, shortened_changes, whole_changes
from vestibule.scim.messages import parse_patch
from vestibule.scim.patch import apply_patch
from vestibule.scim.resource import clean
from vestibule.scim.schema import ENTERPRISE_USER, USER, USER_TYPE
from vestibule.store.events import event_data

BODY: dict[str, Any] = {
    "schemas": [USER, ENTERPRISE_USER],
    "userName": "ana.reis@north.example",
    "name": {"givenName": "Ana", "familyName": "Reis"},
    "emails": [{"primary": True, "value": "ana.reis@north.example", "type": "work"}],
    "displayName": "Ana Reis",
    "locale": "en-US",
    "externalId": "00u1",
    "groups": [],
    "password": "secret",
    "active": True,
    ENTERPRISE_USER: {"department": "Sales", "manager": {"value": "00u2"}},
}


def test_a_creation_keeps_the_names_of_what_was_sent() -> None:
    document, _ = clean(BODY, USER_TYPE)
    sent, changes = redacted(BODY), changes_between({}, document)
    kept = shortened_changes(changes, sent)
    assert kept == [each["attribute"] for each in changes]
    assert f"{ENTERPRISE_USER}:manager.value" in kept
    assert whole_changes(kept, sent) == changes


@pytest.mark.parametrize(
    "value",
    [
        {"active": False, "title": None, "name": {"givenName": "Anna"}, "displayName": "Anna Reis"},
        {"emails": [], f"{ENTERPRISE_USER}:department": "Press", "ACTIVE": "False"},
        {"name.givenName": "Anna", "name": {"familyName": "Reis-Lima"}},
    ],
)
@pytest.mark.parametrize("path", [None, "", "name"])
def test_the_changes_of_a_patch_come_back_in_full(value: dict[str, Any], path: str | None) -> None:
    before = {**clean(BODY, USER_TYPE)[0], "title": "Dr"}
    operation = {"op": "replace", "value": value} | ({} if path is None else {"path": path})
    body = {"Operations": [operation, {"op": "add", "path": "nickName", "value": "A"}, 7, {"value": {"active": 7}}]}
    after, _ = apply_patch(before, parse_patch({"Operations": body["Operations"][:2]}), USER_TYPE)
    changes = changes_between(before, after)
    assert changes
    assert whole_changes(shortened_changes(changes, body), body) == changes


def test_a_value_that_was_not_sent_so_is_kept() -> None:
    changes = [{"attribute": "active", "before": True, "after": False}]
    for sent in ({"active": "False"}, {"Active": False}, {}, "70,000 bytes, too large to keep", None, [False]):
        assert shortened_changes(changes, sent) == changes


def test_somebody_who_is_created_inactive_is_told_as_that() -> None:
    told = {"attribute": "active", "before": None, "after": False}
    assert changes_between({}, {"active": False}) == [told]
    assert whole_changes(creation_changes({"active": False}, {"active": False}), {"active": False}) == [told]


def test_an_event_of_an_earlier_version_reads_as_it_did() -> None:
    changes = [{"attribute": "active", "before": None, "after": True}]
    data = {"sent": {"active": False}, "changes": changes}
    assert event_data(orjson.dumps(data).decode()) == data


NAMES = st.sampled_from(["a", "b", "a.b", "urn:x", "urn:x:a", "urn:x:a.b", "Operations", "path", "value"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)


@given(before=DOCUMENTS, after=DOCUMENTS, sent=VALUES | DOCUMENTS)
def test_nothing_is_lost_whatever_was_sent(before: dict[str, Any], after: dict[str, Any], sent: Any) -> None:
    changes = changes_between(before, after)
    for body in (sent, after):
        assert whole_changes(shortened_changes(changes, body), body) == changes
        assert creation_changes(after, body) == shortened_changes(changes_between({}, after), body)
