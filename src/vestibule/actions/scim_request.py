"""What all actions of SCIM requests share: the record of a request in its event, preconditions, and the pause."""

from dataclasses import dataclass, field
from typing import Any, Final

from vestibule.events import redacted, redacted_text
from vestibule.scim.errors import Forbidden, PreconditionFailed, TooManyRequests
from vestibule.scim.patch import Understood
from vestibule.scim.representation import etag
from vestibule.scim.resource import Ignored

PAUSE: Final = 60
"""The Retry-After, in seconds, while provisioning is paused."""

LARGEST_KEPT_BODY: Final = 64 * 1024
"""Bytes of a request body. Of a larger one the event stores only the size."""

MOST_OPERATIONS_TOLD: Final = 100
"""How many operations of a PATCH an event stores. The others are counted."""
MOST_PARTS_TOLD: Final = 50
"""How many reached and how many ignored parts of one operation an event stores."""
MOST_PARTS_TOLD_IN_ALL: Final = 500
"""How many parts of all operations together an event stores."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The request, for the event. `size` is the size of the body in bytes.

    `strict` is whether its identity provider wants mistakes refused. Actions list in `ignored` what they ignored.
    """

    method: str
    path: str
    body: Any = None
    size: int = 0
    strict: bool = False
    ignored: list[Ignored] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """Returns the data for an event: method, path and the redacted body."""
        told: dict[str, Any] = {"request": {"method": self.method, "path": self.path}}
        if self.body is not None:
            kept = redacted(self.body) if self.size <= LARGEST_KEPT_BODY else f"{self.size:,} bytes, too large to keep"
            told["sent"] = kept
        return told


# -- preconditions -----------------------------------------------------------------------------------------------------


def check_version(if_match: str | None, version: int) -> None:
    """Check that a resource has a version that the client's If-Match header names, if there is one.

    Raises:
        PreconditionFailed: it has another.
    """
    if if_match is not None and not is_named(if_match, version):
        raise PreconditionFailed(f"If-Match is not the current version, {etag(version)}.")


def is_named(tags: str, version: int) -> bool:
    """Returns whether an If-Match or If-None-Match header names a version: it is a list of entity tags, or `*`."""
    named = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return "*" in named or str(version) in named


class ProvisioningOff(Forbidden):
    """Provisioning is switched off for this identity provider: nothing is answered."""


class ProvisioningPaused(TooManyRequests):
    """Provisioning is paused for this identity provider, and this write has to wait."""


def check_provisioning(provisioning: str) -> None:
    """Check that provisioning is not switched off. A pause is checked in the transaction, as it depends on the write.

    Raises:
        ProvisioningOff: it is switched off.
    """
    if provisioning == "off":
        raise ProvisioningOff(
            "Auto-provisioning is switched off for this identity provider. Switch it on in the Admin Console under "
            "Integrations > Identity Providers > Provisioning."
        )


def paused() -> ProvisioningPaused:
    """Returns the error for a write while provisioning is paused. Okta tries again by itself."""
    return ProvisioningPaused(
        "Provisioning is paused in the Admin Console: only deactivations and deletions are carried out. Try again "
        "later.",
        retry_after=PAUSE,
    )


# -- what an event tells -----------------------------------------------------------------------------------------------


def told_of_parts(ignored: list[Ignored], understood: list[Understood] | None) -> dict[str, Any]:
    """Returns, for an event, what a request had ignored, and how each of its operations was understood."""
    told: dict[str, Any] = {}
    if ignored:
        told |= _told_ignored(ignored, MOST_PARTS_TOLD)
    if understood is not None:
        told["operations"] = _told_operations(understood)
        if len(understood) > MOST_OPERATIONS_TOLD:
            told["operations_more"] = len(understood) - MOST_OPERATIONS_TOLD
    return told


def _told_operations(understood: list[Understood]) -> list[dict[str, Any]]:
    told, left = [], MOST_PARTS_TOLD_IN_ALL
    for report in understood[:MOST_OPERATIONS_TOLD]:
        most = min(MOST_PARTS_TOLD, left)
        operation: dict[str, Any] = {"reached": report.effects[:most]} | _told_ignored(report.ignored, most)
        if len(report.effects) > most:
            operation["reached_more"] = len(report.effects) - most
        left = max(left - len(operation["reached"]) - len(operation["ignored"]), 0)
        told.append(operation)
    return told


def _told_ignored(ignored: list[Ignored], most: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ignored": [{"path": redacted_text(each.path), "reason": each.reason} for each in ignored[:most]]
    }
    return told | {"ignored_more": len(ignored) - most} if len(ignored) > most else told
