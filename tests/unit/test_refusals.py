"""No refusal quotes a value that was sent: every place in the protocol that refuses is reached, and its sentence read.

The sentences go back to the sender and into the activity log. They may quote names (of attributes, operations and
parameters), and never what a filter compares with or what a person's attribute should be.
"""

import ast
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import orjson
import pytest

from vestibule.scim import (
    body,
    bulk,
    filter,  # noqa: A004 -- the module has the RFC's name
    membership,
    messages,
    patch,
    resource,
    strict,
    target,
)
from vestibule.scim.errors import ScimError, named
from vestibule.scim.schema import ENTERPRISE_USER, USER, USER_TYPE

CANARY = "S3cret.Canary-Value"
QUOTED = f'"{CANARY}"'
MANAGER = f"{ENTERPRISE_USER}:manager"
PERSON = {"schemas": [USER], "userName": "ana", "active": True, ENTERPRISE_USER: {"manager": {"value": "m"}}}
Act = Callable[[], object]


def filtering(text: str) -> Act:
    return lambda: filter.parse_filter(text, USER_TYPE)


def targeting(text: str) -> Act:
    return lambda: target.parse_target(text, USER_TYPE)


def patching(*operations: tuple[str, str | None, Any], **more: Any) -> Act:
    made = [patch.Operation(verb, path, value) for verb, path, value in operations]  # type: ignore[arg-type]  # verbs are texts here
    return lambda: patch.apply_patch(PERSON | more, made, USER_TYPE)


def cleaning(**attributes: Any) -> Act:
    return lambda: resource.clean({"userName": "ana", **attributes}, USER_TYPE)


def decoding(sent: bytes | str) -> Act:
    return lambda: body.decode(sent if isinstance(sent, bytes) else sent.encode())


def messaging(message: Any) -> Act:
    return lambda: messages.parse_patch(message)


def in_bulk(method: str, path: str) -> Act:
    (operation,) = bulk.parse_bulk({"Operations": [{"method": method, "path": path}]}).operations
    return lambda: bulk.target_of(operation, {"Users": None}, "http://x")


def strictly(*operations: tuple[str, str | None, Any]) -> Act:
    made = [patch.Operation(verb, path, value) for verb, path, value in operations]  # type: ignore[arg-type]  # verbs are texts here
    sent = {"schemas": [strict.PATCH_OP]}
    return lambda: strict.check_patch(sent, made, USER_TYPE)


def strictly_whole(**attributes: Any) -> Act:
    return lambda: strict.check_resource({"schemas": [USER], "userName": "ana", **attributes}, USER_TYPE)


def joining(*operations: tuple[str, str | None, Any]) -> Act:
    made = [patch.Operation(verb, path, value) for verb, path, value in operations]  # type: ignore[arg-type]  # verbs are texts here
    return lambda: membership.parse_group_patch(made)


