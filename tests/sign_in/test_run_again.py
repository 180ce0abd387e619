"""What PostgreSQL undoes for a reason that passes is run again, whoever asked for it: nobody is told 503, nothing is
done twice, and nothing of the first tries is left.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Running, running_server
from tests.console.conftest import rows, sql
from tests.sign_in.company import Company
from tests.sign_in.test_ends import ENDINGS, EVENTS
from vestibule.settings import Settings


@pytest.fixture(scope="module")
def running(new_database: Callable[[str], Settings]) -> Iterator[Running]:
    """A server of this module's own: the others' may be on SQLite, which undoes nothing for such a reason."""
    with running_server(new_database("postgres")) as server:
        yield server


_FAIL = {
    "deadlock": "RAISE EXCEPTION 'as a deadlock' USING ERRCODE = '40P01'",
    "connection lost": "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)",
}


@contextmanager
def undone_twice(company: Company, table: str, change: str, reason: str) -> Iterator[None]:
    """The first two transactions that make this change in the tenant's rows of a table are undone by the engine."""
    running, name = company.place.running, f"undo_{uuid4().hex}"
    row = "NEW" if change != "DELETE" else "OLD"
    sql(running, f"CREATE SEQUENCE {name}")  # a sequence keeps its value when a transaction is undone
    sql(
        running,
        f"CREATE FUNCTION {name}() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN "
        f"IF nextval('{name}') <= 2 THEN {_FAIL[reason]}; END IF; RETURN {row}; END $$",
    )
    sql(
        running,
        f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW "
        f"WHEN ({row}.tenant_id = '{company.place.tenant.id}') EXECUTE FUNCTION {name}()",
    )
    try:
        yield
        ((tries,),) = rows(running, f"SELECT last_value FROM {name}")
        assert tries >= 3, "the engine undid two"
    finally:
        sql(running, f"DROP TRIGGER {name} ON {table}")
        sql(running, f"DROP FUNCTION {name}")
        sql(running, f"DROP SEQUENCE {name}")


def events(company: Company, kind: str) -> list[dict[str, Any]]:
    return company.place.events(kind)


@pytest.mark.parametrize("reason", _FAIL)
def test_a_sign_in(company: Company, reason: str) -> None:
    _, name = company.hire()
    with undone_twice(company, "user_sessions", "INSERT", reason):
        browser = company.sign_in(name)
    assert company.is_in(browser)
    assert len(events(company, "user.signed_in")) == 1
    assert events(company, "user.sign_in_refused") == []


@pytest.mark.parametrize("reason", _FAIL)
def test_the_beginning_of_a_sign_in(company: Company, reason: str) -> None:
    browser = company.browser()
    with undone_twice(company, "saml_requests", "INSERT", reason):
        company.begin(browser)


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_way_to_end_sessions(staff: Company, ending: str) -> None:
    user_id, name = staff.hire()
    browser = staff.sign_in(name)
    before = len(events(staff, EVENTS[ending]))
    with undone_twice(staff, "user_sessions", "DELETE", "deadlock"):
        ENDINGS[ending](staff, user_id, name)
    assert not staff.is_in(browser)
    if ending != "tenant suspended":  # that one is told to operators
        assert len(events(staff, EVENTS[ending])) == before + 1


@pytest.mark.parametrize("reason", _FAIL)
def test_a_person_who_signs_out(company: Company, reason: str) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    with undone_twice(company, "user_sessions", "DELETE", reason):
        page = browser.submit(browser.get(company.home), "Sign out")
    assert page.status == 200, page.text
    assert not company.is_in(browser)
    assert len(events(company, "user.signed_out")) == 1
