"""One SCIM request and its response as Okta makes them, and what of them may be logged.

The rule: values and text, no network. Secrets leave this module only inside the request itself; everything kept for the
log has Authorization and passwords taken out. Sources: Okta wire facts 1.2 (headers, encoding), 1.12 (errors).
"""

import base64
import contextlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import orjson

from pocket_okta.catalogue import Scheme
from pocket_okta.org import Connection
from pocket_okta.scim_document import Document

SCIM_JSON = "application/scim+json"
JSON = "application/json"
REDACTED = "••••••"
KEPT_BODY = 256 * 1024  # characters of a body that the log keeps
DEEPEST = 64  # levels of JSON
PAGE = 100  # people per page of an import (wire facts 1.9)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to be sent. `event` and `message` name it as Okta's System Log does; `media` is its media type."""

    method: str
    path: str
    event: str
    message: str
    body: Document | None = None
    media: str = SCIM_JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class CallFailed(Exception):
    """A call failed.

    `reason` completes the sentence "Error while …: "; `status` is that of the answer, 0 if none came.
    """

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def request_headers(connection: Connection, *, with_body: bool, media: str = SCIM_JSON) -> list[tuple[str, str]]:
    """Return the headers of a request, in Okta's spelling."""
    headers = [
        ("User-Agent", "Okta SCIM Client 1.0.0" if media == SCIM_JSON else "Okta"),
        ("Accept", media),
        ("Accept-Charset", "utf-8"),
        ("Accept-Encoding", "gzip,deflate"),
        *([("Authorization", authorization(connection))] if connection.secret else []),
    ]
    if with_body:
        headers.append(("Content-Type", f"{media}; charset=utf-8"))
    return headers


def authorization(connection: Connection) -> str:
    """Return the Authorization header: Basic, a bare token as it was typed, or Bearer (wire facts 1.13)."""
    if connection.scheme is Scheme.BASIC:
        pair = f"{connection.username}:{connection.secret}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return connection.secret if connection.scheme is Scheme.HEADER else f"Bearer {connection.secret}"


def probe_path() -> str:
    """What "Test API Credentials" asks for."""
    return "/Users?startIndex=1&count=2"


def lookup_path(field: str, value: str, collection: str = "/Users") -> str:
    """Return the look-up that goes before every create; a plus in an address stays a plus (%2B)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    expression = f'{field} eq "{escaped}"'
    return f"{collection}?filter={quote(expression, safe='')}&startIndex=1&count=100"


def user_path(remote_id: str) -> str:
    return f"/Users/{quote(remote_id, safe='')}"


def group_path(remote_id: str) -> str:
    return f"/Groups/{quote(remote_id, safe='')}"


def patch_of(value: Document) -> Document:
    """Return a PATCH body with one replace and no path: the only shape Okta documents for users (wire facts 1.6)."""
    return patch_with([{"op": "replace", "value": value}])


def patch_with(operations: list[Document]) -> Document:
    """Return a PATCH body of these operations."""
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}


def document_in(answer: Answer) -> Document:
    """Return the JSON object in a response; raises CallFailed with the message of Okta's JSON parser."""
    try:
        document = orjson.loads(answer.text)
    except orjson.JSONDecodeError:
        raise CallFailed(_not_json(answer), answer.status) from None
    if not isinstance(document, dict):
        raise CallFailed(_not_json(answer), answer.status)
    if nested_too_deep(document):
        raise CallFailed(f"Invalid JSON: nested deeper than {DEEPEST} levels", answer.status)
    return document


def nested_too_deep(value: object) -> bool:
    """Tell whether JSON is nested deeper than DEEPEST; found without recursion, which such JSON is made to break."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
        if not level:
            return False
    return True


def _not_json(answer: Answer) -> str:
    token = re.match(r"\s*(\S{0,40})", answer.text)
    reason = f"{_phrase(answer.status)}. Errors reported by remote server: " if not answer.ok else ""
    return f"{reason}Invalid JSON: Unrecognized token '{token.group(1) if token else ''}'"


def refusal_in(answer: Answer) -> CallFailed:
    """Return why an answer that is no success failed: the status in words, and the `detail` of its SCIM Error."""
    if not answer.text.strip():
        return CallFailed(f"{_phrase(answer.status)}.", answer.status)
    try:
        document = document_in(answer)
    except CallFailed as failed:
        return failed
    detail = document.get("detail")
    if not isinstance(detail, str) or not detail.strip():
        return CallFailed(f"{_phrase(answer.status)}.", answer.status)
    return CallFailed(
        f"{_phrase(answer.status)}. Errors reported by remote server: {detail.strip()[:1000]}", answer.status
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP {status}"


def retry_after(answer: Answer) -> float | None:
    """Return the seconds of an integer Retry-After; None for a date, a decimal or no header (wire facts 1.12)."""
    value = answer.header("retry-after").strip()
    return float(value) if re.fullmatch(r"[0-9]{1,6}", value) else None


class Redactor:
    """Removes the secrets of one connection from what is logged."""

    def __init__(self, connection: Connection) -> None:
        header = authorization(connection)
        secrets = {connection.secret, header, header.partition(" ")[2]}
        # Long ones first: a secret may be part of another. Very short ones would eat ordinary text.
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 6), key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    def headers(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(name, self._header(name.lower(), value)) for name, value in headers]

    def _header(self, name: str, value: str) -> str:
        if name == "authorization":
            scheme, _, rest = value.partition(" ")
            return f"{scheme} {REDACTED}" if rest else REDACTED
        return REDACTED if name == "set-cookie" else self.text(value)

    def body(self, text: str) -> str:
        """Return a body with every JSON member named password blanked, and shortened to what the log keeps."""
        with contextlib.suppress(orjson.JSONDecodeError):  # no JSON has no member to blank
            document = orjson.loads(text)
            if nested_too_deep(document):
                return f"(JSON nested deeper than {DEEPEST} levels)"
            text = orjson.dumps(_without_passwords(document)).decode()
        return self.text(text[:KEPT_BODY])


def _without_passwords(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: REDACTED if key.lower() == "password" else _without_passwords(inner) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_passwords(inner) for inner in value]
    return value
