"""Every limit that keeps one client, or one tenant, from stopping the others.

One page, so that limits can be read together: a limit on the headers is worth nothing if the body has none. Each is a
plain number; its name ends with its unit, and the line below it gives the reason. `docs/limits.md` has a row for each,
and `tests/docs/test_limits.py` keeps the two the same. What an operator may change is in `settings` instead.
"""

from typing import Final

# -- connections -------------------------------------------------------------------------------------------------------

HEADER_BYTES: Final = 32 * 1024
"""Request line and headers of one request, as they arrive. Also trailers and all chunk sizes of one request. Okta and
Entra ID need less than 2 KiB; a browser with many cookies 8 KiB.
"""
HEADER_LINES: Final = 100
"""Header lines of one request."""
HEADER_SECONDS: Final = 10
"""From the start of a connection, or from the first byte of a further request, until all headers are there. A TLS
handshake has to be done within the same time.
"""
IDLE_SECONDS: Final = 75
"""How long a connection stays open between two requests: longer than the 60 seconds of Okta's and most proxies' pools,
so that the client closes first and no request meets a closing connection.
"""
BODY_SECONDS: Final = 30
"""From the headers until all of a SCIM body is there: half of the time that Okta waits for the answer."""
STALLED_READER_SECONDS: Final = 30
"""How long a client may take nothing of an answer that waits for it. Then the connection is cut, and what was buffered
for it is free.
"""

# -- descriptors -------------------------------------------------------------------------------------------------------

RESERVED_DESCRIPTORS: Final = 128
"""Open files that connections may not take: the database, its log, threads that scan, files that are served. Half of
all where the process has fewer than twice as many.
"""
