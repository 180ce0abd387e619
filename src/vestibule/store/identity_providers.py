"""Rows of identity providers, and the runs that derive the Profiles of their people again."""

from dataclasses import asdict
from typing import Any, Final

import orjson

from vestibule.model import Certificate, Derivation, IdentityProvider, RoleRule, RoleRules, Rule, SamlSettings
from vestibule.scim.text import fold
from vestibule.store.database import AllTenants, Reading, Row, Tx

_COLUMNS: Final = (
    "id, name, vendor, enabled, provisioning, adopts, saml, mapping, mapping_version, created_at, modified_at, roles, "
    "strict"
)
_GET: Final = f"SELECT {_COLUMNS} FROM identity_providers WHERE tenant_id = $1 AND id = $2"  # noqa: S608 -- a constant
_LOCK: Final = _GET + " /*for update*/"
_HOLD: Final = _GET + " /*for share*/"
_BY_NAME: Final = f"SELECT {_COLUMNS} FROM identity_providers WHERE tenant_id = $1 AND name_key = $2"  # noqa: S608 -- a constant
_ALL: Final = f"SELECT {_COLUMNS} FROM identity_providers WHERE tenant_id = $1 ORDER BY name_key"  # noqa: S608 -- a constant
_INSERT: Final = """
INSERT INTO identity_providers (tenant_id, id, name, name_key, vendor, enabled, provisioning, adopts, saml, mapping,
                                mapping_version, created_at, modified_at, roles, strict)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
_UPDATE: Final = """
UPDATE identity_providers
SET name = $3, name_key = $4, enabled = $5, provisioning = $6, adopts = $7, saml = $8, mapping = $9,
    mapping_version = $10, modified_at = $11, vendor = $12, roles = $13, strict = $14
