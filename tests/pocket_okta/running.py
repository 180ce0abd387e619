"""Starts the pocket Okta as a process and controls it over its API. Tests of other parts may use this too.

with running(tmp_path) as okta:
    app = okta.app("wizard")
    app.connect(scim_url, "key", "secret")
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
"""

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx2
from tests.conftest import HANG, PLAIN, in_process
from tests.pocket_okta.scim_service import PASSWORD, USERNAME, ScimService

from pocket_okta.cli import main

Mode = Literal["catalogue", "wizard"]
ON = {"status": "ENABLED"}
OFF = {"status": "DISABLED"}
TEMPLATES = {"catalogue": "scim2basicauth", "header": "scim2headerauth", "bearer": "scim2oauthbearer"}


class Okta:
    """The API of a running pocket Okta."""

    def __init__(self, url: str, token: str, process: "subprocess.Popen[bytes]") -> None:
        self.url = url
        self.process = process
        self.client = httpx2.Client(base_url=url, headers={"Authorization": f"SSWS {token}"}, **PLAIN)

    def call(self, method: str, path: str, body: Any = None, *, status: int = 0) -> Any:
        """Return the JSON of an answer; anything but success (or `status`, if given) fails the test."""
        answer = self.client.request(method, path, json=body)
        assert answer.status_code == status or (not status and answer.is_success), (
            f"{answer.status_code}: {answer.text}"
        )
        return answer.json() if answer.content else None

    def person(
        self, first: str = "Ana", last: str = "Reis", *, activate: bool = True, **profile: Any
    ) -> dict[str, Any]:
        """Add a person with a login of their own."""
        login = profile.pop("login", f"{first}.{last}.{uuid.uuid4().hex[:8]}@north.example".lower())
        whole = {"login": login, "email": login, "firstName": first, "lastName": last, **profile}
        made: dict[str, Any] = self.call("POST", f"/api/v1/users?activate={str(activate).lower()}", {"profile": whole})
        return made

    def edit(self, person: dict[str, Any], **profile: Any) -> None:
        self.call("POST", f"/api/v1/users/{person['id']}", {"profile": profile})

    def lifecycle(self, person: dict[str, Any], act: str) -> None:
        self.call("POST", f"/api/v1/users/{person['id']}/lifecycle/{act}")

    def group(self, *people: dict[str, Any], name: str = "", description: str = "") -> str:
        """Make a group of these people; returns its id."""
        profile = {"name": name or f"Crew {uuid.uuid4().hex[:8]}", "description": description}
        made = self.call("POST", "/api/v1/groups", {"profile": profile})
        for person in people:
            self.join(made["id"], person)
        return str(made["id"])

    def join(self, group: str, person: dict[str, Any]) -> None:
        self.call("PUT", f"/api/v1/groups/{group}/users/{person['id']}")

    def leave(self, group: str, person: dict[str, Any]) -> None:
        self.call("DELETE", f"/api/v1/groups/{group}/users/{person['id']}")

    def rename(self, group: str, name: str) -> None:
        self.call("PUT", f"/api/v1/groups/{group}", {"profile": {"name": name}})

    def group_name(self, group: str) -> str:
        return str(self.call("GET", f"/api/v1/groups/{group}")["profile"]["name"])

    def app(self, kind: str = "catalogue") -> "App":
        """Add an app: catalogue, header, bearer, or wizard."""
        body = {"label": f"North App {uuid.uuid4().hex[:8]}"}
        if kind != "wizard":
            body["name"] = TEMPLATES[kind]
        return App(self, self.call("POST", "/api/v1/apps", body))

    def idle(self) -> None:
        """Wait until no provisioning is queued or running."""
        assert self.call("GET", "/pocket/v1/idle?timeout=300") == {"idle": True}

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop the process and return its exit code."""
        self.client.close()
        self.process.send_signal(how)
        return self.process.wait(HANG)


class App:
    """One application of a running pocket Okta."""

    def __init__(self, okta: Okta, made: dict[str, Any]) -> None:
        self.okta = okta
        self.id: str = made["id"]
        self.label: str = made["label"]
        self.path = f"/api/v1/apps/{self.id}"
        self.pocket = f"/pocket/v1/apps/{self.id}"

    def connect(self, base_url: str, username: str, password: str, **pocket: Any) -> None:
        """Save and activate the API integration with Basic authentication."""
        profile = {"authScheme": "BASIC", "username": username, "password": password}
        body = {"baseUrl": base_url, "profile": profile, "pocket": pocket}
        self.okta.call("POST", f"{self.path}/connections/default?activate=true", body)

    def connect_by_token(self, base_url: str, token: str) -> None:
        """Save and activate the API integration with a token."""
        body = {"baseUrl": base_url, "profile": {"authScheme": "TOKEN", "token": token}}
        self.okta.call("POST", f"{self.path}/connections/default?activate=true", body)

    def cycle(self) -> dict[str, Any]:
        """Run a cycle of an app in Entra's dialect; returns the state of its provisioning job."""
        state: dict[str, Any] = self.okta.call("POST", f"{self.pocket}/synchronization/cycle?timeout=300")
        return state

    def features(self, *, create: bool, update: bool, deactivate: bool, password: bool = False) -> None:
        def status(on: bool) -> dict[str, str]:
            return ON if on else OFF

        self.okta.call(
            "PUT",
            f"{self.path}/features/USER_PROVISIONING",
            {
                "create": {"lifecycleCreate": status(create)},
                "update": {
                    "profile": status(update),
                    "lifecycleDeactivate": status(deactivate),
                    "password": status(password),
                },
            },
        )

    def assign(self, person: dict[str, Any], **profile: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.okta.call(
            "POST", f"{self.path}/users", {"id": person["id"], "scope": "USER", "profile": profile}
        )
        return made

    def unassign(self, person: dict[str, Any]) -> None:
        self.okta.call("DELETE", f"{self.path}/users/{person['id']}", status=204)

    def push(self, group: str, **target: str) -> "Push":
        """Push a group; `targetGroupName` or `targetGroupId` says which one to link."""
        made = self.okta.call("POST", f"{self.path}/group-push/mappings", {"sourceGroupId": group, **target})
        return Push(self, made["id"])

    def pushes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.okta.call("GET", f"{self.path}/group-push/mappings")
        return found

    def settings(self, **pocket: Any) -> None:
        """Change settings that Okta's own API does not have."""
        self.okta.call("PUT", self.path, {"settings": {"pocket": pocket}})

    def user(self, person: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.okta.call("GET", f"{self.path}/users/{person['id']}")
        return found

    def error(self, person: dict[str, Any]) -> str | None:
        """Return the sentence beside the red mark."""
        sentence: str | None = self.user(person)["_embedded"]["pocket"]["error"]
        return sentence

    def exchanges(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.okta.call("GET", f"/pocket/v1/exchanges?appId={self.id}")
        return found

    def tasks(self, state: str = "open") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.okta.call("GET", f"/pocket/v1/tasks?state={state}&appId={self.id}")
        return found


class Push:
    """One pushed group of an app."""

    def __init__(self, app: App, push_id: str) -> None:
        self._okta = app.okta
        self.id = push_id
        self.path = f"{app.path}/group-push/mappings/{push_id}"
        self._pocket = f"{app.pocket}/group-push/mappings/{push_id}"

    def show(self) -> dict[str, Any]:
        found: dict[str, Any] = self._okta.call("GET", self.path)
        return found

    def now(self) -> None:
        """Press "Push now"."""
        self._okta.call("POST", f"{self._pocket}/push-now", status=204)

    def set(self, status: str) -> None:
        self._okta.call("PATCH", self.path, {"status": status})

    def unlink(self, *, delete: bool) -> None:
        """Pause the push and unlink the group; the group at the service is deleted or left."""
        self.set("INACTIVE")
        self._okta.call("DELETE", f"{self.path}?deleteTargetGroup={str(delete).lower()}", status=204)


def connected(okta: Okta, scim: ScimService, kind: str) -> App:
    """Return a new app that is connected to a service, with all features enabled. The service forgets that."""
    made = okta.app(kind)
    made.connect(scim.url, USERNAME, PASSWORD)
    made.features(create=True, update=True, deactivate=True, password=True)
    scim.forget()
    return made


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the pocket Okta's command line in this process. Returns its output and exit code."""
    return in_process(dict(os.environ), *words, program=main)


def connected_by_token(entra: Okta, scim: ScimService, flag: str = "") -> App:
    """Return a new app of an org in Entra's dialect that is connected to a service. The service forgets that."""
    made = entra.app("wizard")
    made.connect_by_token(scim.url + flag, scim.token)
    scim.forget()
    return made


@contextlib.contextmanager
def running(data: Path, *options: str, token: str = "") -> Iterator[Okta]:
    """Start a pocket Okta on a free port and wait until it says that it is ready; stopped at the end of the block."""
    read_end, write_end = os.pipe()
    command = [sys.executable, "-W", "error", "-m", "pocket_okta", "serve", "--port", "0", "--data", str(data)]
    environment = {**os.environ, "POCKET_OKTA_API_TOKEN": token}
    process = subprocess.Popen(
        [*command, "--ready-fd", str(write_end), *options],
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    )
    os.close(write_end)
    with os.fdopen(read_end) as ready:
        url = ready.readline().strip()
    if not url:
        _, problem = process.communicate()
        raise RuntimeError(f"the pocket Okta did not start: {problem.decode()}")
    okta = Okta(url, token or (data / "api-token").read_text().strip(), process)
    try:
        yield okta
        if process.poll() is None:
            assert okta.stop() == 0
        assert process.stderr is not None
        assert process.stderr.read() == b"", "the pocket Okta complained"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(HANG)
        if process.stderr is not None:
            process.stderr.close()
        okta.client.close()
