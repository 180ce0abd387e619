"""What an engine's error means: one table for SQLite, one for PostgreSQL.

An error becomes one of five:

- `UniqueViolation`: a unique index refuses a row;
- `RunAgain`: the engine undid the transaction for a reason that passes, so that all of it can be run again;
- `Busy`: nothing was done, and a later try may succeed;
- `OutcomeUnknown`: the connection was lost during COMMIT, so the change may be there or not;
- `Damaged`: what is stored cannot be read.

Any other error is a fault of the program and stays what it is. No message quotes the engine's own words, which may hold
values of somebody's row. It has the error's name and code, and for damage the block and the relation that PostgreSQL
names.
"""

import re
import sqlite3
from typing import Final

from vestibule.store.database import Busy, Damaged, OutcomeUnknown, RunAgain, UniqueViolation

# -- SQLite ------------------------------------------------------------------------------------------------------------

_NOT_UNIQUE: Final = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_UNREADABLE: Final = {
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}
"""Failures to read what should be there. Every other failure of I/O is one to write, to lock or to map memory."""
_SQLITE: Final[dict[int, type[Exception]]] = {
    sqlite3.SQLITE_BUSY: Busy,
    sqlite3.SQLITE_LOCKED: Busy,
    sqlite3.SQLITE_PROTOCOL: Busy,
    sqlite3.SQLITE_NOMEM: Busy,
    sqlite3.SQLITE_READONLY: Busy,
    sqlite3.SQLITE_INTERRUPT: Busy,
    sqlite3.SQLITE_IOERR: Busy,
    sqlite3.SQLITE_FULL: Busy,
    sqlite3.SQLITE_CANTOPEN: Busy,
    sqlite3.SQLITE_CORRUPT: Damaged,
    sqlite3.SQLITE_NOTADB: Damaged,
}
"""By primary result code (https://www.sqlite.org/rescode.html)."""


def from_sqlite(error: sqlite3.Error) -> Exception:
    """Returns our error for one of SQLite's, or the same error if there is none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        if type(error) is sqlite3.OperationalError:
            # Raised by Python and not by SQLite: a text that is not UTF-8. Its message quotes the text.
            return Damaged("a text in it is not UTF-8")
        return error
    if code in _NOT_UNIQUE:
        return UniqueViolation(str(error))
    kind = Damaged if code in _UNREADABLE else _SQLITE.get(code & 0xFF)
    return error if kind is None else kind(f"SQLite says {error.sqlite_errorname}")


# -- PostgreSQL --------------------------------------------------------------------------------------------------------

_POSTGRES: Final[dict[str, type[Exception]]] = {
    "08": RunAgain,  # connection exceptions
    "23505": UniqueViolation,
    "25006": RunAgain,  # read-only: the server was demoted in a failover, and another connection may reach its heir
    "40": RunAgain,  # serialization failure, deadlock
    "40003": OutcomeUnknown,  # statement completion unknown
    "53": Busy,  # disk full, out of memory, too many connections
    "55006": Busy,  # object in use
    "55P03": Busy,  # lock not available
    "57": Busy,  # operator intervention, a cancelled query among them
    "57P": RunAgain,  # the server is shutting down, crashed, or does not take connections yet
    "57P04": Busy,  # the database was dropped
    "58": Busy,  # system errors outside the server, I/O errors among them
    "58P": Damaged,  # a file of the database is missing, or there twice
    "XX001": Damaged,  # data corrupted
    "XX002": Damaged,  # index corrupted
}
"""By SQLSTATE, or by what it begins with: the longest entry counts (PostgreSQL's manual, appendix A)."""


_BLOCK: Final = re.compile(r"\bblocks? (\d+(?:\.\.\d+)?)")
_RELATION: Final = re.compile(
    r'\b(?:relation|file|index) "?((?:base|global|pg_tblspc)/[\w./]+|[a-z_][a-z0-9_.]*)\b|\b(pg_toast_\d+)'
)
"""How the engine names what is damaged: a file below the data directory, a table, an index, a table of long values."""


def from_postgres(error: Exception, *, committing: bool = False) -> Exception:
    """Returns our error for one of PostgreSQL's or of its driver's, or the same error if there is none.

    `committing` says that COMMIT had been sent. Whatever loses the connection then leaves the outcome unknown.
    """
    state: str | None = getattr(error, "sqlstate", None)
    kind: type[Exception] | None
    if state is None:
        # The driver's own: a connection that is closed or was lost. A ValueError is one of ours in the arguments.
        kind = None if isinstance(error, ValueError) else RunAgain
    else:
        kind = next((_POSTGRES[state[:size]] for size in (5, 3, 2) if state[:size] in _POSTGRES), None)
    if kind is None:
        return error
    if kind is UniqueViolation:
        return UniqueViolation(getattr(error, "constraint_name", None) or "")
    if committing and kind is RunAgain and (state is None or state[:2] in {"08", "57"}):
        kind = OutcomeUnknown
    said = f"PostgreSQL: {type(error).__name__}" + (f" ({state})" if state else "")
    return kind(said + _damaged_place(str(error)) if kind is Damaged else said)


def _damaged_place(message: str) -> str:
    """Returns which block of which file, table or index a message about damage names, and nothing else of it."""
    block, relation = _BLOCK.search(message), _RELATION.search(message)
    place = " of ".join(([f"block {block[1]}"] if block else []) + ([relation[1] or relation[2]] if relation else []))
    return f", {place}" if place else ""


def is_demoted(error: BaseException | None) -> bool:
    """Returns whether a server only takes reads now: then its other connections are of no use for writes either."""
    return getattr(error, "sqlstate", None) == "25006"
