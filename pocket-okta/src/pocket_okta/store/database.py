"""The one SQLite file: open it, read from it, write to it in a transaction.

The rule: statements run inline on the event loop (they take microseconds) and no transaction spans an await, so that
acts never interleave. A transaction collects the jobs ordered in it; they reach the engine once it is committed.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pocket_okta.org import Job

VERSION = 5

SCHEMA = """
CREATE TABLE people (
  id TEXT PRIMARY KEY, login_key TEXT NOT NULL UNIQUE, search_key TEXT NOT NULL, status TEXT NOT NULL,
  profile TEXT NOT NULL, created TEXT NOT NULL, last_updated TEXT NOT NULL, status_changed TEXT NOT NULL,
  activated TEXT NOT NULL, password_changed TEXT NOT NULL);
CREATE TABLE groups (
  id TEXT PRIMARY KEY, name_key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL,
  created TEXT NOT NULL, last_updated TEXT NOT NULL);
CREATE TABLE group_members (
  group_id TEXT NOT NULL, person_id TEXT NOT NULL, PRIMARY KEY (group_id, person_id)) WITHOUT ROWID;
CREATE INDEX group_members_person ON group_members (person_id);
CREATE TABLE apps (
  id TEXT PRIMARY KEY, label TEXT NOT NULL, template TEXT NOT NULL, settings TEXT NOT NULL,
  created TEXT NOT NULL, last_updated TEXT NOT NULL);
CREATE TABLE app_groups (
  app_id TEXT NOT NULL, group_id TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (app_id, group_id)) WITHOUT ROWID;
CREATE TABLE assignments (
  app_id TEXT NOT NULL, person_id TEXT NOT NULL, direct INTEGER NOT NULL, assigned INTEGER NOT NULL,
  user_name TEXT NOT NULL, profile TEXT NOT NULL, remote_id TEXT NOT NULL, error TEXT NOT NULL,
  push_failed INTEGER NOT NULL,
  created TEXT NOT NULL, last_updated TEXT NOT NULL, status_changed TEXT NOT NULL, last_sync TEXT NOT NULL,
  PRIMARY KEY (app_id, person_id));
CREATE INDEX assignments_person ON assignments (person_id);
CREATE INDEX assignments_remote ON assignments (app_id, remote_id);
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL, person_id TEXT NOT NULL, kind TEXT NOT NULL,
  state TEXT NOT NULL, secret TEXT NOT NULL, created TEXT NOT NULL);
CREATE INDEX jobs_line ON jobs (app_id, person_id);
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, app_id TEXT NOT NULL, person_id TEXT NOT NULL, kind TEXT NOT NULL,
  message TEXT NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL, closed TEXT NOT NULL, secret TEXT NOT NULL);
CREATE INDEX tasks_open ON tasks (state, id);
CREATE TABLE log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, app_id TEXT NOT NULL,
  person_id TEXT NOT NULL, event TEXT NOT NULL, message TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX log_app ON log (app_id, seq);
CREATE TABLE imports (
  app_id TEXT PRIMARY KEY, at TEXT NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL, counts TEXT NOT NULL);
CREATE TABLE candidates (
  app_id TEXT NOT NULL, remote_id TEXT NOT NULL, user_name TEXT NOT NULL, profile TEXT NOT NULL, seen TEXT NOT NULL,
  PRIMARY KEY (app_id, remote_id)) WITHOUT ROWID;
"""
# What the second format has beyond the first.
SIGN_ON = """
CREATE TABLE signing_keys (
  kid TEXT PRIMARY KEY, app_id TEXT NOT NULL, certificate TEXT NOT NULL, private_key TEXT NOT NULL,
  created TEXT NOT NULL, expires TEXT NOT NULL, active INTEGER NOT NULL);
CREATE INDEX signing_keys_app ON signing_keys (app_id);
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, person_id TEXT NOT NULL, authenticated TEXT NOT NULL);
CREATE INDEX sessions_person ON sessions (person_id);
CREATE TABLE session_apps (
  session_id TEXT NOT NULL, app_id TEXT NOT NULL, name_id TEXT NOT NULL, session_index TEXT NOT NULL,
  PRIMARY KEY (session_id, app_id)) WITHOUT ROWID;
CREATE INDEX session_apps_index ON session_apps (app_id, name_id);
"""
# What the third format has beyond the second: group push, and attributes that a group assignment gives.
GROUP_PUSH = """
ALTER TABLE jobs RENAME COLUMN person_id TO subject;
ALTER TABLE tasks RENAME COLUMN person_id TO subject;
ALTER TABLE app_groups ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
CREATE TABLE group_pushes (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, group_id TEXT NOT NULL, active INTEGER NOT NULL,
  target_name TEXT NOT NULL, remote_id TEXT NOT NULL, members TEXT NOT NULL, error TEXT NOT NULL,
  rule_id TEXT NOT NULL, created TEXT NOT NULL, last_updated TEXT NOT NULL, last_push TEXT NOT NULL,
  UNIQUE (app_id, group_id));
