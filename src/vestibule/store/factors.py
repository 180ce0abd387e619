"""Rows of second factors, of recovery codes, and of the ceremonies that ask for either.

A ceremony is found under the check of the token that its browser carries: a cookie of its own for a sign-in, the
session's for a factor that is being added. Nobody can continue it in another browser.
"""

from dataclasses import dataclass
from typing import Final, Literal

from vestibule.model import HOUSE, Administrator
from vestibule.store.database import AllTenants, Row

Kind = Literal["webauthn", "totp"]
Purpose = Literal["sign-in", "webauthn", "totp", "used"]
"""What a ceremony is for: to sign in, or to add a factor of that kind; `used` remembers a challenge that is used up."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor of an administrator."""

    id: str
    kind: Kind
    name: str
    credential_id: bytes
    """A passkey's; empty for an authenticator app."""
    secret: bytes
    """A passkey's public key, or an authenticator app's secret under seal."""
    used_step: int
    """The last time step that was taken, or the passkey's counter."""
    created_at: int
    last_used_at: int | None


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A sign-in or an addition that was begun and ends with a second factor. `relay` is where to go then, or the name
    of the new factor.

    `challenge` is what a passkey has to sign, or the new secret under seal.
    """

    tenant_id: str
    token_check: bytes
    administrator_id: str
    purpose: Purpose
    challenge: bytes
    relay: str
    failures: int
    expires_at: int


# -- factors -----------------------------------------------------------------------------------------------------------

_COLUMNS: Final = "id, kind, name, credential_id, secret, used_step, created_at, last_used_at"
_OF: Final = f"""
SELECT {_COLUMNS} FROM factors WHERE tenant_id = $1 AND administrator_id = $2 AND confirmed ORDER BY kind DESC, id
"""  # noqa: S608 -- a constant
_KINDS: Final = """
SELECT DISTINCT administrator_id, kind FROM factors WHERE tenant_id = $1 AND confirmed
ORDER BY administrator_id, kind DESC
"""
_OWNER: Final = """
SELECT tenant_id, administrator_id FROM factors
WHERE credential_id = $1 AND administrator_id = $2 AND kind = 'webauthn' AND confirmed
"""
_LOCK: Final = "SELECT id FROM administrators WHERE tenant_id = $1 AND id = $2 /*for update*/"
_ADD: Final = """
INSERT INTO factors (tenant_id, id, administrator_id, kind, name, credential_id, secret, used_step, confirmed,
                     created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, TRUE, $9)
"""
_TAKE: Final = """
UPDATE factors SET used_step = $3, last_used_at = $4
WHERE tenant_id = $1 AND id = $2 AND (used_step < $3 OR (kind = 'webauthn' AND used_step = $3))
"""
_REMOVE: Final = "DELETE FROM factors WHERE tenant_id = $1 AND administrator_id = $2 AND id = $3"
_REMOVE_ALL: Final = "DELETE FROM factors WHERE tenant_id = $1 AND administrator_id = $2"


def _factor(row: Row) -> Factor:
    return Factor(*row)


async def factors_of(all_tenants: AllTenants, administrator: Administrator) -> list[Factor]:
    """Returns an administrator's factors: passkeys first, each kind in the order they were added."""
    return [_factor(row) for row in await all_tenants.all(_OF, administrator.tenant_id, administrator.id)]


async def factor_kinds(all_tenants: AllTenants, tenant_id: str) -> dict[str, list[Kind]]:
    """Returns which kinds of factor each administrator of a tenant has, by their id: passkeys first, each kind once."""
    kinds: dict[str, list[Kind]] = {}
    for administrator_id, kind in await all_tenants.all(_KINDS, tenant_id):
        kinds.setdefault(administrator_id, []).append(kind)
    return kinds


async def lock_factors(all_tenants: AllTenants, administrator: Administrator) -> list[Factor]:
    """Returns the same, with the administrator locked until the transaction ends, so that their tries and changes
    happen one after another.
    """
    await all_tenants.one(_LOCK, administrator.tenant_id, administrator.id)
    return await factors_of(all_tenants, administrator)


async def find_passkey_owner(
    all_tenants: AllTenants, credential_id: bytes, administrator_id: str
) -> tuple[str, str] | None:
    """Find whose passkey a credential is, among every tenant's: the ids of their tenant and of the administrator."""
    row = await all_tenants.one(_OWNER, credential_id, administrator_id)
    return (row[0], row[1]) if row else None


async def insert_factor(all_tenants: AllTenants, administrator: Administrator, factor: Factor) -> None:
    """Store a new factor."""
    await all_tenants.run(
        _ADD,
        administrator.tenant_id,
        factor.id,
        administrator.id,
        factor.kind,
        factor.name,
        factor.credential_id,
        factor.secret,
        factor.used_step,
        factor.created_at,
    )


async def take_step(all_tenants: AllTenants, administrator: Administrator, factor: Factor, step: int) -> bool:
    """Mark the time steps or the counter of a factor as used up to this one. Returns False if that was used already, on
    whichever node.
    """
    return await all_tenants.run(_TAKE, administrator.tenant_id, factor.id, step, all_tenants.now) == 1


