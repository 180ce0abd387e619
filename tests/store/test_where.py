"""A filter means the same in SQL, on both engines, as it does in Python: many of them, over people made to differ."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import on_loop
from vestibule import model
from vestibule.endpoints.context import Context
from vestibule.model import Actor, User, created_at
from vestibule.scim.filter import parse_filter, predicate
from vestibule.scim.representation import Kept, expand
from vestibule.scim.resource import clean
from vestibule.scim.schema import ENTERPRISE_USER, USER_TYPE, Attribute
from vestibule.settings import Settings
from vestibule.store import user_lists
from vestibule.store.user_columns import SEARCHED_USERS, searchable
from vestibule.store.user_lists import Visibility, page_users
from vestibule.store.users import insert_user
from vestibule.store.where import where

TENANT, PROVIDER, BASE = "tenant", "provider", "http://x/scim/v2/t"
WORDS = [
    "ana",
    "ANA",
    "Ana Reis",
    "straße",
    "STRASSE",
    "ſ",
    "Σ",
    "ς",
    "é",
    "É",
    "a%b",
    "a_b",
    "x'y",
    'x"y',
    "ＡＢ",
    "\u212a",
    "z" * 40,
    "True",
]


class Peopled:
    """A database with people in it."""

    def __init__(self, given_settings: Settings) -> None:
        self.context = on_loop(Context.open(given_settings, lambda _line: None))
        self.people: dict[str, dict[str, Any]] = {}
        on_loop(self._fill(random.Random(7)))

    async def _fill(self, dice: random.Random) -> None:
        ids = model._Ids()  # of its own: it runs ahead of time, and ids of the process never go back
        async with self.context.database.write(Actor(TENANT, "operator")) as tx:
            for number in range(120):
                document, _ = clean(
                    {"userName": f"{dice.choice(WORDS)}{number}", **_some(USER_TYPE.root, dice)}, USER_TYPE
                )
                document["active"] = dice.random() < 0.7
                user_id = ids.next(tx.now + number * 1000)
                text = orjson.dumps(document).decode()
                made = created_at(user_id)
                user = User(user_id, PROVIDER, document["active"], "", text, "{}", number + 1, made, made + number)
                await insert_user(tx, user, searchable(document, text))
                kept = Kept(user_id, text, made, made + number, number + 1)
                self.people[user_id] = expand(kept, USER_TYPE, BASE)

    def ask(self, text: str) -> list[str]:
        """Ids that the database finds."""

        async def read() -> list[str]:
            engine = self.context.database.engine
            condition = where(parse_filter(text, USER_TYPE), SEARCHED_USERS, engine, BASE, first=3)
            async with self.context.database.read(TENANT) as reading:
                total, users = await page_users(reading, Visibility(PROVIDER, False), condition, 1, 1000)
            assert total == len(users)
            return [user.id for user in users]

        return on_loop(read())

    def close(self) -> None:
        on_loop(self.context.close())


def _some(attribute: Attribute, dice: random.Random) -> dict[str, Any]:
    """Some sub-attributes of an attribute, with values."""
    made: dict[str, Any] = {}
    for sub in attribute.sub_attributes:
        if sub.name in {"userName", "schemas", "id", "meta", "active"} or dice.random() < 0.5:
            continue
        count = dice.randint(1, 3) if sub.multi_valued else 1
        values = [_one(sub, dice) for _ in range(count)]
        made[sub.name] = values if sub.multi_valued else values[0]
    return made


def _one(attribute: Attribute, dice: random.Random) -> Any:
    if attribute.type == "complex":
        return _some(attribute, dice)
    return dice.random() < 0.5 if attribute.type == "boolean" else dice.choice(WORDS)


@pytest.fixture(scope="module")
def peopled(engine: str, new_database: Callable[[str], Settings]) -> Iterator[Peopled]:
    database = Peopled(new_database(engine))
    yield database
    database.close()


# -- filters, made from the schema -------------------------------------------------------------------------------------


def _leaves(attribute: Attribute, above: str = "") -> list[tuple[str, Attribute]]:
    found = []
    for sub in attribute.sub_attributes:
        path = f"{above}{sub.name}"
        joint = ":" if sub.name.startswith("urn:") else "."
        found += _leaves(sub, path + joint) if sub.type == "complex" else [(path, sub)]
    return found


LEAVES = _leaves(USER_TYPE.root)
PLURALS = [sub for sub in USER_TYPE.root.sub_attributes if sub.multi_valued and sub.type == "complex"]
_TEXTS = st.sampled_from([*WORDS, "an", "A", "", "z", "reis", "0", "1", BASE, "user", "urn", 'W/"7"'])
_INSTANTS = st.sampled_from(["2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"])


def _value(attribute: Attribute, text: str, instant: str, truth: bool) -> str:
    if attribute.type == "boolean":
        return str(truth).lower()
    return orjson.dumps(instant if attribute.type == "dateTime" else text).decode()


def _operators(attribute: Attribute) -> list[str]:
    if attribute.type == "boolean":
        return ["eq", "ne"]
    if attribute.type == "binary":
        return ["eq", "ne", "co", "sw", "ew"]
    return ["eq", "ne", "gt", "ge", "lt", "le"] + (["co", "sw", "ew"] if attribute.type != "dateTime" else [])


@st.composite
def comparison(draw: st.DrawFn, leaves: tuple[tuple[str, Attribute], ...] = tuple(LEAVES)) -> str:
    path, attribute = draw(st.sampled_from(leaves))
    operator = draw(st.sampled_from([*_operators(attribute), "pr"]))
    if operator == "pr":
        return f"{path} pr"
    return f"{path} {operator} {_value(attribute, draw(_TEXTS), draw(_INSTANTS), draw(st.booleans()))}"


@st.composite
def element(draw: st.DrawFn) -> str:
    attribute = draw(st.sampled_from(PLURALS))
    inside = draw(joined(comparison(tuple((sub.name, sub) for sub in attribute.sub_attributes))))
    return f"{attribute.name}[{inside}]"


def joined(terms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        terms,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: f"({two[0]} and {two[1]})"),
            st.tuples(inner, inner).map(lambda two: f"({two[0]} or {two[1]})"),
            inner.map(lambda one: f"not ({one})"),
        ),
        max_leaves=4,
    )


FILTERS = joined(
    st.one_of(
        comparison(),
        element(),
        st.sampled_from(
            ["emails pr", "name pr", f"{ENTERPRISE_USER} pr", "meta pr", "emails eq null", "title ne null"]
        ),
    )
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=FILTERS)
def test_the_database_finds_whom_the_predicate_finds(peopled: Peopled, text: str) -> None:
    holds = predicate(parse_filter(text, USER_TYPE))
    assert peopled.ask(text) == [user_id for user_id, document in peopled.people.items() if holds(document)]


def test_instants_are_compared_to_the_millisecond(peopled: Peopled) -> None:
    some = list(peopled.people.values())[50]
    for name in ("created", "lastModified"):
        stamp = some["meta"][name]
        finer = stamp.replace("Z", "4Z")
        for operator in ("eq", "ne", "gt", "ge", "lt", "le"):
            for instant in (stamp, finer):
                text = f'meta.{name} {operator} "{instant}"'
                holds = predicate(parse_filter(text, USER_TYPE))
                assert peopled.ask(text) == [key for key, each in peopled.people.items() if holds(each)], text


@pytest.mark.parametrize(
    ("text", "quick"),
    [
        ('userName eq "x"', True),
        ('id eq "x" and title pr', True),
        ('externalId eq "x"', True),
        ('emails.value eq "x"', True),
        ('emails[type eq "work" and value eq "x"]', True),
        ('emails[type eq "work"].value eq "x"', True),
        ('userName eq "x" or externalId eq "y"', True),
        ('userName eq "x" or title pr', False),
        ('title eq "x"', False),
        ('not (userName eq "x")', False),
        ('emails[type eq "work"]', False),
    ],
)
def test_what_an_index_answers_is_known(text: str, quick: bool) -> None:
    assert where(parse_filter(text, USER_TYPE), SEARCHED_USERS, "sqlite", BASE, first=3).quick is quick


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "x"',
        'externalId eq "x"',
        'emails.value eq "x"',
        'emails[type eq "work" and value eq "x"]',
        'id eq "x"',
    ],
)
def test_quick_filters_use_an_index(peopled: Peopled, text: str) -> None:
    """On SQLite, by its own account: no step of the plan looks at every row of a tenant."""
    if peopled.context.database.engine != "sqlite":
        return  # PostgreSQL chooses by statistics, which a hundred rows do not move

    async def plan(scope: str) -> list[str]:
        condition = where(parse_filter(text, USER_TYPE), SEARCHED_USERS, "sqlite", BASE, first=3)
        sql = f"SELECT id FROM users WHERE tenant_id = $1 AND {scope} AND {condition.sql} ORDER BY id || '' LIMIT 10"
        async with peopled.context.database.read(TENANT) as reading:
            rows = await reading.all(f"EXPLAIN QUERY PLAN {sql}", TENANT, PROVIDER, *condition.values)
        return [row[3] for row in rows]

    wanted = ("user_name_key=?", "external_id=?", "value_key=?", "AND id=?")
    for scope in (user_lists.OWN, user_lists.OWN_OR_ADOPTABLE):
        steps = on_loop(plan(scope))
        assert any(word in step for step in steps for word in wanted), steps
