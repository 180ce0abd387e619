"""What is done for SAML without anybody asking: each certificate's end is told once, and stands where it is mended."""

from tests.console.certificates import fingerprint, pem
from tests.console.conftest import Staff, in_tenant
from tests.console.visitor import Visitor
from vestibule.actions import configure, saml_settings
from vestibule.endpoints.context import Context
from vestibule.model import SamlSettings
from vestibule.saml.certificate import read_certificates
from vestibule.saml_upkeep import keep_up
from vestibule.store.database import Tx, milliseconds_now
from vestibule.worker import clear_expired

SSO = "https://login.north.example/sso"


def tie(staff: Staff, *certificates: str) -> None:
    """Give the identity provider these signing certificates."""

    async def act(tx: Tx, _: Context) -> None:
        saml = SamlSettings("urn:idp:north", SSO, read_certificates("\n".join(certificates)))
        await configure.change_provider(tx, staff.place.provider.id, saml=saml)

    in_tenant(staff.place, act)


def test_a_certificate_that_expired_long_ago_is_told_once(staff: Staff, owner: Visitor) -> None:
    """What was told was forgotten 400 days after the certificate's end: then it was told every five minutes."""
    old, soon, good = pem(days=(-900, -500)), pem(days=(-300, 20)), pem(days=(-1, 900))
    tie(staff, old, soon, good)

    async def a_day(context: Context) -> None:
        for _ in range(3):
            await keep_up(context)
            await clear_expired(context)

    staff.running.act(a_day)
    told = [event["data"] for event in staff.place.events("saml.certificate_expiring")]
    assert sorted((each["certificate"], each["expires"]) for each in told) == sorted(
        [(fingerprint(old), "has expired"), (fingerprint(soon), "expires within 30 days")]
    )
    needs = " ".join(str(owner.get(staff.at("")).one("//section[@id='needs']").text_content()).split())
    assert "1 certificate of Okta has expired" in needs
    assert "1 certificate of Okta expires within 30 days" in needs


def test_what_is_read_again_drops_what_expired_and_is_no_longer_named(staff: Staff) -> None:
    """Certificates do not pile up: an earlier one stays beside the new one until it expires."""
    expired, earlier, newer = pem(days=(-900, -5)), pem(days=(-300, 20)), pem(days=(-1, 900))
    tie(staff, expired, earlier)

    async def read(tx: Tx, _: Context) -> list[str]:
        read = SamlSettings("urn:idp:north", SSO, read_certificates(newer))
        provider = await saml_settings.note_refresh(tx, staff.place.provider.id, read, "")
        assert provider.saml.refreshed_at <= milliseconds_now()
        return [each.fingerprint for each in provider.saml.certificates]

    assert in_tenant(staff.place, read) == [fingerprint(newer), fingerprint(earlier)]
