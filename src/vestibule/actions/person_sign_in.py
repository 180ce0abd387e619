"""How people sign in with their identity provider: begin, accept, refuse.

The rules of this file: a person is found by (identity provider, NameID) among the active people of that identity
provider, and by nothing else; what decides is read in the transaction that opens the session; an assertion opens one
session, once, whichever node it is posted to; and no session is without its event.
"""

import hashlib
import secrets
from dataclasses import replace
from typing import Any, Final, NamedTuple

import orjson

from vestibule.actions.administrator_sign_in import ABSOLUTE as CONSOLE_ABSOLUTE
from vestibule.actions.just_in_time import create_just_in_time
from vestibule.actions.provision import derivation_of
from vestibule.errors import SignInRefused
from vestibule.events import changes_between
from vestibule.keys import make_form_token, make_one_time_token, token_check
from vestibule.mapping import console_role, given_roles
from vestibule.model import (
    Administrator,
    AdministratorRole,
    IdentityProvider,
    SamlSettings,
    Tenant,
    User,
    new_id,
)
from vestibule.saml.response import Assertion
from vestibule.saml.times import write_instant
from vestibule.store.administrator_sessions import Session, insert_session
from vestibule.store.administrators import (
    find_linked_administrator,
    put_linked_administrator,
    remove_linked_administrator,
)
from vestibule.store.database import Reading, Tx
from vestibule.store.events import append_event
from vestibule.store.identity_providers import hold_provider
from vestibule.store.person_sessions import UserSession, insert_user_session
from vestibule.store.saml import SignInRequest, insert_request, see_once, take_request
from vestibule.store.tenants import hold_tenant
from vestibule.store.users import find_own_users, lock_user, set_groups, signed_out_at

BEGUN_FOR: Final = 10 * 60_000
"""Milliseconds for which a sign-in may stay at the identity provider."""
LONGEST_RELAY: Final = 2000


class Opened(NamedTuple):
    """A session that was opened. The tokens are for cookies, and kept nowhere."""

    token: str
    console_token: str
    user: User


# -- beginning ---------------------------------------------------------------------------------------------------------


async def begin(
    tx: Tx, provider: IdentityProvider, relay: str, browser_check: bytes, *, purpose: str, administrator_id: str = ""
) -> SignInRequest:
    """Note that a browser begins to sign in; the id is the AuthnRequest's.

    Raises:
        SignInRefused: nobody can sign in with this identity provider now.
    """
    check_usable(provider, testing=purpose == "test")
    request = SignInRequest(
        f"id{secrets.token_hex(16)}",
        provider.id,
        purpose,
        browser_check,
        relay[:LONGEST_RELAY],
        administrator_id,
        tx.now,
        tx.now + BEGUN_FOR,
    )
    await insert_request(tx, request)
    return request


def check_usable(provider: IdentityProvider, *, testing: bool = False) -> None:
    """Refuse to sign anybody in with an identity provider that is switched off or not known well enough.

    Raises:
        SignInRefused
    """
    if not provider.enabled and not testing:
        raise SignInRefused(
            "Disabled",
            "an identity provider that is enabled",
            f"{provider.name}, which is not",
            told=f"Sign-in with {provider.name} is switched off here. Ask your administrator to enable it.",
        )
    if not provider.saml.sso_url or not provider.saml.certificates:
        raise SignInRefused(
            "Connection", "an identity provider with an SSO URL and a certificate", f"{provider.name}, without"
        )


# -- accepting ---------------------------------------------------------------------------------------------------------


