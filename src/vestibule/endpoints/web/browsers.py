"""What to call a browser, from the name that it gives itself (RFC 9110 §10.1.5). Good for recognising one's own among a
few; nothing is decided by it, since everybody may call themselves anything.
"""

from typing import Final

# In this order: each also claims to be those that stand below it.
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
    """`Firefox on Windows`; of what is no browser known here, the first words; `unknown browser` of nothing."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return f"{agent[:_LONGEST]}…" if len(agent) > _LONGEST else agent or "unknown browser"
