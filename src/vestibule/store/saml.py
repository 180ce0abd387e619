"""Rows of SAML: sign-ins in progress, messages that may be used only once, and the service provider's own keys."""

from typing import Any, Final, NamedTuple

import orjson

from vestibule.store.database import AllTenants, Reading, Tx


class SignInRequest(NamedTuple):
    """A sign-in that was begun. `purpose` is `sign-in` or `test`; `relay` is where the person wanted to go."""

    id: str
    identity_provider_id: str
    purpose: str
    browser_check: bytes
    relay: str
    administrator_id: str
    created_at: int
    expires_at: int
    result: dict[str, Any] | None = None


class KeptKey(NamedTuple):
    """A key of the service provider. `state` is `next`, `current` or `previous`; the private part is sealed."""

    id: str
    identity_provider_id: str
    state: str
    private_key: bytes
    certificate: str
    created_at: int


_REQUEST: Final = (
    "id, identity_provider_id, purpose, browser_check, relay, administrator_id, created_at, expires_at, result"
)
_INSERT_REQUEST: Final = f"""
INSERT INTO saml_requests (tenant_id, {_REQUEST}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""  # noqa: S608 -- a constant
_FIND_REQUEST: Final = f"SELECT {_REQUEST} FROM saml_requests WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_TAKE_REQUEST: Final = "DELETE FROM saml_requests WHERE tenant_id = $1 AND id = $2 AND result IS NULL"
_PUT_RESULT: Final = """
UPDATE saml_requests SET result = $3, expires_at = $4 WHERE tenant_id = $1 AND id = $2 AND result IS NULL
"""
_SEE: Final = """
INSERT INTO saml_seen (tenant_id, identity_provider_id, seen_check, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, identity_provider_id, seen_check) DO NOTHING
"""
_FORGET_REQUESTS: Final = "DELETE FROM saml_requests WHERE expires_at <= $1"
_FORGET_SEEN: Final = "DELETE FROM saml_seen WHERE expires_at <= $1"
_KEY: Final = "id, identity_provider_id, state, private_key, certificate, created_at"
_KEYS: Final = f"""
SELECT {_KEY} FROM saml_keys WHERE tenant_id = $1 AND identity_provider_id = $2 ORDER BY id
"""  # noqa: S608 -- a constant
_INSERT_KEY: Final = f"INSERT INTO saml_keys (tenant_id, {_KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608 -- a constant
_SET_KEY_STATE: Final = "UPDATE saml_keys SET state = $3 WHERE tenant_id = $1 AND id = $2"
_DELETE_KEY: Final = "DELETE FROM saml_keys WHERE tenant_id = $1 AND id = $2"


async def insert_request(tx: Tx, request: SignInRequest) -> None:
    """Store a new sign-in request."""
    result = orjson.dumps(request.result).decode() if request.result is not None else None
    await tx.run(_INSERT_REQUEST, tx.tenant, *request[:8], result)


async def find_request(reading: Reading, request_id: str) -> SignInRequest | None:
    """Returns the sign-in with that id."""
    row = await reading.one(_FIND_REQUEST, reading.tenant, request_id)
    if row is None:
        return None
    result = orjson.loads(row[8]) if row[8] is not None else None
    return SignInRequest(row[0], row[1], row[2], bytes(row[3]), row[4], row[5], row[6], row[7], result)


async def take_request(tx: Tx, request_id: str) -> bool:
    """Use up a sign-in request. Returns whether it was still there."""
    return await tx.run(_TAKE_REQUEST, tx.tenant, request_id) > 0


async def put_result(tx: Tx, request_id: str, result: dict[str, Any], expires_at: int) -> bool:
    """Store the result of a sign-in test. Returns whether it was still awaited."""
    return await tx.run(_PUT_RESULT, tx.tenant, request_id, orjson.dumps(result).decode(), expires_at) > 0


async def see_once(tx: Tx, provider_id: str, seen_check: bytes, expires_at: int) -> bool:
    """Note that something was used. Returns whether this was the first time, on whichever node."""
    return await tx.run(_SEE, tx.tenant, provider_id, seen_check, expires_at) > 0


async def forget_old_saml(all_tenants: AllTenants) -> None:
    """Delete what has expired."""
    await all_tenants.run(_FORGET_REQUESTS, all_tenants.now)
    await all_tenants.run(_FORGET_SEEN, all_tenants.now)


async def keys_of(reading: Reading, provider_id: str) -> list[KeptKey]:
    """Returns the service provider's keys for an identity provider, the oldest first."""
    rows = await reading.all(_KEYS, reading.tenant, provider_id)
    return [KeptKey(row[0], row[1], row[2], bytes(row[3]), row[4], row[5]) for row in rows]


async def insert_key(tx: Tx, key: KeptKey) -> None:
    """Store a new key."""
    await tx.run(_INSERT_KEY, tx.tenant, *key)


async def set_key_state(tx: Tx, key_id: str, state: str) -> None:
    """Set the state of a key."""
    await tx.run(_SET_KEY_STATE, tx.tenant, key_id, state)


async def delete_key(tx: Tx, key_id: str) -> None:
    """Delete a key."""
    await tx.run(_DELETE_KEY, tx.tenant, key_id)
