"""JSON of people, groups, apps and app users as in Okta's API, and of exchanges and tasks.

The rule: no secret is ever rendered, neither a connection's password or token nor a task's.
"""

from collections.abc import Mapping

from pocket_okta.catalogue import Scheme
from pocket_okta.org import GROUP_WORK, App, Assignment, Group, Person, Task
from pocket_okta.saml.metadata import issuer_of
from pocket_okta.store.apps import ImportRun
from pocket_okta.store.log import Entry

Json = dict[str, object]


def user(person: Person, base: str) -> Json:
    return {
        "id": person.id,
        "status": person.status.value,
        "created": person.created,
        "activated": person.activated or None,
        "statusChanged": person.status_changed,
        "lastLogin": None,
        "lastUpdated": person.last_updated,
        "passwordChanged": person.password_changed or None,
        "type": {"id": "otyPocketOktaDefault"},
        "profile": {"mobilePhone": None, "secondEmail": None, **person.profile},
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": f"{base}api/v1/users/{person.id}"}},
    }


def group(it: Group, base: str) -> Json:
    return {
        "id": it.id,
        "created": it.created,
        "lastUpdated": it.last_updated,
        "objectClass": ["okta:user_group"],
        "type": "OKTA_GROUP",
        "profile": {"name": it.name, "description": it.description or None},
        "_links": {"users": {"href": f"{base}api/v1/groups/{it.id}/users"}},
    }


_FEATURE_NAMES = {
    "create": "PUSH_NEW_USERS",
    "update": "PUSH_PROFILE_UPDATES",
    "deactivate": "PUSH_USER_DEACTIVATION",
    "password": "PUSH_PASSWORD_UPDATES",
}


def app(it: App, base: str, sign_on: Json, kid: str | None) -> Json:
    """`sign_on` is `settings.signOn`; `kid` the id of the key that signs, None as long as there is none."""
    features = [name for key, name in _FEATURE_NAMES.items() if getattr(it.can, key)]
    features += ["IMPORT_NEW_USERS"] if it.can_import else []
    features += ["GROUP_PUSH"] if it.can_push_groups else []
    return {
        "id": it.id,
        "name": it.template.key,
        "label": it.label,
        "status": "ACTIVE",
        "created": it.created,
        "lastUpdated": it.last_updated,
        "signOnMode": "SAML_2_0",
        "features": features,
        "credentials": {
            "userNameTemplate": {"template": f"${{source.{it.username_format}}}", "type": "BUILT_IN"},
            "signing": {"kid": kid},
        },
        "settings": {
            "app": {},
            "signOn": sign_on,
            "pocket": {
                "mode": "wizard" if it.template.wizard else "catalogue",
                "provisioning": "SCIM" if it.provisioning else "NONE",
                "withholdDeactivationAfterError": it.withhold_after_error,
                "patchProfiles": it.patch_profiles,
                "renameGroups": it.rename_groups,
                "groupBatch": it.group_batch,
                "entitlements": it.entitlements,
                "importSchema": it.import_schema,
                "deprovisioning": {
                    "action": it.deprovisioning.action,
                    "days": it.deprovisioning.days,
                    "removeFromGroups": it.deprovisioning.remove_from_groups,
                },
                "publishAllCertificates": it.sign_on.publish_all_keys,
            },
        },
        "_links": {
            "self": {"href": f"{base}api/v1/apps/{it.id}"},
            "metadata": {"href": f"{base}app/{it.external_key}/sso/saml/metadata", "type": "application/xml"},
            "appLinks": [
                {
                    "name": "sso",
                    "href": f"{base}app/{it.template.key}/{it.external_key}/sso/saml",
                    "type": "text/html",
                }
            ],
        },
        "_embedded": {"pocket": {"externalKey": it.external_key, "issuer": issuer_of(it.external_key)}},
    }


