"""Signs people in with SAML: begins a sign-in, accepts an assertion, or records a refusal.

Rules of this file: a person is found only by NameID among the people of the identity provider; everything that decides
is read in the transaction that opens the session; an assertion opens one session, once, whichever node receives it;
every session has its event.
"""

import hashlib
import secrets
from dataclasses import replace
from typing import Any, Final, NamedTuple

import orjson

from vestibule.actions.administrator_sign_in import ABSOLUTE as CONSOLE_ABSOLUTE
from vestibule.actions.deriving import deriving_of, groups_that_count
from vestibule.actions.just_in_time import create_just_in_time
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
"""Milliseconds that a sign-in may take at the identity provider."""
LONGEST_RELAY: Final = 2000


class Opened(NamedTuple):
    """A new session. The tokens are for cookies; only their hashes are stored. `console_token` may be empty."""

    token: str
    console_token: str
    user: User


# -- beginning ---------------------------------------------------------------------------------------------------------


async def begin(
    tx: Tx, provider: IdentityProvider, relay: str, browser_check: bytes, *, purpose: str, administrator_id: str = ""
) -> SignInRequest:
    """Store that a browser begins a sign-in. The id of the result is that of the AuthnRequest.

    Raises:
        SignInRefused: the identity provider is disabled or not set up.
    """
    check_usable(provider, testing=purpose == "test")
    request = SignInRequest(
        id=f"id{secrets.token_hex(16)}",
        identity_provider_id=provider.id,
        purpose=purpose,
        browser_check=browser_check,
        relay=relay[:LONGEST_RELAY],
        administrator_id=administrator_id,
        created_at=tx.now,
        expires_at=tx.now + BEGUN_FOR,
    )
    await insert_request(tx, request)
    return request


