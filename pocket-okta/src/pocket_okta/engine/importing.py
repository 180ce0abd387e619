"""Import Now: read everybody, and with Import Groups every group, a page of a hundred at a time; then sort them in.

The rule: nothing is written before everything was read. Inactive people are skipped and not counted (wire facts 1.7).
"""

from dataclasses import replace

from pocket_okta import scim_document
from pocket_okta.engine.bench import Bench, StepFailed
from pocket_okta.engine.conversation import id_of, list_all
from pocket_okta.engine.exchange import CallFailed
from pocket_okta.entitlements import RemoteGroup
from pocket_okta.org import App, Assignment, Candidate, Status, linked, name_key
from pocket_okta.scim_document import Document
from pocket_okta.store import apps, assignments, group_push, people, remote
from pocket_okta.store.database import Tx

_COUNTED = ("scanned", "added", "updated", "unchanged", "removed")


async def run(bench: Bench) -> None:
    """Read every page, then write what was learned. Raises StepFailed."""
    try:
        users = await list_all(bench.client, "/Users")
        groups = await list_all(bench.client, "/Groups") if bench.app.import_groups else {}
    except CallFailed as failed:
        raise StepFailed(failed.reason) from failed
    with bench.db.write() as tx:
        active = [user for user in users.values() if user.get("active") is not False]
        counts = _sort_in(tx, bench.app, active)
        message = _words("users", counts)
        if bench.app.import_groups:
            of_groups = _keep_groups(tx, bench.app, groups)
            message += f" {_words('groups', of_groups)}"
            counts |= {f"groups{name.capitalize()}": of_groups[name] for name in _COUNTED}
        apps.put_import(tx, bench.app.id, "done", message, counts)
        for push in group_push.of_app(tx, bench.app.id):
            group_push.order_push(tx, push)  # whoever was linked just now is pushed in their groups


def _words(what: str, counts: dict[str, int]) -> str:
    return f"{counts['scanned']} {what} scanned, " + ", ".join(f"{counts[name]} {name}" for name in _COUNTED[1:]) + "."


def _sort_in(tx: Tx, app: App, users: list[Document]) -> dict[str, int]:
    """Link accounts that match by userName, offer the others for confirmation; returns the counts."""
    counts = {**dict.fromkeys(_COUNTED, 0), "scanned": len(users), "linked": 0}
    known = {candidate.remote_id: candidate for candidate in apps.all_candidates(tx, app.id)}
    for user in users:
        remote_id, user_name = id_of(user), str(user.get("userName") or "")
        found = Candidate(remote_id, user_name, scim_document.read(user, app.mapping))
        earlier = known.pop(remote_id, None)
        row = assignments.by_remote_id(tx, app.id, remote_id)
        if row:
            counts[_refresh(tx, row, found)] += 1
            continue
        person = people.get_person(tx, user_name) if user_name else None
        if person and name_key(person.login) == name_key(user_name) and person.status is not Status.DEPROVISIONED:
            assignments.put_assignment(tx, linked(app, person.id, found, tx.now))
            apps.remove_candidate(tx, app.id, remote_id)
            counts["added"] += 1
            counts["linked"] += 1
            continue
        apps.put_candidate(tx, app.id, found)
        if earlier is None:
            counts["added"] += 1
        else:
            counts["unchanged" if earlier.profile == found.profile else "updated"] += 1
    for gone in known:
        apps.remove_candidate(tx, app.id, gone)
        counts["removed"] += 1
    return counts


def _refresh(tx: Tx, row: Assignment, found: Candidate) -> str:
    """Update a linked account from an import; returns updated or unchanged."""
    changed = {name: value for name, value in found.profile.items() if row.profile.get(name) != value}
    if not changed:
        return "unchanged"
    assignments.put_assignment(
        tx, replace(row, profile={**row.profile, **changed}, user_name=found.user_name or row.user_name)
    )
    return "updated"


def _keep_groups(tx: Tx, app: App, listed: dict[str, Document]) -> dict[str, int]:
    """Keep the application's groups with the ids of their members; returns the counts."""
    counts = {**dict.fromkeys(_COUNTED, 0), "scanned": len(listed)}
    known = {group.remote_id: group for group in remote.groups(tx, app.id)}
    for remote_id, document in listed.items():
        found = RemoteGroup(remote_id, str(document.get("displayName") or ""), _members(document))
        earlier = known.pop(remote_id, None)
        remote.put_group(tx, app.id, found)
        counts["added" if earlier is None else "unchanged" if earlier == found else "updated"] += 1
    for gone in known:
        remote.remove_group(tx, app.id, gone)
        counts["removed"] += 1
    return counts


def _members(document: Document) -> tuple[str, ...]:
    found = document.get("members")
    listed = found if isinstance(found, list) else []
    return tuple(sorted(str(member["value"]) for member in listed if isinstance(member, dict) and member.get("value")))
