"""When a provisioning job goes into quarantine, over real HTTP, and how it gets out."""

import pytest
from tests.pocket_okta.running import App, Okta
from tests.pocket_okta.scim_service import ScimService


@pytest.mark.parametrize(
    ("status", "words"), [(401, "Invalid credentials"), (403, "Invalid credentials"), (404, "SCIM compliance issue")]
)
def test_what_every_call_would_share_is_quarantine_at_once(
    entra: Okta, scim: ScimService, old_app: App, status: int, words: str
) -> None:
    for _ in range(3):
        old_app.assign(entra.person())
    scim.refuse("GET", status=status, detail="No.", times=100)
    state = old_app.cycle()
    assert (state["status"], state["quarantine"]["reason"]) == ("Quarantine", "EncounteredQuarantineException")
    assert words in state["message"]
    assert len(scim.requests) == 1
    assert old_app.cycle()["quarantine"]["attempts"] == 2


def test_too_many_failures_are_quarantine_until_a_cycle_goes_well(entra: Okta, scim: ScimService, old_app: App) -> None:
    """More than 40 %, from the minimum on that the flag gives."""
    for _ in range(2):
        old_app.assign(entra.person())
    scim.refuse("POST", status=500, detail="Out of order.", times=5)
    assert old_app.cycle()["status"] == "Active"  # two failures are fewer than the minimum of three
    old_app.assign(entra.person())
    state = old_app.cycle()
    assert (state["status"], state["quarantine"]["reason"]) == ("Quarantine", "EncounteredEscrowProportionThreshold")
    state = old_app.cycle()
    assert (state["status"], state["quarantine"], state["counts"]["created"]) == ("Active", None, 3)


def test_a_restart_forgets_quarantine_and_compares_everybody_anew(entra: Okta, scim: ScimService, old_app: App) -> None:
    ana = entra.person("Ana", title="Pilot")
    old_app.assign(ana)
    old_app.cycle()
    scim.named(ana["profile"]["login"])["title"] = "Cook"
    entra.edit(ana, city="Faro")
    scim.answer("GET", status=401)
    assert old_app.cycle()["status"] == "Quarantine"
    restarted = entra.call("POST", f"{old_app.pocket}/synchronization/restart")
    assert (restarted["status"], restarted["started"], restarted["quarantine"]) == ("Active", True, None)
    assert scim.named(ana["profile"]["login"])["title"] == "Pilot"
