"""Applications > Sign On: the settings and the keys that sign.

The rule: an app has exactly one active key once it is first needed. Making a key takes a tenth of a second, so it is
not made earlier.
"""

import base64
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pocket_okta import refusal
from pocket_okta.org import App
from pocket_okta.saml import keys, metadata
from pocket_okta.saml.keys import BadCertificate
from pocket_okta.saml.metadata import Endpoints
from pocket_okta.saml.xml import BadXml
from pocket_okta.sign_on import SigningKey, SignOn, check
from pocket_okta.store import apps, log
from pocket_okta.store import sign_on as rows
from pocket_okta.store.database import Tx


def save(tx: Tx, app: App, settings: SignOn) -> App:
    """Save the Sign On tab; refuses what cannot work."""
    changed = replace(app, sign_on=check(settings), last_updated=tx.now)
    apps.put_app(tx, changed)
    if changed.sign_on.universal_logout.enabled:
        all_keys(tx, changed)  # a logout has no moment to make one
    log.append(
        tx, "act", "application.lifecycle.update", f"Change sign on settings of application: {app.label}", app_id=app.id
    )
    return changed


def from_metadata(settings: SignOn, document: bytes) -> SignOn:
    """Return the settings with values from an application's metadata; refuses other documents."""
    try:
        return metadata.read_sp(document, settings)
    except (BadXml, BadCertificate) as problem:
        raise refusal.invalid("spMetadata", f"SP metadata: {problem}.") from None


def certificates_in(name: str, text: str) -> tuple[str, ...]:
    """Return pasted certificates in PEM; refuses other text, naming the field."""
    try:
        return keys.read_certificates(text)
    except BadCertificate as problem:
        raise refusal.invalid(name, f"{name}: {problem}.") from None


def generate(tx: Tx, app: App, years: int = keys.YEARS, *, active: bool = False) -> SigningKey:
    """Make a new key and certificate; it signs nothing until it is activated."""
    pair = keys.generate(datetime.fromisoformat(tx.now), years)
    kid = base64.urlsafe_b64encode(keys.sha256_of(pair.certificate)).decode().rstrip("=")
    expires = pair.expires.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    key = SigningKey(kid, app.id, pair.certificate, pair.private_key, tx.now, expires, active)
    rows.insert_key(tx, key)
    log.append(
        tx,
        "act",
        "application.policy.sign_on.generate_key",
        f"Generate signing certificate of application: {app.label}",
        app_id=app.id,
    )
    return key


def all_keys(tx: Tx, app: App) -> list[SigningKey]:
    """Return an app's keys, oldest first; the first is made if there is none."""
    return rows.keys_of(tx, app.id) or [generate(tx, app, active=True)]


def active_key(tx: Tx, app: App) -> SigningKey:
    """Return the key that signs for an app."""
    return next(key for key in all_keys(tx, app) if key.active)


def published(tx: Tx, app: App) -> list[SigningKey]:
    """Return the keys that metadata contains: the active one, or all of them if the app is set so."""
    return [key for key in all_keys(tx, app) if key.active or app.sign_on.publish_all_keys]


def endpoints(base: str, app: App) -> Endpoints:
    """Return where an app's SAML messages go; `base` is the org's address and ends in a slash."""
    return Endpoints(base, app.template.key, app.external_key)


def metadata_of(app: App, base: str, shown: Iterable[SigningKey]) -> bytes:
    """Return the metadata of an app's identity provider with these keys."""
    return metadata.write(
        endpoints(base, app),
        [key.certificate for key in shown],
        logout=app.sign_on.slo.enabled or app.sign_on.participation.enabled,
        requests_signed=app.sign_on.requests_signed,
    )


def activate(tx: Tx, app: App, kid: str) -> None:
    """Make this the signing key; the previous one stays listed as inactive."""
    if kid not in {key.kid for key in all_keys(tx, app)}:
        raise refusal.not_found("JsonWebKey", kid)
    rows.activate_key(tx, app.id, kid)
    log.append(
        tx,
        "act",
        "application.policy.sign_on.activate_key",
        f"Activate signing certificate of application: {app.label}",
        app_id=app.id,
    )
