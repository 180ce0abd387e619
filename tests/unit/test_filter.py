"""Filters as text: what is understood, what is refused, and that no input costs more than its length."""

import contextlib
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.errors import InvalidFilter, ScimError
from vestibule.scim.filter import (
    MAX_LENGTH,
    Compare,
    Element,
    Group,
    Not,
    Present,
    _parse_any,
    _parse_plain,
    compared_paths,
    milliseconds,
    parse_filter,
    predicate,
)
from vestibule.scim.path import MalformedPath, find_path
from vestibule.scim.schema import ENTERPRISE_USER, USER_TYPE
from vestibule.scim.target import parse_target
from vestibule.scim.text import fold


def test_and_binds_before_or_and_not_before_and() -> None:
    tree = parse_filter('title eq "a" or title eq "b" and not (title pr)', USER_TYPE)
    assert isinstance(tree, Group)
    assert tree.word == "or"
    first, second = tree.terms
    assert isinstance(first, Compare)
    assert isinstance(second, Group)
    assert second.word == "and"
    assert isinstance(second.terms[1], Not)
    assert isinstance(second.terms[1].term, Present)


def test_a_path_after_brackets_joins_the_brackets() -> None:
    tree = parse_filter('emails[type eq "work"].value eq "x"', USER_TYPE)
    assert isinstance(tree, Element)
    assert [str(path) for path in compared_paths(tree)] == ["emails.type", "emails.value"]
    both = {"emails": [{"type": "work", "value": "y"}, {"type": "home", "value": "x"}]}
    assert not predicate(tree)(both)  # one value has to satisfy all of it


MANAGED = {ENTERPRISE_USER: {"manager": {"value": "u-77"}, "department": "Ops"}}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('manager eq "u-77"', f'{ENTERPRISE_USER}:manager eq "u-77"'),
        ('id pr and MANAGER.value eq "u-77"', f'id pr and {ENTERPRISE_USER}:manager.value eq "u-77"'),
        ("department pr", f"{ENTERPRISE_USER}:department pr"),
        ('manager[value eq "u-77"]', f'{ENTERPRISE_USER}:manager[value eq "u-77"]'),
    ],
)
def test_an_attribute_of_an_extension_may_come_without_its_urn(text: str, same: str) -> None:
    """Entra's reference probe (wire facts 3.1)."""
    tree = parse_filter(text, USER_TYPE)
    assert tree == parse_filter(same, USER_TYPE)
    assert predicate(tree)({"id": "a", **MANAGED})
    assert not predicate(tree)({"id": "a"})


@pytest.mark.parametrize("text", ['manger eq "u"', 'urn:x:manager eq "u"', 'emails[manager eq "u"]', "name.manager pr"])
def test_a_name_that_no_schema_has_is_refused_all_the_same(text: str) -> None:
    with pytest.raises(InvalidFilter, match="There is no attribute"):
        parse_filter(text, USER_TYPE)


@pytest.mark.parametrize("text", ["active eq true", "ACTIVE EQ TRUE", "active  eq\ttrue ", "(active eq true)"])
def test_spelling_and_white_space_do_not_matter(text: str) -> None:
    assert parse_filter(text, USER_TYPE) == parse_filter("active eq true", USER_TYPE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", 1772366400000),
        ("2026-03-01T13:00:00.5+01:00", 1772366400500),
        ("2026-03-01T12:00:00.0001Z", 1772366400000.1),
        ("2026-03-01T12:00:00", 1772366400000),
        ("yesterday", None),
        ("", None),
    ],
)
def test_instants(text: str, expected: float | None) -> None:
    assert milliseconds(text) == (pytest.approx(expected, abs=1e-6) if expected is not None else None)


@given(st.text(max_size=300))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (parse_filter, parse_target):
        try:
            parse(text, USER_TYPE)
        except ScimError as refused:
            assert refused.status == 400
    with contextlib.suppress(MalformedPath):
        find_path(text, USER_TYPE)


ODD_NUMBERS = ["007", "00", "-01", "1e999", "-1e999", "9" * 400, "1" * 25, "1e-9", "5.0.1", "-"]


