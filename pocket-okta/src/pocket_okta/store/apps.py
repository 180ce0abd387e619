"""Rows of applications and their settings, and what an import found."""

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson

from pocket_okta.attributes import Attribute
from pocket_okta.catalogue import Scheme
from pocket_okta.org import GROUP_BATCH, App, Candidate, Connection, Deprovisioning, Features, Group, template_of
from pocket_okta.store.database import Reader, Tx
from pocket_okta.store.sign_on import read_sign_on


def _settings(app: App) -> str:
    connection = app.connection
    return orjson.dumps(
        {
            "provisioning": app.provisioning,
            "connection": {
                "baseUrl": connection.base_url,
                "scheme": connection.scheme.value,
                "username": connection.username,
                "secret": connection.secret,
                "enabled": connection.enabled,
            },
            "features": asdict(app.features),
            "actions": sorted(app.actions),
            "uniqueField": app.unique_field,
            "usernameFormat": app.username_format,
            "importGroups": app.import_groups,
            "withholdAfterError": app.withhold_after_error,
            "patchProfiles": app.patch_profiles,
            "renameGroups": app.rename_groups,
            "groupBatch": app.group_batch,
            "deprovisioning": asdict(app.deprovisioning),
            "entitlements": app.entitlements,
            "importSchema": app.import_schema,
            "customAttributes": [asdict(attribute) for attribute in app.custom_attributes],
            "signOn": asdict(app.sign_on),
        }
    ).decode()


def _app(row: sqlite3.Row) -> App:
    settings = orjson.loads(row["settings"])
    connection = settings["connection"]
    return App(
        id=row["id"],
        label=row["label"],
        template=template_of(row["template"]),
        created=row["created"],
        last_updated=row["last_updated"],
        provisioning=settings["provisioning"],
        connection=Connection(
            connection["baseUrl"],
            Scheme(connection["scheme"]),
            connection["username"],
            connection["secret"],
            connection["enabled"],
        ),
        features=Features(**settings["features"]),
        actions=frozenset(settings["actions"]),
        unique_field=settings["uniqueField"],
        username_format=settings["usernameFormat"],
        import_groups=settings["importGroups"],
        withhold_after_error=settings["withholdAfterError"],
        patch_profiles=settings["patchProfiles"],
        rename_groups=settings.get("renameGroups", True),
        group_batch=settings.get("groupBatch", GROUP_BATCH),
        deprovisioning=Deprovisioning(**settings.get("deprovisioning", {})),
        entitlements=settings.get("entitlements", False),
        import_schema=settings.get("importSchema", False),
        custom_attributes=tuple(Attribute(**attribute) for attribute in settings["customAttributes"]),
        sign_on=read_sign_on(settings.get("signOn", {})),
    )


PUT_APP = """
INSERT INTO apps (id, label, template, settings, created, last_updated) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET label = excluded.label, settings = excluded.settings,
  last_updated = excluded.last_updated
"""


def put_app(tx: Tx, app: App) -> None:
    tx.run(PUT_APP, app.id, app.label, app.template.key, _settings(app), app.created, app.last_updated)


def get_app(db: Reader, app_id: str) -> App | None:
    row = db.one("SELECT * FROM apps WHERE id = ?", app_id)
    return _app(row) if row else None


def all_apps(db: Reader) -> list[App]:
    return [_app(row) for row in db.all("SELECT * FROM apps ORDER BY rowid")]


def remove_app(tx: Tx, app_id: str) -> None:
    """Delete an app and everything that belongs to it, except its log."""
    for table in (
        "app_groups",
        "assignments",
        "jobs",
        "tasks",
        "imports",
        "candidates",
        "signing_keys",
        "session_apps",
        "group_pushes",
        "group_push_rules",
        "cycles",
        "written",
        "remote_groups",
        "entitlements",
        "granted",
        "deletions",
    ):
        tx.run(f"DELETE FROM {table} WHERE app_id = ?", app_id)  # noqa: S608  (a name from the line above)
    tx.run("DELETE FROM apps WHERE id = ?", app_id)


PUT_APP_GROUP = """
INSERT INTO app_groups (app_id, group_id, created, profile) VALUES (?, ?, ?, ?)
ON CONFLICT (app_id, group_id) DO UPDATE SET profile = excluded.profile
"""


