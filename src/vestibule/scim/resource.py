"""Documents on their way in and out.

In: whatever an identity provider sends becomes a document that follows the schema exactly, with names in the schema's
spelling, or is refused with the name of the attribute. The rule: what is wrong but harmless is mended or set aside and
reported, because a push that fails for a cosmetic reason can keep Okta from sending the deactivation that matters
(wire facts 1.7); what would change the meaning is refused.

Out: a stored document gets its `id` and `meta`, as bytes where all of it is wanted, as a dictionary where a client
chose.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Final, Literal, NamedTuple

import orjson

from vestibule.scim.errors import InvalidSyntax, InvalidValue, TooMany, excerpt
from vestibule.scim.filter import Document
from vestibule.scim.path import MalformedPath, Path, find_path
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.scim.text import digits, fold, unprintable

MAX_VALUES: Final = 500
"""How many values one attribute of one resource may have: it bounds the work that any single request can ask for."""

MAX_TEXT: Final = 64 * 1024
"""How many bytes of UTF-8 one text may take: it bounds the size of a resource, and with it that of a list."""
_SURELY_SHORT: Final = MAX_TEXT // 4
"""Characters that take no more than `MAX_TEXT` bytes, whichever they are."""

Reason = Literal["unknown", "readOnly", "neverKept", "secondPrimary"]

REASONS: dict[Reason, str] = {
    "unknown": "no such attribute here",
    "readOnly": "only this service sets it",
    "neverKept": "accepted and never kept",
    "secondPrimary": "only one value can be primary",
}


@dataclass(frozen=True, slots=True)
class Ignored:
    """A part of a request that was set aside, and why."""

    path: str
    reason: Reason


Cleaner = Callable[[Any, str, list[Ignored]], Any]
"""(value, where it stood, list to report to) -> the value as the schema wants it, or None for no value (RFC 7643
§2.5).
"""


# -- in ----------------------------------------------------------------------------------------------------------------


def clean(body: Any, resource_type: ResourceType) -> tuple[Document, list[Ignored]]:
    """A whole resource as a client sent it (POST, PUT) as a document of this service, and what was set aside.

    The document holds neither `id` nor `meta`, which are this service's own.

    Raises:
        InvalidSyntax: not a JSON object, or an attribute came twice.
        InvalidValue: a value of the wrong type, too long, or a required attribute without one.
    """
    if not isinstance(body, dict):
        raise InvalidSyntax(
            f"The body should be a JSON object that describes a {resource_type.name}; {kind(body)} came."
        )
    ignored: list[Ignored] = []
    own, *below = _parts(body, resource_type)
    document: Document = cleaner(resource_type.root)(own, "", ignored) or {}
    for part in below:
        taken: Document = cleaner(resource_type.root)(part, "", ignored) or {}
        for name in document.keys() & taken.keys():
            if document[name] != taken[name]:
                raise InvalidSyntax(f"'{name}' came twice, once below the URN of its schema, and says two things.")
        document |= taken
    _report_unknown_schemas(body, resource_type, ignored)
    return finish(document, resource_type), ignored


def _parts(body: Document, resource_type: ResourceType) -> list[Document]:
    """The body, and apart from it what it holds below the URN of the core schema."""
    length = len(resource_type.core.id)
    below = [name for name in body if len(name) == length and resource_type.is_core(name)]
    if not below:
        return [body]
    own = {name: value for name, value in body.items() if name not in below}
    return [own, *(part for name in below for part in _parts(core_object(name, body[name]), resource_type))]


def core_object(name: str, value: Any) -> Document:
    """The object below the URN of the core schema; empty where there is no value.

    Raises:
        InvalidValue: something else stands there. It is not passed over: what is lost with it could be a deactivation.
    """
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else None
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise InvalidValue(f"'{name}' should be an object; {kind(value)} came.")
    return value


def finish(document: Document, resource_type: ResourceType) -> Document:
    """The document with `schemas` as its attributes demand, once its required attributes are seen to be there.

    Raises:
        InvalidValue: a required attribute has no value.
    """
    for attribute in resource_type.core.attributes:
        if attribute.required and attribute.name not in document:
            raise InvalidValue(f"'{attribute.name}' is required and has no value.", path=attribute.name)
    document.pop("schemas", None)
    extensions = [schema.id for schema in resource_type.extensions if schema.id in document]
    return {"schemas": [resource_type.core.id, *extensions], **document}


_LABELS: Final = frozenset({"type", "primary"})


def drop_labels(document: Document) -> None:
    """Take out what says nothing: what is cleared comes as an element with nothing left but its label (wire facts
    1.5).
    """
    for name, value in list(document.items()):
        if isinstance(value, list) and any(isinstance(each, dict) and each.keys() <= _LABELS for each in value):
            document[name] = [each for each in value if not each.keys() <= _LABELS]
            if not document[name]:
                del document[name]


@cache
def cleaner(attribute: Attribute) -> Cleaner:
    """The validator of an attribute, compiled from its definition once."""
    single = _complex(attribute) if attribute.type == "complex" else _simple(attribute)
    return _many(attribute, single) if attribute.multi_valued else single


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
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
        size = len(text) if text.isascii() else len(fold(text).encode())
        if size > longest:
            raise InvalidValue(f"'{where}' may take {longest:,} bytes; this one takes {size:,}.", path=where)
        if name_like and (bad := unprintable(text)):
            raise InvalidValue(f"'{where}' should be made of visible characters; U+{ord(bad):04X} came.", path=where)
        return text or None

    return indexed


def _text(value: Any, where: str, _ignored: list[Ignored]) -> str | None:
    if isinstance(value, str):
        if len(value) > _SURELY_SHORT and (size := len(value.encode())) > MAX_TEXT:
            raise InvalidValue(f"'{where}' may take {MAX_TEXT:,} bytes; this one takes {size:,}.", path=where)
        return value or None
    if value is None or value in ([], {}):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = digits(value)  # Okta may send an externalId as a number (wire facts 1.4)
        if text is None:
            raise InvalidValue(
                f"'{where}' should be a text; a number came that is too long to be kept digit by digit.", path=where
            )
        return text
    raise InvalidValue(f"'{where}' should be a text; {kind(value)} came.", path=where)


def _boolean(value: Any, where: str, _ignored: list[Ignored]) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"  # Entra's older dialect writes them as texts (wire facts 3.2)
    if value is None or value in ("", [], {}):
        return None
    raise InvalidValue(f"'{where}' should be true or false; {kind(value)} came.", path=where)


def _complex(attribute: Attribute) -> Cleaner:
    parts = {
        sub.name: (sub.name, None if sub.mutability == "readOnly" else cleaner(sub)) for sub in attribute.sub_attributes
    }
    folded = {name.lower(): part for name, part in parts.items()}
    takes_bare_value = attribute.sub("value") is not None
    joint = ":" if attribute.name.startswith("urn:") else "."

    def clean_parts(value: Any, where: str, ignored: list[Ignored]) -> Document | None:
        if takes_bare_value and isinstance(value, str) and value:
            value = {"value": value}  # Entra sends a manager as a bare id (wire facts 3.2)
        elif isinstance(value, list) and len(value) <= 1:
            value = value[0] if value else None  # … or as a list of one
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise InvalidValue(f"'{where}' should be an object; {kind(value)} came.", path=where)
        prefix = where + joint if where else ""
        out: Document = {}
        for name, sent in value.items():
            part = parts.get(name) or folded.get(name.lower())
            if part is None:
                if sent not in (None, "", [], {}):
                    reason: Reason = "neverKept" if not where and name.lower() == "password" else "unknown"
                    ignored.append(Ignored(excerpt(prefix + name), reason))
                continue
            canonical, sub_cleaner = part
            if sub_cleaner is None:
                if canonical != "schemas" and sent not in (None, "", [], {}):
                    ignored.append(Ignored(prefix + canonical, "readOnly"))
                continue
            if canonical in out:
                raise InvalidSyntax(f"'{prefix}{canonical}' came twice, in different spellings.")
            taken = sub_cleaner(sent, prefix + canonical, ignored)
            if taken is not None:
                out[canonical] = taken
        return out or None

    return clean_parts


def _many(attribute: Attribute, single: Cleaner) -> Cleaner:
    def clean_list(value: Any, where: str, ignored: list[Ignored]) -> list[Any] | None:
        sent = value if isinstance(value, list) else [value]
        if len(sent) > MAX_VALUES:
            raise TooMany(f"'{where}' may hold {MAX_VALUES} values; {len(sent):,} came.")
        taken = [element for element in (single(item, where, ignored) for item in sent) if element is not None]
        if attribute.type == "complex":
            taken = [element for element in taken if not element.keys() <= _LABELS]
            seen = False
            for element in taken:
                if element.get("primary"):
                    if seen:
                        element["primary"] = False
                        ignored.append(Ignored(f"{where}.primary", "secondPrimary"))
                    seen = True
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


# -- out ---------------------------------------------------------------------------------------------------------------


def instant(milliseconds: int) -> str:
    """A time as an xsd:dateTime in UTC with milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03}Z"


