"""Governance: what discovery found is kept, and given to app users as roles and entitlements."""

from collections.abc import Iterable
from dataclasses import replace

from pocket_okta import refusal
from pocket_okta.entitlements import Discovery, Entitlement
from pocket_okta.org import App, Assignment, JobKind
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import apps, log, queue, remote
from pocket_okta.store.database import Tx


def save_settings(tx: Tx, app: App, *, entitlements: bool, import_schema: bool) -> App:
    """Switch discovery of entitlements and of the user schema on or off."""
    if (entitlements, import_schema) == (app.entitlements, app.import_schema):
        return app
    changed = replace(app, entitlements=entitlements, import_schema=import_schema, last_updated=tx.now)
    apps.put_app(tx, changed)
    log.append(tx, "act", "application.lifecycle.update", f"Change governance settings: {app.label}", app_id=app.id)
    return changed


def keep(tx: Tx, app: App, found: Discovery) -> App:
    """Keep what discovery found: entitlements in place of earlier ones, and attributes with the sources they had."""
    if app.entitlements:
        remote.put_entitlements(tx, app.id, found.entitlements)
    if not app.import_schema:
        return app
    sources = {(one.external_namespace, one.name): one.source for one in app.custom_attributes}
    attributes = tuple(
        replace(one, source=sources.get((one.external_namespace, one.name), "")) for one in found.attributes
    )
    changed = replace(app, custom_attributes=attributes, last_updated=tx.now)
    apps.put_app(tx, changed)
    return changed


def grant(tx: Tx, app: App, row: Assignment, keys: Iterable[str]) -> list[Entitlement]:
    """Give an app user exactly these roles and entitlements (`Type/id`), and push them."""
    if not app.entitlements:
        raise Refusal(Kind.WRONG_STATE, f"Entitlements are not enabled for {app.label}: see General.")
    known = {one.key: one for one in remote.entitlements(tx, app.id)}
    if unknown := [key for key in keys if key not in known]:
        raise refusal.invalid("entitlements", f"entitlements: {app.label} has no {', '.join(unknown)}.")
    before, given = remote.granted(tx, app.id, row.person_id), [known[key] for key in dict.fromkeys(keys)]
    remote.put_granted(tx, app.id, row.person_id, given)
    if set(before) != set(given) and row.remote_id and app.can.update:
        queue.order(tx, app.id, row.person_id, JobKind.PUSH_PROFILE)
    return given
