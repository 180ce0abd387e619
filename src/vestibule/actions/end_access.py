"""Ends people's sessions. Every action that takes access away from a person uses these functions.

Rule of this file: sessions end in the same transaction in which access is taken away, and its event says how many. So
no request after the commit finds one, on any node, and a rollback undoes both.
"""

from typing import Any

import orjson

from vestibule.mapping import console_role, given_roles
from vestibule.model import IdentityProvider, User
from vestibule.store.administrators import forget_linked_administrator, remove_linked_administrator
from vestibule.store.database import End, Tx
from vestibule.store.ended_sessions import SignOutReason
from vestibule.store.events import append_event
from vestibule.store.former_names import note_departure
from vestibule.store.person_sessions import (
    end_console_sessions_of_user,
    end_sessions_of_index,
    end_sessions_of_provider,
    end_sessions_of_user,
    end_user_session,
    users_signed_in_as,
)
from vestibule.store.users import find_own_users, lock_user, note_signed_out


async def take_access(
    tx: Tx,
    event_type: str,
    user_id: str,
    told: dict[str, Any],
    provider_id: str | None = None,
    *,
    reason: SignOutReason,
    is_noted: bool = False,
) -> int:
    """End all sessions of a person, and record the event that says why. Returns how many sessions there were.

    The time is also stored with the person, so that a sign-in in progress opens no session. `is_noted` means that the
    caller has stored it already. `reason` is what their browsers are told.
    """
    if not is_noted:
        await note_signed_out(tx, user_id)
    ended = await end_sessions_of_user(tx, user_id, reason)
    told = {**told, "sessions_ended": ended.all}
    event_id = await append_event(tx, event_type, told, subject_id=user_id, provider_id=provider_id)
    tx.ends += (End(tx.tenant, event_id, user_id, ended.all),)
    return ended.all


async def take_all(tx: Tx, user: User, told: dict[str, Any]) -> None:
    """End all sessions of a person who is deleted, and remove the linked administrator.

    The userName is remembered, so that just-in-time provisioning does not create the person again.
    """
    await take_access(tx, "user.deleted", user.id, told, reason="deleted")
    await forget_linked_administrator(tx, user.id)
    if user.identity_provider_id:
        await note_departure(tx, user.identity_provider_id, orjson.loads(user.document)["userName"])


async def keep_console_in_step(tx: Tx, user_id: str, before: str, after: str) -> None:
    """Remove a person's access to the console if their Profile (JSON text) has another console role than before.

    If the new Profile has one too, their next sign-in gives them access again.
    """
    if '"console-' not in before:  # most Profiles need not be parsed
        return
    was, now = (console_role(given_roles(orjson.loads(profile))) for profile in (before, after))
    if was is not None and was != now:
        await remove_linked_administrator(tx, user_id)


async def take_access_of_provider(tx: Tx, event_type: str, provider_id: str, told: dict[str, Any]) -> None:
    """End all sessions that began with an identity provider, and record the event that says why."""
    ended = await end_sessions_of_provider(tx, provider_id)
    told = {**told, "sessions_ended": ended.all}
    event_id = await append_event(tx, event_type, told, subject_id=provider_id, provider_id=provider_id)
    tx.ends += (End(tx.tenant, event_id, "", ended.all),)


async def end_one(tx: Tx, user_id: str, session_id: str, user_name: str) -> bool:
    """End one session at its person's request. Returns whether there was one."""
    if not await end_user_session(tx, user_id, session_id):
        return False
    await append_event(tx, "session.ended", {"user_name": user_name, "reason": "by hand"}, subject_id=user_id)
    return True


async def end_by_name(
    tx: Tx, provider: IdentityProvider, name_id: str, indexes: tuple[str, ...], told: dict[str, Any]
) -> bool:
    """End sessions as a LogoutRequest asks: all sessions of a NameID, or only those with the given SessionIndexes.

    This concerns the person whom a sign-in with that NameID would find, and everybody who is signed in with it. Returns
    whether there is such a person.
    """
    known = {"user_name": name_id} if provider.saml.name_id_is == "userName" else {"external_id": name_id}
    meant = [user.id for user in await find_own_users(tx, provider.id, **known)]
    meant += await users_signed_in_as(tx, provider.id, name_id)
    for user_id in dict.fromkeys(meant):
        if indexes:
            await _end_some(tx, user_id, provider.id, indexes, told)
        else:
            await take_access(tx, "session.revoked", user_id, told, provider.id, reason="single_logout")
    return bool(meant)


async def _end_some(tx: Tx, user_id: str, provider_id: str, indexes: tuple[str, ...], told: dict[str, Any]) -> None:
    await lock_user(tx, user_id)
    counted = [await end_sessions_of_index(tx, user_id, provider_id, index, "single_logout") for index in indexes]
    if ended := sum(counted):
        # Console sessions are not tied to a sign-in, so all of them end.
        ended += await end_console_sessions_of_user(tx, user_id, "single_logout")
        told = {**told, "sessions_ended": ended}
        event_id = await append_event(tx, "session.revoked", told, subject_id=user_id, provider_id=provider_id)
        tx.ends += (End(tx.tenant, event_id, user_id, ended),)