@lru_cache(maxsize=8192)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def etag(version: int) -> str:
    """A version as a weak entity tag (RFC 7644 §3.14)."""
    return f'W/"{version}"'


class Kept(NamedTuple):
    """A resource as storage keeps it: the document as JSON text, beside what this service says about it."""

    id: str
    document: str
    created: int
    modified: int
    version: int
    """Times in milliseconds since 1970; the version counts changes from 1."""


def present(kept: Kept, resource_type: ResourceType, base_url: str) -> bytes:
    """The whole resource as JSON. The stored text is spliced, not parsed: this is what most requests end with."""
    # Nothing in `meta` needs escaping: a name of ours, instants, a URL that was checked, an id of ours and a number.
    meta = (
        f'"meta":{{"resourceType":"{resource_type.name}","created":"{instant(kept.created)}",'
        f'"lastModified":"{instant(kept.modified)}","location":"{location(kept.id, resource_type, base_url)}",'
        f'"version":"W/\\"{kept.version}\\""}}'
    )
    return f'{{"id":"{kept.id}",{kept.document[1:-1]},{meta}}}'.encode()


def expand(kept: Kept, resource_type: ResourceType, base_url: str) -> Document:
    """The whole resource as a dictionary."""
    return {"id": kept.id, **orjson.loads(kept.document), "meta": _meta(kept, resource_type, base_url)}


