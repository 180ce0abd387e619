"""Rules for the values of a multi-valued attribute: equal, primary and empty values (RFC 7643 §2.4)."""

from typing import Any, Final

import orjson

from vestibule.scim.filter import Document
from vestibule.scim.schema import Attribute
from vestibule.scim.text import fold

LABELS: Final = frozenset({"type", "primary"})
"""Sub-attributes that describe a value and are not part of it."""
_LONGEST_FOLDED: Final = 1024
"""A value with more characters than this is compared without folding."""


def merge_equal(values: list[Document], attribute: Attribute, *, newer_wins: bool = False) -> list[Document]:
    """Merge equal values, because a resource should not have the same value twice.

    Two values are equal if they have the same `value` and the same `type`, or one of them has no `type`. Values without
    a `value`, such as addresses, are equal if they agree in everything but `primary`. A value that is equal to an
    earlier one is merged into it. Where they differ, the earlier one counts, or the later one if `newer_wins`.

    Returns the list that was given if no two are equal. The values are not changed.
    """
    if len(values) < 2:
        return values
    if _surely_differ(values):
        return values
    keys = [identity(each, attribute) for each in values]
    if len(set(keys)) == len(keys):
        return values
    merged: list[Document] = []
    places: dict[object, dict[str | None, int]] = {}
    for key, each in zip(keys, values, strict=True):
        label = each.get("type", "").lower() or None if "value" in each else None
        found = places.setdefault(key, {})
        at = next(iter(found.values()), None) if label is None else found.get(label, found.get(None))
        if at is None:
            found[label] = len(merged)
            merged.append(each)
        else:
            one = {**merged[at], **each} if newer_wins else {**each, **merged[at]}
            if merged[at].get("primary") or each.get("primary"):
                one["primary"] = True
            merged[at] = one
            if label is not None and found.pop(None, None) is not None:
                found[label] = at
    return merged if len(merged) < len(values) else values


def _surely_differ(values: list[Document]) -> bool:
    """Returns whether no two values have an equal `value`: a quick test that covers nearly all requests."""
    texts = [each.get("value", "") for each in values]
    if "" in texts or max(map(len, texts)) > _LONGEST_FOLDED:
        return False
    return len(set(map(fold, texts))) == len(texts)


def identity(value: Document, attribute: Attribute) -> object:
    """Returns what two equal values have in common, apart from their `type`."""
    text, of_value = value.get("value"), attribute.by_name.get("value")
    if text is None or of_value is None:
        told = {name: part for name, part in value.items() if name != "primary"}
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    if of_value.case_exact or len(text) > _LONGEST_FOLDED:
        return text
    return fold(text)


def keep_one_primary(values: list[Any], preferred: list[Any]) -> None:
    """Make the last of the preferred values the only primary one (RFC 7644 §3.5.2)."""
    if preferred:
        for element in values:
            if element is not preferred[-1] and element.get("primary"):
                element["primary"] = False


def drop_labels(document: Document) -> None:
    """Remove empty values: a value that was cleared arrives with nothing but its label (wire facts
    1.5).
    """
    for name, value in list(document.items()):
        if isinstance(value, list) and any(isinstance(each, dict) and each.keys() <= LABELS for each in value):
            document[name] = [each for each in value if not each.keys() <= LABELS]
            if not document[name]:
                del document[name]
