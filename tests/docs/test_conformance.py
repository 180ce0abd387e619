"""The page on conformance is held to the tests that it names: no proof is misspelt, and none is missing."""

import ast
import re
from collections import Counter
from functools import cache
from typing import NamedTuple

from tests.docs.pages import ROOT, cells_of, page, spans

PAGE = page("docs/conformance.md")
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"}
RFCS = {"RFC 7643: schemas", "RFC 7644: protocol", "RFC 9865: cursors"}
REASONS = ("Not followed", "Not offered yet")
ROWS_OF_OUR_OWN = "tests/service/test_conformance_rows.py"
TEST = re.compile(r"tests/[\w/]+\.py::\w+")


class Row(NamedTuple):
    """A row of a table of the page."""

    section: str
    level: str
    asked: str
    proof: str

    @property
    def kind(self) -> str:
        """Returns how the row counts."""
        return next((kind for kind in ("Strict only", *REASONS) if self.proof.startswith(f"{kind}: ")), "proven")

    @property
    def place(self) -> tuple[int, ...]:
        """Returns the section as numbers."""
        return tuple(map(int, self.section.split(".")))


def rows_under(title: str) -> list[Row]:
    """Returns the rows of all tables under a heading."""
    lines = [line for line in PAGE.under(title).split("\n") if line.startswith("| ") and not line.startswith("| §")]
    rows = [cells_of(line) for line in lines]
    assert {len(row) for row in rows} == {4}, title
    return [Row(*row) for row in rows]


ROWS = {title: rows_under(title) for title in sorted(RFCS)}
ALL = [row for rows in ROWS.values() for row in rows]


@cache
def names_of(name: str) -> frozenset[str]:
    """Returns the names of the tests in a file."""
    tree = ast.parse((ROOT / name).read_text("utf-8"))
    functions = (each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(each.name for each in functions if each.name.startswith("test_"))


def is_test(named: str) -> bool:
    """Returns whether there is a test with that id."""
    if TEST.fullmatch(named) is None:
        return False
    name, _, test = named.partition("::")
    return (ROOT / name).is_file() and test in names_of(name)


def test_every_row_has_a_section_a_level_and_a_question() -> None:
    for row in ALL:
        assert re.fullmatch(r"\d+(\.\d+)*", row.section), row
        assert row.level in LEVELS, row
        assert len(row.asked) > 15, row
        assert row.asked.endswith("."), row


def test_every_row_has_a_proof_or_a_reason() -> None:
    for row in ALL:
        named = [span for span in spans(row.proof) if span.startswith("tests/")]
        if row.kind == "proven":
            assert row.proof == ", ".join(f"`{each}`" for each in named), row
            assert len(set(named)) == len(named), row
        elif row.kind == "Strict only":
            assert named, row
        else:
            assert len(row.proof.partition(": ")[2]) > 30, row


def test_every_proof_is_a_test() -> None:
    named = {span for span in spans(PAGE.text) if span.startswith("tests/")}
    assert sorted(each for each in named if not is_test(each)) == []
    assert len(named) > 100
    assert not is_test("tests/docs/test_conformance.py::test_that_is_missing")
    assert not is_test("tests/docs/test_missing.py::test_every_proof_is_a_test")


def test_what_was_written_for_the_page_is_named_there() -> None:
    own = {f"{ROWS_OF_OUR_OWN}::{name}" for name in names_of(ROWS_OF_OUR_OWN)}
    assert own - set(spans(PAGE.text)) == set()


def test_sections_are_in_order_and_no_question_comes_twice() -> None:
    for title, rows in ROWS.items():
        places = [row.place for row in rows]
        assert places == sorted(places), title
        assert [each for each, times in Counter(row[:3] for row in rows).items() if times > 1] == [], title
    assert {heading.title for heading in PAGE.headings() if heading.level == 2} == RFCS


def test_a_group_of_sections_has_its_own() -> None:
    groups = [heading for heading in PAGE.headings() if heading.level == 3]
    for heading in groups:
        span = re.search(r"\(§([\d.]+)(?:–§([\d.]+))?\)", heading.title)
        assert span is not None, heading.title
        first, last = (tuple(map(int, (each or span[1]).split("."))) for each in span.groups())
        for row in rows_under(heading.title):
            assert first <= row.place[: len(first)], (heading.title, row)
            assert row.place[: len(last)] <= last, (heading.title, row)


def test_the_numbers_at_the_top_are_those_of_the_tables() -> None:
    counted = Counter(row.kind for row in ALL)
    told = {row[0]: row[1] for row in PAGE.table("Conformance")}
    assert told == {"in all": str(len(ALL))} | {kind: str(number) for kind, number in counted.items()}
