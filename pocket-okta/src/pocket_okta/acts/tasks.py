"""Dashboard > Tasks: retry failed provisioning, or dismiss it."""

from dataclasses import replace

from pocket_okta.acts import apps, find
from pocket_okta.org import JobKind, Task
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import assignments, group_push, queue
from pocket_okta.store.database import Tx


def retry(tx: Tx, task: Task) -> None:
    """Order the failed work once more; if it fails again, a new task says so."""
    _require_open(task)
    if task.kind is JobKind.PUSH_PASSWORD and not task.secret:
        raise Refusal(Kind.WRONG_STATE, "The password is no longer known here: set it again on the person's page.")
    app = find.app(tx, task.app_id)
    if not app.connected and task.kind is not JobKind.UNIVERSAL_LOGOUT:
        raise Refusal(Kind.WRONG_STATE, f"API integration of {app.label} is off: see Provisioning > Integration.")
    queue.close_task(tx, task.id, "retried")
    if task.kind is JobKind.IMPORT:
        apps.order_import(tx, app)
        return
    queue.order(tx, task.app_id, task.subject, task.kind, task.secret)


def dismiss(tx: Tx, task: Task) -> None:
    """Dismiss a task without a retry; the red mark at the assignment or pushed group disappears too."""
    _require_open(task)
    queue.close_task(tx, task.id, "dismissed")
    push = group_push.get_push(tx, task.subject)
    if push and push.error == task.message:
        group_push.put_push(tx, replace(push, error=""))
    row = assignments.get_assignment(tx, task.app_id, task.person_id)
    if row and row.error == task.message:
        assignments.clear_error(tx, row)


def _require_open(task: Task) -> None:
    if task.state != "open":
        raise Refusal(Kind.WRONG_STATE, f"This task was {task.state} already.")
