"""Targets as readers: the first value that a mapping takes is the first of those that the target lists."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.schema import ENTERPRISE_USER, USER_TYPE
from vestibule.scim.target import parse_target

TARGETS = (
    "userName",
    "active",
    "name.givenName",
    f"{ENTERPRISE_USER}:department",
    f"{ENTERPRISE_USER}:manager.displayName",
    "emails.value",
    "emails[primary eq true].value",
    'emails[type eq "work"].value',
    'emails[type eq "work" and value ew "example"].value',
    "phoneNumbers.value",
    "addresses.locality",
)
_TEXTS = st.sampled_from(["a", "b", "a@north.example"])
_VALUES = st.lists(
    st.fixed_dictionaries(
        {}, optional={"value": _TEXTS, "type": st.sampled_from(["work", "Work", "home"]), "primary": st.booleans()}
    ),
    max_size=4,
)
_MANAGERS = st.fixed_dictionaries({}, optional={"displayName": _TEXTS, "value": _TEXTS})
_DOCUMENTS = st.fixed_dictionaries(
    {"userName": _TEXTS},
    optional={
        "active": st.booleans(),
        "name": st.fixed_dictionaries({}, optional={"givenName": _TEXTS}),
        "emails": _VALUES,
        "phoneNumbers": _VALUES,
        "addresses": st.lists(st.fixed_dictionaries({}, optional={"locality": _TEXTS, "primary": st.booleans()})),
        ENTERPRISE_USER: st.fixed_dictionaries({}, optional={"department": _TEXTS, "manager": _MANAGERS}),
    },
)


@pytest.mark.parametrize("text", TARGETS)
@given(document=_DOCUMENTS)
def test_the_first_of_what_a_target_lists(text: str, document: dict[str, Any]) -> None:
    target = parse_target(text, USER_TYPE)
    assert target is not None
    listed = target.reader()(document)
    assert target.first_reader()(document) == (listed[0] if listed else None)