async def accept(
    tx: Tx,
    tenant: Tenant,
    provider_id: str,
    examined_with: SamlSettings,
    assertion: Assertion,
    begun: SignInRequest | None,
) -> Opened:
    """Open a session for whom an assertion names. `begun` is the sign-in it answers, None if it answers none.

    Raises:
        SignInRefused: what was true when the response was examined no longer is, it was used before, or nobody who may
            sign in is meant.
    """
    # Whoever suspends the tenant or disables the identity provider is first, and is seen here; or waits, and then finds
    # the session to end.
    tenant, provider = await hold_tenant(tx) or tenant, await hold_provider(tx, provider_id)
    if provider is None or _matters(provider.saml) != _matters(examined_with):
        raise SignInRefused("Connection", "settings that stay as they are during a sign-in", "a change of them")
    check_usable(provider)
    if tenant.state != "active":
        raise suspended()
    if begun is not None and not await take_request(tx, begun.id):
        raise SignInRefused("Used once", "a sign-in that was not finished yet", "one that was")
    once = hashlib.sha256(f"{assertion.issuer}\n{assertion.id}".encode()).digest()
    if not await see_once(tx, provider_id, once, assertion.usable_until):
        raise SignInRefused("Used once", "an assertion that was not used yet", "one that was")
    found = await find_person(tx, provider, assertion)
    # Whoever takes this person's access is first, and is seen here; or waits, and then finds the session to end.
    user = await lock_user(tx, found.id) if found else None
    if user is None:
        user = await create_just_in_time(tx, provider, assertion)
    else:
        await _check_still_welcome(tx, user, begun.created_at if begun else assertion.issued)
    user = await _keep_groups(tx, provider, user, assertion)
    return await _open(tx, tenant, provider, user, assertion)


def suspended() -> SignInRefused:
    """Returns the refusal of a sign-in to a tenant that is suspended."""
    return SignInRefused(
        "Suspended",
        "a tenant that is active",
        "one that is suspended",
        told="Sign-in is suspended for your whole organisation. Your administrator can ask whoever operates this "
        "service why.",
    )


def _matters(saml: SamlSettings) -> SamlSettings:
    """What a response is examined with: all but when the metadata was last read."""
    return replace(saml, refreshed_at=0, refresh_failure="")


async def _check_still_welcome(tx: Tx, user: User, began: int) -> None:
    """Refuse who may not sign in, and a sign-in that began before everything they had open was ended: what was written
    before that opens nothing after it.

    Raises:
        SignInRefused
    """
    if (gone := _why_not(user)) is not None:
        raise gone
    ended = await signed_out_at(tx, user.id)
    if began <= ended:
        raise SignInRefused(
            "Person",
            f"a sign-in that began after their sessions were ended at {write_instant(ended)}",
            f"one that began at {write_instant(began)}",
            told="Your sessions were ended while you signed in. Sign in again.",
            user_id=user.id,
        )


async def find_person(reading: Reading, provider: IdentityProvider, assertion: Assertion) -> User | None:
    """Whom an assertion means: somebody of this identity provider by userName, in capital or small letters, or by
    externalId where that is set.

    Raises:
        SignInRefused: several people have that userName or externalId.
    """
    name_id_is = provider.saml.name_id_is
    wanted = {"user_name" if name_id_is == "userName" else "external_id": assertion.name_id}
    found = await find_own_users(reading, provider.id, **wanted)
    if len(found) > 1:
        raise SignInRefused("Person", f"one person with the {name_id_is} '{assertion.name_id[:200]}'", f"{len(found)}")
    return found[0] if found else None


def why_not(user: User) -> str:
    """Why a person may not sign in, for an administrator; empty if they may."""
    refused = _why_not(user)
    return refused.came if refused else ""


def _why_not(user: User) -> SignInRefused | None:
    name = orjson.loads(user.document)["userName"]
    if not user.active:
        return SignInRefused(
            "Deactivated",
            "somebody who is active",
            f"{name}, who is deactivated",
            told="Your account here is deactivated. If that is not right, ask your administrator to assign you again.",
            user_id=user.id,
        )
    if user.blocked_at is not None:
        return SignInRefused(
            "Blocked",
            "somebody who is not blocked",
            f"{name}, who is blocked here",
            told="An administrator has blocked your sign-in here. If that is not right, ask them to choose Let in "
            "again on your page under Users.",
            user_id=user.id,
        )
    return None


# -- the roles that follow ---------------------------------------------------------------------------------------------


