"""A filter's tree as a condition on a table of resources, for both engines.

The condition means exactly what `scim.filter.predicate` means; a property test compares the two. Two rules
make that so: text is compared with the `folded` document (or a folded column), never with SQL's own lower case;
and every leaf is true or false, never NULL, because `not` over NULL would lose rows.

Attributes that identity providers search by have columns or rows of their own: `Searched` says which. Everything else
reads the JSON.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from vestibule.model import first_id_of
from vestibule.scim.filter import Compare, Element, Filter, Group, Not, Operator, Present
from vestibule.scim.path import Path
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.store.database import Engine

_SQL: Final[dict[Operator, str]] = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_AFTER_ANY_TEXT: Final = "\U0010ffff"


class Column(NamedTuple):
    """An attribute as SQL: a column, or an expression, in the form that is compared.

    `{base_url}` in the SQL stands for the tenant's SCIM base URL. An `instant` is in milliseconds; `instant of id`
    means that the column is an id, whose order is that of creation.
    """

    sql: str
    kind: Literal["text", "boolean", "instant", "instant of id"] = "text"
    nullable: bool = False
    indexed: bool = False
    """Whether an index leads to the rows in which it equals a value."""


@dataclass(frozen=True, slots=True)
class ValueRows:
    """The values of a multi-valued attribute as rows of a table, which is named `v` in the SQL of the columns."""

    table: str
    owner: str
    """The column with the id of the resource that has the value."""
    columns: Mapping[str, Column]
    """Sub-attributes by name. Others are compared in the document."""
    is_all: bool = False
    """Whether the values are in no document, so that every comparison is made here."""
    owners: str = ""
    """A SELECT of the resources whose `value` equals `{value}`, if that is more than a look-up of rows."""

    @property
    def source(self) -> str:
        return f"{self.table} v WHERE v.tenant_id = $1"


@dataclass(frozen=True, slots=True)
class Searched:
    """How the resources of one type are searched: their table, and which attributes it has beside the document.

    The table has the columns `tenant_id`, `id`, `external_id`, `version`, `modified_at`, `document` and `folded`.
    """

    type: ResourceType
    table: str
    own_columns: Mapping[str, Column] = field(default_factory=dict)
    value_rows: Mapping[str, ValueRows] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(init=False)
    always: frozenset[str] = field(init=False)
    """The attributes that every resource has."""

    def __post_init__(self) -> None:
        common = {
            "id": Column("id", indexed=True),
            "externalId": Column("external_id", nullable=True, indexed=True),
            "meta.created": Column("id", "instant of id"),
            "meta.lastModified": Column("modified_at", "instant"),
            "meta.resourceType": Column(f"CAST('{self.type.name}' AS TEXT)"),
            "meta.version": Column("""('W/"' || CAST(version AS TEXT) || '"')"""),
            "meta.location": Column(f"({{base_url}} || '{self.type.endpoint}/' || id)"),
        }
        present = {"meta", "schemas", *(name for name in common if name != "externalId")}
        present |= {name for name, column in self.own_columns.items() if not column.nullable}
        object.__setattr__(self, "columns", common | dict(self.own_columns))
        object.__setattr__(self, "always", frozenset(present))


@dataclass(frozen=True, slots=True)
class Where:
    """A condition and its values, to be appended to earlier conditions."""

    sql: str
    values: list[Any]
    quick: bool
    """Whether an index leads to the rows; otherwise the statement looks at all of the tenant's rows."""


def where(tree: Filter, searched: Searched, engine: Engine, base_url: str, first: int) -> Where:
    """Returns the condition of a filter; its parameters are numbered from `first`. `$1` must be the tenant.

    `base_url` is the tenant's SCIM base URL.
    """
    compiler = _Compiler(engine, searched, base_url, first)
    return Where(compiler.condition(tree), compiler.values, _quick(tree, searched))


def row_condition(term: Filter, searched: Searched, attribute: str, engine: Engine, base_url: str, first: int) -> Where:
    """Returns the condition that one row `v` of a multi-valued attribute satisfies the term of a filter in brackets."""
    compiler = _Compiler(engine, searched, base_url, first)
    rows = searched.value_rows[attribute]
    return Where(compiler.row_condition(rows, term), compiler.values, quick=True)


