"""docs/sign-in.md tells every check of a sign-in, every way its addresses are called, and the limits of the code."""

from tests.docs.pages import code, page
from vestibule.endpoints.console.sign_in_advice import CHECKS
from vestibule.endpoints.fetch import LARGEST, SECONDS
from vestibule.mapping import CONSOLE_ROLES
from vestibule.model import SamlSettings, Tenant
from vestibule.saml.response import OLDEST, SKEW
from vestibule.saml.service_provider import ServiceProvider
from vestibule.saml_upkeep import WARNED_DAYS

PAGE = page("docs/sign-in.md")
ROUNDED = Tenant("t", "north", "North Example", "active", 0)


def test_every_check_stands_there_once_and_nothing_else() -> None:
    assert sorted(code(row[0]) for row in PAGE.table("What is checked")) == sorted(CHECKS)


def test_addresses_are_the_real_ones() -> None:
    ours = ServiceProvider("/saml/{tenant}/{id}")
    real = (ours.acs_url, ours.entity_id, ours.logout_url, ours.revocation_url, ours.metadata_url, ours.login_url)
    assert [code(row[1]) for row in PAGE.table("Addresses")] == list(real)


def test_limits_are_the_real_ones() -> None:
    words = PAGE.words
    assert (SKEW, OLDEST, LARGEST, SECONDS) == (120_000, 600_000, 1024 * 1024, 10.0)
    assert "differ by 120 seconds" in words
    assert "At most ten minutes ago" in words
    assert "1 MiB and ten seconds" in words
    assert WARNED_DAYS == (60, 30, 7, 1, 0)
    assert "60, 30, 7 and 1 days before" in words
    assert (ROUNDED.session_idle, ROUNDED.session_absolute) == (30 * 60_000, 8 * 3_600_000)
    assert "30 minutes and 8 hours" in words


def test_choices_and_roles_are_the_real_ones() -> None:
    table = PAGE.table("Sign-in that begins at the identity provider")
    assert [code(row[0]) for row in table] == ["refuse", "restart", "accept"]
    assert SamlSettings().unsolicited == "refuse"
    assert [role for role in CONSOLE_ROLES if f"`{role}`" not in PAGE.text] == []
