"""Attribute paths, with which a filter, a PATCH operation, `attributes=` and a mapping rule name an attribute.

The grammar is RFC 7644 §3.10. Two extensions are made because real clients need them: names are found in any case, and
a schema URN may be followed by a dot as well as by a colon (Entra wire facts 3.2).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from vestibule.scim.schema import Attribute, ResourceType

_NAME = re.compile(r"[A-Za-z$][A-Za-z0-9_$-]*\Z")


class MalformedPath(ValueError):
    """A text that is not an attribute path, as opposed to the path of an attribute that does not exist."""


@dataclass(frozen=True, slots=True)
class Path:
    """The steps from the resource down to an attribute: one to three, the first of them top-level."""

    steps: tuple[Attribute, ...]
    text: str
    """The path in the schema's own spelling."""

    @property
    def leaf(self) -> Attribute:
        """Returns the attribute that the path names."""
        return self.steps[-1]

    @property
    def read_only(self) -> bool:
        """Returns whether a client's value for it is ignored."""
        return any(step.mutability == "readOnly" for step in self.steps)

    def sub(self, name: str) -> "Path | None":
        """Returns the path that goes one step further down."""
        found = self.leaf.sub(name)
        return _path((*self.steps, found)) if found else None

    def __str__(self) -> str:
        return self.text


def _path(steps: tuple[Attribute, ...]) -> Path:
    first, *rest = (step.name for step in steps)
    joint = ":" if first.startswith("urn:") else "."
    return Path(steps, first + joint + ".".join(rest) if rest else first)


@lru_cache(maxsize=1024)
def find_path(text: str, resource_type: ResourceType) -> Path | None:
    """Find the attribute that a text such as `name.familyName` or `urn:…:User:manager.value` names.

    Returns its path, or None if there is no such attribute.

    Raises:
        MalformedPath: the text is not an attribute path.
    """
    names = _split(text, resource_type)
    if names is None:
        return None
    steps: list[Attribute] = []
    here = resource_type.root
    for name in names:
        found = here.sub(name)
        if found is None:
            return None
        steps.append(found)
        here = found
    return _path(tuple(steps))


def find_filter_path(text: str, resource_type: ResourceType) -> Path | None:
    """Find the attribute that a filter names. An attribute of an extension may come without the URN if the core schema
    has none of that name: Entra asks for `manager eq "…"` (wire facts 3.1).

    Returns its path, or None if there is no such attribute.

    Raises:
        MalformedPath: the text is not an attribute path.
    """
    found = find_path(text, resource_type)
    if found is None and ":" not in text:
        qualified = (find_path(f"{schema.id}:{text}", resource_type) for schema in resource_type.extensions)
        found = next((path for path in qualified if path is not None), None)
    return found


def _split(text: str, resource_type: ResourceType) -> list[str] | None:
    """Split a path into names, from the top down. Returns None if it begins with the URN of an unknown schema."""
    folded = text.lower()
    if not folded.startswith("urn:"):
        return _names(text)
    core = resource_type.core.id.lower()
    if folded.startswith(core) and text[len(core) : len(core) + 1] in {":", "."}:
        return _names(text[len(core) + 1 :])
    for schema in resource_type.extensions:
        urn = schema.id.lower()
        if folded == urn:
            return [schema.id]
        if folded.startswith(urn) and text[len(urn)] in {":", "."}:
            return [schema.id, *_names(text[len(urn) + 1 :])]
    return None


def _names(text: str) -> list[str]:
    names = text.split(".")
    if not all(map(_NAME.match, names)):
        raise MalformedPath
    return names