def put_app_group(tx: Tx, app_id: str, group_id: str, profile: Mapping[str, object]) -> None:
    """Assign an app to a group, or change the app attributes that the assignment gives its members."""
    tx.run(PUT_APP_GROUP, app_id, group_id, tx.now, orjson.dumps(dict(profile)).decode())


def app_group_profile(db: Reader, app_id: str, group_id: str) -> Mapping[str, object] | None:
    """Return the app attributes that a group assignment gives; None if the app is not assigned to the group."""
    row = db.one("SELECT profile FROM app_groups WHERE app_id = ? AND group_id = ?", app_id, group_id)
    return dict(orjson.loads(row["profile"])) if row else None


GIVEN_BY_GROUPS = """
SELECT app_groups.profile FROM app_groups JOIN group_members USING (group_id) JOIN groups ON groups.id = group_id
WHERE app_groups.app_id = ? AND group_members.person_id = ? ORDER BY groups.name_key DESC
"""


def given_by_groups(db: Reader, app_id: str, person_id: str) -> dict[str, object]:
    """Return the app attributes that a person has from group assignments; of several groups, the first by name wins."""
    given: dict[str, object] = {}
    for row in db.all(GIVEN_BY_GROUPS, app_id, person_id):
        given |= orjson.loads(row["profile"])
    return given


def remove_app_group(tx: Tx, app_id: str, group_id: str) -> None:
    tx.run("DELETE FROM app_groups WHERE app_id = ? AND group_id = ?", app_id, group_id)


APP_GROUPS = """
SELECT groups.* FROM groups JOIN app_groups ON app_groups.group_id = groups.id
WHERE app_groups.app_id = ? ORDER BY groups.name_key
"""


def app_groups(db: Reader, app_id: str) -> list[Group]:
    """Return the groups assigned to an app."""
    return [
        Group(row["id"], row["name"], row["description"], row["created"], row["last_updated"])
        for row in db.all(APP_GROUPS, app_id)
    ]


def apps_of_group(db: Reader, group_id: str) -> list[str]:
    """Return the ids of the apps a group is assigned to."""
    return [row["app_id"] for row in db.all("SELECT app_id FROM app_groups WHERE group_id = ?", group_id)]


@dataclass(frozen=True, slots=True)
class ImportRun:
    """The last import of an app: running, done or failed, with its result line."""

    at: str
    state: str
    message: str
    counts: Mapping[str, int]


def put_import(tx: Tx, app_id: str, state: str, message: str, counts: Mapping[str, int]) -> None:
    tx.run(
        "INSERT OR REPLACE INTO imports (app_id, at, state, message, counts) VALUES (?, ?, ?, ?, ?)",
        app_id,
        tx.now,
        state,
        message,
        orjson.dumps(dict(counts)).decode(),
    )


def get_import(db: Reader, app_id: str) -> ImportRun | None:
    row = db.one("SELECT * FROM imports WHERE app_id = ?", app_id)
    return ImportRun(row["at"], row["state"], row["message"], orjson.loads(row["counts"])) if row else None


def _candidate(row: sqlite3.Row) -> Candidate:
    return Candidate(row["remote_id"], row["user_name"], orjson.loads(row["profile"]))


def put_candidate(tx: Tx, app_id: str, candidate: Candidate) -> None:
    tx.run(
        "INSERT OR REPLACE INTO candidates (app_id, remote_id, user_name, profile, seen) VALUES (?, ?, ?, ?, ?)",
        app_id,
        candidate.remote_id,
        candidate.user_name,
        orjson.dumps(dict(candidate.profile)).decode(),
        tx.now,
    )


def get_candidate(db: Reader, app_id: str, remote_id: str) -> Candidate | None:
    row = db.one("SELECT * FROM candidates WHERE app_id = ? AND remote_id = ?", app_id, remote_id)
    return _candidate(row) if row else None


def all_candidates(db: Reader, app_id: str) -> list[Candidate]:
    rows = db.all("SELECT * FROM candidates WHERE app_id = ? ORDER BY user_name, remote_id", app_id)
    return [_candidate(row) for row in rows]


def remove_candidate(tx: Tx, app_id: str, remote_id: str) -> None:
    tx.run("DELETE FROM candidates WHERE app_id = ? AND remote_id = ?", app_id, remote_id)
