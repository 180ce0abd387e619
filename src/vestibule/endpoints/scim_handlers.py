"""What the SCIM endpoint does with the resources of one type: the interface that every type implements.

A handler knows its schema, its table, its actions and how a resource is rendered. It knows nothing of HTTP but how a
body is read, so that whoever has an operation, and no request, can carry it out as well.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar

import orjson

from vestibule.actions.scim_request import Sent
from vestibule.endpoints.scim_bodies import BodyReader, JsonBody
from vestibule.scim.filter import Document
from vestibule.scim.messages import MAX_OPERATIONS, parse_patch
from vestibule.scim.patch import Operation
from vestibule.scim.representation import Kept, Projection, expand, present
from vestibule.scim.schema import ResourceType
from vestibule.scim.strict import check_patch, check_resource
from vestibule.store.database import Database, Reading, Row, Tx
from vestibule.store.listing import Listing
from vestibule.store.user_lists import Visibility
from vestibule.store.where import Searched, Where


class _Stored(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def kept(self) -> Kept: ...


Stored = TypeVar("Stored", bound=_Stored)
Pieces = AsyncIterator[bytes]


class Rendering(NamedTuple):
    """How resources are shown to a client."""

    tenant_id: str
    provider_id: str
    base_url: str
    projection: Projection


class Handler(ABC, Generic[Stored]):
    """The resources of one type."""

    type: ClassVar[ResourceType]
    searched: ClassVar[Searched]
    most_operations: ClassVar[int] = MAX_OPERATIONS
    """How many operations a PATCH may have."""
    answers_patch: ClassVar[bool] = True
    """Whether a PATCH is answered with the resource even if the client asked for no attributes."""

    # -- requests

    def body(self, method: str) -> BodyReader:
        """Returns a reader for the body of a request with that method."""
        del method
        return JsonBody()

    @abstractmethod
    def parse(self, body: Any) -> Any:
        """Returns the resource in the body of a POST or PUT, as `create` and `replace` take it.

        Raises:
            ScimError: it cannot be accepted.
        """

    def parse_checked(self, body: Any, *, strict: bool) -> Any:
        """Returns what `parse` does, of a body that is checked first if its identity provider is strict."""
        if strict:
            check_resource(self.as_json(body), self.type)
        return self.parse(body)

    def as_json(self, body: Any) -> Any:
        """Returns the JSON in a body that `parse` takes."""
        return body

    def parse_patch(self, body: Any, *, base_url: str, strict: bool) -> Any:
        """Returns the operations in the body of a PATCH as `patch` takes them.

        Raises:
            ScimError: they cannot be accepted.
        """
        operations = parse_patch(body, self.most_operations)
        if strict:
            check_patch(body, operations, self.type)
        return self.parse_operations(operations, base_url)

    def parse_operations(self, operations: list[Operation], base_url: str) -> Any:
        """Returns the operations of a PATCH as `patch` takes them.

        Raises:
            ScimError: they cannot be accepted.
        """
        del base_url
        return operations

    # -- actions

    @abstractmethod
    async def see(self, reading: Reading, visibility: Visibility, resource_id: str) -> Stored: ...

    @abstractmethod
    async def create(self, tx: Tx, sent: Sent, resource: Any) -> Stored: ...

    @abstractmethod
    async def replace(self, tx: Tx, sent: Sent, resource_id: str, resource: Any, if_match: str | None) -> Stored: ...

    @abstractmethod
    async def patch(self, tx: Tx, sent: Sent, resource_id: str, operations: Any, if_match: str | None) -> Stored: ...

    @abstractmethod
    async def delete(self, tx: Tx, sent: Sent, resource_id: str, if_match: str | None) -> None: ...

    @abstractmethod
    async def listing(self, reading: Reading, visibility: Visibility, condition: Where | None) -> Listing:
        """Returns which resources a list has. The parameters of the condition are numbered from 3."""

    @abstractmethod
    def of_row(self, row: Row) -> Stored: ...

    # -- answers

    def render(self, resource: Stored, how: Rendering) -> bytes | None:
        """Returns a resource as JSON; None if that needs more than its row, and `render_more` does it."""
        return rendered(resource.kept, self.type, how)

    async def render_more(self, database: Database, resources: list[Stored], how: Rendering) -> list[bytes | Pieces]:
        """Returns resources as JSON, each whole, or in pieces if it is large."""
        del database
        return [rendered(resource.kept, self.type, how) for resource in resources]


def rendered(kept: Kept, resource_type: ResourceType, how: Rendering, also: dict[str, Any] | None = None) -> bytes:
    """Returns a resource as JSON. `also` has attributes that are in no document, as the client wants them."""
    if how.projection.whole:
        text = "".join(f'"{name}":{orjson.dumps(value).decode()},' for name, value in (also or {}).items())
        return present(kept, resource_type, how.base_url, text)
    document: Document = how.projection.of(expand(kept, resource_type, how.base_url))
    return orjson.dumps(document | (also or {}))


EVERYTHING: Final = Projection()
