"""Okta's SCIM conversations: which requests are sent, in which order, and what each response means.

The rule: a method is one purpose of Okta's ("verify that a user exists", "push a profile") in whichever calls the kind
of app makes for it. It raises StepFailed with the sentence that Okta's screens show.
Source: Okta wire facts 1.1, 1.3–1.6, 1.9.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pocket_okta.engine.bench import StepFailed
from pocket_okta.engine.exchange import (
    PAGE,
    Answer,
    Call,
    CallFailed,
    document_in,
    lookup_path,
    patch_of,
    probe_path,
    user_path,
)
from pocket_okta.engine.scim_client import ScimClient
from pocket_okta.org import App
from pocket_okta.scim_document import Document

VERIFY = ("application.provision.user.verify_exists", "Verify user exists in external application")
CREATE = ("application.provision.user.push", "Push new user to external application")
PROFILE = ("application.provision.user.push_profile", "Push user's profile to external application")
REACTIVATE = ("application.provision.user.reactivate", "Push user reactivation in external application")
DEACTIVATE = ("application.provision.user.deactivate", "Push user deactivation to external application")
PASSWORD = ("application.provision.user.push_password", "Push user's password update to external application")
IMPORT = ("application.provision.user.import", "Import users from external application")
IMPORT_GROUPS = ("application.provision.group.import", "Import groups from external application")
DELETE = ("application.provision.user.delete", "Delete user in external application")
PROBE = ("application.provision.integration.call_api", "Test API credentials")
PROBE_GROUPS = ("application.provision.integration.call_api", "Read groups of external application")


@dataclass(frozen=True, slots=True)
class Account:
    """The parts of a person's account at the SCIM service that Okta uses."""

    remote_id: str
    active: bool


class Conversation:
    """Talks about one user (named `user_name` in the sentences) with the SCIM service of one app."""

    def __init__(self, client: ScimClient, app: App, user_name: str) -> None:
        self._client = client
        self._app = app
        self._user_name = user_name

    async def find(self, value: str) -> Account | None:
        """Look for an existing account by the app's unique field. A 404 counts as nobody (wire facts 1.4)."""
        field = self._app.unique_field
        doing = f"Error while verifying if user {self._user_name} exists"
        try:
            listing = document_in(await self._client.send(Call("GET", lookup_path(field, value), *VERIFY)))
        except CallFailed as failed:
            if failed.status == 404:
                return None
            raise StepFailed(f"{doing}: {failed.reason}") from failed
        found = resources(listing)
        if not found:
            return None
        chosen = next((user for user in found if _same(user.get(field), value)), found[0])
        remote_id = id_of(chosen)
        if not remote_id:
            raise StepFailed(f"{doing}: the remote server found a user and did not say its id.")
        return Account(remote_id, active=chosen.get("active") is not False)

    async def create(self, document: Document) -> str:
        """Create the account; returns the id that the service gave it."""
        doing = f"Error while creating user {self._user_name}"
        try:
            answer = await self._client.send(Call("POST", "/Users", *CREATE, body=document))
            created = document_in(answer) if answer.text.strip() else {}
        except CallFailed as failed:
            raise StepFailed(f"{doing}: {failed.reason}") from failed
        if not id_of(created):
            raise StepFailed(f"{doing}: Create new user returned empty user.")
        return id_of(created)

    async def push_profile(self, remote_id: str, merge: Callable[[Document], Document]) -> None:
        """Read the user, write the mapped attributes over it, and PUT all of it.

        As a PATCH, if the app is set so: only the mapped attributes, without a path (wire facts 1.6).
        """
        doing = f"Error while trying to push profile update for {self._user_name}"
        if not self._app.patch_profiles:
            await self._get_and_put(remote_id, merge, PROFILE, doing)
            return
        change = merge({})
        del change["schemas"]
        await self._change(remote_id, change, PROFILE, doing)

    async def set_active(self, remote_id: str, *, active: bool) -> None:
        """Activate or deactivate the account: PATCH from a catalogue app, PUT of the whole user from the wizard's."""
        event = REACTIVATE if active else DEACTIVATE
        doing = f"Error while {'reactivating' if active else 'deactivating'} user {self._user_name}"
        await self._change(remote_id, {"active": active}, event, doing)

    async def delete(self, remote_id: str) -> None:
        """Delete the account. One that is gone already needs no deletion."""
        try:
            await self._client.send(Call("DELETE", user_path(remote_id), *DELETE))
        except CallFailed as failed:
            if failed.status != 404:
                raise StepFailed(f"Error while deleting user {self._user_name}: {failed.reason}") from failed

    async def set_password(self, remote_id: str, password: str) -> None:
        doing = f"Error while pushing password update for {self._user_name}"
        await self._change(remote_id, {"password": password}, PASSWORD, doing)

    async def _change(self, remote_id: str, change: Document, event: tuple[str, str], doing: str) -> None:
        if not self._app.template.patches:
            await self._get_and_put(remote_id, lambda returned: returned | change, event, doing)
            return
        try:
            _checked(await self._client.send(Call("PATCH", user_path(remote_id), *event, body=patch_of(change))))
        except CallFailed as failed:
            raise StepFailed(f"{doing}: {failed.reason}") from failed

    async def _get_and_put(
        self, remote_id: str, change: Callable[[Document], Document], event: tuple[str, str], doing: str
    ) -> None:
        try:
            returned = document_in(await self._client.send(Call("GET", user_path(remote_id), *event)))
            _checked(await self._client.send(Call("PUT", user_path(remote_id), *event, body=change(returned))))
        except CallFailed as failed:
            raise StepFailed(f"{doing}: {failed.reason}") from failed


