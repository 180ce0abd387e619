"""Fixtures for browser tests: the demo's two programs, and browser windows in which every error fails the test."""

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.demo import Demo, running_demo
from tests.browser.running_product import RunningProduct, furnish
from tests.browser.window import Window, album_name
from tests.conftest import ROOT

ALBUM = ROOT / "tests" / ".artefacts"
OpenWindow = Callable[..., Window]
_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note for `open_window` that a test has failed."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Returns the demo after its first start, when there is no administrator yet."""
    with running_demo(tmp_path) as started:
        yield started


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Returns a demo with data for everything that a page can show. Tests only read it."""
    with running_demo(tmp_path_factory.mktemp("house")) as started:
        yield furnish(started)


@pytest.fixture
def open_window(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenWindow]:
    """Returns a function that opens a window for a demo. At the end all windows are closed and their errors fail the
    test.
    """
    album = ALBUM / request.path.stem / album_name(request.node.name)
    shutil.rmtree(album, ignore_errors=True)
    windows: list[Window] = []

    def opened(demo: Demo, **options: Any) -> Window:
        windows.append(Window(browser, album, (demo.url, demo.okta.url), **options))
        return windows[-1]

    yield opened
    for window in windows:
        if request.node.stash.get(_FAILED, False):
            window.shoot_failure()
        window.close()
    complaints = [each for window in windows for each in window.complaints]
    assert not complaints, "\n".join(complaints)
