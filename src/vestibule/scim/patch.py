"""Applies PATCH operations to a document, and reports what each of them did (RFC 7644 §3.5.2).

The rule of this file: every operation is either applied or refused, and a report says how it was interpreted, so that
nobody has to guess why "200 OK" changed nothing. All operations apply or none.

Accepted beyond the RFC, because Okta and Entra send it (wire facts 1.6, 3.2): operation names in any case; values
without a path, whose names may be dotted or begin with a URN; a filtered path that selects nothing makes the value that
its `eq` terms describe; `remove` with a list of values removes only those. Parts that do not exist here or are
read-only are ignored and reported.

A short request can cause a lot of work, as `emails.display` does on a person with 500 addresses. So each value that an
operation reads or writes is counted beforehand, and a request that exceeds `MAX_STEPS` is refused.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, NoReturn

import orjson

from vestibule.scim.errors import (
    InvalidFilter,
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    Mutability,
    NoTarget,
    TooMany,
    excerpt,
    named,
)
from vestibule.scim.filter import Compare, Document, Filter, Group
from vestibule.scim.resource import MAX_VALUES, NOTHING, SMALL, Ignored, check_size, cleaner, core_object, finish, kind
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.scim.target import Target, parse_target
from vestibule.scim.values import drop_labels, identity, keep_one_primary, merge_equal

Verb = Literal["add", "replace", "remove"]
MAX_STEPS: Final = 20_000
"""How many steps the operations of one request may take together: it bounds the time of a PATCH.

