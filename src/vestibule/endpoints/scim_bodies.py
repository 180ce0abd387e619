"""Reads the bodies of SCIM requests as they arrive, each within its own limits."""

from typing import Any, Final, NamedTuple, Protocol

import orjson

from vestibule.actions.scim_request import LARGEST_KEPT_BODY
from vestibule.scim.body import MAX_BODY, MAX_PARTS, decode
from vestibule.scim.errors import InvalidSyntax, PayloadTooLarge, ScimError
from vestibule.scim.filter import Document
from vestibule.scim.membership import member_ids, split_members

LARGEST_GROUP: Final = 32 * 1024 * 1024
"""Bytes of a whole group: 340,000 members as Okta sends them."""
LARGEST_GROUP_PATCH: Final = 4 * 1024 * 1024
"""Bytes of a PATCH of a group: 10,000 changes, each an operation of its own."""
GROUP_PATCH_PARTS: Final = 100_000
"""Values in a PATCH of a group."""
MOST_MEMBERS: Final = 400_000
"""Members in the body of a whole group."""
LONG: Final = 256 * 1024
"""Bytes of a body that is parsed in a thread."""
_SMALL: Final = 64 * 1024
"""A group of up to so many bytes is read at once; a larger one in segments of this size."""


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
        self._body = b""

    def feed(self, piece: bytes) -> None:
        self.size += len(piece)
        check_length(self.size, self.largest)
        self._body = self._body + piece if self._body else piece

    def finish(self) -> Any:
        said = decode(self._body, self._most_parts)
        if self.size <= LARGEST_KEPT_BODY:
            self.told = said
        return said


class WholeGroup(NamedTuple):
    """A group as POST and PUT send it: everything but the members, and their ids."""

    rest: Any
    member_ids: tuple[str, ...]


class GroupBody:
    """Reads a whole group, keeping of its members only the ids, so that 200,000 take a tenth of the memory.

    The strategy: `"members":[` is found at the top level of the object, because what comes before it is an object once
    a brace is added. The list is then cut into segments at `},{`. A cut inside a text or inside a member leaves a
    segment that is not JSON, which is extended to the next cut.
    """

    def __init__(self) -> None:
        self.largest = LARGEST_GROUP
        self.size = 0
        self.told: Any = {}
        self._buffer = b""
        self._before: bytes | None = None
        self._ids: dict[str, None] = {}
        self._is_over = False
        self._looked_until = 0

    def feed(self, piece: bytes) -> None:
        self.size += len(piece)
        check_length(self.size, self.largest)
        self._buffer += piece
        if self.size > _SMALL and self._before is None:
            self._find_members()
        if self._before is not None:
            self._take_segments()
        if (self._before is None or self._is_over) and len(self._buffer) > MAX_BODY:
            raise PayloadTooLarge(
                f"A group may take {MAX_BODY:,} bytes beside its list of members; this one takes more."
            )

    def _find_members(self) -> None:
        """Look for the beginning of the list of members."""
        for key in (b'"members"', b'"Members"'):
            at = self._buffer.find(key, max(self._looked_until - len(key), 0))
            while at >= 0:
                start = self._buffer.find(b"[", at + len(key), at + len(key) + 64)
                between = self._buffer[at + len(key) : start] if start >= 0 else b""
                if start >= 0 and between.strip() == b":" and self._is_object(self._buffer[:at]):
                    self._before = self._buffer[:at]
                    self._buffer = self._buffer[start + 1 :].lstrip()
                    return
                at = self._buffer.find(key, at + 1)
        self._looked_until = max(len(self._buffer) - 128, 0)

    @staticmethod
    def _is_object(beginning: bytes) -> bool:
        try:
            value = orjson.loads(beginning.rstrip().removesuffix(b",") + b"}")
        except orjson.JSONDecodeError:
            return False
        return isinstance(value, dict)

    def _take_segments(self) -> None:
        """Take as many whole members from the buffer as are there."""
        while len(self._buffer) > _SMALL and not self._is_over:
            cut = self._buffer.find(b"},", _SMALL - 1)
            while cut >= 0:
                if self._take(self._buffer[: cut + 1]):
                    self._buffer = self._buffer[cut + 2 :].lstrip()
                    break
                cut = self._buffer.find(b"},", cut + 1)
            else:
                if not self._take_last() and len(self._buffer) > MAX_BODY:
                    raise InvalidSyntax("The list of members should be JSON; a part of it cannot be read.")
                return

    def _take(self, segment: bytes) -> bool:
        """Take the members in a segment. Returns False if it is not a whole number of them."""
        try:
            orjson.loads(b"[" + segment + b"]")
        except orjson.JSONDecodeError:
            return False
        for id_ in member_ids(decode(b"[" + segment + b"]")):
            self._ids[id_] = None
        if len(self._ids) > MOST_MEMBERS:
            raise PayloadTooLarge(f"A group may have {MOST_MEMBERS:,} members in one request; this one has more.")
        return True

    def _take_last(self) -> bool:
        """Take the last members if the end of the list is in the buffer. Returns whether it is."""
        end = self._buffer.find(b"]")
        while end >= 0:
            if self._take(self._buffer[:end]):
                self._buffer = self._buffer[end + 1 :]
                self._is_over = True
                return True
            end = self._buffer.find(b"]", end + 1)
        return False

    def finish(self) -> WholeGroup:
        if self._before is None:
            said = decode(self._buffer)
            if self.size <= LARGEST_KEPT_BODY:
                self.told = said
            rest, ids = split_members(said)
            return WholeGroup(rest, ids or ())
        if not (self._is_over or self._take_last()):
            raise InvalidSyntax("The body should be JSON in UTF-8; its list of members does not end.")
        rest, further = split_members(self._rest(self._before))
        if further is not None:
            raise InvalidSyntax("'members' was sent twice in one object; send each name once.")
        return WholeGroup(rest, tuple(self._ids))

    def _rest(self, before: bytes) -> Document:
        """Returns the group without its members; `before` is what came before them."""
        before, after = before.rstrip().removesuffix(b","), self._buffer.lstrip()
        joint = b"" if before.endswith(b"{") or after.startswith(b"}") else b","
        try:
            rest: Document = decode(before + joint + after.removeprefix(b",").lstrip())
        except ScimError as error:
            raise InvalidSyntax(f"What the body says beside its members cannot be read. {error.detail}") from None
        return rest


def check_length(size: int, largest: int) -> None:
    """Check the size of a body.

    Raises:
        PayloadTooLarge: it is too large.
    """
    if size > largest:
        raise PayloadTooLarge(f"A body may take {largest:,} bytes; this one takes more.")
