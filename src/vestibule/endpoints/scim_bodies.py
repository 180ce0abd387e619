"""Reads the bodies of SCIM requests as they arrive, each within its own limits."""

from typing import Any, Final, Protocol

from vestibule.actions.scim_request import LARGEST_KEPT_BODY
from vestibule.scim.body import MAX_BODY, MAX_PARTS, decode
from vestibule.scim.errors import PayloadTooLarge

LONG: Final = 256 * 1024
"""Bytes of a body that is parsed in a thread."""


class BodyReader(Protocol):
    """Takes a body in pieces, and returns what it says."""

    largest: int
    """How many bytes it may have."""
    size: int
    told: Any
    """The body as an event tells it, once it is finished; empty if it is too large for that."""

    def feed(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            PayloadTooLarge: the body exceeds its limit.
            ScimError: what has come so far cannot be accepted.
        """

    def finish(self) -> Any:
        """Returns what the whole body says.

        Raises:
            ScimError: it cannot be accepted.
        """


class JsonBody:
    """Reads a body as one JSON value."""

    def __init__(self, largest: int = MAX_BODY, most_parts: int = MAX_PARTS) -> None:
        self.largest = largest
        self.size = 0
        self.told: Any = {}
        self._most_parts = most_parts
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        self.size += len(piece)
        check_length(self.size, self.largest)
        self._pieces.append(piece)

    def finish(self) -> Any:
        said = decode(b"".join(self._pieces), self._most_parts)
        if self.size <= LARGEST_KEPT_BODY:
            self.told = said
        return said


def check_length(size: int, largest: int) -> None:
    """Check the size of a body.

    Raises:
        PayloadTooLarge: it is too large.
    """
    if size > largest:
        raise PayloadTooLarge(f"A body may take {largest:,} bytes; this one takes more.")
