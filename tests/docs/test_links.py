"""No page leads nowhere, every page can be reached, and none names a machine, a secret or a real address."""

import re
import struct
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCS, ROOT, Page, all_pages, page
from vestibule.keys import well_formed

PAGES = all_pages()
NAMES = [str(each.path.relative_to(ROOT)) for each in PAGES]
MACHINE = re.compile(r"(?<![\w}])/(?:work|tmp|home|root|mnt|workspace)\b|\b[A-Z]:\\\\")
ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)*)")
LARGEST_PICTURE = 200_000
WIDTH = 1280


def local_links(read: Page) -> list[tuple[bool, str, str]]:
    """Links within the repository as (whether it is a picture, path, anchor)."""
    found = []
    for picture, target in read.links():
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = unquote(target).partition("#")
            found.append((picture, path, anchor))
    return found


def goal(read: Page, path: str) -> Path:
    """The file that a link leads to."""
    return (read.path.parent / path).resolve() if path else read.path


@pytest.mark.parametrize("read", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(read: Page) -> None:
    broken = []
    for _, path, anchor in local_links(read):
        target = goal(read, path)
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(path)
        elif anchor and target.suffix == ".md":
            anchors = {heading.anchor for heading in page(str(target.relative_to(ROOT))).headings()}
            broken += [f"{path}#{anchor}"] if anchor not in anchors else []
    assert broken == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, ahead = set[Path](), [DOCS / "index.md"]
    while ahead:
        here = ahead.pop()
        if here in reached or here.suffix != ".md":
            continue
        reached.add(here)
        read = page(str(here.relative_to(ROOT)))
        ahead += [goal(read, path) for _, path, _ in local_links(read) if goal(read, path).exists()]
    documented = {each.path for each in PAGES if each.path != ROOT / "README.md"}
    assert sorted(documented - reached) == []


def test_every_page_below_docs_is_listed_in_the_index_itself() -> None:
    index = page("docs/index.md")
    listed = {goal(index, path) for _, path, _ in local_links(index)}
    assert [path.name for path in sorted(DOCS.glob("*.md")) if path not in listed and path.name != "index.md"] == []


def test_pictures_are_of_one_width_small_and_used() -> None:
    shown = {goal(read, path) for read in PAGES for picture, path, _ in local_links(read) if picture}
    assert shown == {path for path in (DOCS / "pictures").iterdir() if path.suffix == ".png"}
    for path in shown:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n"), path
        assert struct.unpack(">I", content[16:20])[0] == WIDTH, path
        assert len(content) < LARGEST_PICTURE, path


def test_pictures_are_told_to_who_cannot_see_them() -> None:
    for read in PAGES:
        assert [label for label in re.findall(r"!\[([^\]]*)\]\(", read.prose) if len(label.split()) < 5] == []


@pytest.mark.parametrize("read", PAGES, ids=NAMES)
def test_no_page_names_a_path_of_somebodys_machine(read: Page) -> None:
    assert MACHINE.findall(read.text) == []


@pytest.mark.parametrize("read", PAGES, ids=NAMES)
def test_no_page_holds_a_secret_or_the_address_of_a_real_person(read: Page) -> None:
    assert [word for word in re.findall(r"vs_\w+", read.text) if well_formed(word)] == []
    assert [domain for domain in ADDRESS.findall(read.text) if not domain.endswith(".example")] == []


@pytest.mark.parametrize("read", PAGES, ids=NAMES)
def test_headings_go_down_one_step_at_a_time(read: Page) -> None:
    levels = [heading.level for heading in read.headings()]
    assert levels[:1] == [1]
    assert levels.count(1) == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []
