"""Assignments: which people have which app, assigned by hand or through a group.

The rule: three facts decide who should be assigned (assigned by hand, member of an assigned group, not deactivated).
`settle` compares this with the existing assignments and makes the difference; every other act changes a fact and calls
it.
"""

from collections.abc import Mapping
from dataclasses import replace

from pocket_okta import provisioning, refusal
from pocket_okta.acts import find
from pocket_okta.attributes import app_profile, typed
from pocket_okta.org import App, Assignment, Group, JobKind, Person, Status
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import apps, group_push, log, people, queue, remote
from pocket_okta.store import assignments as rows
from pocket_okta.store.database import Tx


def settle(tx: Tx, app: App, person_id: str = "") -> None:
    """Begin missing assignments and end those that are no longer due; with `person_id`, only that person's."""
    for claim in rows.claims(tx, app.id, person_id):
        due = not claim.gone and (claim.direct or claim.by_group)
        if due and not claim.assigned:
            _begin(tx, app, find.person(tx, claim.person_id), direct=claim.direct)
        elif claim.assigned and not due:
            _end(tx, app, find.assignment(tx, app.id, claim.person_id))


def _begin(tx: Tx, app: App, person: Person, *, direct: bool, given: Mapping[str, object] | None = None) -> Assignment:
    """Make or renew the row of an assignment and order its provisioning.

    The remote id of an earlier assignment is forgotten: the look-up by name that comes first finds the account again.
    """
    profile = {**mapped_profile(tx, app, person, direct=direct), **(given or {})}
    row = Assignment(
        app_id=app.id,
        person_id=person.id,
        direct=direct,
        assigned=True,
        user_name=str(profile["userName"]),
        profile=profile,
        remote_id="",
        error="",
        push_failed=False,
        created=tx.now,
        last_updated=tx.now,
        status_changed=tx.now,
        last_sync="",
    )
    rows.put_assignment(tx, row)
    log.append(
        tx,
        "act",
        "application.user_membership.add",
        f"Add user to application membership: {person.name}, {app.label}",
        app_id=app.id,
        person_id=person.id,
    )
    remote.cancel_deletion(tx, app.id, person.id)
    if kind := provisioning.upon_assignment(app, person):
        queue.order(tx, app.id, person.id, kind)
    return row


def mapped_profile(tx: Tx, app: App, person: Person, *, direct: bool) -> dict[str, object]:
    """Return a person's app attributes: from the mapping and, unless assigned by hand, from the assigned groups."""
    mapped = app_profile(app.mapping, person.profile)
    return mapped if direct else mapped | apps.given_by_groups(tx, app.id, person.id)


def _end(tx: Tx, app: App, row: Assignment) -> None:
    """End an assignment. The row stays with the remote id, for the deactivation that may follow."""
    rows.put_assignment(
        tx, replace(row, assigned=False, direct=False, error="", last_updated=tx.now, status_changed=tx.now)
    )
    log.append(
        tx,
        "act",
        "application.user_membership.remove",
        f"Remove user's application membership: {row.person_name}, {app.label}",
        app_id=app.id,
        person_id=row.person_id,
    )
    queue.close_tasks(tx, app.id, row.person_id, tuple(JobKind), "resolved")
    kind = provisioning.upon_unassignment(app)
    if kind is None:
        return
    queue.order(tx, app.id, row.person_id, kind)
    if app.deprovisioning.action == "DELETE_LATER" and row.remote_id:
        remote.schedule_deletion(tx, app.id, row.person_id, app.deprovisioning.days)
        log.append(
            tx,
            "act",
            "application.provision.user.delete.schedule",
            f"Schedule deletion of user in external application: {row.person_name}, {app.label}",
            app_id=app.id,
            person_id=row.person_id,
        )
    if app.deprovisioning.remove_from_groups:
        for push in group_push.with_member(tx, app.id, row.person_id):
            group_push.order_push(tx, push)


def checked_profile(app: App, given: Mapping[str, object]) -> dict[str, object]:
    """Return the app attributes given at assignment in their own types; refuses a name the app does not have."""
    known = {attribute.name: attribute for attribute in app.mapping}
    profile: dict[str, object] = {}
    for name, value in given.items():
        if name not in known:
            raise refusal.invalid(name, f"{name}: {app.label} has no such app user attribute.")
        profile[name] = typed(known[name], value)
    if profile.get("userName", " ") == "":
        raise refusal.invalid("userName", "userName: The field cannot be left blank")
    return profile