WHERE tenant_id = $1 AND id = $2
"""


def _provider(row: Row) -> IdentityProvider:
    id_, name, vendor, enabled, provisioning, adopts, saml, mapping, version, created, modified, roles, strict = row
    return IdentityProvider(
        id_,
        name,
        vendor,
        bool(enabled),
        provisioning,
        bool(adopts),
        _saml(orjson.loads(saml)),
        tuple(rule_from_json(rule) for rule in orjson.loads(mapping)),
        version,
        created,
        modified,
        roles_from_json(orjson.loads(roles)),
        bool(strict),
    )


def _saml(kept: dict[str, Any]) -> SamlSettings:
    lists = {
        "certificates": tuple(Certificate(**each) for each in kept.get("certificates", ())),
        "candidates": tuple(Certificate(**each) for each in kept.get("candidates", ())),
        "domains": tuple(kept.get("domains", ())),
        "weak_certificates": tuple(kept.get("weak_certificates", ())),
    }
    return SamlSettings(**{**kept, **lists})


def roles_from_json(kept: dict[str, Any]) -> RoleRules:
    """Role rules from the form in which they are kept and shown in events."""
    return RoleRules(tuple(RoleRule(**each) for each in kept.get("rules", ())), kept.get("default", ""))


def rule_from_json(kept: dict[str, Any]) -> Rule:
    """Returns a mapping rule from the form in which it is kept and shown in events."""
    return Rule(**{**kept, "sources": tuple(kept["sources"])})


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """Returns a mapping rule in the form in which it is kept and shown in events."""
    return asdict(rule)


def roles_to_json(roles: RoleRules) -> dict[str, Any]:
    """Role rules in the form in which they are kept and shown in events."""
    return asdict(roles)


async def find_provider(reading: Reading, provider_id: str) -> IdentityProvider | None:
    """Returns the identity provider with that id."""
    row = await reading.one(_GET, reading.tenant, provider_id)
    return _provider(row) if row else None


async def lock_provider(tx: Tx, provider_id: str) -> IdentityProvider | None:
    """Returns the identity provider with that id, locked until the transaction ends."""
    row = await tx.one(_LOCK, tx.tenant, provider_id)
    return _provider(row) if row else None


async def hold_provider(tx: Tx, provider_id: str) -> IdentityProvider | None:
    """Returns the identity provider with that id. Nobody changes it until the transaction ends; others may hold it as
    well.
    """
    row = await tx.one(_HOLD, tx.tenant, provider_id)
    return _provider(row) if row else None


async def find_provider_by_name(reading: Reading, name: str) -> IdentityProvider | None:
    """Returns the identity provider with that name, in any case."""
    row = await reading.one(_BY_NAME, reading.tenant, fold(name).strip())
    return _provider(row) if row else None


async def all_providers(reading: Reading) -> list[IdentityProvider]:
    """Returns every identity provider of the tenant, by name."""
    return [_provider(row) for row in await reading.all(_ALL, reading.tenant)]


def _values(provider: IdentityProvider) -> dict[str, Any]:
    return {
        "saml": orjson.dumps(asdict(provider.saml)).decode(),
        "mapping": orjson.dumps([rule_to_json(rule) for rule in provider.mapping]).decode(),
        "name_key": fold(provider.name).strip(),
        "roles": orjson.dumps(roles_to_json(provider.roles)).decode(),
    }


async def insert_provider(tx: Tx, provider: IdentityProvider) -> None:
    """Store a new identity provider.

    Raises:
        UniqueViolation: the name is taken in this tenant.
    """
    kept = _values(provider)
    await tx.run(
        _INSERT,
        tx.tenant,
        provider.id,
        provider.name,
        kept["name_key"],
        provider.vendor,
        provider.enabled,
        provider.provisioning,
        provider.adopts,
        kept["saml"],
        kept["mapping"],
        provider.mapping_version,
        provider.created_at,
        provider.modified_at,
        kept["roles"],
        provider.strict,
    )


async def update_provider(tx: Tx, provider: IdentityProvider) -> None:
    """Store an identity provider as it is now.

    Raises:
        UniqueViolation: the name is taken in this tenant.
    """
    kept = _values(provider)
    await tx.run(
        _UPDATE,
        tx.tenant,
        provider.id,
        provider.name,
        kept["name_key"],
        provider.enabled,
        provider.provisioning,
        provider.adopts,
        kept["saml"],
        kept["mapping"],
        provider.mapping_version,
        tx.now,
        provider.vendor,
        kept["roles"],
        provider.strict,
    )


# -- derivations -------------------------------------------------------------------------------------------------------

_RUN: Final = (
    "identity_provider_id, mapping_version, cursor_id, done, changed, total, started_at, finished_at, late_from"
)
_GET_RUN: Final = f"SELECT {_RUN} FROM derivations WHERE tenant_id = $1 AND identity_provider_id = $2"  # noqa: S608 -- a constant
_LOCK_RUN: Final = _GET_RUN + " /*for update*/"
_OPEN_RUNS: Final = """
SELECT tenant_id, identity_provider_id FROM derivations WHERE finished_at IS NULL ORDER BY started_at
"""
_PUT_RUN: Final = """
INSERT INTO derivations (tenant_id, identity_provider_id, mapping_version, cursor_id, done, changed, total, started_at,
                         finished_at, late_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant_id, identity_provider_id) DO UPDATE
SET mapping_version = excluded.mapping_version, cursor_id = excluded.cursor_id, done = excluded.done,
    changed = excluded.changed, total = excluded.total, started_at = excluded.started_at,
    finished_at = excluded.finished_at, late_from = excluded.late_from
"""


async def find_derivation(reading: Reading, provider_id: str) -> Derivation | None:
    """Returns the latest run of an identity provider, finished or not."""
    row = await reading.one(_GET_RUN, reading.tenant, provider_id)
    return Derivation(*row) if row else None


async def lock_derivation(tx: Tx, provider_id: str) -> Derivation | None:
    """Returns the latest run, locked until the transaction ends, so that one worker at a time takes its next batch."""
    row = await tx.one(_LOCK_RUN, tx.tenant, provider_id)
    return Derivation(*row) if row else None


async def put_derivation(tx: Tx, run: Derivation) -> None:
    """Store a run as it is now. It replaces the identity provider's earlier one."""
    await tx.run(
        _PUT_RUN,
        tx.tenant,
        run.identity_provider_id,
        run.mapping_version,
        run.cursor,
        run.done,
        run.changed,
        run.total,
        run.started_at,
        run.finished_at,
        run.late_from,
    )


async def open_derivations(all_tenants: AllTenants) -> list[tuple[str, str]]:
    """Returns the runs that have batches left as (tenant, identity provider), the oldest first."""
    return [(row[0], row[1]) for row in await all_tenants.all(_OPEN_RUNS)]
