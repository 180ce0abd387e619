"""What a cycle does with one person: match, create, change, disable, delete.

The rule: what was written last is the watermark; where it is unknown the person is read from the service and compared.
"""

from dataclasses import dataclass, replace

from pocket_okta.engine.bench import Bench
from pocket_okta.engine.conversation import id_of
from pocket_okta.engine.exchange import user_path
from pocket_okta.entra import conversation, mapping
from pocket_okta.entra.mapping import Flat
from pocket_okta.org import Assignment, Person, Status
from pocket_okta.store import assignments, cycles, people
from pocket_okta.store.database import Tx


@dataclass(frozen=True, slots=True)
class Step:
    """What was done with a person: created, updated, disabled, deleted, or nothing; and the sentence about it."""

    done: str
    sentence: str


def in_scope(row: Assignment, person: Person) -> bool:
    """Tell whether a person should have an active account: assigned, and not disabled or deleted here."""
    return row.assigned and person.status is Status.ACTIVE


async def provision(bench: Bench, row: Assignment, *, new_style: bool, restore: bool = True) -> Step:
    """Make a person at the service what they should be. Raises CallFailed.

    Without `restore` somebody who was disabled stays so: provisioning on demand does not restore.
    """
    person = people.get_person(bench.db.read, row.person_id)
    if person is None:
        return await _delete(bench, row)
    active = in_scope(row, person)
    found: Flat | None = None
    remote_id = row.remote_id
    written = cycles.get_written(bench.db.read, bench.app.id, person.id)
    if remote_id and written and not active and written[0].get(mapping.ACTIVE) is False:
        return Step("", "Not in scope, and disabled already.")
    if remote_id and (written is None or written[0] != mapping.wanted(person, active=active)):
        resource = await conversation.read(bench.client, "/Users", remote_id)
        remote_id = remote_id if resource else ""
        found = mapping.read(resource) if resource and written is None else None
    elif remote_id:
        return Step("", "Nothing has changed.")
    if not remote_id:
        if not active:
            _save(bench, row, "", None)
            return Step("", "Not in scope, and there is no account.")
        expression = f"userName eq {conversation.quoted(person.login)}"
        matches = await conversation.find(bench.client, "/Users", expression)
        if not matches:
            flat = mapping.wanted(person, active=True)
            created = await conversation.create(bench.client, "/Users", mapping.new_user(flat))
            _save(bench, row, id_of(created), flat)
            return Step("created", f"User {person.login} was created.")
        remote_id, found = id_of(matches[0]), mapping.read(matches[0])
        _save(bench, row, remote_id, None)
    wanted = mapping.wanted(person, active=active)
    if found is not None:  # what the service knows beyond the mapping's values stays
        before = {path: value for path, value in found.items() if path in wanted}
    else:
        before = written[0] if written else {}
    if active and not restore and before.get(mapping.ACTIVE) is False:
        return Step("", "The user is disabled in the target system; provisioning on demand does not restore.")
    return await _change(bench, row, remote_id, before, wanted, new_style=new_style)


async def _change(
    bench: Bench, row: Assignment, remote_id: str, before: Flat, wanted: Flat, *, new_style: bool
) -> Step:
    """PATCH the difference. Who is out of scope is only disabled."""
    active = bool(wanted[mapping.ACTIVE])
    after = wanted if active else {**before, mapping.ACTIVE: False}
    operations = mapping.operations(before, after, new_style=new_style)
    if operations:
        await conversation.change(bench.client, user_path(remote_id), operations)
    _save(bench, row, remote_id, after)
    if not operations:
        return Step("", "The user in the target system is what it should be.")
    if not active:
        return Step("disabled", f"User {row.user_name} was disabled.")
    return Step("updated", f"User {row.user_name} was updated.")


async def _delete(bench: Bench, row: Assignment) -> Step:
    """The person was deleted here for good: delete the account."""
    await conversation.delete(bench.client, user_path(row.remote_id))
    _save(bench, row, "", None)
    return Step("deleted", f"User {row.user_name} was deleted.")


def _save(bench: Bench, row: Assignment, remote_id: str, flat: Flat | None) -> None:
    """Write the id at the service, and what was written there; None forgets that."""
    with bench.db.write() as tx:
        now = assignments.get_assignment(tx, bench.app.id, row.person_id)
        if now:
            assignments.put_assignment(tx, replace(now, remote_id=remote_id, error="", last_sync=tx.now))
        if flat is None:
            cycles.forget_written(tx, bench.app.id, row.person_id)
        else:
            cycles.put_written(tx, bench.app.id, row.person_id, flat, _manager_written(tx, bench, row))


def _manager_written(tx: Tx, bench: Bench, row: Assignment) -> str:
    written = cycles.get_written(tx, bench.app.id, row.person_id)
    return written[1] if written else ""


async def write_manager(bench: Bench, row: Assignment, *, new_style: bool) -> Step:
    """Write the reference to a person's manager, once both have accounts. Raises CallFailed."""
    db = bench.db.read
    person = people.get_person(db, row.person_id)
    written = cycles.get_written(db, bench.app.id, row.person_id)
    if person is None or written is None or not row.remote_id or not in_scope(row, person):
        return Step("", "")
    manager = people.get_person(db, person.profile.get("managerId", ""))
    theirs = assignments.get_assignment(db, bench.app.id, manager.id) if manager else None
    wanted = theirs.remote_id if theirs and theirs.assigned else ""
    flat, before = written
    if wanted == before:
        return Step("", "")
    operation = mapping.manager_operation(before, wanted, new_style=new_style)
    await conversation.change(bench.client, user_path(row.remote_id), [operation])
    with bench.db.write() as tx:
        cycles.put_written(tx, bench.app.id, row.person_id, flat, wanted)
    return Step("updated", f"The manager of {row.user_name} was updated.")
