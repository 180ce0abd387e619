"""The discovery endpoints: ServiceProviderConfig, ResourceTypes and Schemas (RFC 7644 §4)."""

import orjson

from vestibule.endpoints.exchange import Answer, Request
from vestibule.scim import discovery
from vestibule.scim.errors import Forbidden, NotFound
from vestibule.scim.filter import Document
from vestibule.scim.messages import ListHead, list_response


def discover(request: Request, kind: str, rest: list[str]) -> Answer:
    """Returns a discovery document, or the list of them.

    Raises:
        NotFound: there is no such document.
        Forbidden: the request has a filter.
    """
    if "filter" in request.query:
        # RFC 7644 §4: a filter must be refused, so that no client believes it was applied.
        raise Forbidden(f"/{kind} takes no filter.")
    if kind == "ServiceProviderConfig":
        if rest:
            raise NotFound("There is one ServiceProviderConfig, at /ServiceProviderConfig.")
        return Answer(200, orjson.dumps(discovery.service_provider_config(request.base_url)))
    offered: list[Document] = (
        discovery.schemas(request.base_url) if kind == "Schemas" else discovery.resource_types(request.base_url)
    )
    if not rest:
        return Answer(200, list_response(ListHead(len(offered)), map(orjson.dumps, offered)))
    wanted = rest[0].lower()
    found = next((each for each in offered if each["id"].lower() == wanted), None)
    if found is None:
        raise NotFound(f"There is no such resource under /{kind}.")
    return Answer(200, orjson.dumps(found))
