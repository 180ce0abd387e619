"""Parses the documentation for the tests of this folder: pages, headings, links and tables.

The rule: only what a reader can see counts. A table is looked up under its heading, a code span is text between
backticks, and white space counts as one blank.
"""

import itertools
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
SPAN = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, and everything until the next one of its own level or above."""

    level: int
    title: str
    anchor: str
    body: str


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """Returns the text without code blocks."""
        return FENCE.sub(lambda block: "\n" * block[0].count("\n"), self.text)

    @property
    def words(self) -> str:
        """Returns the text on one line."""
        return one_line(self.text)

    def headings(self) -> list[Heading]:
        """Returns every heading, in order."""
        prose, found, seen = self.prose, [], dict[str, int]()
        matches = list(HEADING.finditer(prose))
        for at, match in enumerate(matches):
            level, title = len(match[1]), match[2]
            end = next((each.start() for each in matches[at + 1 :] if len(each[1]) <= level), len(prose))
            anchor = anchor_of(title)
            number = seen[anchor] = seen.get(anchor, -1) + 1
            # `prose` has as many lines as `text`, so a body is cut out of the text by its lines.
            last = prose.count("\n", 0, end) + (end == len(prose))
            lines = slice(prose.count("\n", 0, match.end()) + 1, last)
            body = "\n".join(self.text.split("\n")[lines])
            found.append(Heading(level, title, f"{anchor}-{number}" if number else anchor, body))
        return found

    def under(self, title: str) -> str:
        """Returns the text under a heading, including code blocks."""
        found = [heading.body for heading in self.headings() if heading.title == title]
        assert len(found) == 1, f"{self.path.name} should have one heading '{title}'; it has {len(found)}"
        return found[0]

    def table(self, title: str) -> list[list[str]]:
        """Returns the rows of the first table under a heading, as cells, without its head."""
        lines = [line.lstrip() for line in self.under(title).split("\n")]
        marked = itertools.dropwhile(lambda line: not line.startswith("|"), lines)
        rows = [cells_of(line) for line in itertools.takewhile(lambda line: line.startswith("|"), marked)]
        assert rows, f"{self.path.name} has no table under '{title}'"
        return rows[2:]

    def all_rows(self) -> list[list[str]]:
        """Returns the rows of all tables, also of those within a list, as cells, with their heads."""
        return [cells_of(line.strip()) for line in self.prose.split("\n") if line.lstrip().startswith("|")]

    def links(self) -> list[tuple[bool, str]]:
        """Returns every link as (whether it is a picture, its target)."""
        # An example of a link between backticks is none.
        prose = SPAN.sub(lambda span: "" if "](" in span[0] else span[0], self.prose)
        return [(mark == "!", target) for mark, _, target in LINK.findall(prose)]


def one_line(text: str) -> str:
    """Returns a text with its white space as single blanks."""
    return " ".join(text.split())


def anchor_of(title: str) -> str:
    """Returns the anchor of a heading as GitHub makes it: without markup and punctuation, with hyphens for blanks."""
    shown = re.sub(r"[`*]", "", LINK.sub(r"\2", title))
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")


def cells_of(line: str) -> list[str]:
    """Returns the cells of a row of a table."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def spans(text: str) -> list[str]:
    """Returns the code spans of a text, without code blocks."""
    return [one_line(span) for span in SPAN.findall(FENCE.sub("", text))]


def code(cell: str) -> str:
    """Returns the code span of a cell that consists of one; otherwise the cell."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    return match[1] if match else cell


@cache
def page(name: str) -> Page:
    """Returns a page by its path in the repository."""
    path = ROOT / name
    return Page(path, path.read_text("utf-8"))


@cache
def all_pages() -> tuple[Page, ...]:
    """Returns every page of the documentation, including the decisions and the bench's page."""
    files = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "bench" / "README.md"]
    return tuple(page(str(path.relative_to(ROOT))) for path in sorted(files))
