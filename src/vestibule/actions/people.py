"""Actions of administrators on people in the console.

Only people who were added by hand can be changed here; others are changed at their identity provider. Anybody can be
blocked, and their sessions ended.
"""

from typing import Final

import orjson

from vestibule.actions.end_access import take_access, take_all
from vestibule.actions.membership import leave_all_groups
from vestibule.actions.new_person import describe, make_person
from vestibule.actions.provision import change_type, record_change
from vestibule.errors import FormCheck, NotAllowed, NotFound, Taken, WrongInput
from vestibule.events import changes_between
from vestibule.mapping import compile_mapping
from vestibule.model import User
from vestibule.scim.errors import ScimError
from vestibule.scim.filter import Document
from vestibule.scim.resource import clean
from vestibule.scim.schema import USER_TYPE
from vestibule.store.database import Tx, UniqueViolation
from vestibule.store.events import append_event
from vestibule.store.identity_providers import all_providers
from vestibule.store.users import find_users_by_name, lock_user, remove_user, set_blocked, update_user
from vestibule.vendors.vendor import BASE_MAPPING

LONGEST_ROLE: Final = 100
_FIELDS: Final = {
    "userName": "user_name",
    "emails": "email",
    "name.givenName": "given_name",
    "name.familyName": "family_name",
    "displayName": "display_name",
    "title": "title",
}
"""The form field for the attribute that a SCIM error is about."""
_derive = compile_mapping(BASE_MAPPING)


async def add_by_hand(tx: Tx, described: Document, role: str) -> User:
    """Add a person who belongs to no identity provider, and return it.

    Raises:
        WrongInput: an attribute is not valid.
        Taken: another person who was added by hand has the userName, or one of an identity provider that may adopt.
    """
    document, checked_role = await _checked(tx, described, role, "")
    document["active"] = True
    try:
        return await make_person(
            tx,
            "",
            describe(document),
            _derive(document),
            lambda user: _told(user, document, changes_between({}, document)),
            role=checked_role,
        )
    except UniqueViolation:
        raise _taken(document) from None


async def change_by_hand(tx: Tx, user_id: str, described: Document, role: str) -> User:
    """Change a person who was added by hand, and return it. Attributes that are not in the form stay.

    Raises:
        NotFound: there is no such person.
        NotAllowed: the person belongs to an identity provider.
        WrongInput, Taken: as `add_by_hand`.
    """
    user, before = await _reach(tx, user_id)
    after, checked_role = await _checked(tx, {**before, **described}, role, user_id)
    after["active"] = before["active"]
    return await _keep(tx, user, before, after, checked_role)


async def set_active_by_hand(tx: Tx, user_id: str, *, active: bool) -> User:
    """Deactivate or reactivate a person who was added by hand, and return it.

    Raises:
        NotFound: there is no such person.
        NotAllowed: the person belongs to an identity provider.
    """
    user, before = await _reach(tx, user_id)
    return await _keep(tx, user, before, {**before, "active": active}, user.role)


async def delete_by_hand(tx: Tx, user_id: str) -> None:
    """Delete a person who was added by hand. The activity log keeps their history.

    Raises:
        NotFound: there is no such person.
        NotAllowed: the person belongs to an identity provider.
    """
    user, before = await _reach(tx, user_id)
    await leave_all_groups(tx, user)
    await remove_user(tx, user_id, before)
    changes = changes_between(before, {})
    await take_all(tx, user, _told(user._replace(version=user.version + 1), before, changes))


async def _reach(tx: Tx, user_id: str) -> tuple[User, Document]:
    user = await _locked(tx, user_id)
    if user.identity_provider_id:
        raise NotAllowed("This person is provisioned by an identity provider. Change them there.")
    return user, orjson.loads(user.document)


async def _keep(tx: Tx, user: User, before: Document, after: Document, role: str) -> User:
    changes = changes_between(before, after)
    if role != user.role:
        changes.append({"attribute": "role in the platform", "before": user.role or None, "after": role or None})
    if not changes:
        return user
    text = orjson.dumps(after).decode()
    kept = user._replace(
        active=after["active"],
        role=role,
        document=text,
        profile=orjson.dumps(_derive(after)).decode(),
        version=user.version + 1,
        modified_at=max(tx.now, user.modified_at),
    )
    try:
        await update_user(tx, user, kept, before, after)
    except UniqueViolation:
        raise _taken(after) from None
    await _tell(tx, change_type(before, after), kept, after, changes)
    return kept


