"""What each kind of group job does: link or create, push what is new, overwrite, delete.

The rule: what is pushed is read when the call is made, and the mapping is written after each request, so that a job
that failed in the middle goes on where it stopped. Source: Okta wire facts 1.8.
"""

from collections.abc import Mapping
from dataclasses import replace

from pocket_okta.engine.bench import Bench
from pocket_okta.engine.conversation import id_of
from pocket_okta.engine.group_conversation import GroupConversation, batches
from pocket_okta.group_push import GroupPush
from pocket_okta.org import Group, Job, JobKind
from pocket_okta.store import apps, group_push, people, queue
from pocket_okta.store.database import Tx

_PUSHES = (JobKind.PUSH_GROUP, JobKind.OVERWRITE_GROUP)


async def carry_out(bench: Bench) -> bool:
    """Do a job. Raises StepFailed; returns False, without a call, if there is nothing left to do."""
    push = bench.push()
    if push is None or not bench.app.can_push_groups:
        return False
    if bench.job.kind is JobKind.DELETE_GROUP:
        talk = GroupConversation(bench.client, bench.app, push.target_name)
        if push.remote_id:
            await talk.delete(push.remote_id)
        with bench.db.write() as tx:
            group_push.remove_push(tx, push.id)
        return True
    group = people.get_group(bench.db.read, push.group_id)
    if group is None or not push.active:
        return False
    await _Pushing(bench, group).run(push, whole=bench.job.kind is JobKind.OVERWRITE_GROUP)
    return True


class _Pushing:
    """One push of one group."""

    def __init__(self, bench: Bench, group: Group) -> None:
        self._bench = bench
        self._group = group
        self._talk = GroupConversation(bench.client, bench.app, group.name)

    async def run(self, push: GroupPush, *, whole: bool) -> None:
        """Link or create the group if that has not happened yet, then push."""
        created = False
        if not push.remote_id:
            push, created = await self._begin(push)
        wanted = group_push.members_to_push(self._bench.db.read, self._bench.app.id, self._group.id)
        name = self._group.name if self._bench.app.rename_groups else ""
        if not whole and not self._is_news(push, name, wanted):
            return
        if self._bench.app.template.patches:
            await self._patch(push, "" if created else name, wanted, whole=whole)
        else:
            # An existing group that is linked keeps its members until the next delta or "Push now" (C9322, C9330).
            first = not push.last_push and not whole
            put = await self._talk.put_whole(push.remote_id, name, wanted, keep=first)
            self._save(target_name=str(put["displayName"]), members=tuple(wanted))

    async def _begin(self, push: GroupPush) -> tuple[GroupPush, bool]:
        """Look the group up; link it, or create it. Returns the mapping and whether the group was created."""
        found = await self._talk.find(push.target_name)
        if found is None:
            self._save(remote_id=await self._talk.create(self._group.name), target_name=self._group.name)
        else:
            self._save(remote_id=id_of(found), target_name=str(found.get("displayName")))
        return self._bench.push() or push, found is None

    @staticmethod
    def _is_news(push: GroupPush, name: str, wanted: Mapping[str, str]) -> bool:
        return bool(name and name != push.target_name) or set(wanted) != set(push.members)

    async def _patch(self, push: GroupPush, name: str, wanted: Mapping[str, str], *, whole: bool) -> None:
        """Say the name, then the members: all of them, or the difference to what was pushed before."""
        if name:
            await self._talk.rename(push.remote_id, name)
            self._save(target_name=name)
        if whole:
            await self._talk.replace_members(push.remote_id, wanted)
            self._save(members=tuple(wanted))
            return
        known = dict.fromkeys(push.members)
        removed = [member for member in known if member not in wanted]
        added = {member: display for member, display in wanted.items() if member not in known}
        for out, new in batches(removed, added, self._bench.app.group_batch):
            await self._talk.change_members(push.remote_id, out, new)
            for member in out:
                del known[member]
            known |= dict.fromkeys(new)
            self._save(members=tuple(known))

    def _save(self, **changed: object) -> None:
        self._bench.update_push(lambda push: replace(push, **changed))  # type: ignore[arg-type]  # fields of GroupPush


def finish(tx: Tx, job: Job) -> None:
    """Write the end of a group job that went well."""
    queue.close_tasks(tx, job.app_id, job.subject, (*_PUSHES, JobKind.DELETE_GROUP), "resolved")
    queue.remove_job(tx, job.id)
    push = group_push.get_push(tx, job.subject)
    if push:
        group_push.put_push(tx, replace(push, error="", last_push=tx.now))


def fail(tx: Tx, job: Job, what: str) -> None:
    """Write the end of a group job that failed: the red mark at the mapping, and a task."""
    queue.remove_job(tx, job.id)
    push = group_push.get_push(tx, job.subject)
    if push is None or apps.get_app(tx, job.app_id) is None:
        return
    verb = "delete" if job.kind is JobKind.DELETE_GROUP else "update"
    group = people.get_group(tx, push.group_id)
    name = push.target_name or (group.name if group else push.remote_id)
    message = f"Unable to {verb} Group Push mapping target App group {name}: {what}"
    group_push.put_push(tx, replace(push, error=message))
    queue.insert_task(tx, job, message)
