"""A sorted list has the same order in SQL, on both engines, as in Python, and a cursor walks all of it, and back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import on_loop
from tests.store.test_where import LEAVES, PROVIDER, TENANT, Peopled
from vestibule.scim.filter import normal
from vestibule.scim.schema import USER_TYPE
from vestibule.settings import Settings
from vestibule.store.listing import Listing
from vestibule.store.sorted_pages import FoundPage, Sorted, page_by_index, page_by_position
from vestibule.store.sorting import Position, find_sort_path, sort_key
from vestibule.store.user_columns import SEARCHED_USERS
from vestibule.store.user_lists import OWN
from vestibule.store.users import USER_COLUMNS

NAMES = [name for name, _ in LEAVES if not name.startswith("groups")]


@pytest.fixture(scope="module")
def peopled(engine: str, new_database: Callable[[str], Settings]) -> Iterator[Peopled]:
    database = Peopled(new_database(engine))
    yield database
    database.close()


def value_of(document: Any, name: str) -> Any:
    """The value that a document is sorted by, as a filter would compare it; None for none."""
    path = find_sort_path(name, USER_TYPE)
    assert path is not None
    for step in path.steps:
        document = document.get(step.name) if isinstance(document, dict) else None
        if isinstance(document, list):
            document = next((each for each in document if isinstance(each, dict) and each.get("primary")), document[0])
    return normal(path.leaf, document) if isinstance(document, str) else document


def sorted_ids(peopled: Peopled, name: str, descending: bool) -> list[str]:
    values = {id_: value_of(document, name) for id_, document in peopled.people.items()}
    keys = {id_: (value is None, "" if value is None else value, id_) for id_, value in values.items()}
    return sorted(keys, key=lambda id_: keys[id_], reverse=descending)


def wanted(peopled: Peopled, name: str, descending: bool) -> Sorted:
    path = find_sort_path(name, USER_TYPE)
    assert path is not None
    key = sort_key(path, SEARCHED_USERS, peopled.context.database.engine)
    return Sorted([Listing("users", USER_COLUMNS, OWN, (PROVIDER,))], [key], descending)


def ids(page: FoundPage) -> list[str]:
    assert [each.row[0] for each in page.found] == [each.place.id for each in page.found]
    return [each.place.id for each in page.found]


def by_index(peopled: Peopled, what: Sorted, start: int, count: int) -> FoundPage:
    async def read() -> FoundPage:
        async with peopled.context.database.read(TENANT) as reading:
            return await page_by_index(reading, what, start, count)

    return on_loop(read())


def by_position(peopled: Peopled, what: Sorted, place: Position, count: int, backwards: bool) -> FoundPage:
    async def read() -> FoundPage:
        async with peopled.context.database.read(TENANT) as reading:
            return await page_by_position(reading, what, place, count, backwards=backwards)

    return on_loop(read())


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_attribute_is_sorted_as_in_python(peopled: Peopled, name: str, descending: bool) -> None:
    page = by_index(peopled, wanted(peopled, name, descending), 1, 1000)
    assert ids(page) == sorted_ids(peopled, name, descending)
    assert (page.total, page.goes_on) == (len(peopled.people), False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), descending=st.booleans(), count=st.integers(1, 130))
def test_a_cursor_walks_the_whole_list_and_back(peopled: Peopled, name: str, descending: bool, count: int) -> None:
    what, whole = wanted(peopled, name, descending), sorted_ids(peopled, name, descending)
    page = by_index(peopled, what, 1, count)
    pages = [page]
    while page.goes_on:
        page = by_position(peopled, what, page.found[-1].place, count, backwards=False)
        pages.append(page)
    assert [id_ for each in pages for id_ in ids(each)] == whole
    assert {each.total for each in pages} == {len(whole)}
    back = by_position(peopled, what, pages[-1].found[0].place, count, backwards=True)
    assert ids(back) == (ids(pages[-2]) if len(pages) > 1 else [])
    assert back.goes_on == (len(pages) > 2)


@pytest.mark.parametrize("start", [1, 40, 120, 121])
def test_a_page_by_index_is_a_part_of_the_list(peopled: Peopled, start: int) -> None:
    page = by_index(peopled, wanted(peopled, "title", False), start, 10)
    assert ids(page) == sorted_ids(peopled, "title", False)[start - 1 : start + 9]
    assert page.total == 120


@pytest.mark.parametrize("name", ["emails", "urn:ietf:params:scim:schemas:core:2.0:User:title", "EMAILS", "manager"])
def test_what_stands_for_the_whole_is_found(name: str) -> None:
    assert find_sort_path(name, USER_TYPE) is not None


@pytest.mark.parametrize("name", ["name", "addresses", "meta", "shoeSize", "a b", ""])
def test_nothing_else_is_sorted_by(name: str) -> None:
    assert find_sort_path(name, USER_TYPE) is None


def test_a_sort_by_name_follows_an_index(peopled: Peopled) -> None:
    """On SQLite, by its own account."""
    if peopled.context.database.engine != "sqlite":
        return  # PostgreSQL chooses by statistics, which a hundred rows do not move

    async def plan() -> list[str]:
        sql = (
            "SELECT listing, id, k FROM (SELECT 0 AS listing, id AS id, user_name_key AS k FROM users "
            "WHERE tenant_id = $1 AND identity_provider_id = $2) AS places ORDER BY k ASC, id ASC LIMIT 10"
        )
        async with peopled.context.database.read(TENANT) as reading:
            rows = await reading.all(f"EXPLAIN QUERY PLAN {sql}", TENANT, PROVIDER)
        return [row[3] for row in rows]

    assert any("users_by_name" in step for step in on_loop(plan()))
