"""A browser window that records errors: messages in the browser's console, script errors and CSP violations fail the
test.

The rule: nothing here sleeps; Playwright waits for what should be visible.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, Response, WebError, expect

from tests.conftest import HANG

PATIENCE = HANG * 1000
"""Milliseconds after which what was awaited will not come; far above what it takes on a busy machine."""
DESK, HAND = (1280, 860), (360, 740)
_CLICK_WATCH = """
addEventListener("pointerdown", (event) => { if (event.isTrusted) countClick(); }, true);
addEventListener("keydown", (event) => { if (event.isTrusted && event.key === "Enter") countClick(); }, true);
"""
_POLICY_WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
"""


class Window:
    """Tabs that share cookies, their errors, and an album of screenshots.

    Chromium reports a failed GET as a console error; `expect_refusal` lists the URLs that should be refused.
    """

    def __init__(
        self,
        browser: Browser,
        album: Path,
        origins: Iterable[str],
        *,
        size: tuple[int, int] = DESK,
        **options: Any,
    ) -> None:
        expect.set_options(timeout=PATIENCE)
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB", **options)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(_POLICY_WATCH)
        self.clicks = 0
        """How often somebody clicked, or pressed Enter; only where scripts run."""
        if options.get("java_script_enabled", True):
            self.context.expose_binding("countClick", self._count)
            self.context.add_init_script(_CLICK_WATCH)
        self.complaints: list[str] = []
        self._album = album
        self._origins = set(origins)
        self._refusals: set[str] = set()
        self._pictures = 0
        self.context.on("console", self._hear)
        self.context.on("weberror", self._catch)
        self.context.on("dialog", self._dismiss)
        self.context.on("request", self._follow)
        self.context.on("response", self._answered)

    def tab(self, address: str = "") -> Page:
        """Open a new tab at a URL."""
        page = self.context.new_page()
        if address:
            page.goto(address)
        return page

    def shoot(self, page: Page, name: str) -> None:
        """Save a screenshot of the whole page in the album."""
        self._pictures += 1
        self._album.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=self._album / f"{self._pictures:02}-{name}.png", full_page=True, animations="disabled")

    def expect_refusal(self, address: str) -> None:
        """Note that a URL should be refused."""
        self._refusals.add(address)

    def close(self) -> None:
        """Close all tabs. `complaints` then holds everything that went wrong in them."""
        self.context.close()

    def _count(self, _: object) -> None:
        self.clicks += 1

    def _hear(self, message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource") and message.location["url"] in self._refusals
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(f"{message.type} on {message.location['url']}: {message.text}")

    def _catch(self, error: WebError) -> None:
        self.complaints.append(f"script error: {error.error}")

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def _follow(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" not in self._origins:
            self.complaints.append(f"a request to elsewhere: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} from {response.url}")


def album_name(test: str) -> str:
    """Returns the name of a test as a folder name."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", test).strip("-")
