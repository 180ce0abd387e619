"""`vestibule verify` on databases that something else has been at: every row that cannot be read is a finding that
names it and quotes nobody, and so is a file that is damaged. Nothing ends in a stack trace.
"""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.conftest import ENGINES, on_loop
from tests.crash.test_starting import program
from vestibule.actions import configure, people
from vestibule.actions.derive import Pace, derive_batch
from vestibule.actions.verify import find_faults, find_faults_of_tenant
from vestibule.endpoints.context import Context
from vestibule.model import HOUSE, Actor, RoleRules
from vestibule.settings import Settings
from vestibule.store.events import append_house_event

NAME = "ana.lima@north.example"
OPERATOR = Actor(HOUSE, "operator", name="test")
Result = TypeVar("Result")


class Installation:
    """An installation that no server is open on, with one tenant, an identity provider and two people."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tenant, self.ids = self.act(self._furnish)

    def act(self, act: Callable[[Context], Awaitable[Result]]) -> Result:
        async def acted() -> Result:
            context = await Context.open(self.settings, lambda _line: None)
            try:
                return await act(context)
            finally:
                await context.close()

        return on_loop(acted())

    async def _furnish(self, context: Context) -> tuple[str, dict[str, str]]:
        async with context.database.write_all_tenants(OPERATOR) as installation:
            tenant = (await configure.create_tenant(installation, "north", "North Example")).id
            signed_in = await append_house_event(installation, HOUSE, "administrator.signed_in", {})
        async with context.database.write(OPERATOR._replace(tenant_id=tenant)) as tx:
            provider = await configure.create_provider(tx, "Okta", "okta")
            await configure.change_roles(tx, provider.id, RoleRules(default="member"), "owner")
            ana = await people.add_by_hand(tx, {"userName": NAME, "emails": [{"value": NAME}]}, "")
            bo = await people.add_by_hand(tx, {"userName": "bo@north.example"}, "")
            # Bo as if the identity provider had created them, so that a Profile is derived.
            await tx.run("UPDATE users SET identity_provider_id = $2 WHERE id = $1", bo.id, provider.id)
            while await derive_batch(tx, provider.id, Pace()):
                pass
            rows = await tx.all("SELECT id FROM events WHERE subject_id = $1", ana.id)
        return tenant, {"ana": ana.id, "bo": bo.id, "okta": provider.id, "created": rows[0][0], "operator": signed_in}

    def put(self, table: str, row_id: str, column: str, value: Any) -> Any:
        """Put something into a row, as nothing in the program would; what was there."""

        async def put(context: Context) -> Any:
            async with context.database.write_all_tenants(OPERATOR) as installation:
                before = await installation.one(f"SELECT {column} FROM {table} WHERE id = $1", row_id)
                await installation.run(f"UPDATE {table} SET {column} = $2 WHERE id = $1", row_id, value)
            assert before is not None
            return before[0]

        return self.act(put)

    def faults(self) -> list[str]:
        """What `verify` finds, without the cost of a process."""
        return self.act(lambda context: find_faults(context.database, lambda _line: None))


@pytest.fixture(params=ENGINES, scope="module")
def installation(request: pytest.FixtureRequest, new_database: Callable[[str], Settings]) -> Iterator[Installation]:
    """Returns an installation for all of these tests; none of them changes it."""
    made = Installation(new_database(request.param))
    assert made.faults() == []
    yield made
    assert made.faults() == []


@pytest.fixture
def put(installation: Installation) -> Iterator[Callable[..., None]]:
    """A function that spoils a row until the end of the test."""
    undo: list[tuple[str, str, str, Any]] = []

    def spoil(table: str, who: str, column: str, value: Any) -> None:
        undo.append(
            (table, installation.ids[who], column, installation.put(table, installation.ids[who], column, value))
        )

    yield spoil
    for change in reversed(undo):
        installation.put(*change)


# -- rows --------------------------------------------------------------------------------------------------------------

OBJECT = "should be an object, but it is {}"
RULES = "the mapping or the role rules are not valid"
OURS = "saml, mapping or roles is not what this program writes"
NOT_JSON = [
    ("users", "ana", "document", "{"),
    ("users", "ana", "folded", f'{{"userName": "{NAME}'),
    ("users", "ana", "profile", "nope"),
    ("users", "ana", "profile", ""),
    ("users", "bo", "saml_groups", "["),
    ("identity_providers", "okta", "mapping", "{"),
    ("identity_providers", "okta", "saml", "nope"),
    ("identity_providers", "okta", "roles", "{]"),
    ("events", "created", "data", "{"),
    ("events", "created", "actor", ""),
]
NOT_OURS = [
    ("users", "ana", "document", "[]", f"document {OBJECT.format('a list')}"),
    ("users", "ana", "document", f'"{NAME}"', f"document {OBJECT.format('a text')}"),
    ("users", "ana", "profile", "7", f"profile {OBJECT.format('a number')}"),
    ("users", "bo", "saml_groups", "{}", "saml_groups should be a list, but it is an object"),
    ("identity_providers", "okta", "mapping", "{}", "mapping should be a list, but it is an object"),
    ("identity_providers", "okta", "mapping", f'[{{"sources": [], "{NAME}": 1}}]', OURS),
    ("identity_providers", "okta", "mapping", f'["{NAME}"]', OURS),
    ("identity_providers", "okta", "mapping", f'[{{"target": "x", "sources": ["{NAME}"]}}]', RULES),
    ("identity_providers", "okta", "roles", "[]", f"roles {OBJECT.format('a list')}"),
    ("identity_providers", "okta", "saml", '{"certificates": [{"unheard": "of"}]}', OURS),
    ("events", "created", "data", "null", "data is not JSON"),
    ("events", "created", "data", "[]", f"data {OBJECT.format('a list')}"),
]
ODD = [
    (
        "users",
        "ana",
        "document",
        f'{{"userName": ["{NAME}", "x"]}}',
        "the document does not follow the schema: 'userName'",
    ),
    ("users", "ana", "document", "[" * 900 + "]" * 900, "document should be an object"),
    ("users", "ana", "document", '{"userName": "a", "active": true, "z": ' + "[" * 900 + "]" * 900 + "}", "document"),
    ("users", "bo", "saml_groups", f'[{{"{NAME}": 1}}]', "the mapping cannot be applied to it"),
    ("users", "bo", "profile", "{}", "the Profile is not the one that the mapping derives"),
    ("users", "bo", "version", 7, "it is at version 7, but its latest event has version 1"),
    ("events", "created", "data", f'{{"version": "{NAME}"}}', "there is no event for its creation"),
]


@pytest.mark.parametrize(("table", "who", "column", "value"), NOT_JSON)
def test_what_is_not_json(
    installation: Installation, put: Callable[..., None], table: str, who: str, column: str, value: str
) -> None:
    """PostgreSQL lets nothing of it in."""
    if installation.settings.on_postgres:
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            installation.put(table, installation.ids[who], column, value)
        return
    put(table, who, column, value)
    assert installation.faults() == [f"north: {table}, row {installation.ids[who]}: {column} is not JSON"]


@pytest.mark.parametrize(("table", "who", "column", "value", "fault"), NOT_OURS)
def test_what_is_json_of_another_kind(
    installation: Installation, put: Callable[..., None], table: str, who: str, column: str, value: str, fault: str
) -> None:
    put(table, who, column, value)
    assert installation.faults() == [f"north: {table}, row {installation.ids[who]}: {fault}"]


@pytest.mark.parametrize(("table", "who", "column", "value", "fault"), ODD)
def test_what_can_be_read_and_is_not_so(
    installation: Installation, put: Callable[..., None], table: str, who: str, column: str, value: Any, fault: str
) -> None:
    put(table, who, column, value)
    found = installation.faults()
    assert found
    assert fault in " ".join(found)
    assert NAME not in " ".join(found)


def test_everything_at_once_at_a_terminal(installation: Installation, put: Callable[..., None]) -> None:
    """One JSON value, whatever it is that cannot be read; and a tenant can be looked at by itself."""
    for table, who, column, value, _ in NOT_OURS[::-1]:
        put(table, who, column, value)
    ended = program(installation.settings, "verify", "--json")
    assert "Traceback" not in ended.stderr
    assert (ended.returncode, NAME in ended.stdout + ended.stderr) == (1, False)
    findings = json.loads(ended.stdout)["findings"]
    rows = {("users", "ana"), ("users", "bo"), ("identity_providers", "okta"), ("events", "created")}
    assert {each.rpartition(":")[0] for each in findings} == {
        f"north: {table}, row {installation.ids[who]}" for table, who in rows
    }
    alone = installation.act(
        lambda context: find_faults_of_tenant(context.database, installation.tenant, lambda _line: None)
    )
    assert [f"north: {each}" for each in alone] == findings


def test_an_event_of_the_house(installation: Installation, put: Callable[..., None]) -> None:
    """What operators did belongs to no tenant, and is read all the same."""

    put("events", "operator", "data", "[]")
    assert installation.faults() == [
        f"operators: events, row {installation.ids['operator']}: data {OBJECT.format('a list')}"
    ]


def test_a_log_longer_than_a_page(installation: Installation) -> None:
    """Nothing between two pages is left out."""

    async def lengthen(context: Context) -> None:
        async with context.database.write(OPERATOR._replace(tenant_id=installation.tenant)) as tx:
            await tx.many(
                "INSERT INTO events (tenant_id, id, at, type, actor, identity_provider_id, subject_id, request_id, "
                "data) VALUES ($1, $2, 0, 'user.changed', '{}', '', $3, 'long', $4)",
                [(installation.tenant, f"f{number:04}", installation.ids["ana"], "{}") for number in range(1100)]
                + [(installation.tenant, f"g{number:04}", installation.ids["ana"], "[]") for number in range(3)],
            )

    async def shorten(context: Context) -> None:
        async with context.database.write_all_tenants(OPERATOR) as opened:
            await opened.run("DELETE FROM events WHERE request_id = 'long'")

    installation.act(lengthen)
    found = installation.faults()
    installation.act(shorten)
    assert found == [f"north: events, row g{number:04}: data {OBJECT.format('a list')}" for number in range(3)]


# -- files -------------------------------------------------------------------------------------------------------------


def spoil_page(file: Path, page: int, size: int) -> None:
    """Overwrite a page, the first of which is 0."""
    with file.open("r+b") as opened:
        opened.seek(page * size)
        opened.write(b"\xa5" * size)


def ended(settings: Settings, *arguments: str) -> str:
    """What `verify` prints on a damaged database; it ends with 1 and says no more than it has to."""
    done = program(settings, "verify", *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 1, done.stderr
    assert NAME not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("table", ["users", "events", "identity_providers", "tenants", "migrations"])
def test_a_page_of_sqlite_that_was_overwritten(tmp_path: Path, table: str) -> None:
    settings = Installation(Settings(data=tmp_path)).settings
    file = tmp_path / "vestibule.db"
    with sqlite3.connect(file) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    spoil_page(file, root - 1, size)
    findings = json.loads(ended(settings, "--json"))["findings"]
    assert findings
    assert any("SQLite" in each for each in findings)


def test_a_text_of_sqlite_that_is_none(tmp_path: Path) -> None:
    installation = Installation(Settings(data=tmp_path))
    with sqlite3.connect(tmp_path / "vestibule.db") as connection:
        connection.execute("UPDATE users SET profile = CAST(x'7b22ff' AS TEXT) WHERE id = ?", (installation.ids["bo"],))
        connection.execute(
            "UPDATE events SET data = CAST(x'7b22ff' AS TEXT) WHERE id = ?", (installation.ids["created"],)
        )
    connection.close()
    assert ended(installation.settings).splitlines() == [
        f"north: users, row {installation.ids['bo']}: it cannot be read: a text in it is not UTF-8",
        f"north: events, row {installation.ids['created']}: it cannot be read: a text in it is not UTF-8",
        f"north: user {installation.ids['ana']}: what belongs to it cannot be read: a text in it is not UTF-8",
        "3 findings.",
    ]


def test_a_file_of_sqlite_that_ends_too_soon(tmp_path: Path) -> None:
    settings = Installation(Settings(data=tmp_path)).settings
    file = tmp_path / "vestibule.db"
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)
    assert json.loads(ended(settings, "--json"))["findings"]


def test_a_page_of_postgres_that_was_overwritten(postgres: str, new_database: Callable[[str], Settings]) -> None:
    """The file of a copy, so that no page of it is in the server's memory yet."""
    installation = Installation(new_database("postgres"))
    original = urlsplit(installation.settings.database).path.strip("/")

    async def copy() -> Path:
        inside = await asyncpg.connect(installation.settings.database)
        path = await inside.fetchval("SELECT pg_relation_filepath('users')")
        await inside.close()
        outside = await asyncpg.connect(postgres)
        await outside.execute(f"CREATE DATABASE {original}_copy TEMPLATE {original} STRATEGY file_copy")
        folder = await outside.fetchval("SHOW data_directory")
        number = await outside.fetchval("SELECT oid FROM pg_database WHERE datname = $1", f"{original}_copy")
        await outside.close()
        return Path(folder) / "base" / str(number) / Path(path).name

    file = on_loop(copy())
    spoil_page(file, 0, 8192)
    settings = replace(
        installation.settings, database=installation.settings.database.replace(original, f"{original}_copy")
    )
    findings = json.loads(ended(settings, "--json"))["findings"]
    assert "north: users: nothing after the row '' can be found" in [each.partition(": Post")[0] for each in findings]
    damage = f"PostgreSQL: DataCorruptedError (XX001), block 0 of base/{file.parent.name}/{file.name}"
    assert [each for each in findings if damage not in each] == []
