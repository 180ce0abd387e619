"""Parses filters to a tree of five kinds of node, and compiles trees to predicates (RFC 7644 §3.4.2.2).

The rule of this file: nothing is guessed. A filter with an unknown attribute or a comparison that makes no sense is
refused, because a filter that silently matches everybody or nobody leads to duplicated or deleted people.

The size of a filter is checked before it is parsed, without counting what is inside strings, so that no input makes the
parser recurse deeply.

Where the RFC leaves a choice, it is made here, both for predicates and for SQL:
- a comparison with a multi-valued attribute holds when it holds for any of its values;
- an attribute without a value satisfies `ne` and no other comparison;
- an unqualified complex attribute means its `value` sub-attribute (`emails co "x"`, `manager eq "u-1"`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import orjson

from vestibule.scim.errors import InvalidFilter, excerpt
from vestibule.scim.path import MalformedPath, Path, find_filter_path
from vestibule.scim.schema import ID, Attribute, ResourceType
from vestibule.scim.text import digits, fold

MAX_LENGTH: Final = 4096
MAX_NESTING: Final = 20
MAX_TERMS: Final = 50

Operator = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Value = str | bool | int | float
"""A comparison's value in the form that is compared: text is folded unless the attribute is case-exact, an instant is
in milliseconds.
"""

Document = dict[str, Any]
Predicate = Callable[[Document], bool]


@dataclass(frozen=True, slots=True)
class Compare:
    """`attribute operator value`. `given` is the value before it was normalised for comparison."""

    path: Path
    operator: Operator
    value: Value
    given: Value


@dataclass(frozen=True, slots=True)
class Present:
    """`attribute pr`: it has a value."""

    path: Path


@dataclass(frozen=True, slots=True)
class Group:
    """Terms joined by `and` or by `or`."""

    word: Literal["and", "or"]
    terms: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """`not ( … )`."""

    term: "Filter"


@dataclass(frozen=True, slots=True)
class Element:
    """`attribute[ … ]`: one value of the attribute satisfies all of the term. Paths inside begin below the
    attribute.
    """

    path: Path
    term: "Filter"


Filter = Compare | Present | Group | Not | Element
_ANYTHING: Final = Present(Path((ID,), "id"))
"""Every resource has an id."""


# -- text to tree ------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[A-Za-z$][\w$:.-]*)
      | (?P<sub>\.[A-Za-z$][\w$-]*)
      | (?P<mark>[()\[\]])
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_PLAIN = re.compile(
    r"""\s*(?P<word>[A-Za-z$][\w$:.-]*)\s+(?P<operator>[A-Za-z]{2})\s+"(?P<string>[^"\\\x00-\x1f\ud800-\udfff]*)"\s*\Z""",
    re.ASCII,
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^()\[\]]+")
_JOINT = re.compile(r"\b(?:and|or)\b", re.IGNORECASE | re.ASCII)
_OPERATORS: Final[dict[str, Operator]] = {name: name for name in get_args(Operator)}
_END: Final = ("end", "")
_WORDS: Final = {"true": True, "false": False, "null": None}


def parse_filter(text: str, resource_type: ResourceType, others: tuple[ResourceType, ...] = ()) -> Filter:
    """Parse a filter over one kind of resource.

    In a query over several kinds, an attribute that only one of the `others` has is one without a value (RFC 7644
    §3.4.2.1).

    Returns its tree.

    Raises:
        InvalidFilter: too large, against the grammar, an unknown attribute, or a comparison that makes no sense for it.
    """
    return _parse_plain(text, resource_type) or _parse_any(text, resource_type, others)


