"""Validates a resource that a client sent: it becomes a document that follows the schema, or is refused.

Names get the schema's spelling, and a refusal names the attribute. The rule: harmless mistakes are corrected, or
ignored and reported, because a push that fails for a cosmetic reason can keep Okta from sending an important
deactivation (wire facts 1.7). A mistake that could change the meaning is refused.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal, NamedTuple

import orjson

from vestibule.scim.body import decode
from vestibule.scim.errors import InvalidSyntax, InvalidValue, ScimError, TooMany, excerpt
from vestibule.scim.filter import Document
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.scim.text import MARKS_IN_A_ROW, digits, fold, many_marks, unprintable
from vestibule.scim.values import LABELS, merge_equal

MAX_VALUES: Final = 500
"""How many values one attribute of one resource may have. It limits the work that a request can cause."""
MAX_RESOURCE: Final = 512 * 1024
"""How many bytes a resource may take as JSON. It limits the cost of comparing, storing and sending it."""
MAX_JSON_TEXT: Final = 4096
"""How many characters a text may have to be parsed as an object in JSON."""
MAX_COMPATIBILITY: Final = 5000
"""How many characters of a resource may expand to several, as ligatures do. They take long to compare."""

MAX_TEXT: Final = 64 * 1024
"""How many bytes of UTF-8 one text may take. It limits the size of a resource and of a list."""
_SURELY_SHORT: Final = MAX_TEXT // 4
"""So many characters never take more than `MAX_TEXT` bytes."""

Reason = Literal["unknown", "readOnly", "neverKept", "secondPrimary"]

REASONS: dict[Reason, str] = {
    "unknown": "no such attribute here",
    "readOnly": "only this service sets it",
    "neverKept": "accepted and never kept",
    "secondPrimary": "only one value can be primary",
}


NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
"""What counts as no value (RFC 7643 §2.5)."""


class Ignored(NamedTuple):
    """A part of a request that was ignored, and why."""

    path: str
    reason: Reason


Cleaner = Callable[[Any, str, list[Ignored]], Any]
"""A function of a value, its path, and the list to report to. It returns the value as the schema wants
it, or None for no value (RFC 7643 §2.5).
"""


def clean(body: Any, resource_type: ResourceType) -> tuple[Document, list[Ignored]]:
    """Turn a whole resource, as a client sent it with POST or PUT, into a document that follows the schema.

    Returns the document without `id` and `meta`, which this service sets, and what was ignored.

    Raises:
        InvalidSyntax: not a JSON object, or an attribute was sent twice.
        InvalidValue: a value of the wrong type, too long, or a required attribute without one.
    """
    if not isinstance(body, dict):
        raise InvalidSyntax(
            f"The body should be a JSON object that describes a {resource_type.name}; got {kind(body)}."
        )
    ignored: list[Ignored] = []
    own, *below = _parts(body, resource_type)
    document: Document = cleaner(resource_type.root)(own, "", ignored) or {}
    for part in below:
        taken: Document = cleaner(resource_type.root)(part, "", ignored) or {}
        for name in document.keys() & taken.keys():
            if document[name] != taken[name]:
                raise InvalidSyntax(
                    f"'{name}' was sent twice, once below the URN of its schema, with different values."
                )
        document |= taken
    _report_unknown_schemas(body, resource_type, ignored)
    check_size(document, resource_type)
    return finish(document, resource_type), ignored


def _parts(body: Document, resource_type: ResourceType) -> list[Document]:
    """Returns the body, and separately the object below the URN of the core schema."""
    length = len(resource_type.core.id)
    below = [name for name in body if len(name) == length and resource_type.is_core(name)]
    if not below:
        return [body]
    own = {name: value for name, value in body.items() if name not in below}
    return [own, *(part for name in below for part in _parts(core_object(name, body[name]), resource_type))]


def core_object(name: str, value: Any) -> Document:
    """Returns the object below the URN of the core schema; empty if there is no value.

    Raises:
        InvalidValue: it is not an object. It is not ignored, because a deactivation could be lost with it.
    """
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else None
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise InvalidValue(f"'{name}' should be an object; got {kind(value)}.")
    return value


def finish(document: Document, resource_type: ResourceType) -> Document:
    """Returns the document with the `schemas` that its attributes need.

    Raises:
        InvalidValue: a required attribute has no value.
    """
    for name in resource_type.required:
        if name not in document:
            raise InvalidValue(f"'{name}' is required and has no value.", path=name)
    document.pop("schemas", None)
    extensions = [schema.id for schema in resource_type.extensions if schema.id in document]
    return {"schemas": [resource_type.core.id, *extensions], **document}


def check_size(document: Document, resource_type: ResourceType, grown_from: int = 0) -> None:
    """Check that a document is not too large and does not take too long to compare.

    `grown_from` is its size in bytes before the change: a larger document that an earlier version stored can still be
    deactivated and corrected, as long as it hardly grows.

    Raises:
        InvalidValue: it is too large, or takes too long to compare.
    """
    text = orjson.dumps(document)
    if len(text) > max(SMALL, grown_from + _HARDLY):
        _check_large(text.decode(), len(text), resource_type.name)


_HARDLY: Final = 1024
SMALL: Final = 16 * 1024
"""A document of up to so many bytes of JSON is not checked in detail: it costs little in any case."""
_COMPATIBILITY: Final = re.compile(
    "[\u2026\u2100-\u218f\u2460-\u24ff\u3200-\u33ff\ufb00-\ufdff\ufe70-\ufefc\U0001f100-\U0001f2ff]"
)
"""The blocks of characters that Unicode's compatibility normalisation takes apart."""


