"""Applications: add, name, connect, tick the boxes, import.

The rule: an act that changes how an app reaches its SCIM service checks the values here; whether the service answers is
tried by the caller first (`engine.probe`), because no transaction spans a call.
"""

from collections.abc import Mapping
from dataclasses import replace

from pocket_okta import refusal
from pocket_okta.attributes import custom_attribute
from pocket_okta.catalogue import Scheme, Template
from pocket_okta.connections import check_connection
from pocket_okta.org import (
    ACTIONS,
    DEPROVISIONING,
    USERNAME_FORMATS,
    App,
    Candidate,
    Connection,
    Deprovisioning,
    Features,
    JobKind,
    Person,
    check_label,
    linked,
    new_id,
)
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import apps, assignments, log, queue
from pocket_okta.store import people as person_rows
from pocket_okta.store.database import Reader, Tx

LONGEST_DELAY = 365  # days from a deprovisioning to the deletion of the account


def _say(tx: Tx, app: App, event: str, message: str) -> None:
    log.append(tx, "act", event, f"{message}: {app.label}", app_id=app.id)


def add(tx: Tx, template: Template, label: object, *, provisioning: bool = True) -> App:
    """Add an app from the catalogue or from the wizard; provisioning is not yet configured."""
    app = App(
        id=new_id("0oa"),
        label=check_label(label),
        template=template,
        created=tx.now,
        last_updated=tx.now,
        provisioning=provisioning,
        connection=Connection(scheme=template.schemes[0]),
    )
    apps.put_app(tx, app)
    _say(tx, app, "application.lifecycle.create", "Create application")
    return app


def edit_general(
    tx: Tx,
    app: App,
    *,
    label: object,
    username_format: str,
    provisioning: bool,
    withhold_after_error: bool,
    patch_profiles: bool,
) -> App:
    """Save the General tab."""
    if username_format not in USERNAME_FORMATS:
        raise refusal.invalid(
            "usernameFormat", f"usernameFormat: wanted one of {', '.join(USERNAME_FORMATS)}; got {username_format!r}."
        )
    changed = replace(
        app,
        label=check_label(label),
        username_format=username_format,
        provisioning=provisioning or not app.template.wizard,
        withhold_after_error=withhold_after_error,
        patch_profiles=patch_profiles and app.template.patches,
        last_updated=tx.now,
    )
    apps.put_app(tx, changed)
    _say(tx, changed, "application.lifecycle.update", "Update application")
    return changed


def delete(tx: Tx, app: App) -> None:
    """Delete an app with its assignments. Nothing is sent to its SCIM service."""
    apps.remove_app(tx, app.id)
    _say(tx, app, "application.lifecycle.delete", "Delete application")


def with_connection(
    app: App,
    connection: Connection,
    *,
    unique_field: str | None = None,
    actions: frozenset[str] | None = None,
    import_groups: bool | None = None,
) -> App:
    """Return the app as it would be with this Integration form saved; refuses what cannot work. Writes nothing."""
    unique_field = app.unique_field if unique_field is None else unique_field.strip()
    if app.template.wizard and unique_field not in {attribute.name for attribute in app.mapping}:
        raise refusal.invalid(
            "uniqueField",
            f"Unique identifier field for users: wanted an app attribute such as userName; got {unique_field!r}.",
        )
    actions = app.actions if actions is None else actions
    if unknown := actions - ACTIONS.keys():
        raise refusal.invalid(
            "actions",
            f"Supported provisioning actions: wanted some of {', '.join(ACTIONS)}; got {', '.join(sorted(unknown))}.",
        )
    return replace(
        app,
        connection=check_connection(app, connection),
        unique_field=unique_field,
        actions=actions,
        import_groups=app.import_groups if import_groups is None else import_groups,
    )


def connection_from(app: App, given: Mapping[str, str], *, enabled: bool) -> Connection:
    """Return the connection a form or API body describes; a secret left blank means the saved one.

    Keys: baseUrl, authScheme, username, password, token.
    """
    saved = app.connection
    name = given.get("authScheme") or saved.scheme.value
    # Okta's API calls every token scheme TOKEN; which header that makes, the kind of app decides.
    tokens = [scheme for scheme in app.template.schemes if scheme is not Scheme.BASIC]
    if name == "TOKEN" and tokens:
        name = (saved.scheme if saved.scheme in tokens else tokens[0]).value
    if name not in Scheme.__members__:
        raise refusal.invalid("authScheme", f"authScheme: wanted BASIC, HEADER, BEARER or TOKEN; got {name!r}.")
    scheme = Scheme(name)
    secret = given.get("password" if scheme is Scheme.BASIC else "token") or ""
    return Connection(
        base_url=given.get("baseUrl") or saved.base_url,
        scheme=scheme,
        username=(given.get("username") or saved.username) if scheme is Scheme.BASIC else "",
        secret=secret or (saved.secret if scheme is saved.scheme else ""),
        enabled=enabled,
    )


def save_connection(tx: Tx, app: App) -> App:
    """Keep an app whose connection was made by `with_connection` and, if enabled, answered."""
    changed = replace(app, last_updated=tx.now)
    apps.put_app(tx, changed)
    word = "Enable" if app.connection.enabled else "Disable"
    _say(tx, changed, "application.provision.integration.update", f"{word} API integration of application")
    return changed


