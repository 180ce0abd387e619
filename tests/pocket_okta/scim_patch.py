"""PATCH of a resource in memory, in every style that the pocket Okta sends: Okta's and both of Entra's.

The rule: correct and small; what none of them sends raises, so that a wrong request fails its test.
"""

import re
from typing import Any

Resource = dict[str, Any]

_PATH = re.compile(
    r"(?:(?P<urn>urn:[\w:.\-]+):)?(?P<attr>\w+)"
    r'(?:\[(?P<key>\w+) eq (?P<value>"[^"]*"|true|false)\])?(?:\.(?P<sub>\w+))?\Z'
)


def patched(resource: Resource, body: Resource) -> Resource:
    """Return the resource after a PatchOp."""
    after = {name: _copy(value) for name, value in resource.items()}
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
    for operation in body["Operations"]:
        _apply(after, operation["op"].lower(), operation.get("path", ""), operation.get("value"))
    return after


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _apply(resource: Resource, op: str, path: str, value: Any) -> None:
    if not path:
        assert op in {"add", "replace"}
        for name, inner in value.items():
            _apply(resource, op, name, inner)
        return
    found = _PATH.match(path)
    assert found, path
    home = resource.setdefault(found["urn"], {}) if found["urn"] else resource
    if found["attr"] == "id":
        assert value == resource["id"]
    elif found["key"]:
        _chosen(home, found, op, value)
    elif found["sub"]:
        _set(home.setdefault(found["attr"], {}), found["sub"], op, value)
    elif found["attr"] == "members":
        home["members"] = _members(home.get("members", []), op, value)
    else:
        _set(home, found["attr"], op, value)


def _set(home: Resource, name: str, op: str, value: Any) -> None:
    if op == "remove":
        home.pop(name, None)
    elif name == "active":
        home[name] = value if isinstance(value, bool) else {"true": True, "false": False}[value.lower()]
    elif name == "manager":
        home[name] = value[0] if isinstance(value, list) else {"value": value} if isinstance(value, str) else value
    else:
        home[name] = value


def _members(members: list[Resource], op: str, value: Any) -> list[Resource]:
    """Add, replace or remove members; a remove with a value takes out only those it names."""
    given = [] if value is None else value
    ids = {member["value"] for member in given}
    kept = [] if op == "replace" or value is None else [one for one in members if one["value"] not in ids]
    return kept if op == "remove" else [*kept, *given]


def _chosen(home: Resource, found: re.Match[str], op: str, value: Any) -> None:
    """Change or remove the entries of a multi-valued attribute that a filter chooses."""
    raw = found["value"]
    wanted: Any = raw == "true" if raw in {"true", "false"} else raw.strip('"')
    entries = home.get(found["attr"]) or []
    home[found["attr"]] = entries
    chosen = [entry for entry in entries if entry.get(found["key"]) == wanted]
    if op == "remove" and not found["sub"]:
        home[found["attr"]] = [entry for entry in entries if entry not in chosen]
        return
    if not chosen:
        chosen = [{found["key"]: wanted}]
        entries.extend(chosen)
    for entry in chosen:
        _set(entry, found["sub"], op, value)
