"""What scim2-tester, an independent reading of the RFCs, says of the running server: all of its checks.

A result that is no success is listed below with the reason why it is none here. An entry that no longer occurs fails
the test as well, so that the list stays true. The package takes seconds to import, so only these tests import it.
"""

from collections import Counter
from typing import TYPE_CHECKING

import httpx2

from tests.conftest import PLAIN, Place

if TYPE_CHECKING:
    from scim2_tester import CheckResult

GOOD = {"SUCCESS", "COMPLIANT", "ACCEPTABLE"}

Known = tuple[str, str, str]
"""A check, how its result is called, and a part of what it says."""

_DISPLAY = (
    "it compares a member as it sent it, without `display`, with the one that is answered, which has it: RFC 7643 §4.2 "
    "shows `display`, and /Schemas calls it readOnly"
)
NOT_OFFERED: dict[Known, str] = {
    ("check_add_attribute", "ERROR", "'members' was not added or has unexpected value"): _DISPLAY,
    ("check_replace_attribute", "ERROR", "'members' was not replaced or has unexpected value"): _DISPLAY,
    ("check_remove_attribute", "ERROR", "did not remove attribute 'active'"): (
        "a person is active or not. Without a value for it the state stays as it was (wire facts 1.5), as RFC 7643 "
        "§2.5 lets a service provider give an unassigned attribute a value; flipping it would lock somebody out or in"
    ),
}

ASKED = {
    "service_provider_config_endpoint",
    "resource_types_schema_validation",
    "query_all_resource_types",
    "query_all_schemas",
    "object_creation",
    "object_query",
    "object_query_without_id",
    "object_replacement",
    "object_deletion",
    "check_add_attribute",
    "check_replace_attribute",
    "check_remove_attribute",
}
"""Checks that must have been made, or the rest would say nothing."""


def told(result: "CheckResult") -> str:
    """Returns a result as one line."""
    return f"{result.status.name} {result.title} {result.resource_type or ''}: {result.reason}"


def unexplained(results: list["CheckResult"], known: dict[Known, str]) -> tuple[list[str], list[Known]]:
    """Returns the results that are neither good nor known, and the known ones that did not occur."""
    strange, met = [], set()
    for result in results:
        if result.status.name in GOOD:
            continue
        entry = next((each for each in known if _is(result, each)), None)
        if entry is None:
            strange.append(told(result))
        else:
            met.add(entry)
    return strange, [entry for entry in known if entry not in met]


def _is(result: "CheckResult", known: Known) -> bool:
    title, status, words = known
    return (result.title, result.status.name) == (title, status) and words in (result.reason or "")


def test_scim2_tester(place: Place) -> None:
    from scim2_client.engines.httpx2 import SyncSCIMClient  # noqa: PLC0415 -- see above
    from scim2_tester import check_server  # noqa: PLC0415 -- see above

    with httpx2.Client(base_url=place.scim_url, auth=(place.pair.key, place.pair.secret), **PLAIN) as client:
        results = check_server(SyncSCIMClient(client))
    strange, stale = unexplained(results, NOT_OFFERED)
    assert not strange, "\n".join(strange)
    assert not stale, f"these no longer occur, take them off the list: {stale}"
    made = Counter(result.title for result in results if result.status.name in GOOD)
    assert set(made) >= ASKED, ASKED - set(made)
    assert sum(made.values()) > 100
    assert {result.resource_type for result in results if result.resource_type} == {"User", "Group"}
    with place.client() as scim:
        assert scim.get("/Groups").json()["totalResults"] == 0
        assert scim.get("/Users").json()["totalResults"] == 0  # it cleans up, and we let it


def test_the_list_is_held_to_what_occurs() -> None:
    from scim2_tester import CheckResult, Status  # noqa: PLC0415 -- see above

    known = {("check", "ERROR", "no bulk"): "a reason"}
    good = CheckResult(Status.SUCCESS, "check")
    expected = CheckResult(Status.ERROR, "check", reason="there is no bulk here")
    assert unexplained([good, expected], known) == ([], [])
    assert unexplained([good], known) == ([], list(known))
    other = CheckResult(Status.DEVIATION, "check", reason="there is no bulk here", resource_type="User")
    assert unexplained([expected, other], known) == (["DEVIATION check User: there is no bulk here"], [])


def test_no_kind_of_failure_passes() -> None:
    from scim2_tester import CheckResult, Status  # noqa: PLC0415 -- see above

    failures = [each for each in Status if each.name not in GOOD]
    assert len(failures) >= 4
    for status in failures:
        strange, _ = unexplained([CheckResult(status, "check", reason="a reason")], {})
        assert strange == [f"{status.name} check : a reason"]
