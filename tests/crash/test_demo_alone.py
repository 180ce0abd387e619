"""The pocket Okta is a distribution of its own: Vestibule is whole without it, and its demo says what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment_of
from vestibule.settings import Settings

WITHOUT = "import sys; sys.path[:] = [each for each in sys.path if not each.endswith('pocket-okta/src')]\n"
"""What Python runs at its start: the checkout's pocket Okta is taken off the path."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    made = environment_of(Settings(data=tmp_path / "data"))
    return made | {"PYTHONPATH": f"{tmp_path}:{made['PYTHONPATH']}"}


def vestibule(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "vestibule", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_demo_says_what_is_missing(environment: dict[str, str]) -> None:
    ended = vestibule(environment, "demo")
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "pip install ./pocket-okta" in ended.stderr


def test_the_rest_works_without_it(environment: dict[str, str]) -> None:
    assert vestibule(environment, "migrate").returncode == 0
    assert vestibule(environment, "verify").returncode == 0
