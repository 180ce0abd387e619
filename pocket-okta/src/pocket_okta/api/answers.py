"""How the API reads a request and shapes an answer or a refusal, as Okta's API does.

The rule: every refusal has the members errorCode, errorSummary, errorLink, errorId and errorCauses; the cause says what
was wanted and what came.
"""

import hmac
import secrets
from collections.abc import Mapping

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pocket_okta import refusal
from pocket_okta.refusal import Kind, Refusal

MAX_LIMIT = 200
MAX_BODY = 1024 * 1024  # bytes

_CODES = {
    Kind.NOT_FOUND: "E0000007",
    Kind.INVALID: "E0000001",
    Kind.WRONG_STATE: "E0000038",
    Kind.STOPPING: "E0000010",
}
_HTTP_CODES = {404: "E0000022", 405: "E0000022", 413: "E0000003"}


class JsonAnswer(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return orjson.dumps(content)


def error(status: int, code: str, summary: str, causes: tuple[str, ...] = ()) -> JsonAnswer:
    """Return an error in Okta's shape."""
    document = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": "oae" + secrets.token_urlsafe(16),
        "errorCauses": [{"errorSummary": cause} for cause in causes],
    }
    return JsonAnswer(document, status)


async def refused(_request: Request, refused: Exception) -> Response:
    """Turn a refused act into an answer."""
    if not isinstance(refused, Refusal):
        raise refused
    code = _CODES[refused.kind]
    if refused.kind is Kind.INVALID:
        summary = f"Api validation failed: {refused.field}"
        return error(refused.kind.value, code, summary, (refused.message,))
    return error(refused.kind.value, code, refused.message)


async def not_served(request: Request, problem: Exception) -> Response:
    """Turn a 404 for the address, a 405 or a 413 into an answer."""
    if not isinstance(problem, HTTPException):
        raise problem
    summary = {
        404: f"There is no endpoint at {request.url.path}",
        405: "The endpoint does not support the provided HTTP method",
        413: "The request body is too large",
    }.get(problem.status_code, problem.detail)
    return error(problem.status_code, _HTTP_CODES.get(problem.status_code, "E0000009"), summary)


async def broken(_request: Request, _problem: Exception) -> Response:
    """Answer an internal error; the stack trace goes to the program's log, never to the client."""
    return error(500, "E0000009", "Internal Server Error")


class TokenGate:
    """ASGI middleware that accepts only requests with the API token as `Authorization: SSWS <token>`."""

    def __init__(self, app: ASGIApp, token: str, free: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._expected = f"SSWS {token}".encode()
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"") if scope["type"] == "http" else b""
        allowed = scope["type"] != "http" or scope["path"] in self._free
        if allowed or hmac.compare_digest(given, self._expected):
            await self._app(scope, receive, send)
        else:
            await error(401, "E0000011", "Invalid token provided")(scope, receive, send)


async def body_of(request: Request) -> dict[str, object]:
    """Return the JSON object a request carries, empty for no body; refuses anything else."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise HTTPException(413)
    if not raw.strip():
        return {}
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise refusal.invalid("body", f"The request body was not well-formed JSON: {problem}.") from None
    if not isinstance(document, dict):
        raise refusal.invalid("body", f"The request body: wanted a JSON object, got {type(document).__name__}.")
    return document


def child(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return an object inside a body, empty if it is absent; refuses other types."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refusal.invalid(name, f"{name}: wanted an object, got {type(value).__name__}.")
    return value


def text(document: Mapping[str, object], name: str, default: str = "") -> str:
    """Return a text member of a body; refuses other types."""
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise refusal.invalid(name, f"{name}: wanted text, got {type(value).__name__}.")
    return value


def switch(document: Mapping[str, object], name: str, *, default: bool) -> bool:
    """Return a boolean member of a body."""
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise refusal.invalid(name, f"{name}: wanted true or false, got {value!r}.")
    return value


def whole(document: Mapping[str, object], name: str, default: int) -> int:
    """Return a whole-number member of a body."""
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise refusal.invalid(name, f"{name}: wanted a whole number, got {value!r}.")
    return value


def flag(request: Request, name: str, *, default: bool) -> bool:
    """Return a true/false parameter of the address."""
    value = request.query_params.get(name)
    if value is None:
        return default
    if value not in {"true", "false"}:
        raise refusal.invalid(name, f"{name}: wanted true or false, got {value!r}.")
    return value == "true"


def number(request: Request, name: str, default: int, most: int) -> int:
    """Return a whole-number parameter of the address, at least 0 and at most `most`."""
    value = request.query_params.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 12:
        raise refusal.invalid(name, f"{name}: wanted a whole number, got {value!r}.")
    return min(int(value), most)


def limit_of(request: Request, default: int = MAX_LIMIT) -> int:
    """Return how many items a page of a listing may hold."""
    return max(1, number(request, "limit", default, MAX_LIMIT))


def page(request: Request, items: list[object], cursor: str) -> JsonAnswer:
    """Return one page of a listing with Okta's Link headers; `cursor` is the last item's id if more follow."""
    answer = JsonAnswer(items)
    answer.headers.append("link", f'<{request.url}>; rel="self"')
    if cursor:
        answer.headers.append("link", f'<{request.url.include_query_params(after=cursor)}>; rel="next"')
    return answer
