"""On a phone 360 pixels wide no page scrolls sideways, and everything that can be pressed can be pressed with a thumb
(WCAG 2.2: 1.4.10, 2.5.8).
"""

import re
from collections.abc import Mapping

from tests.browser.conftest import OpenWindow
from tests.browser.measure import open_details, small_targets, wide_parts
from tests.browser.places import CONSOLE, ENTRANCE, POCKET_OKTA
from tests.browser.running_product import RunningProduct
from tests.browser.window import HAND, Window
from vestibule.endpoints.routes import ROUTES

PIECES = ("/live", "/steps", "/progress", "/export", "/login", "/logout", "/sign-in-test", "/sign-in-test/{request_id}")
"""Addresses that answer with a file, or with a piece of a page that is looked at where it stands."""


def look(window: Window, addresses: Mapping[str, str]) -> list[str]:
    """Open every page, as it is and with everything opened that can be; what does not fit."""
    page = window.tab()
    found = []
    for name, address in addresses.items():
        window.expect_refusal(address)
        page.goto(address)
        found += [f"{name}: {each}" for each in (*wide_parts(page), *small_targets(page))]
        window.shoot(page, name)
        open_details(page)
        found += [f"{name}, opened: {each}" for each in (*wide_parts(page), *small_targets(page))]
    return found


def test_console(product: RunningProduct, open_window: OpenWindow) -> None:
    window = open_window(product.demo, size=HAND, storage_state=product.signed_in, has_touch=True)
    found = look(window, {name: product.path(each) for name, each in CONSOLE.items()})
    assert not found, "\n".join(found)


def test_entrance(product: RunningProduct, open_window: OpenWindow) -> None:
    window = open_window(product.demo, size=HAND, has_touch=True)
    found = look(window, {name: product.path(each) for name, each in ENTRANCE.items()})
    assert not found, "\n".join(found)


def test_pocket_okta(product: RunningProduct, open_window: OpenWindow) -> None:
    window = open_window(product.demo, size=HAND, has_touch=True)
    found = look(window, {name: product.okta_path(each) for name, each in POCKET_OKTA.items()})
    assert not found, "\n".join(found)


def test_every_page_is_looked_at() -> None:
    """No page of the console is missing among the places that this room looks at."""
    seen = [each.partition("?")[0] for each in (*CONSOLE.values(), *ENTRANCE.values())]
    for route in ROUTES:
        if route.method == "GET" and route.shape == "page" and route.path != "/" and not route.path.endswith(PIECES):
            pattern = re.sub(r"\{[a-z_]+\}", r"(\\{[a-z_]+\\}|[a-z]+)", route.path)
            assert any(re.fullmatch(pattern, each) for each in seen), f"nobody looks at {route.path}"
