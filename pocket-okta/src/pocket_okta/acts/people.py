"""Directory > People: add, edit, and the life cycle.

The rule: what follows for the apps a person is assigned to is decided in `pocket_okta.provisioning` and ordered here,
in the same transaction. Suspending, unsuspending and deleting order nothing (wire facts 1.3).
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from pocket_okta import provisioning, refusal
from pocket_okta.acts import assignments as assigning
from pocket_okta.acts import find, sessions
from pocket_okta.attributes import clean_profile
from pocket_okta.org import JobKind, Person, Status, new_id, require
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import apps, log, people, queue
from pocket_okta.store import assignments as assignment_rows
from pocket_okta.store.database import Tx

_EVENTS = {
    "activate": ("user.lifecycle.activate", "Activate Okta user"),
    "deactivate": ("user.lifecycle.deactivate", "Deactivate Okta user"),
    "suspend": ("user.lifecycle.suspend", "Suspend Okta user"),
    "unsuspend": ("user.lifecycle.unsuspend", "Unsuspend Okta user"),
}


def _put(tx: Tx, person: Person) -> None:
    try:
        people.put_person(tx, person)
    except sqlite3.IntegrityError:
        raise refusal.invalid(
            "login", "login: An object with this field already exists in the current organization"
        ) from None


def add(tx: Tx, profile: Mapping[str, object], *, activate: bool = True, password: str = "") -> Person:
    """Add a person, active or staged. A staged person is provisioned nowhere until activated."""
    person = Person(
        id=new_id("00u"),
        status=Status.ACTIVE if activate else Status.STAGED,
        profile=clean_profile(profile, {}),
        created=tx.now,
        last_updated=tx.now,
        status_changed=tx.now,
        activated=tx.now if activate else "",
        password_changed=tx.now if password else "",
    )
    _put(tx, person)
    log.append(tx, "act", "user.lifecycle.create", f"Create Okta user: {person.name}", person_id=person.id)
    return person


def edit(tx: Tx, person: Person, profile: Mapping[str, object], *, whole: bool = False) -> Person:
    """Write attributes over a person's profile, or put a whole new profile in its place, and push it to the apps.

    Nothing is ordered if nothing changed, or if the person is deactivated and therefore has no app.
    """
    cleaned = clean_profile(profile, {} if whole else person.profile)
    if cleaned == person.profile:
        return person
    edited = replace(person, profile=cleaned, last_updated=tx.now)
    _put(tx, edited)
    log.append(
        tx, "act", "user.account.update_profile", f"Update user profile for Okta: {edited.name}", person_id=person.id
    )
    for assignment in assignment_rows.of_person(tx, person.id):
        app = find.app(tx, assignment.app_id)
        mapped = assigning.mapped_profile(tx, app, edited, direct=assignment.direct)
        row = replace(
            assignment,
            profile={**assignment.profile, **mapped},
            user_name=str(mapped["userName"]),
            last_updated=tx.now,
        )
        assignment_rows.put_assignment(tx, row)
        if kind := provisioning.upon_profile_change(app, row):
            queue.order(tx, app.id, person.id, kind)
    return edited


def set_password(tx: Tx, person: Person, password: str) -> Person:
    """Set a person's password and push it to the apps that sync passwords. Okta itself keeps only when it changed."""
    if person.status is Status.DEPROVISIONED:
        raise Refusal(Kind.WRONG_STATE, "This operation is not allowed in the user's current status.")
    if not 8 <= len(password) <= 72:
        raise refusal.invalid("password", "password: Password requirements were not met: wanted 8 to 72 characters.")
    changed = replace(person, password_changed=tx.now, last_updated=tx.now)
    people.put_person(tx, changed)
    log.append(
        tx, "act", "user.account.update_password", f"Update password of Okta user: {person.name}", person_id=person.id
    )
    for assignment in assignment_rows.of_person(tx, person.id):
        if kind := provisioning.upon_password_change(find.app(tx, assignment.app_id), assignment):
            queue.order(tx, assignment.app_id, person.id, kind, secret=password)
    return changed


def change_state(tx: Tx, person: Person, act: str) -> Person:
    """Activate, deactivate, suspend or unsuspend a person; refuses an act that the person's state does not allow.

    Deactivating ends every session and assignment; activating brings back those that come through a group.
    """
    status = require(act, person)
    changed = replace(person, status=status, status_changed=tx.now, last_updated=tx.now)
    if act == "activate":
        changed = replace(changed, activated=tx.now)
    people.put_person(tx, changed)
    event, label = _EVENTS[act]
    log.append(tx, "act", event, f"{label}: {person.name}", person_id=person.id)
    if act == "deactivate":
        sessions.clear(tx, changed)  # before the assignments end: they say which apps are to be told
    elif act == "suspend":
        sessions.end_all(tx, changed)
    if act in {"activate", "deactivate"}:
        for app in apps.all_apps(tx):
            assigning.settle(tx, app, person.id)
    if act == "activate" and person.status is Status.STAGED:
        _provision_waiting(tx, changed)
    return changed


def _provision_waiting(tx: Tx, person: Person) -> None:
    """Begin the assignments that were made while the person was staged."""
    for assignment in assignment_rows.of_person(tx, person.id):
        kind = provisioning.upon_assignment(find.app(tx, assignment.app_id), person)
        if kind is JobKind.PROVISION and not assignment.remote_id:
            queue.order(tx, assignment.app_id, person.id, kind)


def delete(tx: Tx, person: Person) -> None:
    """Delete a deactivated person permanently. No app is told (wire facts 1.3)."""
    if person.status is not Status.DEPROVISIONED:
        raise Refusal(Kind.WRONG_STATE, "Only a deactivated user can be deleted: deactivate the user first.")
    people.remove_person(tx, person.id)
    log.append(tx, "act", "user.lifecycle.delete", f"Delete Okta user: {person.name}", person_id=person.id)
