"""Rows of jobs (provisioning work not yet done) and tasks (work that failed and waits for a person)."""

import sqlite3

from pocket_okta.org import Job, JobKind, Task
from pocket_okta.store.database import Reader, Tx


def order(tx: Tx, app_id: str, subject: str, kind: JobKind, secret: str = "") -> Job:
    """Put a job into the queue. It reaches the engine when the transaction is committed."""
    job_id = tx.run(
        "INSERT INTO jobs (app_id, subject, kind, state, secret, created) VALUES (?, ?, ?, 'queued', ?, ?)",
        app_id,
        subject,
        kind.value,
        secret,
        tx.now,
    )
    job = Job(job_id, app_id, subject, kind, secret)
    tx.jobs.append(job)
    return job


def _job(row: sqlite3.Row) -> Job:
    return Job(row["id"], row["app_id"], row["subject"], JobKind(row["kind"]), row["secret"])


def all_jobs(db: Reader, state: str) -> list[Job]:
    """Return the jobs in a state (queued or running), oldest first."""
    return [_job(row) for row in db.all("SELECT * FROM jobs WHERE state = ? ORDER BY id", state)]


def get_job(db: Reader, job_id: int) -> Job | None:
    row = db.one("SELECT * FROM jobs WHERE id = ?", job_id)
    return _job(row) if row else None


def set_job_state(tx: Tx, job_id: int, state: str) -> None:
    tx.run("UPDATE jobs SET state = ? WHERE id = ?", state, job_id)


def remove_job(tx: Tx, job_id: int) -> None:
    tx.run("DELETE FROM jobs WHERE id = ?", job_id)


def busy_subjects(db: Reader, app_id: str) -> set[str]:
    """Return the people of an app, and the mappings of its pushed groups, for which work is queued or running."""
    rows = db.all(
        "SELECT DISTINCT subject FROM jobs WHERE app_id = ? AND kind <> ?", app_id, JobKind.UNIVERSAL_LOGOUT.value
    )
    return {row["subject"] for row in rows}


def is_queued(db: Reader, app_id: str, subject: str, kind: JobKind) -> bool:
    """Tell whether such a job waits and has not begun."""
    sql = "SELECT 1 FROM jobs WHERE app_id = ? AND subject = ? AND kind = ? AND state = 'queued'"
    return db.one(sql, app_id, subject, kind.value) is not None


def is_under_way(db: Reader, app_id: str, kind: JobKind) -> bool:
    """Tell whether a job of this kind waits or runs for an app."""
    return db.one("SELECT 1 FROM jobs WHERE app_id = ? AND kind = ?", app_id, kind.value) is not None


def _task(row: sqlite3.Row) -> Task:
    return Task(
        id=row["id"],
        app_id=row["app_id"],
        subject=row["subject"],
        kind=JobKind(row["kind"]),
        message=row["message"],
        state=row["state"],
        created=row["created"],
        closed=row["closed"],
        secret=row["secret"],
    )


def insert_task(tx: Tx, job: Job, message: str) -> int:
    """Record a failure. It takes the place of an open task of the same kind for the same subject."""
    close_tasks(tx, job.app_id, job.subject, (job.kind,), "resolved")
    return tx.run(
        "INSERT INTO tasks (app_id, subject, kind, message, state, created, closed, secret) "
        "VALUES (?, ?, ?, ?, 'open', ?, '', ?)",
        job.app_id,
        job.subject,
        job.kind.value,
        message,
        tx.now,
        job.secret,
    )


def close_tasks(tx: Tx, app_id: str, subject: str, kinds: tuple[JobKind, ...], state: str) -> None:
    """Close an app user's or group's open tasks of these kinds, and forget any password they carried."""
    for kind in kinds:
        tx.run(
            "UPDATE tasks SET state = ?, closed = ?, secret = '' "
            "WHERE app_id = ? AND subject = ? AND kind = ? AND state = 'open'",
            state,
            tx.now,
            app_id,
            subject,
            kind.value,
        )


def close_task(tx: Tx, task_id: int, state: str) -> None:
    tx.run("UPDATE tasks SET state = ?, closed = ?, secret = '' WHERE id = ?", state, tx.now, task_id)


def get_task(db: Reader, task_id: int) -> Task | None:
    row = db.one("SELECT * FROM tasks WHERE id = ?", task_id)
    return _task(row) if row else None


def all_tasks(db: Reader, *, state: str = "open", app_id: str = "", limit: int = 500) -> list[Task]:
    """Return tasks, newest first; every state when `state` is empty."""
    rows = db.all(
        "SELECT * FROM tasks WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR app_id = ?2) ORDER BY id DESC LIMIT ?3",
        state,
        app_id,
        limit,
    )
    return [_task(row) for row in rows]


def open_task(db: Reader, app_id: str, subject: str) -> Task | None:
    """Return an app user's or group's newest open task."""
    row = db.one(
        "SELECT * FROM tasks WHERE app_id = ? AND subject = ? AND state = 'open' ORDER BY id DESC LIMIT 1",
        app_id,
        subject,
    )
    return _task(row) if row else None


def count_open_tasks(db: Reader) -> int:
    row = db.one("SELECT count(*) AS n FROM tasks WHERE state = 'open'")
    return int(row["n"]) if row else 0