def _quick(tree: Filter, searched: Searched) -> bool:
    match tree:
        case Group("and", terms):
            return any(_quick(term, searched) for term in terms)
        case Group(_, terms):
            return all(_quick(term, searched) for term in terms)
        case Element(path, term):
            rows = searched.value_rows.get(str(path))
            return rows is not None and _leads_to_few(term, rows)
        case Compare(path, "eq", _, _):
            column = searched.columns.get(path.text) or _column_of_row(path, searched)
            return column is not None and column.indexed
        case _:
            return False


def _column_of_row(path: Path, searched: Searched) -> Column | None:
    """Returns the column of `value_rows` that a path names, if it names one."""
    rows = searched.value_rows.get(path.steps[0].name)
    return rows.columns.get(path.leaf.name) if rows is not None and len(path.steps) == 2 else None


def _leads_to_few(term: Filter, rows: ValueRows) -> bool:
    """Returns whether a term requires that a column with an index equals a value."""
    match term:
        case Compare(path, "eq", _, _):
            column = rows.columns.get(path.leaf.name)
            return column is not None and column.indexed
        case Group("and", terms):
            return any(_leads_to_few(each, rows) for each in terms)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class _Base:
    """Where paths begin: the documents as they came and folded, and how many steps of a path were taken to get
    there.
    """

    raw: str = "document"
    folded: str = "folded"
    above: int = 0

    def of(self, attribute: Attribute) -> str:
        return self.raw if attribute.case_exact else self.folded

    def name(self, attribute: Attribute, leaf: Attribute) -> str:
        return attribute.name if leaf.case_exact else attribute.name.lower()


_ROW: Final = _Base()