EMAILS = [{"value": f"{CANARY}{number}", "display": CANARY} for number in range(500)]
REFUSED: dict[ModuleType, list[Act]] = {
    filter: [
        filtering(f'title eq "{CANARY * 300}"'),
        filtering("(" * 21 + f"title eq {QUOTED}"),
        filtering(" or ".join([f"title eq {QUOTED}"] * 51)),
        filtering(f"title eq {QUOTED} and §{CANARY}"),
        filtering(f"(title eq {QUOTED} {QUOTED}"),
        filtering(f"(title eq {QUOTED} {CANARY}"),
        filtering(f"title eq {QUOTED} {CANARY}"),
        filtering(f"title eq {QUOTED} {QUOTED}"),
        filtering(f"title eq {QUOTED} and {QUOTED}"),
        filtering(QUOTED),
        filtering(f"nobody eq {QUOTED}"),
        filtering(f"emails[nobody eq {QUOTED}]"),
        filtering(f"title[value eq {QUOTED}]"),
        filtering(f"title {CANARY} {QUOTED}"),
        filtering(f"title {QUOTED} eq"),
        filtering(f'title eq "{CANARY}\\x"'),
        filtering(f'title eq "{CANARY}\\u0000"'),
        filtering(f"title eq {CANARY}"),
        filtering(f"title eq {CANARY.replace('.', '-')}"),
        filtering(f"title eq ({CANARY}"),
        filtering("title eq 007"),
        filtering(f"name eq {QUOTED}"),
        filtering(f"title gt null and title eq {QUOTED}"),
        filtering(f"active gt {QUOTED}"),
        filtering(f"active eq {QUOTED}"),
        filtering(f"meta.created gt {QUOTED}"),
        filtering(f"title eq true and title eq {QUOTED}"),
        filtering(f"title eq 1e300 and title eq {QUOTED}"),
    ],
    target: [
        targeting(f"emails[value eq {QUOTED}].value.{CANARY}"),
        targeting(f"emails[value eq {CANARY}]!"),
        targeting(f"title eq {QUOTED}"),
        targeting(f"title eq {CANARY}"),
        targeting(f"title[value eq {QUOTED}]"),
    ],
    patch: [
        patching(*[("replace", "emails.display", CANARY)] * 1000, emails=EMAILS),
        patching(("remove", None, CANARY)),
        patching(("add", None, CANARY)),
        patching(("remove", "userName", CANARY)),
        patching(("replace", f"{MANAGER}[value eq {QUOTED}]", CANARY)),
        patching(("replace", f"emails[value eq {QUOTED}]", None)),
        patching(("add", None, {"title": CANARY, "Title": "x"})),
        patching(
            ("add", None, {f"emails[value eq {QUOTED}].type": "x", f"emails[value eq {QUOTED}].TYPE": CANARY}),
        ),
        patching(("replace", f"emails[value ne {QUOTED}].type", CANARY)),
        patching(("add", "emails", CANARY), emails=EMAILS),
        lambda: patch.apply_patch(
            PERSON, [patch.Operation("replace", f"emails[value eq {QUOTED}].type", CANARY)], USER_TYPE, strict=True
        ),
    ],
    strict: [
        lambda: strict.check_patch({}, [], USER_TYPE),
        lambda: strict.check_patch({"schemas": [strict.PATCH_OP]}, [], USER_TYPE),
        strictly(("replace", f"emails[value eq {QUOTED}].hat", CANARY)),
        strictly(("replace", f"groups[value eq {QUOTED}]", CANARY)),
        strictly(("remove", "active", CANARY)),
        lambda: strict.check_resource({"schemas": [], "userName": CANARY}, USER_TYPE),
        strictly_whole(**{f"hat {CANARY}": CANARY}),
        strictly_whole(emails=CANARY),
        strictly_whole(name=CANARY),
        strictly_whole(active=CANARY),
        strictly_whole(title=[CANARY]),
    ],
    membership: [
        joining(("add", "members", [[CANARY]])),
        joining(("add", "members", [{"display": CANARY}])),
        joining(("add", "members", [f"{CANARY}{number}" for number in range(10_001)])),
        joining(("remove", "members.value", None)),
        joining(("add", f"members[display eq {QUOTED}]", None)),
    ],
    resource: [
        lambda: resource.clean([CANARY], USER_TYPE),
        cleaning(**{"title": "x", USER: {"title": CANARY}}),
        cleaning(**{USER: CANARY}),
        cleaning(userName="", title=CANARY),
        cleaning(emails=[{"value": each["value"], "display": CANARY * 60} for each in EMAILS]),
        cleaning(title=CANARY * 1000 + "\u0301" * 40),
        cleaning(title=CANARY * 500 + "ﷺ" * 5001),
        cleaning(userName=CANARY * 100),
        cleaning(userName=f"{CANARY}\u200b"),
        cleaning(title=CANARY * 10_000),
        cleaning(title=1e300, nickName=CANARY),
        cleaning(title={"x": CANARY}),
        cleaning(active=CANARY),
        cleaning(title=CANARY, Title=CANARY),
        cleaning(name=[CANARY, CANARY]),
        cleaning(emails=f"{{{CANARY}"),
        cleaning(name=CANARY),
        cleaning(emails=[CANARY] * 501),
    ],
    messages: [
        messaging([CANARY]),
        messaging({"Operations": [{"op": "add", "path": "title", "value": CANARY}] * 1001}),
        messaging({"Operations": [CANARY]}),
        messaging({"Operations": [{"op": "move", "path": f"emails[value eq {QUOTED}]", "value": CANARY}]}),
        messaging({"Operations": [{"op": "add", "path": [CANARY], "value": CANARY}]}),
        messaging({"Operations": [{"op": "add", "path": f"emails[value eq {QUOTED}]"}]}),
        messaging({"Operations": [{"op": "add", "value": CANARY, "Value": CANARY}]}),
        lambda: messages.parse_page("one", None),
        lambda: messages.parse_cursor_count("one"),
        lambda: messages.parse_cursor_count("0"),
        lambda: messages.parse_search([CANARY]),
        lambda: messages.parse_search({"filter": [CANARY]}),
    ],
    bulk: [
        lambda: bulk.parse_bulk([CANARY]),
        lambda: bulk.parse_bulk({"Operations": [CANARY] * 1001}),
        lambda: bulk.parse_bulk({"Operations": [], "failOnErrors": CANARY}),
        lambda: bulk.parse_bulk({"Operations": [{"method": "POST", "bulkId": "x"}] * 2}),
        lambda: bulk.parse_bulk({"Operations": [CANARY]}),
        lambda: bulk.parse_bulk({"Operations": [{"path": [CANARY]}]}),
        in_bulk("MOVE", "/Users"),
        in_bulk("POST", f"/Users/{CANARY}"),
        in_bulk("POST", "/Users"),
        lambda: bulk.resolve({"title": CANARY, "manager": "bulkId:x"}, {}),
    ],
    body: [
        decoding(f'{{"title": "{CANARY}'),
        decoding(f'{{"title": "{CANARY}\\u0000"}}'),
        decoding("[" * 33 + f'"{CANARY}"' + "]" * 33),
        decoding(orjson.dumps({"emails": [CANARY] * 10_001})),
        decoding(f'{{"title": "{CANARY}", "title": "{CANARY}"}}'),
        decoding(f'{{"emails[value eq \\"{CANARY}\\"].type": 1, "emails[value eq \\"{CANARY}\\"].type": 2}}'),
    ],
}


