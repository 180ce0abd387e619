"""Names browsers by their User-Agent header (RFC 9110 §10.1.5), for people to recognise their own.

No decision depends on it, because any client may send any name.
"""

from typing import Final

# The order matters: the User-Agent of each also contains the names below it.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)
_LONGEST: Final = 40


def browser_name(agent: str) -> str:
    """Returns a name such as `Firefox on Windows`, the first words if it is not known, or `unknown browser`."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return f"{agent[:_LONGEST]}…" if len(agent) > _LONGEST else agent or "unknown browser"
