"""Actions on administrators: invite, change role, disable, change password. The last owner of a tenant always stays."""

from dataclasses import replace
from typing import Final

from vestibule.actions.configure import checked_name
from vestibule.errors import FormCheck, NotAllowed, NotFound, Taken, WrongInput
from vestibule.keys import make_one_time_token, token_check
from vestibule.model import HOUSE, ROLES, Administrator, AdministratorRole, new_id
from vestibule.scim.text import unprintable
from vestibule.store.administrator_sessions import Session, end_other_sessions, end_sessions_of
from vestibule.store.administrators import (
    find_administrator,
    find_invited,
    insert_administrator,
    insert_invitation,
    lock_owners,
    set_disabled,
    set_enabled,
    set_password,
    set_role,
    use_invitation,
    withdraw_invitations,
)
from vestibule.store.database import AllTenants, UniqueViolation
from vestibule.store.events import append_house_event
from vestibule.store.factors import end_ceremonies_of
from vestibule.store.known_browsers import delete_known_browsers

LINK_LIFE: Final = 24 * 3_600_000
"""Milliseconds for which a one-time link is valid."""
_LOCKED_OUT: Final = (
    "This administrator is locked out. An owner (for an operator: another operator) can let them in again."
)

# -- one-time links ----------------------------------------------------------------------------------------------------


async def invite_first(all_tenants: AllTenants) -> str:
    """Returns the token of a new link for the first set-up. An earlier link is no longer valid."""
    token = make_one_time_token(HOUSE)
    await insert_invitation(all_tenants, HOUSE, token_check(token), "", all_tenants.now + LINK_LIFE)
    return token


def checked_email(text: str) -> str:
    """Returns an e-mail address without white space around it, after checking its form.

    Raises:
        WrongInput: it is not an e-mail address.
    """
    email = text.strip()
    name, at, domain = email.rpartition("@")
    if not (name and at and "." in domain.strip(".")) or " " in email or len(email) > 254 or unprintable(email):
        raise WrongInput(f"The e-mail should be like ana@north.example; got '{email[:80]}'.", field="email")
    return email


async def invite(
    all_tenants: AllTenants, tenant_id: str, email: str, name: str, role: AdministratorRole
) -> tuple[Administrator, str]:
    """Add an administrator. Returns the administrator and the token of the link with which they choose a password.

    Raises:
        WrongInput: the role, e-mail address or name is not valid.
        Taken: there is an administrator with this e-mail address.
    """
    form = FormCheck()
    if role not in ROLES or (role == "operator") != (tenant_id == HOUSE):
        form.add(
            WrongInput(
                f"The role should be one of {', '.join(ROLES[:-1])} in a tenant, or operator outside of tenants.",
                field="role",
            )
        )
    email = form.check(checked_email, email, instead="nobody")
    name = form.check(checked_name, name or email, "The name", "name", instead="")
    form.finish()
    administrator = Administrator(
        tenant_id=tenant_id,
        id=new_id(all_tenants.now),
        email=email,
        name=name,
        role=role,
        created_at=all_tenants.now,
        disabled_at=None,
        signed_in_at=None,
        has_password=False,
    )
    try:
        await insert_administrator(all_tenants, administrator, "")
    except UniqueViolation:
        raise Taken(f"{email} is already an administrator here.", field="email") from None
    token = await _make_link(all_tenants, administrator)
    told = {"subject": email, "role": role}
    await append_house_event(all_tenants, tenant_id, "administrator.invited", told)
    return administrator, token


async def renew_link(all_tenants: AllTenants, administrator: Administrator) -> str:
    """Returns the token of a new link with which an administrator chooses a password. An earlier link becomes invalid.

    Raises:
        NotAllowed: they are locked out, or sign in with an identity provider and have no password here.
    """
    if administrator.disabled_at is not None:
        raise NotAllowed(_LOCKED_OUT)
    if administrator.user_id:
        raise NotAllowed(
            f"{administrator.name} signs in with an identity provider. A password here would still work after their "
            "access has ended there."
        )
    told = {"subject": administrator.email}
    await append_house_event(all_tenants, administrator.tenant_id, "administrator.link_renewed", told)
    return await _make_link(all_tenants, administrator)


async def _make_link(all_tenants: AllTenants, administrator: Administrator) -> str:
    token = make_one_time_token(administrator.tenant_id)
    await insert_invitation(
        all_tenants, administrator.tenant_id, token_check(token), administrator.id, all_tenants.now + LINK_LIFE
    )
    return token


async def find_invited_administrator(all_tenants: AllTenants, tenant_id: str, token: str) -> Administrator | None:
    """Returns the administrator whom a link is for; None for the first set-up.

    Raises:
        NotFound: the link is not valid, or no longer valid.
        NotAllowed: the administrator is locked out.
    """
    administrator_id = await find_invited(all_tenants, tenant_id, token_check(token))
    if administrator_id is None:
        raise NotFound(
            "This link is no longer valid: it works once, within 24 hours. Ask an owner for a new one, or run "
            "`vestibule admin add` on the server."
        )
    administrator = await find_administrator(all_tenants, tenant_id, administrator_id) if administrator_id else None
    if administrator is not None and administrator.disabled_at is not None:
        raise NotAllowed(_LOCKED_OUT)
    return administrator


