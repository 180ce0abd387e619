"""Actions on tenants, identity providers, keys, mappings and role rules."""

from dataclasses import replace
from typing import Any, Final, get_args

from vestibule.actions.derive import begin_derivation
from vestibule.actions.end_access import take_access_of_provider
from vestibule.errors import FormCheck, NotAllowed, NotFound, Taken, WrongInput
from vestibule.keys import Checker, Pair, make_pair, shortened
from vestibule.mapping import check_cost, check_role_rules, compile_mapping, makes_owners
from vestibule.model import (
    RESERVED_TENANT_NAMES,
    ROLES,
    TENANT_NAME,
    AdministratorRole,
    Credential,
    FactorRequired,
    IdentityProvider,
    Provisioning,
    RoleRules,
    Rule,
    SamlSettings,
    Tenant,
    TenantState,
    new_id,
    new_short_id,
)
from vestibule.scim.text import unprintable
from vestibule.store.credentials import credentials_of, find_credential, insert_credential, revoke_credential
from vestibule.store.database import AllTenants, End, Tx, UniqueViolation
from vestibule.store.events import append_event, append_house_event
from vestibule.store.identity_providers import (
    insert_provider,
    lock_provider,
    roles_to_json,
    rule_to_json,
    update_provider,
)
from vestibule.store.installation import find_fact
from vestibule.store.person_sessions import end_sessions_of_tenant, end_sessions_that_are_over, shorten_sessions
from vestibule.store.tenants import (
    insert_tenant,
    lock_tenant,
    update_factor_required,
    update_tenant_limits,
    update_tenant_state,
)
from vestibule.vendors import VENDORS

LONGEST_NAME: Final = 100
MOST_USABLE_KEYS: Final = 10
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
IDLE_MINUTES: Final = range(5, 1440 + 1)
ABSOLUTE_HOURS: Final = range(1, 720 + 1)


def checked_name(text: str, what: str, field: str) -> str:
    """Returns a name without white space around it, after checking it. `what` is its name in messages.

    Raises:
        WrongInput: it is empty, too long, or has invisible characters.
    """
    name = text.strip()
    if not name or len(name) > LONGEST_NAME:
        raise WrongInput(f"{what} should have 1 to {LONGEST_NAME} characters; got {len(name)}.", field=field)
    if (bad := unprintable(name)) is not None:
        raise WrongInput(f"{what} should be made of visible characters; got U+{ord(bad):04X}.", field=field)
    return name


# -- tenants -----------------------------------------------------------------------------------------------------------


async def create_tenant(all_tenants: AllTenants, name: str, title: str) -> Tenant:
    """Create a tenant.

    Raises:
        WrongInput: the name or title is not valid.
        Taken: another tenant, or the program itself, has the name.
    """
    form = FormCheck()
    name = form.check(checked_tenant_name, name, instead="")
    title = form.check(checked_name, title, "The organisation's name", "title", instead="")
    form.finish()
    if name == await find_fact(all_tenants, "own_label"):
        raise Taken(f"'{name}' is the host name of this server itself; choose another.", field="name")
    now = all_tenants.now
    tenant = Tenant(new_short_id(), name, title, "active", now, factor_of_owners_since=now)
    try:
        await insert_tenant(all_tenants, tenant)
    except UniqueViolation:
        raise Taken(f"There is already a tenant '{name}'.", field="name") from None
    await append_house_event(all_tenants, tenant.id, "tenant.created", {"name": name, "title": title})
    return tenant


def checked_tenant_name(name: str) -> str:
    """Returns a tenant name after checking that it can be used in URLs and as a host name.

    Raises:
        WrongInput: it cannot.
        Taken: the program itself uses it.
    """
    name = name.strip()
    if TENANT_NAME.match(name) is None or name.startswith("xn--"):
        raise WrongInput(
            "The tenant name is part of the SCIM URL. It should have 1 to 63 small letters, digits and hyphens, begin "
            f"with a letter and not end with a hyphen; got '{name[:80]}'. Okta would refuse an underscore.",
            field="name",
        )
    if name in RESERVED_TENANT_NAMES:
        raise Taken(f"'{name}' is used by the program itself; choose another.", field="name")
    return name