CREATE INDEX group_pushes_group ON group_pushes (group_id);
CREATE TABLE group_push_rules (
  id TEXT PRIMARY KEY, app_id TEXT NOT NULL, name TEXT NOT NULL, field TEXT NOT NULL, operator TEXT NOT NULL,
  value TEXT NOT NULL, active INTEGER NOT NULL, created TEXT NOT NULL);
CREATE INDEX group_push_rules_app ON group_push_rules (app_id);
"""
# What the fourth format has beyond the third: provisioning in cycles.
CYCLES = """
CREATE TABLE cycles (
  app_id TEXT PRIMARY KEY, started INTEGER NOT NULL, state TEXT NOT NULL, last_cycle TEXT NOT NULL,
  message TEXT NOT NULL, counts TEXT NOT NULL, reason TEXT NOT NULL, quarantined TEXT NOT NULL,
  attempts INTEGER NOT NULL);
CREATE TABLE written (
  app_id TEXT NOT NULL, person_id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (app_id, person_id)) WITHOUT ROWID;
"""
# What the fifth format has beyond the fourth: groups and entitlements of applications, and deletions to come.
REMOTE = """
CREATE TABLE remote_groups (
  app_id TEXT NOT NULL, remote_id TEXT NOT NULL, name TEXT NOT NULL, members TEXT NOT NULL,
  PRIMARY KEY (app_id, remote_id)) WITHOUT ROWID;
CREATE TABLE entitlements (
  app_id TEXT NOT NULL, resource_type TEXT NOT NULL, role INTEGER NOT NULL, value TEXT NOT NULL, display TEXT NOT NULL,
  description TEXT NOT NULL, PRIMARY KEY (app_id, resource_type, value)) WITHOUT ROWID;
CREATE TABLE granted (
  app_id TEXT NOT NULL, person_id TEXT NOT NULL, resource_type TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (app_id, person_id, resource_type, value)) WITHOUT ROWID;
CREATE TABLE deletions (
  app_id TEXT NOT NULL, person_id TEXT NOT NULL, scheduled TEXT NOT NULL, days INTEGER NOT NULL,
  PRIMARY KEY (app_id, person_id)) WITHOUT ROWID;
"""
FORMATS = (SCHEMA, SIGN_ON, GROUP_PUSH, CYCLES, REMOTE)


class Reader:
    """Something that answers queries. `now` is the instant that rows written through it will carry."""

    def __init__(self, connection: sqlite3.Connection, now: str) -> None:
        self._connection = connection
        self.now = now

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row


class Tx(Reader):
    """An open transaction. `jobs` holds what was ordered in it, in order."""

    def __init__(self, connection: sqlite3.Connection, now: str) -> None:
        super().__init__(connection, now)
        self.jobs: list[Job] = []

    def run(self, sql: str, *values: object) -> int:
        """Execute one writing statement; returns the row id it made, if it made one."""
        return self._connection.execute(sql, values).lastrowid or 0


def instant(moment: datetime) -> str:
    """Write a moment as Okta's API does: 2026-11-24T01:49:00.000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def system_clock() -> datetime:
    """Returns the current time. Nothing else in this package reads the clock."""
    return datetime.now(UTC)


class Database:
    """The org's file. `on_jobs` is told about committed jobs; the engine sets it."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = system_clock) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._clock = clock
        self.on_jobs: Callable[[list[Job]], None] = lambda _jobs: None
        # Exclusive: two programs on one file would both run its jobs.
        self._connection.executescript(
            "PRAGMA busy_timeout=300; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; "
            "PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;"
        )
        self.fresh = self._prepare()

    def _prepare(self) -> bool:
        """Make the tables that are missing; returns whether the file was new. Refuses the file of a newer program."""
        self._connection.execute("BEGIN IMMEDIATE").execute("COMMIT")  # takes the lock, or says that another has it
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise ValueError(
                f"the data folder was written by a newer pocket Okta (format {version}, this one knows {VERSION})"
            )
        if version == VERSION:
            return False
        missing = " ".join(FORMATS[version:])
        self._connection.executescript(f"BEGIN IMMEDIATE; {missing} PRAGMA user_version={VERSION}; COMMIT;")
        return not version

    @property
    def now(self) -> str:
        return instant(self._clock())

    @property
    def read(self) -> Reader:
        return Reader(self._connection, self.now)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Open a transaction; committed at the end of the block, undone if it raises. Never await inside."""
        tx = Tx(self._connection, self.now)
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield tx
                cursor.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a failed COMMIT may have undone everything by itself
                    cursor.execute("ROLLBACK")
                raise
        if tx.jobs:
            self.on_jobs(tx.jobs)

    def close(self) -> None:
        self._connection.close()
