"""Static files, and the health checks of orchestrators."""

from starlette.responses import JSONResponse, PlainTextResponse, Response

from vestibule.endpoints.health import ready
from vestibule.endpoints.web import assets
from vestibule.endpoints.web.visit import Visit


async def show_alive(visit: Visit) -> Response:
    """Answer the liveness check, without using the database."""
    del visit
    return PlainTextResponse("ok\n")


async def show_ready(visit: Visit) -> Response:
    """Answer the readiness check: whether the database answers and has this program's version."""
    reason = await ready(visit.context)
    return JSONResponse({"ready": not reason, "reason": reason}, 503 if reason else 200)


async def show_asset(visit: Visit) -> Response:
    """Send a static file, which may be cached for ever because its URL has a hash of the content."""
    found = assets.find(visit.path("digest"), visit.path("name"))
    if found is None:
        raise visit.not_found()
    content, kind = found
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=kind, headers=headers)
