"""Reads the body of a whole group as it arrives, and keeps only the ids of its members: a tenth of the memory.

The rule of this file: each byte is looked at a constant number of times, whatever is sent. One pass of tokens finds the
list of members, the commas between them and its end; a regular expression takes most members as a single token.
"""

import re
from typing import Any, Final, NamedTuple

from vestibule.actions.scim_request import LARGEST_KEPT_BODY
from vestibule.endpoints.scim_bodies import check_length
from vestibule.scim.body import MAX_BODY, MAX_DEPTH, decode
from vestibule.scim.errors import InvalidSyntax, PayloadTooLarge, ScimError
from vestibule.scim.membership import member_ids, split_members

LARGEST_GROUP: Final = 32 * 1024 * 1024
"""Bytes of a whole group: 340,000 members as Okta sends them."""
LARGEST_GROUP_PATCH: Final = 4 * 1024 * 1024
"""Bytes of a PATCH of a group: 10,000 changes, each an operation of its own."""
GROUP_PATCH_PARTS: Final = 100_000
"""Values in a PATCH of a group."""
MOST_MEMBERS: Final = 400_000
"""Members in the body of a whole group."""
_SEGMENT: Final = 64 * 1024
"""A group of up to so many bytes is read at once; of a larger one, members are parsed as soon as there are so many."""

_TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(
    rb"\{[^\"{}\[\]]*+(?:" + _TEXT + rb'[^"{}\[\]]*+)*+\}|' + _TEXT + rb'|[{}\[\],]|"', re.DOTALL
)
"""An object without lists and objects in it, a text, a bracket, a comma, or the quotation mark of a text that has not
ended yet.
"""
_LIST: Final = re.compile(rb"\s*+:\s*+\[")
_WHITE_SPACE: Final = 64
"""Bytes after the name of the list within which its beginning has to come."""
_DEEPER: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class WholeGroup(NamedTuple):
    """A group as POST and PUT send it: everything but the members, and their ids."""

    rest: Any
    member_ids: tuple[str, ...]


class GroupBody:
    """A `BodyReader` of a whole group."""

    def __init__(self) -> None:
        self.largest = LARGEST_GROUP
        self.size = 0
        self.told: Any = {}
        self._buffer = b""
        """What was looked at and not taken yet."""
        self._pieces: list[bytes] = []
        """What has come since."""
        self._held = 0
        """The bytes of both."""
        self._enough = _SEGMENT
        """How many bytes it takes to look again: twice as many where nothing could be taken, so that nothing is looked
        at more than twice.
        """
        self._at = 0
        """How much of the buffer was looked at."""
        self._depth = 0
        self._before: bytes | None = None
        """What came before the list of members, once that has begun."""
        self._is_over = False
        self._has_comma = False
        self._ids: dict[str, None] = {}

    def feed(self, piece: bytes) -> None:
        self.size += len(piece)
        check_length(self.size, self.largest)
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > self._enough:
            self._look()
            self._enough = max(2 * self._held, _SEGMENT)
        if self._held > MAX_BODY:
            raise PayloadTooLarge(
                f"A group may take {MAX_BODY:,} bytes beside its list of members, and so may one member; this one "
                "takes more."
            )

    def finish(self) -> WholeGroup:
        if self._before is not None:
            self._look()
        self._join()
        if self._before is None:
            said = decode(self._buffer)
            if self.size <= LARGEST_KEPT_BODY:
                self.told = said
            rest, ids = split_members(said)
            return WholeGroup(rest, ids or ())
        if not self._is_over:
            raise InvalidSyntax("The body should be JSON in UTF-8; its list of members does not end.")
        try:
            whole = decode(self._before + b'"members":[]' + self._buffer)
        except ScimError as error:
            raise InvalidSyntax(f"What the body says beside its members cannot be read. {error.detail}") from None
        rest, further = split_members(whole)
        if further:
            raise InvalidSyntax("'members' was sent twice in one object; send each name once.")
        return WholeGroup(rest, tuple(self._ids))

    def _look(self) -> None:
        """Look at what has come, and take what can be taken."""
        self._join()
        if self._before is None:
            self._look_for_list()
        if self._before is not None and not self._is_over:
            self._look_at_members()

    def _join(self) -> None:
        self._buffer = b"".join((self._buffer, *self._pieces))
        self._pieces.clear()

    def _look_for_list(self) -> None:
        for token in _TOKEN.finditer(self._buffer, self._at):
            text = token[0]
            if text == b'"':
                return
            if self._depth == 1 and text.lower() == b'"members"':
                if (list_begins := _LIST.match(self._buffer, token.end())) is not None:
                    self._before = self._buffer[: token.start()]
                    self._drop(list_begins.end())
                    self._depth = 0
                    return
                if len(self._buffer) < token.end() + _WHITE_SPACE:
                    return  # the beginning of the list may not have come yet
            self._go_on(token)

    def _look_at_members(self) -> None:
        cut = -1
        for token in _TOKEN.finditer(self._buffer, self._at):
            text = token[0]
            if text == b'"':
                break
            if self._depth == 0 and text == b"]":
                self._take(self._buffer[: token.start()], is_last=True)
                self._drop(token.end())
                self._is_over = True
                return
            if self._depth == 0 and text == b",":
                cut = token.start()
            self._go_on(token)
        if cut >= 0:
            self._take(self._buffer[:cut], is_last=False)
            self._drop(cut + 1)
            self._has_comma = True

    def _go_on(self, token: "re.Match[bytes]") -> None:
        self._depth += _DEEPER.get(token[0], 0)
        self._at = token.end()
        if not 0 <= self._depth <= MAX_DEPTH:
            raise InvalidSyntax(
                f"The body should be JSON that nests at most {MAX_DEPTH} deep; its brackets do not fit."
            )

    def _drop(self, end: int) -> None:
        """Forget the beginning of the buffer."""
        self._buffer = self._buffer[end:]
        self._held = len(self._buffer)
        self._at = max(self._at - end, 0)

    def _take(self, segment: bytes, *, is_last: bool) -> None:
        """Take the members in a part of the list, without the commas around it."""
        if not segment.strip():
            if is_last and not self._has_comma:
                return
            raise InvalidSyntax("The list of members has a comma without a member.")
        listed = decode(b"[" + segment + b"]", len(segment))
        self._ids.update(dict.fromkeys(member_ids(listed)))
        if len(self._ids) > MOST_MEMBERS:
            raise PayloadTooLarge(f"A group may have {MOST_MEMBERS:,} members in one request; this one has more.")