@pytest.mark.parametrize("number", ODD_NUMBERS)
@pytest.mark.parametrize("path", ["title", "externalId", "active", "meta.created", "emails"])
def test_numbers_that_cannot_be_compared_are_refused(path: str, number: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(f"{path} eq {number}", USER_TYPE)
    with pytest.raises(InvalidFilter):
        parse_target(f"emails[value eq {number}].type", USER_TYPE)


@pytest.mark.parametrize("number", ["0", "7", "-7", "701984", "1.5", str(2**64 - 1), str(-(2**63))])
def test_a_number_is_compared_by_its_digits(number: str) -> None:
    tree = parse_filter(f"externalId eq {number}", USER_TYPE)
    assert predicate(tree)({"externalId": number})


_NUMBERS = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)


@given(_NUMBERS, st.sampled_from(["title", "externalId", "active", "meta.created"]))
def test_no_number_breaks_the_parsers(number: str, path: str) -> None:
    for parse, text in ((parse_filter, f"{path} eq {number}"), (parse_target, f"emails[value eq {number}].type")):
        with contextlib.suppress(InvalidFilter):
            parse(text, USER_TYPE)


_WORDS = st.sampled_from(
    [
        "userName",
        "emails",
        "[",
        "]",
        "(",
        ")",
        " and ",
        " or ",
        " not ",
        "not(",
        " eq ",
        " pr",
        '"x"',
        '"\\"',
        "true",
        "5",
        ".",
        *ODD_NUMBERS,
    ]
)


@given(st.lists(_WORDS, max_size=40).map("".join))
def test_no_row_of_words_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(InvalidFilter):
        predicate(parse_filter(text, USER_TYPE))({"userName": "x", "emails": [{"value": "x"}]})


def steps(text: str) -> int:
    """How many lines of Python a parse runs: a measure of its work that no slow machine disturbs."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    find_path.cache_clear()
    sys.settrace(trace)
    try:
        parse_filter(text, USER_TYPE)
    except InvalidFilter:
        pass
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize(
    ("head", "repeated", "tail"),
    [
        ("", "(", ""),
        ("", "not(", ""),
        ("title pr", " and title pr", ""),
        ('title eq "', "x", '"'),
        ('title eq "', '\\"', '"'),
        ("", '"', ""),
        ("", "emails[", ""),
        ("", " ", "title pr"),
        ("", "a.", "b pr"),
        ("", "1", " eq 1"),
    ],
)
def test_twice_the_text_is_at_most_twice_the_work(head: str, repeated: str, tail: str) -> None:
    for size in (20, 2 * MAX_LENGTH // len(repeated)):
        once, twice = (steps(head + repeated * times + tail) for times in (size, 2 * size))
        assert twice <= 2.3 * once + 200


@given(st.text(), st.text())
def test_folding_is_stable_and_agrees_with_case(one: str, other: str) -> None:
    assert fold(fold(one)) == fold(one)
    if one.casefold() == other.casefold():
        assert fold(one) == fold(other)


_WORDS = st.sampled_from(
    ["userName", "USERNAME", "emails", "emails.value", "name.familyName", "active", "not", "id", "ghost"]
)
_OPERATORS = st.sampled_from(["eq", "EQ", "ne", "co", "sw", "gt", "pr", "or", "xx"])
_SPACES = st.sampled_from(["", " ", "  ", "\t", "\n"])


@given(_WORDS, _OPERATORS, st.text(max_size=12), _SPACES, _SPACES, _SPACES)
def test_one_comparison_is_understood_as_the_grammar_has_it(
    word: str, operator: str, text: str, before: str, between: str, after: str
) -> None:
    """The way that is taken for what nearly every request sends, beside the parser."""
    sent = f'{before}{word}{between}{operator}{between}"{text}"{after}'
    try:
        wanted: object = _parse_any(sent, USER_TYPE)
    except ScimError as refused:
        wanted = (type(refused), refused.detail)
    try:
        came: object = parse_filter(sent, USER_TYPE)
    except ScimError as refused:
        came = (type(refused), refused.detail)
    assert came == wanted


def test_one_comparison_does_take_the_shorter_way() -> None:
    assert _parse_plain('userName eq "Ana@North.example"', USER_TYPE) is not None
    assert _parse_plain('userName eq "a\\"b"', USER_TYPE) is None
