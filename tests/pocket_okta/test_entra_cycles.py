"""When cycles run, how long quarantine lasts, and the pages of an org in Entra's dialect."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.conftest import HANG
from tests.pocket_okta.running import App, running
from tests.pocket_okta.scim_service import TOKEN, ScimService
from tests.pocket_okta.test_pages import inline_code, submit

from pocket_okta.entra.state import BASE, PROPORTION, TOTAL, Outcome, Standing, after_cycle, quarantined

NOW = "2026-11-28T12:00:00.000Z"
JOB = Standing("0oa1", started=True)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome(failed=4_999), ""),
        (Outcome(failed=5_000), PROPORTION),
        (Outcome(failed=20_000, created=100_000), ""),
        (Outcome(failed=30_000, created=5_000), PROPORTION),
        (Outcome(failed=40_001, created=1_000_000), BASE),
        (Outcome(failed=1, failed_references=39_999, created=5), ""),
        (Outcome(failed=40_000, failed_references=21_000, created=1_000_000), TOTAL),
    ],
)
def test_when_failures_are_quarantine(outcome: Outcome, reason: str) -> None:
    after = after_cycle(JOB, outcome, NOW, minimum=5_000)
    assert after.reason == reason
    assert after.state == ("Quarantine" if reason else "Active")


def hours_until_next(job: Standing) -> float:
    due = job.due(40 * 60)
    assert due is not None
    return (due - datetime.fromisoformat(job.last_cycle)).total_seconds() / 3600


def test_quarantine_slows_the_cycles_and_ends_the_job_after_four_weeks() -> None:
    assert JOB.due(1) == datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    assert replace(JOB, started=False).due(1) is None
    job, hours = JOB, []
    while job.state != "Disabled":
        job = quarantined(job, PROPORTION, "No.", NOW)
        if job.state != "Disabled":
            hours.append(hours_until_next(job))
    assert hours[:4] == [6, 12, 24, 24]
    assert sum(hours) / 24 <= 28
    assert job.due(1) is None
    assert hours_until_next(after_cycle(job, Outcome(created=1), NOW, minimum=1)) == pytest.approx(2 / 3)


def test_cycles_come_by_themselves(tmp_path: Path, scim: ScimService) -> None:
    """Started, the first begins at once and the others follow; a restart of the program does not end that."""
    data = tmp_path / "data"
    with running(data, "--empty", "--dialect", "entra", "--cycle", "0.05") as entra:
        app = entra.app("wizard")
        app.connect_by_token(scim.url, TOKEN)
        ana = entra.person("Ana")
        app.assign(ana)
        with scim.held("GET", "/Users.*") as held:
            entra.call("POST", f"{app.pocket}/synchronization/start?timeout=0")
            assert held.reached.wait(60)
        scim.until(lambda: len(scim.users) == 1)
        app.assign(entra.person("Noor"))
        scim.until(lambda: len(scim.users) == 2)
    with running(data, "--dialect", "entra", "--cycle", "0.05") as entra:
        app = App(entra, entra.call("GET", app.path))
        app.assign(entra.person("Mei"))
        scim.until(lambda: len(scim.users) == 3)
        assert entra.call("POST", f"{app.pocket}/synchronization/stop")["started"] is False


def test_the_pages(tmp_path: Path, scim: ScimService, browser: Browser) -> None:
    with running(tmp_path / "data", "--dialect", "entra", "--cycle", "86400") as entra:
        assert "Start provisioning" in entra.client.get("/").text
        assert "as Microsoft Entra ID does" in entra.client.get("/").text
        (made,) = entra.call("GET", "/api/v1/apps")
        app = App(entra, made)
        home = f"/applications/{app.id}"
        assert "no admin credentials" in entra.client.get(f"{home}/provisioning/cycle").text
        context = browser.new_context(base_url=entra.url, viewport={"width": 360, "height": 740})
        context.set_default_timeout(HANG * 1000)
        page = context.new_page()
        page.goto(f"{home}/provisioning")
        page.get_by_role("link", name="Configure API Integration").click()
        page.get_by_label("Tenant URL").fill(f"{scim.url}?aadOptscim062020")
        page.get_by_label("Secret Token").fill("wrong-token")
        page.get_by_role("button", name="Test Connection").click()
        expect(page.locator(".notice[role]").first).to_contain_text("Unauthorized")
        page.get_by_label("Secret Token").fill(TOKEN)
        page.get_by_role("button", name="Save").click()
        ana = entra.call("GET", "/api/v1/users/ana.reis@north.example")
        (group,) = entra.call("GET", "/api/v1/groups?q=Engineering")
        app.assign(ana)
        entra.call("PUT", f"{app.path}/groups/{group['id']}")
        page.goto(f"{home}/provisioning")
        page.get_by_role("button", name="Provision", exact=True).click()
        expect(page.locator(".notice[role]").first).to_contain_text("was provisioned on demand")
        page.get_by_role("button", name="Start provisioning", exact=True).click()
        expect(page.locator("#cycle")).to_contain_text("Active")
        assert len(scim.members_of("Engineering")) == 3
        for path in ("", "/general", "/general?edit=1", "/provisioning/cycle", "/provisioning/integration?edit=1"):
            page.goto(f"{home}{path}")
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, path
            assert inline_code(page.content()) == []
        context.close()
        assert "Push Groups" not in entra.client.get(f"{home}/general").text
        assert "Create App Integration" not in entra.client.get("/applications").text
        assert "in cycles" in entra.client.get("/applications/catalog").text
        scim.refuse("GET", status=401, detail="Expired.")
        entra.edit(ana, title="Pilot")
        shown = submit(entra, f"{home}/provisioning/cycle/now")
        assert "EncounteredQuarantineException" in shown
        for act, words in (("restart", "compared anew"), ("stop", "was stopped")):
            assert words in submit(entra, f"{home}/provisioning/cycle/{act}")
