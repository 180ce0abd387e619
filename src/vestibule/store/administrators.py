"""Rows of administrators, and of the one-time links with which they choose a password."""

from typing import Final

from vestibule.model import HOUSE, Administrator
from vestibule.scim.text import fold
from vestibule.store.database import AllTenants, Reading, Row, Tx
from vestibule.store.ended_sessions import end, ending

_COLUMNS: Final = (
    "tenant_id, id, email, name, role, created_at, disabled_at, signed_in_at, password_hash <> '', "
    "identity_provider_id, user_id"
)
_GET: Final = f"SELECT {_COLUMNS} FROM administrators WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_OF_TENANT: Final = f"SELECT {_COLUMNS} FROM administrators WHERE tenant_id = $1 ORDER BY email_key"  # noqa: S608 -- a constant
_BY_EMAIL: Final = f"""
SELECT {_COLUMNS}, password_hash FROM administrators WHERE email_key = $1 ORDER BY tenant_id LIMIT 20
"""  # noqa: S608 -- a constant
_WITH_PASSWORD: Final = f"""
SELECT {_COLUMNS}, password_hash FROM administrators
WHERE email_key = $1 AND password_hash <> '' AND disabled_at IS NULL ORDER BY joined_at, tenant_id LIMIT 20
"""  # noqa: S608 -- a constant
_LOCK_ONE: Final = f"""
SELECT {_COLUMNS}, password_hash FROM administrators WHERE tenant_id = $1 AND id = $2 /*for update*/
"""  # noqa: S608 -- a constant
_ANY: Final = "SELECT 1 FROM administrators WHERE password_hash <> '' LIMIT 1"
_INSERT: Final = """
INSERT INTO administrators (tenant_id, id, email, email_key, name, role, password_hash, created_at, joined_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_SET_PASSWORD: Final = """
UPDATE administrators SET password_hash = $3, name = $4, joined_at = COALESCE(joined_at, $5)
WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL
"""  # noqa: S105 -- SQL
_SET_ROLE: Final = "UPDATE administrators SET role = $3 WHERE tenant_id = $1 AND id = $2"
_DISABLE: Final = "UPDATE administrators SET disabled_at = $3 WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL"
_ENABLE: Final = """
UPDATE administrators SET disabled_at = NULL WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NOT NULL
"""
_NOTE_SIGN_IN: Final = "UPDATE administrators SET signed_in_at = $3 WHERE tenant_id = $1 AND id = $2"
_OWNERS: Final = """
SELECT id FROM administrators
WHERE tenant_id = $1 AND role = $2 AND disabled_at IS NULL AND password_hash <> '' ORDER BY id /*for update*/
"""


def email_key(email: str) -> str:
    """Returns the key by which administrators with that e-mail address are found."""
    return fold(email.strip())


def administrator_of_row(row: Row) -> Administrator:
    """Returns an administrator from the columns of `_COLUMNS`."""
    tenant, id_, email, name, role, created, disabled, signed_in, has_password, provider, user = row
    return Administrator(
        tenant, id_, email, name, role, created, disabled, signed_in, bool(has_password), provider, user
    )


async def find_administrator(all_tenants: AllTenants, tenant_id: str, administrator_id: str) -> Administrator | None:
    """Returns the administrator with that id."""
    row = await all_tenants.one(_GET, tenant_id, administrator_id)
    return administrator_of_row(row) if row else None


async def administrators_of(all_tenants: AllTenants, tenant_id: str) -> list[Administrator]:
    """Returns a tenant's administrators by e-mail, or the operators."""
    return [administrator_of_row(row) for row in await all_tenants.all(_OF_TENANT, tenant_id)]


async def find_by_email(all_tenants: AllTenants, email: str) -> list[tuple[Administrator, str]]:
    """Returns administrators of any tenant with that e-mail address, each with the hash of their password."""
    return [(administrator_of_row(row[:11]), row[11]) for row in await all_tenants.all(_BY_EMAIL, email_key(email))]


