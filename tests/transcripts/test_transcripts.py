"""Recorded conversations of identity providers, replayed word by word against the running server, on both engines.

A transcript is a JSON file below a folder named after its vendor, and is replayed in a tenant with that vendor (which
makes no difference to the answers): where it comes from, the variables it uses, and steps
of a request and what the answer must be. `{{name}}` stands for a variable; a text that is nothing else becomes the
variable's own JSON value, so that a whole object can be sent back as it came. What an answer must be is told in two
ways: `body` holds the parts it must contain, and `checks` are the comparisons of Okta's published test, by the names
they have there, on texts (wire facts 2, runner note). What a step remembers of its answer may stand in what it expects.

The rule: no quirk without its evidence, and a misspelt key in a transcript stops its replay.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import PLAIN, Place, Running
from tests.service.test_credentials import basic
from vestibule.vendors import VENDORS

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.rglob("*.json"))
MISSING = object()


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer must be. `absent` names members at the top of the body that must not be there."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = MISSING
    absent: list[str] = field(default_factory=list)
    checks: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """One request and its answer, said `times` times; {{number}} counts from 1. A header that is null is not sent."""

    name: str
    method: str
    path: str
    expect: dict[str, Any]
    headers: dict[str, str | None] = field(default_factory=dict)
    body: Any = MISSING
    remember: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation. `headers` go with every request, `writes` with those that have a body; `answers` must come with
    every answer. `mode` is the kind of app that speaks like this: catalogue, wizard or both.
    """

    name: str
    source: str
    mode: str
    headers: dict[str, str]
    answers: dict[str, str]
    steps: list[dict[str, Any]]
    writes: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


def fill(value: Any, variables: dict[str, Any]) -> Any:
    """A value with its variables put in."""
    match value:
        case str() if whole := re.fullmatch(r"\{\{(\w+)\}\}", value):
            return variables[whole[1]]
        case str():
            return re.sub(r"\{\{(\w+)\}\}", lambda found: str(variables[found[1]]), value)
        case list():
            return [fill(part, variables) for part in value]
        case dict():
            return {name: fill(part, variables) for name, part in value.items()}
        case _:
            return value


def at(document: Any, path: str) -> Any:
    """The value at a path such as `Resources[0].name.givenName`, or MISSING."""
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return MISSING
    return document


def text(value: Any) -> str:
    """A value as the published test compares it: its JSON, a text without its quotation marks."""
    return value if isinstance(value, str) else json.dumps(value)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": lambda found, wanted: text(found) == wanted,
    "equal_number": lambda found, wanted: float(text(found)) == float(wanted),
    "is_a_number": lambda found, _: isinstance(found, int | float) and not isinstance(found, bool),
    "not_empty": lambda found, _: found is not None and found not in ("", [], {}),  # false is something
    "has_value": lambda found, wanted: isinstance(found, list) and wanted in map(text, found),
    "contains": lambda found, wanted: wanted in text(found),
}


def holds(document: Any, path: str, comparison: str, wanted: Any = None) -> bool:
    """Whether a comparison of the published test holds. What is missing never compares."""
    found = at(document, path)
    return found is not MISSING and bool(COMPARISONS[comparison](found, wanted))


