"""A filter's tree as a condition on the `users` table, for both engines.

The condition means exactly what `scim.filter.predicate` means; a property test compares the two. Two rules
make that so: text is compared with the `folded` document (or a folded column), never with SQL's own lower case;
and every leaf is true or false, never NULL, because `not` over NULL would lose rows.

Attributes that identity providers search by have columns with an index. Everything else reads the JSON.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

from vestibule.model import first_id_of
from vestibule.scim.filter import Compare, Element, Filter, Group, Not, Operator, Present
from vestibule.scim.path import Path
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.store.database import Engine

_SQL: Final[dict[Operator, str]] = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_AFTER_ANY_TEXT: Final = "\U0010ffff"
_EMAIL_COLUMNS: Final = {"value": "value_key", "type": "type_key", "primary": "is_primary"}


@dataclass(frozen=True, slots=True)
class Where:
    """A condition and its values, to be appended to earlier conditions."""

    sql: str
    values: list[Any]
    quick: bool
    """Whether an index leads to the rows; otherwise the statement looks at all of the tenant's rows."""


def where(tree: Filter, resource_type: ResourceType, engine: Engine, location_prefix: str, first: int) -> Where:
    """Returns the condition of a filter; its parameters are numbered from `first`. `$1` must be the tenant.

    `location_prefix` is the part of `meta.location` before the id.
    """
    compiler = _Compiler(engine, resource_type.name, location_prefix, first)
    return Where(compiler.condition(tree), compiler.values, _quick(tree))


def _quick(tree: Filter) -> bool:
    match tree:
        case Group("and", terms):
            return any(map(_quick, terms))
        case Group(_, terms):
            return all(map(_quick, terms))
        case Element(path, term):
            return str(path) == "emails" and any(str(leaf.path) == "emails.value" for leaf in _equalities(term))
        case Compare(path, operator, _, _):
            name = path.text
            return operator == "eq" and name in {"id", "userName", "externalId", "emails.value"}
        case _:
            return False


def _equalities(term: Filter) -> list[Compare]:
    match term:
        case Compare(_, "eq", _, _):
            return [term]
        case Group("and", terms):
            return [leaf for each in terms for leaf in _equalities(each)]
        case _:
            return []


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
    def __init__(self, engine: Engine, type_name: str, location_prefix: str, first: int) -> None:
        self._sqlite = engine == "sqlite"
        self._type_name = type_name
        self._location_prefix = location_prefix
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

    # -- columns -------------------------------------------------------------------------------------------------------

    def _column(self, path: Path, operator: Operator, value: Any) -> str | None:
        """Returns a comparison with a column, or None."""
        match path.text:
            case "id":
                return self._compare("id", operator, value, nullable=False)
            case "externalId" if operator == "eq":
                return f"(external_id IS NOT NULL AND external_id = {self._put(value)})"
            case "externalId":
                return self._compare("external_id", operator, value)
            case "userName":
                return self._compare_user_name(operator, value)
            case "active":
                return f"(active = {self._put(value == (operator == 'eq'))})"
            case "meta.created":
                return self._compare_creation(operator, value)
            case "meta.lastModified":
                return self._compare_instant("modified_at", operator, value)
            case "meta.resourceType":
                return self._compare(f"CAST('{self._type_name}' AS TEXT)", operator, value)
            case "meta.version":
                return self._compare("""('W/"' || CAST(version AS TEXT) || '"')""", operator, value)
            case "meta.location":
                return self._compare(f"(CAST({self._put(self._location_prefix)} AS TEXT) || id)", operator, value)
            case "emails.value" if operator == "eq":
                return self._in_emails(self._compare("e.value_key", operator, value, nullable=False))
            case _:
                return None

    def _compare_user_name(self, operator: Operator, value: str) -> str:
        comparison = self._compare("user_name_key", operator, value, nullable=False)
        if operator != "sw":
            return comparison
        low, high = self._put(value), self._put(value + _AFTER_ANY_TEXT)
        return f"(user_name_key >= {low} AND user_name_key <= {high} AND {comparison})"

    def _compare_creation(self, operator: Operator, value: float) -> str:
        """Creation is the instant in the id, which the primary key has in order."""
        whole = math.floor(value)
        match operator:
            case "eq" | "ne" if value != whole:
                return "(1 = 0)" if operator == "eq" else "(1 = 1)"
            case "eq":
                low, high = self._put(first_id_of(whole)), self._put(first_id_of(whole + 1))
                return f"(id >= {low} AND id < {high})"
            case "ne":
                low, high = self._put(first_id_of(whole)), self._put(first_id_of(whole + 1))
                return f"(id < {low} OR id >= {high})"
            case "gt" | "le":
                edge = first_id_of(whole + 1)
            case _:
                edge = first_id_of(math.ceil(value))
        return f"(id {'>=' if operator in {'gt', 'ge'} else '<'} {self._put(edge)})"

    def _compare_instant(self, column: str, operator: Operator, value: float) -> str:
        """Stored instants are whole milliseconds; what was asked for may be finer."""
        if operator in {"eq", "ne"} and value != math.floor(value):
            return "(1 = 0)" if operator == "eq" else "(1 = 1)"
        whole = math.ceil(value) if operator in {"ge", "lt"} else math.floor(value)
        return f"({column} {_SQL[operator]} {self._put(whole)})"

    def _in_emails(self, condition: str) -> str:
        return f"(id IN (SELECT e.user_id FROM user_emails e WHERE e.tenant_id = $1 AND {condition}))"

    # -- JSON ----------------------------------------------------------------------------------------------------------

    def _present(self, path: Path, base: _Base) -> str:
        if base is _ROW and str(path) in {"id", "userName", "active", "schemas"} | _META:
            return "(1 = 1)"
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
        if base is _ROW and str(path) == "emails" and _answered_by_emails(term):
            return self._in_emails(self._email_condition(term))
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

    def _email_condition(self, term: Filter) -> str:
        match term:
            case Group(word, terms):
                return "(" + f" {word.upper()} ".join(map(self._email_condition, terms)) + ")"
            case Not(inner):
                return f"(NOT {self._email_condition(inner)})"
            case Present(path):
                return f"(e.{_EMAIL_COLUMNS[path.leaf.name]} IS NOT NULL)"
            case Compare(path, operator, value, _):
                column = f"e.{_EMAIL_COLUMNS[path.leaf.name]}"
                if path.leaf.type == "boolean":
                    absent = "1 = 1" if operator == "ne" else "1 = 0"
                    return f"COALESCE({column} = {self._put(value == (operator == 'eq'))}, {absent})"
                return self._compare(column, operator, str(value), nullable=column != "e.value_key")
            case Element():
                raise AssertionError("the grammar has no brackets within brackets")

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


_META: Final = {"meta", "meta.resourceType", "meta.created", "meta.lastModified", "meta.location", "meta.version"}
_EXACT: Final = Attribute("exact", case_exact=True)
_FOLDED: Final = Attribute("folded")


def _answered_by_emails(term: Filter) -> bool:
    """Returns whether `user_emails` knows enough, and leads to a few people: an address has to be equal to one that is
    given.

    Any other condition is left to the documents: PostgreSQL would read all addresses again for each person.
    """
    needs_value = any(str(leaf.path) == "emails.value" for leaf in _equalities(term))
    return needs_value and all(name in _EMAIL_COLUMNS for name in _named(term))


def _named(term: Filter) -> list[str]:
    match term:
        case Group(_, terms):
            return [name for each in terms for name in _named(each)]
        case Not(inner) | Element(_, inner):
            return _named(inner)
        case Present(path) | Compare(path, _, _, _):
            return [path.leaf.name]
