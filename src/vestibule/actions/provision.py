"""What an identity provider does to people: create, replace, patch, delete.

The rules of this file: an identity provider reaches its own people and, where it may adopt, people who were added by
hand and hold no role; every other id is 404. A change is kept together with the event that tells it, or not at all.
Nobody is found, linked or merged by e-mail, externalId or userName across identity providers.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import orjson

from vestibule.actions.end_access import keep_console_in_step, take_access, take_all
from vestibule.actions.new_person import describe, make_person
from vestibule.events import changes_between, creation_changes, redacted, redacted_text, shortened_changes
from vestibule.mapping import DeriveAll, compile_profile, reads_active
from vestibule.model import RoleRules, User
from vestibule.scim.errors import Forbidden, NotFound, PreconditionFailed, TooManyRequests, Uniqueness
from vestibule.scim.filter import Document
from vestibule.scim.patch import Operation, Understood, apply_patch
from vestibule.scim.representation import etag
from vestibule.scim.resource import Ignored
from vestibule.scim.schema import USER_TYPE
from vestibule.scim.text import fold
from vestibule.store.database import Reading, Tx, UniqueViolation
from vestibule.store.events import append_event
from vestibule.store.identity_providers import find_provider
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

PAUSE: Final = 60
"""Seconds after which an identity provider tries again while provisioning is paused."""

LARGEST_KEPT_BODY: Final = 64 * 1024
"""Bytes of a request's body above which the log says how large it was instead of keeping it."""

MOST_OPERATIONS_TOLD: Final = 100
MOST_PARTS_TOLD: Final = 50
MOST_PARTS_TOLD_IN_ALL: Final = 500
"""How many operations of a PATCH an event tells, and how many places that each reached and parts that were set aside of
it: those of one, and those of all together. The rest is counted.
"""

NOBODY_HERE: Final = "There is no user with that id for this identity provider."


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as the log tells it. `size` is that of the body in bytes."""

    method: str
    path: str
    body: Any = None
    size: int = 0

    def told(self) -> dict[str, Any]:
        """What an event keeps of it."""
        told: dict[str, Any] = {"request": {"method": self.method, "path": self.path}}
        if self.body is not None:
            kept = redacted(self.body) if self.size <= LARGEST_KEPT_BODY else f"{self.size:,} bytes, too large to keep"
            told["sent"] = kept
        return told


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a write depends on, read in its own transaction."""

    derive: DeriveAll
    reads_active: bool
    """Whether Profiles depend on `active`."""
    adopts: bool
    is_paused: bool
    """Whether only what takes access away is carried out."""


async def see_user(reading: Reading, visibility: Visibility, user_id: str) -> User:
    """The person of that id, as an identity provider sees them.

    Raises:
        NotFound: nobody, or nobody this identity provider may see.
    """
    user = await find_user(reading, user_id)
    if user is None or not await _sees(reading, visibility, user):
        raise NotFound(NOBODY_HERE)
    return user


async def create_user(tx: Tx, sent: Sent, document: Document, ignored: list[Ignored]) -> User:
    """Bring a person into being, active unless the document says otherwise.

    Raises:
        Uniqueness: this identity provider sees somebody of that userName already, active or not.
        Forbidden, TooManyRequests: provisioning is switched off or paused.
    """
    document.setdefault("active", True)
    described = describe(document)
    found = await find_state_to_create(tx, tx.actor.identity_provider_id, described.columns.user_name_key)
    if found is None:
        raise NotFound(NOBODY_HERE)
    state, adoptable = found
    rules = await _rules(tx, state)
    if rules.is_paused:
        raise _paused()
    if rules.adopts and adoptable is not None:
        raise _taken(document)
    try:
        return await make_person(
            tx,
            tx.actor.identity_provider_id,
            described,
            rules.derive(document, "[]"),
            lambda user: _told(sent, user, document, None, ignored),
        )
    except UniqueViolation:
        raise _taken(document) from None