def lacks(found: Any, wanted: Any, where: str = "body") -> list[str]:
    """What a value lacks of the wanted parts, one sentence each. Lists must be of equal length."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [line for name in wanted for line in lacks(found.get(name, MISSING), wanted[name], f"{where}.{name}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [line for n, part in enumerate(wanted) for line in lacks(found[n], part, f"{where}[{n}]")]
    if type(found) is type(wanted) and found == wanted:
        return []
    return [f"{where}: wanted {wanted!r}, got {'nothing' if found is MISSING else repr(found)}"]


def disagreements(answer: httpx2.Response, expected: Expected) -> list[str]:
    """Where an answer is not what was expected, one sentence each."""
    wrong = [] if answer.status_code == expected.status else [f"wanted {expected.status}, got {answer.status_code}"]
    for name, value in expected.headers.items():
        if answer.headers.get(name) != value:
            wrong.append(f"{name}: wanted {value!r}, got {answer.headers.get(name)!r}")
    body = answer.json() if answer.content else None
    if expected.body is not MISSING:
        wrong += lacks(body, expected.body)
    wrong += [f"{name} is there" for name in expected.absent if at(body, name) is not MISSING]
    wrong += [f"not so: {' '.join(map(str, check))}" for check in expected.checks if not holds(body, *check)]
    return wrong


def replay(transcript: Transcript, place: Place) -> None:
    """Hold a conversation; the first step that goes otherwise fails the test."""
    variables = {
        "auth": basic(*place.pair),
        "token": place.pair.token,
        "scim_url": place.scim_url,
    } | transcript.variables
    with httpx2.Client(**PLAIN) as client:
        client.headers.clear()  # every header is the transcript's
        for step in (Step(**each) for each in transcript.steps):
            for number in range(1, step.times + 1):
                variables["number"] = number
                content = None if step.body is MISSING else json.dumps(fill(step.body, variables)).encode()
                headers = transcript.headers | (transcript.writes if content else {}) | step.headers
                sent = fill({name: value for name, value in headers.items() if value is not None}, variables)
                url = place.scim_url + fill(step.path, variables)
                answer = client.request(step.method, url, headers=sent, content=content)
                known = {name: at(answer.json(), path) for name, path in step.remember.items()}
                assert MISSING not in known.values(), (step.name, known, answer.text)
                variables |= known
                expect = step.expect | {"headers": transcript.answers | step.expect.get("headers", {})}
                wrong = disagreements(answer, Expected(**fill(expect, variables)))
                assert not wrong, (step.name, wrong, answer.text)


def named(file: Path) -> str:
    """The name of a transcript: its folders and its file."""
    return "-".join(file.relative_to(FOLDER).with_suffix("").parts)


def vendor_of(file: Path) -> str:
    """The vendor of a transcript: its first folder."""
    return file.relative_to(FOLDER).parts[0]


def read(file: Path) -> Transcript:
    """A transcript, and its vendor's name is that of its folder."""
    transcript = Transcript(**json.loads(file.read_text("utf-8")))
    assert transcript.mode in {"catalogue", "wizard", "both"}
    assert transcript.mode == "both" or vendor_of(file) == "okta"
    assert transcript.name
    assert transcript.source
    return transcript


@pytest.mark.parametrize("file", FILES, ids=named)
def test_transcript(running: Running, file: Path) -> None:
    replay(read(file), running.new_tenant(vendor_of(file)))


def test_every_vendor_has_transcripts_and_every_folder_a_vendor() -> None:
    assert set(map(vendor_of, FILES)) == set(VENDORS)
    assert "okta/spec-test.json" in {f"{file.parent.name}/{file.name}" for file in FILES}


LISTED = {"totalResults": 0, "active": False, "schemas": ["urn:a:User", "urn:b"], "name": {"first": ""}, "found": []}


@pytest.mark.parametrize(
    ("check", "so"),
    [
        (["totalResults", "equal", "0"], True),
        (["totalResults", "equal", "1"], False),
        (["totalResults", "equal_number", "0.0"], True),
        (["totalResults", "is_a_number"], True),
        (["active", "is_a_number"], False),
        (["active", "not_empty"], True),
        (["active", "equal", "false"], True),
        (["name.first", "not_empty"], False),
        (["found", "not_empty"], False),
        (["found[0].id", "not_empty"], False),
        (["nobody", "equal", "null"], False),
        (["schemas", "has_value", "urn:b"], True),
        (["schemas", "has_value", "urn:a"], False),
        (["schemas", "contains", "urn:a"], True),
        (["schemas", "contains", "urn:c"], False),
    ],
)
def test_the_comparisons_can_fail(check: list[str], so: bool) -> None:
    assert holds(LISTED, *check) is so


def test_every_kind_of_disagreement_is_seen() -> None:
    answer = httpx2.Response(201, headers={"etag": "1"}, json={"id": "x", "active": True, "emails": [{"value": "a"}]})
    assert disagreements(answer, Expected(201, {"ETag": "1"}, {"emails": [{"value": "a"}]}, ["password"])) == []
    wrong = Expected(200, {"etag": "2"}, {"active": 1, "emails": [], "name": {}}, ["id"], [["id", "equal", "y"]])
    assert disagreements(answer, wrong) == [
        "wanted 200, got 201",
        "etag: wanted '2', got '1'",
        "body.active: wanted 1, got True",
        "body.emails: wanted [], got [{'value': 'a'}]",
        "body.name: wanted {}, got nothing",
        "id is there",
        "not so: id equal y",
    ]
    with pytest.raises(TypeError):
        Step(name="a", method="GET", path="/", exepct={})  # type: ignore[call-arg]  # the misspelling is the point
