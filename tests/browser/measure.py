"""Measures a page in the browser: contrast, the size of targets, sideways scrolling, visible focus.

The rule: it measures what the browser computed, after style sheets, colour schemes and widths were applied. Each
measurement returns one sentence for each problem. `measure.js` does the measuring.
"""

from pathlib import Path
from typing import Final

from playwright.sync_api import Page

_MEASURES: Final = (Path(__file__).parent / "measure.js").read_text()


def open_details(page: Page) -> None:
    """Open everything that can be opened in the main part of a page, so that it is measured too."""
    page.evaluate("() => { for (const each of document.querySelectorAll('main details')) each.open = true; }")


def faint_texts(page: Page) -> list[str]:
    """Returns texts whose contrast with their background is below AA."""
    return _measure(page, "faintTexts")


def faint_pairs(page: Page, texts: list[str], grounds: list[str]) -> list[str]:
    """Returns pairs of colour tokens of the style sheet whose contrast is too low for text."""
    return _measure(page, "faintPairs", texts, grounds)


def small_targets(page: Page) -> list[str]:
    """Returns targets that are too small for a thumb and too close to another one."""
    return _measure(page, "smallTargets")


def wide_parts(page: Page) -> list[str]:
    """Returns elements that make the page scroll sideways."""
    return _measure(page, "wideParts")


def unseen_focus(page: Page) -> list[str]:
    """Returns reasons why the keyboard focus is not visible."""
    return _measure(page, "unseenFocus")


def _measure(page: Page, name: str, *arguments: list[str]) -> list[str]:
    return list(page.evaluate(f"(given) => ({_MEASURES.strip().rstrip(';')}).{name}(...given)", list(arguments)))