async def probe(client: ScimClient, *, groups: bool) -> None:
    """Ask what "Test API Credentials" and every Save ask; raises CallFailed when the answer is no list of users.

    With Import Groups on, a Save reads the first page of groups as well (wire facts 1.3).
    """
    calls = [Call("GET", probe_path(), *PROBE)]
    if groups:
        calls.append(Call("GET", "/Groups?startIndex=1&count=100", *PROBE_GROUPS))
    for call in calls:
        listing = document_in(await client.send(call))
        if not isinstance(listing.get("totalResults"), int):
            raise CallFailed("the remote server sent no list of users: totalResults is missing or no integer.")


async def list_all(client: ScimClient, collection: str, event: tuple[str, str] | None = None) -> dict[str, Document]:
    """Return id -> resource of a whole collection. Pages step by 100 whatever the service returned of them."""
    event = event or (IMPORT if collection == "/Users" else IMPORT_GROUPS)
    listed: dict[str, Document] = {}
    start, total = 1, 1
    while start <= total:
        listing = document_in(await client.send(Call("GET", f"{collection}?startIndex={start}&count={PAGE}", *event)))
        found = listing.get("totalResults")
        if not isinstance(found, int):
            what = collection.removeprefix("/").lower()
            raise CallFailed(f"the remote server sent no list of {what}: totalResults is missing or no integer.")
        page = resources(listing)
        if not page:
            break
        listed |= {id_of(one): one for one in page if id_of(one)}
        start, total = start + PAGE, found
    return listed


def resources(listing: Document) -> list[Document]:
    """Return the resources of a ListResponse."""
    found = listing.get("Resources")
    return [user for user in found if isinstance(user, dict)] if isinstance(found, list) else []


def id_of(resource: Document) -> str:
    value = resource.get("id")
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _same(found: object, wanted: str) -> bool:
    return isinstance(found, str) and found.casefold() == wanted.casefold()


def _checked(answer: Answer) -> None:
    """The response to a write may have no body; a body must be JSON."""
    if answer.text.strip():
        document_in(answer)
