"""Limits, defaults and lists that pages state are those of the code."""

import re
import tomllib

from tests.docs.pages import ROOT, code, one_line, page, spans
from vestibule import __version__
from vestibule.actions import passwords
from vestibule.actions.administrator_sign_in import ABSOLUTE, IDLE
from vestibule.actions.configure import MOST_USABLE_KEYS
from vestibule.actions.scim_request import (
    MOST_OPERATIONS_TOLD,
    MOST_PARTS_TOLD,
    MOST_PARTS_TOLD_IN_ALL,
    PAUSE,
)
from vestibule.endpoints.exchange import MOST_PARAMETERS
from vestibule.endpoints.failures import BUSY_FOR
from vestibule.endpoints.scim_group_body import GROUP_PATCH_PARTS, LARGEST_GROUP, LARGEST_GROUP_PATCH, MOST_MEMBERS
from vestibule.limits import BODY_SECONDS, FREE_TRIES, HEADER_BYTES, HEADER_LINES, LIST_BYTES, SCAN_SECONDS
from vestibule.mapping import MAX_RULES
from vestibule.model import Rule
from vestibule.scim.body import MAX_BODY, MAX_DEPTH, MAX_PARTS
from vestibule.scim.bulk import BULK_PARTS, LARGEST_BULK, MAX_BULK_OPERATIONS
from vestibule.scim.filter import MAX_LENGTH, MAX_NESTING, MAX_TERMS
from vestibule.scim.membership import MAX_MEMBER_CHANGES
from vestibule.scim.messages import DEFAULT_PAGE, MAX_OPERATIONS, MAX_PAGE
from vestibule.scim.patch import MAX_STEPS
from vestibule.scim.resource import MAX_COMPATIBILITY, MAX_JSON_TEXT, MAX_RESOURCE, MAX_TEXT, MAX_VALUES, REASONS
from vestibule.scim.schema import ENTERPRISE_USER, INDEXED_BYTES
from vestibule.scim.text import MARKS_IN_A_ROW
from vestibule.serve import GRACE
from vestibule.vendors import VENDORS

SCIM = page("docs/scim.md")
LIMITS = {
    "Body": f"{MAX_BODY:,} bytes",
    "Until all of the body is there": f"{BODY_SECONDS} seconds",
    "The body of a whole group": f"{LARGEST_GROUP:,} bytes",
    "Members in it": f"{MOST_MEMBERS:,}",
    "The body of a PATCH of a group": f"{LARGEST_GROUP_PATCH:,} bytes",
    "Values in it, each object and list counted as well": f"{GROUP_PATCH_PARTS:,}",
    "Members that a PATCH of a group names": f"{MAX_MEMBER_CHANGES:,}",
    "The body of a bulk": f"{LARGEST_BULK:,} bytes",
    "Operations in it": f"{MAX_BULK_OPERATIONS:,}",
    "Values in a bulk, each object and list counted as well": f"{BULK_PARTS:,}",
    "JSON nesting": f"{MAX_DEPTH}",
    "Operations in a PATCH": f"{MAX_OPERATIONS:,}",
    "Steps that the operations of a PATCH take": f"{MAX_STEPS:,}",
    "Values in a body, each object and list counted as well": f"{MAX_PARTS:,}",
    "Values of one attribute": f"{MAX_VALUES}",
    "A resource as JSON": f"{MAX_RESOURCE:,} bytes",
    "Ligatures and other characters that expand to several, in a resource above 16 KiB": f"{MAX_COMPATIBILITY:,}",
    "Combining marks on one letter, in a resource above 16 KiB": f"{MARKS_IN_A_ROW}",
    "A text that is read as the JSON of an object": f"{MAX_JSON_TEXT:,} characters",
    "Any other text": f"{MAX_TEXT:,} bytes of UTF-8",
    "`userName`, `externalId`, an e-mail address": f"{INDEXED_BYTES:,} bytes",
    "Filter or path length": f"{MAX_LENGTH:,} characters",
    "Filter nesting": f"{MAX_NESTING}",
    "Filter terms": f"{MAX_TERMS}",
    "Query parameters": f"{MOST_PARAMETERS}",
    "Page size, if `count` is not given": f"{DEFAULT_PAGE}",
    "Page size": f"{MAX_PAGE:,}",
    "Resources of one list together": f"{LIST_BYTES:,} bytes",
    "A filter that no index answers": f"{SCAN_SECONDS} seconds",
    "Usable keys of an identity provider": f"{MOST_USABLE_KEYS}",
}


