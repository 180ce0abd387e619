"""What each kind of job does, from the look-up to the row that it writes.

The rule: what is pushed is read when the call is made, not when the job was ordered, and every end of a job is written
in one transaction: the row, the task, and the job's own removal. Sources: Okta wire facts 1.3–1.7, 1.9.
"""

import secrets
import string
from dataclasses import replace

from pocket_okta import entitlements, provisioning, scim_document
from pocket_okta.engine import group_jobs, importing, universal_logout
from pocket_okta.engine.bench import Bench, StepFailed
from pocket_okta.engine.conversation import Conversation
from pocket_okta.engine.exchange import CallFailed
from pocket_okta.entra import cycle
from pocket_okta.org import GROUP_WORK, App, Assignment, Job, JobKind
from pocket_okta.scim_document import Document
from pocket_okta.store import apps, assignments, group_push, people, queue, remote
from pocket_okta.store.database import Tx

# How the sentence on the screen begins, per kind of job; the failed step completes it.
_WHAT_FAILED = {
    JobKind.PROVISION: "Automatic provisioning of user {person} to app {app} failed",
    JobKind.PUSH_PROFILE: "Automatic profile push of user {person} to app {app} failed",
    JobKind.PUSH_PASSWORD: "Automatic password push of user {person} to app {app} failed",
    JobKind.DEACTIVATE: "Automatic deprovisioning of user {person} from app {app} failed",
    JobKind.DELETE_USER: "Automatic deprovisioning of user {person} from app {app} failed",
    JobKind.IMPORT: "Importing users from app {app} failed",
    JobKind.UNIVERSAL_LOGOUT: "Universal Logout of user {person} from app {app} failed",
}
_CYCLES = frozenset({JobKind.CYCLE, JobKind.ON_DEMAND})
_PROVISIONING = tuple(kind for kind in JobKind if kind is not JobKind.UNIVERSAL_LOGOUT)
# Which open tasks a job that went well makes pointless.
_SETTLES = {
    JobKind.PROVISION: (JobKind.PROVISION, JobKind.PUSH_PROFILE, JobKind.DEACTIVATE),
    JobKind.PUSH_PROFILE: (JobKind.PUSH_PROFILE,),
    JobKind.PUSH_PASSWORD: (JobKind.PUSH_PASSWORD,),
    JobKind.DEACTIVATE: _PROVISIONING,
    JobKind.DELETE_USER: _PROVISIONING,
    JobKind.IMPORT: (JobKind.IMPORT,),
    JobKind.UNIVERSAL_LOGOUT: (JobKind.UNIVERSAL_LOGOUT,),
}

_LETTERS = string.ascii_letters + string.digits


def random_password() -> str:
    """Return the throw-away password that Okta puts into every create (wire facts 1.4)."""
    fixed = [
        secrets.choice(string.ascii_lowercase),
        secrets.choice(string.ascii_uppercase),
        secrets.choice(string.digits),
    ]
    return "".join([*fixed, *(secrets.choice(_LETTERS) for _ in range(5))])


def sentence_for(job: Job, app: App, row: Assignment | None, what: str) -> str:
    """Return the sentence that Okta shows at the assignment and under Dashboard > Tasks."""
    person = row.person_name if row else job.person_id
    return f"{_WHAT_FAILED[job.kind].format(person=person, app=app.label)}: {what}"


async def carry_out(bench: Bench) -> bool:
    """Do a job. Raises StepFailed; returns False, without a call, if there is nothing left to do."""
    if bench.job.kind is JobKind.CYCLE:
        return await cycle.run(bench, minimum=bench.quarantine_after)
    if bench.job.kind is JobKind.ON_DEMAND:
        return await cycle.provision_on_demand(bench)
    if bench.job.kind in GROUP_WORK:
        return await group_jobs.carry_out(bench)
    if bench.job.kind is JobKind.IMPORT:
        if not bench.app.can_import:
            raise StepFailed("Importing users is not enabled any more.")
        await importing.run(bench)
        return True
    return await _for_person(bench)


