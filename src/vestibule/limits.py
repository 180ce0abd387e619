"""Limits: every number that bounds what somebody can make the server do or keep. docs/limits.md lists them."""

from typing import Final

# -- sign-in of administrators
HASHES_AT_ONCE: Final = 2
"""Passwords that are hashed or checked at the same time in each process."""
HASHES_WAITING: Final = 16
"""How many may wait for that: strangers, and beside them as many who are known. More are refused with 503."""
HASHES_WAITING_FOR_EACH: Final = 4
"""How many of those may come from one address, or from one known browser. More are refused with 429."""
FREE_TRIES: Final = 5
"""Wrong passwords for an e-mail, or wrong codes for an administrator, before the next try has to wait: a second, then
twice as long each time.
"""
FREE_TRIES_OF_ADDRESS: Final = 50
"""The same for everything that comes from one address."""
LONGEST_WAIT: Final = 900_000
"""Milliseconds that a try has to wait at most."""
KNOWN_BROWSERS: Final = 20
"""Known browsers of an administrator; of more, the oldest are forgotten."""
KNOWN_BROWSER_LIFE: Final = 180 * 86_400_000
"""Milliseconds for which a browser stays known after a sign-in."""
ADMINISTRATORS_OF_BROWSER: Final = 4
"""Administrators for whom one browser can be known."""
