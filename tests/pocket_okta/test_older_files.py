"""The file of an older pocket Okta is taken on with everything in it."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from tests.pocket_okta.running import App, running
from tests.pocket_okta.scim_service import PASSWORD, USERNAME, ScimService
from tests.pocket_okta.service_provider import Provider
from tests.pocket_okta.test_sign_on_api import sign_in

# How a file of today becomes one of the format before, newest first: what the newer program added is taken away.
UNDO = {
    5: "DROP TABLE remote_groups; DROP TABLE entitlements; DROP TABLE granted; DROP TABLE deletions;",
    4: "DROP TABLE cycles; DROP TABLE written;",
    3: """
      DROP TABLE group_pushes; DROP TABLE group_push_rules; ALTER TABLE app_groups DROP COLUMN profile;
      ALTER TABLE jobs RENAME COLUMN subject TO person_id; ALTER TABLE tasks RENAME COLUMN subject TO person_id;
      UPDATE apps SET settings = json_remove(settings, '$.renameGroups', '$.groupBatch');
    """,
    2: """
      DROP TABLE signing_keys; DROP TABLE sessions; DROP TABLE session_apps;
      UPDATE apps SET settings = json_remove(settings, '$.signOn');
    """,
}


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_the_file_of_an_older_program_is_taken_on(tmp_path: Path, scim: ScimService, version: int) -> None:
    """Format 1 knew neither Sign On nor group push, format 2 no group push, format 3 no cycles."""
    data = tmp_path / "data"
    with running(data) as okta:
        (app,) = okta.call("GET", "/api/v1/apps")
    with contextlib.closing(sqlite3.connect(data / "org.sqlite3")) as old:
        for step, undo in UNDO.items():
            if step > version:
                old.executescript(undo)
        old.executescript(f"PRAGMA user_version={version}")
    with running(data) as okta:
        assert len(okta.call("GET", "/api/v1/users")) == 6
        sp = Provider(App(okta, app)).connect()
        ana = okta.call("GET", "/api/v1/users/ana.reis@north.example")
        sp.app.connect(scim.url, USERNAME, PASSWORD)
        sp.app.features(create=True, update=True, deactivate=True)
        sp.app.assign(ana)
        assert sign_in(okta, sp, "ana.reis@north.example") == "ana.reis@north.example"
        (group,) = okta.call("GET", "/api/v1/groups?q=Engineering")
        sp.app.push(group["id"])
        okta.idle()
        assert scim.members_of("Engineering") == {"ana.reis@north.example"}