def refused_at(act: Act) -> tuple[str, str, int]:
    """The sentence of a refusal, and the file and line of the `raise` that it comes from."""
    with pytest.raises(ScimError) as refused:
        act()
    entry = refused.traceback[-1]
    return refused.value.detail, str(entry.path), entry.lineno + 1


def places_that_refuse(module: ModuleType) -> list[range]:
    """The lines of each `raise` in a module whose exception is a SCIM Error."""
    tree = ast.parse(inspect.getsource(module))
    errors = {kind.__name__ for kind in ScimError.__subclasses__()}
    return [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in errors
    ]


@pytest.mark.parametrize("module", REFUSED, ids=lambda module: module.__name__.rpartition(".")[2])
def test_no_refusal_quotes_a_value_and_every_place_that_refuses_is_reached(module: ModuleType) -> None:
    reached = []
    for act in REFUSED[module]:
        detail, path, line = refused_at(act)
        assert "canary" not in detail.lower(), detail
        assert detail.endswith("."), detail
        if path == inspect.getsourcefile(module):
            reached.append(line)
    missed = [lines for lines in places_that_refuse(module) if not any(line in lines for line in reached)]
    assert missed == []


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("name..x", "name..x"),
        ("odd key!", "odd…"),
        (f"emails[value eq {QUOTED}]", "emails…"),
        ("", ""),
        ("x" * 80, "x" * 60 + "…"),
    ],
)
def test_a_misspelt_path_is_told_by_the_name_it_begins_with(path: str, shown: str) -> None:
    assert named(path) == shown