async def find_with_password(all_tenants: AllTenants, email: str) -> list[tuple[Administrator, str]]:
    """Returns the administrators of any tenant who can sign in with that e-mail address, each with the hash of their
    password, in the order in which they chose one. Somebody who was only invited is not among them.
    """
    return [
        (administrator_of_row(row[:11]), row[11]) for row in await all_tenants.all(_WITH_PASSWORD, email_key(email))
    ]


async def lock_administrator(
    all_tenants: AllTenants, tenant_id: str, administrator_id: str
) -> tuple[Administrator | None, str]:
    """Returns the administrator with that id, locked until the transaction ends, with the hash of their password."""
    row = await all_tenants.one(_LOCK_ONE, tenant_id, administrator_id)
    return (administrator_of_row(row[:11]), row[11]) if row else (None, "")


async def any_administrator(all_tenants: AllTenants) -> bool:
    """Returns whether there is an administrator who can sign in."""
    return await all_tenants.one(_ANY) is not None


async def insert_administrator(all_tenants: AllTenants, administrator: Administrator, password_hash: str) -> None:
    """Store a new administrator; with an empty hash until they choose a password.

    Raises:
        UniqueViolation: the tenant has an administrator with that e-mail address.
    """
    await all_tenants.run(
        _INSERT,
        administrator.tenant_id,
        administrator.id,
        administrator.email,
        email_key(administrator.email),
        administrator.name,
        administrator.role,
        password_hash,
        administrator.created_at,
        administrator.created_at if password_hash else None,
    )


async def set_password(all_tenants: AllTenants, administrator: Administrator, password_hash: str, name: str) -> bool:
    """Replace an administrator's password, and the name they go by. Returns False if they are locked out."""
    changed = await all_tenants.run(
        _SET_PASSWORD, administrator.tenant_id, administrator.id, password_hash, name, all_tenants.now
    )
    return changed == 1


async def set_role(all_tenants: AllTenants, administrator: Administrator, role: str) -> None:
    """Give an administrator another role."""
    await all_tenants.run(_SET_ROLE, administrator.tenant_id, administrator.id, role)


async def set_disabled(all_tenants: AllTenants, administrator: Administrator) -> bool:
    """Lock an administrator out. Returns False if they were locked out already."""
    return await all_tenants.run(_DISABLE, administrator.tenant_id, administrator.id, all_tenants.now) == 1


async def set_enabled(all_tenants: AllTenants, administrator: Administrator) -> bool:
    """Let an administrator in again. Returns False if they were not locked out."""
    return await all_tenants.run(_ENABLE, administrator.tenant_id, administrator.id) == 1


async def note_sign_in(all_tenants: AllTenants, administrator: Administrator) -> None:
    """Note that an administrator signed in now."""
    await all_tenants.run(_NOTE_SIGN_IN, administrator.tenant_id, administrator.id, all_tenants.now)


async def lock_owners(all_tenants: AllTenants, tenant_id: str) -> list[str]:
    """Returns ids of those who can sign in as owner, or as operator, locked until the transaction
    ends.
    """
    return [row[0] for row in await all_tenants.all(_OWNERS, tenant_id, "operator" if tenant_id == HOUSE else "owner")]


# -- one-time links ----------------------------------------------------------------------------------------------------

_INVITE: Final = """
INSERT INTO invitations (tenant_id, token_check, administrator_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
"""
_INVITED: Final = """
SELECT administrator_id FROM invitations WHERE tenant_id = $1 AND token_check = $2 AND expires_at > $3
"""
_USE_INVITATION: Final = "DELETE FROM invitations WHERE tenant_id = $1 AND token_check = $2 AND expires_at > $3"
_FORGET: Final = "DELETE FROM invitations WHERE expires_at <= $1"
_WITHDRAW: Final = "DELETE FROM invitations WHERE tenant_id = $1 AND administrator_id = $2"


