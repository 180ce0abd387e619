"""Actions on the SAML settings of an identity provider: metadata, certificates, and how people sign in."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import astuple, replace
from typing import Any, Final

from vestibule.actions.applications import may_be_sent_to
from vestibule.actions.configure import change_provider, get_provider
from vestibule.errors import NotAllowed, NotFound, WrongInput
from vestibule.model import Certificate, IdentityProvider, SamlSettings
from vestibule.store.database import Tx
from vestibule.store.events import append_event
from vestibule.store.identity_providers import update_provider

MOST_CERTIFICATES: Final = 10


def merged(before: SamlSettings, read: SamlSettings, now: int) -> SamlSettings:
    """Returns the settings updated with metadata that was read again.

    Earlier certificates stay in force until they expire, so that a change of certificates breaks no sign-in. If the
    entity ID has changed, they are removed.
    """
    same = before.entity_id == read.entity_id
    kept = [each for each in before.certificates if same and each.not_after > now]
    return _with_details(before, read, kept)


def replaced(before: SamlSettings, read: SamlSettings, metadata_url: str, keep: Collection[str]) -> SamlSettings:
    """Returns the settings after an administrator replaced the SAML details.

    Of the earlier certificates only those with fingerprints in `keep` stay. Without a metadata URL the details are no
    longer read again, which would undo the administrator's choice.
    """
    kept = [each for each in before.certificates if each.fingerprint in keep]
    after = _with_details(before, read, kept)
    if before.entity_id != read.entity_id:
        after = replace(after, candidates=())
    return replace(after, metadata_url=metadata_url, refreshed_at=0, refresh_failure="")


def _with_details(before: SamlSettings, read: SamlSettings, kept: Iterable[Certificate]) -> SamlSettings:
    certificates = tuple(dict.fromkeys((*read.certificates, *kept)))[:MOST_CERTIFICATES]
    return replace(
        before,
        entity_id=read.entity_id,
        sso_url=read.sso_url,
        sso_binding=read.sso_binding,
        slo_url=read.slo_url,
        slo_binding=read.slo_binding,
        slo_response_url=read.slo_response_url,
        certificates=certificates,
        weak_certificates=read.weak_certificates,
        candidates=tuple(each for each in before.candidates if each not in certificates),
    )


def version_of(saml: SamlSettings) -> str:
    """Returns a hash of the SAML details, which shows whether somebody changed them."""
    kept = (*astuple(_with_details(SamlSettings(), saml, ())), saml.metadata_url)
    return hashlib.sha256(repr(kept).encode()).hexdigest()


async def replace_details(
    tx: Tx, provider_id: str, read: SamlSettings, metadata_url: str, keep: Collection[str], version: str
) -> IdentityProvider:
    """Replace the SAML details, as `replaced` does. `version` is the `version_of` those that the administrator saw.

    Raises:
        NotFound: there is no such identity provider.
        WrongInput: somebody changed the details meanwhile.
    """
    before = (await get_provider(tx, provider_id)).saml
    if version != version_of(before):
        raise WrongInput(
            "The SAML details were changed by somebody else meanwhile. Look again at what would change, and save again."
        )
    after = replaced(before, read, metadata_url, keep)
    if metadata_url:
        after = replace(after, refreshed_at=tx.now)
    return await change_provider(tx, provider_id, saml=after)


async def take_details(tx: Tx, provider_id: str, read: SamlSettings) -> IdentityProvider:
    """Store SAML details that were read from metadata or entered by hand, merged with those before.

    Raises:
        NotFound: there is no such identity provider.
    """
    before = await get_provider(tx, provider_id)
    return await change_provider(tx, provider_id, saml=merged(before.saml, read, tx.now))


async def change_sign_on(tx: Tx, provider_id: str, **changed: Any) -> IdentityProvider:
    """Change how people sign in. `changed` are fields of `SamlSettings`.

    Raises:
        NotFound: there is no such identity provider.
        WrongInput: a value is not valid.
    """
    before = await get_provider(tx, provider_id)
    after = replace(before.saml, **changed)
    for domain in after.domains:
        if not domain or "." not in domain or " " in domain or "@" in domain or len(domain) > 253:
            raise WrongInput(f"Expected an e-mail domain such as north.example; got '{domain[:80]}'.", field="domains")
    if after.just_in_time and after.name_id_is == "externalId":
        raise WrongInput(
            "To create people at their first sign-in, the NameID must be the userName; it is the externalId here.",
            field="just_in_time",
        )
    relay = after.default_relay
    if relay != before.saml.default_relay and relay and not await may_be_sent_to(tx, relay):
        raise WrongInput(
            "Expected a path here, such as /north/, or the URL of an application under Integrations > Applications; "
            f"got '{relay[:80]}'.",
            field="default_relay",
        )
    return await change_provider(tx, provider_id, saml=after)


# -- certificates ------------------------------------------------------------------------------------------------------


async def add_candidates(tx: Tx, provider_id: str, certificates: tuple[Certificate, ...]) -> IdentityProvider:
    """Add certificates that only a sign-in test accepts, until they are put into force.

    Raises:
        NotFound: there is no such identity provider.
        WrongInput: they are known already, or there are too many.
    """
    saml = (await get_provider(tx, provider_id)).saml
    new = tuple(each for each in certificates if each not in saml.certificates and each not in saml.candidates)
    if not new:
        raise WrongInput("That certificate is already known.", field="candidate")
    if len(saml.certificates) + len(saml.candidates) + len(new) > MOST_CERTIFICATES:
        raise WrongInput(f"There may be {MOST_CERTIFICATES} certificates; remove one first.", field="candidate")
    return await change_provider(tx, provider_id, saml=replace(saml, candidates=(*saml.candidates, *new)))


async def put_into_force(tx: Tx, provider_id: str, fingerprint: str) -> IdentityProvider:
    """Accept signatures by a candidate certificate from now on, in addition to those in force.

    Raises:
        NotFound: there is no such candidate.
    """
    saml = (await get_provider(tx, provider_id)).saml
    found = [each for each in saml.candidates if each.fingerprint == fingerprint]
    if not found:
        raise NotFound("There is no such certificate waiting.")
    left = tuple(each for each in saml.candidates if each not in found)
    after = replace(saml, candidates=left, certificates=(*saml.certificates, *found))
    return await change_provider(tx, provider_id, saml=after)


async def remove_certificate(tx: Tx, provider_id: str, fingerprint: str) -> IdentityProvider:
    """Remove a certificate, whose signatures are no longer accepted.

    Raises:
        NotFound: there is no such certificate.
        NotAllowed: it is the only one in force.
    """
    saml = (await get_provider(tx, provider_id)).saml
    if fingerprint not in {each.fingerprint for each in (*saml.certificates, *saml.candidates)}:
        raise NotFound("There is no such certificate.")
    certificates = tuple(each for each in saml.certificates if each.fingerprint != fingerprint)
    if saml.certificates and not certificates:
        raise NotAllowed("This is the only certificate in force; without it nobody could sign in. Add another first.")
    candidates = tuple(each for each in saml.candidates if each.fingerprint != fingerprint)
    return await change_provider(tx, provider_id, saml=replace(saml, certificates=certificates, candidates=candidates))


# -- automatic refresh of metadata -------------------------------------------------------------------------------------


async def note_refresh(tx: Tx, provider_id: str, read: SamlSettings | None, failure: str) -> IdentityProvider:
    """Store metadata that was read again from its URL, or that it could not be read (`read` is None).

    Raises:
        NotFound: there is no such identity provider.
    """
    before = await get_provider(tx, provider_id)
    if read is not None and before.saml.entity_id not in {"", read.entity_id}:
        failure = f"it is now the metadata of '{read.entity_id[:200]}', which an administrator has to confirm"
        read = None
    saml = merged(before.saml, read, tx.now) if read is not None else before.saml
    after = replace(before, saml=replace(saml, refreshed_at=tx.now, refresh_failure=failure[:500]))
    await update_provider(tx, after)
    if failure and failure != before.saml.refresh_failure:
        told: dict[str, Any] = {"name": before.name, "reason": failure[:500]}
        await append_event(tx, "saml.refresh_failed", told, subject_id=provider_id, provider_id=provider_id)
    elif saml != before.saml:
        changes = [
            {"attribute": name, "before": getattr(before.saml, name), "after": getattr(saml, name)}
            for name in ("sso_url", "slo_url")
            if getattr(before.saml, name) != getattr(saml, name)
        ]
        if saml.certificates != before.saml.certificates:
            prints = [[each.fingerprint for each in of.certificates] for of in (before.saml, saml)]
            changes.append({"attribute": "certificates", "before": prints[0], "after": prints[1]})
        told = {"name": before.name, "changes": changes}
        await append_event(tx, "saml.refreshed", told, subject_id=provider_id, provider_id=provider_id)
    return after
