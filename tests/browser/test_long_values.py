"""A value of any length neither widens a table nor makes a row of it taller than its neighbours."""

import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.places import CONSOLE
from tests.browser.running_product import RunningProduct
from tests.browser.window import DESK, HAND

ONE_ROW = 50
"""Pixels that a row with one line of text takes at most, with room for a thumb."""


@pytest.mark.parametrize("size", [HAND, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("place", ["users", "groups", "group by hand", "pushed group", "group made"])
def test_rows_stay_one_line_each(
    product: RunningProduct, open_window: OpenWindow, size: tuple[int, int], place: str
) -> None:
    window = open_window(product.demo, size=size, storage_state=product.signed_in)
    page = window.tab(product.path(CONSOLE[place]))
    window.shoot(page, place)
    table = page.locator("table.people").first
    names = table.locator("tbody td:first-child")
    heights = [names.nth(number).bounding_box()["height"] for number in range(names.count())]  # type: ignore[index]  # each is there
    assert names.count() >= 3
    assert max(heights) - min(heights) <= 1, heights  # a browser rounds each row to whole pixels
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    rows = [each.bounding_box() for each in table.locator("tbody tr").all()]
    pills = [each.bounding_box() for each in table.locator("tbody .pill").all()]
    assert all(row and row["height"] <= ONE_ROW for row in rows), rows
    assert all(pill and pill["x"] + pill["width"] <= size[0] for pill in pills), pills
