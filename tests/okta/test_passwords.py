"""C9301 and C9302: passwords are taken from Okta without a complaint and kept nowhere."""

from pathlib import Path

from tests.okta.okta_and_vestibule import CHANGED_ACTIVE, CREATED, Both
from vestibule.endpoints.context import Context
from vestibule.store.database import Reading

FIRST, SECOND, THIRD = "Canary-first-4170!", "Canary-second-5020!", "Canary-third-6130!"

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}


async def everything(reading: Reading) -> str:
    """Every row of every table, as text."""
    rows: list[str] = []
    for (table,) in await reading.all(_TABLES[reading.engine]):
        rows += [f"{table}: {tuple(row)!r}" for row in await reading.all(f'SELECT * FROM "{table}"')]
    return "\n".join(rows)


def kept(both: Both) -> str:
    """All that Vestibule keeps: the database row by row, the files of the data folder as they are, the log."""
    running = both.place.running

    async def dump(context: Context) -> str:
        async with context.database.read(both.place.tenant.id) as reading:
            return await everything(reading)

    files: list[Path] = [path for path in running.settings.data.rglob("*") if path.is_file()]
    return running.act(dump) + "".join(path.read_bytes().decode("latin-1") for path in files)


def nowhere(both: Both, *canaries: str) -> None:
    """See that no canary is kept, on either side, and that the search would have found one."""
    dump = kept(both)
    assert both.place.tenant.name in dump
    told = str(both.place.events())
    assert "neverKept" in told
    shown = str(both.okta.call("GET", f"/pocket/v1/exchanges?appId={both.app.id}"))
    for canary in canaries:
        assert canary not in dump
        assert canary not in told
        assert canary not in shown
        assert canary not in both.place.running.log.read_text()


def test_c9301_password_sync_at_the_create(both: Both) -> None:
    """Okta sends a throw-away password with every create, whatever the person's own is."""
    login = f"ana.{both.app.id.lower()}@north.example"
    profile = {"login": login, "email": login, "firstName": "Ana", "lastName": "Reis"}
    credentials = {"password": {"value": FIRST}}
    ana = both.okta.call("POST", "/api/v1/users", {"profile": profile, "credentials": credentials})
    both.app.assign(ana)
    both.okta.idle()
    assert both.spoken() == CREATED
    resource = both.read(both.settled(ana))
    assert "password" not in resource
    sent = both.last_event(resource["id"])["data"]
    assert sent["sent"]["password"] == "•••"
    assert {"path": "password", "reason": "neverKept"} in sent["ignored"]
    assert "password" not in both.profile(resource["id"])
    nowhere(both, FIRST)


def test_c9302_password_sync_of_a_changed_password(both: Both) -> None:
    ana, before = both.provisioned()
    for password in (SECOND, THIRD):
        both.forget()
        body = {"credentials": {"password": {"value": password}}}
        both.okta.call("POST", f"/api/v1/users/{ana['id']}", body)
        both.okta.idle()
        assert both.spoken() == CHANGED_ACTIVE[both.mode]
        assert both.settled(ana) == before["id"]
    assert both.read(before["id"]) == before  # not even the version: nothing of the person has changed
    assert both.told(before["id"]) == ["user.created", "user.unchanged", "user.unchanged"]
    answers = both.okta.call("GET", f"/pocket/v1/exchanges?appId={both.app.id}")
    assert "password" not in str([exchange["responseBody"] for exchange in answers])
    nowhere(both, SECOND, THIRD)


def test_c9302_without_password_sync_nothing_is_sent(both: Both) -> None:
    both.app.features(create=True, update=True, deactivate=True, password=False)
    ana, before = both.provisioned()
    both.okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": SECOND}}})
    both.okta.idle()
    assert both.spoken() == []
    assert both.told(before["id"]) == ["user.created"]