async def set_up(all_tenants: AllTenants, token: str, email: str, name: str, password_hash: str) -> Administrator:
    """Create and return the first administrator, an operator, who used the one-time link.

    Raises:
        NotFound: the link was already used.
        Taken: there is an operator with this e-mail address.
    """
    if not await use_invitation(all_tenants, HOUSE, token_check(token)):
        raise NotFound("This link was already used. Sign in instead.")
    administrator = Administrator(
        tenant_id=HOUSE,
        id=new_id(all_tenants.now),
        email=email,
        name=name,
        role="operator",
        created_at=all_tenants.now,
        disabled_at=None,
        signed_in_at=None,
        has_password=True,
    )
    try:
        await insert_administrator(all_tenants, administrator, password_hash)
    except UniqueViolation:
        raise Taken(f"{email} is already an operator. Sign in instead.", field="email") from None
    await append_house_event(all_tenants, HOUSE, "administrator.joined", {"subject": email})
    return administrator


async def join(
    all_tenants: AllTenants, tenant_id: str, token: str, administrator: Administrator, password_hash: str
) -> None:
    """Store the password that an administrator chose with a one-time link. Their earlier sessions end.

    Raises:
        NotFound: the link was already used.
        NotAllowed: they were locked out meanwhile.
    """
    if not await use_invitation(all_tenants, tenant_id, token_check(token)):
        raise NotFound("This link was already used. Sign in instead.")
    if not await set_password(all_tenants, administrator, password_hash, administrator.name):
        raise NotAllowed(_LOCKED_OUT)
    await end_sessions_of(all_tenants, administrator, "password_changed")
    await delete_known_browsers(all_tenants, administrator)
    await append_house_event(all_tenants, tenant_id, "administrator.joined", {"subject": administrator.email})


async def change_password(
    all_tenants: AllTenants, administrator: Administrator, session: Session, password_hash: str
) -> None:
    """Replace the password of an administrator who has entered the old one.

    Their other sessions end, and their known browsers and one-time links become invalid.

    Raises:
        NotAllowed: they were locked out meanwhile.
    """
    if not await set_password(all_tenants, administrator, password_hash, administrator.name):
        raise NotAllowed(_LOCKED_OUT)
    ended = await end_other_sessions(all_tenants, administrator, session)
    await delete_known_browsers(all_tenants, administrator)
    await end_ceremonies_of(all_tenants, administrator)
    await withdraw_invitations(all_tenants, administrator)
    told = {"subject": administrator.email, "sessions_ended": ended}
    await append_house_event(all_tenants, administrator.tenant_id, "administrator.password_changed", told)


# -- administrators ----------------------------------------------------------------------------------------------------


async def change_role(all_tenants: AllTenants, administrator: Administrator, role: AdministratorRole) -> Administrator:
    """Change the role of an administrator. Returns the administrator.

    Raises:
        WrongInput: there is no such role in a tenant.
        NotAllowed: this is the last owner, or the role comes from the role rules of an identity provider.
    """
    if role not in ROLES[:-1] or administrator.tenant_id == HOUSE:
        raise WrongInput(f"The role should be one of {', '.join(ROLES[:-1])}.", field="role")
    if administrator.user_id:
        raise NotAllowed(
            f"The role of {administrator.name} comes from the role rules of an identity provider: change it there."
        )
    if role == administrator.role:
        return administrator
    await _keep_an_owner(all_tenants, administrator)
    await set_role(all_tenants, administrator, role)
    await end_sessions_of(all_tenants, administrator, "console_role_changed")
    told = {"subject": administrator.email, "role": role, "before": administrator.role}
    await append_house_event(all_tenants, administrator.tenant_id, "administrator.role_changed", told)
    return replace(administrator, role=role)


async def disable(all_tenants: AllTenants, administrator: Administrator) -> None:
    """Lock an administrator out, and end their sessions. Does nothing if they are locked out already.

    Raises:
        NotAllowed: this is the last owner or operator.
    """
    await _keep_an_owner(all_tenants, administrator)
    if not await set_disabled(all_tenants, administrator):
        return
    await end_sessions_of(all_tenants, administrator, "console_locked_out")
    await delete_known_browsers(all_tenants, administrator)
    await append_house_event(
        all_tenants, administrator.tenant_id, "administrator.disabled", {"subject": administrator.email}
    )


async def enable(all_tenants: AllTenants, administrator: Administrator) -> None:
    """Let an administrator in again, if they are locked out."""
    if await set_enabled(all_tenants, administrator):
        told = {"subject": administrator.email}
        await append_house_event(all_tenants, administrator.tenant_id, "administrator.enabled", told)


async def _keep_an_owner(all_tenants: AllTenants, administrator: Administrator) -> None:
    owners = await lock_owners(all_tenants, administrator.tenant_id)
    if owners == [administrator.id]:
        role = "operator" if administrator.tenant_id == HOUSE else "owner"
        raise NotAllowed(f"This is the last {role}. Make somebody else an {role} first.")
