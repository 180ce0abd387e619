"""The reader of pages that the other tests of this folder stand on."""

from pathlib import Path

from tests.docs.pages import Page, anchor_of

TEXT = """# One

Words.

```
# no heading
```

## `a` / b > c

| x | y |
|---|---|
| `1` | a\\|b |

See [the `c`](d.md#e), not `[d](e)`, and ![a picture](f.png).

## One

Last."""
READ = Page(Path("x.md"), TEXT)


def test_headings_are_read_with_their_anchors() -> None:
    assert [(each.level, each.anchor) for each in READ.headings()] == [(1, "one"), (2, "a--b--c"), (2, "one-1")]
    assert anchor_of("The line on the [page](x.md)'s top, `--json`") == "the-line-on-the-pages-top---json"


def test_a_heading_has_what_stands_under_it() -> None:
    first, _, last = (each.body for each in READ.headings())
    assert first.startswith("\nWords.")
    assert "# no heading" in first
    assert first.endswith("Last.")
    assert last == "\nLast."


def test_tables_are_read_by_cells() -> None:
    assert READ.table("`a` / b > c") == [["`1`", "a|b"]]


def test_links_are_read_and_examples_of_links_are_not() -> None:
    assert sorted(READ.links()) == [(False, "d.md#e"), (True, "f.png")]