async def replace_user(
    tx: Tx, sent: Sent, user_id: str, document: Document, ignored: list[Ignored], if_match: str | None = None
) -> User:
    """Replace a person's attributes (PUT). Without `active` they stay as active as they were (wire facts 1.5).

    Raises:
        NotFound, Uniqueness, PreconditionFailed, Forbidden, TooManyRequests
    """
    user, rules = await _reach(tx, user_id, if_match)
    before: Document = orjson.loads(user.document)
    if "active" not in document:  # the argument stays as it is: the transaction may be run again
        document = {**document, "active": before["active"]}
    return await _keep(tx, sent, user, rules, before, document, ignored)


async def patch_user(
    tx: Tx, sent: Sent, user_id: str, operations: list[Operation], if_match: str | None = None
) -> User:
    """Change a person by operations (PATCH), all of them or none.

    Raises:
        NotFound, Uniqueness, PreconditionFailed, Forbidden, TooManyRequests
        ScimError: as `scim.patch.apply_patch` does.
    """
    user, rules = await _reach(tx, user_id, if_match)
    before: Document = orjson.loads(user.document)
    after, understood = apply_patch(before, operations, USER_TYPE)
    after.setdefault("active", before["active"])
    ignored = [each for report in understood for each in report.ignored]
    return await _keep(tx, sent, user, rules, before, after, ignored, understood)


async def delete_user(tx: Tx, sent: Sent, user_id: str, if_match: str | None = None) -> None:
    """Forget a person's resource, also while provisioning is paused. Their userName is free again, their history stays.

    Raises:
        NotFound, PreconditionFailed, Forbidden
    """
    user, _ = await _reach(tx, user_id, if_match)
    if not user.identity_provider_id:
        raise Forbidden(
            "This user was added by hand and is not provisioned by this identity provider yet: assign and update them "
            "first, or delete them in the Admin Console."
        )
    before: Document = orjson.loads(user.document)
    await remove_user(tx, user.id, before)
    gone = user._replace(version=user.version + 1)
    await take_all(tx, user, _told(sent, gone, before, changes_between(before, {}), []))


# -- who may be reached ------------------------------------------------------------------------------------------------


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
    if if_match is not None and not _matches(if_match, user.version):
        raise PreconditionFailed(f"If-Match names another version than the current one, {etag(user.version)}.")
    return user, rules


def _matches(if_match: str, version: int) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")}
    return "*" in tags or str(version) in tags


async def _rules(tx: Tx, state: ProviderState) -> _Rules:
    check_provisioning(state.provisioning)
    deriving = await _deriving_of(tx, tx.actor.identity_provider_id, state.mapping_version)
    return _Rules(*deriving, state.adopts, state.provisioning == "paused")


class ProvisioningOff(Forbidden):
    """Provisioning is switched off for this identity provider: nothing is answered."""


class ProvisioningPaused(TooManyRequests):
    """Provisioning is paused for this identity provider, and this write has to wait."""


def check_provisioning(provisioning: str) -> None:
    """Refuse every request while provisioning is switched off. Whether a write waits while it is paused depends on what
    the write would do, so that is decided in its transaction.

    Raises:
        ProvisioningOff
    """
    if provisioning == "off":
        raise ProvisioningOff(
            "Auto-provisioning is switched off for this identity provider. Switch it on in the Admin Console under "
            "Integrations > Identity Providers > Provisioning."
        )


def _paused() -> ProvisioningPaused:
    """Returns the refusal of a write that has to wait. Okta tries again by itself (wire facts 1.12)."""
    return ProvisioningPaused(
        "Provisioning is paused in the Admin Console: only deactivations and deletions are carried out. Try again "
        "later.",
        retry_after=PAUSE,
    )


def _may_pass_the_pause(before: Document, changes: list[dict[str, Any]], after: Document) -> bool:
    """Whether a change is carried out while provisioning is paused: it deactivates somebody, or changes nothing of
    somebody who is inactive, as a deactivation that is sent again does (docs/decisions).
    """
    return not after["active"] and (before["active"] or not changes)


_derivations: OrderedDict[tuple[str, int], tuple[DeriveAll, bool]] = OrderedDict()


async def derivation_of(reading: Reading, provider_id: str, version: int) -> DeriveAll:
    """The function that derives Profiles by a version of an identity provider's mapping. Compiled once, kept for
    later.
    """
    derive, _ = await _deriving_of(reading, provider_id, version)
    return derive


