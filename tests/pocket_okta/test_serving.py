"""Starting and stopping the pocket Okta, and whose requests it answers.

A start as a process takes a second of CPU. Starts that are refused run in this process, and the options of a start that
goes well are tested together.
"""

import contextlib
import http.client
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.conftest import HANG, PLAIN
from tests.console.visitor import until
from tests.pocket_okta.running import Okta, command, connected, running
from tests.pocket_okta.scim_service import ScimService


def serve(*options: str) -> "subprocess.CompletedProcess[str]":
    """Run `serve` in this process, for a start that is refused."""
    return command("serve", *options)


def test_it_says_when_it_is_open(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    start = [sys.executable, "-m", "pocket_okta", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen([*start, "--ready-file", str(ready)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.removeprefix("pocket Okta is open at ").strip()
        assert httpx2.get(f"{url}pocket/v1/health", **PLAIN).json()["healthy"] is True
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG) == 0
    assert ready.read_text() == f"{url}\n"


def test_a_fresh_org_has_people_groups_and_an_app_and_its_options_hold(tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--anywhere", "--host-name", "okta.north.example")
    with running(tmp_path / "data", *options, token="given-token") as okta:
        assert len(okta.call("GET", "/api/v1/users")) == 6
        assert [group["profile"]["name"] for group in okta.call("GET", "/api/v1/groups")] == [
            "Engineering",
            "Field Operations",
        ]
        (app,) = okta.call("GET", "/api/v1/apps")
        assert app["label"] == "SCIM 2.0 Test App (Basic Auth)"
        assert app["features"] == []
        assert app["settings"]["pocket"]["mode"] == "catalogue"
        assert "0.0.0.0" in okta.url
        assert httpx2.get(okta.url, headers={"Host": "okta.north.example"}, **PLAIN).status_code == 200
        assert httpx2.get(okta.url, headers={"Host": "okta.south.example"}, **PLAIN).status_code == 421
    assert not (tmp_path / "data" / "api-token").exists(), "the token came from the environment"


def test_an_empty_org_is_empty_and_its_state_survives(tmp_path: Path, scim: ScimService) -> None:
    data = tmp_path / "data"
    with running(data, "--empty") as okta:
        assert okta.call("GET", "/api/v1/users") == okta.call("GET", "/api/v1/apps") == []
        app = connected(okta, scim, "catalogue")
        ana = okta.person("Ana")
        app.assign(ana)
        okta.idle()
        before = (app.user(ana), app.exchanges())
    with running(data, "--empty") as okta:
        again = type(app)(okta, okta.call("GET", app.path))
        after = (again.user(ana), again.exchanges())
        assert {**before[0], "_links": 0} == {**after[0], "_links": 0}
        assert before[1] == after[1]
        okta.edit(ana, firstName="Anna")
        okta.idle()
        assert scim.named(ana["profile"]["login"])["name"]["givenName"] == "Anna"


def test_the_data_folder_has_one_owner_one_program_and_one_version(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data):
        assert data.stat().st_mode & 0o777 == 0o700
        for name in ("api-token", "org.sqlite3"):
            assert (data / name).stat().st_mode & 0o777 == 0o600
        refused = serve("--data", str(data), "--port", "0")
        assert "another pocket Okta uses it" in refused.stderr
        assert "Traceback" not in refused.stderr
    with contextlib.closing(sqlite3.connect(data / "org.sqlite3")) as newer:
        newer.execute("PRAGMA user_version=99")
    assert "newer pocket Okta" in serve("--data", str(data), "--port", "0").stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_makes_a_task_of_what_was_under_way(tmp_path: Path, scim: ScimService, how: signal.Signals) -> None:
    data = tmp_path / "data"
    with running(data, "--empty") as okta:
        app = connected(okta, scim, "catalogue")
        with scim.held("POST") as held:
            app.assign(okta.person("Ana", "Reis"))
            assert held.reached.wait(HANG)
            assert okta.stop(how) == 0
    with running(data, "--empty") as okta:
        app = type(app)(okta, {"id": app.id, "label": app.label})
        (task,) = app.tasks()
        assert task["message"] == (
            f"Automatic provisioning of user Ana Reis to app {app.label} failed: the pocket Okta was stopped while the "
            "request was under way. Retry it to be sure."
        )
        assert "Interrupted" in app.exchanges()[-1]["error"]
        okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
        okta.idle()
        assert app.tasks() == []


def test_a_crash_makes_a_task_too_and_the_queue_goes_on(tmp_path: Path, scim: ScimService) -> None:
    data = tmp_path / "data"
    people = []
    with running(data, "--empty") as okta:
        app = connected(okta, scim, "catalogue")
        gates = [scim.answer("GET", status=503) for _ in range(8)]
        for gate in gates:
            gate.released.clear()
        for number in range(10):
            people.append(okta.person(f"Ana{number}"))
            app.assign(people[-1])
        assert all(gate.reached.wait(HANG) for gate in gates)
        okta.process.kill()
        okta.process.wait(HANG)
        for gate in gates:
            gate.released.set()
    with running(data, "--empty") as okta:
        okta.idle()
        app = type(app)(okta, {"id": app.id, "label": app.label})
        assert len(app.tasks()) == 8
        assert [app.user(person)["status"] for person in people] == ["STAGED"] * 8 + ["PROVISIONED"] * 2


def test_what_waits_for_a_429_goes_on_after_a_restart(tmp_path: Path, scim: ScimService) -> None:
    data = tmp_path / "data"
    with running(data, "--empty") as okta:
        app = connected(okta, scim, "catalogue")
        slow_down = scim.answer("POST", status=429)
        ana = okta.person("Ana")
        app.assign(ana)
        assert slow_down.reached.wait(HANG)
        until(app.exchanges, lambda seen: 429 in [exchange["status"] for exchange in seen])
        okta.call("GET", "/pocket/v1/idle?timeout=0", status=408)
        assert okta.stop() == 0
    assert len(scim.users) == 0
    with running(data, "--empty") as okta:
        okta.idle()
        app = type(app)(okta, {"id": app.id, "label": app.label})
        assert app.tasks() == []
        assert app.user(ana)["status"] == "PROVISIONED"


def test_a_stop_ends_requests_that_wait(tmp_path: Path, scim: ScimService) -> None:
    with running(tmp_path / "data", "--empty") as okta:
        app = connected(okta, scim, "catalogue")
        asked = [http.client.HTTPConnection(okta.client.base_url.host, okta.client.base_url.port or 0) for _ in "12"]
        headers = {"Authorization": okta.client.headers["Authorization"]}
        with scim.held("POST") as held, scim.held("GET") as probe:
            asked[0].request("POST", f"{app.pocket}/test-credentials", headers=headers)
            assert probe.reached.wait(HANG)
            app.assign(okta.person())
            assert held.reached.wait(HANG)
            asked[1].request("GET", f"/pocket/v1/idle?timeout={HANG}", headers=headers)
            okta.call("GET", "/pocket/v1/health")  # answered after the one that was sent before it has been read
            okta.call("GET", "/pocket/v1/health")
            assert okta.stop() == 0
        assert [connection.getresponse().status for connection in asked] == [503, 408]
        for connection in asked:
            connection.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--host", "0.0.0.0"), "has no sign-in"),
        (("--host", "::"), "has no sign-in"),
        (("--host", "no such host"), "cannot make an address"),
        (("--port", "70000"), "70000"),
        (("--time-scale", "2"), "time-scale"),
    ],
)
def test_a_start_that_is_refused_says_why_in_a_line(tmp_path: Path, options: tuple[str, str], sentence: str) -> None:
    refused = serve("--data", str(tmp_path / "data"), *options)
    assert refused.returncode != 0
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port_is_named(okta: Okta, tmp_path: Path) -> None:
    port = okta.url.rsplit(":", 1)[1].strip("/")
    refused = serve("--data", str(tmp_path / "data"), "--port", port)
    assert f"cannot open 127.0.0.1:{port}" in refused.stderr


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8100", 200),
        ("localhost", 200),
        ("[::1]:8100", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_only_names_that_nobody_else_can_take_are_answered(okta: Okta, host: str, status: int) -> None:
    assert httpx2.get(okta.url, headers={"Host": host}, **PLAIN).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "{own}"}, 303),
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "{own}", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Authorization": "SSWS x"}, 403),
    ],
)
def test_forms_are_taken_from_its_own_pages_only(okta: Okta, headers: dict[str, str], status: int) -> None:
    own = okta.url.rstrip("/")
    filled = {name: value.replace("{own}", own) for name, value in headers.items()}
    data = {"name": f"Crew {hash(str(headers))}"}
    answer = httpx2.post(f"{okta.url}directory/groups", data=data, headers=filled, **PLAIN)
    assert answer.status_code == status


def test_every_answer_has_the_headers_of_the_wall(okta: Okta) -> None:
    for path in ("/", "/nowhere", "/static/pocket.css", "/api/v1/users", "/pocket/v1/health"):
        headers = okta.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"


def test_a_ca_file_without_an_authority_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing\n")
    refused = serve("--data", str(tmp_path / "data"), "--ca-file", str(tmp_path / "ca.pem"))
    assert "holds no certificate authority" in refused.stderr
    assert "Traceback" not in refused.stderr
