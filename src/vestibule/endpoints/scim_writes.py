"""Writes to SCIM resources: what a POST, PUT, PATCH or DELETE does, as a request or as an operation of a bulk."""

from typing import Any, Final

from vestibule.actions.scim_request import Sent
from vestibule.endpoints.exchange import Request
from vestibule.endpoints.scim_handlers import Handler
from vestibule.scim.errors import InvalidSyntax
from vestibule.store.database import Database

_OLD: Final = "urn:scim:schemas:core:1.0"


def understood(method: str, handler: Handler[Any], body: Any, *, base_url: str, strict: bool) -> Any:
    """Returns what a body says, as the action takes it. `body` is what the handler's reader returned.

    Raises:
        ScimError: it cannot be accepted.
    """
    document = body if method == "PATCH" else handler.as_json(body)
    schemas = document.get("schemas") if isinstance(document, dict) else None
    if isinstance(schemas, list) and _OLD in schemas:
        raise InvalidSyntax(f"The body is one of SCIM 1.1 ({_OLD}). This is SCIM 2.0; its base URL is {base_url}.")
    if method == "PATCH":
        return handler.parse_patch(body, base_url=base_url, strict=strict)
    return handler.parse_checked(body, strict=strict)


async def write(
    database: Database, request: Request, handler: Handler[Any], resource_id: str, given: Any, sent: Sent
) -> Any:
    """Carry out a write, in a transaction of its own. `given` is what `understood` returned.

    Returns the resource as it is stored then; None if it was deleted.

    Raises:
        ScimError: it cannot be carried out.
    """
    actor, if_match = request.actor, request.if_match
    match request.method:
        case "POST":
            return await database.run(actor, lambda tx: handler.create(tx, sent, given))
        case "PUT":
            return await database.run(actor, lambda tx: handler.replace(tx, sent, resource_id, given, if_match))
        case "PATCH":
            return await database.run(actor, lambda tx: handler.patch(tx, sent, resource_id, given, if_match))
        case _:
            await database.run(actor, lambda tx: handler.delete(tx, sent, resource_id, if_match))
            return None
