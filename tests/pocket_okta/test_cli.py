"""The verbs, as a person at a terminal and as a script. All but one of them run in this process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import HANG
from tests.pocket_okta.running import command, running
from tests.pocket_okta.scim_service import PASSWORD, TOKEN, USERNAME, ScimService


class Terminal:
    """Calls the command line for one running org."""

    def __init__(self, url: str, data: Path) -> None:
        self.reach = ("--url", url, "--data", str(data))

    def run(self, *words: str, code: int = 0) -> str:
        done = command(*words, *self.reach)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", code=code))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with running(tmp_path / "data", "--time-scale", "0.001") as okta:
        yield Terminal(okta.url, tmp_path / "data")


APP = "SCIM 2.0 Test App (Basic Auth)"


def test_the_whole_way_at_a_terminal(terminal: Terminal, scim: ScimService) -> None:
    assert "ana.reis@north.example" in terminal.run("people", "list")
    assert "not configured" in terminal.run("app", "list")
    connect = ("app", "connect", APP, "--base-url", scim.url, "--username", USERNAME, "--password")
    assert "Error authenticating: Unauthorized." in terminal.run(*connect, "wrong-secret", code=1)
    assert f"{APP} was verified successfully!" in terminal.run(*connect, PASSWORD)
    assert terminal.json("app", "test", APP) == {
        "verified": True,
        "message": f"{APP} was verified successfully!",
        "status": 200,
    }
    assert "lifecycleCreate ENABLED" in terminal.run("app", "features", APP, "--create", "--update", "--deactivate")
    added = terminal.json("people", "add", "--login", "lia@north.example", "--first", "Lia", "--last", "Costa")
    assert added["status"] == "ACTIVE"
    terminal.run("app", "assign", APP, "ana.reis@north.example", "lia@north.example")
    assert terminal.json("idle") == {"idle": True}
    terminal.run("people", "edit", "lia@north.example", "--set", "title=Pilot", "--set", "firstName=Lía")
    assert terminal.run("idle").strip() == "Idle."
    assert scim.named("lia@north.example")["title"] == "Pilot"
    for act, status in (
        ("suspend", "SUSPENDED"),
        ("unsuspend", "ACTIVE"),
        ("deactivate", "DEPROVISIONED"),
        ("activate", "ACTIVE"),
    ):
        assert status in terminal.run("people", act, "lia@north.example")
    terminal.run("app", "unassign", APP, "ana.reis@north.example")
    terminal.run("idle")
    assert [user["active"] for user in scim.users.values()] == [False, False]
    assert "POST" in terminal.run("log", "--app", APP)
    log = terminal.json("log")
    assert [entry["method"] for entry in log].count("POST") == 2
    assert terminal.json("log", "--after", str(log[-1]["seq"])) == []
    assert "2 users scanned" not in terminal.run("app", "import", APP)


def test_groups_at_a_terminal(terminal: Terminal, scim: ScimService) -> None:
    connect = ("app", "connect", APP, "--base-url", scim.url, "--username", USERNAME, "--password", PASSWORD)
    terminal.run(*connect)
    terminal.run("app", "features", APP, "--create", "--update", "--deactivate")
    ana, noor = "ana.reis@north.example", "noor.haddad@north.example"
    terminal.run("app", "assign", APP, ana, noor)
    assert "Engineering" in terminal.run("groups", "list")
    assert len(terminal.json("groups", "list")) == 2
    assert "Added Crew" in terminal.run("groups", "add", "Crew", "--description", "On board")
    terminal.run("groups", "join", "Crew", ana, noor)
    terminal.run("idle")
    assert "Crew is pushed" in terminal.run("app", "push-group", APP, "Crew")
    terminal.run("idle")
    assert scim.members_of("Crew") == {ana, noor}
    terminal.run("groups", "leave", "Crew", noor)
    terminal.run("idle")
    assert scim.members_of("Crew") == {ana}
    assert "Crew" in terminal.run("app", "pushed-groups", APP)
    assert len(terminal.json("app", "pushed-groups", APP)) == 1
    scim.group_named("Crew")["members"] = []
    terminal.run("app", "push-now", APP, "Crew")
    terminal.run("idle")
    assert scim.members_of("Crew") == {ana}
    terminal.run("app", "unlink-group", APP, "Crew", "--leave")
    scim.add_group("Engineers of old")
    terminal.run("app", "push-group", APP, "Engineering", "--target", "engineers of old")
    terminal.run("idle")
    assert {group["displayName"] for group in scim.groups.values()} == {"Crew", "Engineering"}
    terminal.run("app", "unlink-group", APP, "Engineering")
    terminal.run("idle")
    assert [group["displayName"] for group in scim.groups.values()] == ["Crew"]
    assert "is not pushed" in terminal.run("app", "push-now", APP, "Crew", code=1)
    assert "No group is named 'Nobody'" in terminal.run("groups", "join", "Nobody", ana, code=1)
    assert "not provisioned in cycles" in terminal.run("app", "cycle", APP, code=1)


def test_a_cycle_at_a_terminal(tmp_path: Path, scim: ScimService) -> None:
    with running(tmp_path / "data", "--dialect", "entra") as entra:
        terminal, app = Terminal(entra.url, tmp_path / "data"), "Non-gallery application"
        terminal.run("app", "connect", app, "--base-url", scim.url, "--bearer", TOKEN)
        terminal.run("app", "assign", app, "ana.reis@north.example")
        assert terminal.run("app", "cycle", app).startswith("Active: 1 created")
        scim.token = "another"
        terminal.run("people", "edit", "ana.reis@north.example", "--set", "title=Pilot")
        assert terminal.json("app", "cycle", app, code=1)["quarantine"]["attempts"] == 1


def test_tasks(terminal: Terminal, scim: ScimService) -> None:
    terminal.run("app", "connect", APP, "--base-url", scim.url, "--username", USERNAME, "--password", PASSWORD)
    terminal.run("app", "features", APP, "--create")
    assert terminal.run("tasks").strip() == "No tasks."
    scim.refuse("POST", status=409, detail="Taken.")
    terminal.run("app", "assign", APP, "ana.reis@north.example")
    terminal.run("idle")
    (task,) = terminal.json("tasks")
    assert "Taken." in terminal.run("tasks")
    retry = [sys.executable, "-W", "error", "-m", "pocket_okta", "tasks", *terminal.reach, "retry", str(task["id"])]
    done = subprocess.run(retry, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    terminal.run("idle")
    assert terminal.json("tasks") == []
    assert len(scim.users) == 1


def test_apps_of_every_kind(terminal: Terminal, scim: ScimService) -> None:
    made = terminal.json("app", "add", "North Bearer", "--template", "scim2oauthbearer")
    assert made["name"] == "scim2oauthbearer"
    terminal.run("app", "connect", "North Bearer", "--base-url", scim.url, "--bearer", TOKEN)
    assert terminal.json("app", "add", "North Wizard", "--wizard")["settings"]["pocket"]["mode"] == "wizard"
    assert "0 apps are named 'Nobody'" in terminal.run("app", "test", "Nobody", code=1)
    group = terminal.json("people", "list", "--q", "ana")
    assert [person["profile"]["firstName"] for person in group] == ["Ana"]


def test_a_terminal_that_reaches_nobody_says_so(tmp_path: Path) -> None:
    nowhere = Terminal("http://127.0.0.1:9/", tmp_path)
    assert "No API token" in nowhere.run("people", "list", code=1)
    (tmp_path / "api-token").write_text("x\n")
    assert "No pocket Okta answers at http://127.0.0.1:9/" in nowhere.run("people", "list", code=1)


def test_idle_has_an_end(terminal: Terminal, scim: ScimService) -> None:
    terminal.run("app", "connect", APP, "--base-url", scim.url, "--username", USERNAME, "--password", PASSWORD)
    terminal.run("app", "features", APP, "--create")
    with scim.held("POST") as held:
        terminal.run("app", "assign", APP, "ana.reis@north.example")
        assert held.reached.wait(HANG)
        assert "Still busy" in terminal.run("idle", "--timeout", "0", code=1)


def test_help_lists_every_verb() -> None:
    listed = command("--help").stdout
    for verb in ("serve", "people", "groups", "app", "log", "tasks", "idle"):
        assert verb in listed
        assert "--help" in command(verb, "--help").stdout