def _parse_plain(text: str, resource_type: ResourceType) -> Filter | None:
    """Parse a single comparison with a text, which is what nearly every request sends.

    Returns None for anything else: the parser then reads it or refuses it.
    """
    match = _PLAIN.match(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        return None
    word, operator, string = match.groups()
    try:
        path = find_filter_path(word, resource_type)
    except MalformedPath:
        return None
    known = _OPERATORS.get(operator.lower())
    return compare(path, known, string) if path is not None and known is not None else None


def _parse_any(text: str, resource_type: ResourceType, others: tuple[ResourceType, ...] = ()) -> Filter:
    check_size(text)
    return _Parser(text, resource_type, others).whole()


def parse_element_filter(text: str, path: Path, resource_type: ResourceType) -> Filter:
    """Parse the filter in brackets after an attribute, as in `emails[type eq "work"]`.

    Returns its tree.

    Raises:
        InvalidFilter: as `parse_filter` does.
    """
    check_size(text)
    return _Parser(text, resource_type).whole(path)


def compared_paths(tree: Filter) -> list[Path]:
    """Returns the path of each comparison that a filter makes for one document."""
    match tree:
        case Group(_, terms):
            return [path for term in terms for path in compared_paths(term)]
        case Not(term) | Element(_, term):
            return compared_paths(term)
        case Compare(path) | Present(path):
            return [path]


def check_length(text: str) -> None:
    """Check that a filter or a path is not too long.

    Raises:
        InvalidFilter: it is too long.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidFilter(f"A filter or path may have {MAX_LENGTH:,} characters; this one has {len(text):,}.")


def check_size(text: str) -> None:
    """Check that a filter is not too long, too deep and has not too many terms, before it is parsed.

    Raises:
        InvalidFilter: it exceeds one of the limits.
    """
    check_length(text)
    bare = _STRING.sub('""', text)
    depth = deepest = 0
    for bracket in _NO_BRACKET.sub("", bare):
        depth += 1 if bracket in "([" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise InvalidFilter(f"A filter may nest {MAX_NESTING} deep; this one nests {deepest:,} deep.")
    terms = 1 + len(_JOINT.findall(bare))
    if terms > MAX_TERMS:
        raise InvalidFilter(f"A filter may have {MAX_TERMS} terms; this one has {terms:,}.")


class _Parser:
    """A recursive-descent parser with one token of lookahead. Precedence: or, and, not, term."""

    def __init__(self, text: str, resource_type: ResourceType, others: tuple[ResourceType, ...] = ()) -> None:
        self._text = text
        self._type = resource_type
        self._others = others
        self._tokens = self._scan()
        self._start = 0
        self.ahead = next(self._tokens)

    def _scan(self) -> Iterator[tuple[str, str]]:
        at, text = 0, self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise InvalidFilter(
                    f"The filter has something that cannot be read near character {at + 1}, such as a quotation mark "
                    "that is not closed."
                )
            kind = match.lastgroup or ""
            self._start = match.start(kind)
            at = match.end()
            yield kind, match[kind]
        self._start = at
        while True:
            yield _END

    def where(self) -> str:
        """Returns the position of the parser in words, without quoting the text."""
        return "at its end" if self.ahead == _END else f"at character {self._start + 1}"

    def _take(self) -> tuple[str, str]:
        token, self.ahead = self.ahead, next(self._tokens)
        return token

    def _is(self, word: str) -> bool:
        return self.ahead[1].lower() == word and self.ahead[0] in {"word", "mark"}

    def _expect(self, mark: str) -> None:
        if not self._is(mark):
            raise InvalidFilter(f"The filter should have '{mark}' {self.where()}.")
        self._take()

    def whole(self, below: Path | None = None) -> Filter:
        """Returns the tree of the whole text; paths begin below an attribute if one is given."""
        tree = self._alternatives(below)
        if self.ahead != _END:
            raise InvalidFilter(f"The filter should end, or continue with 'and' or 'or', {self.where()}.")
        return tree

    def _alternatives(self, below: Path | None) -> Filter:
        return self._joined("or", self._conjunction, below)

    def _conjunction(self, below: Path | None) -> Filter:
        return self._joined("and", self._term, below)

    def _joined(self, word: Literal["and", "or"], part: Callable[[Path | None], Filter], below: Path | None) -> Filter:
        terms = [part(below)]
        while self._is(word):
            self._take()
            terms.append(part(below))
        return terms[0] if len(terms) == 1 else Group(word, tuple(terms))

    def _term(self, below: Path | None) -> Filter:
        if self._is("("):
            return self._grouped(below)
        if self.ahead[0] != "word":
            raise InvalidFilter(f"The filter should name an attribute {self.where()}.")
        word = self._take()[1]
        if word.lower() == "not" and self._is("("):
            return Not(self._grouped(below))
        if below is None and (elsewhere := self._path_elsewhere(word)) is not None:
            # Of another kind of resource: here it has no value.
            holds = predicate(self._term_of(elsewhere, None))({})
            return _ANYTHING if holds else Not(_ANYTHING)
        return self._term_of(self._path(word, below), below)

    def _term_of(self, path: Path, below: Path | None) -> Filter:
        return self._element(path, below) if self._is("[") else self._comparison(path)

    def _path_elsewhere(self, word: str) -> Path | None:
        """Returns the path of an attribute that only another type of resource has."""
        try:
            if not self._others or find_filter_path(word, self._type) is not None:
                return None
            return next(filter(None, (find_filter_path(word, other) for other in self._others)), None)
        except MalformedPath:
            return None

    def _grouped(self, below: Path | None) -> Filter:
        self._expect("(")
        inner = self._alternatives(below)
        self._expect(")")
        return inner

    def _path(self, word: str, below: Path | None) -> Path:
        try:
            path = below.sub(word) if below else find_filter_path(word, self._type)
        except MalformedPath:
            path = None
        if path is None:
            owner = f" below '{below}'" if below else f" in {self._type.name}"
            raise InvalidFilter(f"There is no attribute '{excerpt(word)}'{owner} to filter by.")
        return path

    def _element(self, path: Path, below: Path | None) -> Filter:
        if below or path.leaf.type != "complex" or path.leaf.name.startswith("urn:"):
            raise InvalidFilter(f"'{path}' cannot be followed by '['; only a complex attribute can.")
        self._expect("[")
        term = self._alternatives(path)
        self._expect("]")
        if self.ahead[0] == "sub":
            # `emails[type eq "work"].value eq "x"`: how Entra looks a person up by mail (wire facts 3.1).
            sub = self._path(self._take()[1][1:], path)
            term = Group("and", (term, self._comparison(sub)))
        return Element(path, term)

    def _comparison(self, path: Path) -> Filter:
        kind, word = self._take()
        operator = word.lower()
        if kind == "word" and operator == "pr":
            return Present(path)
        if kind != "word" or operator not in _OPERATORS:
            raise InvalidFilter(f"After '{path}' the filter should have one of eq ne co sw ew gt ge lt le pr.")
        return compare(path, _OPERATORS[operator], self._value())

    def _value(self) -> Value | None:
        kind, word = self._take()
        if kind == "string":
            try:
                text: str = orjson.loads(word)
            except orjson.JSONDecodeError:
                raise InvalidFilter("A text in the filter is not a JSON string: check its backslashes.") from None
            if "\0" in text:
                raise InvalidFilter("A text in the filter holds a NUL character, which no attribute may have.")
            return text
        if kind == "number":
            return _number(word)
        if kind == "word" and word.lower() in _WORDS:
            return _WORDS[word.lower()]
        raise InvalidFilter("A comparison should end with a text in double quotes, a number, true, false or null.")


def _number(word: str) -> float:
    try:
        number: float = orjson.loads(word)
    except orjson.JSONDecodeError:
        raise InvalidFilter(
            "A number in the filter should be written as in JSON, such as 7 or -1.5, and not be out of its range; a "
            "text made of digits needs double quotes."
        ) from None
    return number


def compare(path: Path, operator: Operator, value: Value | None) -> Filter:
    """Returns a comparison whose value is normalised for comparison.

    Raises:
        InvalidFilter: the attribute cannot be compared with such a value, or not with this operator.
    """
    if path.leaf.type == "complex":
        below = path.sub("value")
        if below is None:
            raise InvalidFilter(f"'{path}' is made of parts; name the part to compare.")
        path = below
    if value is None:
        if operator not in {"eq", "ne"}:
            raise InvalidFilter(f"'{path} {operator} null' has no meaning; null goes with eq and ne.")
        return Present(path) if operator == "ne" else Not(Present(path))
    if operator not in _COMPARABLE.get(path.leaf.type, _OPERATORS):
        raise InvalidFilter(f"'{path}' holds a {path.leaf.type}, which has no '{operator}'.")
    return Compare(path, operator, _comparable(path, value), value)


_COMPARABLE: Final[dict[str, frozenset[str]]] = {
    "boolean": frozenset({"eq", "ne"}),
    "binary": frozenset({"eq", "ne", "co", "sw", "ew"}),
    "dateTime": frozenset({"eq", "ne", "gt", "ge", "lt", "le"}),
}


def _comparable(path: Path, value: Value) -> Value:
    kind = path.leaf.type
    if kind == "boolean":
        # Entra writes booleans as texts (wire facts 3.2).
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        raise InvalidFilter(f"'{path}' is compared with true or false.")
    if kind == "dateTime":
        instant = milliseconds(value) if isinstance(value, str) else None
        if instant is None:
            raise InvalidFilter(f"'{path}' is compared with an instant such as \"2026-03-01T12:00:00Z\".")
        return instant
    if isinstance(value, bool):
        raise InvalidFilter(f"'{path}' is compared with a text in double quotes.")
    text = value if isinstance(value, str) else digits(value)
    if text is None:
        raise InvalidFilter(f"'{path}' is compared with a text; put a number of that size in double quotes.")
    return normal(path.leaf, text)


def normal(attribute: Attribute, text: str) -> str:
    """Returns an attribute's text in the form that is compared: folded, unless the attribute is case-exact."""
    return text if attribute.case_exact else fold(text)


def milliseconds(text: str) -> float | None:
    """Returns an xsd:dateTime as milliseconds since 1970, with the part below a millisecond as a fraction; None for any
    other text.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    since = instant - _EPOCH
    return (since.days * 86_400_000) + since.seconds * 1000 + since.microseconds / 1000


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


# -- tree to predicate -------------------------------------------------------------------------------------------------

_TESTS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "eq": lambda had, wanted: had == wanted,
    "ne": lambda had, wanted: had != wanted,
    "co": lambda had, wanted: wanted in had,
    "sw": lambda had, wanted: had.startswith(wanted),
    "ew": lambda had, wanted: had.endswith(wanted),
    "gt": lambda had, wanted: had > wanted,
    "ge": lambda had, wanted: had >= wanted,
    "lt": lambda had, wanted: had < wanted,
    "le": lambda had, wanted: had <= wanted,
}


def predicate(tree: Filter, above: int = 0, folding: Callable[[str], str] = fold) -> Predicate:
    """Compile a filter to a function that says whether a document matches it.

    `above` counts the steps of a path that were taken before the document. `folding` is `fold`, or a cached form of it
    for callers that compare the same texts many times.
    """
    match tree:
        case Group("and", terms):
            return _all_of([predicate(term, above, folding) for term in terms])
        case Group(_, terms):
            return _any_of([predicate(term, above, folding) for term in terms])
        case Not(term):
            test = predicate(term, above, folding)
            return lambda document: not test(document)
        case Element(path, term):
            values, test = reader(path, above), predicate(term, len(path.steps), folding)
            return lambda document: any(test(element) for element in values(document))
        case Present(path):
            values = reader(path, above)
            return lambda document: bool(values(document))
        case Compare(path, operator, wanted, _):
            values, holds, comparable = reader(path, above), _TESTS[operator], _as_compared(path.leaf, folding)
            when_absent = operator == "ne"
            if len(path.steps) - above == 1 and not path.leaf.multi_valued:
                return _compare_one(path.leaf.name, holds, comparable, wanted, when_absent=when_absent)
            return lambda document: (
                any(holds(comparable(value), wanted) for value in found) if (found := values(document)) else when_absent
            )


def _all_of(tests: list[Predicate]) -> Predicate:
    def test_all(document: Document) -> bool:
        for test in tests:  # noqa: SIM110 -- a generator costs as much as the comparison itself
            if not test(document):
                return False
        return True

    return test_all


def _any_of(tests: list[Predicate]) -> Predicate:
    def test_any(document: Document) -> bool:
        for test in tests:  # noqa: SIM110 -- as above
            if test(document):
                return True
        return False

    return test_any


def _compare_one(
    name: str, holds: Callable[[Any, Any], bool], comparable: Callable[[Any], Any], wanted: Value, *, when_absent: bool
) -> Predicate:
    """Returns a test that compares the only value of a top-level attribute."""

    def test_one(document: Document) -> bool:
        return holds(comparable(document[name]), wanted) if name in document else when_absent

    return test_one


def reader(path: Path, above: int = 0) -> Callable[[Document], list[Any]]:
    """Returns a function that lists all values that a path has in a document."""
    names = [step.name for step in path.steps[above:]]

    def values(document: Document) -> list[Any]:
        found: list[Any] = [document]
        for name in names:
            below = [part[name] for part in found if name in part]
            found = [value for part in below for value in (part if isinstance(part, list) else (part,))]
        return found

    return values


def _as_compared(attribute: Attribute, folding: Callable[[str], str]) -> Callable[[Any], Any]:
    if attribute.type == "dateTime":
        return milliseconds
    if attribute.type == "boolean" or attribute.case_exact:
        return lambda value: value
    return folding
