"""Every text on every page can be read, in daylight and at night: WCAG 2.2, 1.4.3, on what the browser computed."""

from collections.abc import Mapping
from typing import Literal

import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.measure import faint_pairs, faint_texts, open_details
from tests.browser.places import CONSOLE, ENTRANCE, POCKET_OKTA
from tests.browser.running_product import RunningProduct
from tests.browser.window import Window

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def look(window: Window, addresses: Mapping[str, str]) -> list[str]:
    """Open every page in both schemes; what could not be read."""
    page = window.tab()
    found = []
    for name, address in addresses.items():
        window.expect_refusal(address)
        page.goto(address)
        open_details(page)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found += [f"{name}, {scheme}: {each}" for each in faint_texts(page)]
    return found


def test_console(product: RunningProduct, open_window: OpenWindow) -> None:
    window = open_window(product.demo, storage_state=product.signed_in)
    found = look(window, {name: product.path(each) for name, each in CONSOLE.items()})
    assert not found, "\n".join(found)


def test_entrance(product: RunningProduct, open_window: OpenWindow) -> None:
    found = look(open_window(product.demo), {name: product.path(each) for name, each in ENTRANCE.items()})
    assert not found, "\n".join(found)


def test_pocket_okta(product: RunningProduct, open_window: OpenWindow) -> None:
    found = look(open_window(product.demo), {name: product.okta_path(each) for name, each in POCKET_OKTA.items()})
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_colour_on_every_ground(
    product: RunningProduct, open_window: OpenWindow, scheme: Literal["light", "dark"]
) -> None:
    """What a page shows only under the pointer, or on another day, is made of the same colours."""
    page = open_window(product.demo, color_scheme=scheme).tab(product.path("/console/sign-in"))
    texts = ["--ink", "--quiet", "--accent", "--good", "--warn", "--bad"]
    assert faint_pairs(page, texts, ["--paper", "--raised", "--tint", "--mark"]) == []
    assert faint_pairs(page, ["--on-accent"], ["--accent"]) == []
