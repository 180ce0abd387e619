"""Turns a stored document into the JSON of a response, with `id` and `meta`.

The result is bytes for a whole resource, and a dictionary if the client chose attributes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from vestibule.scim.filter import Document
from vestibule.scim.path import MalformedPath, Path, find_path
from vestibule.scim.schema import Attribute, ResourceType


def instant(milliseconds: int) -> str:
    """Returns a time as an xsd:dateTime in UTC with milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03}Z"


@lru_cache(maxsize=8192)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def etag(version: int) -> str:
    """Returns a version as a weak entity tag (RFC 7644 §3.14)."""
    return f'W/"{version}"'


class Kept(NamedTuple):
    """A resource as it is stored: the document as JSON text, and the values that this service adds."""

    id: str
    document: str
    created: int
    modified: int
    version: int
    """Times in milliseconds since 1970; the version counts changes from 1."""


def present(kept: Kept, resource_type: ResourceType, base_url: str, also: str = "") -> bytes:
    """Returns the whole resource as JSON. The stored text is spliced, not parsed: most requests need this.

    `also` is an attribute that is in no document, as `"name":value,`.
    """
    # Nothing in `meta` needs escaping: a name of ours, instants, a URL that was checked, an id of ours and a number.
    meta = (
        f'"meta":{{"resourceType":"{resource_type.name}","created":"{instant(kept.created)}",'
        f'"lastModified":"{instant(kept.modified)}","location":"{location(kept.id, resource_type, base_url)}",'
        f'"version":"W/\\"{kept.version}\\""}}'
    )
    return f'{{"id":"{kept.id}",{kept.document[1:-1]},{also}{meta}}}'.encode()


def expand(kept: Kept, resource_type: ResourceType, base_url: str) -> Document:
    """Returns the whole resource as a dictionary."""
    return {"id": kept.id, **orjson.loads(kept.document), "meta": _meta(kept, resource_type, base_url)}


def location(kept_id: str, resource_type: ResourceType, base_url: str) -> str:
    """Returns the URL of a resource under a tenant's SCIM base URL."""
    return f"{base_url}{resource_type.endpoint}/{kept_id}"


def _meta(kept: Kept, resource_type: ResourceType, base_url: str) -> dict[str, str]:
    return {
        "resourceType": resource_type.name,
        "created": instant(kept.created),
        "lastModified": instant(kept.modified),
        "location": location(kept.id, resource_type, base_url),
        "version": etag(kept.version),
    }


_Tree = dict[str, "_Tree | None"]
"""Attributes by name, each with the chosen parts of it, or None if all of it is chosen."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The attributes that a client wants (RFC 7644 §3.9). `id` and `schemas` are always included."""

    wanted: _Tree | None = None
    unwanted: _Tree | None = None

    @property
    def whole(self) -> bool:
        """Returns whether the client chose nothing and gets everything."""
        return self.wanted is None and self.unwanted is None

    def parts_of(self, attribute: Attribute) -> tuple[str, ...]:
        """Returns the names of the sub-attributes that the client wants of an attribute; empty if none."""
        name, parts = attribute.name, [sub.name for sub in attribute.sub_attributes]
        if self.wanted is not None:
            if name not in self.wanted:
                return ()
            below = self.wanted[name]
            parts = [part for part in parts if below is None or part in below]
        if self.unwanted is not None and name in self.unwanted:
            below = self.unwanted[name]
            parts = [] if below is None else [part for part in parts if part not in below]
        return tuple(parts)

    def of(self, document: Document) -> Document:
        """Returns the part of a document that the client wants."""
        chosen = document if self.wanted is None else _only(document, self.wanted)
        kept = chosen if self.unwanted is None else _except(chosen, self.unwanted)
        always = {name: document[name] for name in ("schemas", "id") if name in document}
        return {**always, **kept}


def parse_projection(attributes: str | None, excluded: str | None, resource_type: ResourceType) -> Projection:
    """Parse the `attributes` and `excludedAttributes` parameters of a request.

    Names of attributes that do not exist are ignored, as RFC 7644 §3.9 allows.
    """
    wanted = _tree(attributes, resource_type) if attributes else None
    return Projection(wanted, (_tree(excluded, resource_type) or None) if excluded else None)


def _tree(names: str, resource_type: ResourceType) -> _Tree:
    """Returns a list of names as a tree, which is no larger than the schema, even if names are repeated."""
    tree: _Tree = {}
    for name in filter(None, map(str.strip, names.split(","))):
        path = _path_or_none(name, resource_type)
        if path is None:
            continue
        here: _Tree | None = tree
        for step in path.steps[:-1]:
            here = here.setdefault(step.name, {}) if here is not None else None
        if here is not None:
            here[path.leaf.name] = None
    return tree


def _path_or_none(name: str, resource_type: ResourceType) -> Path | None:
    try:
        return find_path(name, resource_type)
    except MalformedPath:
        return None


def _only(value: Any, tree: _Tree) -> Any:
    """Returns the parts of a value that a tree chooses."""
    if isinstance(value, list):
        return [_only(element, tree) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        name: part if (below := tree[name]) is None else _only(part, below)
        for name, part in value.items()
        if name in tree
    }


def _except(value: Any, tree: _Tree) -> Any:
    """Returns a value without the parts that a tree chooses."""
    if isinstance(value, list):
        return [_except(element, tree) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _except(part, below) if (below := tree.get(name)) is not None else part
        for name, part in value.items()
        if name not in tree or tree[name] is not None
    }
