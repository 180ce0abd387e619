"""How an act says no: one exception, which the API and the pages each turn into an answer in one place.

The rule: the sentence is written for the person who asked, where the facts are known, and holds no secret.
"""

from enum import Enum


class Kind(Enum):
    """Why an act was refused, which decides the HTTP status."""

    NOT_FOUND = 404
    INVALID = 400
    WRONG_STATE = 403
    STOPPING = 503


class Refusal(Exception):
    """An act that cannot be done as asked.

    `message` is a whole sentence; `field` names the form field or JSON property it is about, if there is one.
    """

    def __init__(self, kind: Kind, message: str, field: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field


def not_found(what: str, key: str) -> Refusal:
    """Return the refusal for a missing object, worded as in Okta's API."""
    return Refusal(Kind.NOT_FOUND, f"Not found: Resource not found: {key} ({what})")


def invalid(field: str, message: str) -> Refusal:
    """Return the refusal for an input that cannot be taken; the message says what was wanted and what came."""
    return Refusal(Kind.INVALID, message, field)
