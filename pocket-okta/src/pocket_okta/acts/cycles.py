"""Entra's Provisioning page: start and stop the job, restart it, run a cycle, provision one person on demand."""

from dataclasses import replace

from pocket_okta.org import App, Assignment, JobKind, Person
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import assignments, cycles, group_push, log, queue
from pocket_okta.store.database import Tx


def _require(app: App) -> None:
    if not app.template.cycles:
        raise Refusal(Kind.INVALID, f"{app.label} is not provisioned in cycles.")
    if not app.connected:
        raise Refusal(Kind.INVALID, f"Provisioning of {app.label} has no admin credentials yet.")


def _say(tx: Tx, app: App, message: str) -> None:
    log.append(tx, "act", "entra.provisioning", f"{message}: {app.label}", app_id=app.id)


def start(tx: Tx, app: App) -> None:
    """Start provisioning: the first cycle begins at once."""
    _require(app)
    cycles.put(tx, replace(cycles.get(tx, app.id), started=True))
    _say(tx, app, "Start provisioning")
    run_now(tx, app)


def stop(tx: Tx, app: App) -> None:
    """Stop provisioning after the cycle that may be running."""
    _require(app)
    cycles.put(tx, replace(cycles.get(tx, app.id), started=False))
    _say(tx, app, "Stop provisioning")


def restart(tx: Tx, app: App) -> None:
    """Restart provisioning: quarantine, failures and watermarks are forgotten, and everybody is compared anew."""
    _require(app)
    now = cycles.get(tx, app.id)
    cycles.put(tx, replace(now, started=True, state="NotRun", last_cycle="", reason="", quarantined="", attempts=0))
    cycles.forget_written(tx, app.id)
    for copy in group_push.of_app(tx, app.id):
        group_push.put_push(tx, replace(copy, members=(), error=""))
    _say(tx, app, "Restart provisioning")
    run_now(tx, app)


def run_now(tx: Tx, app: App) -> None:
    """Run a cycle without waiting until it is due. Entra has no such button."""
    _require(app)
    if not queue.is_under_way(tx, app.id, JobKind.CYCLE):
        queue.order(tx, app.id, "", JobKind.CYCLE)


def on_demand(tx: Tx, app: App, person: Person) -> Assignment:
    """Provision one person who is or was assigned; returns their row as it is before."""
    _require(app)
    row = assignments.get_assignment(tx, app.id, person.id)
    if row is None:
        raise Refusal(Kind.WRONG_STATE, f"{person.name} is not in scope: assign the person to {app.label} first.")
    queue.order(tx, app.id, person.id, JobKind.ON_DEMAND)
    return row