async def insert_invitation(
    all_tenants: AllTenants, tenant_id: str, token_check: bytes, administrator_id: str, expires_at: int
) -> None:
    """Store a one-time link; earlier ones for the same administrator end."""
    await all_tenants.run(_WITHDRAW, tenant_id, administrator_id)
    await all_tenants.run(_INVITE, tenant_id, token_check, administrator_id, all_tenants.now, expires_at)


async def withdraw_invitations(all_tenants: AllTenants, administrator: Administrator) -> None:
    """Revoke the one-time link of an administrator."""
    await all_tenants.run(_WITHDRAW, administrator.tenant_id, administrator.id)


async def find_invited(all_tenants: AllTenants, tenant_id: str, token_check: bytes) -> str | None:
    """Returns the id of the administrator a link is for, empty for the first set-up, or None if it cannot be used."""
    row = await all_tenants.one(_INVITED, tenant_id, token_check, all_tenants.now)
    return row[0] if row else None


async def use_invitation(all_tenants: AllTenants, tenant_id: str, token_check: bytes) -> bool:
    """Use a link up. Returns False if somebody else just did."""
    return await all_tenants.run(_USE_INVITATION, tenant_id, token_check, all_tenants.now) == 1


async def forget_expired_invitations(all_tenants: AllTenants) -> None:
    """Delete links that have expired."""
    await all_tenants.run(_FORGET, all_tenants.now)


# -- administrators who come from an identity provider -----------------------------------------------------------------

_LINKED: Final = f"SELECT {_COLUMNS} FROM administrators WHERE tenant_id = $1 AND user_id = $2"  # noqa: S608 -- a constant
_PUT_LINKED: Final = """
INSERT INTO administrators (tenant_id, id, email, email_key, name, role, password_hash, created_at, signed_in_at,
                            identity_provider_id, user_id)
VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, $9, $10)
ON CONFLICT (tenant_id, id) DO UPDATE
SET email = excluded.email, email_key = excluded.email_key, name = excluded.name, role = excluded.role,
    signed_in_at = excluded.signed_in_at
"""
_END_OF_LINKED: Final = ending(
    "sessions",
    "tenant_id = $1 AND administrator_id IN ("
    "SELECT id FROM administrators WHERE tenant_id = $1 AND user_id = $2 AND disabled_at IS NULL)",
    2,
)
_REMOVE_LINKED: Final = "DELETE FROM administrators WHERE tenant_id = $1 AND user_id = $2 AND disabled_at IS NULL"
_FORGET_LINKED: Final = "DELETE FROM administrators WHERE tenant_id = $1 AND user_id = $2 RETURNING id"


async def find_linked_administrator(reading: Reading, user_id: str) -> Administrator | None:
    """Returns the administrator that a person is as well."""
    row = await reading.one(_LINKED, reading.tenant, user_id)
    return administrator_of_row(row) if row else None


async def put_linked_administrator(tx: Tx, administrator: Administrator) -> None:
    """Store a person as an administrator. Their key is not an e-mail address, so that it cannot equal the key of an
    administrator who signs in with a password.
    """
    key = f"{administrator.identity_provider_id}:{administrator.user_id}"
    await tx.run(
        _PUT_LINKED,
        tx.tenant,
        administrator.id,
        administrator.email,
        key,
        administrator.name,
        administrator.role,
        administrator.created_at,
        administrator.signed_in_at,
        administrator.identity_provider_id,
        administrator.user_id,
    )


async def remove_linked_administrator(tx: Tx, user_id: str) -> None:
    """Forget the administrator that a person was as well, sessions included; one whom an owner locked out stays locked
    out.
    """
    await end(tx, _END_OF_LINKED, "console_role_changed", tx.tenant, user_id)
    await tx.run(_REMOVE_LINKED, tx.tenant, user_id)


async def forget_linked_administrator(tx: Tx, user_id: str) -> None:
    """Forget the administrator that a person was who is no more, locked out or not."""
    row = await tx.one(_FORGET_LINKED, tx.tenant, user_id)
    if row is not None:
        await tx.run(_WITHDRAW, tx.tenant, row[0])
