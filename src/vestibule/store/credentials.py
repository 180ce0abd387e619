"""Rows of credentials: the Key, and a keyed hash of the Secret."""

from typing import Final, NamedTuple

from vestibule.model import Credential, Provisioning, TenantState
from vestibule.store.database import AllTenants, Reading, Row, Tx

_COLUMNS: Final = (
    "id, identity_provider_id, key, label, created_at, expires_at, revoked_at, last_used_at, last_used_from, "
    "last_used_agent, tested_at"
)
_PRESENTED: Final = """
SELECT t.id, t.state, i.id, i.name, i.vendor, i.enabled, i.provisioning, i.adopts, c.id, c.secret_check, c.expires_at,
       c.revoked_at, c.last_used_at, c.tested_at,
       (SELECT max(o.last_used_at) FROM credentials o
        WHERE o.tenant_id = t.id AND o.identity_provider_id = i.id AND o.id > c.id), i.refused_at, i.strict
FROM tenants t
JOIN credentials c ON c.tenant_id = t.id
JOIN identity_providers i ON i.tenant_id = t.id AND i.id = c.identity_provider_id
WHERE t.name = $1 AND c.key = $2
"""
_OWNER: Final = """
SELECT tenant_id, identity_provider_id, key, secret_check FROM credentials WHERE key = $1 ORDER BY tenant_id LIMIT 1
"""
_OWNER_BY_CHECK: Final = """
SELECT tenant_id, identity_provider_id, key, secret_check FROM credentials WHERE tenant_id = $1 AND secret_check = $2
"""
_GET: Final = f"SELECT {_COLUMNS} FROM credentials WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_BY_KEY: Final = f"SELECT {_COLUMNS} FROM credentials WHERE tenant_id = $1 AND key = $2"  # noqa: S608 -- a constant
_OF_PROVIDER: Final = f"""
SELECT {_COLUMNS} FROM credentials WHERE tenant_id = $1 AND identity_provider_id = $2 ORDER BY id
"""  # noqa: S608 -- a constant
_ALL: Final = f"SELECT {_COLUMNS} FROM credentials WHERE tenant_id = $1 ORDER BY id"  # noqa: S608 -- a constant
_INSERT: Final = """
INSERT INTO credentials (tenant_id, id, identity_provider_id, key, secret_check, label, created_at, expires_at,
                         last_used_from, last_used_agent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', '')
"""
_REVOKE: Final = "UPDATE credentials SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL"
_NOTE_USE: Final = """
UPDATE credentials SET last_used_at = $3, last_used_from = $4, last_used_agent = $5
WHERE tenant_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $6)
"""
_NOTE_REFUSAL: Final = """
UPDATE identity_providers SET refused_at = $3
WHERE tenant_id = $1 AND id = $2 AND (refused_at IS NULL OR refused_at < $3)
"""
_REFUSED_AT: Final = "SELECT refused_at FROM identity_providers WHERE tenant_id = $1 AND id = $2"
_NOTE_TEST: Final = "UPDATE credentials SET tested_at = $3 WHERE tenant_id = $1 AND id = $2"


class Presented(NamedTuple):
    """What one look-up returns about a key that came with a request, and about its owner."""

    tenant_id: str
    tenant_state: TenantState
    provider_id: str
    provider_name: str
    vendor: str
    provider_enabled: bool
    provisioning: Provisioning
    adopts: bool
    credential_id: str
    secret_check: bytes
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    tested_at: int | None
    newer_used_at: int | None
    """When a newer key of the same identity provider was last used, as far as it was noted."""
    refused_at: int | None
    """When the connection of the identity provider was last refused, as far as it was noted."""
    strict: bool


class KeyOwner(NamedTuple):
    """The owner of a key, at whatever address it was presented."""

    tenant_id: str
    provider_id: str
    key: str
    secret_check: bytes


async def find_presented(all_tenants: AllTenants, tenant_name: str, key: str) -> Presented | None:
    """Returns the key as that tenant has it: the one indexed look-up that every SCIM request begins with."""
    row = await all_tenants.one(_PRESENTED, tenant_name, key)
    return Presented(*row) if row else None


async def find_owner_of_key(all_tenants: AllTenants, key: str) -> KeyOwner | None:
    """Returns the owner of a key, in any tenant."""
    row = await all_tenants.one(_OWNER, key)
    return KeyOwner(*row) if row else None


async def find_owner_of_secret(all_tenants: AllTenants, tenant_id: str, secret_check: bytes) -> KeyOwner | None:
    """Returns which key of a tenant a Secret belongs to."""
    row = await all_tenants.one(_OWNER_BY_CHECK, tenant_id, secret_check)
    return KeyOwner(*row) if row else None


def _credential(row: Row) -> Credential:
    return Credential(*row)


async def find_credential(reading: Reading, credential_id: str) -> Credential | None:
    """Returns the credential with that id."""
    row = await reading.one(_GET, reading.tenant, credential_id)
    return _credential(row) if row else None


async def find_credential_by_key(reading: Reading, key: str) -> Credential | None:
    """Returns the credential with that key."""
    row = await reading.one(_BY_KEY, reading.tenant, key)
    return _credential(row) if row else None


async def credentials_of(reading: Reading, provider_id: str) -> list[Credential]:
    """Returns an identity provider's credentials, the oldest first, retired ones among them."""
    return [_credential(row) for row in await reading.all(_OF_PROVIDER, reading.tenant, provider_id)]


async def all_credentials(reading: Reading) -> list[Credential]:
    """Returns every credential of the tenant, the oldest first."""
    return [_credential(row) for row in await reading.all(_ALL, reading.tenant)]


async def insert_credential(tx: Tx, credential: Credential, secret_check: bytes) -> None:
    """Store a new credential."""
    await tx.run(
        _INSERT,
        tx.tenant,
        credential.id,
        credential.identity_provider_id,
        credential.key,
        secret_check,
        credential.label,
        credential.created_at,
        credential.expires_at,
    )


async def revoke_credential(tx: Tx, credential_id: str) -> bool:
    """Retire a credential from this moment on. Returns False if it was retired before."""
    return await tx.run(_REVOKE, tx.tenant, credential_id, tx.now) == 1


async def note_use(
    tx: Tx, credential_id: str, address: str, agent: str, *, used_at: int, unless_noted_after: int
) -> None:
    """Note that a credential was used at an instant, unless a use after another instant was noted already."""
    await tx.run(_NOTE_USE, tx.tenant, credential_id, used_at, address, agent, unless_noted_after)


async def note_refusal(tx: Tx, provider_id: str, refused_at: int) -> None:
    """Note that the connection of an identity provider was refused at an instant."""
    await tx.run(_NOTE_REFUSAL, tx.tenant, provider_id, refused_at)


async def find_refused_at(reading: Reading, provider_id: str) -> int | None:
    """Returns when the connection of an identity provider was last refused."""
    row = await reading.one(_REFUSED_AT, reading.tenant, provider_id)
    return row[0] if row else None


async def note_test(tx: Tx, credential_id: str) -> None:
    """Note that the identity provider tested it now."""
    await tx.run(_NOTE_TEST, tx.tenant, credential_id, tx.now)
