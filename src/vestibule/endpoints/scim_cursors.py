"""Cursors of a list (RFC 9865): a place in the list, sealed so that nobody else can make or read one.

A cursor holds no state on the server. It holds a value that the list is sorted by, which may be personal data, and is
part of URLs: so it is encrypted, and not only signed.
"""

import base64
import binascii
import hashlib
from typing import Any, Final, NamedTuple

import orjson

from vestibule.errors import WrongSetting
from vestibule.keys import Checker
from vestibule.limits import CURSOR_SECONDS
from vestibule.scim.errors import ExpiredCursor, InvalidCursor
from vestibule.store.sorting import Position

_PURPOSE: Final = "cursor"
BEGINNING: Final = Position(None, "")
"""The place before everything in a list."""
_NOT_OF_THIS_QUERY: Final = (
    "The cursor was not given here for this query. Begin with an empty one, go on with 'nextCursor', and leave all "
    "parameters but 'cursor' and 'count' as they were."
)
"""The same for every wrong cursor, so that nobody learns whether one belongs to somebody else (RFC 9865 §5)."""


class Cursor(NamedTuple):
    """Where the next page begins, and in which direction it is read."""

    position: Position
    backwards: bool


def scope_of(*parts: Any) -> str:
    """Returns a digest of what a cursor belongs to: the identity provider, and the query beside the page."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


def seal_cursor(checker: Checker, scope: str, cursor: Cursor, now: int) -> str:
    """Returns a cursor as text. `now` is in milliseconds."""
    plain = orjson.dumps([scope, cursor.position.key, cursor.position.id, cursor.backwards, now])
    return base64.urlsafe_b64encode(checker.seal(plain, _PURPOSE)).rstrip(b"=").decode()


def open_cursor(checker: Checker, scope: str, text: str, now: int) -> Cursor:
    """Returns what a cursor says.

    Raises:
        InvalidCursor: it was not given for this query.
        ExpiredCursor: it was given too long ago.
    """
    try:
        sealed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        of, key, id_, backwards, given_at = orjson.loads(checker.unseal(sealed, _PURPOSE))
    except (UnicodeEncodeError, binascii.Error, WrongSetting):
        raise InvalidCursor(_NOT_OF_THIS_QUERY) from None
    if of != scope:
        raise InvalidCursor(_NOT_OF_THIS_QUERY)
    if now - given_at > CURSOR_SECONDS * 1000:
        raise ExpiredCursor(f"The cursor was given more than {CURSOR_SECONDS:,} seconds ago. Begin again.")
    return Cursor(Position(key, id_), backwards)