def assign(tx: Tx, app: App, person: Person, given: Mapping[str, object]) -> Assignment:
    """Assign a person by hand, also if they already have the app through a group.

    Attributes given here are kept until the person's Okta profile changes; then the mapping overwrites the mapped ones.
    """
    if person.status is Status.DEPROVISIONED:
        raise Refusal(Kind.WRONG_STATE, "A deactivated user cannot be assigned: activate the user first.")
    profile = checked_profile(app, given)
    row = rows.get_assignment(tx, app.id, person.id)
    if row is None or not row.assigned:
        return _begin(tx, app, person, direct=True, given=profile)
    row = replace(row, direct=True)
    rows.put_assignment(tx, row)
    return edit(tx, app, row, profile) if profile else row


def edit(tx: Tx, app: App, row: Assignment, given: Mapping[str, object]) -> Assignment:
    """Change attributes of an app user and push them."""
    profile = {**row.profile, **given}
    if profile == row.profile:
        return row
    row = replace(row, profile=profile, user_name=str(profile["userName"]), last_updated=tx.now)
    rows.put_assignment(tx, row)
    if kind := provisioning.upon_profile_change(app, row):
        queue.order(tx, app.id, row.person_id, kind)
    return row


def unassign(tx: Tx, app: App, row: Assignment) -> None:
    """Remove an assignment by hand. A person who also has the app through a group keeps it."""
    if not row.direct:
        names = ", ".join(group.name for group in _granting(tx, app, row.person_id))
        raise Refusal(
            Kind.WRONG_STATE,
            f"{row.person_name} has this app through the group {names}: take the person out of the group, "
            "or unassign the group.",
        )
    rows.put_assignment(tx, replace(row, direct=False))
    settle(tx, app, row.person_id)


def _granting(tx: Tx, app: App, person_id: str) -> list[Group]:
    granted = {group.id for group in apps.app_groups(tx, app.id)}
    return [group for group in people.groups_of(tx, person_id) if group.id in granted]


def assign_group(tx: Tx, app: App, group: Group, given: Mapping[str, object]) -> None:
    """Assign every member of a group, now and in future, or change the app attributes that this gives them (C9309).

    The attributes win over the mapping for members who are not assigned by hand.
    """
    profile = {name: value for name, value in checked_profile(app, given).items() if value != ""}
    if "userName" in profile:
        raise refusal.invalid("userName", "userName: every member has a username of their own; a group gives none.")
    earlier = apps.app_group_profile(tx, app.id, group.id)
    apps.put_app_group(tx, app.id, group.id, profile)
    if earlier is not None:
        if earlier != profile:
            _follow_group(tx, app, group)
        return
    log.append(
        tx,
        "act",
        "group.application_assignment.add",
        f"Add assigned application to group: {group.name}, {app.label}",
        app_id=app.id,
    )
    settle(tx, app)


def unassign_group(tx: Tx, app: App, group: Group) -> None:
    """Take the app from a group; members who have it no other way are unassigned (test plan C9311)."""
    if app.id not in apps.apps_of_group(tx, group.id):
        raise refusal.not_found("AppGroup", group.id)
    apps.remove_app_group(tx, app.id, group.id)
    log.append(
        tx,
        "act",
        "group.application_assignment.remove",
        f"Remove assigned application from group: {group.name}, {app.label}",
        app_id=app.id,
    )
    settle(tx, app)


def _follow_group(tx: Tx, app: App, group: Group) -> None:
    """Give the members of an assigned group its changed attributes, and push them."""
    log.append(
        tx, "act", "group.application_assignment.update", f"Update assignment: {group.name}, {app.label}", app_id=app.id
    )
    for person in people.members(tx, group.id):
        row = rows.get_assignment(tx, app.id, person.id)
        if row and row.assigned and not row.direct:
            edit(tx, app, row, mapped_profile(tx, app, person, direct=False))


def provision(tx: Tx, app: App, row: Assignment) -> None:
    """Press "Provision User": for people who were assigned before provisioning was switched on."""
    if not app.can.any:
        raise Refusal(Kind.WRONG_STATE, f"Provisioning is not enabled for {app.label}: see Provisioning > To App.")
    queue.order(tx, app.id, row.person_id, JobKind.PROVISION)


def force_sync(tx: Tx, app: App) -> int:
    """Press "Force Sync": push every provisioned person's profile. It creates nobody (wire facts 1.3)."""
    if not app.can.update:
        raise Refusal(Kind.WRONG_STATE, "Update User Attributes is not enabled: see Provisioning > To App.")
    provisioned = [row for row in rows.of_app(tx, app.id) if row.remote_id]
    for row in provisioned:
        person = people.get_person(tx, row.person_id)
        if person:
            mapped = mapped_profile(tx, app, person, direct=row.direct)
            rows.put_assignment(tx, replace(row, profile={**row.profile, **mapped}, user_name=str(mapped["userName"])))
        queue.order(tx, app.id, row.person_id, JobKind.PUSH_PROFILE)
    return len(provisioned)