class _Compiler:
    def __init__(self, engine: Engine, searched: Searched, base_url: str, first: int) -> None:
        self._sqlite = engine == "sqlite"
        self._searched = searched
        self._base_url = base_url
        self._first = first
        self._aliases = 0
        self.values: list[Any] = []

    def condition(self, tree: Filter, base: _Base = _ROW) -> str:
        match tree:
            case Group(word, terms):
                joint = f" {word.upper()} "
                return "(" + joint.join(self.condition(term, base) for term in terms) + ")"
            case Not(term):
                return f"(NOT {self.condition(term, base)})"
            case Element(path, term):
                return self._element(path, term, base)
            case Present(path):
                return self._present(path, base)
            case Compare(path, operator, value, _):
                column = self._column(path, operator, value) if base is _ROW else None
                return column or self._compare_in_document(path, operator, value, base)

    def _put(self, value: Any) -> str:
        self.values.append(value)
        return f"${self._first + len(self.values) - 1}"

    # -- columns and rows ----------------------------------------------------------------------------------------------

    def _column(self, path: Path, operator: Operator, value: Any) -> str | None:
        """Returns a comparison with a column, or with rows; None if the attribute has none."""
        column = self._searched.columns.get(path.text)
        if column is not None:
            return self._compare_column(column, operator, value)
        rows = self._searched.value_rows.get(path.steps[0].name)
        column = _column_of_row(path, self._searched)
        if rows is None or column is None:
            return None
        if rows.is_all:
            return self._compare_rows(rows, path.leaf.name, operator, value)
        return (
            self._among(rows, self._compare_column(column, "eq", value))
            if column.indexed and operator == "eq"
            else None
        )

    def _compare_column(self, column: Column, operator: Operator, value: Any) -> str:
        """Returns a comparison that is true or false, also where the column is NULL."""
        sql = self._expression(column)
        match column.kind:
            case "boolean":
                wanted = value == (operator == "eq")
                absent = "1 = 1" if operator == "ne" else "1 = 0"
                test = f"{sql} = {self._put(wanted)}"
                return f"COALESCE({test}, {absent})" if column.nullable else f"({test})"
            case "instant":
                return self._compare_instant(sql, operator, value)
            case "instant of id":
                return self._compare_instant_of_id(sql, operator, value)
        if not column.indexed:
            return self._compare(sql, operator, value, nullable=column.nullable)
        if operator == "eq" and column.nullable:
            return f"({sql} IS NOT NULL AND {sql} = {self._put(value)})"
        comparison = self._compare(sql, operator, value, nullable=column.nullable)
        if operator != "sw" or column.nullable:
            return comparison
        low, high = self._put(value), self._put(value + _AFTER_ANY_TEXT)
        return f"({sql} >= {low} AND {sql} <= {high} AND {comparison})"

    def _expression(self, column: Column) -> str:
        if "{base_url}" not in column.sql:
            return column.sql
        return column.sql.replace("{base_url}", f"CAST({self._put(self._base_url)} AS TEXT)")

    def _compare_instant_of_id(self, column: str, operator: Operator, value: float) -> str:
        """The primary key has the instants of creation in order."""
        whole = math.floor(value)
        match operator:
            case "eq" | "ne" if value != whole:
                return "(1 = 0)" if operator == "eq" else "(1 = 1)"
            case "eq":
                low, high = self._put(first_id_of(whole)), self._put(first_id_of(whole + 1))
                return f"({column} >= {low} AND {column} < {high})"
            case "ne":
                low, high = self._put(first_id_of(whole)), self._put(first_id_of(whole + 1))
                return f"({column} < {low} OR {column} >= {high})"
            case "gt" | "le":
                edge = first_id_of(whole + 1)
            case _:
                edge = first_id_of(math.ceil(value))
        return f"({column} {'>=' if operator in {'gt', 'ge'} else '<'} {self._put(edge)})"

    def _compare_instant(self, column: str, operator: Operator, value: float) -> str:
        """Stored instants are whole milliseconds; what was asked for may be finer."""
        if operator in {"eq", "ne"} and value != math.floor(value):
            return "(1 = 0)" if operator == "eq" else "(1 = 1)"
        whole = math.ceil(value) if operator in {"ge", "lt"} else math.floor(value)
        return f"({column} {_SQL[operator]} {self._put(whole)})"

    def _among(self, rows: ValueRows, condition: str) -> str:
        """Returns whether a resource is the owner of a row that satisfies a condition."""
        return f"(id IN (SELECT v.{rows.owner} FROM {rows.source} AND {condition}))"

    def _compare_rows(self, rows: ValueRows, name: str, operator: Operator, value: Any) -> str:
        column = rows.columns[name]
        if rows.owners and name == "value" and operator == "eq":
            return f"(id IN ({rows.owners.replace('{value}', self._put(value))}))"
        given = "1 = 1" if not column.nullable else f"{self._expression(column)} IS NOT NULL"
        found = self._among(rows, f"{given} AND {self._compare_column(column, operator, value)}")
        return found if operator != "ne" else f"({found} OR NOT {self._among(rows, given)})"

    def row_condition(self, rows: ValueRows, term: Filter) -> str:
        """Returns the condition that one row satisfies all of a term."""
        match term:
            case Group(word, terms):
                return "(" + f" {word.upper()} ".join(self.row_condition(rows, each) for each in terms) + ")"
            case Not(inner):
                return f"(NOT {self.row_condition(rows, inner)})"
            case Present(path):
                column = rows.columns[path.leaf.name]
                return f"({self._expression(column)} IS NOT NULL)" if column.nullable else "(1 = 1)"
            case Compare(path, operator, value, _):
                return self._compare_column(rows.columns[path.leaf.name], operator, value)
            case Element():
                raise AssertionError("the grammar has no brackets within brackets")

    # -- JSON ----------------------------------------------------------------------------------------------------------

    def _present(self, path: Path, base: _Base) -> str:
        if base is _ROW and str(path) in self._searched.always:
            return "(1 = 1)"
        rows = self._searched.value_rows.get(path.steps[0].name) if base is _ROW else None
        if rows is not None and rows.is_all:
            column = rows.columns.get(path.leaf.name) if len(path.steps) == 2 else None
            given = f"{self._expression(column)} IS NOT NULL" if column is not None and column.nullable else "1 = 1"
            return self._among(rows, given)
        return self._over_values(path, base, lambda expression: f"({expression} IS NOT NULL)", as_json=True)

    def _compare_in_document(self, path: Path, operator: Operator, value: Any, base: _Base) -> str:
        leaf = path.leaf
        if leaf.type == "boolean":
            wanted = value == (operator == "eq")
            literal = ("1" if wanted else "0") if self._sqlite else f"'{str(wanted).lower()}'"
            absent = "1 = 1" if operator == "ne" else "1 = 0"
            return self._over_values(path, base, lambda x: f"COALESCE({x} = {literal}, {absent})", operator=operator)
        return self._over_values(path, base, lambda x: self._compare(x, operator, value), operator=operator)

    def _over_values(
        self, path: Path, base: _Base, test: Any, *, operator: Operator = "eq", as_json: bool = False
    ) -> str:
        """Returns the test on the one value of a path, or on any of its values where a step has many."""
        steps = path.steps[base.above :]
        expression = base.of(path.leaf)
        many = next((at for at, step in enumerate(steps) if step.multi_valued), None)
        if many is None or (as_json and many == len(steps) - 1):
            return str(test(self._member(expression, steps, path.leaf, base, as_json=as_json)))
        alias, source = self._each(
            self._member(expression, steps[: many + 1], path.leaf, base, as_json=True), path.leaf
        )
        below = steps[many + 1 :]
        inner = self._member(f"{alias}.value", below, path.leaf, base) if below else f"{alias}.value"
        # A value that has not this part says nothing about it.
        found = f"EXISTS (SELECT 1 FROM {source} WHERE {inner} IS NOT NULL AND {test(inner)})"
        if operator != "ne":
            return f"({found})"
        return f"({found} OR NOT EXISTS (SELECT 1 FROM {source} WHERE {inner} IS NOT NULL))"

    def _element(self, path: Path, term: Filter, base: _Base) -> str:
        rows = self._searched.value_rows.get(str(path)) if base is _ROW else None
        if rows is not None and (rows.is_all or _answered_by(rows, term)):
            return self._among(rows, self.row_condition(rows, term))
        step = path.leaf
        raw = self._member(base.raw, path.steps[base.above :], _EXACT, base, as_json=True)
        folded = self._member(base.folded, path.steps[base.above :], _FOLDED, base, as_json=True)
        above = len(path.steps)
        if not step.multi_valued:
            return f"({raw} IS NOT NULL AND {self.condition(term, _Base(raw, folded, above))})"
        one, exact = self._each(raw, step)
        other, lower = self._each(folded, step)
        inner = self.condition(term, _Base(f"{one}.value", f"{other}.value", above))
        return f"(EXISTS (SELECT 1 FROM {exact} JOIN {lower} ON {one}.key = {other}.key WHERE {inner}))"

    def _member(
        self, expression: str, steps: tuple[Attribute, ...], leaf: Attribute, base: _Base, *, as_json: bool = False
    ) -> str:
        """Returns the value below an expression: as text for a comparison, or as JSON."""
        for at, step in enumerate(steps):
            arrow = "->>" if at == len(steps) - 1 and not as_json else "->"
            name = base.name(step, leaf)
            label = f"""'$."{name}"'""" if self._sqlite else f"'{name}'"
            expression = f"({expression} {arrow} {label})"
        return expression

    def _each(self, array: str, attribute: Attribute) -> tuple[str, str]:
        """Returns an alias and the table of a JSON array's values, numbered by `key`."""
        self._aliases += 1
        alias = f"v{self._aliases}"
        if self._sqlite:
            return alias, f"json_each({array}) AS {alias}"
        function = (
            "json_array_elements_text"
            if attribute.type != "complex" and attribute.multi_valued
            else "json_array_elements"
        )
        return alias, f"{function}({array}) WITH ORDINALITY AS {alias}(value, key)"

    def _compare(self, expression: str, operator: Operator, value: str, *, nullable: bool = True) -> str:
        """Returns a text comparison that is true or false, also where the expression is NULL.

        Expressions inside COALESCE use no index, so a column that is never NULL is compared without it.
        """
        size = len(value)
        match operator:
            case "co":
                test = f"{'instr' if self._sqlite else 'strpos'}({expression}, {self._put(value)}) > 0"
            case "sw":
                test = f"substr({expression}, 1, {size}) = {self._put(value)}"
            case "ew":
                tail = f"substr({expression}, length({expression}) - {size - 1})"
                test = f"(length({expression}) >= {size} AND {tail} = {self._put(value)})"
            case _:
                collation = "" if self._sqlite or operator in {"eq", "ne"} else ' COLLATE "C"'
                test = f"{expression}{collation} {_SQL[operator]} {self._put(value)}"
        return f"COALESCE({test}, {'1 = 1' if operator == 'ne' else '1 = 0'})" if nullable else f"({test})"


_EXACT: Final = Attribute("exact", case_exact=True)
_FOLDED: Final = Attribute("folded")


def _answered_by(rows: ValueRows, term: Filter) -> bool:
    """Returns whether rows know enough, and lead to a few resources: a value has to be equal to one that is given.

    Any other condition is left to the documents: PostgreSQL would read all rows again for each resource.
    """
    return _leads_to_few(term, rows) and all(name in rows.columns for name in _named(term))


def _named(term: Filter) -> list[str]:
    match term:
        case Group(_, terms):
            return [name for each in terms for name in _named(each)]
        case Not(inner) | Element(_, inner):
            return _named(inner)
        case Present(path) | Compare(path, _, _, _):
            return [path.leaf.name]
