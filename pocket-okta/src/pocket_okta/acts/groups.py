"""Directory > Groups: make, rename, fill and delete groups.

Members get and lose the apps of the group, and apps that the group is pushed to learn what has changed.
"""

import sqlite3
from dataclasses import replace

from pocket_okta import refusal
from pocket_okta.acts import assignments as assigning
from pocket_okta.acts import find, group_rules
from pocket_okta.acts import group_push as pushing
from pocket_okta.org import Group, Person, Status, check_label, new_id
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import apps, log, people
from pocket_okta.store.database import Tx


def _put(tx: Tx, group: Group) -> None:
    try:
        people.put_group(tx, group)
    except sqlite3.IntegrityError:
        raise refusal.invalid(
            "name", "name: An object with this field already exists in the current organization"
        ) from None


def add(tx: Tx, name: object, description: str = "") -> Group:
    """Make an empty group."""
    group = Group(new_id("00g"), check_label(name), description.strip()[:1024], tx.now, tx.now)
    _put(tx, group)
    log.append(tx, "act", "group.lifecycle.create", f"Create Okta group: {group.name}")
    group_rules.apply_all(tx, group)
    return group


def rename(tx: Tx, group: Group, name: object, description: str) -> Group:
    changed = replace(group, name=check_label(name), description=description.strip()[:1024], last_updated=tx.now)
    _put(tx, changed)
    log.append(tx, "act", "group.profile.update", f"Update Okta group: {changed.name}")
    pushing.follow(tx, changed)
    group_rules.apply_all(tx, changed)
    return changed


def join(tx: Tx, group: Group, person: Person) -> None:
    """Add a person to a group, and so to every app the group is assigned to. Adding twice changes nothing."""
    if person.status is Status.DEPROVISIONED:
        raise Refusal(Kind.WRONG_STATE, "A deactivated user cannot be added to a group.")
    people.put_member(tx, group.id, person.id)
    log.append(tx, "act", "group.user_membership.add", f"Add {person.name} to group {group.name}", person_id=person.id)
    for app_id in apps.apps_of_group(tx, group.id):
        assigning.settle(tx, find.app(tx, app_id), person.id)
    pushing.follow(tx, group)


def leave(tx: Tx, group: Group, person: Person) -> None:
    """Remove a person from a group. They are deactivated in apps that they had only through this group."""
    people.remove_member(tx, group.id, person.id)
    log.append(
        tx, "act", "group.user_membership.remove", f"Remove {person.name} from group {group.name}", person_id=person.id
    )
    for app_id in apps.apps_of_group(tx, group.id):
        assigning.settle(tx, find.app(tx, app_id), person.id)
    pushing.follow(tx, group)


def delete(tx: Tx, group: Group) -> None:
    """Delete a group; its people stay, their assignments through it end. A pushed group has to be unlinked first."""
    pushing.require_unused(tx, group)
    app_ids = apps.apps_of_group(tx, group.id)
    people.remove_group(tx, group.id)
    log.append(tx, "act", "group.lifecycle.delete", f"Delete Okta group: {group.name}")
    for app_id in app_ids:
        assigning.settle(tx, find.app(tx, app_id))
