"""The state of an application's provisioning job: started, its last cycle, its failures, and quarantine.

The rule: values and the rules of Microsoft's documentation on quarantine, no I/O. Lengths of time are counted in
cycles, so that a shorter cycle shortens all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

# Quarantine reasons, as Microsoft Graph names them.
CREDENTIALS = "EncounteredQuarantineException"
PROPORTION = "EncounteredEscrowProportionThreshold"
BASE = "EncounteredBaseEscrowThreshold"
TOTAL = "EncounteredTotalEscrowThreshold"

MINIMUM_FAILURES = 5_000  # fewer are never evaluated
BASE_FAILURES = 40_000  # without those of references
TOTAL_FAILURES = 60_000  # with them
PROPORTION_OF_FAILURES = 0.4

CYCLE = 40 * 60.0  # seconds
RETRIES = (9, 18, 36)  # cycles until the next attempt in quarantine: 6, 12, then always 24 hours
GIVEN_UP_AFTER = 1008  # cycles in quarantine: 28 days


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one cycle did."""

    created: int = 0
    updated: int = 0
    disabled: int = 0
    deleted: int = 0
    failed: int = 0
    failed_references: int = 0

    @property
    def done(self) -> int:
        return self.created + self.updated + self.disabled + self.deleted

    @property
    def words(self) -> str:
        return (
            f"{self.created} created, {self.updated} updated, {self.disabled} disabled, {self.deleted} deleted, "
            f"{self.failed + self.failed_references} failed."
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A provisioning job. `attempts`: cycles that were tried in this quarantine. `counts`: those of the last cycle."""

    app_id: str
    started: bool = False
    state: str = "NotRun"  # NotRun, Active, Quarantine, Disabled
    last_cycle: str = ""
    message: str = "No cycle has run yet."
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    quarantined: str = ""
    attempts: int = 0

    def due(self, every: float) -> datetime | None:
        """Return when the next cycle should begin; None if none should. `every` is the length of a cycle in seconds."""
        if not self.started or self.state == "Disabled":
            return None
        if not self.last_cycle:
            return datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        cycles = 1
        if self.state == "Quarantine":
            cycles = RETRIES[min(max(self.attempts, 1), len(RETRIES)) - 1]
        return datetime.fromisoformat(self.last_cycle) + timedelta(seconds=every * cycles)


def after_cycle(standing: Standing, outcome: Outcome, now: str, *, minimum: int) -> Standing:
    """Return the job after a cycle that came to its end. `minimum`: fewer failures put nothing into quarantine."""
    counts = {
        "created": outcome.created,
        "updated": outcome.updated,
        "disabled": outcome.disabled,
        "deleted": outcome.deleted,
        "failed": outcome.failed,
        "failedReferences": outcome.failed_references,
    }
    done = replace(standing, last_cycle=now, counts=counts, message=outcome.words)
    reason = _reason(outcome, minimum)
    if reason:
        return quarantined(done, reason, f"{outcome.words} Too many failures.", now)
    return replace(done, state="Active", reason="", quarantined="", attempts=0)


def _reason(outcome: Outcome, minimum: int) -> str:
    if outcome.failed + outcome.failed_references > TOTAL_FAILURES:
        return TOTAL
    if outcome.failed > BASE_FAILURES:
        return BASE
    tried = outcome.failed + outcome.done
    if outcome.failed >= minimum and outcome.failed > tried * PROPORTION_OF_FAILURES:
        return PROPORTION
    return ""


def quarantined(standing: Standing, reason: str, message: str, now: str) -> Standing:
    """Return the job in quarantine; it is disabled when it has been there too long."""
    attempts = standing.attempts + 1
    waited = sum(RETRIES[min(number, len(RETRIES) - 1)] for number in range(attempts))
    return replace(
        standing,
        state="Disabled" if waited > GIVEN_UP_AFTER else "Quarantine",
        last_cycle=now,
        reason=reason,
        message=message,
        quarantined=standing.quarantined or now,
        attempts=attempts,
    )
