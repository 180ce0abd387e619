"""Reads what an application says about itself: /ResourceTypes, then /Schemas, then each endpoint that it declares.

The rule: it makes network requests, so it uses no transaction; the caller saves. Source: Okta wire facts 1.10.
"""

from pocket_okta.engine.conversation import list_all, resources
from pocket_okta.engine.exchange import Call, CallFailed, document_in
from pocket_okta.engine.scim_client import ScimClient
from pocket_okta.entitlements import Discovery, custom_attributes, extension_urns, grantable, item
from pocket_okta.org import App
from pocket_okta.scim_document import Document

EVENT = ("application.provision.entitlements.discover", "Read entitlements and schema of external application")


async def discover(client: ScimClient, app: App) -> Discovery:
    """Return the application's roles, entitlements and attributes; raises CallFailed in a sentence."""
    types = await _listing(client, "/ResourceTypes")
    schemas = await _listing(client, "/Schemas")
    found = []
    if app.entitlements:
        for each in grantable(types):
            if not each.endpoint.startswith("/") or not each.name:
                raise CallFailed(f"the resource type {each.name!r} has no endpoint that begins with a slash.")
            listed = await list_all(client, each.endpoint, EVENT)
            found += [item(each, document) for document in listed.values()]
    known = [attribute.name for attribute in app.mapping if not attribute.custom]
    attributes = custom_attributes(extension_urns(types), schemas, known) if app.import_schema else ()
    return Discovery(tuple(found), attributes)


async def _listing(client: ScimClient, path: str) -> list[Document]:
    """Return a discovery document, which must be a ListResponse."""
    listing = document_in(await client.send(Call("GET", path, *EVENT)))
    if not isinstance(listing.get("Resources"), list):
        raise CallFailed(f"{path} is no ListResponse: Resources is missing.")
    return resources(listing)
