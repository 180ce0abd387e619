"""Entra's SCIM requests: matching, creating, changing and deleting one person or group.

The rule: a call that fails raises CallFailed with its status, because what follows depends on it: credentials that are
refused, or a look-up answered with 404, put the whole job into quarantine. Source: wire facts 3.1.
"""

import uuid
from urllib.parse import quote

from pocket_okta.engine.conversation import id_of, resources
from pocket_okta.engine.exchange import Call, CallFailed, document_in, group_path, patch_with, user_path
from pocket_okta.engine.scim_client import ScimClient
from pocket_okta.scim_document import Document

TEST = ("entra.provision.test_connection", "Test connection")
MATCH = ("entra.provision.match", "Match object in target system")
READ = ("entra.provision.import", "Import object from target system")
CREATE = ("entra.provision.create", "Create object in target system")
UPDATE = ("entra.provision.update", "Update object in target system")
DELETE = ("entra.provision.delete", "Delete object in target system")
MEMBERS = ("entra.provision.members", "Update group member in target system")


class LookUpRefused(CallFailed):
    """A look-up was answered with 404 where 200 and an empty list was expected: the job goes into quarantine."""


async def test_connection(client: ScimClient) -> None:
    """Look for a person and a group that cannot exist; raises CallFailed unless the answer is an empty list."""
    for collection, field in (("/Users", "userName"), ("/Groups", "displayName")):
        await find(client, collection, f'{field} eq "{uuid.uuid4()}"', TEST)


async def find(client: ScimClient, collection: str, expression: str, event: tuple[str, str] = MATCH) -> list[Document]:
    """Return what a filter finds. Groups are asked for without their members."""
    lead = "excludedAttributes=members&" if collection == "/Groups" else ""
    try:
        answer = await client.send(Call("GET", f"{collection}?{lead}filter={quote(expression, safe='')}", *event))
        listing = document_in(answer)
    except CallFailed as failed:
        if failed.status == 404:
            reason = f"a look-up was answered with 404 rather than 200 and an empty list: {failed.reason}"
            raise LookUpRefused(reason, 404) from failed
        raise
    if not isinstance(listing.get("totalResults"), int):
        raise CallFailed("the answer to a look-up is no list: totalResults is missing or no integer.")
    return resources(listing)


def quoted(value: str) -> str:
    """Return a value as it stands in a filter."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


async def read(client: ScimClient, collection: str, remote_id: str) -> Document | None:
    """Return one resource, None if it has gone. Groups are read without their members."""
    path = user_path(remote_id) if collection == "/Users" else f"{group_path(remote_id)}?excludedAttributes=members"
    try:
        return document_in(await client.send(Call("GET", path, *READ)))
    except CallFailed as failed:
        if failed.status == 404:
            return None
        raise


async def create(client: ScimClient, collection: str, body: Document) -> Document:
    """Create a resource; returns it as the service has it."""
    created = document_in(await client.send(Call("POST", collection, *CREATE, body=body)))
    if not id_of(created):
        raise CallFailed("the answer to a create has no id.")
    return created


async def change(client: ScimClient, path: str, operations: list[Document], event: tuple[str, str] = UPDATE) -> None:
    answer = await client.send(Call("PATCH", path, *event, body=patch_with(operations)))
    if answer.text.strip():
        document_in(answer)


async def delete(client: ScimClient, path: str) -> None:
    """Delete a resource. One that is gone already needs no deletion."""
    try:
        await client.send(Call("DELETE", path, *DELETE))
    except CallFailed as failed:
        if failed.status != 404:
            raise
