"""What a request may cost: whatever is sent, the work is bounded, and a refusal says the limit and what came.

No clock is asserted. Steps of a PATCH are counted by the patch itself, and lines of Python by `sys.settrace`.
"""

import json
import sys
import unicodedata
from collections.abc import Callable
from itertools import product
from types import FrameType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim import text
from vestibule.scim.body import MAX_BODY, MAX_PARTS, decode
from vestibule.scim.errors import InvalidSyntax, InvalidValue, ScimError, TooMany
from vestibule.scim.messages import parse_patch
from vestibule.scim.patch import MAX_STEPS, apply_patch
from vestibule.scim.path import find_path
from vestibule.scim.representation import parse_projection
from vestibule.scim.resource import MAX_COMPATIBILITY, MAX_RESOURCE, clean
from vestibule.scim.schema import USER, USER_TYPE
from vestibule.scim.target import parse_target
from vestibule.scim.text import MARKS_IN_A_ROW, fold, many_marks

Document = dict[str, Any]
Operations = list[Document]


def person(emails: int = 0, display: str = "d") -> Document:
    document: Document = {"schemas": [USER], "userName": "ana", "active": True}
    if emails:
        document["emails"] = [{"value": f"{n}@x", "type": "work", "display": display} for n in range(emails)]
    return document


def spellings(name: str, count: int) -> list[str]:
    cases = product(*((letter.lower(), letter.upper()) for letter in name.replace(".", "")))
    head, _, _ = name.partition(".")
    joined = ("".join(case) for case, _ in zip(cases, range(count), strict=False))
    return [f"{each[: len(head)]}.{each[len(head) :]}" if "." in name else each for each in joined]


def either(terms: list[str]) -> str:
    return f"emails[{' or '.join(terms)}]"


