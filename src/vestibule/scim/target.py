"""Targets: an attribute path that may select among values, as in `emails[type eq "work"].value` (RFC 7644 §3.5.2).

PATCH operations and mapping rules use targets.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from operator import methodcaller
from typing import Any

from vestibule.scim.errors import InvalidPath, named
from vestibule.scim.filter import (
    Document,
    Filter,
    Predicate,
    check_length,
    check_size,
    compared_paths,
    parse_element_filter,
    predicate,
)
from vestibule.scim.path import MalformedPath, find_path
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.scim.text import fold


@dataclass(frozen=True, slots=True)
class Target:
    """The steps down to an attribute. `selector` selects among the values of the step at `selects`."""

    steps: tuple[Attribute, ...]
    selector: Filter | None = None
    selects: int = -1
    read_only: bool = field(init=False, compare=False)
    """Whether a client's value for it is not taken."""
    holds: Predicate | None = field(init=False, compare=False, repr=False)
    """Whether the selector selects a value."""
    compares: tuple[str, ...] = field(init=False, compare=False)
    """The part of a value that each comparison of the selector reads."""

    def __post_init__(self) -> None:
        selector = self.selector
        paths = () if selector is None else compared_paths(selector)
        object.__setattr__(self, "read_only", any(step.mutability == "readOnly" for step in self.steps))
        object.__setattr__(self, "holds", None if selector is None else predicate(selector, self.selects + 1))
        object.__setattr__(self, "compares", tuple(path.leaf.name for path in paths))

    def reader(self, folding: Callable[[str], str] = fold) -> Callable[[Document], list[Any]]:
        """Compile the target to a function that lists the values it has in a document, the primary value first.

        `folding` is how the selector folds texts, as in `filter.predicate`.
        """
        if not any(step.multi_valued for step in self.steps) and self.selector is None:
            first = _single([step.name for step in self.steps])
            return lambda document: [] if (value := first(document)) is None else [value]
        walk = [(step.name, step.multi_valued, self._test(at, folding)) for at, step in enumerate(self.steps)]

        def values(document: Document) -> list[Any]:
            found: list[Any] = [document]
            for name, many, holds in walk:
                found = [part[name] for part in found if name in part]
                if not found:
                    return found
                if many:
                    found = [value for values in found for value in values]
                    if len(found) > 1 and isinstance(found[0], dict):
                        found.sort(key=_not_primary)
                if holds is not None:
                    found = [value for value in found if holds(value)]
            return found

        return values

    def first_reader(self, folding: Callable[[str], str] = fold) -> Callable[[Document], Any]:
        """Compile the target to a function that returns the first value of what `reader` would list, or None."""
        if not any(step.multi_valued for step in self.steps) and self.selector is None:
            return _single([step.name for step in self.steps])
        if len(self.steps) == 2 and self.steps[0].multi_valued and self.selects in {-1, 0}:
            return _first_of_many(self.steps[0].name, self.steps[1].name, self._test(0, folding))
        read = self.reader(folding)
        return lambda document: next(iter(read(document)), None)

    @property
    def comparisons(self) -> int:
        """Returns how many comparisons a reader makes for a value: one for each term of the selector, or one."""
        return max(1, len(self.compares))

    @property
    def multi_valued(self) -> bool:
        """Returns whether there may be several values to examine."""
        return any(step.multi_valued for step in self.steps)

    def _test(self, at: int, folding: Callable[[str], str]) -> Predicate | None:
        """Returns the test that values have to pass after that step."""
        return predicate(self.selector, at + 1, folding) if self.selector is not None and at == self.selects else None


def _single(names: list[str]) -> Callable[[Document], Any]:
    """Returns a reader of a single value, the target of most mapping rules."""
    *above, last = names
    if not above:
        return methodcaller("get", last)

    def value(document: Document) -> Any:
        here: Any = document
        for name in above:
            here = here.get(name)
            if here is None:
                return None
        return here.get(last)

    return value


def _first_of_many(name: str, sub: str, holds: Predicate | None) -> Callable[[Document], Any]:
    """Returns a reader of one part of a multi-valued attribute: of the primary value if that has it, or else of the
    first.
    """

    def value(document: Document) -> Any:
        found = None
        for each in document.get(name, ()):
            if sub in each and (holds is None or holds(each)):
                if each.get("primary"):
                    return each[sub]
                if found is None:
                    found = each[sub]
        return found

    return value


def _not_primary(value: Document) -> bool:
    return not value.get("primary", False)


_SELECTING = re.compile(r"(?P<attribute>[^\[\]\"]+)\[(?P<filter>.*)\](?:\.(?P<sub>[A-Za-z$][\w$-]*))?\Z", re.DOTALL)


@lru_cache(maxsize=512)
def parse_target(text: str, resource_type: ResourceType) -> Target | None:
    """Parse a target. Returns None if there is no such attribute.

    Raises:
        InvalidPath: the text is not an attribute path.
        InvalidFilter: the text in brackets is not a filter.
    """
    if "[" in text:
        check_size(text)
        match = _SELECTING.match(text)
    else:
        check_length(text)
        match = None
    try:
        path = find_path(match["attribute"] if match else text, resource_type)
    except MalformedPath:
        raise InvalidPath(f"'{named(text)}' is not an attribute path such as name.familyName.") from None
    if path is None or match is None:
        return Target(path.steps) if path else None
    if path.leaf.type != "complex":
        raise InvalidPath(f"'{path}' is a simple attribute, which '[' cannot follow.")
    selector, at = parse_element_filter(match["filter"], path, resource_type), len(path.steps) - 1
    if match["sub"] is None:
        return Target(path.steps, selector, at)
    below = path.sub(match["sub"])
    return Target(below.steps, selector, at) if below else None