def _check_large(text: str, size: int, name: str) -> None:
    if size > MAX_RESOURCE:
        raise InvalidValue(f"A {name} may take {MAX_RESOURCE:,} bytes as JSON; this one takes {size:,}.")
    if text.isascii():
        return
    if many_marks(text):
        raise InvalidValue(f"A letter in this {name} has more than {MARKS_IN_A_ROW} combining marks; send fewer.")
    found = len(_COMPATIBILITY.findall(text))
    if found > MAX_COMPATIBILITY:
        raise InvalidValue(
            f"A {name} may hold {MAX_COMPATIBILITY:,} ligatures and other characters that expand to several; this one "
            f"holds {found:,}."
        )


@cache
def cleaner(attribute: Attribute) -> Cleaner:
    """Returns the validator of an attribute. It is compiled from the attribute's definition once."""
    single = _complex(attribute) if attribute.type == "complex" else _simple(attribute)
    return _many(attribute, single) if attribute.multi_valued else single


def kind(value: Any) -> str:
    """Returns the type of a JSON value in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"


def _simple(attribute: Attribute) -> Cleaner:
    if attribute.type == "boolean":
        return _boolean
    if attribute.max_bytes is None:
        return _text
    longest, name_like = attribute.max_bytes, attribute.required

    def indexed(value: Any, where: str, ignored: list[Ignored]) -> str | None:
        text = _text(value, where, ignored)
        if text is None:
            return None
        text = text.strip()
        # Very long text is not folded to measure it, because that may take long.
        compared = text if text.isascii() or len(text) > longest else fold(text)
        size = len(compared.encode())
        if size > longest:
            raise InvalidValue(f"'{where}' may take {longest:,} bytes; this one takes {size:,}.", path=where)
        if name_like and (bad := unprintable(text)):
            raise InvalidValue(f"'{where}' should be made of visible characters; got U+{ord(bad):04X}.", path=where)
        return text or None

    return indexed


def _text(value: Any, where: str, _ignored: list[Ignored]) -> str | None:
    text = value if isinstance(value, str) else _as_text(value, where)
    if text is not None and len(text) > _SURELY_SHORT and (size := len(text.encode())) > MAX_TEXT:
        raise InvalidValue(f"'{where}' may take {MAX_TEXT:,} bytes; this one takes {size:,}.", path=where)
    return text or None


def _as_text(value: Any, where: str) -> str | None:
    """Returns a value as text, for an attribute that is text; None if there is no value."""
    value = _unwrapped(value)
    if value is None or value in ([], {}):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = digits(value)  # Okta may send an externalId as a number (wire facts 1.4)
        if text is None:
            raise InvalidValue(
                f"'{where}' should be a text; a number came that is too long to be kept digit by digit.", path=where
            )
        return text
    raise InvalidValue(f"'{where}' should be a text; got {kind(value)}.", path=where)


def _boolean(value: Any, where: str, _ignored: list[Ignored]) -> bool | None:
    if isinstance(value, bool):
        return value
    value = _unwrapped(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"  # Entra's older dialect writes them as texts (wire facts 3.2)
    if value is None or value in ("", [], {}):
        return None
    raise InvalidValue(f"'{where}' should be true or false; got {kind(value)}.", path=where)


def _unwrapped(value: Any) -> Any:
    """Returns the only value in a list of one, or in an object with only a `value`; anything else unchanged.

    Some clients wrap simple values like this, as in `[{"$ref": null, "value": "False"}]`.
    """
    inner = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(inner, dict):
        names = [name.lower() for name in inner]
        filled = [name.lower() for name, part in inner.items() if part not in NOTHING]
        if names.count("value") != 1 or not set(filled) <= {"value"}:
            return value
        inner = next(part for name, part in inner.items() if name.lower() == "value")
    return value if isinstance(inner, list | dict) and inner else inner


def _complex(attribute: Attribute) -> Cleaner:
    parts = {
        sub.name: (sub.name, None if sub.mutability == "readOnly" else cleaner(sub)) for sub in attribute.sub_attributes
    }
    folded = {name.lower(): part for name, part in parts.items()}
    joint = ":" if attribute.name.startswith("urn:") else "."

    def clean_parts(value: Any, where: str, ignored: list[Ignored]) -> Document | None:
        if value.__class__ is not dict:
            value = _as_object(value, where, attribute)
            if value is None:
                return None
        prefix = where + joint if where else ""
        out: Document = {}
        for name, sent in value.items():
            part = parts.get(name) or folded.get(name.lower())
            if part is None and name.lower() == "displayname" and not any(each.lower() == "display" for each in value):
                part = folded.get("display")  # Entra names a role like this
            if part is None:
                if sent not in NOTHING:
                    reason: Reason = "neverKept" if not where and name.lower() == "password" else "unknown"
                    ignored.append(Ignored(excerpt(prefix + name), reason))
                continue
            canonical, sub_cleaner = part
            if sub_cleaner is None:
                if canonical != "schemas" and sent not in NOTHING:
                    ignored.append(Ignored(prefix + canonical, "readOnly"))
                continue
            if canonical in out:
                raise InvalidSyntax(f"'{prefix}{canonical}' was sent twice, in different spellings.")
            if sub_cleaner is _text and sent.__class__ is str and len(sent) <= _SURELY_SHORT:
                taken = sent or None  # what `_text` would do with most of what is sent
            else:
                taken = sub_cleaner(sent, prefix + canonical, ignored)
            if taken is not None:
                out[canonical] = taken
        return out or None

    return clean_parts


def _as_object(value: Any, where: str, attribute: Attribute) -> Document | None:
    """Returns a value as an object, for an attribute that is complex; None if there is no value."""
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else None  # Entra sends a manager as a list of one (wire facts 3.2)
    if isinstance(value, str) and value:
        return _object_of_text(value, where, attribute)
    if value is None or value == "":
        return None
    if not isinstance(value, dict):
        raise InvalidValue(f"'{where}' should be an object; got {kind(value)}.", path=where)
    return value


def _object_of_text(text: str, where: str, attribute: Attribute) -> Document:
    """Returns the object in a JSON text, or an object with the text as its `value`: Entra sends a manager as a bare id
    (wire facts 3.2).
    """
    read = json_in(text)
    if isinstance(read, list) and len(read) == 1:
        read = read[0]
    if isinstance(read, str) and read:
        return _object_of_text(read, where, attribute)
    if isinstance(read, dict) and all(name.lower() in attribute.by_name for name in read):
        return read
    if text.lstrip().startswith("{"):
        raise InvalidValue(
            f"'{where}' should be an object; a text came that begins with '{{' and is not JSON with the parts of "
            f"'{where}'. Send the object itself, not a text."
        )
    if attribute.sub("value") is None:
        raise InvalidValue(f"'{where}' should be an object; got {kind(text)}.", path=where)
    return {"value": text}


def json_in(text: str) -> Any:
    """Returns the object or list in a JSON text; None if there is none, or the text is too long.

    Attribute mappings that are written as expressions send objects like this.
    """
    if len(text) > MAX_JSON_TEXT or text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return decode(text.encode())
    except ScimError:
        return None


def _object_in_value(item: Document, text: str, attribute: Attribute) -> Document:
    """Returns the object that an item holds as JSON text in its `value`, if it holds nothing else; any other item
    unchanged.

    Entra adds roles like this: `{"value": "{\\"id\\": …, \\"value\\": …, \\"displayName\\": …}"}`.
    """
    if any(item[name] for name in item if name != "value"):
        return item
    read = json_in(text)
    if isinstance(read, dict) and isinstance(read.get("value"), str):
        names = {name.lower() for name in read} - {"id", "displayname"}
        if names <= attribute.by_name.keys():
            return read
    return item


def _many(attribute: Attribute, single: Cleaner) -> Cleaner:
    described = attribute.type == "complex" and attribute.sub("value") is not None

    def clean_list(value: Any, where: str, ignored: list[Ignored]) -> list[Any] | None:
        sent = value if isinstance(value, list) else [value]
        if isinstance(value, str) and isinstance(read := json_in(value), list):
            sent = read
        if len(sent) > MAX_VALUES:
            raise TooMany(f"'{where}' may hold {MAX_VALUES} values; got {len(sent):,}.")
        if described:
            sent = [
                _object_in_value(item, text, attribute)
                if item.__class__ is dict and (text := item.get("value")).__class__ is str and text[:1] == "{"
                else item
                for item in sent
            ]
        cleaned = [single(item, where, ignored) for item in sent]
        if attribute.type != "complex":
            return [element for element in cleaned if element is not None] or None
        taken = [element for element in cleaned if element is not None and not element.keys() <= LABELS]
        if len(taken) > 1:
            taken = merge_equal(taken, attribute)
            for second in [element for element in taken if element.get("primary")][1:]:
                second["primary"] = False
                ignored.append(Ignored(f"{where}.primary", "secondPrimary"))
        return taken or None

    return clean_list


def _report_unknown_schemas(body: Document, resource_type: ResourceType, ignored: list[Ignored]) -> None:
    named = next((value for name, value in body.items() if name.lower() == "schemas"), None)
    if not isinstance(named, list) or named == [resource_type.core.id]:
        return
    known = {schema.id.lower() for schema in (resource_type.core, *resource_type.extensions)}
    ignored.extend(
        Ignored(f"schemas: {excerpt(urn, 120)}", "unknown")
        for urn in named
        if isinstance(urn, str) and urn.lower() not in known
    )