def lines_run(act: Callable[[], object]) -> int:
    """How many lines of Python an act runs: a measure of its work that no slow machine disturbs."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    find_path.cache_clear()
    parse_target.cache_clear()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except ScimError:
        pass
    finally:
        sys.settrace(before)
    return count


LARGE = "y" * 2000
EXPENSIVE: dict[str, tuple[Document, Operations]] = {
    "spellings of one path": (
        person(500),
        [{"op": "replace", "value": dict.fromkeys(spellings("emails.display", 4000), "x")}],
    ),
    "a part of all values": (person(500), [{"op": "replace", "path": "emails.display", "value": "x"}] * 1000),
    "adding to many": (
        person(499, LARGE),
        [{"op": "add", "path": "emails", "value": {"value": "0@x", "display": LARGE}}] * 500,
    ),
    "removing one of many": (person(500), [{"op": "remove", "path": "emails", "value": [{"value": "z"}]}] * 1000),
    "selecting": (person(500), [{"op": "replace", "path": 'emails[type eq "work"].display', "value": "x"}] * 1000),
    "selecting with many terms": (
        person(500, LARGE),
        [{"op": "remove", "path": either(['display co "zz"'] * 50)}],
    ),
    "removing what is not selected": (person(500), [{"op": "remove", "path": 'emails[type eq "none"]'}] * 1000),
    "adding parts to selected values": (
        person(500),
        [{"op": "add", "path": 'emails[type eq "work"]', "value": {"display": "x"}}] * 400,
    ),
    "writing a long text into many": (
        person(500),
        [{"op": "replace", "path": "emails.display", "value": "x" * 60_000}],
    ),
    "unknown names": (person(), [{"op": "replace", "value": {f"n{n}": 1 for n in range(9000)}}]),
    "names that are no paths": (person(), [{"op": "replace", "value": {f"n {n}": 1 for n in range(9000)}}]),
    "filters to parse": (
        person(),
        [{"op": "remove", "path": either([f'type eq "{n}-{m}"' for m in range(50)])} for n in range(800)],
    ),
    "long paths": (person(), [{"op": "remove", "path": f"a{n}.{'b.' * 400}c"} for n in range(900)]),
}


@pytest.mark.parametrize("case", EXPENSIVE)
def test_a_patch_that_asks_for_much_is_refused_after_a_bounded_number_of_steps(case: str) -> None:
    document, operations = EXPENSIVE[case]
    body = orjson.dumps({"Operations": operations})
    assert len(body) <= MAX_BODY
    with pytest.raises(TooMany) as refused:
        apply_patch(document, parse_patch(decode(body)), USER_TYPE)
    assert f"{MAX_STEPS:,} steps" in refused.value.detail
    assert "would make it" in refused.value.detail
    lines = lines_run(lambda: apply_patch(document, parse_patch(decode(body)), USER_TYPE))
    assert lines <= 40 * MAX_STEPS


def test_what_identity_providers_send_is_far_from_the_limit() -> None:
    simple = [{"op": "Replace", "path": path, "value": "x"} for path in ("title", "displayName", "name.givenName")]
    work = [{"op": "Add", "path": f'emails[type eq "{label}"].value', "value": "x@x"} for label in ("work", "home")]
    apply_patch(person(10), parse_patch({"Operations": (simple + work) * 50}), USER_TYPE)
    everything = {"op": "replace", "path": "emails", "value": person(500)["emails"]}
    after, _ = apply_patch(person(500), parse_patch({"Operations": [everything]}), USER_TYPE)
    assert len(after["emails"]) == 500


@pytest.mark.parametrize(
    "body",
    [
        {"userName": "ana", **{f"n{n}": 1 for n in range(60_000)}},
        {"userName": "ana", "x": [[]] * 60_000},
        {"userName": "ana", "x": [{}] * 60_000},
        {"userName": "ana", "emails": ["x"] * 60_000},
        {"userName": "ana", "schemas": ["u"] * 60_000},
    ],
)
def test_a_body_of_very_many_values_is_refused_before_it_is_read(body: Document) -> None:
    sent = orjson.dumps(body)
    with pytest.raises(TooMany) as refused:
        decode(sent)
    assert f"{MAX_PARTS:,} values; this one holds " in refused.value.detail
    assert lines_run(lambda: decode(sent)) <= 4 * 2 * MAX_PARTS


@pytest.mark.parametrize("filling", ["{", "[]", ",", '\\"{', "\\\\", '":', " :"])
def test_what_stands_in_a_text_costs_nothing(filling: str) -> None:
    value = filling.replace('\\"', '"').replace("\\\\", "\\") * 40_000
    sent = orjson.dumps({"title": value})
    assert decode(sent) == {"title": value}
    assert lines_run(lambda: decode(sent)) <= 100


def test_many_brackets_within_the_limit_are_looked_at_once() -> None:
    sent = orjson.dumps({"x": [[{}] for _ in range(3000)]})
    assert decode(sent)["x"][0] == [{}]
    assert lines_run(lambda: decode(sent)) <= 5 * 2 * 6001


def test_a_list_of_names_to_answer_is_no_larger_than_the_schema() -> None:
    names = ",".join(spellings("emails.value", 2000) + spellings("title", 32) + ["emails.type", "nobody", "a..b"])
    chosen = parse_projection(names, names, USER_TYPE)
    tree = {"emails": {"value": None, "type": None}, "title": None}
    assert (chosen.wanted, chosen.unwanted) == (tree, tree)
    assert parse_projection("emails,emails.value", None, USER_TYPE) == parse_projection(
        "emails.value,emails", None, USER_TYPE
    )


# -- text --------------------------------------------------------------------------------------------------------------

MARKS = "\u0301\u0327\u0345\u0344\u0f73\uff9e\u3099\u0f71"
_LETTERS = st.sampled_from([*"aéαι한가ｶ", "\u1100", "\u1161", "ﷺ", "ß", "İ", "\u1f82"])
_RUNS = st.lists(st.tuples(_LETTERS, st.text(st.sampled_from(MARKS), max_size=80)), max_size=4)


@given(_RUNS.map(lambda runs: "".join(letter + marks for letter, marks in runs)))
def test_sorting_marks_beforehand_changes_nothing(sent: str) -> None:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sent).casefold())
    assert fold(sent) == plain


def test_every_combining_mark_is_known() -> None:
    def is_mark(character: str) -> bool:
        return all(map(unicodedata.combining, unicodedata.normalize("NFKD", character)))

    everything = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    assert {character for character in everything if is_mark(character)} == text._MARKS


def test_marks_reach_normalisation_in_order() -> None:
    """`normalize` sorts by insertion: linear for what is in order, minutes for a megabyte that is not."""
    sent = "a" + "\u0301\u0327" * 500
    in_order = text._MANY_MARKS.sub(text._in_canonical_order, sent)
    assert list(map(unicodedata.combining, in_order)) == sorted(map(unicodedata.combining, sent))
    assert many_marks("x" * 17 + "\u0301" * (MARKS_IN_A_ROW + 1))
    assert not many_marks("x" * 17 + "\u0301" * MARKS_IN_A_ROW + "x" * 40)


@pytest.mark.parametrize(
    ("document", "wanted", "came"),
    [
        ({f"{name}": "x" * 60_000 for name in ("title", "nickName", "locale", "timezone")}, "", ""),
        ({"emails": [{"value": f"{n}@x", "display": "é" * 600} for n in range(450)]}, f"{MAX_RESOURCE:,}", "takes"),
        ({"title": "x" * 2000 + "ﷺ" * (MAX_COMPATIBILITY + 1)}, f"{MAX_COMPATIBILITY:,}", f"{MAX_COMPATIBILITY + 1:,}"),
        ({"title": "ﷺ" * 5000 + "x" * 9000}, "", ""),
        ({"title": "x" * 17_000 + "a" + "\u0301\u0327" * 500}, f"{MARKS_IN_A_ROW}", "more than"),
    ],
)
def test_a_resource_that_takes_long_to_compare_is_refused(document: Document, wanted: str, came: str) -> None:
    if not wanted:
        clean({"userName": "ana", **document}, USER_TYPE)
        return
    with pytest.raises(InvalidValue) as refused:
        clean({"userName": "ana", **document}, USER_TYPE)
    assert wanted in refused.value.detail
    assert came in refused.value.detail


def test_a_name_is_not_folded_to_learn_that_it_is_too_long() -> None:
    with pytest.raises(InvalidValue, match="may take 1,024 bytes; this one takes 60,000"):
        clean({"userName": "ﷺ" * 20_000}, USER_TYPE)


def test_a_patch_cannot_make_a_resource_too_large_and_one_that_is_can_still_be_changed() -> None:
    longer = {"op": "add", "path": "emails.display", "value": "x" * 2000}
    with pytest.raises(InvalidValue, match=f"{MAX_RESOURCE:,} bytes"):
        apply_patch(person(300), parse_patch({"Operations": [longer]}), USER_TYPE)
    kept = person(400, LARGE)
    after, _ = apply_patch(
        kept, parse_patch({"Operations": [{"op": "replace", "path": "active", "value": False}]}), USER_TYPE
    )
    assert after["active"] is False
    more = {"op": "add", "path": "title", "value": "x" * 2000}
    with pytest.raises(InvalidValue, match=f"{MAX_RESOURCE:,} bytes"):
        apply_patch(kept, parse_patch({"Operations": [more]}), USER_TYPE)


# -- names that come twice ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"active":false,"active":true}', "active"),
        (b'{"active":true,"active":true}', "active"),
        (b'{"active" : false,"active":true}', "active"),
        (b'{"active"\n:false,"active"\t:true}', "active"),
        (b'{"userName":"a","emails":[{"value":"x","type":"y","value":"z"}]}', "value"),
        (b'{"Operations":[{"op":"replace","value":{"active":false,"title":"x","active":true}}]}', "active"),
        (b'{"a":{"b":{"c":[[[{"d":1,"d":2}]]]}}}', "d"),
        (b'{"\\u0061ctive":false,"active":true}', "active"),
        (b'{"a":":","a":"\\":"}', "a"),
        (b'{"a":"\\u003a","b":1,"a":"\\u003a\\u003a\\u003a"}', "a"),
        (b'{"":1,"":2}', ""),
        (b'\xef\xbb\xbf{"a":1,"a":2}', "a"),
    ],
)
def test_a_name_that_comes_twice_in_one_object_is_refused(body: bytes, name: str) -> None:
    with pytest.raises(InvalidSyntax) as refused:
        decode(body)
    assert f"'{name}' was sent twice in one object" in refused.value.detail


@given(
    st.recursive(
        st.none() | st.integers() | st.text(st.sampled_from('ab":\\, {}[]\n\u00e9'), max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.sampled_from('ab":\\, é'), max_size=3), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    st.sampled_from([None, 1, "\t"]),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :\n")]),
    st.booleans(),
)
def test_whatever_names_its_members_once_is_read(
    value: Any, indent: int | str | None, separators: tuple[str, str], ascii_only: bool
) -> None:
    body = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only).encode()
    assert decode(body) == orjson.loads(body)