A step is a value that is read, written or compared, once for each 128 characters of it; finding a path takes three, and
one more for each eight characters, or each two if it holds a filter.
"""


class Operation(NamedTuple):
    """One operation as it was sent, with its name in lower case."""

    verb: Verb
    path: str | None = None
    value: Any = None


@dataclass(slots=True)
class Understood:
    """How one operation was interpreted: the attributes that it reached, each with whether it changed, and what was
    ignored.
    """

    operation: Operation
    effects: list[tuple[str, bool]] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)


def apply_patch(
    document: Document, operations: list[Operation], resource_type: ResourceType, *, strict: bool = False
) -> tuple[Document, list[Understood]]:
    """Apply the operations of a PATCH to a document, which is not changed itself.

    `strict`: a filter in the path of `replace` has to select something (RFC 7644 §3.5.2.3).

    Returns the new document, and for each operation how it was interpreted.

    Raises:
        InvalidPath, InvalidFilter: a path does not follow the grammar.
        InvalidSyntax: a value has an attribute twice, with different values.
        InvalidValue: a value of the wrong type, a required attribute without a value, or a document that is too large.
        NoTarget: a selector that matches nothing and does not describe a value that could be created.
        Mutability: the removal of a required attribute.
        TooMany: more values or more steps than one request may have.
    """
    text = orjson.dumps(document)
    work = _Work(orjson.loads(text), resource_type, strict=strict)
    reports = [work.apply(operation) for operation in operations]
    drop_labels(work.document)
    if len(text) + work.written > SMALL:
        check_size(work.document, resource_type, len(text))
    return finish(work.document, resource_type), reports


class _Change(NamedTuple):
    """What to do at a target, where to report it, and how many steps it takes to write the value."""

    target: Target
    verb: Verb
    value: Any
    report: Understood
    weight: int = 1


class _Work:
    """The document while it is being changed, and how many steps are left."""

    def __init__(self, document: Document, resource_type: ResourceType, *, strict: bool) -> None:
        self.document = document
        self._strict = strict
        self._type = resource_type
        self._steps = 0
        self._begun = 0

    @property
    def written(self) -> int:
        """Returns how many bytes the operations can have added: a step writes 128 characters, a name and its
        punctuation.
        """
        return 1024 * self._steps

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise TooMany(
                f"The operations of a PATCH may take {MAX_STEPS:,} steps, such as a value that is read, written or "
                f"compared; operation {self._begun:,} would make it {self._steps:,}. Send fewer operations at once."
            )

    def apply(self, operation: Operation) -> Understood:
        self._begun += 1
        report = Understood(operation)
        if operation.path is not None and not self._type.is_core(operation.path):
            self._at_path(operation.verb, operation.path, operation.value, report)
        elif operation.verb == "remove":
            raise NoTarget("A 'remove' operation needs a path that says what to remove.")
        elif not isinstance(operation.value, dict):
            raise InvalidValue(
                f"Without a path, the value of '{operation.verb}' should be an object; got {kind(operation.value)}."
            )
        else:
            self._at_names(operation.verb, operation.value, report, None)
        return report

    def _at_names(self, verb: Verb, values: Document, report: Understood, came: dict[Target, Any] | None) -> None:
        """Apply each name of an object as a path. `came` has the targets that the object has named so far, if it names
        several.

        A name that cannot be a path is an unknown attribute, as in a POST. One with a bracket is meant as a path, and
        is refused like one.
        """
        if came is None and len(values) > 1:
            came = {}
        for name, value in values.items():
            if self._type.is_core(name):
                self._spend(1)
                self._at_names(verb, core_object(name, value), report, came)
                continue
            try:
                target = self._at_path(verb, name, value, report)
            except (InvalidPath, InvalidFilter):
                if "[" in name:
                    raise
                report.ignored.append(Ignored(excerpt(name), "unknown"))
                continue
            if came is not None and target is not None and came.setdefault(target, value) != value:
                _refuse_two_values(name)

    def _at_path(self, verb: Verb, text: str, value: Any, report: Understood) -> Target | None:
        """Apply an operation at a path. Returns the target that the path names, if there is one."""
        self._spend(3 + len(text) // (2 if "[" in text else 8))
        if text.lower() in {"schemas", "password"}:
            if text.lower() == "password":
                report.ignored.append(Ignored("password", "neverKept"))
            return None
        target = parse_target(text, self._type)
        if target is None:
            report.ignored.append(Ignored(excerpt(text), "unknown"))
        elif target.read_only:
            report.ignored.append(Ignored(excerpt(text), "readOnly"))
        elif verb == "remove" and len(target.steps) == 1 and target.steps[0].required:
            raise Mutability(f"'{target.steps[0].name}' is required and cannot be removed; it can be replaced.")
        else:
            self._descend(self.document, 0, "", _Change(target, verb, value, report, _weight(value)))
        return target

    def _descend(self, holder: Document, depth: int, above: str, change: _Change) -> None:
        """Go one step down from an object that has the attribute at `depth`, and change it if it is the last step."""
        steps = change.target.steps
        step = steps[depth]
        where = above + step.name
        selects = depth == change.target.selects
        if selects and not step.multi_valued and not self._is_meant(holder, step, change):
            change.report.effects.append((where, False))
        elif depth == len(steps) - 1:
            self._act(holder, step, where, change, selects=selects)
        elif step.multi_valued:
            self._descend_into_values(holder, depth, where, change)
        else:
            inner = holder.setdefault(step.name, {})
            self._descend(inner, depth + 1, where + _joint(step), change)
            if not inner:
                del holder[step.name]

    def _is_meant(self, holder: Document, step: Attribute, change: _Change) -> bool:
        """Returns whether a selector selects the only value of an attribute. A missing value is created as described.

        Raises:
            NoTarget: something should be set, but the attribute has another value than the selected one.
        """
        if step.name not in holder:
            self._check_selects(change, step.name)
            if change.verb != "remove":
                holder[step.name] = _described(change.target.selector, step.name)
            return change.verb != "remove"
        if self._select([holder[step.name]], change.target):
            return True
        if change.verb != "remove":
            raise NoTarget(f"'{step.name}' has one value, and it is not the one that the filter in the path selects.")
        return False

    def _descend_into_values(self, holder: Document, depth: int, where: str, change: _Change) -> None:
        target = change.target
        step = target.steps[depth]
        selects = depth == target.selects
        values: list[Document] = holder.get(step.name, [])
        chosen = self._select(values, target) if selects else list(values)
        self._spend(len(values))
        if not chosen and change.verb != "remove":
            if selects:
                self._check_selects(change, where)
            # Entra patches a work e-mail that does not exist yet and expects it to be created (wire facts 3.2).
            made = _described(target.selector if selects else None, where)
            values.append(made)
            _check_count(values, where)
            chosen = [made]
        for element in chosen:
            self._descend(element, depth + 1, f"{where}.", change)
        keep_one_primary(values, [element for element in chosen if element.get("primary")])
        _store(holder, step, merge_equal([element for element in values if element], step))

    def _act(
        self, holder: Document, attribute: Attribute, where: str, change: _Change, *, selects: bool = False
    ) -> None:
        """Apply an operation to the last attribute of its path."""
        self._spend(change.weight)
        if change.verb == "remove":
            changed = self._remove(holder, attribute, where, change, selects=selects)
        elif attribute.multi_valued:
            changed = self._set_values(holder, attribute, where, change, selects=selects)
        elif attribute.type == "complex":
            self._merge(holder, attribute, where, change)
            return
        else:
            changed = _store(holder, attribute, cleaner(attribute)(change.value, where, change.report.ignored))
        change.report.effects.append((where, changed))

    def _merge(self, holder: Document, attribute: Attribute, where: str, change: _Change) -> None:
        """Set the given parts of a single complex value and keep the others (RFC 7644 §3.5.2.3). null clears all of
        them.
        """
        if isinstance(change.value, dict) and change.value:
            inner = holder.setdefault(attribute.name, {})
            joint = _joint(attribute)
            came: dict[str, Any] = {}
            for name, part in change.value.items():
                sub = attribute.sub(name)
                if sub is None:
                    change.report.ignored.append(Ignored(excerpt(where + joint + name), "unknown"))
                    continue
                if came.setdefault(sub.name, part) != part:
                    _refuse_two_values(where + joint + name)
                self._act(inner, sub, where + joint + sub.name, change._replace(value=part, weight=_weight(part)))
            if not inner:
                del holder[attribute.name]
        else:
            cleaned = cleaner(attribute)(change.value, where, change.report.ignored)
            if cleaned and attribute.name in holder:
                cleaned = {**holder[attribute.name], **cleaned}
            change.report.effects.append((where, _store(holder, attribute, cleaned)))

    def _remove(self, holder: Document, attribute: Attribute, where: str, change: _Change, *, selects: bool) -> bool:
        had = holder.get(attribute.name)
        if had is None:
            return False
        if not attribute.multi_valued or (not selects and change.value in NOTHING):
            return _store(holder, attribute, None)
        if selects:
            gone = {id(element) for element in self._select(had, change.target)}
        else:
            self._spend(_touched(had))
            gone = _listed(had, cleaner(attribute)(change.value, where, change.report.ignored) or [], attribute)
        return bool(gone) and _store(holder, attribute, [element for element in had if id(element) not in gone])

    def _set_values(
        self, holder: Document, attribute: Attribute, where: str, change: _Change, *, selects: bool
    ) -> bool:
        came: list[Any] = cleaner(attribute)(change.value, where, change.report.ignored) or []
        values: list[Any] = list(holder.get(attribute.name, []))
        self._spend(2 * _touched(values) + len(came))  # each is compared twice
        if selects:
            after = self._set_selected(values, where, change, came)
        elif change.verb == "replace":
            after = came
        else:
            after = values + came
        if attribute.type == "complex":
            after = merge_equal(after, attribute, newer_wins=True)
            old = {id(element) for element in values}
            keep_one_primary(after, [new for new in after if new.get("primary") and id(new) not in old])
        _check_count(after, where)
        return _store(holder, attribute, after)

    def _set_selected(self, values: list[Any], where: str, change: _Change, came: list[Any]) -> list[Any]:
        """Replace the selected values by the given one, or add its parts to them. Parts that the selector fixes are
        kept.
        """
        if not came:
            raise InvalidValue(f"'{where}[…]' should be given an object; got nothing. To remove it, use 'remove'.")
        new, selector = came[0], change.target.selector
        chosen = {id(element) for element in self._select(values, change.target)}
        if not chosen:
            self._check_selects(change, where)
            return [*values, {**_described(selector, where), **new}]
        self._spend(len(chosen) * _weight(new))
        pinned = (_pinned(selector) if selector is not None else None) or {}
        after = []
        for element in values:
            if id(element) not in chosen:
                after.append(element)
            elif change.verb == "add":
                after.append({**element, **new})
            else:
                after.append({**{name: element[name] for name in pinned if name in element}, **new})
        return after

    def _check_selects(self, change: _Change, where: str) -> None:
        """Refuse a replacement whose filter selects nothing, if that is to be refused."""
        if self._strict and change.verb == "replace":
            raise NoTarget(f"No value of '{where}' matches the filter in the path, so there is nothing to replace.")

    def _select(self, values: list[Any], target: Target) -> list[Any]:
        """Returns the values that the selector of a target selects."""
        if target.holds is None:
            return values
        for part in target.compares:
            self._spend(_touched(values, part))
        return [element for element in values if target.holds(element)]


def _weight(value: Any) -> int:
    """Returns how many steps it takes to read or write a value."""
    if isinstance(value, str):
        return 1 + len(value) // 128
    if isinstance(value, dict):
        return 1 + sum(map(_weight, value.values()))
    return 1 + sum(map(_weight, value)) if isinstance(value, list) else 1


def _touched(values: list[Any], part: str = "value") -> int:
    """Returns how many steps it takes to compare one part of each of some values."""
    steps = len(values)
    for element in values:
        text = element.get(part)
        if isinstance(text, str) and len(text) >= 128:
            steps += len(text) // 128
    return steps


def _joint(attribute: Attribute) -> str:
    return ":" if attribute.name.startswith("urn:") else "."


def _refuse_two_values(name: str) -> NoReturn:
    raise InvalidSyntax(
        f"'{named(name)}' was sent twice in one value, in different spellings and with different values."
    )


def _store(holder: Document, attribute: Attribute, value: Any) -> bool:
    """Store a cleaned value, or remove the attribute if there is no value.

    Returns whether that changed the attribute.
    """
    before = holder.get(attribute.name)
    if value is None or value == []:
        holder.pop(attribute.name, None)
        return before is not None
    holder[attribute.name] = value
    return bool(before != value)


def _described(selector: Filter | None, where: str) -> Document:
    """Returns the value that a selector describes, for an operation that selected none.

    Raises:
        NoTarget: it does not select by equality, so no value can be created from it (RFC 7644 §3.5.2.3).
    """
    pinned = {} if selector is None else _pinned(selector)
    if pinned is None:
        raise NoTarget(f"No value of '{where}' matches, and its filter does not say what a new one would be.")
    return pinned


def _pinned(selector: Filter) -> Document | None:
    """Returns the parts whose value a selector fixes; None if it is not made of `eq` terms joined by `and`."""
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


def _check_count(values: list[Any], where: str) -> None:
    if len(values) > MAX_VALUES:
        raise TooMany(f"'{where}' may hold {MAX_VALUES} values; this would make it {len(values):,}.")


def _listed(values: list[Document], wanted: list[Document], attribute: Attribute) -> set[int]:
    """Returns the Python ids of the values that a list names: those with an equal `value`, and the same `type` if the
    list gives one.
    """
    types: dict[object, set[str | None]] = {}
    for each in wanted:
        label = each.get("type", "").lower() or None if "value" in each else None
        types.setdefault(identity(each, attribute), set()).add(label)
    found = set()
    for element in values:
        labels = types.get(identity(element, attribute), ())
        if None in labels or (labels and element.get("type", "").lower() in labels):
            found.add(id(element))
    return found
