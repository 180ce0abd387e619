"""A cursor is taken for its query, until it expires, and by nobody who has another key."""

import pytest

from vestibule.endpoints.scim_cursors import Cursor, open_cursor, scope_of, seal_cursor
from vestibule.keys import Checker
from vestibule.limits import CURSOR_SECONDS
from vestibule.scim.errors import ExpiredCursor, InvalidCursor
from vestibule.store.sorting import Position

CHECKER = Checker("a pepper of thirty-two characters")
SCOPE = scope_of("tenant", "provider", ["User"], ["", "", ""])


@pytest.mark.parametrize("key", ["ana", None, 7, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_cursor_is_what_was_sealed(key: object, backwards: bool) -> None:
    cursor = Cursor(Position(key, "id"), backwards)
    assert open_cursor(CHECKER, SCOPE, seal_cursor(CHECKER, SCOPE, cursor, 0), CURSOR_SECONDS * 1000) == cursor


def test_it_expires_and_belongs_to_a_query_and_an_installation() -> None:
    sealed = seal_cursor(CHECKER, SCOPE, Cursor(Position("ana", "id"), False), 0)
    assert "ana" not in sealed
    with pytest.raises(ExpiredCursor):
        open_cursor(CHECKER, SCOPE, sealed, CURSOR_SECONDS * 1000 + 1)
    with pytest.raises(InvalidCursor):
        open_cursor(CHECKER, scope_of("tenant", "other"), sealed, 0)
    with pytest.raises(InvalidCursor):
        open_cursor(Checker("another pepper of the same length"), SCOPE, sealed, 0)
