"""What can be measured on a page that is shown: contrast, the size of targets, what stands out at the side, the focus.

The rule: what is measured is what the browser computed, after style sheets, schemes and widths have had their say. Each
measurement returns sentences, one for everything that falls short; how it is taken stands in `measure.js`.
"""

from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Error, Page

_MEASURES: Final = (Path(__file__).parent / "measure.js").read_text().strip().rstrip(";")


def open_details(page: Page) -> None:
    """Open everything in the main part of a page that can be opened, so that it is measured too."""
    page.evaluate("() => { for (const each of document.querySelectorAll('main details')) each.open = true; }")


def faint_texts(page: Page) -> list[str]:
    """Texts whose contrast with what is behind them is below AA."""
    return list(_measure(page, "faintTexts"))


def faint_pairs(page: Page, texts: list[str], grounds: list[str]) -> list[str]:
    """Colours of the style sheet, by the names of their tokens, in which a text could not be read on such a ground."""
    return list(_measure(page, "faintPairs", texts, grounds))


def small_targets(page: Page) -> list[str]:
    """What can be pressed, is too small for a thumb and too close to something else."""
    return list(_measure(page, "smallTargets"))


def wide_parts(page: Page) -> list[str]:
    """What makes the page scroll sideways."""
    return list(_measure(page, "wideParts"))


def unseen_focus(page: Page) -> list[str]:
    """Why somebody with a keyboard cannot see where they are."""
    return list(_measure(page, "unseenFocus"))


def watch_focus(page: Page, stops: str, *, whole: bool) -> None:
    """Judge the focus at every stop from now on, and note to which of these elements it has not come: those of the
    whole page, or of its main part; then the next stop is the first there.
    """
    _measure(page, "watchFocus", stops, whole)


def walked(page: Page) -> tuple[list[str], list[str]]:
    """What could not be seen at the stops since the focus is watched, and the elements that it has not come to."""
    unseen, unvisited = _measure(page, "walked")
    return unseen, unvisited


def _measure(page: Page, name: str, *arguments: Any) -> Any:
    given = list(arguments)
    try:
        return page.evaluate(f"(given) => window.measures.{name}(...given)", given)
    except Error:  # the first measurement on this page
        page.evaluate(f"() => {{ window.measures = {_MEASURES}; }}")
        return page.evaluate(f"(given) => window.measures.{name}(...given)", given)