def app_user(row: Assignment, base: str, *, can_provision: bool, busy: bool) -> Json:
    """`busy`: work for this app user is queued or running. The error message is under `_embedded.pocket`."""
    status, sync = standing(row, can_provision=can_provision, busy=busy)
    return {
        "id": row.person_id,
        "externalId": row.remote_id or None,
        "created": row.created,
        "lastUpdated": row.last_updated,
        "scope": "USER" if row.direct else "GROUP",
        "status": status,
        "statusChanged": row.status_changed,
        "passwordChanged": None,
        "syncState": sync,
        "lastSync": row.last_sync or None,
        "credentials": {"userName": row.user_name},
        "profile": dict(row.profile),
        "_links": {
            "app": {"href": f"{base}api/v1/apps/{row.app_id}"},
            "user": {"href": f"{base}api/v1/users/{row.person_id}"},
        },
        "_embedded": {"pocket": {"error": row.error or None}},
    }


def standing(row: Assignment, *, can_provision: bool, busy: bool) -> tuple[str, str]:
    """Return (status, syncState) of an app user as in Okta's API."""
    if busy:
        return ("PROVISIONED" if row.remote_id else "STAGED", "SYNCING")
    if row.error:
        return ("PROVISIONED" if row.remote_id else "STAGED", "ERROR")
    if row.remote_id:
        return ("PROVISIONED", "SYNCHRONIZED")
    return ("STAGED", "OUT_OF_SYNC") if can_provision else ("ACTIVE", "DISABLED")


def connection(it: App, base: str) -> Json:
    scheme = it.connection.scheme
    profile: Json = {"authScheme": scheme.value}
    if scheme is Scheme.BASIC:
        profile["username"] = it.connection.username
    return {
        "status": "ENABLED" if it.connection.enabled else "DISABLED",
        "baseUrl": it.connection.base_url,
        "authScheme": scheme.value,
        "profile": profile,
        "pocket": {
            "uniqueField": it.unique_field,
            "actions": sorted(it.actions),
            "importGroups": it.import_groups,
            "credentialsSaved": bool(it.connection.secret),
        },
        "_links": {"self": {"href": f"{base}api/v1/apps/{it.id}/connections/default"}},
    }


def _status(on: bool) -> Json:
    return {"status": "ENABLED" if on else "DISABLED"}


def feature(it: App, base: str) -> Json:
    features = it.features
    return {
        "name": "USER_PROVISIONING",
        "status": "ENABLED" if it.can.any else "DISABLED",
        "description": "User provisioning settings from Okta to a downstream application",
        "capabilities": {
            "create": {"lifecycleCreate": _status(features.create)},
            "update": {
                "profile": _status(features.update),
                "lifecycleDeactivate": _status(features.deactivate),
                "password": {**_status(features.password), "seed": "OKTA", "change": "CHANGE"},
            },
        },
        "_links": {"self": {"href": f"{base}api/v1/apps/{it.id}/features/USER_PROVISIONING"}},
    }


def exchange(entry: Entry) -> Json:
    return {
        "seq": entry.seq,
        "at": entry.at,
        "appId": entry.app_id or None,
        "userId": entry.person_id or None,
        "event": entry.event,
        "trigger": entry.message,
        "outcome": entry.outcome,
        **entry.detail,
    }


def task(it: Task, labels: Mapping[str, str]) -> Json:
    """`labels`: app id -> label."""
    return {
        "id": it.id,
        "state": it.state,
        "kind": it.kind.value,
        "message": it.message,
        "appId": it.app_id,
        "appLabel": labels.get(it.app_id),
        "userId": it.person_id or None,
        "mappingId": it.subject if it.kind in GROUP_WORK else None,
        "created": it.created,
        "closed": it.closed or None,
    }


def import_run(run: ImportRun | None) -> Json:
    if run is None:
        return {"state": "never", "at": None, "message": "No import has run yet.", "counts": {}}
    return {"state": run.state, "at": run.at, "message": run.message, "counts": dict(run.counts)}