async def set_tenant_state(all_tenants: AllTenants, tenant: Tenant, state: TenantState) -> Tenant:
    """Suspend or resume a tenant. While it is suspended, its keys are refused as if they were unknown."""
    if tenant.state == state:
        return tenant
    await update_tenant_state(all_tenants, tenant.id, state)
    told: dict[str, Any] = {"name": tenant.name, "title": tenant.title}
    if state == "suspended":
        ended = (await end_sessions_of_tenant(all_tenants, tenant.id)).all
        event_id = await append_house_event(
            all_tenants, tenant.id, "tenant.suspended", {**told, "sessions_ended": ended}
        )
        all_tenants.ends += (End(tenant.id, event_id, "", ended),)
    else:
        await append_house_event(all_tenants, tenant.id, "tenant.resumed", told)
    return replace(tenant, state=state)


async def change_session_limits(tx: Tx, idle: int, absolute: int) -> bool:
    """Set how long sessions of the tenant's people last: `idle` in minutes without use, `absolute` in hours.

    This applies at once to open sessions too, but never extends the absolute limit of one and never brings back one
    that is over. Returns whether anything changed.

    Raises:
        NotFound: there is no such tenant.
        WrongInput: a limit is out of range.
    """
    form = FormCheck()
    if idle not in IDLE_MINUTES:
        wanted = f"{IDLE_MINUTES[0]} to {IDLE_MINUTES[-1]:,} minutes"
        form.add(WrongInput(f"The limit without use should be {wanted}; got {idle:,}.", field="idle"))
    if absolute not in ABSOLUTE_HOURS:
        wanted = f"{ABSOLUTE_HOURS[0]} to {ABSOLUTE_HOURS[-1]} hours"
        form.add(WrongInput(f"The limit in any case should be {wanted}; got {absolute:,}.", field="absolute"))
    form.finish()
    if absolute * HOUR < idle * MINUTE:
        raise WrongInput(
            f"The limit in any case should not be shorter than the one without use; got {absolute * 60:,} and "
            f"{idle:,} minutes.",
            field="absolute",
        )
    before = await lock_tenant(tx)
    if before is None:
        raise NotFound("There is no such tenant.")
    if (before.session_idle, before.session_absolute) == (idle * MINUTE, absolute * HOUR):
        return False
    await end_sessions_that_are_over(tx, before.session_idle)
    await update_tenant_limits(tx, idle * MINUTE, absolute * HOUR)
    await shorten_sessions(tx, absolute * HOUR)
    changes = [
        {"attribute": shown, "before": was, "after": now}
        for shown, was, now in (
            ("minutes without use", before.session_idle // MINUTE, idle),
            ("hours in any case", before.session_absolute // HOUR, absolute),
        )
        if was != now
    ]
    await append_event(tx, "tenant.changed", {"name": before.name, "changes": changes}, subject_id=tx.tenant)
    return True


async def require_factor(tx: Tx, of: FactorRequired) -> Tenant:
    """Set which administrators of the tenant need a second factor. A grace period of owners that has begun goes on.

    Returns the tenant as it was before.

    Raises:
        NotFound: there is no such tenant.
        WrongInput: `of` is not one of the three values.
    """
    if of not in get_args(FactorRequired):
        raise WrongInput("Who needs a second factor should be off, owners or all.", field="factor_required")
    before = await lock_tenant(tx)
    if before is None:
        raise NotFound("There is no such tenant.")
    if before.factor_required != of:
        owners_since = 0 if of == "off" else before.factor_of_owners_since or tx.now
        await update_factor_required(tx, owners_since, tx.now if of == "all" else 0)
        told = {"name": before.name, "before": before.factor_required, "after": of}
        await append_event(tx, "tenant.factor_required_changed", told, subject_id=tx.tenant)
    return before


# -- identity providers ------------------------------------------------------------------------------------------------


async def create_provider(tx: Tx, name: str, vendor: str, saml: SamlSettings | None = None) -> IdentityProvider:
    """Add an identity provider with its vendor's default mapping. Auto-provisioning is off at first.

    Raises:
        WrongInput: the vendor or the name is not valid.
        Taken: the tenant has an identity provider with that name.
    """
    if vendor not in VENDORS:
        raise WrongInput(f"The vendor should be one of {', '.join(VENDORS)}; got '{vendor}'.", field="vendor")
    provider = IdentityProvider(
        id=new_short_id(),
        name=checked_name(name, "The name", "name"),
        vendor=vendor,
        enabled=True,
        provisioning="off",
        adopts=True,
        saml=saml or SamlSettings(),
        mapping=VENDORS[vendor].mapping,
        mapping_version=1,
        created_at=tx.now,
        modified_at=tx.now,
    )
    try:
        await insert_provider(tx, provider)
    except UniqueViolation:
        raise _name_taken(provider.name) from None
    told = {"name": provider.name, "vendor": vendor}
    await append_event(tx, "identity_provider.created", told, subject_id=provider.id, provider_id=provider.id)
    return provider


def _name_taken(name: str) -> Taken:
    return Taken(f"There is already an identity provider '{name}' in this tenant.", field="name")


async def get_provider(tx: Tx, provider_id: str) -> IdentityProvider:
    """Returns the identity provider with that id, and locks its row until the transaction ends.

    Raises:
        NotFound: there is none in this tenant.
    """
    provider = await lock_provider(tx, provider_id)
    if provider is None:
        raise NotFound("There is no such identity provider in this tenant.")
    return provider


async def change_provider(
    tx: Tx,
    provider_id: str,
    *,
    name: str | None = None,
    vendor: str | None = None,
    enabled: bool | None = None,
    adopts: bool | None = None,
    strict: bool | None = None,
    saml: SamlSettings | None = None,
) -> IdentityProvider:
    """Change settings of an identity provider. Settings that are None stay as they are. Returns it.

    Raises:
        NotFound: there is no such identity provider.
        WrongInput: the vendor or the name is not valid.
        Taken: another identity provider has the name.
    """
    before = await get_provider(tx, provider_id)
    if vendor is not None and vendor not in VENDORS:
        raise WrongInput(f"The vendor should be one of {', '.join(VENDORS)}; got '{vendor[:40]}'.", field="vendor")
    after = replace(
        before,
        vendor=vendor or before.vendor,
        name=before.name if name is None else checked_name(name, "The name", "name"),
        enabled=before.enabled if enabled is None else enabled,
        adopts=before.adopts if adopts is None else adopts,
        strict=before.strict if strict is None else strict,
        saml=saml or before.saml,
    )
    changes = [
        {"attribute": shown, "before": _shown(getattr(before, each)), "after": _shown(getattr(after, each))}
        for each, shown in _SHOWN.items()
        if getattr(before, each) != getattr(after, each)
    ]
    if not changes:
        return before
    try:
        await update_provider(tx, after)
    except UniqueViolation:
        raise _name_taken(after.name) from None
    told = {"name": after.name, "changes": changes}
    if before.enabled and not after.enabled:
        await take_access_of_provider(tx, "identity_provider.changed", provider_id, told)
    else:
        await append_event(tx, "identity_provider.changed", told, subject_id=provider_id, provider_id=provider_id)
    return after


_SHOWN: Final = {
    "name": "name",
    "vendor": "vendor",
    "enabled": "enabled",
    "adopts": "adopts people added by hand",
    "strict": "refuses what the RFCs refuse",
    "saml": "SAML",
}


def _shown(value: Any) -> Any:
    if isinstance(value, SamlSettings):
        return {
            "entity id": value.entity_id,
            "SSO URL": value.sso_url,
            "metadata URL": value.metadata_url,
            "certificates": [certificate.fingerprint for certificate in value.certificates],
        }
    return value


_PROVISIONING_EVENTS: Final[dict[Provisioning, str]] = {
    "on": "provisioning.switched_on",
    "paused": "provisioning.paused",
    "off": "provisioning.switched_off",
}


async def set_provisioning(
    tx: Tx, provider_id: str, state: Provisioning, checker: Checker
) -> tuple[IdentityProvider, Pair | None]:
    """Switch auto-provisioning on, pause it or switch it off.

    Returns the identity provider, and a new Key and Secret if it was switched on and had no usable key.

    Raises:
        NotFound: there is no such identity provider.
    """
    before = await get_provider(tx, provider_id)
    after = replace(before, provisioning=state)
    if before.provisioning != state:
        await update_provider(tx, after)
        told = {"name": after.name, "before": before.provisioning}
        await append_event(tx, _PROVISIONING_EVENTS[state], told, subject_id=provider_id, provider_id=provider_id)
    pair = None
    if state == "on" and not any(each.usable(tx.now) for each in await credentials_of(tx, provider_id)):
        _, pair = await _make_credential(tx, after, "First key", None, checker)
    return after, pair


# -- credentials -------------------------------------------------------------------------------------------------------


async def create_credential(
    tx: Tx, provider_id: str, label: str, expires_at: int | None, checker: Checker
) -> tuple[Credential, Pair]:
    """Create another Key and Secret. The Secret is only in the returned Pair; it is not stored.

    Raises:
        NotFound: there is no such identity provider.
        WrongInput: the label is not valid, the expiry is in the past, or there are too many usable keys.
    """
    provider = await get_provider(tx, provider_id)
    usable = [each for each in await credentials_of(tx, provider_id) if each.usable(tx.now)]
    if len(usable) >= MOST_USABLE_KEYS:
        raise WrongInput(f"{provider.name} has {len(usable)} usable keys; retire one before making another.")
    if expires_at is not None and expires_at <= tx.now:
        raise WrongInput("The expiry should be in the future.", field="expires")
    label = checked_name(label or f"Key {len(usable) + 1}", "The label", "label")
    return await _make_credential(tx, provider, label, expires_at, checker)


async def _make_credential(
    tx: Tx, provider: IdentityProvider, label: str, expires_at: int | None, checker: Checker
) -> tuple[Credential, Pair]:
    pair = make_pair()
    credential = Credential(
        id=new_id(tx.now),
        identity_provider_id=provider.id,
        key=pair.key,
        label=label,
        created_at=tx.now,
        expires_at=expires_at,
        revoked_at=None,
        last_used_at=None,
        last_used_from="",
        last_used_agent="",
        tested_at=None,
    )
    await insert_credential(tx, credential, checker.check(pair.secret))
    told = {"key": shortened(pair.key), "name": provider.name, "label": label}
    await append_event(tx, "credential.created", told, subject_id=credential.id, provider_id=provider.id)
    return credential, pair


async def retire_credential(tx: Tx, credential_id: str) -> Credential:
    """Retire a key, which is refused from the next request on. Returns it.

    Raises:
        NotFound: there is no such key.
    """
    credential = await find_credential(tx, credential_id)
    if credential is None:
        raise NotFound("There is no such key in this tenant.")
    provider = await get_provider(tx, credential.identity_provider_id)
    if await revoke_credential(tx, credential_id):
        told = {"key": shortened(credential.key), "name": provider.name, "label": credential.label}
        await append_event(tx, "credential.revoked", told, subject_id=credential_id, provider_id=provider.id)
    return credential


# -- mapping and roles -------------------------------------------------------------------------------------------------


async def change_mapping(tx: Tx, provider_id: str, rules: tuple[Rule, ...]) -> IdentityProvider:
    """Replace a mapping, and start the background run that derives all Profiles of the identity provider again.

    Raises:
        NotFound: there is no such identity provider.
        WrongInput: as `mapping.compile_mapping` and `mapping.check_cost`.
    """
    compile_mapping(rules)
    check_cost(rules)
    before = await get_provider(tx, provider_id)
    if rules == before.mapping:
        return before
    kept = [[rule_to_json(rule) for rule in each] for each in (before.mapping, rules)]
    return await _derive_again(tx, replace(before, mapping=rules), "mapping.changed", *kept)


async def change_roles(tx: Tx, provider_id: str, rules: RoleRules, by: AdministratorRole) -> IdentityProvider:
    """Replace the role rules, and start the background run that derives all Profiles again.

    `by` is the role of the administrator who does it, because nobody may give a higher role than their own.

    Raises:
        NotFound: there is no such identity provider.
        NotAllowed: as `check_may_give`.
        WrongInput: as `mapping.check_role_rules`.
    """
    check_role_rules(rules)
    before = await get_provider(tx, provider_id)
    for each in (before.roles, rules):
        check_may_give(each, by)
    if rules == before.roles:
        return before
    kept = roles_to_json(before.roles), roles_to_json(rules)
    return await _derive_again(tx, replace(before, roles=rules), "roles.changed", *kept)


def check_may_give(rules: RoleRules, by: AdministratorRole) -> None:
    """Check that an administrator with the role `by` may change these rules, or whatever decides whom they match.

    If the rules can make owners, so can changes of the mapping, the certificates and the keys.

    Raises:
        NotAllowed: the rules can make an owner, and `by` is a lower role.
    """
    if makes_owners(rules) and ROLES.index(by) < ROLES.index("owner"):
        raise NotAllowed(
            "Only owners may change an identity provider whose role rules give console-owner, because such a change "
            f"can make somebody an owner. Your role is {by}; ask an owner of this tenant."
        )


async def _derive_again(tx: Tx, changed: IdentityProvider, event: str, was: Any, now: Any) -> IdentityProvider:
    """Store the new rules, record the event, and start the run that the worker continues."""
    after = replace(changed, mapping_version=changed.mapping_version + 1)
    await update_provider(tx, after)
    told = {"name": after.name, "version": after.mapping_version, "before": was, "after": now}
    await append_event(tx, event, told, subject_id=after.id, provider_id=after.id)
    await begin_derivation(tx, after.id, after.mapping_version)
    return after