def save_features(tx: Tx, app: App, features: Features) -> App:
    """Save To App: which of create, update, deactivate and password sync are enabled."""
    if not app.connected:
        raise Refusal(
            Kind.INVALID, "Provisioning is not enabled for this app: see Provisioning > Integration.", "features"
        )
    changed = replace(app, features=features, last_updated=tx.now)
    apps.put_app(tx, changed)
    _say(tx, changed, "application.lifecycle.update", "Change provisioning to app")
    return changed


def save_deprovisioning(tx: Tx, app: App, *, action: str, days: int, remove_from_groups: bool) -> App:
    """Save what happens to the account of somebody who is deprovisioned."""
    if action not in DEPROVISIONING:
        raise refusal.invalid("action", f"action: wanted one of {', '.join(DEPROVISIONING)}; got {action!r}.")
    if not 1 <= days <= LONGEST_DELAY:
        raise refusal.invalid("days", f"days: wanted 1 to {LONGEST_DELAY}, got {days}.")
    changed = replace(app, deprovisioning=Deprovisioning(action, days, remove_from_groups), last_updated=tx.now)
    if changed.deprovisioning == app.deprovisioning:
        return app
    apps.put_app(tx, changed)
    _say(tx, changed, "application.lifecycle.update", "Change deprovisioning")
    return changed


def add_attribute(tx: Tx, app: App, given: Mapping[str, object]) -> App:
    """Add a custom attribute to the app user and, if it has a source, to the mapping.

    With the user schema imported, nobody adds attributes by hand: this then sets the source of one that was found.
    """
    if app.import_schema:
        return _set_source(tx, app, str(given.get("name") or ""), given)
    attribute = custom_attribute(given, app.mapping)
    changed = replace(app, custom_attributes=(*app.custom_attributes, attribute), last_updated=tx.now)
    apps.put_app(tx, changed)
    _say(tx, changed, "application.user_schema.update", f"Add app user attribute {attribute.name}")
    return changed


def _set_source(tx: Tx, app: App, name: str, given: Mapping[str, object]) -> App:
    found = next((one for one in app.custom_attributes if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in app.custom_attributes) or "none"
        raise refusal.invalid("name", f"name: attributes are read from /Schemas, and it has {names}; got {name!r}.")
    others = tuple(one for one in app.mapping if one.name != name)
    source = custom_attribute({"name": name, "source": given.get("source")}, others).source
    kept = tuple(replace(one, source=source) if one is found else one for one in app.custom_attributes)
    changed = replace(app, custom_attributes=kept, last_updated=tx.now)
    apps.put_app(tx, changed)
    _say(tx, changed, "application.user_schema.update", f"Map app user attribute {name}")
    return changed


def remove_attribute(tx: Tx, app: App, name: str) -> App:
    kept = tuple(attribute for attribute in app.custom_attributes if attribute.name != name)
    if len(kept) == len(app.custom_attributes):
        raise refusal.not_found("AppUserAttribute", name)
    changed = replace(app, custom_attributes=kept, last_updated=tx.now)
    apps.put_app(tx, changed)
    _say(tx, changed, "application.user_schema.update", f"Remove app user attribute {name}")
    return changed


def order_import(tx: Tx, app: App) -> None:
    """Press "Import Now". One import of an app runs at a time; a second press while one runs changes nothing."""
    if not app.can_import:
        raise Refusal(Kind.INVALID, f"Importing users is not enabled for {app.label}: see Provisioning > Integration.")
    run = apps.get_import(tx, app.id)
    if run and run.state == "running":
        return
    apps.put_import(tx, app.id, "running", "Importing users.", {})
    queue.order(tx, app.id, "", JobKind.IMPORT)


def get_candidate(db: Reader, app: App, remote_id: str) -> Candidate:
    """Return somebody the last import found, or refuse."""
    found = apps.get_candidate(db, app.id, remote_id)
    if found is None:
        raise refusal.not_found("ImportedUser", remote_id)
    return found


def confirm_candidate(tx: Tx, app: App, candidate: Candidate, person: Person) -> None:
    """Link an imported account to a person who was just made from it. Nothing is sent: the account is there already."""
    if person_rows.get_person(tx, person.id) is None:
        raise refusal.not_found("User", person.id)
    apps.remove_candidate(tx, app.id, candidate.remote_id)
    assignments.put_assignment(tx, linked(app, person.id, candidate, tx.now))
    log.append(
        tx,
        "act",
        "application.user_membership.add",
        f"Confirm imported user: {person.name}, {app.label}",
        app_id=app.id,
        person_id=person.id,
    )


def person_profile(candidate: Candidate) -> dict[str, str]:
    """Return the Okta profile of the new person that an imported account makes."""
    given = {key: str(value) for key, value in candidate.profile.items()}
    local = candidate.user_name.partition("@")[0]
    return {
        "login": candidate.user_name,
        "email": given.get("email") or candidate.user_name,
        "firstName": given.get("givenName") or local,
        "lastName": given.get("familyName") or local,
        **{key: given[key] for key in ("displayName", "title", "department", "mobilePhone") if given.get(key)},
    }
