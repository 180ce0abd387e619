"""Every way a SCIM request can be refused, one class per kind (RFC 7644 §3.12, table 9).

A `ScimError` is raised with one sentence that says what was expected and what came. It goes back to the sender, into
the activity log and from there into tickets. So it may quote a name that was sent (of an attribute, an operation or a
parameter), shortened, because the sender needs it to find the mistake; it never quotes a value of a person or what a
filter compares with.
"""

import re
from typing import ClassVar

SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """A refusal in SCIM's own form. `status` is the HTTP status, `scim_type` the RFC's keyword or None, `detail` a
    sentence.
    """

    status: ClassVar[int] = 500
    scim_type: ClassVar[str | None] = None

    def __init__(self, detail: str, *, retry_after: int | None = None, allow: str = "", path: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.path = path
        """The attribute that the refusal is about, such as `name.givenName`; empty if it is about none."""
        self.allow = allow
        """The methods that would be answered, for a 405."""
        self.retry_after = retry_after
        """Whole seconds to wait before the next try; only an integer is understood by Okta (wire facts 1.12)."""

    def body(self) -> dict[str, object]:
        """Returns the SCIM Error message. `status` is a string, as RFC 7644 §3.12 and Okta's SPEC test want it."""
        kind = {"scimType": self.scim_type} if self.scim_type else {}
        return {"schemas": [SCHEMA], "status": str(self.status), **kind, "detail": self.detail}


class InvalidCursor(ScimError):
    """The cursor is none that this service provider gave for this query (RFC 9865)."""

    status, scim_type = 400, "invalidCursor"


class ExpiredCursor(ScimError):
    """The cursor was given too long ago."""

    status, scim_type = 400, "expiredCursor"


class InvalidCount(ScimError):
    """The `count` beside a cursor is no whole number from 1 on."""

    status, scim_type = 400, "invalidCount"


class InvalidFilter(ScimError):
    """The filter does not follow the grammar, names an unknown attribute, or is larger than the limits."""

    status, scim_type = 400, "invalidFilter"


class InvalidPath(ScimError):
    """A PATCH path does not follow the grammar."""

    status, scim_type = 400, "invalidPath"


class InvalidSyntax(ScimError):
    """The body is not JSON, or not the message that this request needs."""

    status, scim_type = 400, "invalidSyntax"


class InvalidValue(ScimError):
    """A value has the wrong type, is missing where one is required, or is too long."""

    status, scim_type = 400, "invalidValue"


class NoTarget(ScimError):
    """A PATCH operation selects nothing and says too little for the missing value to be made."""

    status, scim_type = 400, "noTarget"


class Mutability(ScimError):
    """A required attribute would be removed."""

    status, scim_type = 400, "mutability"


class TooMany(ScimError):
    """More operations or values than one request may have."""

    status, scim_type = 400, "tooMany"


class Unauthorized(ScimError):
    """No valid credential. The sentence is the same for every cause, so that it reveals nothing."""

    status = 401


class Forbidden(ScimError):
    """The credential is valid, but the request is not allowed."""

    status = 403


class NotFound(ScimError):
    """No such resource, endpoint or tenant: the response is the same for all of them."""

    status = 404


class NoEndpoint(NotFound):
    """There is no endpoint at this URL for any method: the client's base URL is probably wrong."""


class MethodNotAllowed(ScimError):
    """The endpoint exists but does not support this method."""

    status = 405


class RequestTimeout(ScimError):
    """The body did not arrive in time."""

    status = 408


class Uniqueness(ScimError):
    """Another resource that this identity provider can see has this value already."""

    status, scim_type = 409, "uniqueness"


class PreconditionFailed(ScimError):
    """`If-Match` names a version that is no longer the current one (RFC 7644 §3.14)."""

    status = 412


class PayloadTooLarge(ScimError):
    """The body is larger than the limit."""

    status = 413


class UnsupportedMediaType(ScimError):
    """The body is neither `application/scim+json` nor `application/json` in UTF-8."""

    status = 415


class TooManyRequests(ScimError):
    """The client should try again later: Okta retries by itself after 429 with an integer Retry-After, and after
    nothing else (wire facts 1.12).
    """

    status = 429


class Internal(ScimError):
    """An internal error. The request id in the sentence identifies it in the log."""

    status = 500


class NotImplementedHere(ScimError):
    """A part of SCIM that this service provider does not offer, as ServiceProviderConfig says."""

    status = 501


def all_errors() -> list[type[ScimError]]:
    """Returns every kind of refusal, by status: for the test that compares the documentation with this module."""
    return sorted(ScimError.__subclasses__(), key=lambda kind: (kind.status, kind.scim_type or ""))


def excerpt(text: str, limit: int = 60) -> str:
    """Returns input shortened for a sentence, with control characters escaped so that a log line stays one line."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def named(path: str) -> str:
    """Returns the name at the beginning of a path or misspelt path, for a sentence. The rest, such as a filter with the
    value that it compares with, is left out.
    """
    name = _NAME.match(path)
    shown = name[0] if name else ""
    return excerpt(shown) + ("…" if len(shown) < len(path) else "")


_NAME = re.compile(r"[^\s\"\[(]*")