def test_limits_are_those_of_the_code() -> None:
    assert {row[0]: row[1] for row in SCIM.table("Limits")} == LIMITS


def test_reasons_for_setting_something_aside_are_those_of_the_code() -> None:
    assert [(code(row[0]), row[1]) for row in SCIM.table("What is ignored")] == list(REASONS.items())


def test_waiting_times_are_those_of_the_code() -> None:
    waits = f"`Retry-After: {PAUSE}`"
    assert {waits, f"`Retry-After: {BUSY_FOR}`"} <= {f"`{span}`" for span in spans(SCIM.under("Being told to wait"))}
    assert waits in page("docs/console.md").under("Integrations > Identity Providers")
    assert f"within {BODY_SECONDS} seconds" in page("docs/errors.md").words
    assert f"{GRACE} seconds" in page("docs/operator.md").words
    assert f"{GRACE} seconds" in page("docs/commands.md").words


def test_how_much_of_a_write_an_event_tells_is_so() -> None:
    text = one_line(page("docs/events.md").words)
    assert f"The first {MOST_OPERATIONS_TOLD} operations are stored" in text
    assert f"the first {MOST_PARTS_TOLD} of each list but {MOST_PARTS_TOLD_IN_ALL} in all" in text
    assert f"the first {MOST_PARTS_TOLD} of them" in one_line(SCIM.under("What is ignored"))


def test_what_is_said_of_signing_in_is_so() -> None:
    text = one_line(page("docs/console.md").under("Signing in"))
    assert f"{passwords.SHORTEST} to {passwords.LONGEST} characters" in text
    assert f"{IDLE // 60_000} minutes" in text
    assert f"{ABSOLUTE // 3_600_000} hours" in text
    assert {5: "five"}[FREE_TRIES] in text


def test_headers_that_are_too_many_are_told() -> None:
    told = f"More than {HEADER_LINES} headers, or more than {HEADER_BYTES:,} bytes of request line and headers"
    assert told in page("docs/errors.md").words


def test_the_mapping_to_start_from_is_that_of_every_vendor() -> None:
    read = page("docs/mapping.md")
    told = [
        Rule(
            code(row[0]),
            tuple(source.replace("enterprise:", f"{ENTERPRISE_USER}:") for source in spans(row[1])),
            trim=row[2] == "trim",
        )
        for row in read.table("The mapping to start from")
    ]
    assert {vendor.name: vendor.mapping for vendor in VENDORS.values()} == dict.fromkeys(VENDORS, tuple(told))
    assert f"at most {MAX_RULES} rules" in read.words


def test_the_changelog_has_this_version() -> None:
    assert [
        heading.title for heading in page("CHANGELOG.md").headings() if heading.title.startswith(f"[{__version__}]")
    ]


def test_every_verb_of_the_makefile_is_told_and_no_other() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {
        span.removeprefix("make ") for row in page("CONTRIBUTING.md").table("Verbs") for span in spans(row[0])
    } == verbs
    for name in ("README.md", "CONTRIBUTING.md", "docs/pocket-okta.md", "docs/commands.md", "bench/README.md"):
        told = {span.split()[1] for span in spans(page(name).prose) if re.match(r"make [a-z]", span)}
        assert told <= verbs, name


def test_every_floor_of_the_house_is_drawn() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = [
        name
        for contract in contracts
        for layer in contract.get("layers", ())
        for name in re.findall(r"\w+\.(\w+)", layer)
    ]
    drawn = re.findall(r"```(.*?)```", page("docs/architecture.md").under("Floors"), re.DOTALL)[0]
    assert len(floors) >= 18
    assert [name for name in floors if not re.search(rf"\b{name}\b", drawn)] == []
