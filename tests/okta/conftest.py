"""One running pocket Okta for all of these tests, and a new app and tenant for each test."""

from collections.abc import Iterator

import pytest

from tests.conftest import Place
from tests.okta.okta_and_vestibule import Integration, connected
from tests.pocket_okta import running as pocket


@pytest.fixture(scope="session")
def okta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pocket.Okta]:
    """An org that waits a thousandth of what the real one waits before it tries again."""
    with pocket.running(tmp_path_factory.mktemp("okta"), "--empty", "--time-scale", "0.001") as org:
        yield org


@pytest.fixture(params=["catalogue", "wizard"])
def mode(request: pytest.FixtureRequest) -> pocket.Mode:
    """Which kind of Okta app: from the catalogue (PATCH) or made with the wizard (PUT)."""
    chosen: pocket.Mode = request.param
    return chosen


@pytest.fixture
def integration(okta: pocket.Okta, place: Place, mode: pocket.Mode) -> Iterator[Integration]:
    """An app and a tenant, connected, with all features under To App enabled."""
    with place.client() as scim:
        yield connected(okta, place, mode, scim)
