"""Okta's SCIM requests about one group: catalogue apps PATCH what has changed, the wizard's PUT the whole group.

The rule: a method is one purpose of Okta's; it raises StepFailed with the sentence that Okta's screens show.
Source: Okta wire facts 1.1, 1.8.
"""

from collections.abc import Iterator, Mapping, Sequence

from pocket_okta.engine.bench import StepFailed
from pocket_okta.engine.conversation import id_of, resources
from pocket_okta.engine.exchange import Call, CallFailed, document_in, group_path, lookup_path, patch_with
from pocket_okta.engine.scim_client import ScimClient
from pocket_okta.org import App, name_key
from pocket_okta.scim_document import Document

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"

VERIFY = ("application.provision.group.verify_exists", "Verify group exists in external application")
CREATE = ("application.provision.group_push.pushed", "Push new group to external application")
READ = ("application.provision.group.verify_exists", "Read group of external application")
UPDATE = ("application.provision.group_push.updated", "Push group update to external application")
MEMBERS = ("application.provision.group_push.push_memberships", "Push group memberships to external application")
DELETE = ("application.provision.group_push.removed", "Remove group from external application")


class GroupConversation:
    """Talks about one group (named `name` in the sentences) with the SCIM service of one app."""

    def __init__(self, client: ScimClient, app: App, name: str) -> None:
        self._client = client
        self._app = app
        self._name = name

    async def find(self, name: str) -> Document | None:
        """Look for an existing group by its name, without regard to case. A 404 counts as none."""
        doing = f"Error while verifying if group {name} exists"
        try:
            path = lookup_path("displayName", name, "/Groups")
            listing = document_in(await self._client.send(Call("GET", path, *VERIFY)))
        except CallFailed as failed:
            if failed.status == 404:
                return None
            raise StepFailed(f"{doing}: {failed.reason}") from failed
        found = next((group for group in resources(listing) if _name_of(group) == name_key(name)), None)
        if found is not None and not id_of(found):
            raise StepFailed(f"{doing}: the remote server found a group and did not say its id.")
        return found

    async def create(self, name: str) -> str:
        """Create the group without members; returns the id that the service gave it."""
        doing = f"Error while creating user group {name}"
        body: Document = {"schemas": [GROUP], "displayName": name, "members": []}
        try:
            answer = await self._client.send(Call("POST", "/Groups", *CREATE, body=body))
            created = document_in(answer) if answer.text.strip() else {}
        except CallFailed as failed:
            raise StepFailed(f"{doing}: {failed.reason}") from failed
        if not id_of(created):
            raise StepFailed(f"{doing}: Create new group returned empty group.")
        return id_of(created)

    async def rename(self, remote_id: str, name: str) -> None:
        """Say the group's name: catalogue apps do this beside each membership update. The id goes along."""
        await self._patch(remote_id, [{"op": "replace", "value": {"id": remote_id, "displayName": name}}], UPDATE)

    async def change_members(self, remote_id: str, removed: Sequence[str], added: Mapping[str, str]) -> None:
        """Take out each of `removed` by an operation of its own and add all of `added`, in one PATCH."""
        operations: list[Document] = [
            {"op": "remove", "path": f"members[value eq {_quoted(member)}]"} for member in removed
        ]
        if added:
            operations.append({"op": "add", "path": "members", "value": _members(added)})
        await self._patch(remote_id, operations, MEMBERS)

    async def replace_members(self, remote_id: str, members: Mapping[str, str]) -> None:
        """Overwrite all members in one PATCH, also with none: "Push now" of a catalogue app."""
        operation: Document = {"op": "replace", "path": "members", "value": _members(members)}
        await self._patch(remote_id, [operation], MEMBERS)

    async def put_whole(self, remote_id: str, name: str, members: Mapping[str, str], *, keep: bool) -> Document:
        """Read the group and PUT it whole, as the wizard's apps do for everything; returns what was put.

        A blank `name` leaves the name that was read. `keep`: members that were read stay beside those given.
        """
        doing = self._doing("updating")
        path = group_path(remote_id)
        try:
            returned = document_in(await self._client.send(Call("GET", path, *READ)))
            listed = _members({**(_listed(returned) if keep else {}), **members})
            body: Document = {
                "schemas": [GROUP],
                "displayName": name or str(returned.get("displayName") or ""),
                "members": listed,
            }
            answer = await self._client.send(Call("PUT", path, *MEMBERS, body=body))
            if answer.text.strip():
                document_in(answer)
        except CallFailed as failed:
            raise StepFailed(f"{doing}: {failed.reason}") from failed
        return body

    async def delete(self, remote_id: str) -> None:
        """Delete the group. One that is gone already needs no deletion."""
        try:
            await self._client.send(Call("DELETE", group_path(remote_id), *DELETE))
        except CallFailed as failed:
            if failed.status != 404:
                raise StepFailed(f"{self._doing('deleting')}: {failed.reason}") from failed

    async def _patch(self, remote_id: str, operations: list[Document], event: tuple[str, str]) -> None:
        try:
            call = Call("PATCH", group_path(remote_id), *event, body=patch_with(operations))
            answer = await self._client.send(call)
            if answer.text.strip():
                document_in(answer)
        except CallFailed as failed:
            raise StepFailed(f"{self._doing('updating')}: {failed.reason}") from failed

    def _doing(self, verb: str) -> str:
        return f"Error while {verb} user group {self._name}"


def batches(removed: Sequence[str], added: Mapping[str, str], size: int) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Cut a delta into PATCHes of at most `size` member changes, removals first."""
    changes = [(member, None) for member in removed] + list(added.items())
    for start in range(0, len(changes), size):
        part = changes[start : start + size]
        yield [m for m, name in part if name is None], {m: name for m, name in part if name is not None}


def _members(members: Mapping[str, str]) -> list[Document]:
    return [{"value": member, "display": name} if name else {"value": member} for member, name in members.items()]


def _listed(group: Document) -> dict[str, str]:
    """Return id -> name of the members in a group that was read."""
    found = group.get("members")
    listed = [member for member in found if isinstance(member, dict)] if isinstance(found, list) else []
    return {str(member["value"]): str(member.get("display") or "") for member in listed if member.get("value")}


def _name_of(group: Document) -> str:
    return name_key(str(group.get("displayName") or ""))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