async def delete_factor(all_tenants: AllTenants, administrator: Administrator, factor_id: str) -> bool:
    """Remove one factor. Returns False if there was none."""
    return await all_tenants.run(_REMOVE, administrator.tenant_id, administrator.id, factor_id) == 1


async def delete_factors(all_tenants: AllTenants, administrator: Administrator) -> int:
    """Remove all of an administrator's factors. Returns how many there were."""
    return await all_tenants.run(_REMOVE_ALL, administrator.tenant_id, administrator.id)


# -- recovery codes ----------------------------------------------------------------------------------------------------

_CODES: Final = "SELECT count(*) FROM recovery_codes WHERE tenant_id = $1 AND administrator_id = $2"
_ADD_CODE: Final = "INSERT INTO recovery_codes (tenant_id, administrator_id, code_check) VALUES ($1, $2, $3)"
_USE_CODE: Final = """
DELETE FROM recovery_codes WHERE tenant_id = $1 AND administrator_id = $2 AND code_check = $3
"""
_VOID_CODES: Final = "DELETE FROM recovery_codes WHERE tenant_id = $1 AND administrator_id = $2"


async def count_codes(all_tenants: AllTenants, administrator: Administrator) -> int:
    """Returns how many recovery codes an administrator has left."""
    row = await all_tenants.one(_CODES, administrator.tenant_id, administrator.id)
    return int(row[0]) if row else 0


async def replace_codes(all_tenants: AllTenants, administrator: Administrator, checks: list[bytes]) -> None:
    """Store new recovery codes; earlier ones are void."""
    await all_tenants.run(_VOID_CODES, administrator.tenant_id, administrator.id)
    await all_tenants.many(_ADD_CODE, [(administrator.tenant_id, administrator.id, check) for check in checks])


async def use_code(all_tenants: AllTenants, administrator: Administrator, check: bytes) -> bool:
    """Use up a recovery code. Returns False if there is no such code, or it was used."""
    return await all_tenants.run(_USE_CODE, administrator.tenant_id, administrator.id, check) == 1


# -- ceremonies --------------------------------------------------------------------------------------------------------

_BEGIN: Final = """
INSERT INTO ceremonies (tenant_id, token_check, administrator_id, purpose, challenge, relay, failures, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_USE: Final = f"{_BEGIN.rstrip()} ON CONFLICT DO NOTHING"
_FIND: Final = """
SELECT tenant_id, token_check, administrator_id, purpose, challenge, relay, failures, expires_at FROM ceremonies
WHERE tenant_id = $1 AND token_check = $2 AND expires_at > $3
"""
_FIND_LOCKED: Final = f"{_FIND.rstrip()} /*for update*/"
_FAIL: Final = "UPDATE ceremonies SET failures = failures + 1 WHERE tenant_id = $1 AND token_check = $2"
_END: Final = "DELETE FROM ceremonies WHERE tenant_id = $1 AND token_check = $2"
_END_ALL: Final = "DELETE FROM ceremonies WHERE tenant_id = $1 AND administrator_id = $2"
_FORGET: Final = "DELETE FROM ceremonies WHERE expires_at <= $1"


async def insert_ceremony(all_tenants: AllTenants, ceremony: Ceremony) -> None:
    """Begin a ceremony. An earlier one of the same browser ends, and so does every one that has expired."""
    await all_tenants.run(_END, ceremony.tenant_id, ceremony.token_check)
    await all_tenants.run(_FORGET, all_tenants.now)
    await all_tenants.run(
        _BEGIN,
        ceremony.tenant_id,
        ceremony.token_check,
        ceremony.administrator_id,
        ceremony.purpose,
        ceremony.challenge,
        ceremony.relay,
        ceremony.failures,
        ceremony.expires_at,
    )


async def take_challenge(all_tenants: AllTenants, challenge_check: bytes, expires_at: int) -> bool:
    """Use a challenge up. Returns False if that was done before, on whichever node."""
    await all_tenants.run(_FORGET, all_tenants.now)
    return await all_tenants.run(_USE, HOUSE, challenge_check, "", "used", b"", "", 0, expires_at) == 1


async def find_ceremony(all_tenants: AllTenants, tenant_id: str, token_check: bytes) -> Ceremony | None:
    """Returns the ceremony of a browser, unless it has expired."""
    row = await all_tenants.one(_FIND, tenant_id, token_check, all_tenants.now)
    return Ceremony(*row) if row else None


async def lock_ceremony(all_tenants: AllTenants, tenant_id: str, token_check: bytes) -> Ceremony | None:
    """Returns the same, locked until the transaction ends."""
    row = await all_tenants.one(_FIND_LOCKED, tenant_id, token_check, all_tenants.now)
    return Ceremony(*row) if row else None


async def count_failed_try(all_tenants: AllTenants, ceremony: Ceremony) -> None:
    """Count a failed try in a ceremony."""
    await all_tenants.run(_FAIL, ceremony.tenant_id, ceremony.token_check)


async def end_ceremony(all_tenants: AllTenants, ceremony: Ceremony) -> None:
    """End a ceremony, whatever came of it."""
    await all_tenants.run(_END, ceremony.tenant_id, ceremony.token_check)


async def end_ceremonies_of(all_tenants: AllTenants, administrator: Administrator) -> None:
    """End every ceremony of an administrator."""
    await all_tenants.run(_END_ALL, administrator.tenant_id, administrator.id)
