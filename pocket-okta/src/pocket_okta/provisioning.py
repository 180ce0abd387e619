"""Which act of an administrator makes which provisioning job.

The rule: what is decided here is decided from values alone, at the moment of the act. What only the moment of the call
can know (is there a remote id yet, is provisioning still on) the engine decides. Source: Okta wire facts 1.3, 1.7.
"""

from pocket_okta.org import App, Assignment, JobKind, Person, Status


def upon_assignment(app: App, person: Person) -> JobKind | None:
    """An assignment provisions, if any feature is on and the person is not merely staged.

    Assigned before provisioning was switched on: nothing, until somebody presses "Provision User".
    """
    return JobKind.PROVISION if app.can.any and person.status is not Status.STAGED else None


def upon_profile_change(app: App, assignment: Assignment) -> JobKind | None:
    """A changed profile is pushed whole to every app the person is assigned to, if Update User Attributes is on."""
    return JobKind.PUSH_PROFILE if app.can.update and assignment.assigned else None


def upon_password_change(app: App, assignment: Assignment) -> JobKind | None:
    """A new password is pushed if Sync Password is on; otherwise the app never learns of it."""
    return JobKind.PUSH_PASSWORD if app.can.password and assignment.assigned else None


def upon_unassignment(app: App) -> JobKind | None:
    """Unassigning, and deactivating the Okta user, set active to false if Deactivate Users is on.

    Suspending, unsuspending and deleting an Okta user are no unassignment and never come here: Okta sends nothing.
    An app can be set to delete the account instead, at once or after a delay.
    """
    if not app.can.deactivate:
        return None
    return JobKind.DELETE_USER if app.deprovisioning.action == "DELETE" else JobKind.DEACTIVATE


def deactivation_is_withheld(app: App, assignment: Assignment) -> bool:
    """The regret that Okta's own forum reports: after a failed profile push no deactivation is sent. Off by default."""
    return app.withhold_after_error and assignment.push_failed
