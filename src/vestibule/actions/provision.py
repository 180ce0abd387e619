"""The SCIM actions of an identity provider on people: create, replace, patch, delete.

Rules of this file: an identity provider sees its own people and, if it may adopt, people who were added by hand and
have no role; all others are 404. A change and its event are stored in the same transaction. People of different
identity providers are never found, linked or merged by e-mail, externalId or userName.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from vestibule.actions.deriving import Deriving, deriving_of, groups_that_count
from vestibule.actions.end_access import keep_console_in_step, take_access, take_all
from vestibule.actions.membership import leave_all_groups, leave_groups_of_others
from vestibule.actions.new_person import describe, make_person
from vestibule.actions.scim_request import Sent, check_provisioning, check_version, paused, told_of_parts
from vestibule.events import changes_between, creation_changes, shortened_changes
from vestibule.model import User
from vestibule.scim.errors import Forbidden, NotFound, Uniqueness
from vestibule.scim.filter import Document
from vestibule.scim.patch import Operation, Understood, apply_patch
from vestibule.scim.resource import Ignored
from vestibule.scim.schema import USER_TYPE
from vestibule.scim.text import fold
from vestibule.store.database import Reading, Tx, UniqueViolation
from vestibule.store.events import append_event
from vestibule.store.user_lists import Visibility
from vestibule.store.users import (
    ProviderState,
    find_adoptable_name,
    find_state_to_create,
    find_user,
    find_users_by_name,
    lock_user_to_change,
    remove_user,
    update_user,
)

NOBODY_HERE: Final = "There is no user with that id for this identity provider."


@dataclass(frozen=True, slots=True)
class _Rules:
    """The settings that a write depends on, read in its transaction."""

    deriving: Deriving
    adopts: bool
    is_paused: bool
    """Whether only deactivations and deletions are carried out."""


async def see_user(reading: Reading, visibility: Visibility, user_id: str) -> User:
    """Returns the person with that id, if the identity provider may see them.

    Raises:
        NotFound: there is no such person, or it may not see them.
    """
    user = await find_user(reading, user_id)
    if user is None or not await _sees(reading, visibility, user):
        raise NotFound(NOBODY_HERE)
    return user


async def create_user(tx: Tx, sent: Sent, document: Document, ignored: list[Ignored]) -> User:
    """Create a person, active unless the document says otherwise, and return it.

    Raises:
        Uniqueness: this identity provider sees another person with that userName, active or not.
        Forbidden: provisioning is switched off.
        TooManyRequests: provisioning is paused.
    """
    document.setdefault("active", True)
    described = describe(document)
    found = await find_state_to_create(tx, tx.actor.identity_provider_id, described.columns.user_name_key)
    if found is None:
        raise NotFound(NOBODY_HERE)
    state, adoptable = found
    sent.ignored[:] = ignored
    rules = await _rules(tx, state)
    if rules.is_paused:
        raise paused()
    if rules.adopts and adoptable is not None:
        raise _taken(document)
    try:
        return await make_person(
            tx,
            tx.actor.identity_provider_id,
            described,
            rules.deriving.derive(document, "[]", ()),
            lambda user: _told(sent, user, document, None, ignored),
        )
    except UniqueViolation:
        raise _taken(document) from None


async def replace_user(
    tx: Tx, sent: Sent, user_id: str, document: Document, ignored: list[Ignored], if_match: str | None = None
) -> User:
    """Replace a person's attributes (PUT), and return the person. If `active` is missing it stays as it is.

    Raises:
        NotFound: the identity provider may not see this person.
        Uniqueness: it sees another person with that userName.
        PreconditionFailed: `if_match` is not the current version.
        Forbidden: provisioning is switched off.
        TooManyRequests: provisioning is paused.
    """
    user, rules = await _reach(tx, user_id, if_match)
    before: Document = orjson.loads(user.document)
    if "active" not in document:  # a copy, because the transaction may be run again with the same argument
        document = {**document, "active": before["active"]}
    return await _keep(tx, sent, user, rules, before, document, ignored)


async def patch_user(
    tx: Tx, sent: Sent, user_id: str, operations: list[Operation], if_match: str | None = None
) -> User:
    """Change a person by PATCH operations, all of them or none, and return the person.

    Raises:
        NotFound, Uniqueness, PreconditionFailed, Forbidden, TooManyRequests: as `replace_user`.
        ScimError: as `scim.patch.apply_patch`.
    """
    user, rules = await _reach(tx, user_id, if_match)
    before: Document = orjson.loads(user.document)
    after, understood = apply_patch(before, operations, USER_TYPE, strict=sent.strict)
    after.setdefault("active", before["active"])
    ignored = [each for report in understood for each in report.ignored]
    return await _keep(tx, sent, user, rules, before, after, ignored, understood)


async def delete_user(tx: Tx, sent: Sent, user_id: str, if_match: str | None = None) -> None:
    """Delete a person, also while provisioning is paused. The userName becomes free; the activity log keeps the
    history.

    Raises:
        NotFound, PreconditionFailed: as `replace_user`.
        Forbidden: provisioning is switched off, or the person was added by hand and not adopted.
    """
    user, _ = await _reach(tx, user_id, if_match)
    if not user.identity_provider_id:
        raise Forbidden(
            "This user was added by hand and is not provisioned by this identity provider yet: assign and update them "
            "first, or delete them in the Admin Console."
        )
    before: Document = orjson.loads(user.document)
    await leave_all_groups(tx, user)
    await remove_user(tx, user.id, before)
    gone = user._replace(version=user.version + 1)
    await take_all(tx, user, _told(sent, gone, before, changes_between(before, {}), []))


# -- access to people --------------------------------------------------------------------------------------------------


async def _sees(reading: Reading, visibility: Visibility, user: User) -> bool:
    if user.identity_provider_id == visibility.provider_id:
        return True
    if user.identity_provider_id or user.role or not visibility.adopts:
        return False
    namesakes = await find_users_by_name(reading, orjson.loads(user.document)["userName"])
    return all(namesake.identity_provider_id != visibility.provider_id for namesake in namesakes)


async def _reach(tx: Tx, user_id: str, if_match: str | None) -> tuple[User, _Rules]:
    found = await lock_user_to_change(tx, tx.actor.identity_provider_id, user_id)
    if found is None:
        raise NotFound(NOBODY_HERE)
    state, user = found
    rules = await _rules(tx, state)
    if not await _sees(tx, Visibility(tx.actor.identity_provider_id, rules.adopts), user):
        raise NotFound(NOBODY_HERE)
    check_version(if_match, user.version)
    return user, rules


async def _rules(tx: Tx, state: ProviderState) -> _Rules:
    check_provisioning(state.provisioning)
    deriving = await deriving_of(tx, tx.actor.identity_provider_id, state.mapping_version)
    return _Rules(deriving, state.adopts, state.provisioning == "paused")


def _may_pass_the_pause(before: Document, changes: list[dict[str, Any]], after: Document) -> bool:
    """Returns whether a change is carried out while provisioning is paused.

    It is if it deactivates a person, or changes nothing of an inactive person, such as a repeated deactivation
    (docs/decisions/0016).
    """
    return not after["active"] and (before["active"] or not changes)


# -- storing changes ---------------------------------------------------------------------------------------------------


async def _keep(
    tx: Tx,
    sent: Sent,
    user: User,
    rules: _Rules,
    before: Document,
    after: Document,
    ignored: list[Ignored],
    understood: list[Understood] | None = None,
) -> User:
    """Store a changed person with the event about it, or record that nothing changed. Returns the person."""
    adopting = not user.identity_provider_id
    sent.ignored[:] = ignored
    changes = changes_between(before, after)
    if rules.is_paused and not _may_pass_the_pause(before, changes, after):
        raise paused()
    if not changes and not adopting:
        await append_event(tx, "user.unchanged", _told(sent, user, before, [], ignored, understood), subject_id=user.id)
        return user
    text = orjson.dumps(after).decode()
    only_switched = (
        not adopting and not rules.deriving.reads_active and all(each["attribute"] == "active" for each in changes)
    )
    profile = user.profile if only_switched else await _profile(tx, rules.deriving, user, after)
    kept = user._replace(
        identity_provider_id=tx.actor.identity_provider_id,
        active=after["active"],
        document=text,
        profile=profile,
        version=user.version + 1,
        modified_at=max(tx.now, user.modified_at),
    )
    try:
        await update_user(tx, user, kept, before, after)
    except UniqueViolation:
        raise _taken(after) from None
    if await _name_is_taken_by_hand(tx, rules, before, after):
        raise _taken(after)
    await keep_console_in_step(tx, user.id, user.profile, kept.profile)
    if adopting:
        await leave_groups_of_others(tx, kept, tx.actor.identity_provider_id)
        await append_event(tx, "user.adopted", _told(sent, kept, after, [], []), subject_id=user.id)
    if changes:
        told = _told(sent, kept, after, changes, ignored, understood)
        await record_change(tx, change_type(before, after), user.id, told)
    return kept


async def _profile(tx: Tx, deriving: Deriving, user: User, document: Document) -> str:
    """Returns a person's Profile for a new document, as JSON."""
    groups = await groups_that_count(tx, deriving.groups, (user,))
    return orjson.dumps(deriving.derive(document, user.saml_groups, groups.get(user.id, ()))).decode()