def check_usable(provider: IdentityProvider, *, testing: bool = False) -> None:
    """Check that people can sign in with an identity provider. A test may use a disabled one.

    Raises:
        SignInRefused: it is disabled, or its SSO URL or certificate is missing.
    """
    if not provider.enabled and not testing:
        raise SignInRefused(
            "Disabled",
            "an enabled identity provider",
            f"{provider.name}, which is disabled",
            reason=f"{provider.name} is disabled here",
            message=f"Sign-in with {provider.name} is switched off here. Ask your administrator to enable it.",
        )
    if not provider.saml.sso_url or not provider.saml.certificates:
        raise SignInRefused(
            "Connection",
            "an identity provider with an SSO URL and a certificate",
            f"{provider.name}, which lacks one of them",
            reason=f"{provider.name} has no SSO URL or no certificate here",
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
    """Open a session for the person in an assertion. `begun` is the sign-in that it answers; None if IdP-initiated.

    Raises:
        SignInRefused: settings have changed since the response was examined, the assertion was used before, or the
            person may not sign in.
    """
    # The row locks order this with suspending the tenant or disabling the identity provider: either they have happened
    # and are seen here, or they wait and then find the session to end.
    tenant, provider = await hold_tenant(tx) or tenant, await hold_provider(tx, provider_id)
    if provider is None or _matters(provider.saml) != _matters(examined_with):
        raise SignInRefused(
            "Connection",
            "unchanged SAML settings",
            "settings that were changed during the sign-in",
            reason="the SAML settings were changed during the sign-in",
        )
    check_usable(provider)
    if tenant.state != "active":
        raise suspended()
    if begun is not None and not await take_request(tx, begun.id):
        raise SignInRefused(
            "Used once",
            "a sign-in that is not finished",
            "one that is finished",
            reason="this sign-in is already finished",
        )
    once = hashlib.sha256(f"{assertion.issuer}\n{assertion.id}".encode()).digest()
    if not await see_once(tx, provider_id, once, assertion.usable_until):
        raise SignInRefused("Used once", "an assertion that was not used yet", "one that was")
    found = await find_person(tx, provider, assertion)
    # The row lock orders this with ending the person's access, as above.
    user = await lock_user(tx, found.id) if found else None
    if user is None:
        user = await create_just_in_time(tx, provider, assertion)
    else:
        await _check_may_sign_in(tx, user, begun.created_at if begun else assertion.issued)
    user = await _keep_groups(tx, provider, user, assertion)
    return await _open(tx, tenant, provider, user, assertion)


def suspended() -> SignInRefused:
    """Returns the refusal of a sign-in to a tenant that is suspended."""
    return SignInRefused(
        "Suspended",
        "an active tenant",
        "a suspended one",
        reason="the tenant is suspended",
        message="Sign-in is suspended for your whole organisation. Your administrator can ask the operator of this "
        "service for the reason.",
    )


def _matters(saml: SamlSettings) -> SamlSettings:
    """Returns the settings that examining a response depends on: all but when the metadata was last read."""
    return replace(saml, refreshed_at=0, refresh_failure="")


async def _check_may_sign_in(tx: Tx, user: User, began: int) -> None:
    """Check that a person may sign in, with a sign-in that began at that time.

    A sign-in that began before the person's sessions were ended must not open a new one.

    Raises:
        SignInRefused: the person is deactivated or blocked, or the sign-in began too early.
    """
    if (gone := _why_not(user)) is not None:
        raise gone
    ended = await signed_out_at(tx, user.id)
    if began <= ended:
        raise SignInRefused(
            "Person",
            f"a sign-in that began after {write_instant(ended)}",
            f"one that began at {write_instant(began)}",
            reason=f"the person's sessions were ended at {write_instant(ended)}, after this sign-in had begun",
            message="Your sessions were ended while you signed in. Sign in again.",
            user_id=user.id,
        )


async def find_person(reading: Reading, provider: IdentityProvider, assertion: Assertion) -> User | None:
    """Returns the person of this identity provider whom the NameID of an assertion names; None if there is none.

    The NameID is compared with userName, ignoring case, or with externalId, depending on the settings.

    Raises:
        SignInRefused: several people match.
    """
    name_id_is = provider.saml.name_id_is
    wanted = {"user_name" if name_id_is == "userName" else "external_id": assertion.name_id}
    found = await find_own_users(reading, provider.id, **wanted)
    if len(found) > 1:
        raise SignInRefused(
            "Person",
            f"one person with the {name_id_is} '{assertion.name_id[:200]}'",
            f"{len(found)}",
            reason=f"{len(found)} people have the {name_id_is} '{assertion.name_id[:200]}'",
        )
    return found[0] if found else None


def why_not(user: User) -> str:
    """Returns why a person may not sign in, as a sentence for administrators; empty if they may."""
    refused = _why_not(user)
    return refused.reason if refused else ""


def _why_not(user: User) -> SignInRefused | None:
    name = orjson.loads(user.document)["userName"]
    if not user.active:
        return SignInRefused(
            "Deactivated",
            "an active person",
            f"{name}, who is deactivated",
            reason=f"{name} is deactivated",
            message="Your account here is deactivated. If that is not right, ask your administrator to assign you "
            "again.",
            user_id=user.id,
        )
    if user.blocked_at is not None:
        return SignInRefused(
            "Blocked",
            "a person who is not blocked",
            f"{name}, who is blocked here",
            reason=f"{name} is blocked here",
            message="An administrator has blocked your sign-in here. If that is not right, ask them to choose Let in "
            "again on your page under Users.",
            user_id=user.id,
        )
    return None


# -- groups and roles --------------------------------------------------------------------------------------------------


async def _keep_groups(tx: Tx, provider: IdentityProvider, user: User, assertion: Assertion) -> User:
    """Store the assertion's groups if role rules use groups, and derive the Profile. Returns the updated person."""
    wanted = provider.saml.groups_attribute.lower()
    groups = sorted(
        {value for name, values in assertion.attributes.items() if name.lower() == wanted for value in values}
    )
    if not any(rule.source == "group" for rule in provider.roles.rules):
        return user
    kept = orjson.dumps(groups).decode()
    deriving = await deriving_of(tx, provider.id, provider.mapping_version)
    scim_groups = await groups_that_count(tx, deriving.groups, (user,))
    before = orjson.loads(user.profile)
    after = deriving.derive(orjson.loads(user.document), kept, scim_groups.get(user.id, ()))
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
        token_check=token_check(token),
        id=new_id(tx.now),
        user_id=user.id,
        identity_provider_id=provider.id,
        name_id=assertion.name_id,
        name_id_format=assertion.name_id_format,
        session_index=assertion.session_index,
        form_token=make_form_token(),
        created_at=tx.now,
        seen_at=tx.now,
        expires_at=ends,
        address=tx.actor.address,
        agent=tx.actor.agent,
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
    """Open a console session for a person whose roles include one for the console.

    Returns its token; empty if this administrator is disabled. An owner from an identity provider does not count as
    the tenant's last owner, who always has a password here.
    """
    linked = await find_linked_administrator(tx, user.id)
    if linked is not None and linked.disabled_at is not None:
        return ""
    shown = str(orjson.loads(user.profile).get("displayName") or name)[:100]
    administrator = Administrator(
        tenant_id=tx.tenant,
        id=linked.id if linked else new_id(tx.now),
        email=name,
        name=shown,
        role=role,
        created_at=linked.created_at if linked else tx.now,
        disabled_at=None,
        signed_in_at=tx.now,
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
    """Record a refused sign-in. `more` is how many of the same kind were counted but not recorded before it."""
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
