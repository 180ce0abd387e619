"""PATCH: a document and operations in, a new document and a report out (RFC 7644 §3.5.2).

The rule of this file: every operation is either understood or refused, and what it was understood as is reported, so
that nobody has to guess why "200 OK" changed nothing. All operations apply or none.

Beyond the RFC, because Okta and Entra really send it (wire facts 1.6, 3.2): operation names in any case; path-less
values with dotted and URN-qualified keys; a filtered path that selects nothing makes the value its `eq` terms describe;
`remove` with a list of values removes those only. Parts that do not exist here or are read-only are set aside and
reported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import orjson

from vestibule.scim.errors import InvalidFilter, InvalidPath, InvalidValue, Mutability, NoTarget, TooMany, excerpt
from vestibule.scim.filter import (
    Compare,
    Document,
    Filter,
    Group,
    count_terms,
    predicate,
)
from vestibule.scim.resource import (
    MAX_VALUES,
    Ignored,
    cleaner,
    core_object,
    drop_labels,
    finish,
    kind,
)
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.scim.target import Target, parse_target

Verb = Literal["add", "replace", "remove"]
MAX_SELECTING: Final = 200_000
"""How many comparisons the selectors of one request may make, all operations together: it bounds its time."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as it came, its name in lower case."""

    verb: Verb
    path: str | None = None
    value: Any = None


@dataclass(slots=True)
class Understood:
    """What one operation was understood as: each place it reached and whether that changed, and what was set aside."""

    operation: Operation
    effects: list[tuple[str, bool]] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)


def apply_patch(
    document: Document, operations: list[Operation], resource_type: ResourceType
) -> tuple[Document, list[Understood]]:
    """The document after all of the operations. The one that was given is not touched.

    Raises:
        InvalidPath, InvalidFilter: a path against the grammar.
        InvalidValue: a value of the wrong type, or a required attribute left without one.
        NoTarget: a selector that matches nothing and does not say what to make.
        Mutability: the removal of a required attribute.
        TooMany: more values or more selecting than is taken in one request.
    """
    work = _Work(orjson.loads(orjson.dumps(document)), resource_type)
    reports = [work.apply(operation) for operation in operations]
    drop_labels(work.document)
    return finish(work.document, resource_type), reports


@dataclass(frozen=True, slots=True)
class _Change:
    """What to do at a target, and where to say that it was done."""

    verb: Verb
    value: Any
    report: Understood


class _Work:
    """The document while it is being changed, and the budget that is left for selecting."""

    def __init__(self, document: Document, resource_type: ResourceType) -> None:
        self.document = document
        self._type = resource_type
        self._selecting_left = MAX_SELECTING

    def apply(self, operation: Operation) -> Understood:
        report = Understood(operation)
        if operation.path is not None and not self._type.is_core(operation.path):
            self._at_path(operation.verb, operation.path, operation.value, report)
        elif operation.verb == "remove":
            raise NoTarget("A 'remove' operation needs a path that says what to remove.")
        elif not isinstance(operation.value, dict):
            raise InvalidValue(
                f"Without a path, the value of '{operation.verb}' should be an object; {kind(operation.value)} came."
            )
        else:
            self._at_names(operation.verb, operation.value, report)
        return report

    def _at_names(self, verb: Verb, values: Document, report: Understood) -> None:
        """Take each name of an object as a path. One that cannot be a path is an attribute that there is not, as it is
        in a POST; with a bracket it is meant as a path, and refused like one.
        """
        for name, value in values.items():
            if self._type.is_core(name):
                self._at_names(verb, core_object(name, value), report)
                continue
            try:
                self._at_path(verb, name, value, report)
            except (InvalidPath, InvalidFilter):
                if "[" in name:
                    raise
                report.ignored.append(Ignored(excerpt(name), "unknown"))

    def _at_path(self, verb: Verb, text: str, value: Any, report: Understood) -> None:
        if text.lower() in {"schemas", "password"}:
            if text.lower() == "password":
                report.ignored.append(Ignored("password", "neverKept"))
            return
        target = parse_target(text, self._type)
        if target is None:
            report.ignored.append(Ignored(excerpt(text), "unknown"))
        elif any(step.mutability == "readOnly" for step in target.steps):
            report.ignored.append(Ignored(excerpt(text), "readOnly"))
        elif verb == "remove" and len(target.steps) == 1 and target.steps[0].required:
            raise Mutability(f"'{target.steps[0].name}' is required and cannot be removed; it can be replaced.")
        else:
            self._descend(self.document, target, 0, "", _Change(verb, value, report))

    def _descend(self, holder: Document, target: Target, depth: int, above: str, change: _Change) -> None:
        """Go one step down from an object that holds the attribute at `depth`; act when it is the last."""
        step = target.steps[depth]
        where = above + step.name
        selector = target.selector if depth == target.selects else None
        if depth == len(target.steps) - 1:
            self._act(holder, step, selector, where, change)
        elif step.multi_valued:
            self._descend_into_values(holder, target, depth, where, change)
        else:
            inner = holder.setdefault(step.name, {})
            joint = ":" if step.name.startswith("urn:") else "."
            self._descend(inner, target, depth + 1, where + joint, change)
            if not inner:
                del holder[step.name]

    def _descend_into_values(self, holder: Document, target: Target, depth: int, where: str, change: _Change) -> None:
        step = target.steps[depth]
        selector = target.selector if depth == target.selects else None
        values: list[Document] = holder.get(step.name, [])
        chosen = self._select(values, selector, depth)
        if not chosen and change.verb != "remove":
            # Entra patches a work e-mail that is not there yet and expects it to come into being (wire facts 3.2).
            made = _described(selector, where)
            values.append(made)
            _check_count(values, where)
            chosen = [made]
        for element in chosen:
            self._descend(element, target, depth + 1, f"{where}.", change)
        _keep_one_primary(values, [element for element in chosen if element.get("primary")])
        _store(holder, step, [element for element in values if element])

    def _act(
        self, holder: Document, attribute: Attribute, selector: Filter | None, where: str, change: _Change
    ) -> None:
        """Do what an operation says to the attribute it ends at."""
        if change.verb == "remove":
            changed = self._remove(holder, attribute, selector, change.value)
        elif attribute.multi_valued:
            changed = self._set_values(holder, attribute, selector, where, change)
        elif attribute.type == "complex":
            self._merge(holder, attribute, where, change)
            return
        else:
            changed = _store(holder, attribute, cleaner(attribute)(change.value, where, change.report.ignored))
        change.report.effects.append((where, changed))

    def _merge(self, holder: Document, attribute: Attribute, where: str, change: _Change) -> None:
        """Set the parts of a single complex value that came; the others stay (RFC 7644 §3.5.2.3). null clears all."""
        if isinstance(change.value, dict) and change.value:
            inner = holder.setdefault(attribute.name, {})
            joint = ":" if attribute.name.startswith("urn:") else "."
            for name, part in change.value.items():
                sub = attribute.sub(name)
                if sub is None:
                    change.report.ignored.append(Ignored(excerpt(where + joint + name), "unknown"))
                else:
                    self._act(inner, sub, None, where + joint + sub.name, replace(change, value=part))
            if not inner:
                del holder[attribute.name]
        else:
            cleaned = cleaner(attribute)(change.value, where, change.report.ignored)
            if cleaned and attribute.name in holder:
                cleaned = {**holder[attribute.name], **cleaned}
            change.report.effects.append((where, _store(holder, attribute, cleaned)))

    def _remove(self, holder: Document, attribute: Attribute, selector: Filter | None, value: Any) -> bool:
        values = holder.get(attribute.name)
        if values is None:
            return False
        if selector is None and (not attribute.multi_valued or value in (None, "", [])):
            return _store(holder, attribute, None)
        if selector is not None:
            elements = values if isinstance(values, list) else [values]
            gone = {id(element) for element in self._select(elements, selector, 0)}
            left = [element for element in elements if id(element) not in gone]
        else:
            unwanted = _named_values(value)
            left = [element for element in values if _name_of(element) not in unwanted]
            elements = values
        if len(left) == len(elements):
            return False
        return _store(holder, attribute, left if attribute.multi_valued else None)

    def _set_values(
        self, holder: Document, attribute: Attribute, selector: Filter | None, where: str, change: _Change
    ) -> bool:
        came: list[Any] = cleaner(attribute)(change.value, where, change.report.ignored) or []
        values: list[Any] = list(holder.get(attribute.name, []))
        if selector is not None:
            after = self._set_selected(values, selector, where, change.verb, came)
        elif change.verb == "replace":
            after = came
        else:
            had = {_fingerprint(element) for element in values}
            after = values + [element for element in came if _fingerprint(element) not in had]
        _check_count(after, where)
        if attribute.type == "complex":
            old = {id(element) for element in values}
            _keep_one_primary(after, [new for new in after if new.get("primary") and id(new) not in old])
        return _store(holder, attribute, after)

    def _set_selected(self, values: list[Any], selector: Filter, where: str, verb: Verb, came: list[Any]) -> list[Any]:
        """Replace the selected values by the one that came, or add its parts to them. What the selector pins stays."""
        if not came:
            raise InvalidValue(f"'{where}[…]' should be given an object; nothing came. To remove it, use 'remove'.")
        new = came[0]
        chosen = {id(element) for element in self._select(values, selector, 0)}
        if not chosen:
            return [*values, {**_described(selector, where), **new}]
        pinned = _pinned(selector) or {}
        after = []
        for element in values:
            if id(element) not in chosen:
                after.append(element)
            elif verb == "add":
                after.append({**element, **new})
            else:
                after.append({**{name: element[name] for name in pinned if name in element}, **new})
        return after

    def _select(self, values: list[Any], selector: Filter | None, depth: int) -> list[Any]:
        if selector is None:
            return list(values)
        self._selecting_left -= len(values) * count_terms(selector)
        if self._selecting_left < 0:
            raise TooMany("The selectors of this request compare too many values; send fewer operations at once.")
        holds: Callable[[Document], bool] = predicate(selector, depth + 1)
        return [element for element in values if holds(element)]


def _store(holder: Document, attribute: Attribute, value: Any) -> bool:
    """Put a cleaned value in its place, or take the attribute away when there is none. Says whether that changed it."""
    before = holder.get(attribute.name)
    if value is None or value == []:
        holder.pop(attribute.name, None)
        return before is not None
    holder[attribute.name] = value
    return bool(before != value)


def _described(selector: Filter | None, where: str) -> Document:
    """The value that a selector describes, for an operation that found none.

    Raises:
        NoTarget: it selects by something else than equality, so that nothing can be made from it (RFC 7644 §3.5.2.3).
    """
    pinned = {} if selector is None else _pinned(selector)
    if pinned is None:
        raise NoTarget(f"No value of '{where}' matches, and its filter does not say what a new one would be.")
    return pinned


def _pinned(selector: Filter) -> Document | None:
    match selector:
        case Compare(path, "eq", _, given):
            cleaned = cleaner(path.leaf)(given, str(path), [])
            return {path.leaf.name: cleaned} if cleaned is not None else {}
        case Group("and", terms):
            parts = [_pinned(term) for term in terms]
            known = [part for part in parts if part is not None]
            return {name: value for part in known for name, value in part.items()} if len(known) == len(parts) else None
        case _:
            return None


def _keep_one_primary(values: list[Any], preferred: list[Any]) -> None:
    """A value that becomes primary ends the others being so (RFC 7644 §3.5.2)."""
    if preferred:
        for element in values:
            if element is not preferred[-1] and element.get("primary"):
                element["primary"] = False


def _check_count(values: list[Any], where: str) -> None:
    if len(values) > MAX_VALUES:
        raise TooMany(f"'{where}' may hold {MAX_VALUES} values; this would make it {len(values):,}.")


def _fingerprint(element: Any) -> bytes:
    return orjson.dumps(element, option=orjson.OPT_SORT_KEYS)


def _name_of(element: Any) -> Any:
    return element.get("value") if isinstance(element, dict) else element


def _named_values(value: Any) -> set[Any]:
    elements = value if isinstance(value, list) else [value]
    named = (_name_of(element) for element in elements)
    return {name for name in named if isinstance(name, str)}