async def _checked(tx: Tx, described: Document, role: str, user_id: str) -> tuple[Document, str]:
    """Check the whole form of a person, who is new where `user_id` is empty.

    Returns the document and the role.

    Raises:
        WrongInput, Taken: what is wrong with each field.
    """
    form = FormCheck()
    document = _cleaned(described, form)
    checked_role = form.check(_checked_role, role, instead="")
    try:
        await _refuse_taken(tx, document, user_id)
    except Taken as taken:
        form.add(taken)
    form.finish()
    return document, checked_role


def _cleaned(described: Document, form: FormCheck) -> Document:
    """Returns the cleaned document, without the attributes that are not valid, whose errors are added to `form`.

    A userName that is not valid becomes empty.
    """
    name: Document = {}
    left = {**described, "name": dict(described.get("name") or {})}
    for _ in range(len(_FIELDS) + 1):
        try:
            document, _ignored = clean(left, USER_TYPE)
        except ScimError as error:
            attribute = next((each for each in _FIELDS if error.path.startswith(each)), "")
            form.add(WrongInput(error.detail, field=_FIELDS.get(attribute, "")))
            if not attribute:
                break
            whole, _, part = attribute.partition(".")
            if part:
                left[whole].pop(part, None)
            else:
                left[whole] = None
            if whole == "userName":
                left[whole], name = "anybody", {"userName": ""}
        else:
            return document | name
    return {"userName": ""}


def _checked_role(role: str) -> str:
    if len(role.strip()) > LONGEST_ROLE:
        raise WrongInput(f"A role may have {LONGEST_ROLE} characters.", field="role")
    return role.strip()


async def _refuse_taken(tx: Tx, document: Document, except_id: str) -> None:
    """Check that no person has the userName whom an identity provider could see together with this one.

    Raises:
        Taken: somebody has it.
    """
    adopting = {provider.id for provider in await all_providers(tx) if provider.adopts}
    for other in await find_users_by_name(tx, document["userName"]):
        if other.id != except_id and (not other.identity_provider_id or other.identity_provider_id in adopting):
            raise _taken(document)


def _taken(document: Document) -> Taken:
    return Taken(f"There is already a person with the user name '{document['userName']}'.", field="user_name")


async def block(tx: Tx, user_id: str) -> None:
    """Block a person until `let_in`, whatever their identity provider says. Their sessions end.

    Raises:
        NotFound: there is no such person.
    """
    user = await _locked(tx, user_id)
    if user.blocked_at is None:
        await set_blocked(tx, user_id, tx.now)
        told = {"user_name": _name(user)}
        await take_access(tx, "user.blocked", user_id, told, user.identity_provider_id, reason="blocked")


async def let_in(tx: Tx, user_id: str) -> None:
    """Unblock a person, who can sign in again. Sessions that were ended do not come back.

    Raises:
        NotFound: there is no such person.
    """
    user = await _locked(tx, user_id)
    if user.blocked_at is not None:
        await set_blocked(tx, user_id, None)
        told = {"user_name": _name(user)}
        await append_event(tx, "user.let_in", told, subject_id=user_id, provider_id=user.identity_provider_id)


async def end_sessions(tx: Tx, user_id: str) -> int:
    """End all sessions of a person, who may sign in again at once. Returns how many there were.

    Raises:
        NotFound: there is no such person.
    """
    user = await _locked(tx, user_id)
    told = {"user_name": _name(user), "reason": "an administrator ended them"}
    return await take_access(tx, "session.revoked", user_id, told, user.identity_provider_id, reason="by_administrator")


async def _locked(tx: Tx, user_id: str) -> User:
    user = await lock_user(tx, user_id)
    if user is None:
        raise NotFound("There is no such person in this tenant.")
    return user


def _name(user: User) -> str:
    return str(orjson.loads(user.document)["userName"])


def _told(user: User, document: Document, changes: list[dict[str, object]]) -> dict[str, object]:
    return {"user_name": document["userName"], "version": user.version, "changes": changes}


async def _tell(tx: Tx, event_type: str, user: User, document: Document, changes: list[dict[str, object]]) -> None:
    await record_change(tx, event_type, user.id, _told(user, document, changes))
