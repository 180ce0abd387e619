"""A value of any length neither widens a table nor makes a row of it taller than its neighbours."""

import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.running_product import RunningProduct
from tests.browser.window import DESK, HAND

ONE_ROW = 50
"""Pixels that a row with one line of text takes at most, with room for a thumb."""


@pytest.mark.parametrize("size", [HAND, DESK], ids=["phone", "desk"])
def test_people_stay_one_line_each(product: RunningProduct, open_window: OpenWindow, size: tuple[int, int]) -> None:
    window = open_window(product.demo, size=size, storage_state=product.signed_in)
    page = window.tab(product.path("/console/{tenant}/users"))
    window.shoot(page, "users")
    names = page.locator("tbody td:first-child")
    heights = {round(names.nth(number).bounding_box()["height"]) for number in range(names.count())}  # type: ignore[index]  # each is there
    assert names.count() > 3
    assert len(heights) == 1, heights
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    rows = [each.bounding_box() for each in page.locator("tbody tr").all()]
    pills = [each.bounding_box() for each in page.locator("tbody .pill").all()]
    assert all(row and row["height"] <= ONE_ROW for row in rows), rows
    assert all(pill and pill["x"] + pill["width"] <= size[0] for pill in pills), pills
