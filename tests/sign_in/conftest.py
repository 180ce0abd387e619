"""One running pocket Okta for all of these tests, and an app and a tenant for each, connected in both directions."""

from collections.abc import Iterator

import pytest

from tests.conftest import Place
from tests.okta.okta_and_vestibule import connected
from tests.pocket_okta import running as pocket
from tests.sign_in.company import Company
from tests.sign_in.scene import Scene
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.model import RoleRules


@pytest.fixture(scope="session")
def okta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pocket.Okta]:
    """An org that waits a thousandth of what the real one waits before it tries again."""
    with pocket.running(tmp_path_factory.mktemp("okta"), "--empty", "--time-scale", "0.001") as org:
        yield org


@pytest.fixture
def scene(okta: pocket.Okta, place: Place) -> Iterator[Scene]:
    """Returns an app and a tenant, connected for provisioning and sign-in."""
    with place.client() as scim:
        made = Scene(connected(okta, place, "catalogue", scim))
        made.tie()
        yield made
        made.close()


@pytest.fixture
def company(place: Place) -> Iterator[Company]:
    """Returns a tenant whose identity provider is the test itself."""
    made = Company(place)
    made.tie()
    yield made
    made.close()


@pytest.fixture
def staff(company: Company) -> Company:
    """Returns a company whose people are administrators of the tenant too."""

    async def make(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await configure.change_roles(tx, company.place.provider.id, RoleRules(default="console-owner"), "owner")

    company.place.running.act(make)
    return company
