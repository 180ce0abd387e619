"""The known-browser cookie, with a token for each administrator who has signed in with this browser."""

from typing import Final

from starlette.responses import Response

from vestibule.endpoints.web.visit import Visit
from vestibule.limits import ADMINISTRATORS_OF_BROWSER, KNOWN_BROWSER_DAYS

_SEPARATOR: Final = "~"
_LONGEST_TOKEN: Final = 100


def known_tokens(visit: Visit) -> list[str]:
    """Returns the tokens in the cookie, the newest first. They are not verified yet."""
    sent = visit.request.cookies.get(_name(visit), "")
    tokens = [token for token in sent.split(_SEPARATOR) if _looks_like_one(token)]
    return tokens[:ADMINISTRATORS_OF_BROWSER]


def _looks_like_one(token: str) -> bool:
    return bool(token) and len(token) <= _LONGEST_TOKEN and token.isascii() and token.isprintable()


def keep_tokens(visit: Visit, response: Response, tokens: tuple[str, ...]) -> None:
    """Set the cookie to these tokens."""
    response.set_cookie(
        _name(visit),
        _SEPARATOR.join(tokens[:ADMINISTRATORS_OF_BROWSER]),
        max_age=KNOWN_BROWSER_DAYS * 86_400,
        path="/",
        secure=_https(visit),
        httponly=True,
        samesite="strict",
    )


def _name(visit: Visit) -> str:
    return "__Host-vestibule-known" if _https(visit) else "vestibule-known"


def _https(visit: Visit) -> bool:
    return visit.context.settings.url.startswith("https:")
