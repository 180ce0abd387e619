"""What a cycle does with groups: those that are assigned are created or matched, and members change one by one.

The rule: one PATCH for each member, as Entra does. A failed member is a failed reference and keeps nobody else out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from pocket_okta.engine.bench import Bench
from pocket_okta.engine.conversation import id_of
from pocket_okta.engine.exchange import CallFailed, group_path
from pocket_okta.entra import conversation, mapping
from pocket_okta.group_push import GroupPush
from pocket_okta.org import Group, new_id
from pocket_okta.store import apps, group_push
from pocket_okta.store.database import Tx

Tell = Callable[[str], None]  # is told created, updated, deleted, failed or failed_references


class GroupCopies:
    """The groups of one cycle. `tell` counts what happens; `stops` raises for a failure that ends the cycle."""

    def __init__(self, bench: Bench, tell: Tell, stops: Callable[[CallFailed], None], *, new_style: bool) -> None:
        self._bench = bench
        self._tell = tell
        self._stops = stops
        self._new_style = new_style

    async def provision_all(self) -> None:
        db, app = self._bench.db.read, self._bench.app
        assigned = {group.id: group for group in apps.app_groups(db, app.id)}
        copies = {copy.group_id: copy for copy in group_push.of_app(db, app.id)}
        for group_id, copy in copies.items():
            if group_id not in assigned:
                await self._guarded(copy, self._delete(copy))
        for group in assigned.values():
            copy = copies.get(group.id) or self._begin(group)
            await self._guarded(copy, self._provision(copy, group))

    async def _guarded(self, copy: GroupPush, work: Awaitable[None]) -> None:
        try:
            await work
        except CallFailed as failed:
            self._stops(failed)
            self._tell("failed")
            self._save(copy.id, error=failed.reason)

    def _begin(self, group: Group) -> GroupPush:
        with self._bench.db.write() as tx:
            copy = _new_copy(tx, self._bench.app.id, group)
            group_push.put_push(tx, copy)
        return copy

    async def _delete(self, copy: GroupPush) -> None:
        """The group is no longer assigned, or was deleted here: delete its copy."""
        if copy.remote_id:
            await conversation.delete(self._bench.client, group_path(copy.remote_id))
            self._tell("deleted")
        with self._bench.db.write() as tx:
            group_push.remove_push(tx, copy.id)

    async def _provision(self, copy: GroupPush, group: Group) -> None:
        client = self._bench.client
        matched = False
        if copy.remote_id and copy.target_name != group.name:
            resource = await conversation.read(client, "/Groups", copy.remote_id)
            if resource is None:
                copy = self._save(copy.id, remote_id="", members=())
        if not copy.remote_id:
            expression = f"displayName eq {conversation.quoted(group.name)}"
            found = await conversation.find(client, "/Groups", expression)
            matched = bool(found)
            resource = found[0] if found else await self._create(group)
            name = str(resource.get("displayName") or "")
            copy = self._save(copy.id, remote_id=id_of(resource), target_name=name)
        if copy.target_name != group.name:
            flat: mapping.Flat = {"displayName": group.name}
            operations = mapping.operations({"displayName": copy.target_name}, flat, new_style=self._new_style)
            await conversation.change(client, group_path(copy.remote_id), operations)
            self._tell("updated")
        copy = self._save(copy.id, target_name=group.name, error="")
        await self._provision_members(copy, group, matched=matched)

    async def _create(self, group: Group) -> "dict[str, object]":
        resource = await conversation.create(self._bench.client, "/Groups", mapping.new_group(group.name, group.id))
        self._tell("created")
        return resource

    async def _provision_members(self, copy: GroupPush, group: Group, *, matched: bool) -> None:
        wanted = group_push.members_to_push(self._bench.db.read, self._bench.app.id, group.id)
        members = dict.fromkeys(copy.members)
        for member in [*(m for m in members if m not in wanted), *(m for m in wanted if m not in members)]:
            add = member in wanted
            try:
                if not (add and matched and await self._is_member(copy.remote_id, member)):
                    operation = mapping.member_operation(member, add=add, new_style=self._new_style)
                    path = group_path(copy.remote_id)
                    await conversation.change(self._bench.client, path, [operation], conversation.MEMBERS)
                    self._tell("updated")
            except CallFailed as failed:
                self._stops(failed)
                self._tell("failed_references")
                self._save(copy.id, error=failed.reason)
                continue
            if add:
                members[member] = None
            else:
                del members[member]
            self._save(copy.id, members=tuple(members))

    async def _is_member(self, remote_id: str, member: str) -> bool:
        """Ask whether somebody is in a group that was there already."""
        expression = f"id eq {conversation.quoted(remote_id)} and members eq {conversation.quoted(member)}"
        return bool(await conversation.find(self._bench.client, "/Groups", expression))

    def _save(self, copy_id: str, **changed: object) -> GroupPush:
        """Change the row as it is now; returns it."""
        with self._bench.db.write() as tx:
            now = group_push.get_push(tx, copy_id)
            if now is None:
                raise CallFailed("the application was deleted meanwhile.")
            now = replace(now, last_push=tx.now, **changed)  # type: ignore[arg-type]  # fields of GroupPush
            group_push.put_push(tx, now)
        return now


def _new_copy(tx: Tx, app_id: str, group: Group) -> GroupPush:
    return GroupPush(
        id=new_id("gPm"),
        app_id=app_id,
        group_id=group.id,
        active=True,
        target_name=group.name,
        remote_id="",
        members=(),
        error="",
        rule_id="",
        created=tx.now,
        last_updated=tx.now,
        last_push="",
    )