async def _for_person(bench: Bench) -> bool:
    row = bench.row()
    if row is not None and bench.job.kind is JobKind.UNIVERSAL_LOGOUT:
        return await _log_out(bench, row)
    if row is None or not bench.app.connected:
        return False
    talk = Conversation(bench.client, bench.app, row.user_name)
    match bench.job.kind:
        case JobKind.PROVISION if row.assigned:
            await _provision(bench, talk, row)
        case JobKind.PUSH_PROFILE if row.assigned and row.remote_id:
            await _push_profile(bench, talk, row.remote_id)
        case JobKind.PUSH_PASSWORD if row.assigned and row.remote_id:
            await talk.set_password(row.remote_id, bench.job.secret)
        case JobKind.DEACTIVATE if row.remote_id and not provisioning.deactivation_is_withheld(bench.app, row):
            await talk.set_active(row.remote_id, active=False)
        case JobKind.DELETE_USER if row.remote_id and not row.assigned:
            await talk.delete(row.remote_id)
            bench.update(lambda row: replace(row, remote_id=""))
        case _:
            return False
    return True


async def _log_out(bench: Bench, row: Assignment) -> bool:
    """Ask an app to end a person's sessions. If it does not know the person, there is nothing to end."""
    person = people.get_person(bench.db.read, bench.job.person_id)
    if person is None or not bench.app.sign_on.universal_logout.enabled:
        return False
    try:
        await bench.client.send(universal_logout.call(bench.app, person, row))
    except CallFailed as failed:
        if failed.status == 404:
            return True
        raise StepFailed(failed.reason) from failed
    return True


async def _provision(bench: Bench, talk: Conversation, row: Assignment) -> None:
    """Look the person up; create them, or link and activate the existing account and update its profile."""
    app = bench.app
    lookup = str(row.profile.get(app.unique_field) or row.user_name)
    found = await talk.find(lookup)
    if found is None:
        if not app.can.create:
            raise StepFailed("Matching user not found.")
        document = scim_document.new_user(app.mapping, row.profile, row.person_id, random_password())
        document |= _granted(bench)
        remote_id = await talk.create(document)
        bench.update(lambda row: replace(row, remote_id=remote_id, push_failed=False))
        return
    bench.update(lambda row: replace(row, remote_id=found.remote_id))
    if not found.active:
        await talk.set_active(found.remote_id, active=True)
    if app.can.update:
        await _push_profile(bench, talk, found.remote_id)


def _granted(bench: Bench) -> Document:
    """Return a person's roles and entitlements as they travel; nothing, unless the app has entitlements."""
    if not bench.app.entitlements:
        return {}
    return entitlements.written(remote.granted(bench.db.read, bench.app.id, bench.job.person_id))


async def _push_profile(bench: Bench, talk: Conversation, remote_id: str) -> None:
    def merge(returned: Document) -> Document:
        row = bench.row()
        profile = row.profile if row else {}
        return scim_document.merged(returned, bench.app.mapping, profile, bench.job.person_id) | _granted(bench)

    try:
        await talk.push_profile(remote_id, merge)
    except StepFailed:
        bench.update(lambda row: replace(row, push_failed=True))
        raise
    bench.update(lambda row: replace(row, push_failed=False))


def finish(tx: Tx, job: Job) -> None:
    """Write the end of a job that went well: tasks of the kinds it settles are closed, and the red mark with them.

    Whoever has got an account is now pushed in the pushed groups that they are in.
    """
    if job.kind in _CYCLES:
        queue.remove_job(tx, job.id)
        return
    if job.kind in GROUP_WORK:
        group_jobs.finish(tx, job)
        return
    queue.close_tasks(tx, job.app_id, job.person_id, _SETTLES[job.kind], "resolved")
    queue.remove_job(tx, job.id)
    row = assignments.get_assignment(tx, job.app_id, job.person_id)
    if row:
        left = queue.open_task(tx, job.app_id, job.person_id)
        synced = row.last_sync if job.kind is JobKind.UNIVERSAL_LOGOUT else tx.now
        assignments.put_assignment(tx, replace(row, error=left.message if left else "", last_sync=synced))
    if job.kind is JobKind.PROVISION:
        for push in group_push.with_member(tx, job.app_id, job.person_id):
            group_push.order_push(tx, push)


def fail(tx: Tx, job: Job, what: str) -> None:
    """Write the end of a job that failed: the red mark at the assignment, and a task."""
    if job.kind in _CYCLES:
        queue.remove_job(tx, job.id)
        cycle.fail(tx, job, what)
        return
    if job.kind in GROUP_WORK:
        group_jobs.fail(tx, job, what)
        return
    queue.remove_job(tx, job.id)
    app = apps.get_app(tx, job.app_id)
    if app is None:
        return
    row = assignments.get_assignment(tx, job.app_id, job.person_id)
    message = sentence_for(job, app, row, what)
    if row:
        assignments.put_assignment(tx, replace(row, error=message))
    if job.kind is JobKind.IMPORT:
        apps.put_import(tx, app.id, "failed", message, {})
    queue.insert_task(tx, job, message)
