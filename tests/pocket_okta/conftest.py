"""Fixtures of the pocket Okta's tests: one running org for all of them, a SCIM service and an app for each."""

from collections.abc import Iterator

import pytest
from tests.pocket_okta.running import App, Mode, Okta, connected, connected_by_token, running
from tests.pocket_okta.scim_service import ScimService


@pytest.fixture(scope="session")
def okta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Okta]:
    """An org that waits a thousandth of what the real one waits before it tries again."""
    with running(tmp_path_factory.mktemp("okta"), "--empty", "--time-scale", "0.001") as org:
        yield org


@pytest.fixture
def scim() -> Iterator[ScimService]:
    service = ScimService()
    yield service
    service.close()


@pytest.fixture(params=["catalogue", "wizard"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """Returns the kind of Okta app: from the catalogue (PATCH) or made with the wizard (PUT)."""
    chosen: Mode = request.param
    return chosen


@pytest.fixture
def app(okta: Okta, scim: ScimService, mode: Mode) -> App:
    """An app of either kind, connected, with all features enabled. The service has forgotten those requests."""
    return connected(okta, scim, mode)


@pytest.fixture
def catalogue_app(okta: Okta, scim: ScimService) -> App:
    return connected(okta, scim, "catalogue")


@pytest.fixture(scope="session")
def entra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Okta]:
    """An org in Entra's dialect whose cycles are run by the tests."""
    options = ("--empty", "--dialect", "entra", "--cycle", "86400", "--quarantine-after", "3", "--time-scale", "0.001")
    with running(tmp_path_factory.mktemp("entra"), *options) as org:
        yield org


@pytest.fixture
def old_app(entra: Okta, scim: ScimService) -> App:
    """An app of that org, connected, whose Tenant URL asks for the old form of PATCH."""
    return connected_by_token(entra, scim)