async def record_change(tx: Tx, event_type: str, user_id: str, told: dict[str, Any]) -> None:
    """Record the event about a change, after `update_user`. A deactivation also ends the person's sessions."""
    if event_type == "user.deactivated":
        await take_access(tx, event_type, user_id, told, reason="deactivated", is_noted=True)
    else:
        await append_event(tx, event_type, told, subject_id=user_id)


def change_type(before: Document, after: Document) -> str:
    """Returns the type of event for a change. A change of `active` decides it, whatever else changed."""
    if before["active"] and not after["active"]:
        return "user.deactivated"
    return "user.reactivated" if after["active"] and not before["active"] else "user.changed"


async def _name_is_taken_by_hand(tx: Tx, rules: _Rules, before: Document, after: Document) -> bool:
    """Returns whether a new userName is that of a person who was added by hand and whom the identity provider sees."""
    name = fold(after["userName"])
    if not rules.adopts or fold(before["userName"]) == name:
        return False
    return await find_adoptable_name(tx, name) is not None


def _taken(document: Document) -> Uniqueness:
    return Uniqueness(
        f"A user with the userName '{document['userName']}' already exists. Find it with a filter on userName, which "
        "also finds inactive users, and update it."
    )


def _told(
    sent: Sent,
    user: User,
    document: Document,
    changes: list[dict[str, Any]] | None,
    ignored: list[Ignored],
    understood: list[Understood] | None = None,
) -> dict[str, Any]:
    """Returns the data of an event about a write. `changes` is None for a creation."""
    told = sent.told()
    body = told.get("sent")
    told |= {
        "user_name": document["userName"],
        "version": user.version,
        "changes": creation_changes(document, body) if changes is None else shortened_changes(changes, body),
    }
    return told | told_of_parts(ignored, understood)
