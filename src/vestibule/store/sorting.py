"""The attribute that a list is sorted by, as SQL for both engines (RFC 7644 §3.4.2.3).

Rules of this file: text is compared byte by byte, and without regard to case unless the attribute is case-exact. Of an
attribute with several values the primary one counts, or else the first. Resources without a value are last if the order
is ascending, and first if it is descending, so that one order is exactly the other one backwards. Ties are broken by
id, in the same direction.
"""

from typing import Any, Final, Literal, NamedTuple

from vestibule.scim.path import MalformedPath, Path, find_filter_path
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.store.database import Engine
from vestibule.store.where import Searched, ValueRows

Kind = Literal["text", "boolean", "instant"]
_TYPES: Final[dict[Kind, str]] = {"text": "TEXT", "boolean": "BOOLEAN", "instant": "BIGINT"}


class SortKey(NamedTuple):
    """What a resource is sorted by, as a SQL expression."""

    sql: str
    kind: Kind = "text"
    nullable: bool = True


class Position(NamedTuple):
    """A place in a sorted list: right behind, or right before, a resource."""

    key: Any
    """The value that it is sorted by; None for no value, and in the order of creation."""
    id: str


def find_sort_path(name: str, resource_type: ResourceType) -> Path | None:
    """Returns the attribute that `sortBy` names; None if there is none of that name, or if it has parts of which none
    stands for the whole.
    """
    try:
        path = find_filter_path(name, resource_type)
    except MalformedPath:
        return None
    if path is not None and path.leaf.type == "complex":
        path = path.sub("value")
    return path


def sort_key(path: Path, searched: Searched, engine: Engine) -> SortKey:
    """Returns an attribute as the key of a sorted list."""
    column = searched.columns.get(path.text)
    if column is not None:
        if column.kind == "instant of id":
            return SortKey("id", nullable=False)
        # Where an expression begins with the base URL, all values begin with it.
        sql = column.sql.replace("{base_url}", "''")
        return SortKey(_bytewise(sql, engine) if column.kind == "text" else sql, column.kind, column.nullable)
    rows = searched.value_rows.get(path.steps[0].name)
    if rows is not None and rows.is_all:
        return SortKey(_bytewise(_first_row(rows, path.leaf.name, searched), engine))
    return SortKey(_bytewise(_in_document(path, engine), engine))


def no_key(kind: Kind) -> SortKey:
    """Returns the key of resources that have not the attribute."""
    return SortKey(f"CAST(NULL AS {_TYPES[kind]})", kind)


def order_by(key: str, identifier: str, *, nullable: bool, descending: bool) -> str:
    """Returns the ORDER BY of a key and an id."""
    way = "DESC" if descending else "ASC"
    nulls = "" if not nullable else " NULLS FIRST" if descending else " NULLS LAST"
    return f"{key} {way}{nulls}, {identifier} {way}" if key else f"{identifier} {way}"


def beyond(key: SortKey | None, has_key: bool, key_at: str, id_at: str, *, descending: bool) -> str:
    """Returns the condition that a resource comes after a position. `key_at` and `id_at` are its parameters; the first
    is used only if the position `has_key`.
    """
    sign = "<" if descending else ">"
    further = f"id {sign} {id_at}"
    if key is None:
        return further
    if not has_key:
        return f"({key.sql} IS NOT NULL OR {further})" if descending else f"({key.sql} IS NULL AND {further})"
    test = f"({key.sql} {sign} {key_at} OR ({key.sql} = {key_at} AND {further}))"
    if not key.nullable:
        return f"({key.sql} {sign}= {key_at} AND {test})"  # so that an index finds the place
    return test if descending else f"({key.sql} IS NULL OR {test})"


def _bytewise(expression: str, engine: Engine) -> str:
    return expression if engine == "sqlite" else f'({expression} COLLATE "C")'


def _first_row(rows: ValueRows, name: str, searched: Searched) -> str:
    """Returns a part of the first of an attribute's values that are rows."""
    part, first = (rows.columns[each].sql.replace("{base_url}", "''") for each in (name, "value"))
    owner = f"v.{rows.owner} = {searched.table}.id"
    return f"(SELECT {part} FROM {rows.source} AND {owner} ORDER BY {first} LIMIT 1)"  # noqa: S608 -- made of constants


def _in_document(path: Path, engine: Engine) -> str:
    """Returns the value of a path in the document: of the primary or first value where a step has many."""
    expression = "document" if path.leaf.case_exact else "folded"
    for at, step in enumerate(path.steps):
        below = path.steps[at + 1 :]
        if step.multi_valued:
            return _chosen(_member(expression, step, path.leaf, engine, "->"), step, below, engine)
        expression = _member(expression, step, path.leaf, engine, "->" if below else "->>")
    return expression


def _member(expression: str, step: Attribute, leaf: Attribute, engine: Engine, arrow: str) -> str:
    name = step.name if leaf.case_exact else step.name.lower()
    label = f"""'$."{name}"'""" if engine == "sqlite" else f"'{name}'"
    return f"({expression} {arrow} {label})"


def _chosen(array: str, step: Attribute, below: tuple[Attribute, ...], engine: Engine) -> str:
    """Returns the primary value of an array, or else the first one, or the part of it that is wanted."""
    simple = step.type != "complex"
    if engine == "sqlite":
        source, last = f"json_each({array}) AS e", "0"
    else:
        source, last = f"json_array_elements{'_text' * simple}({array}) WITH ORDINALITY AS e(value, key)", "'false'"
    value, order = "e.value", "e.key"
    if not simple:
        value = _member(value, below[0], below[0], engine, "->>")
        primary = step.sub("primary")
        if primary is not None:
            order = f"COALESCE({_member('e.value', primary, primary, engine, '->>')}, {last}) DESC, e.key"
    return f"(SELECT {value} FROM {source} ORDER BY {order} LIMIT 1)"  # noqa: S608 -- made of constants