async def _deriving_of(reading: Reading, provider_id: str, version: int) -> tuple[DeriveAll, bool]:
    """The same, and whether it reads `active`."""
    deriving = _derivations.get((provider_id, version))
    if deriving is None:
        provider = await find_provider(reading, provider_id)
        rules, roles = (provider.mapping, provider.roles) if provider else ((), RoleRules())
        deriving = compile_profile(rules, roles), reads_active(rules)
        if provider and provider.mapping_version == version:
            _derivations[provider_id, version] = deriving
            if len(_derivations) > 256:
                _derivations.popitem(last=False)
    return deriving


# -- keeping what changed ----------------------------------------------------------------------------------------------


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
    """Keep a person as they are now, with the event that tells what changed; or note that nothing did."""
    adopting = not user.identity_provider_id
    changes = changes_between(before, after)
    if rules.is_paused and not _may_pass_the_pause(before, changes, after):
        raise _paused()
    if not changes and not adopting:
        await append_event(tx, "user.unchanged", _told(sent, user, before, [], ignored, understood), subject_id=user.id)
        return user
    text = orjson.dumps(after).decode()
    only_switched = not adopting and not rules.reads_active and all(each["attribute"] == "active" for each in changes)
    kept = user._replace(
        identity_provider_id=tx.actor.identity_provider_id,
        active=after["active"],
        document=text,
        profile=user.profile if only_switched else orjson.dumps(rules.derive(after, user.saml_groups)).decode(),
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
        await append_event(tx, "user.adopted", _told(sent, kept, after, [], []), subject_id=user.id)
    if changes:
        told = _told(sent, kept, after, changes, ignored, understood)
        await record_change(tx, change_type(before, after), user.id, told)
    return kept


async def record_change(tx: Tx, event_type: str, user_id: str, told: dict[str, Any]) -> None:
    """Record what a change of a person was, after `update_user`; a deactivation ends their sessions in the same
    breath.
    """
    if event_type == "user.deactivated":
        await take_access(tx, event_type, user_id, told, reason="deactivated", is_noted=True)
    else:
        await append_event(tx, event_type, told, subject_id=user_id)


def change_type(before: Document, after: Document) -> str:
    """The event that a change of a person is: what became of `active` is told before anything else."""
    if before["active"] and not after["active"]:
        return "user.deactivated"
    return "user.reactivated" if after["active"] and not before["active"] else "user.changed"


async def _name_is_taken_by_hand(tx: Tx, rules: _Rules, before: Document, after: Document) -> bool:
    """Whether a rename runs onto somebody who was added by hand and whom this identity provider sees."""
    name = fold(after["userName"])
    if not rules.adopts or fold(before["userName"]) == name:
        return False
    return await find_adoptable_name(tx, name) is not None


def _taken(document: Document) -> Uniqueness:
    return Uniqueness(
        f"A user with the userName '{document['userName']}' exists already. Find it with a filter on userName, which "
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
    """What an event keeps of a write. `changes` is None for a creation, which changes all that the document has."""
    told = sent.told()
    body = told.get("sent")
    told |= {
        "user_name": document["userName"],
        "version": user.version,
        "changes": creation_changes(document, body) if changes is None else shortened_changes(changes, body),
    }
    if ignored:
        told |= _told_ignored(ignored, MOST_PARTS_TOLD)
    if understood is not None:
        told["operations"] = _told_operations(understood)
        if len(understood) > MOST_OPERATIONS_TOLD:
            told["operations_more"] = len(understood) - MOST_OPERATIONS_TOLD
    return told


def _told_operations(understood: list[Understood]) -> list[dict[str, Any]]:
    told, left = [], MOST_PARTS_TOLD_IN_ALL
    for report in understood[:MOST_OPERATIONS_TOLD]:
        most = min(MOST_PARTS_TOLD, left)
        operation: dict[str, Any] = {"reached": report.effects[:most]} | _told_ignored(report.ignored, most)
        if len(report.effects) > most:
            operation["reached_more"] = len(report.effects) - most
        left = max(left - len(operation["reached"]) - len(operation["ignored"]), 0)
        told.append(operation)
    return told


def _told_ignored(ignored: list[Ignored], most: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ignored": [{"path": redacted_text(each.path), "reason": each.reason} for each in ignored[:most]]
    }
    return told | {"ignored_more": len(ignored) - most} if len(ignored) > most else told