async def _keep_groups(tx: Tx, provider: IdentityProvider, user: User, assertion: Assertion) -> User:
    """Keep the assertion's groups where rules ask for any, and the roles that follow."""
    wanted = provider.saml.groups_attribute.lower()
    groups = sorted(
        {value for name, values in assertion.attributes.items() if name.lower() == wanted for value in values}
    )
    if not any(rule.source == "group" for rule in provider.roles.rules):
        return user
    kept = orjson.dumps(groups).decode()
    derive = await derivation_of(tx, provider.id, provider.mapping_version)
    before = orjson.loads(user.profile)
    after = derive(orjson.loads(user.document), kept)
    if kept == user.saml_groups and after == before:
        return user
    profile = orjson.dumps(after).decode()
    await set_groups(tx, user.id, kept, profile)
    changes = changes_between({"groups": orjson.loads(user.saml_groups), **before}, {"groups": groups, **after})
    told = {"user_name": orjson.loads(user.document)["userName"], "changes": changes}
    await append_event(tx, "user.roles_changed", told, subject_id=user.id, provider_id=provider.id)
    return user._replace(saml_groups=kept, profile=profile)


# -- opening -----------------------------------------------------------------------------------------------------------


async def _open(tx: Tx, tenant: Tenant, provider: IdentityProvider, user: User, assertion: Assertion) -> Opened:
    token = make_one_time_token(tx.tenant)
    ends = min(tx.now + tenant.session_absolute, assertion.session_expires or tx.now + tenant.session_absolute)
    session = UserSession(
        token_check(token),
        new_id(tx.now),
        user.id,
        provider.id,
        assertion.name_id,
        assertion.name_id_format,
        assertion.session_index,
        make_form_token(),
        tx.now,
        tx.now,
        ends,
        tx.actor.address,
        tx.actor.agent,
    )
    await insert_user_session(tx, session)
    name = orjson.loads(user.document)["userName"]
    told: dict[str, Any] = {
        "user_name": name,
        "name": provider.name,
        "session": session.id,
        "name_id": assertion.name_id,
        "certificate": assertion.certificate.fingerprint,
        "authn_context": assertion.authn_context,
    }
    await append_event(tx, "user.signed_in", told, subject_id=user.id, provider_id=provider.id)
    role = console_role(given_roles(orjson.loads(user.profile)))
    console_token = await _open_console(tx, provider, user, name, role, ends) if role else ""
    if not role:
        await remove_linked_administrator(tx, user.id)
    return Opened(token, console_token, user)


async def _open_console(
    tx: Tx, provider: IdentityProvider, user: User, name: str, role: AdministratorRole, ends: int
) -> str:
    """Let a person into the console as well. An owner from an identity provider counts as no owner: the last one is
    always somebody with a password here.
    """
    linked = await find_linked_administrator(tx, user.id)
    if linked is not None and linked.disabled_at is not None:
        return ""
    shown = str(orjson.loads(user.profile).get("displayName") or name)[:100]
    administrator = Administrator(
        tx.tenant,
        linked.id if linked else new_id(tx.now),
        name,
        shown,
        role,
        linked.created_at if linked else tx.now,
        None,
        tx.now,
        has_password=False,
        identity_provider_id=provider.id,
        user_id=user.id,
    )
    await put_linked_administrator(tx, administrator)
    token = make_one_time_token(tx.tenant)
    session = Session(
        tx.tenant, token_check(token), make_form_token(), tx.now, tx.now, min(ends, tx.now + CONSOLE_ABSOLUTE)
    )
    await insert_session(tx, session, administrator.id, tx.actor.address, tx.actor.agent)
    told = {"subject": name, "role": role, "with": provider.name}
    await append_event(tx, "administrator.signed_in", told, provider_id=provider.id)
    return token


# -- refusing ----------------------------------------------------------------------------------------------------------


async def record_refusal(
    tx: Tx, provider: IdentityProvider, refused: SignInRefused, name_id: str, more: int = 0
) -> None:
    """Record a sign-in that was not accepted; `more` of its kind were only counted."""
    told = {
        "name": provider.name,
        "reason": refused.reason,
        "check": refused.check,
        "wanted": refused.wanted,
        "came": refused.came,
        "name_id": name_id,
        "more": more,
    }
    await append_event(tx, "login.refused", told, subject_id=refused.user_id, provider_id=provider.id)
