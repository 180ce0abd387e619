"""C9301 and C9302: passwords are taken from Okta without a complaint and kept nowhere."""

from pathlib import Path

from tests.okta.okta_and_vestibule import CHANGED_ACTIVE, CREATED, Integration
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


def kept(integration: Integration) -> str:
    """All that Vestibule keeps: the database row by row, the files of the data folder as they are, the log."""
    running = integration.place.running

    async def dump(context: Context) -> str:
        async with context.database.read(integration.place.tenant.id) as reading:
            return await everything(reading)

    files: list[Path] = [path for path in running.settings.data.rglob("*") if path.is_file()]
    return running.act(dump) + "".join(path.read_bytes().decode("latin-1") for path in files)


def nowhere(integration: Integration, *canaries: str) -> None:
    """See that no canary is kept, on either side, and that the search would have found one."""
    dump = kept(integration)
    assert integration.place.tenant.name in dump
    told = str(integration.place.events())
    assert "neverKept" in told
    shown = str(integration.okta.call("GET", f"/pocket/v1/exchanges?appId={integration.app.id}"))
    for canary in canaries:
        assert canary not in dump
        assert canary not in told
        assert canary not in shown
        assert canary not in integration.place.running.log.read_text()


def test_c9301_password_sync_at_the_create(integration: Integration) -> None:
    """Okta sends a throw-away password with every create, whatever the person's own is."""
    login = f"ana.{integration.app.id.lower()}@north.example"
    profile = {"login": login, "email": login, "firstName": "Ana", "lastName": "Reis"}
    credentials = {"password": {"value": FIRST}}
    ana = integration.okta.call("POST", "/api/v1/users", {"profile": profile, "credentials": credentials})
    integration.app.assign(ana)
    integration.okta.idle()
    assert integration.spoken() == CREATED
    resource = integration.read(integration.settled(ana))
    assert "password" not in resource
    sent = integration.last_event(resource["id"])["data"]
    assert sent["sent"]["password"] == "•••"
    assert {"path": "password", "reason": "neverKept"} in sent["ignored"]
    assert "password" not in integration.profile(resource["id"])
    nowhere(integration, FIRST)


def test_c9302_password_sync_of_a_changed_password(integration: Integration) -> None:
    ana, before = integration.provisioned()
    for password in (SECOND, THIRD):
        integration.forget()
        body = {"credentials": {"password": {"value": password}}}
        integration.okta.call("POST", f"/api/v1/users/{ana['id']}", body)
        integration.okta.idle()
        assert integration.spoken() == CHANGED_ACTIVE[integration.mode]
        assert integration.settled(ana) == before["id"]
    assert integration.read(before["id"]) == before  # not even the version: nothing of the person has changed
    assert integration.told(before["id"]) == ["user.created", "user.unchanged", "user.unchanged"]
    answers = integration.okta.call("GET", f"/pocket/v1/exchanges?appId={integration.app.id}")
    assert "password" not in str([exchange["responseBody"] for exchange in answers])
    nowhere(integration, SECOND, THIRD)


def test_c9302_without_password_sync_nothing_is_sent(integration: Integration) -> None:
    integration.app.features(create=True, update=True, deactivate=True, password=False)
    ana, before = integration.provisioned()
    integration.okta.call("POST", f"/api/v1/users/{ana['id']}", {"credentials": {"password": {"value": SECOND}}})
    integration.okta.idle()
    assert integration.spoken() == []
    assert integration.told(before["id"]) == ["user.created"]