def location(kept_id: str, resource_type: ResourceType, base_url: str) -> str:
    """The URL of a resource under a tenant's SCIM base URL."""
    return f"{base_url}{resource_type.endpoint}/{kept_id}"


def _meta(kept: Kept, resource_type: ResourceType, base_url: str) -> dict[str, str]:
    return {
        "resourceType": resource_type.name,
        "created": instant(kept.created),
        "lastModified": instant(kept.modified),
        "location": location(kept.id, resource_type, base_url),
        "version": etag(kept.version),
    }


@dataclass(frozen=True, slots=True)
class Projection:
    """Which attributes a client wants (RFC 7644 §3.9). `id` and `schemas` are always among them."""

    wanted: tuple[Path, ...] | None = None
    unwanted: tuple[Path, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing was chosen."""
        return self.wanted is None and not self.unwanted

    def of(self, document: Document) -> Document:
        """The part of a document that is wanted."""
        chosen = document if self.wanted is None else _only(document, [[s.name for s in p.steps] for p in self.wanted])
        kept = _except(chosen, [[s.name for s in p.steps] for p in self.unwanted])
        always = {name: document[name] for name in ("schemas", "id") if name in document}
        return {**always, **kept}


def parse_projection(attributes: str | None, excluded: str | None, resource_type: ResourceType) -> Projection:
    """The `attributes` and `excludedAttributes` parameters. Names that nothing has are passed over, as RFC 7644 §3.9
    lets.
    """

    def paths(text: str) -> tuple[Path, ...]:
        found = (_path_or_none(name.strip(), resource_type) for name in text.split(",") if name.strip())
        return tuple(path for path in found if path)

    return Projection(paths(attributes) if attributes else None, paths(excluded) if excluded else ())


def _path_or_none(name: str, resource_type: ResourceType) -> Path | None:
    try:
        return find_path(name, resource_type)
    except MalformedPath:
        return None


def _only(value: Any, trails: Iterable[list[str]]) -> Any:
    if isinstance(value, list):
        return [_only(element, trails) for element in value]
    if not isinstance(value, dict):
        return value
    below: dict[str, list[list[str]]] = {}
    for first, *rest in trails:
        below.setdefault(first, []).append(rest)
    return {
        name: part if [] in below[name] else _only(part, below[name]) for name, part in value.items() if name in below
    }


def _except(value: Any, trails: Iterable[list[str]]) -> Any:
    if isinstance(value, list):
        return [_except(element, trails) for element in value]
    if not isinstance(value, dict):
        return value
    below: dict[str, list[list[str]]] = {}
    for first, *rest in trails:
        below.setdefault(first, []).append(rest)
    return {
        name: _except(part, below[name]) if name in below else part
        for name, part in value.items()
        if [] not in below.get(name, ())
    }
