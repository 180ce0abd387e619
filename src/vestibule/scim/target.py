"""Targets: an attribute path that may select among values, as in `emails[type eq "work"].value` (RFC 7644 §3.5.2).

PATCH operations and mapping rules name what they mean with one.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from vestibule.scim.errors import InvalidPath, excerpt
from vestibule.scim.filter import Document, Filter, check_size, parse_element_filter, predicate
from vestibule.scim.path import MalformedPath, find_path
from vestibule.scim.schema import Attribute, ResourceType


@dataclass(frozen=True, slots=True)
class Target:
    """Steps down to an attribute; `selector` picks among the values of the step at `selects`."""

    steps: tuple[Attribute, ...]
    selector: Filter | None = None
    selects: int = -1

    def values(self, document: Document) -> list[Any]:
        """What the target holds in a document, the primary value first."""
        found: list[Any] = [document]
        for at, step in enumerate(self.steps):
            below = [part[step.name] for part in found if step.name in part]
            found = [value for part in below for value in (part if isinstance(part, list) else (part,))]
            if at == self.selects and self.selector is not None:
                found = list(filter(predicate(self.selector, at + 1), found))
            if step.multi_valued and step.type == "complex":
                found.sort(key=lambda value: not value.get("primary", False))
        return found


_SELECTING = re.compile(r"(?P<attribute>[^\[\]\"]+)\[(?P<filter>.*)\](?:\.(?P<sub>[A-Za-z$][\w$-]*))?\Z", re.DOTALL)


@lru_cache(maxsize=512)
def parse_target(text: str, resource_type: ResourceType) -> Target | None:
    """The target that a text names; None when there is no such attribute.

    Raises:
        InvalidPath: the text is not an attribute path.
        InvalidFilter: the filter between the brackets is not one.
    """
    check_size(text)
    match = _SELECTING.match(text)
    try:
        path = find_path(match["attribute"] if match else text, resource_type)
    except MalformedPath:
        raise InvalidPath(f"'{excerpt(text)}' is not an attribute path such as name.familyName.") from None
    if path is None or match is None:
        return Target(path.steps) if path else None
    if path.leaf.type != "complex":
        raise InvalidPath(f"'{path}' is a simple attribute, which '[' cannot follow.")
    selector, at = parse_element_filter(match["filter"], path, resource_type), len(path.steps) - 1
    if match["sub"] is None:
        return Target(path.steps, selector, at)
    below = path.sub(match["sub"])
    return Target(below.steps, selector, at) if below else None
